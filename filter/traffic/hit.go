package traffic

import (
	"bytes"
	"encoding/binary"
	"time"

	"hushpipe/filter/pseudonym"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// Hit is the part of a line that describes a request.
type Hit struct {
	Second    int32 // of the day, in the line's own zone; -1: unknown
	Status    int
	Bytes     uint64
	Request   Request
	Referrer  []byte // as logged
	Agent     Agent
	Client    pseudonym.Addr
	HasClient bool   // Client is an address
	Micros    uint64 // duration of the response, in microseconds
	Timed     bool   // Micros is known
	texts     texts
}

// texts are Request.Line, Referrer and Agent of a fast-parsed line. They are located only
// when needed, since most are known by their Place.
type texts struct {
	pending bool // not located yet
	line    []byte
	delims  *machine.Delimiters
	of      format.FastRequestParser
}

// loadTexts locates the texts if that is still to be done.
func (h *Hit) loadTexts() {
	if h.texts.pending {
		h.findTexts()
	}
}

func (h *Hit) findTexts() {
	line := h.texts.line
	s := h.texts.of.Spans(line, h.texts.delims)
	h.Request.Line, h.Referrer = s.Request.Of(line), s.Referrer.Of(line)
	h.Agent.Text, h.Agent.Known = s.Agent.Of(line), s.HasAgent
	h.texts.pending = false
}

// Request is the request line. If the log has only Line, method and target are split from it
// when needed.
type Request struct {
	Line   []byte // nil: Method and Target are set
	Method []byte // nil: unknown
	Target []byte // path and query, or a URL
	At     Place  // of Line
}

// Agent is the user agent.
type Agent struct {
	Text  []byte // as logged
	Known bool   // the format has user agents
	At    Place  // of Text
}

// Hits extracts Hits from lines. One goroutine uses it.
type Hits struct {
	loc             *time.Location    // of epochs
	json            *format.JSONNodes // nil: lines are not JSON
	hit             Hit
	usual           Hit    // returned by At
	units           []unit // of durations, by directive
	request, target []byte
	scratch         []byte // of the target
	referrer, agent []byte // scratch of those
}

// NewHits returns Hits for lines that p parses; loc is the zone for epoch times.
func NewHits(p format.Parser, loc *time.Location) *Hits { // for epoch times
	return &Hits{loc: loc, json: format.NewJSONNodes(p), units: unitsOf(p)}
}

// Of returns the Hit of a parsed line with all its fields, see format.FastAllParser; false
// for a line without a request. The Hit is valid until the next call, and while the line is.
func (r *Hits) Of(line []byte, l *format.Line) (*Hit, bool) {
	r.hit = Hit{Second: -1, Status: l.Status}
	r.request, r.target = nil, nil
	if r.json != nil && l.Start < len(line) && line[l.Start] == '{' {
		for i, nodes := 0, r.json.Of(line, l.Start); i < len(nodes); i++ {
			if n := &nodes[i]; n.Bracket == 0 && !n.Literal {
				r.setField(n.Role, line[n.Start:n.End], unitByForm)
			}
		}
		// A slash may be escaped (RFC 8259, section 7).
		r.hit.Referrer, r.referrer = format.Unescaped(r.hit.Referrer, r.referrer)
		r.hit.Agent.Text, r.agent = format.Unescaped(r.hit.Agent.Text, r.agent)
	} else {
		for i := range l.Fields {
			if f := &l.Fields[i]; !f.Joined {
				r.setField(f.Role, line[f.Start:f.End], r.unit(f))
			}
		}
	}
	h, target := &r.hit, r.target
	if r.request != nil {
		if method, _, _, ok := format.SplitRequest(r.request); ok && h.Request.Method == nil {
			h.Request.Method = method
		}
	}
	switch {
	case len(l.Target) > 0:
		target = l.Target
	case target == nil && r.request != nil:
		target, r.scratch = format.Target(r.request, r.scratch)
	case bytes.IndexByte(target, '\\') >= 0:
		target, r.scratch = format.Unescaped(target, r.scratch)
	}
	h.Request.Target = target
	return h, l.Status > 0 || target != nil
}

// At is Of for a line accepted by ParseFastRequest of g. Its delimiters m must stay valid,
// too.
func (r *Hits) At(line []byte, m *machine.Delimiters, g format.FastRequestParser, status int) (*Hit, bool) {
	h := &r.usual
	second, size := format.ClockAndSize(line, m)
	h.Second, h.Status, h.Bytes = second, status, sizeIn(line, size)
	h.Request.At, h.Agent.At, h.HasClient = Place{}, Place{}, false
	t := &h.texts
	t.pending, t.line, t.delims, t.of = true, line, m, g
	if status > 0 {
		return h, true
	}
	h.loadTexts()
	var target []byte
	target, r.scratch = format.Target(h.Request.Line, r.scratch)
	return h, target != nil
}

func (r *Hits) unit(f *format.Field) unit {
	if n := int(f.Directive); n > 0 && n <= len(r.units) {
		return r.units[n-1]
	}
	return unitByForm
}

// setField sets the value of a field; u is the unit of a duration.
func (r *Hits) setField(role format.Role, text []byte, u unit) {
	h := &r.hit
	switch role {
	case format.RoleRequest:
		r.request = text
	case format.RoleURL:
		r.target = text
	case format.RoleMethod:
		h.Request.Method = text
	case format.RoleTime:
		if second, ok := format.SecondOfDay(text, r.loc); ok && h.Second < 0 {
			h.Second = second
		}
	case format.RoleSize:
		h.Bytes = number(text)
	case format.RoleDuration:
		if n, ok := duration(text, u); ok && (!h.Timed || u == micros) { // prefer the finest unit
			h.Micros, h.Timed = n, true
		}
	case format.RoleReferer:
		h.Referrer = text
	case format.RoleAgent:
		h.Agent = Agent{Text: text, Known: true}
	}
}

// maxBytes is larger than any response, and keeps sums within 64 bits.
const maxBytes = 1 << 44

// number parses digits; anything else, such as the - of a size, is 0.
func number(text []byte) (n uint64) {
	for _, c := range text {
		if !isDigit(c) || n > maxBytes {
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// sizeIn is number for a span of a line that is digits or -.
func sizeIn(line []byte, s format.Span) uint64 {
	before := 8 - (s.End - s.Start)
	if uint(before) >= 8 || s.End < 8 || line[s.Start] == '-' {
		return number(s.Of(line))
	}
	// Eight digits at once, with those before the number zeroed: combine pairs of digits,
	// then pairs of these, and again.
	shift := uint(before) * 8 & 63
	digits := binary.LittleEndian.Uint64(line[s.End-8:]) >> shift << shift & 0x0f0f_0f0f_0f0f_0f0f
	pairs := (10*digits + digits>>8) & 0x00ff_00ff_00ff_00ff
	fours := (100*pairs + pairs>>16) & 0x0000_ffff_0000_ffff
	return uint64(uint32(10_000*fours + fours>>32))
}

// See sets the client of the hit.
func (h *Hit) See(client pseudonym.Addr) { h.Client, h.HasClient = client, true }
