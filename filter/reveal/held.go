package reveal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/filter/groups"
	"hushpipe/format/civil"
)

// ErrReleased is returned for lines that waited for their group when they were found, and
// do not any more: they were released or deleted meanwhile.
var ErrReleased = errors.New("lines were released meanwhile")

// heldPatience is how long EraseHeld waits for a process that releases lines.
const heldPatience = 5 * time.Second

// Held tells that the lines wait until their group has enough people.
func (f *Found) Held() bool { return f.sub == dir.Held }

// heldNames returns the names of the files of held lines, by their days.
func (r *Reader) heldNames() (map[civil.Day][]string, error) {
	all, err := r.d.Names(dir.Held)
	names := map[civil.Day][]string{}
	for _, name := range all {
		if to, _, _, ok := dir.ParseHeld(name); ok {
			names[to.Day] = append(names[to.Day], name)
		}
	}
	if err != nil {
		err = fmt.Errorf("lines that wait for their group were not searched: %w", err)
	}
	return names, err
}

// searchHeld finds the held lines of a day that are wanted.
func (r *Reader) searchHeld(day civil.Day, wanted Wanted) (all []*Found, err error) {
	names, err := r.heldNames()
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil // Days has said it
	}
	for _, name := range names[day] {
		found := r.newFound(day, wanted)
		found.sub, found.name, found.prefix = dir.Held, name, groups.PrefixSize
		found.file, err = r.d.OpenFile(dir.Held, name, os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) { // released meanwhile: stillHeld looks for that
			err = nil
			continue
		}
		if err == nil {
			err = found.count()
		}
		if err != nil {
			break
		}
		all = append(all, found)
	}
	if err != nil {
		closeAll(all)
		return nil, err
	}
	return all, nil
}

// stillHeld reports whether the files of held lines of a day are those that were
// searched: else some of their lines may have come to the day's file behind what was
// searched there.
func (r *Reader) stillHeld(day civil.Day, all []*Found) bool {
	names, err := r.heldNames()
	if err != nil {
		return true // no better the next time
	}
	for _, f := range all {
		if f.Held() && !(slices.Contains(names[day], f.name) && r.d.LeadsTo(dir.Held, f.name, f.file)) {
			return false
		}
	}
	return true
}

// EraseHeld writes x over held lines, and over their groups: so they
// are never released, and are deleted with the others that were not. It returns how many.
// ErrReleased: search again.
//
// Who releases or appends lines has the same lock.
func (f *Found) EraseHeld() (done int, err error) {
	if f.Lines == 0 {
		return 0, nil
	}
	d, err := dir.Open(f.r.path, dir.Options{Create: true, Notify: func(msg string) { f.r.say(msg, msg) }}) // its locks may be missing
	if err != nil {
		return 0, err
	}
	defer d.Close()
	unlock, err := d.LockHeld(heldPatience)
	if err != nil {
		return 0, err
	}
	defer unlock()
	out, err := d.OpenFile(dir.Held, f.name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, ErrReleased
	} else if err != nil {
		return 0, err
	}
	defer out.Close()
	here, err := f.file.Stat()
	there, errThere := out.Stat()
	if err := errors.Join(err, errThere); err != nil {
		return 0, err
	}
	if !os.SameFile(here, there) {
		return 0, ErrReleased
	}
	long := f.Long
	struck := bytes.Repeat([]byte("x"), groups.PrefixSize-1)
	err = f.each(func(line []byte, at int64) error {
		line = bytes.TrimSuffix(line, []byte("\n"))
		// First of all it is of no group, wherever the process is killed.
		if _, err := out.WriteAt(struck, at-int64(f.prefix)); err != nil {
			return err
		}
		if err := f.overwrite(out, bytes.Clone(line), bytes.Repeat([]byte("x"), len(line)), at); err != nil {
			return err
		}
		done++
		return nil
	})
	f.Long = long
	return done, errors.Join(err, out.Sync())
}

func closeAll(all []*Found) {
	for _, found := range all {
		found.Close()
	}
}
