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

// readPatience bounds the reading of journals before they are deleted, and before that
// the wait for another process that reads them.
const readPatience = 2 * time.Second

// Ledger lists the days whose room files may be out of date, and holds counts that are
// in no journal any more. Any goroutine may call its methods.
type Ledger struct {
	cfg     *Config
	reading atomic.Bool // expired journals are being read

	mu       sync.Mutex                 // guards what follows
	dirty    map[civil.Day]bool         // days whose room file may be out of date
	expiring map[civil.Day]*union       // journals read before deletion, not yet in the room files
	late     map[journalID]*lateRecords // of days without journals
	readTo   civil.Day                  // journals of earlier days were read before deletion
}

func newLedger(cfg *Config) *Ledger {
	return &Ledger{cfg: cfg, dirty: map[civil.Day]bool{}, expiring: map[civil.Day]*union{},
		late: map[journalID]*lateRecords{}, readTo: FirstDay}
}

// The bounds of civil.Day, for ranges without a limit.
const (
	FirstDay civil.Day = math.MinInt32
	LastDay  civil.Day = math.MaxInt32
)

// Mark marks all days from first to last that have journals: their room files may be
// out of date or deleted.
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

// markDay notes that a day's room file may be out of date.
func (l *Ledger) markDay(day civil.Day) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirty[day] = true
}

// hasWork reports whether any day's room file may be out of date.
func (l *Ledger) hasWork() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.dirty)+len(l.expiring)+len(l.late) > 0
}

// takeDirty unmarks and returns the dirty days, newest first; only those in held,
// unless held is nil.
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

// ReadExpiring reads the journals of days before first, which are about to be deleted.
// Their counts go to the room files in the next round. ReadExpiring returns after two
// seconds; reading continues with the files that are open by then.
//
// At midnight all processes on DIR do this at the same time, and a large day takes much
// memory. So one reads at a time, and the next one starts after the journals are
// deleted: then the caller calls unlock.
func (l *Ledger) ReadExpiring(d *dir.Dir, first civil.Day) (unlock func()) {
	unlock = lockExpiring(d, first)
	done, ok := d.Use()
	if !ok {
		return unlock
	}
	if !l.reading.CompareAndSwap(false, true) {
		done()
		return // the call that hangs has been reported
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
		l.cfg.Report.Log("expiring", fmt.Sprintf("%s: the journals of expired days were not read in time; their room counts may be too small", l.cfg.Path))
	}
	return unlock
}

// lockExpiring waits for its turn to read the journals of days before first, if there
// are any. It does not wait for a process that was stopped, or for a disk that hangs.
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
		go func() { // the lock may still be granted
			if unlock, ok := <-taken; ok {
				unlock()
			}
		}()
	}
}

// deliver moves expiring and late records into unions.
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

// isDirty reports whether a day's room file may be out of date.
func (l *Ledger) isDirty(day civil.Day) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dirty[day]
}
