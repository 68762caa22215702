package store

import (
	"errors"
	"time"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// rounds are the state of what has to be done once a minute. Who has the Store's work
// uses it, and a round the files.
type rounds struct {
	patience time.Duration // how long Tick waits for a round
	running  chan struct{} // closed when the round under way has ended, nil for none
	lastDone roundDone     // of the round before, or the one that has ended

	lastRun, lastHourly time.Time // of the last round, and of the last that looked at everything
	lastHourlyDay       civil.Day

	busy  chan struct{} // full while somebody uses the files
	files *counts.Files
}

// await reports whether no round is under way any more.
func (r *rounds) await() bool {
	if r.running == nil {
		return true
	}
	select {
	case <-r.running:
		r.running = nil
		return true
	case <-time.After(r.patience):
		return false
	}
}

// round is what has to be done once a minute, beside the writing of lines: to
// read the journals of millions of pairs, and to write a large room file, takes
// seconds.
type round struct {
	d      *place
	now    time.Time
	hourly bool
}

type roundDone struct {
	err  error
	busy bool // another process had the lock of the room files
}

func (s *Store) run(r round) roundDone {
	files := s.rounds.files
	s.rounds.busy <- struct{}{}
	defer func() { <-s.rounds.busy }()
	s.registry.Update(r.d.Dir, r.now, r.hourly)
	if r.d.unrecorded.Load() {
		r.d.recordBounds()
	}
	if r.hourly && files.IsWriter() { // a room file may have been deleted
		today := civil.DayOf(r.now)
		s.ledger.Mark(r.d.Dir, today-1, today+1)
	}
	err := files.Keep(r.d.Dir, 0)
	done := roundDone{busy: errors.Is(err, dir.ErrLocked)}
	done.err = s.refreshTraffic(r.d)
	if r.hourly {
		files.Fold(r.d.Dir)
	}
	s.gauges.Notice(r.d.Dir, s.cfg.Now())
	s.keys.Restore(r.d.Dir)
	done.err = dir.Join(err, done.err, s.saveKeys(r.d))
	return done
}

// due reports whether something is to be done that was done at last; a clock
// that was put back makes it due, too. Neither time has a monotonic reading.
func due(now, last time.Time, every time.Duration) bool {
	since := now.Sub(last)
	return since >= every || since < 0
}
