package rooms

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/roomfile"
)

func roomHash(i int) *[20]byte {
	var h [20]byte
	copy(h[:], fmt.Sprintf("%020d", i))
	return &h
}

// TestDistinctSetAgainstMap adds random pairs, many of them twice, and compares with
// a plain map after each order of magnitude.
func TestDistinctSetAgainstMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	c := NewDistinctSet(DefaultLimits)
	sets := map[[20]byte]map[uint64]bool{}
	seen := map[uint64]int{0: 0, 1: 0}
	known := []uint64{0, 1 << 56, 1<<64 - 1} // extremes, then whatever came
	for i := range 200_000 {
		fp := rnd.Uint64()
		if i < 3 || i%3 == 0 {
			fp = known[rnd.IntN(len(known))]
		}
		room, ok := seen[fp] // a fingerprint is one of a room
		if !ok {
			room = int(fp % 500)
			seen[fp] = room
			known = append(known, fp)
		}
		h := roomHash(room)
		if sets[*h] == nil {
			sets[*h] = map[uint64]bool{}
		}
		require.Equal(t, !sets[*h][fp], c.add(h, fp), "%d: %x", i, fp)
		sets[*h][fp] = true
		if i%50_000 == 0 || i == 199_999 {
			var want []roomfile.Entry
			for hash, fps := range sets {
				want = append(want, roomfile.Entry{Hash: hash, Count: uint64(len(fps))})
			}
			slices.SortFunc(want, func(a, b roomfile.Entry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
			require.Equal(t, want, c.Summary())
		}
	}
	assert.Zero(t, c.Overflow())
}

func TestEmptyDistinctSet(t *testing.T) {
	c := NewDistinctSet(DefaultLimits)
	assert.Empty(t, c.Summary())
	assert.Zero(t, c.Overflow())

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	kept := make([]*DistinctSet, 100)
	for i := range kept {
		kept[i] = NewDistinctSet(DefaultLimits)
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, (after.TotalAlloc-before.TotalAlloc)/uint64(len(kept)), uint64(10<<10))
	runtime.KeepAlive(kept)
}

// Fingerprints that do not look random cost time, but are counted, and do not
// make shards without end.
func TestFingerprintsThatAreAlike(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    uint64
		fp   func(i uint64) uint64
	}{
		{"all want the same slot", 1000, func(i uint64) uint64 { return i << 40 }},
		{"all belong to the first shard", 20_000, func(i uint64) uint64 { return i }},
		{"all belong to the last shard", 20_000, func(i uint64) uint64 { return ^i }},
		{"all to one after many splits", 20_000, func(i uint64) uint64 { return 1<<48 | i }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewDistinctSet(DefaultLimits)
			for i := range tt.n {
				require.True(t, c.add(roomHash(1), tt.fp(1+i)))
			}
			for i := range tt.n {
				require.False(t, c.add(roomHash(1), tt.fp(1+i)))
			}
			assert.Equal(t, []roomfile.Entry{{Hash: *roomHash(1), Count: tt.n}}, c.Summary())
			assert.LessOrEqual(t, len(c.shards), 1<<maxDepth)
		})
	}
}

func TestLimits(t *testing.T) {
	t.Run("rooms", func(t *testing.T) {
		c := NewDistinctSet(Limits{Rooms: 2, Pairs: 100})
		assert.True(t, c.add(roomHash(1), 11))
		assert.True(t, c.add(roomHash(2), 21))
		assert.False(t, c.add(roomHash(3), 31), "one room too many")
		assert.False(t, c.add(roomHash(3), 31), "and again")
		assert.True(t, c.add(roomHash(1), 12), "a known room goes on")
		assert.Equal(t, []roomfile.Entry{{Hash: *roomHash(1), Count: 2}, {Hash: *roomHash(2), Count: 1}}, c.Summary())
		assert.EqualValues(t, 2, c.Overflow())
	})
	t.Run("pairs", func(t *testing.T) {
		c := NewDistinctSet(Limits{Rooms: 100, Pairs: 2})
		assert.True(t, c.add(roomHash(1), 11))
		assert.True(t, c.add(roomHash(1), 12))
		assert.False(t, c.add(roomHash(1), 13))
		assert.False(t, c.add(roomHash(2), 21))
		assert.False(t, c.add(roomHash(1), 11), "known, so no overflow")
		assert.Equal(t, []roomfile.Entry{{Hash: *roomHash(1), Count: 2}}, c.Summary())
		assert.EqualValues(t, 2, c.Overflow())
	})
	t.Run("a million invented rooms", func(t *testing.T) {
		c := NewDistinctSet(Limits{Rooms: 1000, Pairs: 100_000})
		rnd := rand.New(rand.NewPCG(3, 4))
		for i := range 1_000_000 {
			var h [20]byte
			h[0], h[1], h[2] = byte(i), byte(i>>8), byte(i>>16)
			c.add(&h, rnd.Uint64())
		}
		assert.Len(t, c.Summary(), 1000)
		assert.EqualValues(t, 999_000, c.Overflow())
	})
}

// What strangers invent is bounded, by the default limits too.
func TestBoundedMemory(t *testing.T) {
	for _, tt := range []struct {
		name         string
		rooms, pairs int
		counted, mib int
	}{
		{"a million invented rooms", 1_000_000, 1_000_000, 200_000, 32},
		{"ten million addresses", 2000, 10_000_000, 10_000_000, 160},
		{"a room with a million members", 1, 1_000_000, 1_000_000, 32},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := heap()
			c := NewDistinctSet(DefaultLimits)
			rnd := rand.New(rand.NewPCG(9, 10))
			var hash [20]byte
			counted, slots, largest := 0, 0, 0
			for i := range tt.pairs {
				if i%batch == 0 {
					largest = max(largest, c.slots()-slots)
					slots = c.slots()
				}
				binary.BigEndian.PutUint64(hash[:], uint64(i%tt.rooms)*0x9e3779b97f4a7c15)
				if c.add(&hash, rnd.Uint64()) {
					counted++
				}
			}
			assert.Equal(t, tt.counted, counted)
			assert.EqualValues(t, tt.pairs-tt.counted, c.Overflow())
			assert.Less(t, int(heap()-before)>>20, tt.mib)
			// A call of add moves no more than one shard, and a batch, where all come to
			// the same size at about the same time, some of them.
			for _, s := range c.shards {
				require.LessOrEqual(t, len(s.slots), splitSize)
			}
			assert.LessOrEqual(t, largest, 1<<16)
			runtime.KeepAlive(c)
		})
	}
}

// batch is how many lines the filter reads at once, at most.
const batch = 600

func (c *DistinctSet) slots() (n int) {
	var last *shard
	for _, s := range c.shards {
		if s != last {
			n += len(s.slots)
		}
		last = s
	}
	return n
}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestRecords(t *testing.T) {
	payload := AppendRecord(nil, roomHash(1), 0x0102030405060708)
	assert.Equal(t, "00000000000000000001\x01\x02\x03\x04\x05\x06\x07\x08", string(payload))
	assert.Len(t, payload, RecordSize)
	payload = AppendRecord(payload, roomHash(1), 12)
	payload = AppendRecord(payload, roomHash(2), 21)

	c := NewDistinctSet(DefaultLimits)
	for range 2 { // any number of times
		require.NoError(t, c.Apply(payload))
		assert.Equal(t, []roomfile.Entry{{Hash: *roomHash(1), Count: 2}, {Hash: *roomHash(2), Count: 1}}, c.Summary())
	}
	assert.False(t, c.add(roomHash(2), 21))
	assert.EqualError(t, c.Apply(append(payload, 1)), "payload of 85 bytes is not made of records of 28")
}

func TestAddDoesNotAllocate(t *testing.T) {
	c := NewDistinctSet(DefaultLimits)
	rnd := rand.New(rand.NewPCG(5, 6))
	fps := make([]uint64, 10_000)
	for i := range fps {
		fps[i] = rnd.Uint64()
		c.add(roomHash(i%10), fps[i])
	}
	h, added, i := roomHash(3), 0, 0
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		if c.add(h, fps[i%len(fps)]) {
			added++
		}
		i++
	}))
	assert.Zero(t, added)
	assert.Len(t, c.Summary(), 10)
}

// BenchmarkAdd fills a day up to a number of pairs in 2,000 rooms: ns/pair is
// the mean, max-pause-ms the longest single add, B/pair what the pairs take.
//
//	go test ./filter/rooms -run '^$' -bench Add -benchtime 1x
func BenchmarkAdd(b *testing.B) {
	for _, pairs := range []int{100_000, 10_000_000} {
		b.Run(fmt.Sprintf("pairs=%dk", pairs/1000), func(b *testing.B) {
			hashes := make([]*[20]byte, 2000)
			for i := range hashes {
				hashes[i] = roomHash(i)
			}
			var longest, total time.Duration
			var slots int
			for b.Loop() {
				c := NewDistinctSet(DefaultLimits)
				rnd := rand.New(rand.NewPCG(7, 8))
				added := 0
				begin := time.Now()
				last := begin
				for i := range pairs {
					if c.add(hashes[i%len(hashes)], rnd.Uint64()) {
						added++
					}
					now := time.Now()
					longest = max(longest, now.Sub(last))
					last = now
				}
				total += last.Sub(begin)
				require.Equal(b, pairs, added)
				slots = 0
				slots = c.slots()
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "max-pause-ms")
			b.ReportMetric(float64(total.Nanoseconds())/float64(b.N*pairs), "ns/pair")
			b.ReportMetric(float64(8*slots)/float64(pairs), "B/pair")
		})
	}
}

// BenchmarkAddKnown is the steady state: a pair that was there before.
func BenchmarkAddKnown(b *testing.B) {
	for _, pairs := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("pairs=%dk", pairs/1000), func(b *testing.B) {
			c := NewDistinctSet(DefaultLimits)
			rnd := rand.New(rand.NewPCG(7, 8))
			fps := make([]uint64, pairs)
			for i := range fps {
				fps[i] = rnd.Uint64()
				require.True(b, c.add(roomHash(1), fps[i]))
			}
			h := roomHash(1)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c.add(h, fps[i])
				if i++; i == pairs {
					i = 0
				}
			}
		})
	}
}

// What was left out is recorded: each of the first times, then when it has
// grown by a 64th. Sets that read the records know it, however often they do.
func TestOverflowRecords(t *testing.T) {
	c := NewDistinctSet(Limits{Rooms: 1, Pairs: 1})
	var records []byte
	for i := range uint64(100_000) {
		if c.add(roomHash(1), i+1) {
			records = AppendRecord(records, roomHash(1), i+1)
		} else {
			records = c.appendOverflow(records)
		}
	}
	assert.EqualValues(t, 99_999, c.Overflow())
	assert.Less(t, len(records)/RecordSize, 64+64*12)

	reader := NewDistinctSet(NoLimits)
	const some = 40 * RecordSize
	require.NoError(t, reader.Apply(records[:some]))
	assert.EqualValues(t, 39, reader.RecordedOverflow())
	for range 2 {
		require.NoError(t, reader.Apply(records))
		require.NoError(t, reader.Apply(records[:some]))
		assert.InEpsilon(t, 99_999, reader.RecordedOverflow(), 1.0/64)
	}
	once := reader.RecordedOverflow()
	assert.Equal(t, []roomfile.Entry{{Hash: *roomHash(1), Count: 1}}, reader.Summary())
	assert.Zero(t, reader.Overflow())

	other := NewDistinctSet(Limits{})
	other.add(roomHash(1), 1)
	require.NoError(t, reader.Apply(other.appendOverflow(nil)))
	assert.Equal(t, once+1, reader.RecordedOverflow(), "each process has its own")
	assert.Empty(t, NewDistinctSet(NoLimits).appendOverflow(nil))
}
