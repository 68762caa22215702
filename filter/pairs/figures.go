package pairs

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// Figures are a Collector's figures for metrics.
type Figures struct {
	Collected time.Time // the last step in which the engine answered everything; zero: never
	Hosts     []HostStatus
	Today     DayStatus // Day is "" until the engine has answered
	Yesterday DayStatus
}

// Figures returns the figures as of the last Step. Hosts are those in a roster of yesterday
// or later: a host that has left is listed for as long as it counts as missing.
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

// hostStatus returns all hosts with a record, and those expected by the fleet's file.
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

// dayStatus summarizes a day's roster and rooms.
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

// updateNewest records the latest record of each host.
func (c *Collector) updateNewest(hosts []hostRecord) {
	for _, h := range hosts {
		if was, ok := c.newest[h.Name]; !ok || was.Seen.Before(h.Seen) {
			c.newest[h.Name] = h
		}
	}
}

// forget drops records from before the first day that is kept, and old days from shown.
func (c *Collector) forget(first, today civil.Day) {
	maps.DeleteFunc(c.newest, func(_ string, h hostRecord) bool { return civil.DayOf(h.Seen) < first })
	maps.DeleteFunc(c.shown, func(day civil.Day, _ DayStatus) bool { return day < today-1 })
}
