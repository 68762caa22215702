package filter

import (
	"encoding/binary"
	"sync/atomic"

	"hushpipe/filter/archive"
	"hushpipe/filter/rooms"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// tally tells which of the pairs are new that several Filters met, in the order
// of the input, as one Filter does for itself (see deferred).
type tally struct {
	limits   rooms.Limits
	open     map[dayKey]*rooms.Counts
	expired  map[civil.Day]*rooms.Counts
	met      map[civil.Day]bool // expired days of which a line could be read
	excess   *rooms.Counts      // stands for expired days past maxDays
	overflow uint64             // of what was forgotten

	traffic *traffic.Days // nil: no hits are counted

	// ample tells that each pair that is under way will be counted, so that none
	// needs to come twice: no day has come near to a limit.
	ample    atomic.Bool
	underWay int // pairs, at most
}

type dayKey struct {
	day   civil.Day
	keyID [8]byte
}

// newTally returns a tally of what is in up to so many chunks at a time.
func newTally(limits rooms.Limits, chunks int) *tally {
	t := &tally{limits: limits, open: map[dayKey]*rooms.Counts{}, expired: map[civil.Day]*rooms.Counts{}, met: map[civil.Day]bool{},
		excess: rooms.NewCounts(rooms.Limits{})}
	const shortest = len("::1 /a?room=b\n")
	t.underWay = chunks * archive.BlockSize / shortest
	t.ample.Store(t.isAmple(0, 0))
	return t
}

func (t *tally) isAmple(rooms, pairs int) bool {
	return rooms+t.underWay <= t.limits.Rooms && pairs+t.underWay <= t.limits.Pairs
}

// take leaves in b the records that belong in journals, and no expired day.
func (t *tally) take(b *Batch) {
	kept := 0
	for i := range b.Parts {
		p := &b.Parts[i]
		if len(p.Hits) > 0 {
			t.traffic.Add(p.Day, p.Hits) // a Delta made them
			p.Hits = p.Hits[:0]
		}
		if len(p.Records) > 0 || p.Expired {
			c := t.counts(p)
			pairs := p.Records
			p.Records = p.Records[:0] // each pair becomes one record at most
			for ; len(pairs) > 0; pairs = pairs[rooms.RecordSize:] {
				hash := [20]byte(pairs)
				p.Records = c.AppendNew(p.Records, &hash, binary.BigEndian.Uint64(pairs[20:]))
			}
			if t.ample.Load() && (c == t.excess || !t.isAmple(c.Size())) {
				t.ample.Store(false)
			}
		}
		if !p.Expired {
			b.Parts[kept], b.Parts[i] = b.Parts[i], b.Parts[kept]
			kept++
		}
	}
	b.Parts = b.Parts[:kept]
}

func (t *tally) counts(p *Part) *rooms.Counts {
	if p.Expired {
		c := t.expired[p.Day]
		if c == nil {
			if len(t.expired) >= maxDays {
				return t.excess
			}
			c = rooms.NewCounts(t.limits)
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
		// What is known of a day is in its journal, and a pair that comes again may
		// be written there again.
		if len(t.open) >= manyDays {
			for _, c := range t.open {
				t.overflow += c.Overflow()
			}
			clear(t.open)
		}
		c = rooms.NewCounts(t.limits)
		t.open[key] = c
	}
	return c
}

// Overflow is that of the counters.
func (t *tally) Overflow() uint64 {
	n := t.overflow + t.excess.Overflow()
	for _, c := range t.open {
		n += c.Overflow()
	}
	for _, c := range t.expired {
		n += c.Overflow()
	}
	return n
}

// Expired returns the room counts of the expired days of which a line could be read.
func (t *tally) Expired() map[civil.Day]rooms.Sum {
	sums := map[civil.Day]rooms.Sum{}
	for day, c := range t.expired {
		if t.met[day] {
			sums[day] = c.Sum()
		}
	}
	return sums
}
