package rooms

import (
	"bytes"
	"math"
	"slices"

	"hushpipe/format/roomfile"
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
// The pairs lie in shards that grow, and split, each on its own (extendible
// hashing, Fagin et al. 1979), so that no call of add has to move more than one.
// Shards all fill up at about the same time: it has to be a small one.
type Counts struct {
	limits   Limits
	rooms    map[[20]byte]uint64
	pairs    int
	overflow overflow
	recorded map[overflowID]uint64 // the overflow that records tell of
	shards   []*shard              // by the highest depth bits of the fingerprint, many to one
	depth    int
}

// NewCounts returns an empty Counts.
func NewCounts(limits Limits) *Counts {
	return &Counts{limits: limits, rooms: map[[20]byte]uint64{}, shards: []*shard{{}}}
}

// add counts the pair with fingerprint fp for the room with this hash, and
// reports whether it is new: then it goes to the journal. Past a limit, a new
// pair is not counted but for Overflow, and neither is one of a room that is
// TooLong. It does not keep hash.
func (c *Counts) add(hash *[20]byte, fp uint64) bool {
	if *hash == TooLong {
		c.overflow.n++
		return false
	}
	// 0 marks a free slot. Two pairs in 2^64 become one by this.
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

// Of returns how many addresses a room has.
func (c *Counts) Of(hash *[20]byte) uint64 { return c.rooms[*hash] }

// Size returns how many rooms and pairs are counted.
func (c *Counts) Size() (rooms, pairs int) { return len(c.rooms), c.pairs }

// Overflow returns how often add met a pair that was new, or of a room TooLong, and
// not counted, which may be one pair several times.
func (c *Counts) Overflow() uint64 { return c.overflow.n }

// Recorded returns the overflow of other Counts, as their records tell it.
func (c *Counts) Recorded() uint64 {
	var sum uint64
	for _, n := range c.recorded {
		sum += n
	}
	return sum
}

// Summary returns the rooms sorted by hash.
func (c *Counts) Summary() []roomfile.Entry {
	rooms := make([]roomfile.Entry, 0, len(c.rooms))
	for hash, n := range c.rooms {
		rooms = append(rooms, roomfile.Entry{Hash: hash, Count: n})
	}
	slices.SortFunc(rooms, func(a, b roomfile.Entry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return rooms
}

// Sum is what is known of one day's rooms in the end.
type Sum struct {
	Rooms   []roomfile.Entry // sorted by hash
	Partial bool             // pairs were left out: the counts are a lower bound
}

// Sum returns the Summary, and whether pairs are missing in it.
func (c *Counts) Sum() Sum { return Sum{c.Summary(), c.Overflow() > 0 || c.Recorded() > 0} }

const (
	// splitSize is how many slots a shard has when it splits: moving it takes
	// about 50 µs.
	splitSize = 4096
	// maxDepth bounds how often shards split. For 100 million fingerprints it is
	// enough; of some that do not look random it saves the memory.
	maxDepth = 16
)

// insert adds a fingerprint that is not there.
func (c *Counts) insert(fp uint64) {
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

// split takes half of s, the shard of fp, to a new one.
func (c *Counts) split(s *shard, fp uint64) {
	if s.depth == c.depth {
		twice := make([]*shard, 0, 2*len(c.shards))
		for _, other := range c.shards {
			twice = append(twice, other, other)
		}
		c.shards = twice
		c.depth++
	}
	places := 1 << (c.depth - s.depth) // that s has
	first := int(fp>>(64-c.depth)) &^ (places - 1)
	high := s.half()
	for i := first + places/2; i < first+places; i++ {
		c.shards[i] = high
	}
}

// shard is a set of fingerprints that share their highest depth bits: a hash
// table with linear probing, its length 0 or a power of two, at most three
// quarters full. Fingerprints look random, so their low bits serve as the hash.
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

// place adds a fingerprint that is not in the set, and for which it has room.
func (s *shard) place(fp uint64) {
	mask := uint64(len(s.slots)) - 1
	i := fp & mask
	for s.slots[i] != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = fp
	s.n++
}
