package dir

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrRemoved is returned where the directory held no longer exists: Open it
	// anew.
	ErrRemoved = errors.New("its directory was removed, or holds no files; hint: make it again, or name another")

	errSymlink     = errors.New("is a symbolic link; hint: remove it")
	errIrregular   = errors.New("is not a regular file; hint: remove it")
	errNoDir       = errors.New("is not a directory; hint: remove it")
	errIsDir       = errors.New("is a directory; hint: remove it")
	errUnpublished = errors.New("is not a regular file; hint: name another")
	errTooLarge    = errors.New("is too large to be hushpipe's; hint: remove it")
	errLinked      = errors.New("has another name (a hard link), and others can write its directory; hint: remove it")
)

const (
	fileMode   = 0o640
	secretMode = 0o600
	publicMode = 0o644
	dirMode    = 0o750
	locksMode  = 0o700
)

// again repeats a call that a signal broke off, as package os does.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

func openat(at int, name string, flag int, mode uint32) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(at, name, flag|unix.O_CLOEXEC, mode)
		return err
	})
	return fd, err
}

func flock(fd, how int) error {
	return again(func() error { return unix.Flock(fd, how) })
}

// lstat does not follow a link that name is.
func lstat(at int, name string, st *unix.Stat_t) error {
	return again(func() error { return unix.Fstatat(at, name, st, unix.AT_SYMLINK_NOFOLLOW) })
}

func fstat(fd int, st *unix.Stat_t) error {
	return again(func() error { return unix.Fstat(fd, st) })
}

func fileType(st *unix.Stat_t) uint32 { return uint32(st.Mode) & unix.S_IFMT }

// refusal says what is wrong with a file that is not of the type wanted.
func refusal(st *unix.Stat_t, want uint32) error {
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

// openFile opens a regular file in the directory at, and nothing else: a link
// is not followed, and O_NONBLOCK lets a FIFO be seen for what it is instead of
// being waited for. A file that this call makes gets mode, whatever the umask,
// and the owner of its directory if root makes it; one that exists is left as it
// is. One with a second name is refused where others than its user and root
// could have given it this one; elsewhere backup tools make such names.
func openFile(at int, name string, flag int, mode uint32) (fd int, err error) {
	flag |= unix.O_NOFOLLOW | unix.O_NONBLOCK
	exclusive := flag&unix.O_EXCL != 0
	created := false
	// Opening and making are two steps, to tell whose the mode is. They miss one
	// another where the file comes and goes between them.
	began := time.Now()
	for range 8 {
		if !exclusive {
			fd, err = openat(at, name, flag&^unix.O_CREAT, 0)
			for err == unix.EACCES && isBeingGiven(at, name, began) {
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
		// The number for a link is ELOOP here and EMLINK there, for a FIFO ENXIO.
		switch gone := lstat(at, name, &st); {
		case gone == unix.ENOENT && (err == unix.ELOOP || err == unix.EMLINK):
			return -1, gone // the link was renamed meanwhile, as ReplaceLink does
		case gone == nil:
			if refused := refusal(&st, unix.S_IFREG); refused != nil {
				return -1, refused
			}
		}
		return -1, err
	}
	if err = fstat(fd, &st); err == nil {
		err = refusal(&st, unix.S_IFREG)
	}
	if err == nil && st.Nlink > 1 && othersWrite(at) {
		err = errLinked
	}
	if err == nil && created {
		giveToOwner(at, fd)
	}
	if err == nil && created && uint32(st.Mode)&0o777 != mode {
		err = again(func() error { return unix.Fchmod(fd, mode) })
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

// openDir opens the directory name in at; follow is O_NOFOLLOW or 0. With
// create it makes one that is missing, of that mode, but not its parents.
func openDir(at int, name string, follow int, create bool, perm uint32) (int, error) {
	began := time.Now()
	fd, err := openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|follow, 0)
	for err == unix.EACCES && isBeingGiven(at, name, began) {
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
			if refused := refusal(&st, unix.S_IFDIR); refused != nil {
				return -1, refused
			}
		}
		return -1, err
	}
	return fd, nil
}

// makeDir makes a directory. In at it has its name only once it belongs to at's
// owner: other goroutines and processes, that are at the same, put no file into one
// that is still root's.
func makeDir(at int, name string, perm uint32) error {
	temp := name
	if at != unix.AT_FDCWD {
		temp = tempName()
	}
	if err := again(func() error { return unix.Mkdirat(at, temp, perm) }); err != nil {
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
	// A directory made in one with setgid has it too, and chmod would drop it: by
	// the mode given, and where the process is not in the group, chmod(2).
	var st unix.Stat_t
	if err = fstat(fd, &st); err == nil && uint32(st.Mode)&0o777 != perm {
		mode := perm | uint32(st.Mode)&unix.S_ISGID
		err = again(func() error { return unix.Fchmod(fd, mode) })
	}
	if err != nil || temp == name {
		return err
	}
	if err = renameNoReplace(at, temp, name); err == unix.EPERM || err == unix.EACCES {
		// Where names cannot be kept from being replaced, hard links are tried, which
		// directories have none of. A directory replaces none but an empty one.
		err = again(func() error { return unix.Renameat(at, temp, at, name) })
	}
	if err != nil {
		_ = again(func() error { return unix.Unlinkat(at, temp, unix.AT_REMOVEDIR) })
		return err
	}
	giveToOwner(at, fd) // HandOver may have come between
	return nil
}

// writeTemp makes a temporary file with data in it, durable if it is to survive
// a power cut. It stays locked until it is closed: so sweep tells a leftover from a
// file in the making. Until it is locked nobody else may open it, so that nobody
// else can hold its lock. One that is swept between its making and its lock is
// lost, and the rename fails with ENOENT.
func writeTemp(at int, data []byte, mode uint32, durable bool) (name string, f *os.File, err error) {
	return fillTemp(at, mode, durable, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

// fillTemp is writeTemp for data that fill writes.
func fillTemp(at int, mode uint32, durable bool, fill func(*os.File) error) (name string, f *os.File, err error) {
	name = tempName()
	fd, err := openFile(at, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, secretMode)
	if err != nil {
		return "", nil, err
	}
	f = os.NewFile(uintptr(fd), name)
	err = flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		err = unix.ENOENT // it is being swept
	}
	if err == nil && mode != secretMode {
		err = again(func() error { return unix.Fchmod(fd, mode) })
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

// replaceFile puts data in the place of the file name, at once, or leaves it as
// it was; durable is as in writeTemp. The
// new file keeps the old one's group, and whatever its owner took away from mode.
func replaceFile(at int, name string, data []byte, mode uint32, durable bool) error {
	var old unix.Stat_t
	gid := -1
	switch err := lstat(at, name, &old); err {
	case nil:
		if err := refusal(&old, unix.S_IFREG); err != nil {
			return err
		}
		mode &= uint32(old.Mode)
		gid = int(old.Gid)
	case unix.ENOENT:
	default:
		return err
	}
	err := error(unix.ENOENT)
	for tries := 0; err == unix.ENOENT && tries < maxSwept; tries++ {
		var temp string
		var f *os.File
		if temp, f, err = writeTemp(at, data, mode, durable); err == unix.ENOENT {
			continue // swept
		} else if err != nil {
			return err
		}
		if gid >= 0 {
			// Without the right to give it that group it has ours, which sees less.
			_ = unix.Fchown(int(f.Fd()), -1, gid)
		}
		err = again(func() error { return unix.Renameat(at, temp, at, name) })
		if err != nil {
			remove(at, temp)
		}
		f.Close()
	}
	if err != nil || !durable {
		return err
	}
	return syncDir(at)
}

// maxSwept bounds how often a temporary file is made again that another
// process's start has swept.
const maxSwept = 8

// syncDir makes the names in a directory durable.
func syncDir(fd int) error {
	err := again(func() error { return unix.Fsync(fd) })
	if err == unix.EINVAL {
		return nil // a file system that cannot do this for directories
	}
	return err
}

// linkNoReplace renames a file to a name that must be free, on any Unix.
func linkNoReplace(at int, from, to string) error {
	err := again(func() error { return unix.Linkat(at, from, at, to, 0) })
	if err == nil {
		err = remove(at, from)
	}
	return err
}

func remove(at int, name string) error {
	return again(func() error { return unix.Unlinkat(at, name, 0) })
}

// IsPlanted reports whether an error says that a file's place is taken by something that
// hushpipe never puts there.
func IsPlanted(err error) bool {
	return errors.Is(err, errSymlink) || errors.Is(err, errIrregular) || errors.Is(err, errLinked)
}

// Bare strips the name that package os adds: the caller names the file that it
// was asked for.
func Bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// IfExists is err, but nil where something is not there.
func IfExists(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
