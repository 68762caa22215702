package format

import (
	"bytes"
	"encoding/binary"

	"hushpipe/format/machine"
)

// Span is a part of a line, line[Start:End], in bytes.
type Span struct{ Start, End int }

// Of returns that part of line.
func (s Span) Of(line []byte) []byte { return line[s.Start:s.End] }

// Spans are the parts of a line that traffic figures count. A part that the format lacks is
// empty; HasAgent reports whether the format has Agent.
type Spans struct {
	Time, Request, Size, Referrer, Agent Span
	HasAgent                             bool
}

// FastRequestParser is a FastParser that can also find Spans, cheaply, since the delimiters
// bound all of them. Package traffic uses it.
type FastRequestParser interface {
	FastParser
	// ParseFastRequest is ParseFast for lines in which Spans finds everything that Parse has
	// fields for. It reports false for any other line.
	ParseFastRequest(line []byte, m *machine.Delimiters, out *Line) bool
	// Spans returns the spans of a line for which ParseFastRequest reported true.
	Spans(line []byte, m *machine.Delimiters) Spans
}

// spanLayout locates the header values that are counted.
type spanLayout struct {
	known           bool // a line holds nothing else that is counted
	referrer, agent int  // index among the quoted values behind the numbers, -1 for none
}

// findSpans reports in known whether the delimiters bound everything in the format that is
// counted, and whether no second field is treated as a user agent: of two, nobody knows which
// one a text came from.
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

// counts reports whether traffic figures count fields of a role, see package traffic.
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
	return a.access[0][tailOf(m)].Spans(line, m)
}

// sizeSpan returns Spans.Size: what follows `"GET / HTTP/1.1" 200 `.
func sizeSpan(line []byte, m *machine.Delimiters) Span {
	start, end := int(m.Quotes[1])+len(`" 200 `), len(line)
	if m.N > 2 {
		end = int(m.Quotes[2]) - 1
	}
	if start >= end || line[start-1] != ' ' { // the status does not have three digits
		start = int(m.Quotes[1]) + len(`" `)
		start += bytes.IndexByte(line[start:], ' ') + 1
	}
	return Span{start, end}
}

// ClockAndSize returns the second of the day, see SecondOfDay, and Spans.Size of a line for
// which ParseFastRequest reported true.
func ClockAndSize(line []byte, m *machine.Delimiters) (second int32, size Span) {
	return secondOfCLF((*[bracketedCLF]byte)(line[int(m.Quotes[0])-len(" ")-bracketedCLF:])), sizeSpan(line, m)
}

// secondOfCLF is SecondOfDay for [22/Nov/2026:06:46:00 +0000].
func secondOfCLF(b *[bracketedCLF]byte) int32 {
	const clock = len("[22/Nov/2026:")
	digits := binary.LittleEndian.Uint64(b[clock:]) & 0x0f0f_000f_0f00_0f0f // 06:46:00
	pairs := 10*digits + digits>>8                                          // each value is in the byte of its first digit; the other bytes are garbage
	return int32(pairs&0xff)*3600 + int32(pairs>>24&0xff)*60 + int32(min(pairs>>48&0xff, 59))
}
