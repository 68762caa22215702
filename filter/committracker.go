package filter

import (
	"slices"
	"sync"
)

// commitTracker tracks the bytes that were read from a CommitReader and are not committed
// yet. The writer commits each batch once it is written, in the order in which the reader
// put them. The reader commits the rest when it can wait no longer.
type commitTracker struct {
	in      CommitReader // nil: the input keeps nothing
	patient func() bool
	out     Output
	read    int // bytes that were read and are not due yet

	mu           sync.Mutex // guards what follows, and each Commit
	due          int        // bytes of whole lines that were put
	unassigned   int        // bytes at the end of these that belong to no batch
	lastPut      uint64     // number of the last batch that was put
	committedTo  uint64     // number of the last one that the reader committed; the writer commits later ones
	firstDropped uint64     // number of the first one that was dropped, 0 for none; the writer commits earlier ones
	err          error      // of the writer's Commit

	pending []share // put and not committed, in the order of the input
}

// share is the input of one batch, or of several that go to different streams.
type share struct {
	number uint64 // of these batches
	input  int    // bytes
	left   int    // of these batches, how many are not written
}

// isEmpty reports whether nothing is due.
func (t *commitTracker) isEmpty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.due == 0 && t.err == nil
}

// put makes all bytes that were read due, except the held ones at their end, and records
// the batches that were made from them.
func (t *commitTracker) put(batches []*Batch, held int) {
	if t.in == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	more := t.read - held
	t.due, t.read = t.due+more, held
	t.unassigned += more
	if len(batches) == 0 {
		return
	}
	for _, b := range batches {
		t.lastPut++
		b.source, b.number = t, t.lastPut
		for _, of := range b.streams {
			if of != nil {
				of.source, of.number = t, t.lastPut
			}
		}
		t.unassigned -= b.input
	}
	// Each Commit ends at a line's end, so that the next process begins with a whole line.
	// Bytes that were cut off a line that is too long come before the first line. The last
	// line may have got a newline that is not in the input.
	batches[0].input += max(t.unassigned, 0)
	batches[len(batches)-1].input += min(t.unassigned, 0)
	t.unassigned = 0
	for _, b := range batches {
		left := 1
		if b.streams != nil {
			left = 0
			for _, of := range b.streams {
				if of != nil {
					left++
				}
			}
		}
		t.pending = append(t.pending, share{b.number, b.input, left})
	}
}

// written commits the input of a batch once all batches of that input and of earlier input
// are written. It commits nothing if the reader has committed the batch already, or if an
// earlier one was dropped: the writer's commits have no gaps.
func (t *commitTracker) written(b *Batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b.number <= t.committedTo || t.err != nil {
		return
	}
	t.pending[b.number-t.pending[0].number].left--
	done, n := 0, 0
	for done < len(t.pending) && t.pending[done].left == 0 && (t.firstDropped == 0 || t.pending[done].number < t.firstDropped) {
		n += t.pending[done].input
		done++
	}
	if done > 0 {
		t.pending = t.pending[:copy(t.pending, t.pending[done:])]
		t.due -= n
		t.err = t.in.Commit(n)
	}
}

// dropped leaves this batch and all later ones to the reader to commit. The writer still
// commits earlier ones as they are written.
func (t *commitTracker) dropped(b *Batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.firstDropped == 0 || b.number < t.firstDropped {
		t.firstDropped = b.number
	}
}

// settle commits what is due if the writer can commit no more. The reader calls it before
// it puts more.
func (t *commitTracker) settle() error {
	t.mu.Lock()
	stuck := t.firstDropped > 0 || t.err != nil
	t.mu.Unlock()
	if !stuck {
		return nil
	}
	return t.commit()
}

// commitSoon is commit, but leaves one batch to its writer while one of several streams is
// slow to write it: the other streams need not wait, and a kill must not lose the batch.
// It leaves no more than one, since after a kill the other streams write it a second time.
func (t *commitTracker) commitSoon() error {
	if t.in == nil || t.isEmpty() {
		return nil
	}
	t.out.Wait(t.patient)
	t.mu.Lock()
	defer t.mu.Unlock()
	if several, ok := t.out.(*Fan); ok && t.isUnwritten() && t.due <= batchSize && t.firstDropped == 0 && t.err == nil &&
		several.accepts() && t.patient() {
		return nil
	}
	return t.commitDue()
}

// isUnwritten reports whether a writer has yet to write a batch. Lines that no stream takes
// are in no batch. The caller holds t.mu.
func (t *commitTracker) isUnwritten() bool {
	return slices.ContainsFunc(t.pending, func(s share) bool { return s.left > 0 })
}

// commit waits until the batches are written, and commits what the writers have not.
func (t *commitTracker) commit() error {
	if t.in == nil || t.isEmpty() {
		return nil
	}
	t.out.Wait(t.patient)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.commitDue()
}

// commitDue commits all that is due. The caller holds t.mu.
func (t *commitTracker) commitDue() error {
	n := t.due
	t.due, t.unassigned, t.committedTo, t.firstDropped, t.pending = 0, 0, t.lastPut, 0, t.pending[:0]
	if err := t.err; err != nil || n == 0 {
		t.err = nil // it is returned once
		return err
	}
	return t.in.Commit(n)
}

// committed returns the number of the last batch that the next process will not read again.
// last is the number of the batch before the one that is being written.
func (t *commitTracker) committed(last uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) > 0 {
		last = min(last, t.pending[0].number-1)
	}
	return last
}
