package groups

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Day reads the groups of a day from the journals, while other processes write them. One
// goroutine uses it.
type Day struct {
	u   *union
	d   *dir.Dir
	day civil.Day

	most int // most people of any group
}

// DayOf returns the Day, empty until Refresh.
func DayOf(d *dir.Dir, day civil.Day) *Day {
	return &Day{u: newUnion(rooms.NoLimits), d: d, day: day}
}

// Refresh reads what was appended to the journals.
func (d *Day) Refresh() error {
	names, err := counts.TypedNames(d.d)
	if err != nil {
		return err
	}
	return d.u.follow(d.d, d.day, names[d.day], func(group pseudonym.Group) { d.most = max(d.most, d.u.people(group)) })
}

// People returns at least how many people a group has: the smallest number of different
// people in any of its fields. Processes stop counting when they know of enough.
func (d *Day) People(group pseudonym.Group) int {
	if group.Fields() == 0 {
		return 0
	}
	return d.u.people(group)
}

// Most returns the number of people of the largest group.
func (d *Day) Most() int { return d.most }

// Least returns the smallest minimum that a process recorded, 0 if there is no journal.
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

// union is the union of a day's journals, and how far each has been read.
type union struct {
	counts   *rooms.DistinctSet
	read     map[string]int64
	keys     map[[8]byte]bool // by their ids
	maxLeast int              // largest minimum in a header
	minLeast int              // smallest one
}

func newUnion(limits rooms.Limits) *union {
	return &union{counts: rooms.NewDistinctSet(limits), read: map[string]int64{}, keys: map[[8]byte]bool{}}
}

// people returns the number of people behind a group.
func (u *union) people(group pseudonym.Group) int {
	n := 0
	for i := range group.Fields() {
		field := group.Field(i)
		if of := int(u.counts.Addresses(&field)); i == 0 || of < n {
			n = of
		}
	}
	return n
}

// follow reads what was appended to the journals of a day, and calls found with the group of
// each record. names may be out of date: if a journal is gone, follow lists them again.
func (u *union) follow(d *dir.Dir, day civil.Day, names []string, found func(pseudonym.Group)) error {
	return counts.EachJournal(names, func() ([]string, error) {
		listed, err := counts.TypedNames(d)
		return listed[day], err
	}, func(name string) error { return u.followOne(d, name, found) })
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
		from = 0 // somebody truncated it: treat its contents as new
	}
	info, err := journal.Read(f, from, func(payload []byte) error {
		records, ok := journal.Groups.Records(payload)
		if !ok || u.counts.Apply(records) != nil { // of another type or damaged
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
