package counts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// union is the union of one day's journals, and how far each has been read.
type union struct {
	day        civil.Day
	counts     *rooms.DistinctSet
	oneDir     *rooms.DistinctSet // the same for the current DIR alone, in a HostUnion; else nil
	read       map[string]int64   // offsets, by journal name
	keys       map[[8]byte]bool
	settings   map[string]bool
	flawed     map[string]string // by journal name, why it could not be read completely; "" for one that ends within a frame
	partial    bool              // the mark of partial counts exists
	hasLate    bool              // it contains records that are in no journal
	late       []byte            // those records
	lowerBound bool              // other processes may have counted pairs that are not in it
	reported   map[string]bool   // topics of problems with the counts that have been reported
}

func newUnion(day civil.Day, limits rooms.Limits) *union {
	return &union{day: day, counts: rooms.NewDistinctSet(limits), read: map[string]int64{},
		keys: map[[8]byte]bool{}, settings: map[string]bool{}, flawed: map[string]string{}, reported: map[string]bool{}}
}

// journalNames lists the journals of each day. A listing made while a process folds can
// miss both the old and the new journals; if two listings are equal, the first missed
// nothing.
func journalNames(d *dir.Dir) (map[civil.Day][]string, error) {
	return namesOf(d, func(name string) (civil.Day, bool) { return dir.OwnDay(dir.Journal, name) })
}

// TypedNames lists the typed journals of each day, as journalNames does.
func TypedNames(d *dir.Dir) (map[civil.Day][]string, error) { return namesOf(d, dir.TypedDay) }

func namesOf(d *dir.Dir, dayOf func(string) (civil.Day, bool)) (map[civil.Day][]string, error) {
	all, err := d.Names(dir.Journal)
	for range 8 {
		before := all
		if all, err = d.Names(dir.Journal); slices.Equal(all, before) {
			break
		}
	}
	names := map[civil.Day][]string{}
	for _, name := range all {
		if day, ok := dayOf(name); ok {
			names[day] = append(names[day], name)
		}
	}
	return names, err
}

// follow reads what was appended to the day's journals since the last call. names may
// be out of date: if a journal is gone, follow lists them again.
func (u *union) follow(d *dir.Dir, names []string) error {
	return EachJournal(names, func() ([]string, error) {
		listed, err := journalNames(d)
		return listed[u.day], err
	}, func(name string) error { return u.followOne(d, name) })
}

// EachJournal calls do for each of a day's journals. names may be out of date: if do returns
// fs.ErrNotExist for one, EachJournal lists them again, and starts over.
func EachJournal(names []string, list func() ([]string, error), do func(name string) error) error {
	var errs []error
	for range 8 {
		errs = errs[:0]
		gone := false
		for _, name := range names {
			err := do(name)
			if errors.Is(err, fs.ErrNotExist) {
				gone = true
			} else if err != nil {
				errs = append(errs, err)
			}
		}
		if !gone {
			break
		}
		var err error
		if names, err = list(); err != nil {
			return dir.Join(append(errs, err)...)
		}
	}
	return dir.Join(errs...)
}

func (u *union) followOne(d *dir.Dir, name string) error {
	f, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	from := u.read[name]
	if st, err := f.Stat(); err == nil && st.Size() < from {
		from = 0 // somebody truncated it: treat its contents as new
	}
	foreign := 0
	info, err := journal.Read(f, from, func(payload []byte) error {
		if u.counts.Apply(payload) != nil {
			foreign++
		} else if u.oneDir != nil {
			return u.oneDir.Apply(payload)
		}
		return nil
	})
	if errors.Is(err, journal.ErrVersion) {
		u.read[name] = 0
		u.flawed[name] = err.Error() + "; it is not counted"
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if from == 0 && info.HeaderOK && originOf(info) != (origin{}) {
		u.keys[info.KeyID] = true
		u.settings[string(info.Settings)] = true
	}
	u.read[name] = info.Offset
	switch {
	case foreign > 0 || isDamaged(info, from):
		u.flawed[name] = "damaged in part; its intact part is counted"
	case info.Torn && u.flawed[name] == "":
		u.flawed[name] = ""
	}
	return nil
}

// isDamaged reports whether part of a journal, read from the given offset on, is
// damaged. One that ends within a frame is not: a kill leaves it like that.
func isDamaged(info journal.Info, from int64) bool {
	return info.Damaged > 0 || from == 0 && !info.HeaderOK && !info.Torn
}

// counted reports whether one of the journals belongs to a process that counted rooms.
func (u *union) counted() bool {
	for settings := range u.settings {
		if !strings.HasSuffix(settings, NoRooms) {
			return true
		}
	}
	return false
}

// NoRooms ends the settings of a process that does not count rooms.
const NoRooms = "rooms=none;"

// damaged returns the paths of the day's journals that are damaged in part, including
// those set aside. One that ends within a frame is not damaged.
func (u *union) damaged(d *dir.Dir, path string) ([]string, error) {
	names, err := d.Names(dir.Journal)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, name := range names {
		kept, aside := strings.CutSuffix(name, dir.DamagedSuffix)
		damaged := u.flawed[name] != ""
		if day, ok := dir.OwnDay(dir.Journal, kept); ok && aside && day == u.day {
			f, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
			if err != nil {
				continue // deleted, or not hushpipe's
			}
			info, err := journal.Read(f, 0, func([]byte) error { return nil })
			damaged = err != nil || isDamaged(info, 0)
			f.Close()
		}
		if damaged {
			paths = append(paths, filepath.Join(path, dir.Journal, name))
		}
	}
	return paths, nil
}
