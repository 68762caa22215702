package rotate

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"hushpipe/format"
)

// keepName is the file in the key directory that records the longest
// retention, as in "14d\n".
const keepName = "keep"

var errKeySize = errors.New("does not hold 32 bytes: remove it, a new key is made then")

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

func keyName(day format.Day) string { return day.String() + ".key" }

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
	return secret, nil
}

// foreign reports whether a file belongs to a user that has no part in DIR.
func (d *Dir) foreign(st *unix.Stat_t) bool {
	var dir unix.Stat_t
	return st.Uid != 0 && int(st.Uid) != os.Geteuid() && (fstat(d.fd, &dir) != nil || st.Uid != dir.Uid)
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
		temp, f, err = writeTemp(at, secret[:], secretMode, true)
		if err != nil {
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

// Keep returns the longest retention that the key directory records, 0 for
// none.
func (d *Dir) Keep() (Retention, error) {
	text, err := d.ReadFile(keys, keepName)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	keep, err := ParseKeep(strings.TrimSuffix(string(text), "\n"))
	if err != nil {
		return 0, d.fault("read", keys, keepName, errKeep)
	}
	return keep, nil
}

var errKeep = errors.New("is no retention: write one, as in 14d")

// CheckKeep says it where the key directory records a longer retention than
// keep: its keys outlive the lines.
func (d *Dir) CheckKeep(keep Retention) error {
	recorded, err := d.Keep()
	if err == nil && keep < recorded {
		d.say(keys, keepName, "records %s: keys live that long, lines older than %s are deleted; write %s into it to delete keys sooner", recorded, keep, keep)
	}
	return err
}

// RecordKeep records keep in the key directory if nothing longer is there.
func (d *Dir) RecordKeep(keep Retention) error {
	unlock, err := d.lock(keys, true)
	if err != nil {
		return err
	}
	defer unlock()
	recorded, err := d.Keep()
	if errors.Is(err, errKeep) {
		d.say(keys, keepName, "was no retention, %s is written over it", keep)
	} else if err != nil {
		return err
	}
	if keep <= recorded {
		return nil
	}
	return d.ReplaceFile(keys, keepName, []byte(keep.String()+"\n"))
}
