package policy

import (
	"fmt"
	"math"

	"hushpipe/format/civil"
)

// Span is the days from From to Until, inclusive; it is empty if From is after Until.
type Span struct{ From, Until civil.Day }

var (
	// Always is the span of all days.
	Always = Span{math.MinInt32, math.MaxInt32}
	// Never is the empty span.
	Never = Span{math.MaxInt32, math.MinInt32}
)

// Has reports whether the span includes a day.
func (s Span) Has(day civil.Day) bool { return s.From <= day && day <= s.Until }

// IsEmpty reports whether the span has no day.
func (s Span) IsEmpty() bool { return s.From > s.Until }

// Meet returns the days that both spans have, Never for none.
func (s Span) Meet(o Span) Span {
	both := Span{max(s.From, o.From), min(s.Until, o.Until)}
	if both.IsEmpty() {
		return Never
	}
	return both
}

// Opening describes which lines the gate of a stream lets through: those of the days in Span and,
// unless User is "", only those of that user.
type Opening struct {
	Span
	User string
}

// Earlier reports whether a stream was active before a date under a policy that ran earlier. It
// is nil if none did.
type Earlier func(stream string, before civil.Day) bool

// Openings returns what the gates let through, in the order of p.Streams. A gate whose decision
// breaks its rules stays closed.
func (p *Policy) Openings(earlier Earlier) []Opening {
	all := make([]Opening, len(p.Streams))
	for i := range p.Streams {
		s := &p.Streams[i]
		switch {
		case s.Gate == nil:
			all[i].Span = Always
		case s.Active == nil || len(p.breaches(s, earlier)) > 0:
			all[i].Span = Never
		default:
			all[i].Span = s.Active.Span
			all[i].User = s.Active.For
		}
	}
	return all
}

// Gates returns the decisions that break the rules of their gates: an announcement too late, a
// period too long, an earlier stage that was never active. Such a stream stays closed; the
// others work. The errors do not reveal whom a decision is about.
func (p *Policy) Gates(earlier Earlier) (list Errors) {
	for i := range p.Streams {
		for _, b := range p.breaches(&p.Streams[i], earlier) {
			wrong := p.Fault(fmt.Sprintf("stream[%d].active%s", i, b.key), b.what, b.hint)
			wrong.Stream = p.Streams[i].Name
			list = append(list, wrong)
		}
	}
	return list.Sorted()
}

// breach is a requirement of a gate that a decision does not meet.
type breach struct {
	key string // of active, such as ".from"; "" for the whole decision
	mistake
}

func (p *Policy) breaches(s *Stream, earlier Earlier) (list []breach) {
	if s.Gate == nil || s.Active == nil {
		return nil
	}
	add := func(key, what, hint string) { list = append(list, breach{key, mistake{what, hint}}) }
	g, a := s.Gate, s.Active
	first, last := a.Announced+civil.Day(g.Announce), a.From+civil.Day(g.Longest)-1
	switch {
	case g.Announce == 0:
	case !a.IsAnnounced:
		add("", "the gate demands an announcement, and none is dated", "give announced = 2026-11-05")
	case a.From < first:
		add(".from", fmt.Sprintf("the gate demands %d days after the announcement", g.Announce),
			fmt.Sprintf("from is %v at the earliest", first))
	}
	if g.Longest > 0 && a.Until > last {
		add(".until", fmt.Sprintf("the gate allows %d days, first and last included", g.Longest),
			fmt.Sprintf("until is %v at the latest", last))
	}
	if g.After != "" && !p.wasActive(g.After, a.From, earlier) {
		add("", fmt.Sprintf("%q has not been active before", g.After), "its decision comes first")
	}
	return list
}

// wasActive reports whether the stream was active before a date, by a decision that its own gate
// allows. The recursion ends, since each step goes to an earlier date.
func (p *Policy) wasActive(name string, before civil.Day, earlier Earlier) bool {
	s := p.Stream(name)
	return s != nil && s.Active != nil && s.Active.From < before && len(p.breaches(s, earlier)) == 0 ||
		earlier != nil && earlier(name, before)
}
