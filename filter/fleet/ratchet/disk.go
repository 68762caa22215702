package ratchet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// Read returns the states in d; none where it is not in a fleet. Beside an error, those
// are good that could be read.
func Read(d *dir.Dir) (Chain, error) {
	if names, err := d.Names(dir.Fleet); len(names) == 0 || err != nil {
		return nil, err
	}
	unlock, err := d.LockFleet(dir.LockPatience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return read(d)
}

// read is Read for who has the lock: a state that is being overwritten would be another.
func read(d *dir.Dir) (c Chain, err error) {
	names, err := d.Names(dir.Fleet) // sorted, and so by day
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		day, ok := dir.OwnDay(dir.Fleet, name)
		if !ok {
			continue
		}
		secret, err := d.ReadSecret(dir.Fleet, name)
		if dir.IsShredded(err) { // a crash came between overwriting and removing it
			continue
		}
		if err != nil {
			errs, secret = append(errs, err), unread
		}
		c = append(c, State{day, secret})
	}
	return c, dir.Join(errs...)
}

// Advance moves the state in d on to a day, and overwrites those of days before it, also where
// one cannot be read: nothing follows from that. It does
// so in any process: a state must not outlive the days that it opens, whether or not the
// one that needs it runs. Where another process has the lock, that one does it.
func Advance(d *dir.Dir, day civil.Day) (deleted []string, err error) {
	names, err := d.Names(dir.Fleet)
	if err != nil || !slices.ContainsFunc(names, func(name string) bool { return isBefore(name, day) }) {
		return nil, err
	}
	unlock, err := d.LockFleet(0)
	if errors.Is(err, dir.ErrLocked) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	return advance(d, day)
}

// isBefore reports whether a file of Fleet, or a copy that an operator made, is of a day
// before.
func isBefore(name string, day civil.Day) bool {
	of, ok := dir.ExpiryDay(dir.Fleet, name)
	return ok && of < day
}

func advance(d *dir.Dir, day civil.Day) (deleted []string, err error) {
	chain, readErr := read(d)
	if s, err := chain.At(day); err == nil {
		if err := put(d, s); err != nil {
			return nil, dir.Join(readErr, err)
		}
		if exposed(d, chain, day) {
			d.MarkExposed(dir.Fleet, dir.StateFile(day))
		}
	}
	deleted, err = shred(d, func(name string) bool { return isBefore(name, day) })
	return deleted, dir.Join(readErr, err)
}

// exposed reports whether others could read the state that the one of a day follows from.
func exposed(d *dir.Dir, c Chain, day civil.Day) (yes bool) {
	names, _ := d.Names(dir.Fleet) // they were read a moment ago
	for _, s := range c {
		if s.Day <= day {
			yes = slices.Contains(names, dir.StateFile(s.Day)+dir.ExposedSuffix)
		}
	}
	return yes
}

// put makes the state of a day, unless there is one.
func put(d *dir.Dir, s State) error {
	err := d.CreateSecret(dir.Fleet, dir.StateFile(s.Day), s.Secret)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// shred overwrites and removes files of Fleet.
func shred(d *dir.Dir, gone func(name string) bool) (deleted []string, err error) {
	names, err := d.Names(dir.Fleet)
	if err != nil {
		return nil, err
	}
	sub, err := d.OpenSub(dir.Fleet)
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	var errs []error
	for _, name := range names {
		if !gone(name) {
			continue
		}
		if err := sub.Remove(name); err == nil {
			deleted = append(deleted, dir.Fleet+"/"+name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, d.Error("delete", dir.Fleet, name, err))
		}
	}
	return deleted, dir.Join(errs...)
}

// Adopt has d take part in a fleet by the seed that lies in it, if there is one, from a day
// on: its states take the place of those that were there, and store keeps what else it
// brings. Then the seed is overwritten. A crash, or an error, leaves the seed, which is
// adopted once more.
func Adopt(d *dir.Dir, fleet string, day civil.Day, store func(Seed) error) error {
	seed, exposed, err := readSeed(d)
	if errors.Is(err, fs.ErrNotExist) {
		return CheckFleet(d, fleet)
	}
	if err != nil {
		return err
	}
	if seed.Fleet != fleet {
		return d.Error("read", "", dir.SeedName, fmt.Errorf("is for the fleet %s, not for %s; hint: invite this host to that fleet", seed.Fleet, fleet))
	}
	unlock, err := d.LockFleet(dir.LockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	if err := CheckFleet(d, fleet); err != nil {
		return err
	}
	if err := d.ReplaceFile(dir.Fleet, dir.FleetName, []byte(fleet+"\n")); err != nil {
		return err
	}
	first := seed.States[0].Day
	if _, err := shred(d, func(name string) bool {
		of, ok := dir.ExpiryDay(dir.Fleet, name)
		return ok && (of >= first || first <= day)
	}); err != nil {
		return err
	}
	for _, s := range seed.States.From(day) {
		if err := put(d, s); err != nil {
			return err
		}
		if exposed {
			d.MarkExposed(dir.Fleet, dir.StateFile(s.Day))
		}
	}
	if err := store(seed); err != nil {
		return err
	}
	return removeSeed(d)
}

func removeSeed(d *dir.Dir) error {
	sub, err := d.OpenSub("")
	if err != nil {
		return err
	}
	defer sub.Close()
	return d.Error("delete", "", dir.SeedName, sub.Remove(dir.SeedName))
}

// CheckFleet returns an error where d takes part in another fleet.
func CheckFleet(d *dir.Dir, fleet string) error {
	text, err := d.ReadFile(dir.Fleet, dir.FleetName)
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(text) == fleet+"\n" {
		return nil
	}
	if err == nil {
		err = d.Error("read", dir.Fleet, dir.FleetName, fmt.Errorf("it takes part in another fleet than %s; hint: to leave that one, remove the directory of this file", fleet))
	}
	return err
}

// readSeed reads the seed in d. It says where others could read it.
func readSeed(d *dir.Dir) (seed Seed, exposed bool, err error) {
	f, err := d.OpenFile("", dir.SeedName, os.O_RDONLY)
	if err != nil {
		return Seed{}, false, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Seed{}, false, err
	}
	if uid, foreign := d.ForeignOwner(f); foreign {
		return Seed{}, false, d.Error("read", "", dir.SeedName, fmt.Errorf("belongs to another user (%d), who can read it; hint: give a seed to the owner of DIR, or to root", uid))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSeed+1))
	if err == nil {
		seed, err = ParseSeed(text)
	}
	if mode := st.Mode().Perm(); mode&0o077 != 0 {
		exposed = true
		d.Notifyf("", dir.SeedName, "others could read this seed (mode %04o): make a new one by hushpipe fleet rekey", mode)
	}
	return seed, exposed, d.Error("read", "", dir.SeedName, err)
}

// ReadSeed returns the seed that still lies in d; the error is fs.ErrNotExist for none.
func ReadSeed(d *dir.Dir) (Seed, error) {
	seed, _, err := readSeed(d)
	return seed, err
}
