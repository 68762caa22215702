package store

import (
	"time"

	"hushpipe/filter/rotate"
	"hushpipe/format"
)

// Figures are what a Store knows of DIR without waiting for its disk.
type Figures struct {
	Counters               // of this process
	Seen         bool      // there was a round, which tells Rooms, Pairs and Oldest
	Rooms, Pairs int       // of today, by all processes on DIR
	Oldest       time.Time // midnight at which the oldest day with lines began; zero for none
	LastWrite    time.Time // of lines, by this process; zero for never
}

// noticed is what a round saw.
type noticed struct {
	today        format.Day
	rooms, pairs int
	oldest       time.Time
}

// Figures may be called from any goroutine.
func (s *Store) Figures() Figures {
	f := Figures{Counters: s.counters()}
	if at := s.wrote.Load(); at != 0 {
		f.LastWrite = time.Unix(at, 0)
	}
	if n := s.noticed.Load(); n != nil {
		f.Seen, f.Oldest = true, n.oldest
		if n.today == format.DayOf(s.cfg.Now()) {
			f.Rooms, f.Pairs = n.rooms, n.pairs
		}
	}
	return f
}

// notice keeps what Figures tells. The caller has the unions to itself.
func (s *Store) notice(dir *rotate.Dir) {
	now := s.cfg.Now()
	n := noticed{today: format.DayOf(now)}
	if u := s.unions[n.today]; u != nil {
		n.rooms, n.pairs = u.counts.Size()
	}
	names, err := dir.Names("")
	if err != nil {
		return // it comes up again where lines are written
	}
	for _, name := range names {
		if day, ok := logDay(name); ok { // names are sorted
			year, month, mday := day.Date()
			n.oldest = time.Date(year, time.Month(month), mday, 0, 0, 0, 0, now.Location())
			break
		}
	}
	s.noticed.Store(&n)
}
