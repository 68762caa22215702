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

// Read returns the states in d; none if it is in no fleet. With an error, it returns those
// that could be read.
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

// read is Read for callers that hold the lock, without which a state may be being
// overwritten.
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
		if dir.IsShredded(err) { // a crash interrupted its deletion
			continue
		}
		if err != nil {
			errs, secret = append(errs, err), unread
		}
		c = append(c, State{day, secret})
	}
	return c, dir.Join(errs...)
}

// Advance derives the state of a day in d, and overwrites those of earlier days, even if one
// cannot be read, since nothing can be derived from it. Every process does this: a state
// must not outlive its days, whether or not the process that needs it runs. If another
// process holds the lock, it leaves the work to that.
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

// isBefore reports whether a file in Fleet, or a copy of one, is of an earlier day.
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

// exposed reports whether others could read the state from which that of a day is derived.
func exposed(d *dir.Dir, c Chain, day civil.Day) (yes bool) {
	names, _ := d.Names(dir.Fleet) // listing has just succeeded
	for _, s := range c {
		if s.Day <= day {
			yes = slices.Contains(names, dir.StateFile(s.Day)+dir.ExposedSuffix)
		}
	}
	return yes
}

// put stores the state of a day, unless there is one.
func put(d *dir.Dir, s State) error {
	err := d.CreateSecret(dir.Fleet, dir.StateFile(s.Day), s.Secret)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// shred overwrites and removes files in Fleet.
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

// Adopt makes d join a fleet from a day on, with the seed in d if there is one: the seed's
// states replace the existing ones, store saves the rest of it, and then the seed is
// overwritten. After a crash or an error the seed is still there, and is adopted again.
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

// CheckFleet returns an error if d is in another fleet.
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

// readSeed reads the seed in d, and reports whether others could read it.
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

// ReadSeed returns the seed in d; without one, the error is fs.ErrNotExist.
func ReadSeed(d *dir.Dir) (Seed, error) {
	seed, _, err := readSeed(d)
	return seed, err
}
