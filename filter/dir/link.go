package dir

import (
	"errors"

	"golang.org/x/sys/unix"
)

var errNoLink = errors.New("is not a symbolic link; hint: move it away")

// ReadLink returns the target of a symbolic link in DIR.
func (d *Dir) ReadLink(name string) (target string, err error) {
	var st unix.Stat_t
	if err := lstat(d.fd, name, &st); err != nil {
		return "", d.Error("link", "", name, err)
	}
	if fileType(&st) != unix.S_IFLNK {
		return "", d.Error("link", "", name, errNoLink)
	}
	var buf [64]byte
	n, err := unix.Readlinkat(d.fd, name, buf[:])
	if err != nil {
		return "", d.Error("link", "", name, err)
	}
	return string(buf[:n]), nil
}

// ReplaceLink creates or replaces a symbolic link in DIR, atomically. The caller holds
// LinkLock, so that Sweep can tell a leftover from a link being created.
func (d *Dir) ReplaceLink(name, target string) error {
	temp := tempName()
	err := ignoringEINTR(func() error { return unix.Symlinkat(target, d.fd, temp) })
	if err == nil {
		err = ignoringEINTR(func() error { return unix.Renameat(d.fd, temp, d.fd, name) })
	}
	if err != nil {
		remove(d.fd, temp)
	}
	return d.Error("link", "", name, err)
}
