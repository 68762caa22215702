package traffic

// shared collects sums that go into several cells, or that successive hits have in common.
// They are counted once here and flushed to their cells. Nearly all hits of a batch fall
// into one hour; each browser has few systems, and each status few types.
type shared struct {
	hour  uint32  // of now; noHour: unknown
	now   [2]sums // people, robots
	pairs [1 << pairBits]counted
}

const (
	noHour   = 1 << 8
	pairBits = 7
)

// Kinds of the cells in pairs.
const (
	pairAgent  kind = iota // id: browser; sub: system
	pairAnswer             // id: status; sub: see answerOf
)

// answerOf returns the pair of a response: whether a robot asked, whether its type counts,
// and which type that is.
func answerOf(status, side uint32, typed bool, file uint8) cell {
	sub := side | uint32(file)<<2
	if typed {
		sub |= 2
	}
	return cellOf(pairAnswer, status, sub)
}

// at returns the sums of the hits in an hour.
func (s *shared) at(hour, side uint32, to *cells) *sums {
	if hour != s.hour {
		s.flushHour(to)
		s.hour = hour
	}
	return &s.now[side]
}

// pair returns the sums of a pair. If two share a slot, each flushes the other.
func (s *shared) pair(c cell, to *cells) *sums {
	p := &s.pairs[uint64(c)*0x9e3779b97f4a7c15>>(64-pairBits)]
	if p.cell != c {
		p.flush(to)
		p.cell = c
	}
	return &p.sums
}

// flush adds all sums to their cells.
func (s *shared) flush(to *cells) {
	s.flushHour(to)
	for i := range s.pairs {
		s.pairs[i].flush(to)
	}
}

// flush adds the sums of a pair to both cells.
func (p *counted) flush(to *cells) {
	if p.sums[1] == 0 {
		return
	}
	switch id, sub := p.id(), p.sub(); p.kind() {
	case pairAgent:
		to.at(cellOf(kindBrowser, id, 0)).add(&p.sums)
		to.at(cellOf(kindSystem, sub, 0)).add(&p.sums)
	case pairAnswer:
		if sub&2 != 0 {
			to.at(cellOf(kindType, sub>>2, 0)).add(&p.sums)
		}
		p.sums[0] = 0 // a status has no pages
		to.at(cellOf(kindStatus, id, sub&1)).add(&p.sums)
	}
	p.sums = sums{}
}

func (s *shared) flushHour(to *cells) {
	for side := range s.now {
		now := &s.now[side]
		if now[1] == 0 {
			continue
		}
		to.at(cellOf(kindTotal, 0, uint32(side))).add(now)
		if s.hour != noHour {
			to.at(cellOf(kindHour, s.hour, uint32(side))).add(now)
		}
		*now = sums{}
	}
}

// drop discards sums that were not flushed.
func (s *shared) drop() { s.now, s.pairs = [2]sums{}, [1 << pairBits]counted{} }
