package format

import (
	"bytes"
	"encoding/binary"

	"hushpipe/format/machine"
)

// Span is a part of a line, line[Start:End].
type Span struct{ Start, End int }

// Of returns the part of a line.
func (s Span) Of(line []byte) []byte { return line[s.Start:s.End] }

// Spans are where a usual line has what is counted of a request. What a format does not
// have is empty, and HasAgent tells whether it has Agent.
type Spans struct {
	Time, Request, Size, Referrer, Agent Span
	HasAgent                             bool
}

// FastRequestParser is a FastParser that can find these as well, at little cost, since the
// delimiters tell all of them.
type FastRequestParser interface {
	FastParser
	// ParseFastRequest is ParseFast for a line of which Spans finds what Parse has fields of. It
	// reports false for any line that it is not meant for.
	ParseFastRequest(line []byte, m *machine.Delimiters, out *Line) bool
	// Spans finds the spans of a line for which ParseFastRequest reports true.
	Spans(line []byte, m *machine.Delimiters) Spans
}

// spans is which of the header values of a usual format a request's figures have.
type spanLayout struct {
	known           bool // a line has no more of what is counted
	referrer, agent int  // -1: there is none
}

// findSpans tells whether a usual format has what is counted where the delimiters tell it, and
// no other field that is treated as a user agent: of two it is not known which one a text is.
func findSpans(fields []Field, request bool) (s spanLayout) {
	s = spanLayout{known: request, referrer: -1, agent: -1}
	for i, f := range fields {
		switch n := i - layoutHeaders; {
		case f.Role == RoleReferer && n >= 0:
			s.referrer = n
		case f.Role == RoleAgent && n >= 0:
			s.known = s.known && s.agent < 0
			s.agent = n
		case n >= 0:
			s.known = s.known && !counts(f.Role) && f.Kind != UserAgent
		default:
			s.known = s.known && f.Role == layoutRoles[i]
		}
	}
	return s
}

var layoutRoles = [layoutHeaders]Role{RoleClient, RoleIdentity, RoleUser, RoleTime, RoleRequest, RoleStatus, RoleSize}

// counts reports whether fields of a role are counted of a request, see package traffic.
func counts(r Role) bool {
	switch r {
	case RoleTime, RoleRequest, RoleMethod, RoleURL, RoleSize, RoleDuration, RoleReferer, RoleAgent:
		return true
	}
	return false
}

// ParseFastRequest implements FastRequestParser.
func (p *LogFormat) ParseFastRequest(line []byte, m *machine.Delimiters, out *Line) bool {
	return p.fast.spans.known && p.ParseFast(line, m, out)
}

// Spans implements FastRequestParser.
func (p *LogFormat) Spans(line []byte, m *machine.Delimiters) Spans {
	of, quotes := &p.fast.spans, &m.Quotes
	quote := int(quotes[0])
	s := Spans{
		Time: Span{quote - len(" ") - bracketedCLF, quote - len(" ")}, Request: Span{quote + 1, int(quotes[1])},
		Size: sizeSpan(line, m), HasAgent: of.agent >= 0,
	}
	if n := of.referrer; n >= 0 {
		s.Referrer = Span{int(quotes[2+2*n]) + 1, int(quotes[3+2*n])}
	}
	if n := of.agent; n >= 0 {
		s.Agent = Span{int(quotes[2+2*n]) + 1, int(quotes[3+2*n])}
	}
	return s
}

// ParseFastRequest implements FastRequestParser.
func (a *Auto) ParseFastRequest(line []byte, m *machine.Delimiters, out *Line) bool {
	return len(line) > 0 && line[0] != '{' && a.ParseFast(line, m, out)
}

// Spans implements FastRequestParser.
func (a *Auto) Spans(line []byte, m *machine.Delimiters) Spans {
	tail := isCommon
	switch m.N {
	case 6:
		tail = isCombined
	case 8:
		tail = isMain
	}
	return a.access[0][tail].Spans(line, m)
}

// sizeSpan is the Size of Spans: what follows `"GET / HTTP/1.1" 200 `.
func sizeSpan(line []byte, m *machine.Delimiters) Span {
	start, end := int(m.Quotes[1])+len(`" 200 `), len(line)
	if m.N > 2 {
		end = int(m.Quotes[2]) - 1
	}
	if start >= end || line[start-1] != ' ' { // the status has other than three digits
		start = int(m.Quotes[1]) + len(`" `)
		start += bytes.IndexByte(line[start:], ' ') + 1
	}
	return Span{start, end}
}

// ClockAndSize returns the second of the day of a line for which ParseFastRequest reports
// true, see SecondOfDay, and its Size of Spans.
func ClockAndSize(line []byte, m *machine.Delimiters) (second int32, size Span) {
	return secondOfCLF((*[bracketedCLF]byte)(line[int(m.Quotes[0])-len(" ")-bracketedCLF:])), sizeSpan(line, m)
}

// secondOfCLF is SecondOfDay for [22/Nov/2026:06:46:00 +0000].
func secondOfCLF(b *[bracketedCLF]byte) int32 {
	const clock = len("[22/Nov/2026:")
	digits := binary.LittleEndian.Uint64(b[clock:]) & 0x0f0f_000f_0f00_0f0f // 06:46:00
	pairs := 10*digits + digits>>8                                          // whose second digits are of no use
	return int32(pairs&0xff)*3600 + int32(pairs>>24&0xff)*60 + int32(min(pairs>>48&0xff, 59))
}
