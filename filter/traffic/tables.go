package traffic

import (
	"bytes"

	"github.com/cespare/xxhash/v2"
)

// cell identifies a counter in the tables of a day by kind, id and sub. For strings, id is
// the number in a dictionary.
type cell uint64

func cellOf(k kind, id uint32, sub uint32) cell {
	return cell(k)<<58 | cell(id&maxID)<<32 | cell(sub)
}

const maxID = 1<<26 - 1

func (c cell) kind() kind  { return kind(c >> 58) }
func (c cell) id() uint32  { return uint32(c>>32) & maxID }
func (c cell) sub() uint32 { return uint32(c) }

// sums are the numbers in a cell; their meaning depends on its kind.
type sums [4]uint64

func (s *sums) add(other *sums) {
	for i, n := range other {
		s[i] += n
	}
}

// count adds a hit to pages, hits and bytes.
func (s *sums) count(pages, bytes uint64) {
	s[0] += pages
	s[1]++
	s[2] += bytes
}

// slots is a hash table of numbers. Emptying it starts a new round, in which the numbers of
// earlier rounds are invalid.
type slots struct {
	of    []uint64 // round<<32 | number
	round uint32
}

// first returns the slot at which the search for a hash begins.
func (s *slots) first(hash uint64) int { return int(hash) & (len(s.of) - 1) }

// next returns the slot after i.
func (s *slots) next(i int) int { return (i + 1) & (len(s.of) - 1) }

// get returns the number in a slot; false ends the search.
func (s *slots) get(i int) (uint32, bool) { return uint32(s.of[i]), uint32(s.of[i]>>32) == s.round }

func (s *slots) put(i int, n uint32) { s.of[i] = uint64(s.round)<<32 | uint64(n) }

// isFull reports whether the table must grow to hold n numbers.
func (s *slots) isFull(n int) bool { return 2*n >= len(s.of) }

// grow doubles the table, and empties it.
func (s *slots) grow() { s.of, s.round = make([]uint64, max(64, 2*len(s.of))), 1 }

func (s *slots) empty() {
	if s.round++; s.round == 0 {
		clear(s.of)
		s.round = 1
	}
}

// cells are the tables of a day. Emptied, they keep their memory.
type cells struct {
	all   []counted
	index slots
}

type counted struct {
	cell
	sums
}

// at returns the sums of a cell, valid until the next call.
func (t *cells) at(c cell) *sums { return &t.all[t.number(c)].sums }

// number returns the number of a cell, adding it if it is new.
func (t *cells) number(c cell) uint32 {
	if t.index.isFull(len(t.all)) {
		t.index.grow()
		for n := range t.all {
			i, _ := t.find(t.all[n].cell)
			t.index.put(i, uint32(n))
		}
	}
	i, n := t.find(c)
	if n < 0 {
		n = len(t.all)
		t.all = append(t.all, counted{cell: c})
		t.index.put(i, uint32(n))
	}
	return uint32(n)
}

// find returns the slot of a cell, and its number, -1 if it is not there.
func (t *cells) find(c cell) (slot, n int) {
	for i := t.index.first(mix(uint64(c))); ; i = t.index.next(i) {
		n, ok := t.index.get(i)
		if !ok {
			return i, -1
		}
		if t.all[n].cell == c {
			return i, int(n)
		}
	}
}

func (t *cells) empty() {
	t.index.empty()
	t.all = t.all[:0]
}

// mix spreads the bits of a number (fmix64 of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// dictionary numbers strings. Emptied, it keeps its memory.
type dictionary struct {
	text  []byte
	ends  []uint32
	sums  []uint64
	index slots
}

func (d *dictionary) len() int { return len(d.ends) }

// of returns a string by its number, valid until another one is added.
func (d *dictionary) of(n uint32) []byte {
	start := uint32(0)
	if n > 0 {
		start = d.ends[n-1]
	}
	return d.text[start:d.ends[n]]
}

// number returns the number of a string, adding it if it is new.
func (d *dictionary) number(text []byte) uint32 {
	if d.index.isFull(len(d.ends)) {
		d.index.grow()
		for n, sum := range d.sums {
			i := d.index.first(sum)
			for _, taken := d.index.get(i); taken; _, taken = d.index.get(i) {
				i = d.index.next(i)
			}
			d.index.put(i, uint32(n))
		}
	}
	sum := xxhash.Sum64(text)
	i := d.index.first(sum)
	for ; ; i = d.index.next(i) {
		n, ok := d.index.get(i)
		if !ok {
			break
		}
		if d.sums[n] == sum && bytes.Equal(d.of(n), text) {
			return n
		}
	}
	n := uint32(len(d.ends))
	d.index.put(i, n)
	d.text = append(d.text, text...)
	d.ends = append(d.ends, uint32(len(d.text)))
	d.sums = append(d.sums, sum)
	return n
}

func (d *dictionary) empty() {
	d.index.empty()
	d.text, d.ends, d.sums = d.text[:0], d.ends[:0], d.sums[:0]
}
