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

// Holders returns the processes on DIR that live and cannot be told to forget a day: those
// of earlier versions.
func Holders(path string) ([]registry.Process, error) {
	d, err := dir.Open(path, dir.Options{})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return registry.Earlier(d)
}

// ErasableDays returns the days before one of which there is something in DIR that
// EraseDays deletes, the earliest first, and how many lines that is; compressed copies
// are not counted.
func ErasableDays(at Directory, before civil.Day) (days []civil.Day, lines int, err error) {
	d, err := dir.Open(at.Path, dir.Options{Keys: at.Keys})
	if err != nil {
		return nil, 0, err
	}
	defer d.Close()
	today := civil.DayOf(at.Now())
	for _, sub := range []string{"", dir.Held, dir.Keys, dir.Journal} {
		names, err := d.Names(sub)
		if err != nil {
			return nil, 0, err
		}
		for _, name := range names {
			day, ok := dir.ExpiryDay(sub, name)
			ofLines := sub == "" || sub == dir.Held
			if !ok || day >= before || !ofLines && day >= today {
				continue
			}
			days = append(days, day)
			if _, own := dir.OwnDay(sub, name); own && ofLines {
				n, err := countLines(d, sub, name)
				if err != nil {
					return nil, 0, err
				}
				lines += n
			}
		}
	}
	slices.Sort(days)
	return slices.Compact(days), lines, nil
}

func countLines(d *dir.Dir, sub, name string) (n int, err error) {
	f, err := d.OpenFile(sub, name, os.O_RDONLY)
	if err != nil {
		return 0, dir.IfExists(err)
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for {
		m, err := f.Read(buf)
		n += bytes.Count(buf[:m], []byte{'\n'})
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// EraseDays deletes days on purpose: their keys, lines and journals. Of today, and of the
// days after it, the lines alone: more lines come under these keys. Room files stay.
// Processes that live are told to forget the days that are over; see Holders.
func EraseDays(at Directory, days []civil.Day) (p retention.Purged, err error) {
	if err := registry.KeysElsewhere(at.Path, at.Keys); err != nil {
		return p, err
	}
	d, err := openToPurge(at)
	if err != nil {
		return p, err
	}
	defer d.Close()
	today := civil.DayOf(at.Now())
	for _, day := range days {
		var some retention.Purged
		if day < today {
			some = deleteDay(d, at, day)
		} else {
			some = deleteLines(d, day)
		}
		p.Deleted, p.Errs = append(p.Deleted, some.Deleted...), append(p.Errs, some.Errs...)
	}
	return p, dir.Join(p.Errs...)
}

// deleteLines deletes the lines of a day that goes on, while no process writes them: what
// comes next goes to a new file.
func deleteLines(d *dir.Dir, day civil.Day) retention.Purged {
	for _, name := range []string{dir.HeldLock, dir.LinesLock} { // who releases lines takes them so
		lock := d.NewLock(dir.Locks, name)
		defer lock.Close()
		if lock.Take() {
			defer lock.Release()
		}
	}
	return retention.DeleteLines(d, day)
}

// keyIDs returns what the mark of a deleted day says: the ids of the keys that went with
// it, one a line, those of an earlier time included. So a key that came back is told from
// that of lines which came later.
func keyIDs(d *dir.Dir, day civil.Day) []byte {
	ids, _ := d.ReadFile(dir.Erased, day.String()) // as a rule there is none
	if key, err := keyring.ReadKey(d, day); err == nil {
		ids = fmt.Appendf(ids, "%x\n", (*pseudonym.Key)(&key).ID())
	}
	return ids
}

// deleteDay deletes a day that is over, with its keys wherever processes had them.
func deleteDay(d *dir.Dir, at Directory, day civil.Day) retention.Purged {
	p := retention.DeleteDay(d, day, keyIDs(d, day))
	paths, trusted := registry.KeyDirs(d)
	if !trusted { // as moved has it
		paths = nil
	}
	for _, path := range append(paths, "") { // "" is the one in DIR
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
