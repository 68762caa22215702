package audit

import (
	"fmt"

	"hushpipe/filter/dir"
	"hushpipe/filter/entries"
	"hushpipe/filter/retention"
)

// isPast reports whether a file of lines, a key or a journal is past a bound in time besides
// the period: a day's keys and journals expire with its last lines.
func (v *survey) isPast(sub, name string) bool {
	now := v.now.Add(-purgeGrace)
	if l, _, ok := dir.ParseLog(name); ok && sub == "" {
		return retention.Past(v.bounds, l, now)
	}
	if to, _, _, ok := dir.ParseHeld(name); ok && sub == dir.Held {
		return retention.Past(v.bounds, to, now)
	}
	if sub != dir.Journal && (sub != dir.Keys || v.bounds.Shared) {
		return false
	}
	day, ok := dir.ExpiryDay(sub, name)
	return ok && retention.Past(v.bounds, retention.LastOf(day, v.bounds), now)
}

// isFormer reports whether a file of lines is past the period that applied before there was
// a bound in entries.
func (v *survey) isFormer(name string) bool {
	l, _, ok := dir.ParseLog(name)
	return ok && v.bounds.FormerPeriod > 0 && l.Segment == 0 && l.Day < v.firstOf(v.bounds.FormerPeriod)
}

// count checks the bound in entries, if there is one.
func (v *survey) count(d *dir.Dir) {
	most := v.bounds.Entries
	if most == 0 {
		return
	}
	c := entries.New(d, most)
	if err := c.Refresh(); err != nil {
		v.broken(v.Dir, "its lines cannot be counted", err.Error()).of = period
	} else if c.Lines() > most {
		v.broken(v.Dir, fmt.Sprintf("has more than %d lines", most), v.purge(v.Dir)).of = period
	}
}
