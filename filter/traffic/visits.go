package traffic

import "bytes"

// visits are the visits of a day: intervals of the times of a visitor's pages, of which
// two that lie no further apart than the timeout are one. So it does not matter in which
// order pages come, nor in how many parts, nor whether one comes twice.
type visits struct {
	timeout  int32 // seconds
	visitors []visitor
	index    slots
	all      []visit
	free     uint32 // the first of those that are not in use; see noVisit
	names    *dictionary
}

// visitor is who is told apart from others on one day.
type visitor struct {
	id      uint64
	address uint32 // which it came from: one that sends several user agents is several visitors
	first   uint32 // of its visits, or noVisit: it has no page
	country uint16
	browser uint8
	system  uint8
	asset   bool // it loaded an asset
}

const noVisit = ^uint32(0)

// visit is an interval. Of a visit's pages that were asked for within one second, the
// one that sorts first is the entry, the one that sorts last the exit.
type visit struct {
	start, last int32 // seconds of the day
	entry, exit uint32
	pages       uint32
	next        uint32 // of the same visitor, or the next free one
}

func (v *visits) len() int { return len(v.visitors) }

// of returns the index of a visitor, which it adds if it is new.
func (v *visits) of(id uint64) uint32 {
	if v.index.isFull(len(v.visitors)) {
		v.index.grow()
		for n := range v.visitors {
			i, _ := v.find(v.visitors[n].id)
			v.index.put(i, uint32(n))
		}
	}
	i, n := v.find(id)
	if n < 0 {
		n = len(v.visitors)
		v.visitors = append(v.visitors, visitor{id: id, first: noVisit})
		v.index.put(i, uint32(n))
	}
	return uint32(n)
}

func (v *visits) find(id uint64) (slot, n int) {
	for i := v.index.first(id); ; i = v.index.next(i) {
		n, ok := v.index.get(i)
		if !ok {
			return i, -1
		}
		if v.visitors[n].id == id {
			return i, int(n)
		}
	}
}

// addPage is add for one page, and faster for one behind the others.
func (v *visits) addPage(who *visitor, second int32, page uint32) {
	if who.first != noVisit {
		p := &v.all[who.first]
		if gap := second - p.last; p.next == noVisit && gap > 0 && gap <= v.timeout {
			p.last, p.exit = second, page
			p.pages++
			return
		}
	}
	v.add(who, visit{start: second, last: second, entry: page, exit: page, pages: 1})
}

// add adds pages to the visits of who.
func (v *visits) add(who *visitor, part visit) {
	before := &who.first
	for n := who.first; n != noVisit; n = *before {
		other := &v.all[n]
		if other.start-part.last > v.timeout || part.start-other.last > v.timeout {
			before = &other.next
			continue
		}
		part = v.join(part, *other)
		*before = other.next
		other.next, v.free = v.free, n
	}
	part.next = who.first
	if n := v.free; n != noVisit {
		v.free = v.all[n].next
		v.all[n] = part
		who.first = n
		return
	}
	v.all = append(v.all, part)
	who.first = uint32(len(v.all) - 1)
}

func (v *visits) join(a, b visit) visit {
	if b.start < a.start || b.start == a.start && v.isBefore(b.entry, a.entry) {
		a.start, a.entry = b.start, b.entry
	}
	if b.last > a.last || b.last == a.last && v.isBefore(a.exit, b.exit) {
		a.last, a.exit = b.last, b.exit
	}
	a.pages += b.pages
	return a
}

func (v *visits) isBefore(a, b uint32) bool {
	return a != b && bytes.Compare(v.names.of(a), v.names.of(b)) < 0
}

func (v *visits) empty() {
	v.index.empty()
	v.visitors, v.all, v.free = v.visitors[:0], v.all[:0], noVisit
}
