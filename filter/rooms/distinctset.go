package rooms

import (
	"bytes"
	"math"
	"slices"

	"hushpipe/format/roomfile"
)

// Limits bound the DistinctSet of a day.
type Limits struct {
	Rooms int // distinct rooms
	Pairs int // distinct pairs of room and address
}

// DefaultLimits keep a DistinctSet below about 150 MiB: a room takes 35 to 70 bytes, a pair 11 to
// 22, and 11 at this limit. A process has two of them per day, its own and the union of all.
var DefaultLimits = Limits{Rooms: 200_000, Pairs: 12_000_000}

// NoLimits are for reading counts that other processes have limited.
var NoLimits = Limits{Rooms: math.MaxInt, Pairs: math.MaxInt}

// DistinctSet counts exactly, for each room, how many distinct addresses it had on one day. It
// stores an address only as the fingerprint of the pair of room and address, 64 bits that
// look random. One goroutine uses it; empty, it takes less than 10 KiB.
//
// The pairs are in shards that grow and split independently (extendible hashing, Fagin et
// al. 1979), so that one call of add moves at most one shard. All shards fill up at about
// the same time, so that has to be a small one.
type DistinctSet struct {
	limits   Limits
	rooms    map[[20]byte]uint64
	pairs    int
	overflow overflow
	recorded map[overflowID]uint64 // overflow of other sets, from records
	shards   []*shard              // indexed by the highest depth bits of the fingerprint; several indexes may share one
	depth    int
}

// NewDistinctSet returns an empty DistinctSet.
func NewDistinctSet(limits Limits) *DistinctSet {
	return &DistinctSet{limits: limits, rooms: map[[20]byte]uint64{}, shards: []*shard{{}}}
}

// add counts the pair with fingerprint fp for the room with this hash, and reports whether
// it is new: then it goes to the journal. Past a limit, or if the room is TooLong, a new
// pair only counts as Overflow. add does not keep hash.
func (c *DistinctSet) add(hash *[20]byte, fp uint64) bool {
	if *hash == TooLong {
		c.overflow.n++
		return false
	}
	// 0 marks a free slot, so 0 and 1 count as one pair: a chance of 2 in 2^64.
	fp = max(fp, 1)
	if c.shards[fp>>(64-c.depth)].has(fp) {
		return false
	}
	n := c.rooms[*hash]
	if c.pairs >= c.limits.Pairs || n == 0 && len(c.rooms) >= c.limits.Rooms {
		c.overflow.n++
		return false
	}
	c.insert(fp)
	c.pairs++
	c.rooms[*hash] = n + 1
	return true
}

// Addresses returns the number of addresses of a room.
func (c *DistinctSet) Addresses(hash *[20]byte) uint64 { return c.rooms[*hash] }

// Size returns the numbers of rooms and pairs.
func (c *DistinctSet) Size() (rooms, pairs int) { return len(c.rooms), c.pairs }

// Overflow returns how often add did not count a pair that was new or of a room TooLong. It
// counts a pair each time.
func (c *DistinctSet) Overflow() uint64 { return c.overflow.n }

// RecordedOverflow returns the overflow of other sets, as read from their records.
func (c *DistinctSet) RecordedOverflow() uint64 {
	var sum uint64
	for _, n := range c.recorded {
		sum += n
	}
	return sum
}

// Summary returns the rooms sorted by hash.
func (c *DistinctSet) Summary() []roomfile.Entry {
	rooms := make([]roomfile.Entry, 0, len(c.rooms))
	for hash, n := range c.rooms {
		rooms = append(rooms, roomfile.Entry{Hash: hash, Count: n})
	}
	slices.SortFunc(rooms, func(a, b roomfile.Entry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return rooms
}

// DayCounts is the final result of one day.
type DayCounts struct {
	Rooms   []roomfile.Entry // sorted by hash
	Partial bool             // pairs are missing: the counts are a lower bound
}

// DayCounts returns the Summary, and whether it lacks pairs.
func (c *DistinctSet) DayCounts() DayCounts {
	return DayCounts{c.Summary(), c.Overflow() > 0 || c.RecordedOverflow() > 0}
}

const (
	// splitSize is the number of slots at which a shard splits: moving it takes about 50 µs.
	splitSize = 4096
	// maxDepth bounds how often shards split. It suffices for 100 million fingerprints; if
	// they do not look random it saves memory.
	maxDepth = 16
)

// insert adds a fingerprint that is not in the set.
func (c *DistinctSet) insert(fp uint64) {
	s := c.shards[fp>>(64-c.depth)]
	for s.isFull() {
		if len(s.slots) < splitSize || s.depth == maxDepth {
			s.resize(max(8, 2*len(s.slots)))
		} else {
			c.split(s, fp)
			s = c.shards[fp>>(64-c.depth)]
		}
	}
	s.place(fp)
}

// split moves half of s, the shard of fp, to a new one.
func (c *DistinctSet) split(s *shard, fp uint64) {
	if s.depth == c.depth {
		twice := make([]*shard, 0, 2*len(c.shards))
		for _, other := range c.shards {
			twice = append(twice, other, other)
		}
		c.shards = twice
		c.depth++
	}
	places := 1 << (c.depth - s.depth) // indexes of s
	first := int(fp>>(64-c.depth)) &^ (places - 1)
	high := s.half()
	for i := first + places/2; i < first+places; i++ {
		c.shards[i] = high
	}
}

// shard is a set of fingerprints with the same highest depth bits: a hash table with linear
// probing, with a length of 0 or a power of two, at most three quarters full. Fingerprints
// look random, so their low bits serve as the hash.
type shard struct {
	slots []uint64
	n     int
	depth int
}

func (s *shard) isFull() bool { return 4*(s.n+1) > 3*len(s.slots) }

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

// half moves the fingerprints whose next bit is set to a new shard.
func (s *shard) half() *shard {
	var old [splitSize]uint64
	copy(old[:], s.slots)
	clear(s.slots)
	s.n = 0
	high := &shard{slots: make([]uint64, splitSize), depth: s.depth + 1}
	for _, fp := range old {
		switch {
		case fp == 0:
		case fp<<s.depth>>63 == 0:
			s.place(fp)
		default:
			high.place(fp)
		}
	}
	s.depth++
	return high
}

func (s *shard) resize(size int) {
	old := s.slots
	s.slots, s.n = make([]uint64, size), 0
	for _, fp := range old {
		if fp != 0 {
			s.place(fp)
		}
	}
}

// place adds a fingerprint that is not in the set, which has a free slot.
func (s *shard) place(fp uint64) {
	mask := uint64(len(s.slots)) - 1
	i := fp & mask
	for s.slots[i] != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = fp
	s.n++
}
