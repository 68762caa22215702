package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
)

// Holders returns the live processes on DIR that cannot be told to forget a day: those
// of earlier versions. The erase command warns about them.
func Holders(path string) ([]registry.Process, error) {
	d, err := dir.Open(path, dir.Options{})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return registry.Earlier(d)
}

// Erasable lists what EraseDays will delete, as FindErasable counted it.
type Erasable struct {
	Days  []civil.Day // the earliest first
	Lines int         // compressed copies are not counted
	files map[lineFile]lineCount
}

// lineFile names a file of lines by its subdirectory of DIR.
type lineFile struct{ sub, name string }

// lineCount is the number of lines in the first size bytes of a file.
type lineCount struct {
	size  int64
	lines int
}

// FindErasable returns what EraseDays would delete for all days before the given one.
func FindErasable(at Directory, before civil.Day) (e Erasable, err error) {
	d, err := dir.Open(at.Path, dir.Options{Keys: at.Keys})
	if err != nil {
		return e, err
	}
	defer d.Close()
	e.files = map[lineFile]lineCount{}
	today := civil.DayOf(at.Now())
	for _, sub := range []string{"", dir.Held, dir.Keys, dir.Journal} {
		names, err := d.Names(sub)
		if err != nil {
			return e, err
		}
		for _, name := range names {
			day, ok := dir.ExpiryDay(sub, name)
			ofLines := sub == "" || sub == dir.Held
			if !ok || day >= before || !ofLines && day >= today {
				continue
			}
			e.Days = append(e.Days, day)
			if _, own := dir.OwnDay(sub, name); own && ofLines {
				n, err := countLines(d, sub, name, lineCount{})
				if err != nil {
					return e, err
				}
				e.files[lineFile{sub, name}] = n
				e.Lines += n.lines
			}
		}
	}
	slices.Sort(e.Days)
	e.Days = slices.Compact(e.Days)
	return e, nil
}

// countLines counts a file's lines, continuing from an earlier count n.
func countLines(d *dir.Dir, sub, name string, n lineCount) (lineCount, error) {
	f, err := d.OpenFile(sub, name, os.O_RDONLY)
	if err != nil {
		return lineCount{}, dir.IfExists(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return n, err
	} else if info.Size() < n.size { // it was replaced
		n = lineCount{}
	}
	if _, err := f.Seek(n.size, io.SeekStart); err != nil {
		return n, err
	}
	buf := make([]byte, 1<<20)
	for {
		m, err := f.Read(buf)
		n.size += int64(m)
		n.lines += bytes.Count(buf[:m], []byte{'\n'})
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// grown returns how many lines a day has gained since FindErasable. A line that was
// held then and has been released since is not new.
func (e Erasable) grown(d *dir.Dir, day civil.Day) (lines int, err error) {
	for of, n := range e.files {
		if own, _ := dir.OwnDay(of.sub, of.name); own == day {
			lines -= n.lines
		}
	}
	for _, sub := range []string{"", dir.Held} {
		names, err := d.Names(sub)
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			if own, ok := dir.OwnDay(sub, name); !ok || own != day {
				continue
			}
			n, err := countLines(d, sub, name, e.files[lineFile{sub, name}])
			if err != nil {
				return 0, err
			}
			lines += n.lines
		}
	}
	return max(lines, 0), nil
}

// EraseDays deletes the keys, lines and journals of e.Days. Today and later days lose
// their lines only, since more lines will be written under these keys. Room files stay.
// Live processes forget the erased days that are over; see Holders. If a day has gained
// lines since FindErasable, EraseDays first passes their number to note; if note fails,
// the day stays.
func EraseDays(at Directory, e Erasable, note func(day civil.Day, lines int) error) (p retention.Purged, err error) {
	if err := registry.CheckKeys(at.Path, at.Keys); err != nil {
		return p, err
	}
	d, err := openToPurge(at)
	if err != nil {
		return p, err
	}
	defer d.Close()
	noteGrown := func(day civil.Day) error {
		lines, err := e.grown(d, day)
		if err != nil || lines == 0 {
			return err
		}
		return note(day, lines)
	}
	today := civil.DayOf(at.Now())
	for _, day := range e.Days {
		var some retention.Purged
		if day >= today {
			some, err = deleteLines(d, day, noteGrown)
		} else if err = noteGrown(day); err == nil {
			some = deleteDay(d, at, day)
		}
		if err != nil {
			some.Errs = append(some.Errs, fmt.Errorf("%s stays: %w", day, err))
		}
		p.Deleted, p.Errs = append(p.Deleted, some.Deleted...), append(p.Errs, some.Errs...)
	}
	return p, dir.Join(p.Errs...)
}

// deleteLines deletes the lines of a day that is not over, while no process writes
// them: later lines go to a new file.
func deleteLines(d *dir.Dir, day civil.Day, noteGrown func(civil.Day) error) (p retention.Purged, err error) {
	for _, name := range []string{dir.HeldLock, dir.LinesLock} { // in the order in which the release of held lines takes them
		lock := d.NewLock(dir.Locks, name)
		defer lock.Close()
		if lock.Take() {
			defer lock.Release()
		}
	}
	if err := noteGrown(day); err != nil {
		return p, err
	}
	return retention.DeleteLines(d, day), nil
}

// keyIDs returns the contents of a deleted day's mark: the ids of the keys deleted with
// it, one a line, including those of earlier deletions. They distinguish a deleted key
// that reappears, as from a backup, from the key of lines written since.
func keyIDs(d *dir.Dir, day civil.Day) []byte {
	ids, _ := d.ReadFile(dir.Erased, day.String()) // usually there is none
	if key, err := keyring.ReadKey(d, day); err == nil {
		ids = fmt.Appendf(ids, "%x\n", (*pseudonym.Key)(&key).ID())
	}
	return ids
}

// deleteDay deletes a day that is over, with its keys in every key directory that
// processes on DIR have used.
func deleteDay(d *dir.Dir, at Directory, day civil.Day) retention.Purged {
	p := retention.DeleteDay(d, day, keyIDs(d, day))
	paths, trusted := registry.KeyDirs(d)
	if !trusted { // see purgeMovedKeys
		paths = nil
	}
	for _, path := range append(paths, "") { // "" is DIR/keys
		if path == at.Keys {
			continue
		}
		moved, err := dir.Open(at.Path, dir.Options{Keys: path})
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				p.Errs = append(p.Errs, err)
			}
			continue
		}
		keys := retention.DeleteKey(moved, day)
		p.Deleted, p.Errs = append(p.Deleted, keys.Deleted...), append(p.Errs, keys.Errs...)
		moved.Close()
	}
	return p
}
