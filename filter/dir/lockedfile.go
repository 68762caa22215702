package dir

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// OpenLocked is OpenFile for a file that one process uses at a time: it is locked until it
// is closed, at the latest when the process ends. The error is ErrLocked if another process
// has it, and fs.ErrNotExist if it was deleted before it could be locked, even if this call
// created it.
func (d *Dir) OpenLocked(sub, name string, flag int) (*os.File, error) {
	f, err := d.OpenFile(sub, name, flag)
	if err != nil {
		return nil, err
	}
	err = flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		err = ErrLocked
	}
	var st unix.Stat_t
	if err == nil {
		err = fstat(int(f.Fd()), &st)
	}
	if err == nil && st.Nlink == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, d.Error("lock", sub, name, err)
	}
	return f, nil
}

// CreateFile creates or replaces a file in sub with the contents that fill writes: after a
// crash, all of it is on the disk or nothing. An error of fill is returned, and leaves
// nothing either.
func (d *Dir) CreateFile(sub, name string, fill func(*os.File) error) error {
	at, err := d.openSub(sub, true)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	err = renameTemp(at, modeIn(sub, name), isDurable(sub), fill, func(temp string) error { return rename(at, temp, name) })
	return d.Error("create", sub, name, err)
}

// RewriteFile is CreateFile for a file that replaces old: it keeps the mode and group, which
// the operator may have chosen.
func (d *Dir) RewriteFile(sub, name string, old os.FileInfo, fill func(*os.File) error) error {
	return d.CreateFile(sub, name, func(f *os.File) error {
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
		if st, ok := old.Sys().(*syscall.Stat_t); ok {
			_ = f.Chown(-1, int(st.Gid))
		}
		return fill(f)
	})
}

// Rename renames a file within sub, replacing a file of that name.
func (d *Dir) Rename(sub, from, to string) error {
	at, err := d.openSub(sub, false)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return d.Error("rename", sub, from, rename(at, from, to))
}

// LeadsTo reports whether a name in DIR still leads to the open file held. If that cannot be
// determined, it returns true.
func (d *Dir) LeadsTo(sub, name string, held *os.File) bool {
	f, err := d.OpenFile(sub, name, os.O_RDONLY)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrRemoved)
	}
	defer f.Close()
	there, err := f.Stat()
	here, err2 := held.Stat()
	return err == nil && err2 == nil && os.SameFile(there, here)
}
