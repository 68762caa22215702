package policy

import (
	"fmt"

	"hushpipe/format/civil"
)

// Gates returns what is wrong with decisions: an announcement that came too late, a
// period that is too long, an earlier stage that was not active before. The stream stays
// closed then, and the others do their work. Of an earlier stage, the policies that ran
// before tell as well as p does.
func (p *Policy) Gates(ran ...*Policy) (list Errors) {
	all := append([]*Policy{p}, ran...)
	for i := range p.Streams {
		for _, b := range p.Streams[i].breaches(all) {
			list = append(list, p.Fault(fmt.Sprintf("stream[%d].active%s", i, b.key), b.what, b.hint))
		}
	}
	return list.Sorted()
}

// breach is a demand of a gate that a decision does not meet.
type breach struct {
	key string // of active, ".from"; "" for the decision
	mistake
}

func (s *Stream) breaches(all []*Policy) (list []breach) {
	if s.Gate == nil || s.Active == nil {
		return nil
	}
	add := func(key, what, hint string) { list = append(list, breach{key, mistake{what, hint}}) }
	g, a := s.Gate, s.Active
	earliest, latest := a.Announced+civil.Day(g.Announce), a.From+civil.Day(g.Longest)-1
	switch {
	case g.Announce == 0:
	case !a.IsAnnounced:
		add("", "the gate demands an announcement, and none is dated", "give announced = 2026-11-05")
	case a.From < earliest:
		add(".from", fmt.Sprintf("the gate demands %d days after the announcement", g.Announce),
			fmt.Sprintf("from is %v at the earliest", earliest))
	}
	if g.Longest > 0 && a.Until > latest {
		add(".until", fmt.Sprintf("the gate allows %d days, first and last included", g.Longest),
			fmt.Sprintf("until is %v at the latest", latest))
	}
	if g.After != "" && !wasActive(g.After, a.From, all) {
		add("", fmt.Sprintf("%q has not been active before", g.After), "its decision comes first")
	}
	return list
}

// wasActive reports whether the stream of that name was active before a date, by a
// decision that its own gate allows. Each step goes to an earlier date.
func wasActive(name string, before civil.Day, all []*Policy) bool {
	for _, p := range all {
		if s := p.Stream(name); s != nil && s.Active != nil && s.Active.From < before && len(s.breaches(all)) == 0 {
			return true
		}
	}
	return false
}
