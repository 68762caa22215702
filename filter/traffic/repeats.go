package traffic

// Part is what one batch had of the lines of a day that were counted.
type Part struct {
	Batch     uint64 // its number, the same in all parts of a batch: of its days, and of its streams
	Committed uint64 // this batch and earlier ones will not come again
	Digest
}

// Repeats follows the lines of a day from the first one on, and finds those that were
// counted by a process that was killed before it could commit them.
type Repeats struct {
	all []cursor

	// Found is called when lines were found the first time, and Unsure at the end where the
	// last lines may be such; nil: nobody asks.
	Found, Unsure func()
}

// cursor is at what a killed process counted: the parts that are to come next, and what
// has come of the first of them.
type cursor struct {
	expected []Part
	received *Digester
}

// NewRepeats returns Repeats of what each process that was killed counted last, in its
// order; nil where that is nothing.
func NewRepeats(killed ...[]Part) *Repeats {
	r := &Repeats{}
	for _, parts := range killed {
		for i := range parts {
			if parts[i].Batch > parts[len(parts)-1].Committed {
				r.all = append(r.all, cursor{expected: parts[i:]})
			}
		}
	}
	if len(r.all) == 0 {
		return nil
	}
	return r
}

// Begin is for the first line: what the Parts have was made with a seed.
func (r *Repeats) Begin(seed uint64) {
	for i := range r.all {
		r.all[i].received = NewDigester(seed)
	}
}

// Add takes the next line, and reports whether this one and all before it were counted.
func (r *Repeats) Add(line []byte) (counted bool) {
	kept := r.all[:0]
	for _, c := range r.all {
		c.received.AddCopied(line)
		part := &c.expected[0]
		switch {
		case c.received.first != part.First || c.received.size > part.Size:
			continue
		case c.received.size == part.Size:
			if c.received.Sum().All != part.All {
				continue
			}
			counted = true
			c.received.Reset()
			if c.expected = c.expected[1:]; len(c.expected) == 0 {
				continue
			}
		}
		kept = append(kept, c)
	}
	if r.all = kept; counted && r.Found != nil {
		r.Found()
		r.Found = nil
	}
	return counted
}

// Pending reports whether the last lines may be the beginning of a part that was counted.
func (r *Repeats) Pending() bool {
	for i := range r.all {
		if c := r.all[i].received; c != nil && c.size > 0 {
			return true
		}
	}
	return false
}

// End tells that no more lines come.
func (r *Repeats) End() {
	if r.Pending() && r.Unsure != nil {
		r.Unsure()
	}
	r.all = nil
}

// Ended reports whether no more lines can be such.
func (r *Repeats) Ended() bool { return len(r.all) == 0 }
