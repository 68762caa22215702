// Package format implements how bytes look: log formats and the fields of
// their lines, dates, and the files that hushpipe prints for people.
package format

import (
	"hushpipe/format/civil"
	"hushpipe/format/machine"
)

// Kind says what a span of a line holds, as far as its treatment goes.
type Kind uint8

const (
	// Plain is a verified number, time stamp or fixed word, or a value that the
	// server itself set (%A and %v of a named or given format, where a client
	// cannot bring other bytes into their place): it is copied.
	Plain Kind = iota
	// Client is the client's address or host name (%h, %a, X-Real-IP), perhaps
	// with a port, or stands where a line has it that is not quite of the format
	// (%l).
	Client
	// ClientList is a comma-separated list of them (X-Forwarded-For).
	ClientList
	// Forwarded is the value of a Forwarded header (RFC 7239).
	Forwarded
	// Text and the kinds behind it seldom hold an address; one that stands in
	// them is replaced at its position.
	Text
	// Request is a request line (%r), or only its target.
	Request
	// URL is a URL or a part of one with a query (%q, Referer), a message that
	// may quote one, or a %v that is not believed.
	URL
	// UserAgent is a User-Agent value: text in which Name/1.2.3.4 is a version.
	UserAgent
)

// Field is one span of a line, line[Start:End]. Bytes of the line that no
// field covers are literals of the format and hold nothing of the client's.
type Field struct {
	Kind       Kind
	Bare       bool   // an unquoted JSON value: a replacement brings its own quotes
	Role       Role   // what it is the value of; ParseFast leaves it as it is
	Joined     bool   // it has no bytes: they are the next field's
	Directive  uint16 // 1 for the first of LogFormat.Directives, 0 for none; set and left as Role is
	Start, End int
}

func (f *Field) set(k Kind, start, end int) {
	f.Kind, f.Bare, f.Start, f.End = k, false, start, end
}

// Line is what a Parser found in one line. It may be reused for another one, and
// is valid as long as the line itself.
type Line struct {
	Fields []Field // by position, not overlapping
	Client int     // index in Fields of the client who is counted, -1 for none
	// With Options.Proxies, where a line says for whom a proxy asked, Client is the first
	// field of that, Through the last one, and Peer is who asked the server. Else Peer
	// is -1. ParseFast leaves both as they are.
	Peer, Through int
	Day           civil.Day // the date of the line's time stamp, in its own zone
	HasDay        bool      // false: no readable time stamp
	Status        int       // final status, 0 for none
	Error         bool      // of an error log, which has no request; ParseFast leaves it as it is
	// Start is where the line begins behind what a log service wrote before it, and Inside
	// tells that it stands in a JSON value of such a service. ParseFast leaves both as they are.
	Start  int
	Inside bool
	Target []byte // request target ("/path?query"), decoded from JSON, nil for none
	// Request is the index of a request line that alone tells the target, which is
	// to be had from Target; -1 for none. Only ParseFast sets it.
	Request int

	decoded []byte // what Target is in where the line has it otherwise
}

// Parser finds the fields of a line. Parse reports false for a line that does
// not have the format from its first byte to its last; out then holds nothing
// of use. The line comes without its newline. A Parser keeps scratch memory
// and serves one goroutine.
type Parser interface {
	Parse(line []byte, out *Line) bool
}

// Told is what the lines of a format can tell.
type Told struct{ Client, Request, Query bool }

// ToldBy returns what lines tell that p parses; of formats that are told line by line,
// all of it.
func ToldBy(p Parser) Told {
	if f, ok := p.(*LogFormat); ok {
		return Told{f.client >= 0, f.target >= 0, f.target >= 0 && !f.pathOnly}
	}
	return Told{true, true, true}
}

// FastParser is a Parser with a short way for the lines that are usual.
type FastParser interface {
	Parser
	// ParseFast is Parse, but that it leaves out the fields that need no treatment:
	// the Plain ones, and virtual hosts in which there is no address. No address
	// stands over the border of two fields. It reports false for any line that it
	// is not meant for.
	ParseFast(line []byte, m *machine.Delimiters, out *Line) bool
}

// FastAllParser is a FastParser that can leave out nothing.
type FastAllParser interface {
	FastParser
	// ParseFastAll is ParseFast, but that it reports all fields, as Parse does.
	ParseFastAll(line []byte, m *machine.Delimiters, out *Line) bool
}

// maxKept bounds the scratch memory that is kept from one line to the next.
const maxKept = 64 << 10

func (l *Line) reset() {
	l.Fields = l.Fields[:0]
	l.Peer, l.Client, l.HasDay, l.Status, l.Target, l.Request, l.Error = -1, -1, false, 0, nil, -1, false
	l.Start, l.Inside = 0, false
	if cap(l.decoded) > maxKept {
		l.decoded = nil
	}
}

// Copy makes l the same as another line, with memory of its own for its fields. Its
// Target is valid as long as the other's.
func (l *Line) Copy(other *Line) {
	fields, decoded := append(l.Fields[:0], other.Fields...), l.decoded
	*l = *other
	l.Fields, l.decoded = fields, decoded
}

func (l *Line) add(k Kind, start, end int) { l.addAs(RoleOther, k, start, end) }

func (l *Line) addAs(r Role, k Kind, start, end int) {
	l.Fields = append(l.Fields, Field{Kind: k, Role: r, Start: start, End: end})
}
