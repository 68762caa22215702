package counts

import (
	"maps"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// HostUnion unites the journals that several hosts' DIRs have of one day. Under one
// key, an address that used a room on two hosts is one pair. It reads the journals of
// running processes, and writes nothing to their DIRs. One goroutine uses it.
type HostUnion struct{ union *union }

// NewHostUnion returns an empty one. A pair takes 11 to 22 bytes of memory.
func NewHostUnion(day civil.Day) *HostUnion {
	return &HostUnion{newUnion(day, rooms.NoLimits)} // each host has limited what it counted
}

// Part describes what one DIR has of the day.
type Part struct {
	Journals int
	Pairs    int      // of room and address
	Damaged  []string // paths of journals that are damaged in part, or set aside
}

// Add adds the journals of the DIR at path. After an error, everything that could be
// read is added.
func (s *HostUnion) Add(d *dir.Dir, path string) (p Part, err error) {
	names, err := journalNames(d)
	if err != nil {
		return p, err
	}
	u := s.union
	// Forget the names of the previous host's journals: if a machine was cloned, two
	// hosts have journals of the same name.
	u.read, u.flawed = map[string]int64{}, map[string]string{}
	u.oneDir = rooms.NewDistinctSet(rooms.NoLimits)
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

// Counted reports whether any host counted rooms on that day.
func (s *HostUnion) Counted() bool { return s.union.counted() }

// Keys returns the ids of the keys that the hosts counted under, sorted.
func (s *HostUnion) Keys() []roomfile.KeyID {
	ids := make([]roomfile.KeyID, 0, len(s.union.keys))
	for id := range s.union.keys {
		ids = append(ids, id)
	}
	return roomfile.UniteKeys(ids, nil)
}

// Settings returns the recorded settings of the processes that counted rooms.
func (s *HostUnion) Settings() []string { return slices.Sorted(maps.Keys(s.union.settings)) }

// Overflow returns at least how many lines had a new pair that a limit left out.
func (s *HostUnion) Overflow() uint64 { return s.union.counts.RecordedOverflow() }

// Rooms returns the counts, sorted by hash.
func (s *HostUnion) Rooms() []roomfile.Entry { return s.union.counts.Summary() }

// Days returns the days that a DIR has journals of, sorted.
func Days(d *dir.Dir) ([]civil.Day, error) {
	names, err := journalNames(d)
	return slices.Sorted(maps.Keys(names)), err
}
