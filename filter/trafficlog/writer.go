package trafficlog

import (
	"errors"
	"os"

	"hushpipe/filter/dir"
)

// writer is the role of the one process on DIR that writes the traffic files, like the
// writer of the room files (see package counts). It has its own lock, since the writer of
// the room files may not count traffic.
type writer struct {
	active bool     // this process is the writer
	lock   *os.File // nil: locking does not work here, so other processes may write as well
	d      *dir.Dir
}

// Update is Refresh if this process is, or becomes, the writer.
func (f *Files) Update(d *dir.Dir) error {
	if !f.becomeWriter(d) {
		return f.retry(d)
	}
	return f.Refresh(d)
}

// retry writes the files of expired days that could not be written before.
func (f *Files) retry(d *dir.Dir) error { return f.refresh(d, 1, 0) }

// Finish is Update at the end of this process. If another process is the writer, it does the
// work within a minute; now is set if somebody waits, and then this process does it.
func (f *Files) Finish(d *dir.Dir, now bool) error {
	if !f.becomeWriter(d) && !now {
		return f.retry(d)
	}
	err := f.Refresh(d)
	if f.release() && err == nil { // processes that failed to get the lock have left their figures to this one
		err = f.Refresh(d)
	}
	f.Resign()
	return err
}

// becomeWriter reports whether this process is the writer from now on.
func (f *Files) becomeWriter(d *dir.Dir) bool {
	f.mu.Lock()
	w := &f.writer
	if w.lock != nil && (w.d != d || !d.LeadsTo(dir.Locks, dir.TrafficLock, w.lock)) {
		w.lock.Close()
		f.writer = writer{}
	}
	var err error
	if w.lock == nil {
		w.lock, err = d.LockTraffic()
	}
	w.active, w.d = !errors.Is(err, dir.ErrLocked), d
	f.mu.Unlock()
	if !w.active {
		f.Resign()
	}
	return w.active
}

// release releases the lock, and reports whether there was one.
func (f *Files) release() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	lock := f.writer.lock
	if lock != nil {
		lock.Close()
	}
	f.writer.lock = nil
	return lock != nil
}

// Resign ends the role of writer, and drops the state that only the writer needs, but not
// figures of expired days.
func (f *Files) Resign() {
	f.release()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writer = writer{}
	for day := range f.unions {
		if !f.behind[day] || day >= f.cfg.Window().First {
			delete(f.unions, day)
			delete(f.behind, day)
		}
	}
	clear(f.sizes)
}
