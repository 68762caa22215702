package traffic

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"hushpipe/filter/pseudonym"
)

// Day accumulates the traffic of one day. Deltas can be added in any order, also to several
// Days that are then added to each other: the figures are the same.
type Day struct {
	Delta
	opt      Options
	networks map[uint32][]uint32   // by string: the networks that sent it, at most MinGroup
	counts   map[stringKind]int    // number of strings
	kept     map[stringKind]int    // of these, those that the last dropStrings kept: more than are shown by name if too many have rank 0
	limits   map[stringKind]uint64 // strings with a larger rank are counted under other
	seed     uint64                // of ranks
	earlier  Names                 // of rank 0
	dropped  uint64                // visitors with larger numbers were dropped; 0: none were

	numbers []uint32 // scratch: numbers in this Day of the record's strings
	hits    uint64   // scratch: hits in the record
}

// NewDay returns an empty Day.
func NewDay(opt Options) *Day {
	d := &Day{opt: opt, networks: map[uint32][]uint32{}, counts: map[stringKind]int{}, kept: map[stringKind]int{}, limits: map[stringKind]uint64{}}
	d.visits = visits{timeout: int32(opt.Timeout.Seconds()), names: &d.strings}
	d.Empty()
	return d
}

// Prefer determines which strings stay if there are too many: first those in earlier, so
// that they continue to be shown by name, then those chosen by seed, which no client knows:
// a client that invents paths must not be able to choose which real paths are displaced.
// Call it on an empty Day.
func (d *Day) Prefer(seed uint64, earlier Names) { d.seed, d.earlier = seed, earlier } // strings of rank 0

// rank returns the rank of a string within its kind: the smallest stay.
func (d *Day) rank(text []byte) uint64 {
	if d.earlier[string(text)] {
		return 0
	}
	sum := xxhash.NewWithSeed(d.seed)
	sum.Write(text)
	return sum.Sum64()
}

// Add adds a record of Delta.AppendTo. If that is invalid, it returns errRecord and adds
// nothing.
func (d *Day) Add(record []byte) error {
	if !d.read(record, false) {
		return errRecord
	}
	d.read(record, true)
	for k, n := range d.counts {
		if n > 2*max(d.opt.most(k), d.kept[k]) {
			d.dropStrings(k)
		}
	}
	return nil
}

// Hits returns the number of hits in a record, of people and robots; 0 for an invalid one.
func (d *Day) Hits(record []byte) uint64 {
	if d.hits = 0; !d.read(record, false) {
		return 0
	}
	return d.hits
}

// enforceBounds drops what exceeds the bounds.
func (d *Day) enforceBounds() {
	d.dropVisitors()
	for k, n := range d.counts {
		if n > d.opt.most(k) {
			d.dropStrings(k)
		}
	}
}

// read parses a record, adds it if add is set, and reports whether it is valid.
func (d *Day) read(record []byte, add bool) bool {
	r := reader{text: record}
	if r.number(math.MaxUint64) != recordVersion {
		return false
	}
	d.numbers = d.numbers[:0]
	count := r.number(uint64(len(record)))
	for range count {
		text := r.bytes(int(r.number(maxString)))
		if len(text) == 0 {
			return false
		}
		n := uint32(0)
		if add {
			n = d.number(text)
		}
		d.numbers = append(d.numbers, n)
	}
	if r.bad {
		return false
	}
	most := uint64(len(d.numbers))
	for range r.number(uint64(len(record))) {
		k := kind(r.byte())
		id, sub := r.number(maxID), r.number(math.MaxUint32)
		which := r.byte()
		var s sums
		for i := range s {
			if which>>i&1 != 0 {
				s[i] = r.number(math.MaxUint64)
			}
		}
		if r.bad || which>>len(s) != 0 || k >= numKinds || k.ofString() && id >= most {
			return false
		}
		if !add {
			if k == kindTotal {
				d.hits += s[1]
			}
			continue
		}
		if k.ofString() {
			id = uint64(d.numbers[id])
		}
		if k == kindNetwork {
			d.addNetwork(uint32(id), uint32(sub))
			continue
		}
		d.cells.at(cellOf(k, uint32(id), uint32(sub))).add(&s)
	}
	for range r.number(uint64(len(record))) {
		number := r.bytes(8)
		address := r.number(math.MaxUint32)
		country := r.number(math.MaxUint16)
		browser, system, asset := r.byte(), r.byte(), r.byte()
		parts := r.number(uint64(len(record)))
		if r.bad {
			return false
		}
		var who *visitor
		if add {
			if who = d.visitor(binary.LittleEndian.Uint64(number)); who != nil {
				who.address = max(who.address, uint32(address))
				who.country, who.browser, who.system = max(who.country, uint16(country)), max(who.browser, browser), max(who.system, system)
				who.asset = who.asset || asset != 0
			}
		}
		for range parts {
			start, length := r.number(secondsOfDay), r.number(secondsOfDay)
			entry, exit, pages := r.number(most), r.number(most), r.number(math.MaxUint32)
			if r.bad || entry >= most || exit >= most {
				return false
			}
			if who != nil {
				d.visits.add(who, visit{start: int32(start), last: int32(start + length), entry: d.numbers[entry], exit: d.numbers[exit], pages: uint32(pages)})
			}
		}
	}
	return !r.bad && len(r.text) == 0
}

const (
	maxString    = 1 + max(maxPath, 255)
	secondsOfDay = 25*3600 + 60 // the longest day has 25 hours, and a leap second
)

// addNetwork records that a network sent a string.
func (d *Day) addNetwork(n, network uint32) {
	if len(d.strings.of(n)) == 1 {
		return
	}
	if all := d.networks[n]; len(all) < d.opt.MinGroup && !slices.Contains(all, network) {
		d.networks[n] = append(all, network)
	}
}

// visitor returns a visitor, nil for one past MaxVisits. If there are too many, those with
// the smallest numbers stay, so that the order of arrival does not matter.
func (d *Day) visitor(id uint64) *visitor {
	if d.dropped != 0 && id > d.dropped {
		return nil
	}
	if d.visits.len() >= 2*d.opt.MaxVisits {
		d.dropVisitors()
		if id > d.dropped {
			return nil
		}
	}
	return &d.visits.visitors[d.visits.of(id)]
}

// dropVisitors drops visitors beyond MaxVisits.
func (d *Day) dropVisitors() {
	old := d.visits
	if old.len() <= d.opt.MaxVisits {
		return
	}
	ids := make([]uint64, len(old.visitors))
	for i := range old.visitors {
		ids[i] = old.visitors[i].id
	}
	slices.Sort(ids)
	d.dropped = ids[d.opt.MaxVisits-1]
	d.visits = visits{timeout: old.timeout, names: old.names, free: noVisit}
	for i := range old.visitors {
		v := &old.visitors[i]
		if v.id > d.dropped {
			continue
		}
		who := &d.visits.visitors[d.visits.of(v.id)]
		who.address, who.country, who.browser, who.system, who.asset = v.address, v.country, v.browser, v.system, v.asset
		for n := v.first; n != noVisit; n = old.all[n].next {
			d.visits.add(who, old.all[n])
		}
	}
}

var _ Keys = (*pseudonym.Cipher)(nil)

// number returns the number of a record's string. If there are too many of a kind, those
// with the smallest ranks stay, so that the order of arrival does not matter; all others
// become the string that consists only of its kind.
func (d *Day) number(text []byte) uint32 {
	k := stringKind(text[0])
	if limit, ok := d.limits[k]; ok && len(text) > 1 && d.rank(text) > limit {
		text = text[:1]
	}
	had := d.strings.len()
	n := d.strings.number(text)
	if d.strings.len() > had {
		d.counts[k]++
	}
	return n
}

// most returns how many strings of a kind are shown by name for a day.
func (o Options) most(k stringKind) int {
	switch k {
	case stringMissing:
		return min(o.MaxNames, maxMissing)
	case stringGroup:
		return min(o.MaxNames, maxGroups)
	}
	return o.MaxNames
}

// maxMissing is how many missing paths are shown by name for a day.
const maxMissing = 10_000

// dropStrings drops strings of a kind beyond those shown by name.
func (d *Day) dropStrings(k stringKind) {
	var ranks []uint64
	old := d.strings
	for n := range uint32(old.len()) {
		if text := old.of(n); stringKind(text[0]) == k && len(text) > 1 {
			ranks = append(ranks, d.rank(text))
		}
	}
	if len(ranks) <= d.opt.most(k) {
		return
	}
	slices.Sort(ranks)
	d.limits[k] = ranks[d.opt.most(k)-1]
	d.strings = dictionary{}
	d.counts = map[stringKind]int{}
	to := make([]uint32, old.len())
	for n := range to {
		to[n] = d.number(old.of(uint32(n)))
	}
	d.visits.names = &d.strings
	cells := d.cells.all
	d.cells.all = nil
	d.cells.index = slots{}
	for i := range cells {
		c := cells[i].cell
		if c.kind().ofString() {
			c = cellOf(c.kind(), to[c.id()], c.sub())
		}
		d.cells.at(c).add(&cells[i].sums)
	}
	for i := range d.visits.all {
		v := &d.visits.all[i]
		if int(v.entry) < len(to) && int(v.exit) < len(to) {
			v.entry, v.exit = to[v.entry], to[v.exit]
		}
	}
	networks := d.networks
	d.networks = map[uint32][]uint32{}
	for n, all := range networks {
		if len(d.strings.of(to[n])) > 1 {
			d.networks[to[n]] = all
		}
	}
	d.kept[k] = d.counts[k]
}

// record returns the whole Day as a record.
func (d *Day) record() []byte {
	for n, all := range d.networks {
		for _, network := range all {
			d.cells.at(cellOf(kindNetwork, n, network))
		}
	}
	return d.AppendTo(nil)
}
