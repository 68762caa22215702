package policy

import "slices"

// Pair is two streams whose lines can be joined, although their keys differ: one line can
// go to both.
type Pair struct {
	A, B *Stream
	// By is the fields that both keep as they are, and in which lines differ; empty where
	// the order of the lines alone tells.
	By     []string
	Linked bool // they share their keys, on purpose
}

// Pairs returns the pairs of streams that can be joined. Streams whose conditions
// exclude each other cannot, as far as that shows, and one of figures only neither.
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

// covers reports whether unless takes each line that where fits.
func covers(unless, where *Condition) bool { return !unless.IsZero() && unless.covers(where) }

// ways returns conditions of which one fits if c does: with what each of its events asks.
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

// either returns the values of the first key that is given: with both, fewer lines fit.
func either[T any](a, b []T) []T {
	if len(a) > 0 {
		return a
	}
	return b
}
