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

// Day is what is known of one day's rooms.
type Day struct {
	Rooms      []roomfile.Entry // not to be changed: a Reader returns them again
	UpperBound bool             // counted under several keys: an address may be in twice
	LowerBound bool             // the room file lacks what could not be counted or united
	Overflow   uint64           // at least so many lines had a new pair of room and address that a bound left out
	Damaged    []string         // room file and journals in which something had to be skipped, also journals kept aside
	Hosts      roomfile.Roster  // whose journals the room file is made of; empty: those of one host
}

// Read returns the counts of a day as they stand now: from its journals,
// and for a day that has none any more from its room file. The error is
// fs.ErrNotExist for a day that nothing is known of. It writes nothing.
func Read(path string, day civil.Day) (Day, error) {
	r := NewReader(path, day)
	defer r.Close()
	return r.Read()
}

// Reader is for who wants the counts of a day again and again: it reads
// what journals have got since the last time, and keeps the pairs in memory, 11
// to 22 bytes each. It serves one goroutine.
type Reader struct {
	path     string
	day      civil.Day
	d        *dir.Dir // nil: not open
	union    *union
	text     []byte // of the room file
	onDisk   []roomfile.Entry
	parseErr error            // why not all of text could be read
	rooms    []roomfile.Entry // of had, and of so many pairs
	pairs    int
}

// NewReader returns a reader of the counts of a day in the DIR at path.
func NewReader(path string, day civil.Day) *Reader {
	return &Reader{path: path, day: day}
}

// Read is what the function Read does. A DIR that has taken the place of the one before is read
// from its beginning.
func (r *Reader) Read() (Day, error) {
	if r.d != nil && r.d.Moved() {
		r.Close()
	}
	if r.d == nil {
		d, err := dir.Open(r.path, dir.Options{})
		if err != nil {
			return Day{}, err
		}
		// What was written under larger limits has to be read, too.
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
	// The file is read last, so that it is not behind the journals.
	text, err := r.d.ReadFile(dir.Rooms, dir.RoomFile(r.day))
	if errors.Is(err, fs.ErrNotExist) && u.counted() {
		err = nil
	}
	if err != nil {
		return Day{}, err
	}
	_, pairs := u.counts.Size() // no pair is ever taken out
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
		Overflow:   u.counts.Recorded(),
		Damaged:    damaged,
		Hosts:      hosts,
	}, nil
}

// Close ends the use of DIR.
func (r *Reader) Close() {
	if r.d != nil {
		r.d.Close()
		r.d = nil
	}
}

// Origins returns what the journals of a day say of the lines of that day: the ids of
// the keys that its pseudonyms were made under, and the settings of the processes.
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
