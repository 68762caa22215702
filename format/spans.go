package format

import (
	"bytes"

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

// RequestGlancer is a Glancer that can find these as well, at little cost, since the marks
// tell all of them.
type RequestGlancer interface {
	Glancer
	// GlanceRequest is Glance, and finds the spans of what Parse has fields of. It reports
	// false for any line that it is not meant for.
	GlanceRequest(line []byte, m *machine.Marks, out *Line, s *Spans) bool
}

// spans is which of the header values of a usual format a request's figures have.
type spans struct {
	known           bool // a line has no more of what is counted
	referrer, agent int  // -1: there is none
}

// findSpans tells whether a usual format has what is counted where the marks tell it, and
// no other field that is treated as a user agent: of two it is not known which one a text is.
func findSpans(fields []Field, request bool) (s spans) {
	s = spans{known: request, referrer: -1, agent: -1}
	for i, f := range fields {
		switch n := i - usualHeader; {
		case f.Role == RoleReferer && n >= 0:
			s.referrer = n
		case f.Role == RoleAgent && n >= 0:
			s.known = s.known && s.agent < 0
			s.agent = n
		case n >= 0:
			s.known = s.known && !counts(f.Role) && f.Kind != UserAgent
		default:
			s.known = s.known && f.Role == usualRoles[i]
		}
	}
	return s
}

var usualRoles = [usualHeader]Role{RoleClient, RoleIdentity, RoleUser, RoleTime, RoleRequest, RoleStatus, RoleSize}

// counts reports whether fields of a role are counted of a request, see package traffic.
func counts(r Role) bool {
	switch r {
	case RoleTime, RoleRequest, RoleMethod, RoleURL, RoleSize, RoleDuration, RoleReferer, RoleAgent:
		return true
	}
	return false
}

// GlanceRequest implements RequestGlancer.
func (p *LogFormat) GlanceRequest(line []byte, m *machine.Marks, out *Line, s *Spans) bool {
	return p.usual.spans.known && p.Glance(line, m, out) && p.usual.spans.find(line, m, s)
}

// find finds the spans of a line for which Glance reports true.
func (of *spans) find(line []byte, m *machine.Marks, s *Spans) bool {
	quotes := &m.Quotes
	quote, requestEnd, end := int(quotes[0]), int(quotes[1]), len(line)
	if m.N > 2 {
		end = int(quotes[2]) - 1
	}
	number := requestEnd + len(`" `)
	size := number + bytes.IndexByte(line[number:], ' ')
	s.Time = Span{quote - len(" ") - bracketedCLF, quote - len(" ")}
	s.Request = Span{quote + 1, requestEnd}
	s.Size = Span{size + 1, end}
	s.Referrer, s.Agent, s.HasAgent = Span{}, Span{}, of.agent >= 0
	if n := of.referrer; n >= 0 {
		s.Referrer = Span{int(quotes[2+2*n]) + 1, int(quotes[3+2*n])}
	}
	if n := of.agent; n >= 0 {
		s.Agent = Span{int(quotes[2+2*n]) + 1, int(quotes[3+2*n])}
	}
	return true
}

// GlanceRequest implements RequestGlancer.
func (a *Auto) GlanceRequest(line []byte, m *machine.Marks, out *Line, s *Spans) bool {
	if len(line) == 0 || line[0] == '{' || !a.Glance(line, m, out) {
		return false
	}
	tail := isCommon
	switch m.N {
	case 6:
		tail = isCombined
	case 8:
		tail = isMain
	}
	return a.access[0][tail].usual.spans.find(line, m, s)
}

// SecondOfCLF is SecondOfDay for what Spans have as Time, [22/Nov/2026:06:46:00 +0000].
func SecondOfCLF(text []byte) int32 {
	b := (*[bracketedCLF]byte)(text)
	digits := func(at int) int32 { return int32(b[at]-'0')*10 + int32(b[at+1]-'0') }
	const clock = len("[22/Nov/2026:")
	return digits(clock)*3600 + digits(clock+3)*60 + min(digits(clock+6), 59)
}
