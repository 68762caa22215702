package dir

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Lock is a lock that is taken for each batch of lines: its file is opened once. It
// serves one goroutine.
type Lock struct {
	d         *Dir
	sub, name string
	fd        int // -1: not open
	id        unix.Stat_t
	checked   time.Time
	// stuck is set while somebody holds the lock for longer than we wait for it:
	// nobody waits then, until it has been free again.
	stuck bool
	said  bool // that there is no lock to be had
}

// checkLockEvery is how often a lock file that is open is looked up by its name.
const checkLockEvery = time.Minute

// NewLock returns the lock name of sub, for appending lines.
func (d *Dir) NewLock(sub, name string) *Lock { return &Lock{d: d, sub: sub, name: name, fd: -1} }

// Take takes the lock. It reports false where another process has it for longer than
// a second, and from then on at once, until it is free again.
func (l *Lock) Take() bool {
	if err := l.open(); err != nil {
		if !l.said {
			l.said = true
			l.d.lockFault(err)
		}
		return false
	}
	l.said = false
	patience := LockPatience
	if l.stuck {
		patience = 0
	}
	taken, err := take(l.fd, patience)
	l.stuck = !taken
	return taken && err == nil
}

// Release gives the lock up, which Take has taken.
func (l *Lock) Release() { flock(l.fd, unix.LOCK_UN) }

// Close closes its file.
func (l *Lock) Close() {
	if l.fd >= 0 {
		unix.Close(l.fd)
		l.fd = -1
	}
}

// open opens the lock file if it is not open, or not the one of that name any more.
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

// TakeFile takes the lock of an open file, as processes of an earlier version do with
// day files. It waits for another's up to patience, and reports whether it has it.
func TakeFile(f *os.File, patience time.Duration) (bool, error) { return take(int(f.Fd()), patience) }

// ReleaseFile gives the lock of an open file up.
func ReleaseFile(f *os.File) { flock(int(f.Fd()), unix.LOCK_UN) }
