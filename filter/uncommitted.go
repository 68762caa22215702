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
	group uint64     // tells the batches that the writer commits from earlier ones
	gap   bool       // there is a batch that will not be written before later ones
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
		b.source, b.group = u, u.group
		u.loose -= b.input
	}
	// Each Commit ends with a line: a process that comes next begins with one. What
	// was left out of a line that is too long stands before the first line; the
	// newline that the last one got here does not stand in the input.
	batches[0].input += max(u.loose, 0)
	batches[len(batches)-1].input += min(u.loose, 0)
	u.loose = 0
}

// written commits a batch, unless the reader did not wait for it.
func (u *uncommitted) written(b *Batch) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if b.group == u.group && u.err == nil {
		u.due -= b.input
		u.err = u.in.Commit(b.input)
	}
}

// dropped leaves it to the reader to commit what is due: what the writer commits
// has no gaps.
func (u *uncommitted) dropped() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.group++
	u.gap = true
}

// settle commits what is due where the writer cannot go on with it, before more is
// put.
func (u *uncommitted) settle() error {
	u.mu.Lock()
	stuck := u.gap || u.err != nil
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
	u.due, u.loose, u.gap = 0, 0, false
	u.group++
	if u.err != nil || n == 0 {
		return u.err
	}
	return u.in.Commit(n)
}
