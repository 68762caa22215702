package counts

import (
	"maps"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// HostUnion is what the journals of one day hold together in several DIRs. Under one key,
// an address that used a room on two hosts is one pair. It reads journals of running
// processes, and writes nothing to their DIRs. It serves one goroutine.
type HostUnion struct{ union *union }

// NewHostUnion returns an empty one. A pair takes 11 to 22 bytes of memory.
func NewHostUnion(day civil.Day) *HostUnion {
	return &HostUnion{newUnion(day, rooms.NoLimits)} // hosts have bounded what they counted
}

// Part is what one DIR has of the day.
type Part struct {
	Journals int
	Pairs    int      // of room and address
	Damaged  []string // journals in which something had to be skipped, also journals kept aside
}

// Add takes in the journals of the DIR at path. After an error, what could be read is in.
func (s *HostUnion) Add(d *dir.Dir, path string) (p Part, err error) {
	names, err := journalNames(d)
	if err != nil {
		return p, err
	}
	u := s.union
	// Another host's journals: where a machine was cloned, some have the same names.
	u.read, u.flawed = map[string]int64{}, map[string]string{}
	u.oneDir = rooms.NewCounts(rooms.NoLimits)
	err = u.follow(d, names[u.day])
	p.Journals = len(u.read)
	_, p.Pairs = u.oneDir.Size()
	u.oneDir = nil
	if err != nil {
		return p, err
	}
	p.Damaged, err = u.damaged(d, path)
	return p, err
}

// Counted reports whether a host counted rooms on that day.
func (s *HostUnion) Counted() bool { return s.union.counted() }

// Keys returns the ids of the keys under which they did, in order.
func (s *HostUnion) Keys() []roomfile.KeyID {
	ids := make([]roomfile.KeyID, 0, len(s.union.keys))
	for id := range s.union.keys {
		ids = append(ids, id)
	}
	return roomfile.UniteKeys(ids, nil)
}

// Settings returns what the processes recorded that counted rooms.
func (s *HostUnion) Settings() []string { return slices.Sorted(maps.Keys(s.union.settings)) }

// Overflow is in how many lines, at least, a new pair was left out by a bound.
func (s *HostUnion) Overflow() uint64 { return s.union.counts.Recorded() }

// Rooms returns the counts, sorted by hash.
func (s *HostUnion) Rooms() []roomfile.Entry { return s.union.counts.Summary() }

// Days returns the days that a DIR has journals of, in order.
func Days(d *dir.Dir) ([]civil.Day, error) {
	names, err := journalNames(d)
	return slices.Sorted(maps.Keys(names)), err
}
