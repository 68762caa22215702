package traffic

// Part describes the counted lines of one day in one batch.
type Part struct {
	Batch     uint64 // number of the batch, the same for all its days and streams
	Committed uint64 // this batch and earlier ones will not be read again
	Digest
}

// Repeats follows the lines of a day from the first one on, and detects those that a killed
// process counted but did not commit.
type Repeats struct {
	all []cursor

	// Found is called when repeated lines are first detected, Unsure at the end if the last
	// lines may be repeated ones; both may be nil.
	Found, Unsure func()
}

// cursor follows what one killed process counted: the parts expected next, and the lines
// received so far of the first of them.
type cursor struct {
	expected []Part
	received *Digester
}

// NewRepeats returns Repeats of what each killed process counted last, in order; nil if that
// is nothing.
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

// Begin is called before the first line, with the seed of the Parts' digests.
func (r *Repeats) Begin(seed uint64) {
	for i := range r.all {
		r.all[i].received = NewDigester(seed)
	}
}

// Add reads the next line, and reports whether this one and all before it were counted.
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

// Pending reports whether the last lines may be the beginning of a counted part.
func (r *Repeats) Pending() bool {
	for i := range r.all {
		if c := r.all[i].received; c != nil && c.size > 0 {
			return true
		}
	}
	return false
}

// End is called after the last line.
func (r *Repeats) End() {
	if r.Pending() && r.Unsure != nil {
		r.Unsure()
	}
	r.all = nil
}

// Ended reports whether no more lines can be repeated ones.
func (r *Repeats) Ended() bool { return len(r.all) == 0 }
