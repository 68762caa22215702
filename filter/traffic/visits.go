package traffic

import "bytes"

// visits are the visits of a day: time intervals of a visitor's pages, where two intervals
// within the timeout of each other are one. So neither the order of pages nor their
// distribution over parts matters, nor whether one page comes twice.
type visits struct {
	timeout  int32 // seconds
	visitors []visitor
	index    slots
	all      []visit
	free     uint32 // head of the list of unused ones, or noVisit
	names    *dictionary
}

// visitor is a client that is told apart from others on one day.
type visitor struct {
	id      uint64
	address uint32 // hash of its address: with several user agents, one address is several visitors
	first   uint32 // its first visit; noVisit: it has no page
	country uint16
	browser uint8
	system  uint8
	asset   bool // it loaded an asset
}

const noVisit = ^uint32(0)

// visit is an interval. Of pages requested within the same second, the one that sorts first
// is the entry, and the one that sorts last is the exit.
type visit struct {
	start, last int32 // seconds of the day
	entry, exit uint32
	pages       uint32
	next        uint32 // next visit of the same visitor, or next unused one
}

func (v *visits) len() int { return len(v.visitors) }

// of returns the index of a visitor, adding it if it is new.
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

// addPage is add for one page, and faster for one after the others.
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
