package trafficlog

import (
	"errors"
	"os"

	"hushpipe/filter/dir"
)

// Of the processes on DIR that count traffic one writes the files of the days, as one
// writes the room files (see package counts). It has a lock of its own: the process that
// writes the room files may be one that counts no traffic.
type writer struct {
	active bool     // this process is it
	lock   *os.File // nil: there is no lock to be had, so others may write as well
	d      *dir.Dir
}

// Update is Refresh if this process is, or becomes, the one that writes the files.
func (f *Files) Update(d *dir.Dir) error {
	if !f.becomeWriter(d) {
		return f.retry(d)
	}
	return f.Refresh(d)
}

// retry writes the files of expired days that could not be written before.
func (f *Files) retry(d *dir.Dir) error { return f.refresh(d, 1, 0) }

// Finish is Update at the end of this process. Where another one writes the files, it is
// left to that, which does so within a minute, unless now says that somebody waits.
func (f *Files) Finish(d *dir.Dir, now bool) error {
	if !f.becomeWriter(d) && !now {
		return f.retry(d)
	}
	err := f.Refresh(d)
	if f.release() && err == nil { // who found the lock taken has left its figures to this process
		err = f.Refresh(d)
	}
	f.Resign()
	return err
}

// becomeWriter reports whether this process writes the files from now on.
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

// release gives the lock up, and reports whether there was one.
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

// Resign gives the writing of files up, and drops what only that needs: not what is left
// of expired days.
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
