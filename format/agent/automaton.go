package agent

// automaton finds all patterns in a text in one pass (Aho and Corasick, Efficient string
// matching, 1975). Its time does not depend on the number of patterns.
type automaton struct {
	patterns []Pattern
	column   [256]uint8 // of next; 0 for a byte that no pattern has
	columns  int
	next     []uint16 // by state and column
	ends     []int32  // by state: the longest pattern that ends there, or -1
	shorter  []uint16 // by state: the longest proper suffix at which a pattern ends
	same     []int32  // by pattern: another one with the same text, or -1
}

func newAutomaton(patterns []Pattern) automaton {
	a := automaton{patterns: patterns, columns: 1, same: make([]int32, len(patterns))}
	for _, p := range patterns {
		for _, c := range []byte(p.Text) {
			if a.column[c] == 0 {
				a.column[c] = uint8(a.columns)
				a.columns++
			}
		}
	}
	row := func() uint16 {
		a.next = append(a.next, make([]uint16, a.columns)...)
		a.ends = append(a.ends, -1)
		a.shorter = append(a.shorter, 0)
		return uint16(len(a.ends) - 1)
	}
	row()
	for i, p := range patterns {
		state := uint16(0)
		for _, c := range []byte(p.Text) {
			at := int(state)*a.columns + int(a.column[c])
			if a.next[at] == 0 {
				n := row()
				a.next[at] = n
			}
			state = a.next[at]
		}
		a.same[i] = a.ends[state]
		a.ends[state] = int32(i)
	}
	// Breadth first: if the text does not continue, the next state is that of its longest
	// suffix.
	fail := make([]uint16, len(a.ends))
	var queue []uint16
	for c := range a.columns {
		if n := a.next[c]; n != 0 {
			queue = append(queue, n)
		}
	}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		f := fail[state]
		if a.shorter[state] = a.shorter[f]; a.ends[f] >= 0 {
			a.shorter[state] = f
		}
		for c := range a.columns {
			at := int(state)*a.columns + c
			to := a.next[int(f)*a.columns+c]
			if n := a.next[at]; n != 0 {
				fail[n] = to
				queue = append(queue, n)
			} else {
				a.next[at] = to
			}
		}
	}
	return a
}

// find returns the most specific pattern in text, or -1: one with a name beats one without, then
// a longer one a shorter one.
func (a *automaton) find(text []byte, names []uint16) int {
	best := int32(-1)
	state := uint16(0)
	for i, c := range text {
		state = a.next[int(state)*a.columns+int(a.column[c])]
		for s := state; s != 0; s = a.shorter[s] {
			for p := a.ends[s]; p >= 0; p = a.same[p] {
				if a.holds(p, text, i+1) && (best < 0 || a.before(p, best, names)) {
					best = p
				}
			}
		}
	}
	return int(best)
}

func (a *automaton) before(p, q int32, names []uint16) bool {
	if (names[p] == 0) != (names[q] == 0) {
		return names[p] != 0
	}
	return len(a.patterns[p].Text) > len(a.patterns[q].Text)
}

// holds reports whether a pattern whose text ends at end meets its conditions there.
func (a *automaton) holds(n int32, text []byte, end int) bool {
	p := &a.patterns[n]
	start := end - len(p.Text)
	return !(p.Start && start != 0 || p.End && end != len(text) ||
		p.WordStart && start > 0 && isWord(text[start-1]) == isWord(text[start]) ||
		p.WordEnd && end < len(text) && isWord(text[end]) == isWord(text[end-1]))
}
