package traffic

// shared are sums that several tables have, or several hits that come together: they are
// counted once, and brought to their cells at the end. Nearly all hits of a batch are of
// one hour; those of one browser have few systems, and answers few types.
type shared struct {
	hour  uint32  // of now; noHour: not known
	now   [2]sums // of people, and of robots
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

// answerOf returns the pair of an answer: which side asked, and whether its type counts,
// and which that is.
func answerOf(status, side uint32, typed bool, file uint8) cell {
	sub := side | uint32(file)<<2
	if typed {
		sub |= 2
	}
	return cellOf(pairAnswer, status, sub)
}

// at returns the sums of the hits of an hour.
func (s *shared) at(hour, side uint32, to *cells) *sums {
	if hour != s.hour {
		s.flushHour(to)
		s.hour = hour
	}
	return &s.now[side]
}

// pair returns the sums of a pair. Two that share a place settle each other.
func (s *shared) pair(c cell, to *cells) *sums {
	p := &s.pairs[uint64(c)*0x9e3779b97f4a7c15>>(64-pairBits)]
	if p.cell != c {
		p.flush(to)
		p.cell = c
	}
	return &p.sums
}

// flush brings all sums to their cells.
func (s *shared) flush(to *cells) {
	s.flushHour(to)
	for i := range s.pairs {
		s.pairs[i].flush(to)
	}
}

// flush brings the sums of a pair to both cells.
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

// drop drops what is not settled.
func (s *shared) drop() { s.now, s.pairs = [2]sums{}, [1 << pairBits]counted{} }
