package filter

import (
	"net/http"
	"sync/atomic"

	"hushpipe/format"
	"hushpipe/format/policy"
)

// Gate says which lines of a stream may be written, for now. Streams take it in with each
// batch. Its methods may be called from any goroutine.
type Gate struct {
	opening atomic.Pointer[policy.Opening]
}

// NewGate returns a Gate that lets these lines through.
func NewGate(o policy.Opening) *Gate {
	g := &Gate{}
	g.Set(o)
	return g
}

// Set has the Gate let other lines through.
func (g *Gate) Set(o policy.Opening) { g.opening.Store(&o) }

// Opening returns the lines that the Gate lets through.
func (g *Gate) Opening() policy.Opening { return *g.opening.Load() }

// renewGates takes in what the gates let through. A stream that has to have a gate is
// closed without one.
func (s *Streams) renewGates() {
	s.looks = s.match.Looks()
	for i := range s.all {
		of := &s.all[i]
		of.opening = policy.Opening{Span: policy.Always}
		if of.Gate != nil {
			of.opening = of.Gate.Opening()
		} else if s.match.HasGate(i) {
			of.opening.Span = policy.Never
		}
		of.bounded = of.opening.Span != policy.Always || of.opening.User != ""
		s.looks = s.looks || of.opening.User != "" && !of.opening.IsEmpty()
		if of.Filter != nil {
			of.Filter.only, of.Filter.event = nil, ""
			if of.bounded {
				of.Filter.only = &of.opening
			}
		}
	}
	s.sole = s.isSole()
}

// isSole reports whether there is one stream, which takes every line that ParseFast tells
// enough of, and as it is.
func (s *Streams) isSole() bool {
	if len(s.all) != 1 || s.all[0].Filter == nil {
		return false
	}
	of := &s.all[0]
	return s.brief && s.json == nil && !s.looks && !of.chosen && !of.bounded && !of.Filter.noLines
}

// isThrough reports whether the gate of a stream lets the line through. A line that tells
// no date or, if they matter, no user, stays outside.
func (s *Streams) isThrough(o *policy.Opening) bool {
	l := s.parsed
	if !s.known || !l.HasDay || !o.Has(l.Day) {
		return false
	}
	return o.User == "" || s.isBy(o.User, l.Status)
}

// isBy reports whether the line is of a user. Who is refused, or asks for what is not
// there, may call himself anything.
func (s *Streams) isBy(user string, status int) bool {
	if status == 0 || status >= http.StatusBadRequest {
		return false
	}
	var name []byte
	name, s.user = format.Unescaped(s.facts.User, s.user)
	return string(name) == user
}
