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

// textCache caches facts about texts. Most texts repeat: the user agent of a browser, the
// request for a style sheet. It is a table that grows up to a fixed size. A client that
// invents texts only causes cache misses, whose cost is bounded.
type textCache[F any] struct {
	entries []cachedText[F] // a power of two
	misses  int
	off     bool // never caches: the reference for tests
}

type cachedText[F any] struct {
	sum  uint64
	n    uint8
	part bool // the full text continues after these bytes
	used bool
	text [maxKnown]byte
	fact F
}

const (
	maxKnown  = 239 // bytes of a text
	fewTexts  = 1 << 8
	manyTexts = 1 << 12
)

// find returns the entry of a text and whether it is cached; otherwise the entry is where to
// put it, nil for a text that is too long.
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

// put caches a text in an entry that find returned.
func (e *cachedText[F]) put(text []byte, sum uint64, part bool, fact F) *F {
	e.sum, e.n, e.part, e.used, e.fact = sum, uint8(copy(e.text[:], text)), part, true, fact
	return &e.fact
}

// Place identifies a text that equals that of an earlier hit: the caller's slot for it, and
// a number that changes whenever the slot gets another text. The zero Place means unknown.
type Place struct {
	At uint16
	ID uint32
}

// placeCache caches facts about texts by their Place.
type placeCache[F any] struct{ entries []placeEntry[F] }

type placeEntry[F any] struct {
	id   uint32
	fact F
}

// find returns the entry of a Place, and whether it is valid for its text.
func (k *placeCache[F]) find(p Place) (e *placeEntry[F], known bool) {
	if at := int(p.At); at >= len(k.entries) {
		entries := make([]placeEntry[F], max(1<<8, 1<<bits.Len16(p.At)))
		copy(entries, k.entries)
		k.entries = entries
	}
	e = &k.entries[p.At]
	return e, e.id == p.ID
}

// memo is the index of something in a Delta, for one of its uses. In any other use it is
// invalid.
type memo struct{ use, n uint32 }

// isOf reports whether n is valid for d.
func (m *memo) isOf(d *Delta) bool { return m.use == d.use }

// agentFact holds the facts about a user agent.
type agentFact struct {
	agent.Agent
	sum     uint64 // hash that tells visitors apart
	ignored bool
	robot   memo // its cell
}

// purpose is what a request is for, as far as that does not depend on the response.
type purpose uint8

const (
	forOther purpose = iota
	forFeed
	forAsset
	forPage
	forNothing // it has no path
)

// requestFact holds the facts about a request.
type requestFact struct {
	purpose   purpose
	robotsTxt bool
	plain     bool   // the path may be kept as it is
	query     bool   // it has a query
	file      uint8  // index of its type
	at, end   uint8  // span of the path in the cached text
	page      target // as a page
	missing   target // as a missing path
}

// target is a string that networks send, in one use of a Delta.
type target struct {
	memo            // the string
	cell     uint32 // its cell
	networks uint8  // number of networks, as far as it matters
	last     uint32 // the last of them
}

// originFact holds the facts about a referrer.
type originFact struct {
	kind    referrer.Kind
	name    uint16
	at, end uint8 // span of a Site's host in the cached text; empty: not shown by name
	site    target
	cell    memo
}

// Visitors caches the numbers of a day's visitors. One goroutine uses it.
type Visitors struct {
	keys    Keys
	entries []knownVisitor // a power of two
	misses  int
	content uint64 // version of the database of countries
	room    [20]byte
}

// knownVisitor has the size of a cache line.
type knownVisitor struct {
	who     [2]uint64 // the address
	agent   uint64    // agentFact.sum
	id      uint64
	network uint32
	address uint32 // see visitor
	country country.Code
	used    bool
	seen    memo // its index in the visits of a Delta
	hits    memo // the cell of its country
}

const (
	fewVisitors  = 1 << 8
	manyVisitors = 1 << 15
)

// NewVisitors returns the Visitors of a day; keys computes their numbers.
func NewVisitors(keys Keys) *Visitors { return &Visitors{keys: keys} }

// of returns the entry of a hit's client, valid until the next call.
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
