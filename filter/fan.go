package filter

import (
	"context"
	"sync"
)

// Fan is the Output of several streams: it has a Queue for each, so that a disk that
// refuses lines of one holds up none of the others.
type Fan struct {
	queues []*Queue // nil of streams that take no lines
	all    []*Queue // the others
	mu     sync.Mutex
	empty  []*Batch
}

// NewFan returns a Fan of the queues of the streams, in their order: nil for one that
// takes no lines.
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

// wake has the writer of each queue look for what was put.
func (f *Fan) wake() {
	for _, q := range f.all {
		signal(q.wake)
	}
}

// Wait implements Output. What a stream's disk refuses waits in its queue, and the input
// is not held back for that, unless all disks refuse.
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

// accepts reports whether each disk that has something to write accepts it, however slowly:
// what waits will be written soon.
func (f *Fan) accepts() bool {
	for _, q := range f.all {
		if !q.isEmpty() && (q.calls.refused.Load() || q.calls.hangsFor(giveUp)) {
			return false
		}
	}
	return true
}

// Close closes all queues, see Queue.Close, and reports of each whether its writer has
// ended.
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
