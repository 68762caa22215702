package terms

import (
	"fmt"

	"hushpipe/filter/calendar"
	"hushpipe/format/policy"
)

// Keep returns how long a stream's lines and keys are kept: the period in whole days, and
// the bounds in addition to it.
func Keep(p *policy.Policy, s *policy.Stream) (keep calendar.Period, b calendar.Bounds) {
	days, bounded := s.Keep.Of(policy.Days)
	b.Entries, _ = s.Keep.Of(policy.Entries)
	if b.Hours, _ = s.Keep.Of(policy.Workdays); b.Hours > 0 {
		b.Off = calendar.DaysOff{Calendar: p.Workdays, Holidays: p.Holidays}
	}
	if days, settling := s.Keep.Of(policy.Settling); settling {
		b.After, b.Settled = calendar.Period(days), s.Settled
	}
	switch keep = calendar.Period(days); {
	case s.Keep.None():
		return 2, b // today and yesterday: keys and journals of figures
	case bounded:
	case b.Hours > 0:
		keep, b.PeriodImplied = b.Off.Longest(b.Hours), true
	default:
		keep, b.PeriodImplied = calendar.MaxPeriod, true
	}
	b.Shared = !b.IsZero() && p.SharesKeys(s)
	return keep, b
}

// keep rejects bounds that conflict with other settings of the stream.
func (c *checker) keep(s *policy.Stream, path string) {
	if keep, b := Keep(c.Policy, s); keep < calendar.MaxPeriod || !b.PeriodImplied {
		return
	}
	hint := fmt.Sprintf(`give a bound in days as well, as in "%s, 400d"`, s.Keep)
	switch {
	case s.Figures.CountsRooms():
		c.add(path+".keep", "rooms are counted by day, and nobody knows when the last line of a day has gone", hint+", or give the figures a stream of their own")
	case c.SharesKeys(s):
		c.add(path+".keep", "linked streams share their keys, and nobody knows when the last line of a day has gone", hint)
	}
}
