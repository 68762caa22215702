package filter

import (
	"slices"
	"sync"
)

// uncommitted is what was read of a CommitReader and is not committed yet. The writer
// commits each batch as soon as it is written, in the order in which the reader
// puts them; the reader commits what is left, where it can wait for no more.
type uncommitted struct {
	in      CommitReader // nil: the input keeps nothing
	patient func() bool
	out     Output
	read    int // bytes that are not due

	mu           sync.Mutex // guards what follows, and each Commit
	due          int        // bytes of whole lines that were put
	unassigned   int        // of these, bytes at the end that are no batch's
	lastPut      uint64     // number of the batch that was put last
	committedTo  uint64     // of the last one that the reader committed: the writer commits later ones
	firstDropped uint64     // of the first one that was dropped, 0 for none: it commits earlier ones
	err          error      // of the writer's Commit

	pending []share // what was put and is not committed, in the order of the input
}

// share is what one batch was made of, or several, each of another stream.
type share struct {
	number uint64 // of the batches
	input  int    // bytes
	left   int    // batches that are not written
}

// isEmpty reports that nothing is due.
func (u *uncommitted) isEmpty() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.due == 0 && u.err == nil
}

// put makes all that was read due, but for the held bytes at its end, and takes
// note of the batches that were made of it.
func (u *uncommitted) put(batches []*Batch, held int) {
	if u.in == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	more := u.read - held
	u.due, u.read = u.due+more, held
	u.unassigned += more
	if len(batches) == 0 {
		return
	}
	for _, b := range batches {
		u.lastPut++
		b.source, b.number = u, u.lastPut
		for _, of := range b.streams {
			if of != nil {
				of.source, of.number = u, u.lastPut
			}
		}
		u.unassigned -= b.input
	}
	// Each Commit ends with a line: a process that comes next begins with one. What
	// was left out of a line that is too long stands before the first line; the
	// newline that the last one got here does not stand in the input.
	batches[0].input += max(u.unassigned, 0)
	batches[len(batches)-1].input += min(u.unassigned, 0)
	u.unassigned = 0
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
		u.pending = append(u.pending, share{b.number, b.input, left})
	}
}

// written commits what a batch was made of, once all of the same input are written,
// and all before it, unless the reader did not wait for it, or an earlier one was
// dropped: what a writer commits has no gaps.
func (u *uncommitted) written(b *Batch) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if b.number <= u.committedTo || u.err != nil {
		return
	}
	u.pending[b.number-u.pending[0].number].left--
	done, n := 0, 0
	for done < len(u.pending) && u.pending[done].left == 0 && (u.firstDropped == 0 || u.pending[done].number < u.firstDropped) {
		n += u.pending[done].input
		done++
	}
	if done > 0 {
		u.pending = u.pending[:copy(u.pending, u.pending[done:])]
		u.due -= n
		u.err = u.in.Commit(n)
	}
}

// dropped leaves it to the reader to commit a batch and what was put with it behind
// it. Those before it may still wait: each of them is committed once it is written.
func (u *uncommitted) dropped(b *Batch) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.firstDropped == 0 || b.number < u.firstDropped {
		u.firstDropped = b.number
	}
}

// settle commits what is due where the writer cannot go on with it, before more is
// put.
func (u *uncommitted) settle() error {
	u.mu.Lock()
	stuck := u.firstDropped > 0 || u.err != nil
	u.mu.Unlock()
	if !stuck {
		return nil
	}
	return u.commit()
}

// commitSoon is commit, but leaves a batch to the writer while one of several streams is
// slow to write it: the others need not wait for that, and a kill must not lose it. No more
// than a batch is left so, since after a kill the other streams write it a second time.
func (u *uncommitted) commitSoon() error {
	if u.in == nil || u.isEmpty() {
		return nil
	}
	u.out.Wait(u.patient)
	u.mu.Lock()
	defer u.mu.Unlock()
	if several, ok := u.out.(*Fan); ok && u.isUnwritten() && u.due <= batchSize && u.firstDropped == 0 && u.err == nil &&
		several.accepts() && u.patient() {
		return nil
	}
	return u.commitDue()
}

// isUnwritten reports whether a batch will be committed by its writer. Lines that no stream
// takes are in none. The caller holds u.mu.
func (u *uncommitted) isUnwritten() bool {
	return slices.ContainsFunc(u.pending, func(s share) bool { return s.left > 0 })
}

// commit waits for what was put, and commits what the writer has not.
func (u *uncommitted) commit() error {
	if u.in == nil || u.isEmpty() {
		return nil
	}
	u.out.Wait(u.patient)
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.commitDue()
}

// commitDue commits all that is due. The caller holds u.mu.
func (u *uncommitted) commitDue() error {
	n := u.due
	u.due, u.unassigned, u.committedTo, u.firstDropped, u.pending = 0, 0, u.lastPut, 0, u.pending[:0]
	if err := u.err; err != nil || n == 0 {
		u.err = nil // it is told once
		return err
	}
	return u.in.Commit(n)
}

// committed returns the number of a batch that will not come again, nor any before it;
// last is the number of one before the one that is being written.
func (u *uncommitted) committed(last uint64) uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.pending) > 0 {
		last = min(last, u.pending[0].number-1)
	}
	return last
}
