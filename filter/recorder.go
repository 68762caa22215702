package filter

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
)

// counter finds the room of a line, and has what is known of the rooms of clients.
type counter struct {
	rooms    *rooms.Matcher // nil: no rooms are counted
	countV6  int
	left     *treatment.Plan // of the address tells clients apart; nil: the whole address does
	noteKey  noteKey
	pathOnly bool // the format has no queries
	match    rooms.Match
	scratch  []byte // of format.Target

	hasher *rooms.Hasher // nil: no rooms are counted
	source *rooms.Hasher // the calendar's, which hasher is a clone of
}

// recorder is what becomes of the pairs of room and address, and where in a batch the
// lines of a day stand. Its implementations are the modes of a Filter.
type recorder interface {
	// take finds the part of b for the lines of d, or begins one.
	take(b *Batch, d *day)
	// record takes a pair of d. It reports whether the pair need not come again: not
	// where it is left out, which is counted each time. The room rooms.TooLong marks
	// the day as one that is not counted in full.
	record(b *Batch, d *day, room *[20]byte, fp uint64) (told bool)
	// hits returns the part for what was counted of d's hits, nil where nobody asks.
	hits(b *Batch, d *day) *Part
	// meet notes that a line of d could be read, which is expired.
	meet(b *Batch, d *day)
	// needsDays reports whether a day that is forgotten loses what was counted of it.
	needsDays() bool
}

// direct tells which pairs are new, and writes a record for these. It is the recorder of
// New.
type direct struct {
	limits    rooms.Limits
	discarded []byte // takes the records of expired days
}

func (r *direct) take(b *Batch, d *day) { b.begin(d) }

func (r *direct) record(b *Batch, d *day, room *[20]byte, fp uint64) (told bool) {
	if d.counts == nil {
		d.counts = rooms.NewDistinctSet(r.limits)
	}
	before := d.counts.Overflow()
	if d.expired {
		r.discarded = d.counts.AppendIfNew(r.discarded[:0], room, fp)
	} else {
		p := b.part(d, r)
		p.Records = d.counts.AppendIfNew(p.Records, room, fp)
	}
	return d.counts.Overflow() == before
}

func (r *direct) hits(b *Batch, d *day) *Part {
	if d.expired {
		return nil
	}
	return b.part(d, r)
}

func (r *direct) meet(_ *Batch, d *day) { d.met = true }

func (r *direct) needsDays() bool { return true }

// oneStream has one part for the lines of all days. It is the recorder of NewStream.
type oneStream struct{ direct }

func (r *oneStream) take(b *Batch, d *day) {
	if len(b.Parts) == 0 {
		b.begin(d)
	}
	d.batch, d.seq, d.part = b, b.seq, 0
}

func (r *oneStream) record(b *Batch, d *day, room *[20]byte, fp uint64) (told bool) {
	b.part(d, r)
	return r.direct.record(b, d, room, fp)
}

func (r *oneStream) hits(*Batch, *day) *Part { return nil }

func (r *oneStream) needsDays() bool { return false }

// deferred leaves it to an orderedDedup to find which pairs are new: it emits each pair,
// perhaps repeatedly, and those of expired days in a part of their own. It is the recorder
// of the workers of a Replay.
type deferred struct {
	farFromLimits *atomic.Bool // of the orderedDedup
}

func (r *deferred) take(b *Batch, d *day) { b.begin(d) }

func (r *deferred) record(b *Batch, d *day, room *[20]byte, fp uint64) (told bool) {
	p := r.part(b, d)
	p.Records = rooms.AppendRecord(p.Records, room, fp)
	return r.farFromLimits.Load() && *room != rooms.TooLong
}

func (r *deferred) hits(b *Batch, d *day) *Part { return r.part(b, d) }

func (r *deferred) meet(b *Batch, d *day) {
	d.met = true
	r.part(b, d).Met = true
}

func (r *deferred) part(b *Batch, d *day) *Part {
	p := b.part(d, r)
	p.Expired = d.expired
	return p
}

func (r *deferred) needsDays() bool { return false }

// noteKey is the random key of what is noted of rooms with a client, where
// there is no room for whole hashes. Names whose SHA-1 share any 64 bits can be
// made within hours, and a client of both would count in the first alone.
type noteKey [4]uint64

func newNoteKey() (k noteKey) {
	var random [32]byte
	rand.Read(random[:])
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(random[8*i:])
	}
	return k
}

// of returns what is noted of a room, never 0: the upper half of the sum of two
// words of its hash, each times 128 bits of the key. For a key that nobody knows,
// two hashes have the same note in one of 2^64 cases, whatever they are (Lemire
// and Kaser, Strongly universal string hashing is fast, 2014). The last 4 bytes
// are left out, as in pseudonym.Cipher's Fingerprint.
func (k *noteKey) of(room *[20]byte) uint64 {
	a, b := binary.LittleEndian.Uint64(room[:]), binary.LittleEndian.Uint64(room[8:])
	hi, lo := bits.Mul64(k[0], a)
	hi2, lo2 := bits.Mul64(k[2], b)
	_, carry := bits.Add64(lo, lo2, 0)
	return max(hi+hi2+k[1]*a+k[3]*b+carry, 1)
}
