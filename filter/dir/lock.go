package dir

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Lock is a lock that is taken for each batch of lines, so its file stays open. One
// goroutine uses it.
type Lock struct {
	d         *Dir
	sub, name string
	fd        int // -1: not open
	id        unix.Stat_t
	checked   time.Time
	// stuck is set while another process holds the lock for longer than LockPatience: then
	// nobody waits until it has been free again.
	stuck    bool
	reported bool // that locking does not work
}

// checkLockEvery is how often an open lock file is looked up by its name.
const checkLockEvery = time.Minute

// NewLock returns the lock name in sub.
func (d *Dir) NewLock(sub, name string) *Lock { return &Lock{d: d, sub: sub, name: name, fd: -1} }

// Take takes the lock. It returns false if another process holds it for longer than a
// second, and from then on at once, until the lock is free again.
func (l *Lock) Take() bool {
	if err := l.open(); err != nil {
		l.stuck = false
		if !l.reported {
			l.reported = true
			l.d.lockFault(err)
		}
		return false
	}
	l.reported = false
	patience := LockPatience
	if l.stuck {
		patience = 0
	}
	taken, err := take(l.fd, patience)
	l.stuck = !taken && err == nil
	return taken && err == nil
}

// IsHeld reports whether the last Take failed because another process holds the lock.
func (l *Lock) IsHeld() bool { return l.stuck }

// Release releases the lock.
func (l *Lock) Release() { flock(l.fd, unix.LOCK_UN) }

// Close closes the lock's file.
func (l *Lock) Close() {
	if l.fd >= 0 {
		unix.Close(l.fd)
		l.fd = -1
	}
}

// open opens the lock file if it is not open, or if its name now leads to another file.
func (l *Lock) open() error {
	now := time.Now()
	if l.fd >= 0 {
		if now.Sub(l.checked) < checkLockEvery {
			return nil
		}
		at, err := l.d.openSub(l.sub, false)
		if err == nil {
			var st unix.Stat_t
			err = lstat(at, l.name, &st)
			unix.Close(at)
			if err == nil && st.Ino == l.id.Ino && st.Dev == l.id.Dev {
				l.checked = now
				return nil
			}
		}
		l.Close()
	}
	fd, err := l.d.openLock(l.sub, l.name)
	if err != nil {
		return err
	}
	l.fd, l.checked, l.stuck = fd, now, false
	return fstat(fd, &l.id)
}

// LockFile locks an open file, as processes of an earlier version do with day files. It
// waits up to patience, and reports whether it has the lock.
func LockFile(f *os.File, patience time.Duration) (bool, error) { return take(int(f.Fd()), patience) }

// UnlockFile releases the lock of LockFile.
func UnlockFile(f *os.File) { flock(int(f.Fd()), unix.LOCK_UN) }
