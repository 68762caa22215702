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

// ErrReleased is returned for lines that were held when they were found, and were released
// or deleted since.
var ErrReleased = errors.New("lines were released meanwhile")

// heldPatience is how long EraseHeld waits for a process that releases lines.
const heldPatience = 5 * time.Second

// Held reports whether the lines are held until their group has enough people.
func (f *Found) Held() bool { return f.sub == dir.Held }

// heldNames returns the names of the held files, by day.
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

// searchHeld finds the wanted held lines of a day.
func (r *Reader) searchHeld(day civil.Day, wanted Wanted) (all []*Found, err error) {
	names, err := r.heldNames()
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil // Days reports it
	}
	for _, name := range names[day] {
		found := r.newFound(day, wanted)
		found.sub, found.name, found.prefix = dir.Held, name, groups.PrefixSize
		found.file, err = r.d.OpenFile(dir.Held, name, os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) { // released meanwhile; stillHeld detects it
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

// stillHeld reports whether the held files of a day are those that were searched: otherwise
// some of their lines may have been appended to the day's file after that was searched.
func (r *Reader) stillHeld(day civil.Day, all []*Found) bool {
	names, err := r.heldNames()
	if err != nil {
		return true // another try would not help
	}
	for _, f := range all {
		if f.Held() && !(slices.Contains(names[day], f.name) && r.d.LeadsTo(dir.Held, f.name, f.file)) {
			return false
		}
	}
	return true
}

// EraseHeld overwrites held lines and their groups with x, so that they are never released,
// and are deleted with the other unreleased ones. It returns their number. On ErrReleased,
// search again.
//
// It holds the lock under which lines are released or appended.
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
		// Overwrite the group first, so that the line is never released wherever the process
		// is killed.
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
