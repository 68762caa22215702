package counts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Tail reads the journals of one day incrementally, for a sender that passes the
// records on. Commit marks everything read so far as sent; Rollback returns to the last
// Commit. When journals have been folded, the new journal is read from its beginning,
// so its records come a second time.
type Tail struct {
	day       civil.Day
	read      map[string]progress // by name
	committed map[string]progress
	keys      map[[8]byte]bool
	settings  map[string]bool
}

// progress is how far a journal has been read.
type progress struct {
	offset int64
	pairs  int
	flawed bool // part of it could not be read
}

// NewTail returns a Tail at the start of all journals of day.
func NewTail(day civil.Day) *Tail {
	return &Tail{day: day, read: map[string]progress{}, committed: map[string]progress{}, keys: map[[8]byte]bool{}, settings: map[string]bool{}}
}

var errEnough = errors.New("enough was read")

// Next passes new payloads to take until it returns false, and reports that as more;
// the next call continues after that payload.
func (t *Tail) Next(d *dir.Dir, take func(payload []byte) bool) (more bool, err error) {
	all, err := journalNames(d)
	if err != nil {
		return false, err
	}
	names := all[t.day]
	for name := range t.read {
		if !slices.Contains(names, name) { // folded: its records are in the new journal
			delete(t.read, name)
			delete(t.committed, name)
		}
	}
	var errs []error
	for _, name := range names {
		if more, err = t.readOne(d, name, take); more {
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) { // folded meanwhile; the next call lists the new one
			errs = append(errs, err)
		}
	}
	return false, dir.Join(errs...)
}

func (t *Tail) readOne(d *dir.Dir, name string, take func(payload []byte) bool) (enough bool, err error) {
	f, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer f.Close()
	of := t.read[name]
	st, err := f.Stat()
	if err != nil {
		return false, err
	}
	if st.Size() == of.offset {
		return false, nil
	}
	if st.Size() < of.offset {
		of = progress{} // somebody truncated it: treat its contents as new
	}
	from := of.offset
	info, err := journal.Read(f, from, func(payload []byte) error {
		if enough {
			return errEnough
		}
		of.pairs += len(payload) / rooms.RecordSize
		enough = !take(payload)
		return nil
	})
	if from == 0 && info.HeaderOK && originOf(info) != (origin{}) {
		t.keys[info.KeyID] = true
		t.settings[string(info.Settings)] = true
	}
	if errors.Is(err, journal.ErrVersion) {
		of.flawed = true
	} else if err != nil && !errors.Is(err, errEnough) {
		return false, fmt.Errorf("%s: %w", f.Name(), err)
	}
	of.offset, of.flawed = info.Offset, of.flawed || isDamaged(info, from)
	t.read[name] = of
	return enough, nil
}

// Commit marks everything that was read as passed on.
func (t *Tail) Commit() {
	for name, of := range t.read {
		t.committed[name] = of
	}
}

// Rollback returns to the state of the last Commit.
func (t *Tail) Rollback() {
	clear(t.read)
	for name, of := range t.committed {
		t.read[name] = of
	}
}

// Pairs returns the number of pairs read. A pair in the journals of two processes
// counts twice.
func (t *Tail) Pairs() (n int) {
	for _, of := range t.read {
		n += of.pairs
	}
	return n
}

// Flawed reports whether some journal could not be read completely.
func (t *Tail) Flawed() bool {
	for _, of := range t.read {
		if of.flawed {
			return true
		}
	}
	return false
}

// Origins returns the ids of the keys and the settings of the journals read.
func (t *Tail) Origins() (keyIDs [][8]byte, settings []string) { return originsOf(t.keys, t.settings) }
