package policy

import (
	"fmt"
	"math"

	"hushpipe/format/civil"
)

// Span is the days from one to another, both included; none where From is after Until.
type Span struct{ From, Until civil.Day }

var (
	// Always is all days.
	Always = Span{math.MinInt32, math.MaxInt32}
	// Never is no day.
	Never = Span{math.MaxInt32, math.MinInt32}
)

// Has reports whether a day is one of them.
func (s Span) Has(day civil.Day) bool { return s.From <= day && day <= s.Until }

// IsEmpty reports whether there is no day.
func (s Span) IsEmpty() bool { return s.From > s.Until }

// Meet returns the days of both.
func (s Span) Meet(o Span) Span {
	both := Span{max(s.From, o.From), min(s.Until, o.Until)}
	if both.IsEmpty() {
		return Never
	}
	return both
}

// Opening is which lines the gate of a stream lets through: those of some days, and of
// one user alone if there is a User.
type Opening struct {
	Span
	User string
}

// Earlier reports whether a stream was active before a date, by a policy that ran before.
// nil: no policy ran.
type Earlier func(stream string, before civil.Day) bool

// Openings returns what the gates let through, by stream. One whose decision breaks its
// gate stays closed.
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

// Gates returns what is wrong with decisions: an announcement that came too late, a
// period that is too long, an earlier stage that was not active before. The stream stays
// closed then, and the others do their work. What they say tells nothing of whom a
// decision is about.
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

// breach is a demand of a gate that a decision does not meet.
type breach struct {
	key string // of active, ".from"; "" for the decision
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

// wasActive reports whether the stream of that name was active before a date, by a
// decision that its own gate allows. Each step goes to an earlier date.
func (p *Policy) wasActive(name string, before civil.Day, earlier Earlier) bool {
	s := p.Stream(name)
	return s != nil && s.Active != nil && s.Active.From < before && len(p.breaches(s, earlier)) == 0 ||
		earlier != nil && earlier(name, before)
}
