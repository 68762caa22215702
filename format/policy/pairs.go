package policy

import "slices"

// Pair is two streams whose lines can be joined, even if their keys differ, because one line can
// go to both.
type Pair struct {
	A, B *Stream
	// By lists the fields that both keep whole and in which lines differ. If it is empty, only
	// the order of the lines joins them.
	By     []string
	Linked bool // they share their keys, on purpose
}

// Pairs returns the pairs of streams whose lines can be joined, for the privacy statement and
// its proof. It leaves out streams whose conditions obviously exclude each other, and streams
// that keep no lines.
func (p *Policy) Pairs() (list []Pair) {
	for i := range p.Streams {
		for j := i + 1; j < len(p.Streams); j++ {
			a, b := &p.Streams[i], &p.Streams[j]
			if !a.KeepsLines() || !b.KeepsLines() || p.excludeEachOther(a, b) {
				continue
			}
			pair := Pair{A: a, B: b, Linked: a.keysOf() == b.keysOf()}
			for _, field := range []string{"time", "url", "referer", "agent", "size", "duration", "user"} {
				if a.keepsWhole(field) && b.keepsWhole(field) {
					pair.By = append(pair.By, field)
				}
			}
			list = append(list, pair)
		}
	}
	return list
}

func (s *Stream) keysOf() string {
	if s.Linked != "" {
		return s.Linked
	}
	return s.Name
}

func (s *Stream) keepsWhole(field string) bool {
	return s.Fields == nil || s.Treatment(field).Kind == Whole
}

func (p *Policy) excludeEachOther(a, b *Stream) bool {
	if covers(&b.Unless, &a.Where) || covers(&a.Unless, &b.Where) {
		return true
	}
	for _, x := range p.ways(&a.Where) {
		if !slices.ContainsFunc(p.ways(&b.Where), func(y *Condition) bool { return !x.excludes(y) }) {
			continue
		}
		return false
	}
	return true
}

// covers reports whether unless excludes each line that where fits.
func covers(unless, where *Condition) bool { return !unless.IsZero() && unless.covers(where) }

// ways returns conditions such that c fits if one of them does: one for each of c's events, with
// what that event requires.
func (p *Policy) ways(c *Condition) (list []*Condition) {
	if len(c.Events) == 0 {
		return []*Condition{c}
	}
	for _, e := range p.Events() {
		if !slices.Contains(c.Events, "*") && !slices.Contains(c.Events, e.Name) || e.Condition.excludes(c) {
			continue
		}
		way := e.Condition
		way.Status = either(way.Status, c.Status)
		way.Methods = either(way.Methods, c.Methods)
		way.Hosts = either(way.Hosts, c.Hosts)
		way.Users = either(way.Users, c.Users)
		way.Clients = either(way.Clients, c.Clients)
		list = append(list, &way)
	}
	return list
}

// either returns the values of the first key that is given. If both are, the actual condition
// fits even fewer lines.
func either[T any](a, b []T) []T {
	if len(a) > 0 {
		return a
	}
	return b
}
