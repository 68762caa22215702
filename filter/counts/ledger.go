package counts

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// readPatience bounds the reading of journals before they are deleted, and before
// that the wait for another process that reads them.
const readPatience = 2 * time.Second

// Ledger has the days whose room files may be behind, and what these are to get that is
// in no journal any more. Its methods may be called from any goroutine.
type Ledger struct {
	cfg     *Config
	reading atomic.Bool // expired journals are being read

	mu       sync.Mutex                 // guards what follows
	dirty    map[civil.Day]bool         // days whose room file may be behind
	expiring map[civil.Day]*union       // of days that were deleted, for their room files
	late     map[journalID]*lateRecords // of days that have no journals any more
	readTo   civil.Day                  // the journals of earlier days were read before they were deleted
}

func newLedger(cfg *Config) *Ledger {
	return &Ledger{cfg: cfg, dirty: map[civil.Day]bool{}, expiring: map[civil.Day]*union{},
		late: map[journalID]*lateRecords{}, readTo: FirstDay}
}

// The first and the last of all days.
const (
	FirstDay civil.Day = math.MinInt32
	LastDay  civil.Day = math.MaxInt32
)

// Mark notes the days from first to last that have journals: their room files may
// be behind, or have been deleted.
func (l *Ledger) Mark(d *dir.Dir, first, last civil.Day) {
	names, err := journalNames(d)
	if err != nil {
		l.cfg.Report.Fault("journal", err, "")
		return
	}
	for day := range names {
		if first <= day && day <= last {
			l.markDay(day)
		}
	}
}

// markDay notes that a day's room file may be behind.
func (l *Ledger) markDay(day civil.Day) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirty[day] = true
}

// hasWork reports whether some day's room file may be.
func (l *Ledger) hasWork() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.dirty)+len(l.expiring)+len(l.late) > 0
}

// takeDirty returns the days whose room file may be behind, newest first, which are then
// marked no more; only those that are in held, unless it is nil.
func (l *Ledger) takeDirty(held map[civil.Day]*union) (days []civil.Day) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for day := range l.dirty {
		if held == nil || held[day] != nil {
			days = append(days, day)
			delete(l.dirty, day)
		}
	}
	slices.SortFunc(days, func(a, b civil.Day) int { return cmp.Compare(b, a) })
	return days
}

// ReadExpiring reads the journals of days before first, which are about to be
// deleted. What they hold goes to the room files when these can be written. It
// reads for two seconds, and goes on with what it has open then.
//
// At midnight all processes on DIR come at the same time, and a large day takes much
// memory. So one reads, and the next when the first has deleted what it read: the
// caller calls unlock then.
func (l *Ledger) ReadExpiring(d *dir.Dir, first civil.Day) (unlock func()) {
	unlock = lockExpiring(d, first)
	done, ok := d.Use()
	if !ok {
		return unlock
	}
	if !l.reading.CompareAndSwap(false, true) {
		done()
		return // what hangs has been reported
	}
	read := dir.WaitFor(readPatience, func() {
		defer done()
		defer l.reading.Store(false)
		names, err := journalNames(d)
		if err != nil {
			l.cfg.Report.Fault("journal", err, "")
		}
		for day, names := range names {
			if day >= first {
				continue
			}
			u := newUnion(day, l.cfg.Limits)
			if err := u.follow(d, names); err != nil {
				l.cfg.Report.Fault("journal", err, "; room counts of "+day.String()+" may be too small")
			}
			l.mu.Lock()
			l.expiring[day] = u
			l.mu.Unlock()
		}
	})
	if !read {
		l.cfg.Report.Say("expiring", fmt.Sprintf("%s: the journals of expired days were not read in time; their room counts may be too small", l.cfg.Path))
	}
	return unlock
}

// lockExpiring waits for its turn to read the journals of days before first, if there
// are any, but not for a process that was stopped, or a disk that hangs.
func lockExpiring(d *dir.Dir, first civil.Day) (unlock func()) {
	done, ok := d.Use()
	if !ok {
		return func() {}
	}
	taken := make(chan func(), 1)
	dir.WaitFor(readPatience, func() {
		defer done()
		defer close(taken)
		names, _ := journalNames(d)
		for day := range names {
			if day < first {
				if unlock, err := d.LockExpiring(readPatience); err == nil {
					taken <- unlock
				}
				return
			}
		}
	})
	return func() {
		go func() { // the lock may come yet
			if unlock, ok := <-taken; ok {
				unlock()
			}
		}()
	}
}

// deliver moves the unions of expired days to unions, and late records to them.
func (l *Ledger) deliver(unions map[civil.Day]*union) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for day, u := range l.expiring {
		u.inherit(unions[day])
		unions[day] = u
		l.dirty[day] = true
		delete(l.expiring, day)
	}
	l.deliverLate(unions)
}

// isDirty reports whether a day's room file may be behind.
func (l *Ledger) isDirty(day civil.Day) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dirty[day]
}
