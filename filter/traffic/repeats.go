package traffic

// Part is what one batch had of the lines of a day that were counted.
type Part struct {
	Batch     uint64 // its number, the same in all parts of a batch: of its days, and of its streams
	Committed uint64 // this batch and earlier ones will not come again
	Digest
}

// Digest tells lines apart as they were read: what is kept of two different lines may be
// the same.
type Digest struct {
	Size  uint64 // bytes
	First uint64 // a hash of the first line
	All   uint64 // and of all
}

// Add adds a line by its length in bytes and its hash under the key of its day.
func (t *Digest) Add(size int, sum uint64) {
	if t.Size == 0 {
		t.First = sum
	}
	t.Size += uint64(size)
	t.All = mix(t.All ^ sum)
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
	left []Part
	came Digest
}

// NewRepeats returns Repeats of what each process that was killed counted last, in its
// order; nil where that is nothing.
func NewRepeats(killed ...[]Part) *Repeats {
	r := &Repeats{}
	for _, parts := range killed {
		for i := range parts {
			if parts[i].Batch > parts[len(parts)-1].Committed {
				r.all = append(r.all, cursor{left: parts[i:]})
			}
		}
	}
	if len(r.all) == 0 {
		return nil
	}
	return r
}

// Add takes the next line as Digest.Add does, and reports whether this one and all before
// it were counted.
func (r *Repeats) Add(size int, sum uint64) (counted bool) {
	kept := r.all[:0]
	for _, c := range r.all {
		c.came.Add(size, sum)
		part := &c.left[0]
		switch {
		case c.came.First != part.First || c.came.Size > part.Size:
			continue
		case c.came.Size == part.Size:
			if c.came.All != part.All {
				continue
			}
			counted = true
			if c.came, c.left = (Digest{}), c.left[1:]; len(c.left) == 0 {
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
		if r.all[i].came.Size > 0 {
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
