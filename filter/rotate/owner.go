package rotate

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
	// othersBits are the permissions by which others than the owner make names
	// in a directory; its sticky bit keeps nobody from making one.
	othersBits = unix.S_IWGRP | unix.S_IWOTH

	// ExposedSuffix is what markExposed adds to the name of a secret.
	ExposedSuffix = ".exposed"
)

var (
	errForeign  = errors.New("its directory holds files that are not hushpipe's; hint: give it a directory of its own, or chown that to the user yourself")
	errNotGiven = errors.New("others could have put it there; hint: remove it, or chown it to the user yourself")
	errThrough  = errors.New("the path leads there by a symbolic link that others could have made; hint: name the directory itself")
	errOpen     = errors.New("everybody can write this directory, and so remove lines and plant keys; hint: chmod o-w it")
)

// othersWrite reports whether anybody but the process's user and root can make
// names in the directory at.
func othersWrite(at int) bool {
	var st unix.Stat_t
	return fstat(at, &st) != nil || isOthers(&st)
}

func isOthers(st *unix.Stat_t) bool {
	return st.Uid != 0 && int(st.Uid) != os.Geteuid() || uint32(st.Mode)&othersBits != 0
}

// giveToOwner gives what root has just made in the directory at to the owner of
// that. At a reload a logger with --user and one without work side by side, and
// the files of both must be of use to both. The owner is looked up after the
// file is there: HandOver changes it first and lists the files then, so that one
// of the two sees the other. Where root may not do this, in a container, the
// file stays root's.
func giveToOwner(at, fd int) {
	var st unix.Stat_t
	if os.Geteuid() == 0 && fstat(at, &st) == nil && st.Uid != 0 {
		_ = unix.Fchown(fd, int(st.Uid), -1)
	}
}

// giving bounds the wait for what root is about to give away. It takes a system call
// or a few more, but on a busy machine the process may have to wait for them.
const giving = 200 * time.Millisecond

// isBeingGiven reports whether a file that could not be used is one that root has just
// made and is giving to the owner of its directory, see giveToOwner: both start at
// the same time where a reload brings in --user together with a new DIR. It waits a
// moment before it says yes, and says no once giving has passed since began.
func isBeingGiven(at int, name string, began time.Time) bool {
	var dir, st unix.Stat_t
	if time.Since(began) > giving || fstat(at, &dir) != nil || dir.Uid == 0 {
		return false
	}
	switch err := lstat(at, name, &st); {
	case err == unix.ENOENT: // it was one in the making, and has its name now
		return true
	case err != nil, st.Uid != 0 && st.Uid != dir.Uid, !isFresh(&st):
		return false
	}
	time.Sleep(time.Millisecond)
	return true
}

// isFresh reports whether a file was made or given away within the last second.
func isFresh(st *unix.Stat_t) bool { return time.Since(time.Unix(st.Ctim.Unix())) < time.Second }

// CheckOpen returns an error for the directories that everybody can write.
func (d *Dir) CheckOpen() error {
	for _, sub := range directories {
		at, err := d.openSub(sub, false)
		if err != nil {
			continue // it comes up where the directory is used
		}
		var st unix.Stat_t
		err = fstat(at, &st)
		unix.Close(at)
		if err == nil && uint32(st.Mode)&unix.S_IWOTH != 0 {
			return d.fault("check", sub, "", errOpen)
		}
	}
	return nil
}

// markExposed notes beside a key, or another secret, that others could read it:
// as an empty file that is deleted with its day.
func (d *Dir) markExposed(sub, name string) {
	f, err := d.OpenFile(sub, name+ExposedSuffix, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		d.notify(err.Error())
		return
	}
	f.Close()
}

// tighten takes the access of others away from the keys or journals in sub, and
// reports it. A restored backup, say, has loosened them while a logger runs, which
// reads a key once.
func (d *Dir) tighten(sub, what string) {
	d.loose(sub, 0o777&^secretMode, func(at int, name string, mode uint32) {
		if !strings.HasSuffix(name, ExposedSuffix) {
			d.tightenFile(at, sub, name, what, mode)
		}
	})
}

func (d *Dir) tightenFile(at int, sub, name, what string, mode uint32) {
	fd, err := openFile(at, name, unix.O_RDONLY, 0)
	if err == nil {
		err = again(func() error { return unix.Fchmod(fd, secretMode) })
		unix.Close(fd)
	}
	switch {
	case err == unix.ENOENT: // deleted meanwhile
		return
	case err != nil:
		d.say(sub, name, "others can read this %s (mode %04o): set it to 0600 by hand", what, mode)
	default:
		d.say(sub, name, "others could read this %s (mode %04o): set to 0600", what, mode)
	}
	if sub != Journal {
		d.markExposed(sub, name)
	}
}

// tightenRoomSecret is tighten for the secret of the room hashes, which bears no day.
func (d *Dir) tightenRoomSecret() {
	var st unix.Stat_t
	if !d.create || lstat(d.fd, RoomSecret, &st) != nil || fileType(&st) != unix.S_IFREG {
		return
	}
	if mode := uint32(st.Mode) & 0o777; mode&^secretMode != 0 {
		d.tightenFile(d.fd, "", RoomSecret, "key", mode)
	}
}

// tightenLocks shuts others out of a directory of locks that is there.
func (d *Dir) tightenLocks(sub string) {
	at, err := d.openSub(sub, false)
	if err != nil {
		return // it is reported where it is used
	}
	unix.Close(at)
	if at, err = d.openSub(sub, true); err != nil {
		d.notify(err.Error())
		return
	}
	unix.Close(at)
}

// warnLoose reports day files that everybody can read or write. Their modes stay:
// an operator may have given them.
func (d *Dir) warnLoose(sub string, bits uint32, verb string) {
	var names []string
	d.loose(sub, bits, func(_ int, name string, _ uint32) { names = append(names, name) })
	switch n := len(names); {
	case n == 1:
		d.say(sub, names[0], "everybody can %s this file: chmod o= it", verb)
	case n > 1:
		d.say(sub, names[0], "everybody can %s this file and %d more: chmod o= them", verb, n-1)
	}
}

// loose calls do for the regular files of sub that have any of the bits in their
// modes and bear a day.
func (d *Dir) loose(sub string, bits uint32, do func(at int, name string, mode uint32)) {
	names, err := d.Names(sub)
	if err != nil || !d.create {
		return // it is reported where files are deleted
	}
	at, err := d.openSub(sub, false)
	if err != nil {
		return
	}
	defer unix.Close(at)
	for _, name := range names {
		_, dated := FileDay(sub, name)
		if sub == Rooms {
			_, dated = datedName(name, roomsPrefix)
		}
		var st unix.Stat_t
		if dated && lstat(at, name, &st) == nil && fileType(&st) == unix.S_IFREG && uint32(st.Mode)&bits != 0 {
			do(at, name, uint32(st.Mode)&0o777)
		}
	}
}

// HandOver gives DIR and what hushpipe has made in it to the user uid, and what
// has root's group to the group gid: any other stays, as does a setgid bit. more
// names files of DIR itself that are not this package's. With dry it only tells
// what would go wrong.
//
// It is for root, and hostile hands may work in the same directories meanwhile.
// Everything is opened as any other file here, with no link followed, and given
// away by its descriptor. A directory that root alone could write until now is
// given away with all of hushpipe's files, but not if there are others in it:
// whoever has a directory can replace them. Of one that belongs to another user
// already, say the one of an earlier --user, only that user's own files are. One
// that a link leads to is not given away if others could have made the link.
func (d *Dir) HandOver(uid, gid int, more []string, dry bool) error {
	var st unix.Stat_t
	err := fstat(d.fd, &st)
	if err == nil && int(st.Uid) != uid {
		err = reached(d.path, &st)
	}
	if err != nil {
		return d.fault("chown", "", "", err)
	}
	var errs []error
	began := time.Now()
	// DIR comes last, and the directories in it are made: a root process that
	// makes one in a DIR of the user has files in it before the user has it.
	for _, sub := range slices.Backward(directories) {
		h := handOver{d: d, sub: sub, more: more, uid: uid, gid: gid, dry: dry, began: began}
		if err := h.directory(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// handOver is the work on one directory.
type handOver struct {
	d        *Dir
	sub      string
	more     []string
	uid, gid int
	dry      bool
	began    time.Time

	at  int
	was unix.Stat_t // the directory, before it was given away
}

func (h *handOver) directory() error {
	if err := h.reached(); err != nil {
		return h.d.fault("chown", keys, "", err)
	}
	var err error
	if h.at, err = h.d.openSub(h.sub, !h.dry && h.sub != Erased); err != nil {
		return err
	}
	defer unix.Close(h.at)
	if err = fstat(h.at, &h.was); err != nil {
		return h.d.fault("chown", h.sub, "", err)
	}
	names, err := h.d.Names(h.sub)
	if err != nil {
		return err
	}
	if int(h.was.Uid) == h.uid {
		return h.files(names)
	}
	for _, name := range names {
		if !h.own(name) {
			return h.d.fault("chown", h.sub, name, errForeign)
		}
	}
	if err := h.files(names); err != nil {
		return err
	}
	if err = h.give(h.at, &h.was); err != nil {
		return h.d.fault("chown", h.sub, "", err)
	}
	// What a root process made before it could see the new owner may be renamed
	// between a listing and its use, once.
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

// reached looks how the path of another key directory leads there, unless that is
// the user's already.
func (h *handOver) reached() error {
	if h.d.keys == "" || h.sub != keys && h.sub != keyLocks {
		return nil
	}
	at, err := h.d.openSub(keys, false)
	if err != nil {
		return nil // it is to be made, or the work on it says why
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := fstat(at, &st); err != nil || int(st.Uid) == h.uid {
		return err
	}
	return reached(h.d.keys, &st)
}

// reached returns an error where a path leads to the directory that was opened by
// it through a link that others than root could have made: to an empty directory
// in /etc, say, or to one of backups named by day.
func reached(path string, opened *unix.Stat_t) error {
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
		case othersWrite(at) || links > 40: // Linux's bound, path_resolution(7)
			return errThrough
		}
		rest = string(target[:n]) + "/" + rest
	}
	var st unix.Stat_t
	if err := fstat(at, &st); err != nil {
		return err
	}
	if st.Dev != opened.Dev || st.Ino != opened.Ino {
		return errThrough // it was replaced meanwhile
	}
	return nil
}

func (h *handOver) files(names []string) error {
	var errs []error
	for _, name := range names {
		if h.own(name) {
			errs = append(errs, h.d.fault("chown", h.sub, name, h.file(name)))
		}
	}
	return errors.Join(errs...)
}

// file gives away one file. One that is gone by now is none.
func (h *handOver) file(name string) error {
	var st unix.Stat_t
	if err := lstat(h.at, name, &st); err != nil {
		return ifGone(err)
	}
	switch {
	case int(st.Uid) == h.uid && fileType(&st) == unix.S_IFREG:
		return nil
	case h.sub == "" && slices.Contains(directories, name), h.sub == keys && name == Locks:
		return nil // has its own turn
	case IsTemp(name) && fileType(&st) == unix.S_IFDIR:
		return nil // makeDir is making it, and gives it away
	case h.sub == "" && name == linkName, IsTemp(name) && fileType(&st) == unix.S_IFLNK:
		return nil // to replace a link it takes the directory
	case IsTemp(name) && int(h.was.Uid) == h.uid:
		return nil // root is making it, and will give it away
	}
	fd, err := openFile(h.at, name, unix.O_RDONLY, 0)
	if err != nil {
		return ifGone(err)
	}
	defer unix.Close(fd)
	if err := fstat(fd, &st); err != nil {
		return err
	}
	for int(h.was.Uid) == h.uid && st.Uid == 0 && isBeingGiven(h.at, name, h.began) {
		if err := fstat(fd, &st); err != nil || st.Nlink == 0 {
			return err
		}
	}
	switch {
	case int(st.Uid) == h.uid && int(h.was.Uid) == h.uid:
		return nil
	case !isOthers(&h.was):
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

// give gives away what is open at fd.
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

// own reports whether a file in the directory bears one of hushpipe's names.
func (h *handOver) own(name string) bool {
	name = strings.TrimSuffix(name, ExposedSuffix)
	if IsTemp(name) || name == cacheTagName {
		return true
	}
	switch h.sub {
	case "":
		switch name {
		case linkName, clockName, keepName:
			return true
		}
		if slices.Contains(directories, name) || slices.Contains(h.more, name) {
			return true
		}
	case keys:
		switch name {
		case keepName, Locks, clockName: // earlier versions wrote a clock there
			return true
		}
	case Locks, keyLocks:
		return isLock(name)
	case Rooms: // an operator's copies stay there, too
		_, dated := datedName(name, roomsPrefix)
		return dated
	case Status:
		return strings.HasSuffix(name, ".json") || strings.HasSuffix(name, LockSuffix)
	}
	_, dated := FileDay(h.sub, name)
	return dated
}
