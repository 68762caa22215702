package filter

import (
	"encoding/binary"
	"sync/atomic"

	"hushpipe/filter/archive"
	"hushpipe/filter/rooms"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// orderedDedup finds the first occurrence of each pair of room and address in the batches
// of several Filters, in the order of the input, as one Filter does for itself (see
// deferred).
type orderedDedup struct {
	limits       rooms.Limits
	open         map[dayKey]*rooms.DistinctSet
	expired      map[civil.Day]*rooms.DistinctSet
	met          map[civil.Day]bool // expired days with a line that could be parsed
	overflowDays *rooms.DistinctSet // for expired days past maxDays
	overflow     uint64             // pairs that were not counted on days that were forgotten

	traffic *traffic.Days // nil: no hits are counted

	// farFromLimits is true while each pair in progress is sure to be counted, since no day
	// is close to a limit. A worker then emits each pair only once.
	farFromLimits atomic.Bool
	underWay      int // most pairs in progress
}

type dayKey struct {
	day   civil.Day
	keyID [8]byte
}

// newOrderedDedup returns an orderedDedup for at most chunks chunks in progress.
func newOrderedDedup(limits rooms.Limits, chunks int) *orderedDedup {
	t := &orderedDedup{limits: limits, open: map[dayKey]*rooms.DistinctSet{}, expired: map[civil.Day]*rooms.DistinctSet{}, met: map[civil.Day]bool{},
		overflowDays: rooms.NewDistinctSet(rooms.Limits{})}
	const shortest = len("::1 /a?room=b\n")
	t.underWay = chunks * archive.BlockSize / shortest
	t.farFromLimits.Store(t.isFarFromLimits(0, 0))
	return t
}

func (t *orderedDedup) isFarFromLimits(rooms, pairs int) bool {
	return rooms+t.underWay <= t.limits.Rooms && pairs+t.underWay <= t.limits.Pairs
}

// keepNew removes from b the records of pairs that are not new, and expired days.
func (t *orderedDedup) keepNew(b *Batch) {
	kept := 0
	for i := range b.Parts {
		p := &b.Parts[i]
		if len(p.Hits) > 0 {
			t.traffic.Add(p.Day, p.Hits) // no error: a Delta made them
			p.Hits = p.Hits[:0]
		}
		if len(p.Records) > 0 || p.Expired {
			c := t.counts(p)
			pairs := p.Records
			p.Records = p.Records[:0] // each pair becomes one record at most
			for ; len(pairs) > 0; pairs = pairs[rooms.RecordSize:] {
				hash := [20]byte(pairs)
				p.Records = c.AppendIfNew(p.Records, &hash, binary.BigEndian.Uint64(pairs[20:]))
			}
			if t.farFromLimits.Load() && (c == t.overflowDays || !t.isFarFromLimits(c.Size())) {
				t.farFromLimits.Store(false)
			}
		}
		if !p.Expired {
			b.Parts[kept], b.Parts[i] = b.Parts[i], b.Parts[kept]
			kept++
		}
	}
	b.Parts = b.Parts[:kept]
}

func (t *orderedDedup) counts(p *Part) *rooms.DistinctSet {
	if p.Expired {
		c := t.expired[p.Day]
		if c == nil {
			if len(t.expired) >= maxDays {
				return t.overflowDays
			}
			c = rooms.NewDistinctSet(t.limits)
			t.expired[p.Day] = c
		}
		if p.Met {
			t.met[p.Day] = true
		}
		return c
	}
	key := dayKey{p.Day, p.KeyID}
	c := t.open[key]
	if c == nil {
		// The pairs of a day are in its journal, and a pair may be written there twice.
		if len(t.open) >= manyDays {
			for _, c := range t.open {
				t.overflow += c.Overflow()
			}
			clear(t.open)
		}
		c = rooms.NewDistinctSet(t.limits)
		t.open[key] = c
	}
	return c
}

// Overflow returns how many pairs were not counted because of the limits.
func (t *orderedDedup) Overflow() uint64 {
	n := t.overflow + t.overflowDays.Overflow()
	for _, c := range t.open {
		n += c.Overflow()
	}
	for _, c := range t.expired {
		n += c.Overflow()
	}
	return n
}

// Expired returns the room counts of the expired days with a line that could be parsed.
func (t *orderedDedup) Expired() map[civil.Day]rooms.DayCounts {
	sums := map[civil.Day]rooms.DayCounts{}
	for day, c := range t.expired {
		if t.met[day] {
			sums[day] = c.DayCounts()
		}
	}
	return sums
}
