package rooms

import (
	"bytes"
	"math"
	"slices"
)

// Limits bound a day's Counts.
type Limits struct {
	Rooms int // different rooms
	Pairs int // different pairs of room and address
}

// DefaultLimits keep a Counts below about 150 MiB: a room costs 35 to 70 bytes,
// a pair 11 to 22 and at this limit 11. A process has two of them for a day, its
// own and the union of all.
var DefaultLimits = Limits{Rooms: 200_000, Pairs: 12_000_000}

// NoLimits are for reading what others have bounded.
var NoLimits = Limits{Rooms: math.MaxInt, Pairs: math.MaxInt}

// Counts is the exact distinct state of one day: for each room, how many
// different addresses it had. It knows an address only as the fingerprint of
// the pair of room and address, 64 bits that look random. It serves one
// goroutine; empty, it takes less than 10 KiB.
//
// The pairs lie in shards that grow each on its own, so that no call of Add
// has to move more than a 256th of them.
type Counts struct {
	limits   Limits
	rooms    map[[20]byte]uint64
	pairs    int
	overflow overflow
	recorded map[overflowID]uint64 // the overflow that records tell of
	shards   [256]shard            // by the highest byte of the fingerprint
}

// NewCounts returns an empty Counts.
func NewCounts(limits Limits) *Counts {
	return &Counts{limits: limits, rooms: map[[20]byte]uint64{}}
}

// Add counts the pair with fingerprint fp for the room with this hash, and
// reports whether it is new: then it goes to the journal. Past a limit, a new
// pair is not counted but for Overflow. It does not keep hash.
func (c *Counts) Add(hash *[20]byte, fp uint64) bool {
	// 0 marks a free slot. Two pairs in 2^64 become one by this.
	fp = max(fp, 1)
	s := &c.shards[fp>>56]
	if s.has(fp) {
		return false
	}
	n := c.rooms[*hash]
	if c.pairs >= c.limits.Pairs || n == 0 && len(c.rooms) >= c.limits.Rooms {
		c.overflow.n++
		return false
	}
	s.insert(fp)
	c.pairs++
	c.rooms[*hash] = n + 1
	return true
}

// Overflow returns how often Add met a pair that was new and not counted, which
// may be one pair several times.
func (c *Counts) Overflow() uint64 { return c.overflow.n }

// Recorded returns the overflow of other Counts, as their records tell it.
func (c *Counts) Recorded() uint64 {
	var sum uint64
	for _, n := range c.recorded {
		sum += n
	}
	return sum
}

// Room is one line of a day's summary.
type Room struct {
	Hash  [20]byte
	Count uint64 // different addresses, at least 1
}

// Summary returns the rooms sorted by hash.
func (c *Counts) Summary() []Room {
	rooms := make([]Room, 0, len(c.rooms))
	for hash, n := range c.rooms {
		rooms = append(rooms, Room{hash, n})
	}
	slices.SortFunc(rooms, func(a, b Room) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return rooms
}

// shard is a set of fingerprints: a hash table with linear probing, its
// length 0 or a power of two, at most three quarters full. Fingerprints look
// random, so their low bits serve as the hash.
type shard struct {
	slots []uint64
	n     int
}

func (s *shard) has(fp uint64) bool {
	mask := uint64(len(s.slots)) - 1
	for i := fp & mask; len(s.slots) > 0; i = (i + 1) & mask {
		switch s.slots[i] {
		case fp:
			return true
		case 0:
			return false
		}
	}
	return false
}

// insert adds a fingerprint that is not in the set.
func (s *shard) insert(fp uint64) {
	if 4*(s.n+1) > 3*len(s.slots) {
		old := s.slots
		s.slots = make([]uint64, max(8, 2*len(old)))
		for _, fp := range old {
			if fp != 0 {
				s.place(fp)
			}
		}
	}
	s.place(fp)
	s.n++
}

func (s *shard) place(fp uint64) {
	mask := uint64(len(s.slots)) - 1
	i := fp & mask
	for s.slots[i] != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = fp
}
