package traffic

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"hushpipe/filter/country"
	"hushpipe/filter/pseudonym"
	"hushpipe/format/agent"
	"hushpipe/format/machine"
	"hushpipe/format/referrer"
)

// Most texts come again and again: the user agent of a browser, the request of a style
// sheet. knownTexts remembers what was told of those that came lately, in a table that
// grows up to a fixed size. Who invents texts only brings the long way back, whose time is
// bounded.
type textCache[F any] struct {
	entries []cachedText[F] // as many as a power of two
	misses  int
	off     bool // nothing is known: the plain reference
}

type cachedText[F any] struct {
	sum  uint64
	n    uint8
	part bool // the text goes on behind these bytes
	used bool
	text [maxKnown]byte
	fact F
}

const (
	maxKnown  = 239 // bytes of a text
	fewTexts  = 1 << 8
	manyTexts = 1 << 12
)

// find returns what is known of a text, or where it is to be put: nil for one that is too
// long.
func (k *textCache[F]) find(text []byte, part bool) (e *cachedText[F], sum uint64, known bool) {
	if len(text) > maxKnown || k.off {
		return nil, 0, false
	}
	if k.entries == nil {
		k.entries = make([]cachedText[F], fewTexts)
	}
	sum = machine.Sum(text)
	e = &k.entries[sum&uint64(len(k.entries)-1)]
	if e.sum == sum && e.part == part && e.used && string(e.text[:e.n]) == string(text) {
		return e, sum, true
	}
	if k.misses++; k.misses > len(k.entries) && len(k.entries) < manyTexts {
		k.entries, k.misses = make([]cachedText[F], 2*len(k.entries)), 0
		e = &k.entries[sum&uint64(len(k.entries)-1)]
	}
	return e, sum, false
}

// put makes a text known at the place that find returned.
func (e *cachedText[F]) put(text []byte, sum uint64, part bool, fact F) *F {
	e.sum, e.n, e.part, e.used, e.fact = sum, uint8(copy(e.text[:], text)), part, true, fact
	return &e.fact
}

// Place tells that a text is the same as that of an earlier hit: where its user keeps it,
// and a number that is another one whenever another text is kept there. The zero Place
// tells nothing.
type Place struct {
	At uint16
	ID uint32
}

// placeCache are what is known of texts by their Place.
type placeCache[F any] struct{ entries []placeEntry[F] }

type placeEntry[F any] struct {
	id   uint32
	fact F
}

// find returns the entry of a Place, and whether it is of its text.
func (k *placeCache[F]) find(p Place) (e *placeEntry[F], known bool) {
	if at := int(p.At); at >= len(k.entries) {
		entries := make([]placeEntry[F], max(1<<8, 1<<bits.Len16(p.At)))
		copy(entries, k.entries)
		k.entries = entries
	}
	e = &k.entries[p.At]
	return e, e.id == p.ID
}

// memo is where a Delta has something, in one of its uses. What other uses have there is
// nothing of it.
type memo struct{ use, n uint32 }

// isOf reports whether n is of a Delta.
func (m *memo) isOf(d *Delta) bool { return m.use == d.use }

// agentFact is what is known of a user agent.
type agentFact struct {
	agent.Agent
	sum     uint64 // what visitors are told apart by
	ignored bool
	robot   memo // its cell
}

// purpose is what a request is for, as far as it does not depend on the answer.
type purpose uint8

const (
	forOther purpose = iota
	forFeed
	forAsset
	forPage
	forNothing // it has no path
)

// requestFact is what is known of a request.
type requestFact struct {
	purpose   purpose
	robotsTxt bool
	plain     bool   // the path may be kept as it is
	query     bool   // there is one
	file      uint8  // the number of its type
	at, end   uint8  // the path in the text that is known
	page      target // as a page
	missing   target // as one that is not there
}

// target is a string that networks bring, in the use of a Delta.
type target struct {
	memo            // the string
	cell     uint32 // its cell
	networks uint8  // that brought it, as many as matter
	last     uint32 // of these
}

// originFact is what is known of a referrer.
type originFact struct {
	kind    referrer.Kind
	name    uint16
	at, end uint8 // the host of a Site in the text that is known; equal: it does not stand by name
	site    target
	cell    memo
}

// Visitors knows under which numbers the visitors of a day are counted. It serves one
// goroutine.
type Visitors struct {
	keys    Keys
	entries []knownVisitor // as many as a power of two
	misses  int
	content uint64 // of the database of countries
	room    [20]byte
}

// knownVisitor fills a cache line.
type knownVisitor struct {
	who     [2]uint64 // the address
	agent   uint64    // agentFact.sum
	id      uint64
	network uint32
	address uint32 // see visitor
	country country.Code
	used    bool
	seen    memo // in the visits of a Delta
	hits    memo // the cell of its country
}

const (
	fewVisitors  = 1 << 8
	manyVisitors = 1 << 15
)

// NewVisitors returns the Visitors of a day, whose numbers keys make.
func NewVisitors(keys Keys) *Visitors { return &Visitors{keys: keys} }

// of returns what is known of who sent a hit, valid until the next call.
func (v *Visitors) of(c *Counter, h *Hit, who *agentFact) *knownVisitor {
	agent := who.sum
	if c.opt.ByAddress {
		agent = 0
	}
	a, b := binary.LittleEndian.Uint64(h.Client[:]), binary.LittleEndian.Uint64(h.Client[8:])
	if v.entries == nil {
		v.entries = make([]knownVisitor, fewVisitors)
	}
	if c.opt.Countries != nil && v.content != c.opt.Countries.Content() {
		v.content = c.opt.Countries.Content()
		clear(v.entries)
	}
	at := mix(a ^ bits.RotateLeft64(b, 17) ^ agent)
	e := &v.entries[at&uint64(len(v.entries)-1)]
	if e.who == [2]uint64{a, b} && e.agent == agent && e.used {
		return e
	}
	if v.misses++; v.misses > 2*len(v.entries) && len(v.entries) < manyVisitors {
		v.entries, v.misses = make([]knownVisitor, 2*len(v.entries)), 0
		e = &v.entries[at&uint64(len(v.entries)-1)]
	}
	*e = knownVisitor{who: [2]uint64{a, b}, agent: agent, used: true}
	e.network = uint32(v.fingerprint(forNetworks, networkOf(h.Client)))
	room, address := forVisitors, inside(h.Client).Prefix6(64)
	e.address = uint32(v.fingerprint(room, address))
	binary.LittleEndian.PutUint64(room[8:], agent)
	e.id = v.fingerprint(room, address)
	if c.opt.Countries != nil {
		e.country = c.opt.Countries.Of(netip.AddrFrom16(inside(h.Client)))
	}
	return e
}

func (v *Visitors) fingerprint(room [20]byte, a pseudonym.Addr) uint64 {
	v.room = room // a variable would escape by the interface
	return v.keys.Fingerprint(&v.room, a)
}
