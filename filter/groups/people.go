package groups

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Day is what the journals of a day say of its groups, for who looks on while others
// write. It serves one goroutine.
type Day struct {
	u   *union
	d   *dir.Dir
	day civil.Day

	most int // people of any group
}

// DayOf returns what is known of a day: nothing before Look.
func DayOf(d *dir.Dir, day civil.Day) *Day {
	return &Day{u: newUnion(rooms.NoLimits), d: d, day: day}
}

// Refresh reads what the journals have got since the last time.
func (d *Day) Refresh() error {
	names, err := counts.TypedNames(d.d)
	if err != nil {
		return err
	}
	return d.u.follow(d.d, d.day, names[d.day], func(group pseudonym.Group) { d.most = max(d.most, d.u.people(group)) })
}

// People is how many people a group has at least: the smallest number of different people
// in any of its fields. A process that knows of enough does not count on.
func (d *Day) People(group pseudonym.Group) int {
	if group.Fields() == 0 {
		return 0
	}
	return d.u.people(group)
}

// Most is how many people the group has that has most.
func (d *Day) Most() int { return d.most }

// Least is how many people the process asked for that asked for fewest, 0 if there is no
// journal.
func (d *Day) Least() int { return d.u.minLeast }

// IsUnder reports whether all people were counted under the key with that id.
func (d *Day) IsUnder(keyID [8]byte) bool {
	for id := range d.u.keys {
		if id != keyID {
			return false
		}
	}
	return true
}

// union is what the journals of a day hold together, and how far each has been read.
type union struct {
	counts *rooms.Counts
	read   map[string]int64
	keys   map[[8]byte]bool // by their ids
	maxLeast  int              // the largest in a header
	minLeast int              // the smallest
}

func newUnion(limits rooms.Limits) *union {
	return &union{counts: rooms.NewCounts(limits), read: map[string]int64{}, keys: map[[8]byte]bool{}}
}

// people is how many stand behind a group.
func (u *union) people(group pseudonym.Group) int {
	n := 0
	for i := range group.Fields() {
		field := group.Field(i)
		if of := int(u.counts.Of(&field)); i == 0 || of < n {
			n = of
		}
	}
	return n
}

// follow reads what the journals of a day have got since the last time, and calls found
// with the group of each record. names may be out of date: where a journal has gone, they
// are listed anew.
func (u *union) follow(d *dir.Dir, day civil.Day, names []string, found func(pseudonym.Group)) error {
	var errs []error
	for range 8 {
		errs = errs[:0]
		gone := false
		for _, name := range names {
			err := u.followOne(d, name, found)
			if gone = gone || errors.Is(err, fs.ErrNotExist); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		if !gone {
			break
		}
		listed, err := counts.TypedNames(d)
		if err != nil {
			return dir.Join(append(errs, err)...)
		}
		names = listed[day]
	}
	return dir.Join(errs...)
}

func (u *union) followOne(d *dir.Dir, name string, found func(pseudonym.Group)) error {
	f, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	from := u.read[name]
	if st, err := f.Stat(); err == nil && st.Size() == from && from > 0 {
		return nil
	} else if err == nil && st.Size() < from {
		from = 0 // cut short by somebody: what is in it now is new
	}
	info, err := journal.Read(f, from, func(payload []byte) error {
		records, ok := journal.Groups.Records(payload)
		if !ok || u.counts.Apply(records) != nil { // of another type, or damaged: it opens nothing
			return nil
		}
		for ; len(records) > 0; records = records[rooms.RecordSize:] {
			if group := pseudonym.GroupOf([20]byte(records)); group.Fields() > 0 {
				found(group)
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, journal.ErrVersion) {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if from == 0 && info.HeaderOK {
		least := 0
		if n, err := fmt.Sscanf(string(info.Settings), "least=%d;", &least); n == 1 && err == nil {
			u.maxLeast = max(u.maxLeast, least)
			u.minLeast = min(cmp.Or(u.minLeast, least), least)
			u.keys[info.KeyID] = true
		}
	}
	u.read[name] = info.Offset
	return nil
}
