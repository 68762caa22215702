package filter

import (
	"net/http"
	"sync/atomic"

	"hushpipe/format"
	"hushpipe/format/policy"
)

// Gate decides which lines a stream may write. Streams reads it once for each batch. Its
// methods may be called from any goroutine.
type Gate struct {
	opening atomic.Pointer[policy.Opening]
}

// NewGate returns a Gate with this Opening.
func NewGate(o policy.Opening) *Gate {
	g := &Gate{}
	g.Set(o)
	return g
}

// Set replaces the Opening, from the next batch on.
func (g *Gate) Set(o policy.Opening) { g.opening.Store(&o) }

// Opening returns which lines the Gate lets through.
func (g *Gate) Opening() policy.Opening { return *g.opening.Load() }

// renewGates reads the gates. A stream that needs a gate but has none is closed.
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

// isSole reports whether there is only one stream, and it takes and keeps all of each line
// for which ParseFast is enough.
func (s *Streams) isSole() bool {
	if len(s.all) != 1 || s.all[0].Filter == nil {
		return false
	}
	of := &s.all[0]
	return s.brief && s.json == nil && !s.looks && !of.chosen && !of.bounded && !of.Filter.noLines
}

// isThrough reports whether the gate of a stream lets the line through. It stops malformed
// lines, lines without a date, and, if only one user's lines may pass, lines without a user.
func (s *Streams) isThrough(o *policy.Opening) bool {
	l := s.parsed
	if !s.known || !l.HasDay || !o.Has(l.Day) {
		return false
	}
	return o.User == "" || s.isBy(o.User, l.Status)
}

// isBy reports whether the line is a request by the user. A request that failed, or has no
// status, is not: its client may have sent any name without a password.
func (s *Streams) isBy(user string, status int) bool {
	if status == 0 || status >= http.StatusBadRequest {
		return false
	}
	var name []byte
	name, s.user = format.Unescaped(s.facts.User, s.user)
	return string(name) == user
}
