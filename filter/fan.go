package filter

import (
	"context"
	"sync"
)

// Fan is the Output of several streams. It has a Queue for each of them, so that a disk that
// refuses the lines of one stream does not delay the others.
type Fan struct {
	queues []*Queue // by stream, nil for one that takes no lines
	all    []*Queue // those that are not nil
	mu     sync.Mutex
	empty  []*Batch
}

// NewFan returns a Fan of the queues, in the order of the streams. The queue of a stream that
// takes no lines is nil.
func NewFan(queues []*Queue) *Fan {
	f := &Fan{queues: queues}
	for _, q := range queues {
		if q != nil {
			f.all = append(f.all, q)
		}
	}
	return f
}

// Get implements Output.
func (f *Fan) Get() *Batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.empty); n > 0 {
		b := f.empty[n-1]
		f.empty = f.empty[:n-1]
		return b
	}
	return &Batch{streams: make([]*Batch, len(f.queues))}
}

// Put implements Output: each stream's batch goes to its queue.
func (f *Fan) Put(b *Batch) error { return f.put(b, (*Queue).Put) }

// Enqueue implements Direct.
func (f *Fan) Enqueue(b *Batch) error { return f.put(b, (*Queue).Enqueue) }

func (f *Fan) put(b *Batch, put func(*Queue, *Batch) error) error {
	for i, of := range b.streams {
		if of == nil {
			continue
		}
		if err := put(f.queues[i], of); err != nil {
			return err
		}
		b.streams[i] = nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b.Reset()
	f.empty = append(f.empty, b)
	return nil
}

// Write implements Direct.
func (f *Fan) Write() {
	for _, q := range f.all {
		if !q.isEmpty() {
			q.Write()
		}
	}
}

// wake wakes the writer of each queue.
func (f *Fan) wake() {
	for _, q := range f.all {
		signal(q.wake)
	}
}

// Wait implements Output. Lines that a stream's disk refuses wait in its queue. Wait waits
// for them, as long as patient reports true, only if the disks of all streams are stuck.
func (f *Fan) Wait(patient func() bool) {
	stuck := 0
	for _, q := range f.all {
		if q.Wait(never); !q.isEmpty() {
			stuck++
		}
	}
	if stuck < len(f.all) {
		return
	}
	for _, q := range f.all {
		q.Wait(patient)
	}
}

func never() bool { return false }

// accepts reports whether all disks with waiting lines accept them, even if slowly, so that
// the lines will be written soon.
func (f *Fan) accepts() bool {
	for _, q := range f.all {
		if !q.isEmpty() && (q.calls.refused.Load() || q.calls.hangsFor(giveUp)) {
			return false
		}
	}
	return true
}

// Close closes all queues (see Queue.Close), and reports for each stream whether its writer
// has ended; false for a stream without a queue.
func (f *Fan) Close(ctx context.Context) []bool {
	ended := make([]bool, len(f.queues))
	var all sync.WaitGroup
	for i, q := range f.queues {
		if q != nil {
			all.Go(func() { ended[i] = q.Close(ctx) })
		}
	}
	all.Wait()
	return ended
}
