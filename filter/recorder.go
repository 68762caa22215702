package filter

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
)

// counter finds the room of a line, and counts its client there.
type counter struct {
	rooms    *rooms.Matcher // nil: no rooms are counted
	countV6  int
	left     *treatment.Plan // clients are told apart by what it keeps of an address; nil: by all of it
	noteKey  noteKey
	pathOnly bool // the format has no queries
	match    rooms.Match
	scratch  []byte // of format.Target

	hasher *rooms.Hasher // nil: no rooms are counted
	source *rooms.Hasher // the calendar's, which hasher is a clone of
}

// recorder records pairs of room and address, and assigns the lines of a day to a part of the
// batch. Each implementation is a mode of Filter.
type recorder interface {
	// take finds the part of b for the lines of d, or begins one.
	take(b *Batch, d *day)
	// record records a pair of d. It reports whether the caller may omit the same pair from
	// now on. It may not if the pair exceeds a limit: each occurrence counts as overflow.
	// The room rooms.TooLong marks the day's counts as incomplete.
	record(b *Batch, d *day, room *[20]byte, fp uint64) (told bool)
	// hits returns the part for the hits of d, nil if they do not go to the batch.
	hits(b *Batch, d *day) *Part
	// meet notes that a line of d, an expired day, could be parsed.
	meet(b *Batch, d *day)
	// needsDays reports whether forgetting a day would lose its counts.
	needsDays() bool
}

// direct finds which pairs are new, and writes a record for each of them. It is the recorder
// of New.
type direct struct {
	limits    rooms.Limits
	discarded []byte // scratch for the records of expired days, which go nowhere
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

// deferred emits all pairs, perhaps repeatedly, since an orderedDedup finds which of them are
// new. It emits those of expired days as well, in parts without lines. It is the recorder of
// the workers of a Replay.
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

// noteKey is a random key. A client's cache entry notes the rooms that were counted, and has
// space for 64 bits of each. Without a key, an attacker could find within hours two names
// whose SHA-1 agree in those bits, and a client of both would count in the first room only.
type noteKey [4]uint64

func newNoteKey() (k noteKey) {
	var random [32]byte
	rand.Read(random[:])
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(random[8*i:])
	}
	return k
}

// of returns the note of a room, never 0: the upper half of the sum of two words of its hash,
// each times 128 bits of the key. If the key is secret, any two hashes have the same note with
// probability 2^-64 (Lemire and Kaser, Strongly universal string hashing is fast, 2014). The
// last 4 bytes are left out, as in pseudonym.Cipher's Fingerprint.
func (k *noteKey) of(room *[20]byte) uint64 {
	a, b := binary.LittleEndian.Uint64(room[:]), binary.LittleEndian.Uint64(room[8:])
	hi, lo := bits.Mul64(k[0], a)
	hi2, lo2 := bits.Mul64(k[2], b)
	_, carry := bits.Add64(lo, lo2, 0)
	return max(hi+hi2+k[1]*a+k[3]*b+carry, 1)
}
