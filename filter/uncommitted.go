package filter

import "sync"

// uncommitted is what was read of a Keeper and is not committed yet. The writer
// commits each batch as soon as it is written, in the order in which the reader
// puts them; the reader commits what is left, where it can wait for no more.
type uncommitted struct {
	in      Keeper // nil: the input keeps nothing
	patient func() bool
	out     Output
	read    int // bytes that are not due

	mu    sync.Mutex // guards what follows, and each Commit
	due   int        // bytes of whole lines that were put
	loose int        // of these, bytes at the end that are no batch's
	last  uint64     // number of the batch that was put last
	done  uint64     // of the last one that the reader committed: the writer commits later ones
	gap   uint64     // of the first one that was dropped, 0 for none: it commits earlier ones
	err   error      // of the writer's Commit
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
	u.loose += more
	if len(batches) == 0 {
		return
	}
	for _, b := range batches {
		u.last++
		b.source, b.number = u, u.last
		u.loose -= b.input
	}
	// Each Commit ends with a line: a process that comes next begins with one. What
	// was left out of a line that is too long stands before the first line; the
	// newline that the last one got here does not stand in the input.
	batches[0].input += max(u.loose, 0)
	batches[len(batches)-1].input += min(u.loose, 0)
	u.loose = 0
}

// written commits a batch, unless the reader did not wait for it, or an earlier one
// was dropped: what the writer commits has no gaps.
func (u *uncommitted) written(b *Batch) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if b.number > u.done && (u.gap == 0 || b.number < u.gap) && u.err == nil {
		u.due -= b.input
		u.err = u.in.Commit(b.input)
	}
}

// dropped leaves it to the reader to commit a batch and what was put with it behind
// it. Those before it may still wait: each of them is committed once it is written.
func (u *uncommitted) dropped(b *Batch) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.gap == 0 {
		u.gap = b.number
	}
}

// settle commits what is due where the writer cannot go on with it, before more is
// put.
func (u *uncommitted) settle() error {
	u.mu.Lock()
	stuck := u.gap > 0 || u.err != nil
	u.mu.Unlock()
	if !stuck {
		return nil
	}
	return u.commit()
}

// commit waits for what was put, and commits what the writer has not.
func (u *uncommitted) commit() error {
	if u.in == nil || u.isEmpty() {
		return nil
	}
	u.out.Wait(u.patient)
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.due
	u.due, u.loose, u.done, u.gap = 0, 0, u.last, 0
	if err := u.err; err != nil || n == 0 {
		u.err = nil // it is told once
		return err
	}
	return u.in.Commit(n)
}
