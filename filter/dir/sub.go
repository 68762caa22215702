package dir

import (
	"time"

	"golang.org/x/sys/unix"
)

// Sub is one opening of a directory in DIR, for deleting files: all calls affect that
// directory, even if another one takes its place meanwhile. The errors of its methods are
// system errors without a path.
type Sub struct {
	d    *Dir
	name string
	fd   int
}

// OpenSub opens a directory in DIR. It creates nothing.
func (d *Dir) OpenSub(sub string) (Sub, error) {
	fd, err := d.openSub(sub, false)
	return Sub{d, sub, fd}, err
}

// Close closes the directory.
func (s Sub) Close() { unix.Close(s.fd) }

// Modified returns the modification time of the file name.
func (s Sub) Modified(name string) (time.Time, error) {
	var st unix.Stat_t
	if err := lstat(s.fd, name, &st); err != nil {
		return time.Time{}, err
	}
	return time.Unix(st.Mtim.Unix()), nil
}

// ErasedTime is the modification time given to an open log file when its lines are erased.
// The processes that write to it recognize it, and start a new file.
var ErasedTime = time.Unix(0, 0)

// Touch sets the modification time of a file. It opens the file, since a confined process
// cannot change times by name.
func (s Sub) Touch(name string, now time.Time) error {
	var fd int
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Openat(s.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return setTime(fd, now)
}

// Remove deletes a file. Secrets are overwritten first.
func (s Sub) Remove(name string) error {
	return s.explain(name, s.remove(name))
}

// explain returns errIsDir if the file is a directory: the system's error for that is EISDIR
// or EPERM, depending on the system.
func (s Sub) explain(name string, err error) error {
	var st unix.Stat_t
	if err != nil && lstat(s.fd, name, &st) == nil && fileType(&st) == unix.S_IFDIR {
		return errIsDir
	}
	return err
}

func (s Sub) remove(name string) error {
	if s.name == Keys || s.name == Fleet || s.name == "" && name == SeedName {
		return shred(s.fd, name)
	}
	return remove(s.fd, name)
}

// tempGrace is far longer than it takes to create and rename a directory.
const tempGrace = time.Minute

// Sweep removes the temporary file name unless a process is still writing it.
func (s Sub) Sweep(name string) (removed bool, err error) {
	fd, err := openFile(s.fd, name, unix.O_RDONLY, 0)
	switch err {
	case nil:
		defer unix.Close(fd)
		if taken, _ := take(fd, 0); !taken {
			return false, nil
		}
	case errSymlink: // ReplaceLink creates it under a lock
		unlock, err := s.d.Acquire(Locks, LinkLock, "", 0)
		if err != nil {
			return false, nil
		}
		defer unlock()
	case errIrregular: // perhaps a directory that makeDir is about to rename
		var st unix.Stat_t
		if lstat(s.fd, name, &st) != nil || time.Since(time.Unix(st.Mtim.Unix())) < tempGrace {
			return false, nil
		}
		err = ignoringEINTR(func() error { return unix.Unlinkat(s.fd, name, unix.AT_REMOVEDIR) })
		return err == nil, s.explain(name, err)
	default:
		return false, s.explain(name, err)
	}
	err = s.remove(name) // it may hold a key
	return err == nil, s.explain(name, err)
}
