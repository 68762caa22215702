package dir

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// othersBits are the permissions that let users other than the owner create names in a
	// directory; the sticky bit does not prevent that.
	othersBits = unix.S_IWGRP | unix.S_IWOTH
)

var (
	errForeign  = errors.New("its directory holds files that are not hushpipe's; hint: give it a directory of its own, or chown that to the user yourself")
	errNotGiven = errors.New("others could have put it there; hint: remove it, or chown it to the user yourself")
	errThrough  = errors.New("the path leads there by a symbolic link that others could have made; hint: name the directory itself")
	errOpen     = errors.New("everybody can write this directory, and so remove lines and plant keys; hint: chmod o-w it")
)

// othersWrite reports whether users other than this process's and root can create names in
// the directory at.
func othersWrite(at int) bool {
	var st unix.Stat_t
	return fstat(at, &st) != nil || writableByOthers(&st)
}

func writableByOthers(st *unix.Stat_t) bool {
	return st.Uid != 0 && int(st.Uid) != os.Geteuid() || uint32(st.Mode)&othersBits != 0
}

// giveToOwner gives a file that root has just created in the directory at to that
// directory's owner. During a reload, a logger with --user and one without run side by side,
// and both must be able to use each other's files. The owner is looked up after the file
// exists, while HandOver changes the owner first and lists the files afterwards, so that one
// of the two sees the other. If root may not do this, in a container, the file stays root's.
func giveToOwner(at, fd int) {
	var st unix.Stat_t
	if os.Geteuid() == 0 && fstat(at, &st) == nil && st.Uid != 0 {
		_ = unix.Fchown(fd, int(st.Uid), -1)
	}
}

// chownPatience bounds the wait for a file that root is about to give away. It takes a few
// system calls, but on a busy machine the process may have to wait for them.
const chownPatience = 200 * time.Millisecond

// isBeingChowned reports whether an inaccessible file is one that root has just created and
// is about to give to the owner of its directory, see giveToOwner. This happens if a reload
// adds --user together with a new DIR. It waits a moment before it returns true, and returns
// false once chownPatience has passed since began.
func isBeingChowned(at int, name string, began time.Time) bool {
	var dir, st unix.Stat_t
	if time.Since(began) > chownPatience || fstat(at, &dir) != nil || dir.Uid == 0 {
		return false
	}
	switch err := lstat(at, name, &st); {
	case err == unix.ENOENT: // it was a temporary file, renamed meanwhile
		return true
	case err != nil, st.Uid != 0 && st.Uid != dir.Uid, !isRecent(&st):
		return false
	}
	time.Sleep(time.Millisecond)
	return true
}

// isRecent reports whether a file was created or given away within the last second.
func isRecent(st *unix.Stat_t) bool { return time.Since(time.Unix(st.Ctim.Unix())) < time.Second }

// HandOver gives DIR and hushpipe's files in it to the user uid; files of root's group get
// the group gid, all others keep theirs, and setgid bits stay. With dry set it changes
// nothing and only returns what would fail.
//
// It runs as root, while an attacker may work in the same directories. It opens files as
// everywhere in this package, following no link, and changes their owner by descriptor. A
// directory that only root could write to is given away with all of hushpipe's files, but
// not if it holds other files, since its owner could replace them. In a directory that
// already belongs to another user, as to that of an earlier --user, only that user's files
// are given away. A directory reached through a link that others could have created is not
// given away.
//
// The caller takes care of the directories named in below, in DIR or in the key directory.
func (d *Dir) HandOver(uid, gid int, dry bool, below ...string) error {
	var st unix.Stat_t
	err := fstat(d.fd, &st)
	if err == nil && int(st.Uid) != uid {
		err = checkPath(d.path, &st)
	}
	if err != nil {
		return d.Error("chown", "", "", err)
	}
	var errs []error
	began := time.Now()
	// DIR comes last, and missing directories are created: otherwise a root process could
	// create one in the user's DIR, and files in it, before the user owns it.
	for _, sub := range slices.Backward(directories) {
		h := handOver{d: d, sub: sub, uid: uid, gid: gid, dry: dry, began: began, below: below}
		if err := h.directory(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// handOver hands over one directory.
type handOver struct {
	d        *Dir
	sub      string
	uid, gid int
	dry      bool
	began    time.Time
	below    []string

	at  int
	was unix.Stat_t // the directory before it was given away
}

func (h *handOver) directory() error {
	if err := h.checkKeyPath(); err != nil {
		return h.d.Error("chown", Keys, "", err)
	}
	var err error
	if h.at, err = h.d.openSub(h.sub, !h.dry && h.sub != Erased && h.sub != Policies && h.sub != Held && h.sub != Traffic && h.sub != Fleet); err != nil {
		return err
	}
	defer unix.Close(h.at)
	if err = fstat(h.at, &h.was); err != nil {
		return h.d.Error("chown", h.sub, "", err)
	}
	names, err := h.d.Names(h.sub)
	if err != nil {
		return err
	}
	if int(h.was.Uid) == h.uid {
		return h.files(names)
	}
	for _, name := range names {
		if !IsOwn(h.sub, name) && !h.isBelow(name) {
			return h.d.Error("chown", h.sub, name, errForeign)
		}
	}
	if err := h.files(names); err != nil {
		return err
	}
	if err = h.give(h.at, &h.was); err != nil {
		return h.d.Error("chown", h.sub, "", err)
	}
	// Files that a root process created before it could see the new owner may be renamed
	// between listing and use, once.
	for range 2 {
		if names, err = h.d.Names(h.sub); err == nil {
			err = h.files(names)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isBelow reports whether name is a directory that the caller hands over.
func (h *handOver) isBelow(name string) bool {
	return (h.sub == "" || h.sub == Keys && h.d.keys != "") && slices.Contains(h.below, name)
}

// checkKeyPath is checkPath for a key directory outside DIR, unless the user owns it
// already.
func (h *handOver) checkKeyPath() error {
	if h.d.keys == "" || h.sub != Keys && h.sub != KeyLocks {
		return nil
	}
	at, err := h.d.openSub(Keys, false)
	if err != nil {
		return nil // it will be created, or handing it over reports why it cannot be opened
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := fstat(at, &st); err != nil || int(st.Uid) == h.uid {
		return err
	}
	return checkPath(h.d.keys, &st)
}

// checkPath returns an error if a path leads to the directory opened by it through a link
// that users other than root could have created: to an empty directory in /etc, say, or to
// one of backups named by day.
func checkPath(path string, opened *unix.Stat_t) error {
	const directory = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW
	at, err := openat(unix.AT_FDCWD, ".", directory, 0)
	if err != nil {
		return err
	}
	defer func() { unix.Close(at) }()
	for rest, links := path, 0; rest != ""; {
		name := "/"
		if rest[0] != '/' {
			name, rest, _ = strings.Cut(rest, "/")
		}
		rest = strings.TrimLeft(rest, "/")
		next, err := openat(at, name, directory, 0)
		if err == nil {
			unix.Close(at)
			at = next
			continue
		}
		var target [4096]byte
		n, noLink := unix.Readlinkat(at, name, target[:])
		switch links++; {
		case noLink != nil:
			return err
		case othersWrite(at) || links > 40: // Linux's limit, path_resolution(7)
			return errThrough
		}
		rest = string(target[:n]) + "/" + rest
	}
	var st unix.Stat_t
	if err := fstat(at, &st); err != nil {
		return err
	}
	if st.Dev != opened.Dev || st.Ino != opened.Ino {
		return errThrough // replaced meanwhile
	}
	return nil
}

func (h *handOver) files(names []string) error {
	var errs []error
	for _, name := range names {
		if IsOwn(h.sub, name) {
			errs = append(errs, h.d.Error("chown", h.sub, name, h.file(name)))
		}
	}
	return errors.Join(errs...)
}

// file gives away one file. A file that is gone by now is skipped.
func (h *handOver) file(name string) error {
	var st unix.Stat_t
	if err := lstat(h.at, name, &st); err != nil {
		return ifGone(err)
	}
	switch {
	case int(st.Uid) == h.uid && fileType(&st) == unix.S_IFREG:
		return nil
	case h.sub == "" && slices.Contains(directories, name), h.sub == Keys && name == Locks:
		return nil // handled on its own
	case IsTemp(name) && fileType(&st) == unix.S_IFDIR:
		return nil // makeDir is creating it, and gives it away
	case h.sub == "" && name == LinkName, IsTemp(name) && fileType(&st) == unix.S_IFLNK:
		return nil // replacing a link needs only the directory
	case IsTemp(name) && int(h.was.Uid) == h.uid:
		return nil // root is writing it, and will give it away
	}
	fd, err := openFile(h.at, name, unix.O_RDONLY, 0)
	if err != nil {
		return ifGone(err)
	}
	defer unix.Close(fd)
	if err := fstat(fd, &st); err != nil {
		return err
	}
	for int(h.was.Uid) == h.uid && st.Uid == 0 && isBeingChowned(h.at, name, h.began) {
		if err := fstat(fd, &st); err != nil || st.Nlink == 0 {
			return err
		}
	}
	switch {
	case int(st.Uid) == h.uid && int(h.was.Uid) == h.uid:
		return nil
	case !writableByOthers(&h.was):
	case st.Uid == h.was.Uid && st.Uid != 0 && st.Nlink == 1:
	default:
		return errNotGiven
	}
	return h.give(fd, &st)
}

func ifGone(err error) error {
	if err == unix.ENOENT {
		return nil
	}
	return err
}

// give changes the owner of the file open at fd.
func (h *handOver) give(fd int, st *unix.Stat_t) error {
	if h.dry {
		return nil
	}
	gid := -1
	if st.Gid == 0 {
		gid = h.gid
	}
	return unix.Fchown(fd, h.uid, gid)
}
