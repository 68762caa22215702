// Package recent implements a table of bounded size that keeps the entries added last.
// guard uses such tables for clients and quoted texts, and filter for texts that it writes
// unchanged.
package recent

// Table is a ring of entries: a new one replaces the oldest. An index finds them: the hash of
// a key determines two places in it, and each place refers to one entry. That entry may have
// another key, so the caller compares keys; colliding ones make a Table slower, never wrong.
// E must have no pointers, which the garbage collector would follow.
//
// A Table begins small and grows by doubling, which takes less than a millisecond. The zero
// Table has no entries, and none must be put into it.
type Table[E any] struct {
	entries []E      // the length is a power of two
	index   []uint16 // indexFactor times as many
	sums    []uint64 // the hash of each entry's key
	next    int      // the entry to be used next
	most    int      // maximum number of entries, up to 1 << 16
}

const (
	minEntries  = 256
	indexFactor = 8 // few entries share a place
)

// New returns a Table. most is its maximum number of entries, a power of two up to 1 << 16.
func New[E any](most int) Table[E] {
	t := Table[E]{most: most}
	t.grow()
	return t
}

// Len returns the current number of entries, including unused ones.
func (t *Table[E]) Len() int { return len(t.entries) }

// At returns the entry at an index that Put returned.
func (t *Table[E]) At(i uint16) *E { return &t.entries[int(i)&(len(t.entries)-1)] }

func (t *Table[E]) place1(sum uint64) *uint16 { return &t.index[sum&uint64(len(t.index)-1)] }
func (t *Table[E]) place2(sum uint64) *uint16 { return &t.index[sum>>32&uint64(len(t.index)-1)] }

// Place returns the part of the index that First reads, for the caller to prefetch.
func (t *Table[E]) Place(sum uint64) *uint16 { return t.place1(sum) }

// First returns the entry at the first of the two places of a key with that hash. It may have
// another key.
func (t *Table[E]) First(sum uint64) *E { return &t.entries[*t.place1(sum)] }

// Second is First for the second place.
func (t *Table[E]) Second(sum uint64) *E { return &t.entries[*t.place2(sum)] }

// Put returns an entry and its index, for the caller to fill in with a key that is not in the
// Table. Entries that were returned before may hold another key from now on.
func (t *Table[E]) Put(sum uint64) (e *E, at int) {
	if t.next == len(t.entries) {
		if t.next = 0; len(t.entries) < t.most {
			t.grow()
		}
	}
	at = t.next
	t.next++
	t.enter(sum, at)
	return &t.entries[at], at
}

// enter enters a new entry into the index.
func (t *Table[E]) enter(sum uint64, at int) {
	t.sums[at] = sum
	place := t.place1(sum)
	if i := *place; int(i) != at && t.place1(t.sums[i]) == place {
		place = t.place2(sum) // the first one is taken
	}
	*place = uint16(at)
}

func (t *Table[E]) grow() {
	old := t.sums
	n := max(minEntries, 2*len(old))
	entries := make([]E, n)
	copy(entries, t.entries)
	t.entries, t.index, t.sums = entries, make([]uint16, indexFactor*n), make([]uint64, n)
	for i, sum := range old {
		t.enter(sum, i)
	}
	t.next = len(old)
}
