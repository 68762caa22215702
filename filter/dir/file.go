package dir

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrRemoved is returned if the open directory no longer exists: call Open again.
	ErrRemoved = errors.New("its directory was removed, or holds no files; hint: make it again, or name another")

	errSymlink    = errors.New("is a symbolic link; hint: remove it")
	errIrregular  = errors.New("is not a regular file; hint: remove it")
	errNoDir      = errors.New("is not a directory; hint: remove it")
	errIsDir      = errors.New("is a directory; hint: remove it")
	errNotRegular = errors.New("is not a regular file; hint: name another")
	errTooLarge   = errors.New("is too large to be hushpipe's; hint: remove it")
	errLinked     = errors.New("has another name (a hard link), and others can write its directory; hint: remove it")
)

const (
	fileMode   = 0o640
	secretMode = 0o600
	publicMode = 0o644
	dirMode    = 0o750
	locksMode  = 0o700
)

// ignoringEINTR repeats a call that was interrupted by a signal, as package os does.
func ignoringEINTR(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

func openat(at int, name string, flag int, mode uint32) (fd int, err error) {
	err = ignoringEINTR(func() error {
		fd, err = unix.Openat(at, name, flag|unix.O_CLOEXEC, mode)
		return err
	})
	return fd, err
}

func flock(fd, how int) error {
	return ignoringEINTR(func() error { return unix.Flock(fd, how) })
}

// lstat does not follow a symbolic link.
func lstat(at int, name string, st *unix.Stat_t) error {
	return ignoringEINTR(func() error { return unix.Fstatat(at, name, st, unix.AT_SYMLINK_NOFOLLOW) })
}

func fstat(fd int, st *unix.Stat_t) error {
	return ignoringEINTR(func() error { return unix.Fstat(fd, st) })
}

func fileType(st *unix.Stat_t) uint32 { return uint32(st.Mode) & unix.S_IFMT }

// wrongType returns an error for a file that is not of the wanted type.
func wrongType(st *unix.Stat_t, want uint32) error {
	switch got := fileType(st); {
	case got == want:
		return nil
	case got == unix.S_IFLNK:
		return errSymlink
	case want == unix.S_IFDIR:
		return errNoDir
	}
	return errIrregular
}

// openFile opens a regular file in the directory at, and nothing else: it follows no link,
// and O_NONBLOCK makes open return for a FIFO. A file that it creates gets mode, whatever
// the umask, and the owner of its directory if root creates it; an existing file keeps both.
// A file with a second hard link is refused if users other than this one and root could have
// created this one; elsewhere, backup tools create such links.
func openFile(at int, name string, flag int, mode uint32) (fd int, err error) {
	flag |= unix.O_NOFOLLOW | unix.O_NONBLOCK
	exclusive := flag&unix.O_EXCL != 0
	created := false
	// Opening and creating are separate steps, to know who sets the mode. Both fail if the
	// file appears and vanishes between them.
	began := time.Now()
	for range 8 {
		if !exclusive {
			fd, err = openat(at, name, flag&^unix.O_CREAT, 0)
			for err == unix.EACCES && isBeingChowned(at, name, began) {
				fd, err = openat(at, name, flag&^unix.O_CREAT, 0)
			}
			if err != unix.ENOENT || flag&unix.O_CREAT == 0 {
				break
			}
		}
		fd, err = openat(at, name, flag|unix.O_EXCL, mode)
		created = err == nil
		if exclusive || err != unix.EEXIST {
			break
		}
	}
	var st unix.Stat_t
	if err != nil {
		if err == unix.ENOENT && flag&unix.O_CREAT != 0 {
			return -1, ErrRemoved
		}
		// The error for a link is ELOOP or EMLINK, depending on the system; for a FIFO,
		// ENXIO.
		switch gone := lstat(at, name, &st); {
		case gone == unix.ENOENT && (err == unix.ELOOP || err == unix.EMLINK):
			return -1, gone // ReplaceLink renamed the link meanwhile
		case gone == nil:
			if refused := wrongType(&st, unix.S_IFREG); refused != nil {
				return -1, refused
			}
		}
		return -1, err
	}
	if err = fstat(fd, &st); err == nil {
		err = wrongType(&st, unix.S_IFREG)
	}
	if err == nil && st.Nlink > 1 && othersWrite(at) {
		err = errLinked
	}
	if err == nil && created {
		giveToOwner(at, fd)
	}
	if err == nil && created && uint32(st.Mode)&0o777 != mode {
		err = ignoringEINTR(func() error { return unix.Fchmod(fd, mode) })
	}
	if err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openDir opens the directory name in at; follow is O_NOFOLLOW or 0. With create, it creates
// a missing directory with mode perm, but not its parents.
func openDir(at int, name string, follow int, create bool, perm uint32) (int, error) {
	began := time.Now()
	fd, err := openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|follow, 0)
	for err == unix.EACCES && isBeingChowned(at, name, began) {
		fd, err = openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|follow, 0)
	}
	if err == unix.ENOENT && create {
		if err = makeDir(at, name, perm); err == nil || err == unix.EEXIST {
			fd, err = openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|follow, 0)
		} else if err == unix.ENOENT && at != unix.AT_FDCWD {
			err = ErrRemoved
		}
	}
	if err != nil {
		var st unix.Stat_t
		if follow != 0 && lstat(at, name, &st) == nil {
			if refused := wrongType(&st, unix.S_IFDIR); refused != nil {
				return -1, refused
			}
		}
		return -1, err
	}
	return fd, nil
}

// makeDir creates a directory. In at it gets its name only after it belongs to at's owner:
// otherwise other goroutines and processes creating it at the same time could put files into
// a directory that is still root's.
func makeDir(at int, name string, perm uint32) error {
	temp := name
	if at != unix.AT_FDCWD {
		temp = tempName()
	}
	if err := ignoringEINTR(func() error { return unix.Mkdirat(at, temp, perm) }); err != nil {
		return err
	}
	fd, err := openat(at, temp, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if at != unix.AT_FDCWD {
		giveToOwner(at, fd)
	}
	// A directory created in one with setgid inherits it, and chmod would drop it: if mode
	// omits it, or if the process is not in the group, see chmod(2).
	var st unix.Stat_t
	if err = fstat(fd, &st); err == nil && uint32(st.Mode)&0o777 != perm {
		mode := perm | uint32(st.Mode)&unix.S_ISGID
		err = ignoringEINTR(func() error { return unix.Fchmod(fd, mode) })
	}
	if err != nil || temp == name {
		return err
	}
	if err = renameNoReplace(at, temp, name); err == unix.EPERM || err == unix.EACCES {
		// Where rename cannot refuse to replace, renameNoReplace tries a hard link, which
		// fails for directories. A plain rename replaces only an empty directory.
		err = ignoringEINTR(func() error { return unix.Renameat(at, temp, at, name) })
	}
	if err != nil {
		_ = ignoringEINTR(func() error { return unix.Unlinkat(at, temp, unix.AT_REMOVEDIR) })
		return err
	}
	giveToOwner(at, fd) // HandOver may have run in between
	return nil
}

// fillTemp creates a temporary file with the contents that fill writes, synced if durable. It
// stays locked until it is closed, so that Sweep can tell a leftover from a file being
// written. Until it is locked its mode is secretMode, so that nobody else can take its lock.
// If it is swept between its creation and its lock, it is lost, and renaming it fails with
// ENOENT.
func fillTemp(at int, mode uint32, durable bool, fill func(*os.File) error) (name string, f *os.File, err error) {
	name = tempName()
	fd, err := openFile(at, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, secretMode)
	if err != nil {
		return "", nil, err
	}
	f = os.NewFile(uintptr(fd), name)
	err = flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		err = unix.ENOENT // Sweep has it
	}
	if err == nil && mode != secretMode {
		err = ignoringEINTR(func() error { return unix.Fchmod(fd, mode) })
	}
	if err == nil {
		err = fill(f)
	}
	if err == nil && durable {
		err = f.Sync() // on darwin this is more than fsync(2)
	}
	if err != nil {
		f.Close()
		remove(at, name)
		return "", nil, Bare(err)
	}
	return name, f, nil
}

// replaceFile replaces the file name atomically, or leaves it unchanged; durable is as in
// fillTemp. The new file keeps the old one's group, and every restriction of its mode.
func replaceFile(at int, name string, data []byte, mode uint32, durable bool) error {
	var old unix.Stat_t
	gid := -1
	switch err := lstat(at, name, &old); err {
	case nil:
		if err := wrongType(&old, unix.S_IFREG); err != nil {
			return err
		}
		mode &= uint32(old.Mode)
		gid = int(old.Gid)
	case unix.ENOENT:
	default:
		return err
	}
	return renameTemp(at, mode, durable, func(f *os.File) error {
		_, err := f.Write(data)
		if err == nil && gid >= 0 {
			// Without the right to set that group it keeps ours, which grants no more.
			_ = unix.Fchown(int(f.Fd()), -1, gid)
		}
		return err
	}, func(temp string) error { return rename(at, temp, name) })
}

// renameTemp creates a temporary file as fillTemp does, and gives it its name by rename;
// again if another process sweeps it in between.
func renameTemp(at int, mode uint32, durable bool, fill func(*os.File) error, rename func(temp string) error) error {
	err := error(unix.ENOENT)
	for tries := 0; err == unix.ENOENT && tries < maxSwept; tries++ {
		var temp string
		var f *os.File
		if temp, f, err = fillTemp(at, mode, durable, fill); err == unix.ENOENT {
			continue // swept
		} else if err != nil {
			return err
		}
		if err = rename(temp); err != nil {
			remove(at, temp)
		}
		f.Close()
	}
	if err != nil || !durable {
		return err
	}
	return syncDir(at)
}

func rename(at int, from, to string) error {
	return ignoringEINTR(func() error { return unix.Renameat(at, from, at, to) })
}

// maxSwept bounds how often a temporary file is created again after another process has
// swept it.
const maxSwept = 8

// syncDir makes the names in a directory durable.
func syncDir(fd int) error {
	err := ignoringEINTR(func() error { return unix.Fsync(fd) })
	if err == unix.EINVAL {
		return nil // not supported for directories by this file system
	}
	return err
}

// linkNoReplace renames a file to a name that must not exist, on any Unix.
func linkNoReplace(at int, from, to string) error {
	err := ignoringEINTR(func() error { return unix.Linkat(at, from, at, to, 0) })
	if err == nil {
		err = remove(at, from)
	}
	return err
}

func remove(at int, name string) error {
	return ignoringEINTR(func() error { return unix.Unlinkat(at, name, 0) })
}

// IsPlanted reports whether an error means that the path has a kind of file there that
// hushpipe never creates.
func IsPlanted(err error) bool {
	return errors.Is(err, errSymlink) || errors.Is(err, errIrregular) || errors.Is(err, errLinked)
}

// Bare strips the path that package os adds to an error: the caller adds the one it knows.
func Bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// IfExists returns err, or nil if err means that a file does not exist.
func IfExists(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
