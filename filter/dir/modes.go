package dir

import (
	"strings"

	"golang.org/x/sys/unix"
)

// CheckWorldWritable returns an error if everybody can write to a directory.
func (d *Dir) CheckWorldWritable() error {
	for _, sub := range directories {
		at, err := d.openSub(sub, false)
		if err != nil {
			continue // using the directory reports the error
		}
		var st unix.Stat_t
		err = fstat(at, &st)
		unix.Close(at)
		if err == nil && uint32(st.Mode)&unix.S_IWOTH != 0 {
			return d.Error("check", sub, "", errOpen)
		}
	}
	return nil
}

// Tighten removes the access of others to keys, journals or held lines in sub, and reports
// it. They can become readable while a logger runs, as by restoring a backup, and the logger
// reads a key only once.
func (d *Dir) Tighten(sub, what string) {
	d.eachLoose(sub, 0o777&^secretMode, func(at int, name string, mode uint32) {
		if !strings.HasSuffix(name, ExposedSuffix) {
			d.tightenFile(at, sub, name, what, mode)
		}
	})
}

func (d *Dir) tightenFile(at int, sub, name, what string, mode uint32) {
	fd, err := openFile(at, name, unix.O_RDONLY, 0)
	if err == nil {
		err = ignoringEINTR(func() error { return unix.Fchmod(fd, secretMode) })
		unix.Close(fd)
	}
	switch {
	case err == unix.ENOENT: // deleted meanwhile
		return
	case err != nil:
		d.Notifyf(sub, name, "others can read this %s (mode %04o): set it to 0600 by hand", what, mode)
	default:
		d.Notifyf(sub, name, "others could read this %s (mode %04o): set to 0600", what, mode)
	}
	if sub != Journal && sub != Held {
		d.MarkExposed(sub, name)
	}
}

// TightenRoomSecret is Tighten for the secret of the room hashes.
func (d *Dir) TightenRoomSecret() {
	var st unix.Stat_t
	if !d.create || lstat(d.fd, RoomSecretName, &st) != nil || fileType(&st) != unix.S_IFREG {
		return
	}
	if mode := uint32(st.Mode) & 0o777; mode&^secretMode != 0 {
		d.tightenFile(d.fd, "", RoomSecretName, "key", mode)
	}
}

// MakePrivate removes the access of others to an existing directory of locks, held lines or
// states.
func (d *Dir) MakePrivate(sub string) {
	at, err := d.openSub(sub, false)
	if err != nil {
		return // using it reports the error
	}
	unix.Close(at)
	if at, err = d.openSub(sub, true); err != nil {
		d.notify(err.Error())
		return
	}
	unix.Close(at)
}

// WarnLoose reports day files that everybody can read or write. It does not change their
// modes, which an operator may have set.
func (d *Dir) WarnLoose(sub string, bits uint32, verb string) {
	var names []string
	d.eachLoose(sub, bits, func(_ int, name string, _ uint32) { names = append(names, name) })
	switch n := len(names); {
	case n == 1:
		d.Notifyf(sub, names[0], "everybody can %s this file: chmod o= it", verb)
	case n > 1:
		d.Notifyf(sub, names[0], "everybody can %s this file and %d more: chmod o= them", verb, n-1)
	}
}

// eachLoose calls do for each dated regular file in sub whose mode has any of the bits.
func (d *Dir) eachLoose(sub string, bits uint32, do func(at int, name string, mode uint32)) {
	names, err := d.Names(sub)
	if err != nil || !d.create {
		return // deleting files reports the error
	}
	at, err := d.openSub(sub, false)
	if err != nil {
		return
	}
	defer unix.Close(at)
	for _, name := range names {
		_, _, dated := DayOf(sub, name)
		var st unix.Stat_t
		if dated && lstat(at, name, &st) == nil && fileType(&st) == unix.S_IFREG && uint32(st.Mode)&bits != 0 {
			do(at, name, uint32(st.Mode)&0o777)
		}
	}
}
