package filter

// ring is a table of what was put into it lately: the oldest entry makes room for a
// new one. Where an entry lies stands in the index, at one of two places that the
// hash of its key gives. An entry of another key may be found there as well: who
// looks for one compares the whole key, so that chosen keys of one hash only bring
// the long way back. E has no pointers, which a collector would follow.
//
// It begins small and grows by doubling, which takes less than a millisecond.
type ring[E any] struct {
	entries []E      // as many as a power of two
	index   []uint16 // indexFactor times as many
	sums    []uint64 // the hash of each entry's key
	next    int      // the entry to be used next
	most    int      // entries, at most 1 << 16
}

const (
	minEntries  = 256
	indexFactor = 8 // few entries share a place
)

func newRing[E any](most int) ring[E] {
	r := ring[E]{most: most}
	r.grow()
	return r
}

func (r *ring[E]) place1(sum uint64) *uint16 { return &r.index[sum&uint64(len(r.index)-1)] }
func (r *ring[E]) place2(sum uint64) *uint16 { return &r.index[sum>>32&uint64(len(r.index)-1)] }

// first and second return what lies where the entry of a key can lie, by its hash.
func (r *ring[E]) first(sum uint64) *E  { return &r.entries[*r.place1(sum)] }
func (r *ring[E]) second(sum uint64) *E { return &r.entries[*r.place2(sum)] }

// put returns the entry for a key that is not there, to be filled in, and at which
// index it lies. What was found before may be another's now.
func (r *ring[E]) put(sum uint64) (e *E, at int) {
	if r.next == len(r.entries) {
		if r.next = 0; len(r.entries) < r.most {
			r.grow()
		}
	}
	at = r.next
	r.next++
	r.tell(sum, at)
	return &r.entries[at], at
}

// tell has the index tell where a new entry lies.
func (r *ring[E]) tell(sum uint64, at int) {
	r.sums[at] = sum
	place := r.place1(sum)
	if i := *place; int(i) != at && r.place1(r.sums[i]) == place {
		place = r.place2(sum) // the first one is taken
	}
	*place = uint16(at)
}

func (r *ring[E]) grow() {
	old := r.sums
	n := max(minEntries, 2*len(old))
	entries := make([]E, n)
	copy(entries, r.entries)
	r.entries, r.index, r.sums = entries, make([]uint16, indexFactor*n), make([]uint64, n)
	for i, sum := range old {
		r.tell(sum, i)
	}
	r.next = len(old)
}
