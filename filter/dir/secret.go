package dir

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var (
	errSecretSize = errors.New("does not hold 32 bytes; hint: remove it, a new key is made then")
	errShredded   = errors.New("was overwritten, to be deleted; hint: remove it")
)

// secretSize is the size of a secret in bytes.
const secretSize = 32

// IsShredded reports whether an error of ReadSecret means that a crash left the file
// overwritten but not removed.
func IsShredded(err error) bool { return errors.Is(err, errShredded) }

// CreateSecret writes a secret to a new file in sub with mode 0600, durably. If the file
// exists, the error is fs.ErrExist. A crash leaves all of it or nothing.
func (d *Dir) CreateSecret(sub, name string, secret [secretSize]byte) error {
	at, err := d.openSub(sub, true)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	err = renameTemp(at, secretMode, true, func(f *os.File) error {
		_, err := f.Write(secret[:])
		return err
	}, func(temp string) error { return renameNoReplace(at, temp, name) })
	return d.Error("create", sub, name, err)
}

// ReadSecret returns the secret in a file in sub that nobody else may read. It corrects a
// looser mode and marks the secret, see MarkExposed; it also marks a file of a foreign user.
// A file that a live process is deleting does not exist: fs.ErrNotExist.
func (d *Dir) ReadSecret(sub, name string) (secret [secretSize]byte, err error) {
	for range 2 { // the process that overwrote it may have unlinked it since
		var f *os.File
		if f, err = d.OpenFile(sub, name, os.O_RDONLY); err != nil {
			return secret, err
		}
		secret, err = d.readSecret(f, sub, name)
		shredding := err == nil && secret == ([secretSize]byte{}) && flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
		f.Close()
		if shredding {
			return secret, d.Error("open", sub, name, unix.ENOENT)
		}
		if err != nil || secret != ([secretSize]byte{}) {
			return secret, err
		}
	}
	return secret, d.Error("read", sub, name, errShredded)
}

func (d *Dir) readSecret(f *os.File, sub, name string) (secret [secretSize]byte, err error) {
	var st unix.Stat_t
	if err := fstat(int(f.Fd()), &st); err != nil {
		return secret, d.Error("read", sub, name, err)
	}
	if st.Size != secretSize {
		return secret, d.Error("read", sub, name, errSecretSize)
	}
	if mode := uint32(st.Mode) & 0o777; mode&^secretMode != 0 {
		outcome := "set to 0600"
		if err := f.Chmod(secretMode); err != nil {
			outcome = "set it to 0600 by hand"
		}
		d.Notifyf(sub, name, "others could read this key (mode %04o): %s", mode, outcome)
		d.MarkExposed(sub, name)
	} else if d.create && d.isForeign(&st) {
		d.Notifyf(sub, name, "belongs to another user (%d), who can read this key: see who can write its directory", st.Uid)
		d.MarkExposed(sub, name)
	}
	if _, err := io.ReadFull(f, secret[:]); err != nil {
		return [secretSize]byte{}, d.Error("read", sub, name, err)
	}
	return secret, nil
}

// ForeignOwner returns the owner of an open file in DIR, and whether that is a foreign user:
// not root, this process's user or DIR's owner. It returns false for a Dir without Create.
func (d *Dir) ForeignOwner(f *os.File) (uid int, yes bool) {
	var st unix.Stat_t
	if !d.create || fstat(int(f.Fd()), &st) != nil {
		return 0, false
	}
	return int(st.Uid), d.isForeign(&st)
}

// isForeign reports whether a file belongs to a foreign user. HandOver changes the owner of
// DIR last, so isForeign waits if the file's owner has just changed.
func (d *Dir) isForeign(st *unix.Stat_t) bool {
	if st.Uid == 0 || int(st.Uid) == os.Geteuid() {
		return false
	}
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		var dir unix.Stat_t
		if fstat(d.fd, &dir) != nil {
			return true
		}
		if st.Uid == dir.Uid {
			return false
		}
		if dir.Uid != 0 || !isRecent(st) || time.Since(began) > chownPatience {
			return true
		}
	}
}

// MarkExposed creates an empty file next to a key or another secret that others could read.
// It is deleted with its day.
func (d *Dir) MarkExposed(sub, name string) {
	f, err := d.OpenFile(sub, name+ExposedSuffix, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		d.notify(err.Error())
		return
	}
	f.Close()
}

// shred overwrites a secret on the disk and removes it. If it cannot be overwritten, it is
// still removed. A copy-on-write file system keeps the old bytes until it reuses their
// place. shred holds the file's lock meanwhile, so that ReadSecret can tell a deletion in
// progress from one that a crash interrupted.
func shred(at int, name string) error {
	// Not openFile: a second hard link is no reason to keep the bytes.
	fd, err := openat(at, name, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err == nil {
		defer unix.Close(fd)
		_ = flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		var st unix.Stat_t
		if fstat(fd, &st) == nil && fileType(&st) == unix.S_IFREG && st.Size <= maxSecret {
			zeros := make([]byte, st.Size)
			if _, err := unix.Pwrite(fd, zeros, 0); err == nil {
				_ = ignoringEINTR(func() error { return unix.Fsync(fd) })
			}
		}
	}
	return remove(at, name)
}

// maxSecret bounds how much is overwritten: a key has 32 bytes, a planted file any number.
const maxSecret = 1 << 20
