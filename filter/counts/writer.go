package counts

import (
	"errors"
	"os"
	"time"

	"hushpipe/filter/dir"
)

// Of the processes on DIR one writes the room files. It holds the lock writer in
// DIR/.lock for as long as it lives, and it alone keeps in memory what the journals
// of the open days hold together. The others write their journals only, and try once
// a minute to take its place.
//
// Once a minute the writer looks which journals have grown, whoever wrote them. A
// process that takes the lock has seen none yet, so it begins with all days: whoever
// had it before may have been killed.
//
// A process that ends and finds the lock taken leaves its counts to the writer: they
// are in its journals before it tries. A writer that ends gives the lock up and then
// looks once more, so that it sees the journals of all that it kept from taking the
// lock. One that was stopped, or whose disk hangs, holds the room files up: counts are
// late then, and `hushpipe rooms`, which reads the journals, has them. Where the limits
// of processes differ, the writer's bound the room files; the next one makes up for it.
type roomWriter struct {
	active bool     // this process is it
	lock   *os.File // nil: there is no lock to be had, so others may write as well
	d      *dir.Dir
	sizes  map[string]int64 // of the journals at the last look; nil before the first
}

// IsWriter reports whether this process is the one that writes the room files.
func (f *Files) IsWriter() bool { return f.writer.active }

// Keep brings the room files up to date if this process is, or becomes, their
// writer. Any other writes those of the expired days only whose journals it has read
// before they were deleted. The error is as for Refresh.
func (f *Files) Keep(d *dir.Dir, patience time.Duration) error {
	if !f.becomeWriter(d) {
		return f.refreshExpired(d, patience)
	}
	f.markGrown(d)
	return f.Refresh(d, patience)
}

// Finish is Keep at the end of this process. One that has counted nothing
// new has nothing to do. The caller calls Resign then.
func (f *Files) Finish(d *dir.Dir) error {
	if !f.writer.active && !f.ledger.hasWork() {
		return nil
	}
	if f.cfg.Finish && !f.becomeWriter(d) {
		return f.Refresh(d, LockPatience)
	}
	err := f.Keep(d, LockPatience)
	if lock := f.writer.lock; lock != nil && err == nil {
		f.writer.lock = nil
		lock.Close()
		f.markGrown(d)
		err = f.Refresh(d, LockPatience)
	}
	return err
}

// becomeWriter reports whether this process writes the room files from now on. Where
// there is no lock, each process writes them: that costs memory, and room files never
// shrink.
func (f *Files) becomeWriter(d *dir.Dir) bool {
	w := &f.writer
	if w.lock != nil && (w.d != d || !d.LeadsTo(dir.Locks, dir.WriterLock, w.lock)) {
		f.Resign()
	}
	if w.lock == nil {
		lock, err := d.LockWriter()
		if errors.Is(err, dir.ErrLocked) {
			f.Resign()
			return false
		}
		w.active, w.lock, w.d = true, lock, d
	}
	return true
}

// Resign gives the lock of the writer up. The next Refresh drops the unions.
func (f *Files) Resign() {
	if f.writer.lock != nil {
		f.writer.lock.Close()
	}
	f.writer = roomWriter{}
}

// markGrown marks the days whose journals have changed since the last look.
func (f *Files) markGrown(d *dir.Dir) {
	names, err := journalNames(d)
	sizes := map[string]int64{}
	for day, of := range names {
		if err != nil {
			break
		}
		if err = d.Sizes(dir.Journal, of, sizes); err != nil {
			break
		}
		for _, name := range of {
			size, there := sizes[name] // a journal that is gone was folded, as a rule
			if before, known := f.writer.sizes[name]; !there || !known || size != before {
				f.ledger.markDay(day)
			}
		}
	}
	if err != nil {
		f.cfg.Report.Fault("journal", err, "")
		return // the next look sees it
	}
	f.writer.sizes = sizes
}
