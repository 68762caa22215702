package traffic

import (
	"encoding/binary"
	"errors"
)

// kind is what a cell counts. Each kind defines the cell's id, sub and sums.
type kind uint8

const (
	kindTotal    kind = iota // sub: 0 people, 1 robots. pages, hits, bytes
	kindHour                 // id: hour; sub as above. pages, hits, bytes
	kindPage                 // id: string. pages, hits, bytes
	kindRobot                // id: agent.Class; sub: of agent.Lists.Robots. pages, hits, bytes, hits of robots.txt
	kindBrowser              // id: of agent.Browsers. pages, hits, bytes
	kindSystem               // id: of agent.Systems. pages, hits, bytes
	kindOrigin               // id: referrer.Kind; sub: of referrer.Sites.Names. pages
	kindSite                 // id: string. pages
	kindStatus               // id: status; sub: as of kindTotal. 0, hits, bytes
	kindMissing              // id: string. 0, hits
	kindType                 // id: of types. pages, hits, bytes
	kindIgnored              // hits
	kindNetwork              // id: string; sub: a network that sent it. No sums
	kindGroup                // id: string. hits, microseconds, hits with a status of 4xx, and of 5xx
	kindTime                 // id: string of a group; sub: of steps. hits
	kindCountry              // id: country.Code. pages, hits, bytes
	kindCampaign             // id: string. pages
	numKinds
)

// ofString reports whether id is the number of a string.
func (k kind) ofString() bool {
	return k == kindPage || k == kindSite || k == kindMissing || k == kindNetwork || k == kindGroup || k == kindTime || k == kindCampaign
}

// stringKind separates strings that are kept for different reasons.
type stringKind byte

const (
	stringPage    stringKind = 'p'
	stringMissing stringKind = 'm'
	stringSite    stringKind = 's'
	stringGroup   stringKind = 'g'

	stringCampaign stringKind = 'c'
)

// Delta is the contribution of some hits to the figures of a day. Emptied, it keeps its
// memory.
type Delta struct {
	cells   cells
	shared  shared
	visits  visits
	strings dictionary // the first byte of each is its stringKind
	scratch []byte
	use     uint32 // the use of its Counter that it belongs to; 0: nothing counted since it was emptied
}

// cell returns the sums of a cell that a fact has memorized in at, valid until the next cell
// is added.
func (d *Delta) cell(at *memo, k kind, id, sub uint32) *sums {
	if !at.isOf(d) {
		*at = memo{d.use, d.cells.number(cellOf(k, id, sub))}
	}
	return &d.cells.all[at.n].sums
}

// NewDelta returns an empty Delta.
func (c *Counter) NewDelta() *Delta {
	d := &Delta{}
	d.visits = visits{timeout: int32(c.opt.Timeout.Seconds()), names: &d.strings}
	d.Empty()
	return d
}

// Empty empties a Delta for its next use.
func (d *Delta) Empty() {
	d.cells.empty()
	if d.use > 0 {
		d.shared.drop()
	}
	d.visits.empty()
	d.strings.empty()
	d.use = 0
}

// string returns the number of a string.
func (d *Delta) string(k stringKind, text []byte) uint32 {
	d.scratch = append(append(d.scratch[:0], byte(k)), text...)
	return d.strings.number(d.scratch)
}

// AppendTo appends the Delta as a record, which Day.Add reads:
//
//	version
//	number of strings, and of each its length and bytes
//	number of cells, and of each kind, id, sub, which of four sums are not 0, and these
//	number of visitors, and of each its number (8 bytes), address, country, browser,
//	system, whether it loaded an asset, its number of visits,
//	and of each start, duration, entry, exit and pages
//
// All numbers but those of visitors are unsigned varints, and single bytes are kind, which
// sums there are (from bit 0 on), browser, system, and whether there was an asset.
func (d *Delta) AppendTo(dst []byte) []byte {
	d.shared.flush(&d.cells)
	dst = appendNumber(dst, recordVersion)
	dst = appendNumber(dst, uint64(d.strings.len()))
	for n := range d.strings.len() {
		text := d.strings.of(uint32(n))
		dst = append(appendNumber(dst, uint64(len(text))), text...)
	}
	dst = appendNumber(dst, uint64(len(d.cells.all)))
	for i := range d.cells.all {
		c := &d.cells.all[i]
		dst = append(dst, byte(c.kind()))
		dst = appendNumber(dst, uint64(c.id()))
		dst = appendNumber(dst, uint64(c.sub()))
		at := len(dst)
		dst = append(dst, 0)
		for i, n := range c.sums {
			if n > 0 {
				dst[at] |= 1 << i
				dst = appendNumber(dst, n)
			}
		}
	}
	dst = appendNumber(dst, uint64(len(d.visits.visitors)))
	for i := range d.visits.visitors {
		v := &d.visits.visitors[i]
		dst = binary.LittleEndian.AppendUint64(dst, v.id)
		dst = appendNumber(dst, uint64(v.address))
		dst = appendNumber(dst, uint64(v.country))
		asset := byte(0)
		if v.asset {
			asset = 1
		}
		dst = append(dst, v.browser, v.system, asset)
		count := uint64(0)
		for n := v.first; n != noVisit; n = d.visits.all[n].next {
			count++
		}
		dst = appendNumber(dst, count)
		for n := v.first; n != noVisit; n = d.visits.all[n].next {
			p := &d.visits.all[n]
			for _, n := range [...]uint32{uint32(p.start), uint32(p.last - p.start), p.entry, p.exit, p.pages} {
				dst = appendNumber(dst, uint64(n))
			}
		}
	}
	return dst
}

// appendNumber is binary.AppendUvarint, and faster for small numbers.
func appendNumber(dst []byte, n uint64) []byte {
	if n < 1<<7 {
		return append(dst, byte(n))
	}
	return binary.AppendUvarint(dst, n)
}

const recordVersion = 3

// errRecord is returned for a record that is invalid, or of a later version.
var errRecord = errors.New("not a record of traffic figures")

// reader parses a record. After an error it returns only zeros.
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
