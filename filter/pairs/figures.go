package pairs

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// Figures is what a Collector knows of its fleet, for metrics.
type Figures struct {
	Collected time.Time // when the engine answered all that it was asked; zero: never
	Hosts     []HostStatus
	Today     DayStatus // its Day is "" before the engine has answered
	Yesterday DayStatus
}

// Figures returns what is known since the last Step. Hosts are those that a roster of
// yesterday or later names: a host that has left is named for as long as it is missed.
func (c *Collector) Figures() Figures {
	today := civil.DayOf(c.cfg.Now())
	f := Figures{Collected: c.collected, Today: c.shown[today], Yesterday: c.shown[today-1]}
	named := map[string]bool{}
	for _, of := range c.shown {
		for _, name := range slices.Concat(of.Closed, of.Open, of.Missing) {
			named[name] = true
		}
	}
	f.Hosts = slices.DeleteFunc(c.hostStatus(c.cfg.Now().Round(0)), func(h HostStatus) bool { return !named[h.Name] })
	return f
}

// hostStatus returns all hosts that were heard of, or are expected by the fleet's file.
func (c *Collector) hostStatus(now time.Time) []HostStatus {
	hosts := []HostStatus{}
	for _, h := range c.newest {
		lag := int64(now.Sub(h.Seen) / time.Second)
		hosts = append(hosts, HostStatus{Name: h.Name, Seen: h.Seen, Lag: &lag, Oldest: h.Oldest, Keep: h.Keep, Resends: h.Resends, Confined: h.Confined})
	}
	for _, name := range c.cfg.Hosts {
		if _, ok := c.newest[name]; !ok {
			hosts = append(hosts, HostStatus{Name: name})
		}
	}
	slices.SortFunc(hosts, func(a, b HostStatus) int { return cmp.Compare(a.Name, b.Name) })
	return hosts
}

// dayStatus is what a day's roster and its rooms come to.
func dayStatus(day civil.Day, records int, roster roomfile.Roster, entries []roomfile.Entry) DayStatus {
	of := DayStatus{Day: day.String(), Records: records, Closed: []string{}, Open: []string{}, Missing: []string{}, Rooms: len(entries)}
	for _, h := range roster.Hosts {
		switch h.State {
		case roomfile.Closed:
			of.Closed = append(of.Closed, h.Name)
		case roomfile.Open:
			of.Open = append(of.Open, h.Name)
		default:
			of.Missing = append(of.Missing, h.Name)
		}
	}
	for _, e := range entries {
		of.Pairs += e.Count
	}
	return of
}

// updateNewest notes what hosts told last of themselves.
func (c *Collector) updateNewest(hosts []hostRecord) {
	for _, h := range hosts {
		if was, ok := c.newest[h.Name]; !ok || was.Seen.Before(h.Seen) {
			c.newest[h.Name] = h
		}
	}
}

// forget drops what was told before the first day that is kept, and shown days that are not
// near any more.
func (c *Collector) forget(first, today civil.Day) {
	maps.DeleteFunc(c.newest, func(_ string, h hostRecord) bool { return civil.DayOf(h.Seen) < first })
	maps.DeleteFunc(c.shown, func(day civil.Day, _ DayStatus) bool { return day < today-1 })
}
