// Package format implements how bytes look: log formats and the fields of
// their lines, dates, and the files that hushpipe prints for people.
package format

import (
	"hushpipe/format/civil"
	"hushpipe/format/machine"
)

// Kind determines how a span of a line is treated.
type Kind uint8

const (
	// Plain is a checked number, time stamp or fixed word, or a value that the server itself set
	// (%A and %v of a named or given format, if no client can put other bytes in their place).
	// It is copied.
	Plain Kind = iota
	// Client is the client's address or host name (%h, %a, X-Real-IP), perhaps with a port. A
	// word that appears where a client could, in a line that does not quite match the format
	// (%l), is one too.
	Client
	// ClientList is a comma-separated list of clients (X-Forwarded-For).
	ClientList
	// Forwarded is the value of a Forwarded header (RFC 7239).
	Forwarded
	// Text and the kinds below it seldom hold an address; one that they do hold is replaced in
	// place.
	Text
	// Request is a request line (%r), or only its target.
	Request
	// URL is a URL or a part of one with a query (%q, Referer), a message that may quote one, or
	// a %v that is not trusted.
	URL
	// UserAgent is a User-Agent value: text in which Name/1.2.3.4 is a version.
	UserAgent
)

// Field is one span of a line, line[Start:End], in bytes. Bytes that no field covers are
// literals of the format; no client can choose them.
type Field struct {
	Kind       Kind
	Bare       bool   // an unquoted JSON value: its replacement must add quotes
	Role       Role   // what its bytes mean; ParseFast does not set it
	Joined     bool   // empty: its bytes belong to the next field, since nothing separates the two
	Directive  uint16 // 1-based index into LogFormat.Directives, 0 for none; ParseFast does not set it
	Start, End int
}

func (f *Field) set(k Kind, start, end int) {
	f.Kind, f.Bare, f.Start, f.End = k, false, start, end
}

// Line is what a Parser found in one line. It points into that line and is valid as long as the
// line is. Parse overwrites it, so one Line serves many lines.
type Line struct {
	Fields []Field // in order, without overlap
	Client int     // index in Fields of the client that is counted, -1 for none
	// With Options.Proxies, if the line names both its peer and whom a proxy asked for, Client
	// and Through are the first and the last field of the proxy's list, and Peer is the field of
	// the peer. Otherwise Peer is -1. ParseFast sets neither Peer nor Through.
	Peer, Through int
	Day           civil.Day // the date of the line's time stamp, in its own zone
	HasDay        bool      // false if the line has no readable time stamp
	Status        int       // final status, 0 for none
	Error         bool      // of an error log, which has no request; ParseFast does not set it
	// Start is the offset of the line behind a log service's prefix. Inside reports that the
	// line was a value in a log service's JSON. ParseFast sets neither.
	Start  int
	Inside bool
	Target []byte // request target ("/path?query"), decoded from JSON, nil for none
	// Request is the index in Fields of a request line whose target has not been extracted,
	// because ParseFast leaves that to function Target; -1 for none, and always after Parse.
	Request int

	decoded []byte // backs Target if the line has it escaped or in parts
}

// Parser finds the fields of a line, which comes without its newline. Parse reports false for a
// line that does not have the format from its first byte to its last; out is then undefined. A
// Parser keeps scratch memory and serves one goroutine.
type Parser interface {
	Parse(line []byte, out *Line) bool
}

// Contents is what the lines of a format contain. The command warns about figures that need more.
type Contents struct{ Client, Request, Query bool }

// ContentsOf returns what lines contain that p parses. Auto and JSON detect it line by line, so they
// report all of it.
func ContentsOf(p Parser) Contents {
	if f, ok := p.(*LogFormat); ok {
		return Contents{f.client >= 0, f.target >= 0, f.target >= 0 && !f.pathOnly}
	}
	return Contents{true, true, true}
}

// FastParser is a Parser with a fast path for common lines.
type FastParser interface {
	Parser
	// ParseFast is Parse without the fields that need no treatment: Plain fields and virtual
	// hosts that hold no address. No address straddles two fields. It reports false for any line
	// outside the fast path, which Parse must then read; m holds the line's delimiters.
	ParseFast(line []byte, m *machine.Delimiters, out *Line) bool
}

// FastAllParser is a FastParser whose fast path can report every field. Policies use it: their
// streams choose fields.
type FastAllParser interface {
	FastParser
	// ParseFastAll is ParseFast, but reports all fields as Parse does.
	ParseFastAll(line []byte, m *machine.Delimiters, out *Line) bool
}

// maxKept bounds the scratch memory kept from one line to the next, in bytes.
const maxKept = 64 << 10

func (l *Line) reset() {
	l.Fields = l.Fields[:0]
	l.Peer, l.Client, l.HasDay, l.Status, l.Target, l.Request, l.Error = -1, -1, false, 0, nil, -1, false
	l.Start, l.Inside = 0, false
	if cap(l.decoded) > maxKept {
		l.decoded = nil
	}
}

// Copy copies other into l, which keeps its own memory for fields. l.Target is valid only as
// long as other.Target.
func (l *Line) Copy(other *Line) {
	fields, decoded := append(l.Fields[:0], other.Fields...), l.decoded
	*l = *other
	l.Fields, l.decoded = fields, decoded
}

func (l *Line) add(k Kind, start, end int) { l.addAs(RoleOther, k, start, end) }

func (l *Line) addAs(r Role, k Kind, start, end int) {
	l.Fields = append(l.Fields, Field{Kind: k, Role: r, Start: start, End: end})
}
