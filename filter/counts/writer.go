package counts

import (
	"errors"
	"os"
	"time"

	"hushpipe/filter/dir"
)

// roomWriter is the role of the one process on DIR that writes the room files. It holds
// the lock writer in DIR/.lock for as long as it lives, and it alone keeps the unions
// of the open days in memory. The other processes write only their journals, and try
// once a minute to take over.
//
// Once a minute the writer checks which journals have grown, whoever wrote them. A
// process that has just taken the lock starts with all days, since the previous writer
// may have been killed.
//
// A process that ends while another holds the lock leaves its counts to that writer:
// they are in its journals before it tries the lock. A writer that ends releases the
// lock and then checks once more, so that it sees the journals of every process that
// failed to get the lock from it. A stopped writer, or one whose disk hangs, delays the
// room files; `hushpipe rooms` reads the journals and is not affected. If the processes
// have different limits, the writer's apply to the room files; the next writer makes up
// for it.
type roomWriter struct {
	active bool     // this process is the writer
	lock   *os.File // nil: locking does not work here, so other processes may write as well
	d      *dir.Dir
	sizes  map[string]int64 // of the journals at the last check; nil before the first
}

// IsWriter reports whether this process writes the room files.
func (f *Files) IsWriter() bool { return f.writer.active }

// Keep updates the room files if this process is, or becomes, their writer. Any other
// process only writes those of expired days whose journals it read before they were
// deleted. Errors are those of Refresh.
func (f *Files) Keep(d *dir.Dir, patience time.Duration) error {
	if !f.becomeWriter(d) {
		return f.refreshExpired(d, patience)
	}
	f.markGrown(d)
	return f.Refresh(d, patience)
}

// Finish is Keep at the end of this process, followed by Resign in the caller. It does
// nothing if this process has counted nothing new. With Config.Finish it writes the
// room files even if another process is the writer.
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

// becomeWriter reports whether this process is the writer from now on. If locking does
// not work, every process writes the room files: that costs memory, but does no harm,
// since room files never shrink.
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

// Resign releases the writer's lock. The next Refresh drops the unions.
func (f *Files) Resign() {
	if f.writer.lock != nil {
		f.writer.lock.Close()
	}
	f.writer = roomWriter{}
}

// markGrown marks the days whose journals have changed since the last call.
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
			size, there := sizes[name] // a missing journal was usually folded
			if before, known := f.writer.sizes[name]; !there || !known || size != before {
				f.ledger.markDay(day)
			}
		}
	}
	if err != nil {
		f.cfg.Report.Fault("journal", err, "")
		return // the next call finds the change
	}
	f.writer.sizes = sizes
}
