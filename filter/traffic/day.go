package traffic

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"hushpipe/filter/pseudonym"
)

// Day is all that is known of the traffic of one day. Deltas can be added in any order,
// on any number of Days that are then added to each other: the figures are the same.
type Day struct {
	Delta
	opt      Options
	networks map[uint32][]uint32   // by string: networks that brought it, MinGroup at most
	counts   map[stringKind]int    // strings
	kept     map[stringKind]int    // of these when some were dropped last: more than stand by name, where too many have rank 0
	limits   map[stringKind]uint64 // strings with a larger rank do not stand by name
	seed     uint64                // of ranks
	earlier  Names                 // of rank 0
	dropped  uint64                // visitors past MaxVisits have numbers beyond it; 0: there are none

	numbers []uint32 // scratch: the numbers of a record's strings here
	hits    uint64   // likewise: of a record that was read
}

// NewDay returns a Day of no hits.
func NewDay(opt Options) *Day {
	d := &Day{opt: opt, networks: map[uint32][]uint32{}, counts: map[stringKind]int{}, kept: map[stringKind]int{}, limits: map[stringKind]uint64{}}
	d.visits = visits{timeout: int32(opt.Timeout.Seconds()), names: &d.strings}
	d.Empty()
	return d
}

// Prefer has strings that go on standing by name stay before others where there are too
// many, and of the others those that seed chooses, which no client knows: who invents
// paths must not choose which paths of the site go to other. It is for a Day of no hits.
func (d *Day) Prefer(seed uint64, earlier Names) { d.seed, d.earlier = seed, earlier }

// rank returns the place of a string among those of its kind: the smallest stay.
func (d *Day) rank(text []byte) uint64 {
	if d.earlier[string(text)] {
		return 0
	}
	sum := xxhash.NewWithSeed(d.seed)
	sum.Write(text)
	return sum.Sum64()
}

// Add adds a record that Delta.AppendTo made. The error is errRecord, and then
// nothing of it was added.
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

// Hits returns how many hits a record has, of people and of robots; 0 for what is none.
func (d *Day) Hits(record []byte) uint64 {
	if d.hits = 0; !d.read(record, false) {
		return 0
	}
	return d.hits
}

// enforceBounds leaves what the bounds allow.
func (d *Day) enforceBounds() {
	d.dropVisitors()
	for k, n := range d.counts {
		if n > d.opt.most(k) {
			d.dropStrings(k)
		}
	}
}

// read reads a record, and adds it. It reports whether it is one.
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
	secondsOfDay = 25*3600 + 60 // the longest has 25 hours, and a leap second
)

// addNetwork notes that a network brought a string.
func (d *Day) addNetwork(n, network uint32) {
	if len(d.strings.of(n)) == 1 {
		return
	}
	if all := d.networks[n]; len(all) < d.opt.MinGroup && !slices.Contains(all, network) {
		d.networks[n] = append(all, network)
	}
}

// visitor returns a visitor, nil for one past MaxVisits. Of too many those with the
// smallest numbers stay, so that it does not matter who came first.
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

// dropVisitors leaves MaxVisits visitors.
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

// number returns the number of a string of a record. Of too many of a kind those with
// the smallest ranks stay, so that it does not matter which came first; all others are
// the string that is nothing but its kind.
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

// most is how many strings of a kind stand by name in a day.
func (o Options) most(k stringKind) int {
	switch k {
	case stringMissing:
		return min(o.MaxNames, maxMissing)
	case stringGroup:
		return min(o.MaxNames, maxGroups)
	}
	return o.MaxNames
}

// maxMissing is how many paths that are not there stand by name in a day.
const maxMissing = 10_000

// dropStrings leaves as many strings of a kind as stand by name.
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

// record returns all of the Day as a record.
func (d *Day) record() []byte {
	for n, all := range d.networks {
		for _, network := range all {
			d.cells.at(cellOf(kindNetwork, n, network))
		}
	}
	return d.AppendTo(nil)
}
