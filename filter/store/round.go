package store

import (
	"errors"
	"time"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/turn"
	"hushpipe/format/civil"
)

// rounds is the state of the once-a-minute work. While a round runs, it owns lastDone.
type rounds struct {
	patience time.Duration // how long Tick waits for a round
	running  chan struct{} // closed when the current round ends, nil if there is none
	lastDone roundDone     // result of the last round to end

	lastRun, lastHourly time.Time // start of the last round, and of the last hourly one
	lastHourlyDay       civil.Day

	files roomFiles
}

// roomFiles are the room files. A round works on them while lines are written, and hangs
// if the disk does.
type roomFiles struct {
	busy turn.Mutex // guards what follows; CountExpired does not need it
	*counts.Files
}

// await reports whether no round is running, after waiting for one at most patience.
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

// round is the once-a-minute work that runs beside the writing of lines: reading the
// journals of millions of pairs and writing a large room file take seconds.
type round struct {
	d      *place
	now    time.Time
	hourly bool
}

type roundDone struct {
	err  error
	busy bool // another process held the lock of the room files
}

func (s *Store) run(r round) roundDone {
	files := &s.rounds.files
	files.busy.Lock()
	defer files.busy.Unlock()
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
	s.gauges.Refresh(r.d.Dir, s.cfg.Now())
	s.keys.Restore(r.d.Dir)
	done.err = dir.Join(err, done.err, s.saveKeys(r.d))
	return done
}

// due reports whether work last done at last is due again. A clock that was set back
// also makes it due. Neither time may have a monotonic reading.
func due(now, last time.Time, every time.Duration) bool {
	since := now.Sub(last)
	return since >= every || since < 0
}
