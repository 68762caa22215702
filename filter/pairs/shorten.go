package pairs

import (
	"hushpipe/filter/calendar"
	"hushpipe/format/civil"
)

// longestKeep is how many days before the period are checked for data that outlives it.
const longestKeep = 400

// shorten makes everything in the engine expire according to keep, even if it was sent with
// a longer period, or by a host that is down or gone. It needs no keys.
func (s *Sender) shorten(keep calendar.Period, today civil.Day) error {
	first := keep.First(today) - longestKeep
	var days []*code
	var rosters []string
	for day := first; day <= today+1; day++ {
		of := newCode(s.cfg.Fleet, day, [32]byte{}) // names do not depend on the key
		days, rosters = append(days, of), append(rosters, of.roster())
	}
	claims, err := s.engine.Field(rosters, "")
	if err != nil {
		return err
	}
	for i, claim := range claims {
		if claim == "" {
			continue
		}
		of, at := days[i], expiry(first+civil.Day(i), keep)
		for part := range parts {
			tokens, err := s.engine.Members(of.index(part))
			if err != nil {
				return err
			}
			var names []string
			for _, token := range tokens {
				if len(token) == tokenSize && partOf(token) == part { // anybody can write to the engine
					names = append(names, of.set(token))
				}
			}
			if err := s.engine.Expire(append(names, of.positions(part)), at); err != nil {
				return err
			}
			// The sets that name the others expire last.
			if err := s.engine.Expire([]string{of.index(part)}, at); err != nil {
				return err
			}
		}
		if err := s.engine.Expire([]string{of.roster()}, at); err != nil {
			return err
		}
	}
	return nil
}
