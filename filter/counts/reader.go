package counts

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// Day holds one day's room counts.
type Day struct {
	Rooms      []roomfile.Entry // read-only: the Reader returns it again
	UpperBound bool             // counted under several keys: an address may be in twice
	LowerBound bool             // the room file lacks pairs that could not be counted or united
	Overflow   uint64           // at least this many lines had a new pair that a limit left out
	Damaged    []string         // paths of the room file and of journals that are damaged in part, or set aside
	Hosts      roomfile.Roster  // the hosts whose journals the room file is made of; empty: one host's
}

// Read returns a day's current counts, from its journals and its room file. The error
// is fs.ErrNotExist for a day without either. Read writes nothing.
func Read(path string, day civil.Day) (Day, error) {
	r := NewReader(path, day)
	defer r.Close()
	return r.Read()
}

// Reader reads the counts of a day repeatedly, for a live report. Each Read reads only
// what was appended to journals since the last one. The pairs stay in memory, 11 to 22
// bytes each. One goroutine uses it.
type Reader struct {
	path     string
	day      civil.Day
	d        *dir.Dir // nil: not open
	union    *union
	text     []byte           // of the room file
	onDisk   []roomfile.Entry // text, parsed
	parseErr error            // why not all of text could be parsed
	rooms    []roomfile.Entry // onDisk merged with so many pairs
	pairs    int
}

// NewReader returns a reader of the counts of a day in the DIR at path.
func NewReader(path string, day civil.Day) *Reader {
	return &Reader{path: path, day: day}
}

// Read is the function Read. If another DIR has taken the place of the one before, it
// is read from the beginning.
func (r *Reader) Read() (Day, error) {
	if r.d != nil && r.d.Moved() {
		r.Close()
	}
	if r.d == nil {
		d, err := dir.Open(r.path, dir.Options{})
		if err != nil {
			return Day{}, err
		}
		// No limits: journals may have been written under larger ones.
		*r = Reader{path: r.path, day: r.day, d: d, union: newUnion(r.day, rooms.NoLimits)}
	}
	u := r.union
	names, err := journalNames(r.d)
	if err != nil {
		return Day{}, err
	}
	if err := u.follow(r.d, names[r.day]); err != nil {
		return Day{}, err
	}
	damaged, err := u.damaged(r.d, r.path)
	if err != nil {
		return Day{}, err
	}
	// The file is read after the journals, so that it is no older than they are.
	text, err := r.d.ReadFile(dir.Rooms, dir.RoomFile(r.day))
	if errors.Is(err, fs.ErrNotExist) && u.counted() {
		err = nil
	}
	if err != nil {
		return Day{}, err
	}
	_, pairs := u.counts.Size() // pairs are never removed, so an equal number means no change
	if same := bytes.Equal(text, r.text); !same || pairs != r.pairs {
		if !same {
			r.text = text
			r.onDisk, r.parseErr = roomfile.Parse(text)
		}
		r.rooms, r.pairs = roomfile.Merge(r.onDisk, u.counts.Summary()), pairs
	}
	if r.parseErr != nil {
		damaged = append(damaged, filepath.Join(r.path, dir.Rooms, dir.RoomFile(r.day)))
	}
	hosts, err := ReadHosts(r.d, r.day)
	if err != nil {
		return Day{}, err
	}
	_, err = r.d.ReadFile(dir.Rooms, dir.PartialMark(r.day))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Day{}, err
	}
	return Day{
		Rooms:      r.rooms,
		LowerBound: err == nil,
		UpperBound: len(u.keys) > 1 || len(hosts.Keys) > 1,
		Overflow:   u.counts.RecordedOverflow(),
		Damaged:    damaged,
		Hosts:      hosts,
	}, nil
}

// Close closes DIR.
func (r *Reader) Close() {
	if r.d != nil {
		r.d.Close()
		r.d = nil
	}
}

// Origins returns the ids of the keys, and the settings of the processes, that a day's
// journals record about its lines.
func Origins(d *dir.Dir, day civil.Day) (keyIDs [][8]byte, settings []string, err error) {
	u := newUnion(day, rooms.Limits{})
	names, err := journalNames(d)
	if err != nil {
		return nil, nil, err
	}
	if err := u.follow(d, names[day]); err != nil {
		return nil, nil, err
	}
	keyIDs, settings = originsOf(u.keys, u.settings)
	return keyIDs, settings, nil
}

func originsOf(keys map[[8]byte]bool, settings map[string]bool) ([][8]byte, []string) {
	return slices.Collect(maps.Keys(keys)), slices.Sorted(maps.Keys(settings))
}
