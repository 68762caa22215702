package traffic

import (
	"encoding/binary"
	"errors"
)

// kind says what a cell counts, and what its sums are.
type kind uint8

const (
	kindTotal   kind = iota // sub: 0 people, 1 robots. pages, hits, bytes
	kindHour                // id: hour; sub as above. pages, hits, bytes
	kindPage                // id: string. pages, hits, bytes
	kindRobot               // id: agent.Class; sub: of agent.Lists.Robots. pages, hits, bytes, hits of robots.txt
	kindBrowser             // id: of agent.Browsers. pages, hits, bytes
	kindSystem              // id: of agent.Systems. pages, hits, bytes
	kindOrigin              // id: referrer.Kind; sub: of referrer.Sites.Names. pages
	kindSite                // id: string. pages
	kindStatus              // id: status; sub: as of kindTotal. 0, hits, bytes
	kindMissing             // id: string. 0, hits
	kindType                // id: of types. pages, hits, bytes
	kindIgnored             // hits
	kindNetwork             // id: string; sub: a network that brought it. Nothing
	kindGroup               // id: string. hits, microseconds, hits with a status of 4xx, and of 5xx
	kindTime                // id: string of a group; sub: of steps. hits
	kindCountry             // id: country.Code. pages, hits, bytes
	numKinds
)

// ofString reports whether id is the number of a string.
func (k kind) ofString() bool {
	return k == kindPage || k == kindSite || k == kindMissing || k == kindNetwork || k == kindGroup || k == kindTime
}

// stringKind keeps strings apart that are kept for different reasons.
type stringKind byte

const (
	stringPage    stringKind = 'p'
	stringMissing stringKind = 'm'
	stringSite    stringKind = 's'
	stringGroup   stringKind = 'g'
)

// Delta is what some hits of one day add to its figures. Emptied, it keeps its memory.
type Delta struct {
	cells   cells
	visits  visits
	strings dictionary // the first byte of each is its stringKind
	scratch []byte
	use     uint32           // of its Counter; 0: nothing was counted since it was emptied
	memos   [numMemos]uint32 // of cells of closed tables: their number, and 1
}

// Where in memos cells are.
const (
	memoTotal    = 0
	memoHour     = memoTotal + 2
	memoHours    = 26
	memoStatus   = memoHour + 2*memoHours
	memoStatuses = 600
	memoBrowser  = memoStatus + 2*memoStatuses
	memoSystem   = memoBrowser + 1<<8
	memoType     = memoSystem + 1<<8
	numMemos     = memoType + 1<<8
)

// fixed returns the sums of a cell that has a place in memos, valid until the next cell is
// added.
func (d *Delta) fixed(place uint32, k kind, id, sub uint32) *sums {
	n := &d.memos[place]
	if *n == 0 {
		*n = 1 + d.cells.number(cellOf(k, id, sub))
	}
	return &d.cells.all[*n-1].sums
}

// cell is fixed for a cell whose place a fact has.
func (d *Delta) cell(at *memo, k kind, id, sub uint32) *sums {
	if !at.isOf(d) {
		*at = memo{d.use, d.cells.number(cellOf(k, id, sub))}
	}
	return &d.cells.all[at.n].sums
}

// NewDelta returns a Delta of no hits.
func (c *Counter) NewDelta() *Delta {
	d := &Delta{}
	d.visits = visits{timeout: int32(c.opt.Timeout.Seconds()), names: &d.strings}
	d.Empty()
	return d
}

// Empty empties a Delta for its next use.
func (d *Delta) Empty() {
	d.cells.empty()
	d.visits.empty()
	d.strings.empty()
	if d.use > 0 {
		d.use, d.memos = 0, [numMemos]uint32{}
	}
}

// IsEmpty reports whether nothing was counted.
func (d *Delta) IsEmpty() bool { return len(d.cells.all) == 0 }

// string returns the number of a string.
func (d *Delta) string(k stringKind, text []byte) uint32 {
	d.scratch = append(append(d.scratch[:0], byte(k)), text...)
	return d.strings.number(d.scratch)
}

// AppendTo appends the Delta as a record, which Day.Add reads:
//
//	version
//	number of strings, and of each its length and bytes
//	number of cells, and of each kind, id, sub and four sums
//	number of visitors, and of each its number (8 bytes), country, browser, system,
//	whether it loaded an asset, its number of visits,
//	and of each start, duration, entry, exit and pages
//
// All numbers but those of visitors are unsigned varints.
func (d *Delta) AppendTo(dst []byte) []byte {
	put := func(n uint64) { dst = binary.AppendUvarint(dst, n) }
	put(recordVersion)
	put(uint64(d.strings.len()))
	for n := range d.strings.len() {
		text := d.strings.of(uint32(n))
		put(uint64(len(text)))
		dst = append(dst, text...)
	}
	put(uint64(len(d.cells.all)))
	for i := range d.cells.all {
		c := &d.cells.all[i]
		dst = append(dst, byte(c.kind()))
		put(uint64(c.id()))
		put(uint64(c.sub()))
		for _, n := range c.sums {
			put(n)
		}
	}
	put(uint64(len(d.visits.visitors)))
	for i := range d.visits.visitors {
		v := &d.visits.visitors[i]
		dst = binary.LittleEndian.AppendUint64(dst, v.id)
		put(uint64(v.country))
		asset := byte(0)
		if v.asset {
			asset = 1
		}
		dst = append(dst, v.browser, v.system, asset)
		count := uint64(0)
		for n := v.first; n != noVisit; n = d.visits.all[n].next {
			count++
		}
		put(count)
		for n := v.first; n != noVisit; n = d.visits.all[n].next {
			p := &d.visits.all[n]
			put(uint64(p.start))
			put(uint64(p.last - p.start))
			put(uint64(p.entry))
			put(uint64(p.exit))
			put(uint64(p.pages))
		}
	}
	return dst
}

const recordVersion = 1

// ErrRecord is the error of a record that no Delta made, or one of a later version.
var ErrRecord = errors.New("not a record of traffic figures")

// reader reads a record. After a flaw all it returns is 0.
type reader struct {
	text []byte
	bad  bool
}

func (r *reader) number(most uint64) uint64 {
	n, size := binary.Uvarint(r.text)
	if size <= 0 || n > most {
		r.bad, r.text = true, nil
		return 0
	}
	r.text = r.text[size:]
	return n
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.text) {
		r.bad, r.text = true, nil
		return nil
	}
	text := r.text[:n]
	r.text = r.text[n:]
	return text
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}
