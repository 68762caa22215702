package rotate

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/format"
)

var (
	errKeySize  = errors.New("does not hold 32 bytes; hint: remove it, a new key is made then")
	errShredded = errors.New("was overwritten, to be deleted; hint: remove it")
)

// ReadKey returns the key of day, or an error that is fs.ErrNotExist.
func (d *Dir) ReadKey(day format.Day) ([32]byte, error) {
	return d.readSecret(keys, keyName(day))
}

// PutKey makes key the one of day if there is none, and returns the one that
// there is then.
func (d *Dir) PutKey(day format.Day, key [32]byte) (stored [32]byte, err error) {
	if d.expired(day) {
		return stored, d.fault("create", keys, keyName(day), ErrExpired)
	}
	return d.putSecret(keys, keyName(day), key)
}

// Secret returns 32 random bytes that lie in DIR under name for good, and makes
// them if there are none.
func (d *Dir) Secret(name string) ([32]byte, error) {
	secret, err := d.readSecret("", name)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	rand.Read(secret[:])
	return d.putSecret("", name, secret)
}

// RoomSecret is the name, in DIR, of the secret that room hashes are made under.
const RoomSecret = "room-secret"

const keySuffix = ".key"

func keyName(day format.Day) string { return day.String() + keySuffix }

func (d *Dir) readSecret(sub, name string) (secret [32]byte, err error) {
	f, err := d.OpenFile(sub, name, os.O_RDONLY)
	if err != nil {
		return secret, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := fstat(int(f.Fd()), &st); err != nil {
		return secret, d.fault("read", sub, name, err)
	}
	if st.Size != int64(len(secret)) {
		return secret, d.fault("read", sub, name, errKeySize)
	}
	if mode := uint32(st.Mode) & 0o777; mode&^secretMode != 0 {
		outcome := "set to 0600"
		if err := f.Chmod(secretMode); err != nil {
			outcome = "set it to 0600 by hand"
		}
		d.say(sub, name, "others could read this key (mode %04o): %s", mode, outcome)
		d.markExposed(sub, name)
	} else if d.create && d.foreign(&st) {
		d.say(sub, name, "belongs to another user (%d), who can read this key: see who can write its directory", st.Uid)
		d.markExposed(sub, name)
	}
	if _, err := io.ReadFull(f, secret[:]); err != nil {
		return [32]byte{}, d.fault("read", sub, name, bare(err))
	}
	if secret == ([32]byte{}) {
		return secret, d.fault("read", sub, name, errShredded)
	}
	return secret, nil
}

// shred overwrites a secret on the disk and removes it. What cannot be overwritten
// is removed all the same; a file system that writes elsewhere, as a copy-on-write
// one does, keeps the old bytes until it uses their place again.
func shred(at int, name string) error {
	// Not openFile: another name, a hard link, is no reason to spare the bytes.
	fd, err := openat(at, name, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err == nil {
		var st unix.Stat_t
		if fstat(fd, &st) == nil && fileType(&st) == unix.S_IFREG && st.Size <= maxSecret {
			zeros := make([]byte, st.Size)
			if _, err := unix.Pwrite(fd, zeros, 0); err == nil {
				_ = again(func() error { return unix.Fsync(fd) })
			}
		}
		unix.Close(fd)
	}
	return remove(at, name)
}

// maxSecret bounds what is overwritten: a key has 32 bytes, and what somebody put
// in its place may have any number.
const maxSecret = 1 << 20

// foreign reports whether a file belongs to a user that has no part in DIR. HandOver
// gives DIR last: that is waited for where the file has just been given.
func (d *Dir) foreign(st *unix.Stat_t) bool {
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
		if dir.Uid != 0 || !isFresh(st) || time.Since(began) > giving {
			return true
		}
	}
}

func (d *Dir) putSecret(sub, name string, secret [32]byte) (stored [32]byte, err error) {
	at, err := d.openSub(sub, true)
	if err != nil {
		return stored, err
	}
	defer unix.Close(at)
	for range maxSwept {
		var temp string
		var f *os.File
		if temp, f, err = writeTemp(at, secret[:], secretMode, true); err == unix.ENOENT {
			continue // swept
		} else if err != nil {
			break
		}
		err = renameNoReplace(at, temp, name)
		if err != nil {
			remove(at, temp)
		}
		f.Close()
		switch err {
		case nil:
			return secret, d.fault("create", sub, name, syncDir(at))
		case unix.EEXIST:
			stored, err = d.readSecret(sub, name)
			if !errors.Is(err, fs.ErrNotExist) {
				return stored, err
			}
		case unix.ENOENT: // swept
		default:
			return stored, d.fault("create", sub, name, err)
		}
	}
	return stored, d.fault("create", sub, name, bare(err))
}
