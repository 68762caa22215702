package store

import (
	"hushpipe/filter/counts"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Expired writes the room files of days past the retention for which late lines
// arrived. An existing file stays, since it also counted lines that are gone.
func (s *Store) Expired(days map[civil.Day]rooms.DayCounts) error {
	return s.countExpired(days, counts.FirstDay)
}

// Recount is Expired for counts made from all lines of those days: they replace
// existing room files. The exception is a day that expired after Open: its earlier
// lines were written, and are counted in its journal.
func (s *Store) Recount(days map[civil.Day]rooms.DayCounts) error {
	return s.countExpired(days, s.began)
}

func (s *Store) countExpired(days map[civil.Day]rooms.DayCounts, anew civil.Day) error {
	// Without a hasher nothing was counted, which is not the same as zero.
	if !s.cfg.Counting || len(days) == 0 || s.Hasher() == nil {
		return nil
	}
	if err := s.tryLock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	d := s.usable()
	if d == nil {
		return s.lines.openErr
	}
	return s.rounds.files.CountExpired(d.Dir, days, anew)
}
