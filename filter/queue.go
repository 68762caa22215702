package filter

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"hushpipe/format"
)

const (
	// stall is how long one write may take before the disk counts as hanging.
	stall = 50 * time.Millisecond
	// retry is how soon a refused write is tried again.
	retry = 250 * time.Millisecond
	// spare is how many empty batches are kept for the next reads.
	spare = 4
)

// Sink takes what is treated to the disk. All its methods are called from one
// goroutine.
type Sink interface {
	// Append writes whole lines to the day's file and returns how many bytes
	// of them are there. On an error the rest is offered again.
	Append(day format.Day, lines []byte) (int, error)
	// Count is told, once for each part, that lines of a day are written, and
	// takes their journal records, none perhaps; it keeps what it cannot write.
	Count(day format.Day, keyID [8]byte, records []byte)
	// Tick does what is due, and says when to come again.
	Tick() time.Duration
}

// Queue stands between the reader and the disk: the reader puts batches into
// it, another goroutine takes them to the Sink. It holds at most bound bytes.
// When it is full, the reader waits only as long as the disk goes on taking
// lines; while it refuses them or hangs, new batches are dropped, and counted.
type Queue struct {
	sink  Sink
	bound int

	mu     sync.Mutex
	filled []*Batch // oldest first
	empty  []*Batch
	held   int // bytes in filled, and in the batch that is being written
	closed bool

	wake  chan struct{} // the reader put something
	space chan struct{} // the writer took something
	done  chan struct{} // the writer has ended

	refused atomic.Bool  // the last write failed
	since   atomic.Int64 // when the write under way began, monotonic ns; 0 for none
	dropped atomic.Uint64
	start   time.Time
}

// NewQueue returns a Queue of bound bytes, and starts its writer.
func NewQueue(sink Sink, bound int) *Queue {
	q := &Queue{sink: sink, bound: bound, start: time.Now(),
		wake: make(chan struct{}, 1), space: make(chan struct{}, 1), done: make(chan struct{})}
	go q.write()
	return q
}

// Dropped returns how many lines found no room.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// Get returns an empty batch.
func (q *Queue) Get() *Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.empty); n > 0 {
		b := q.empty[n-1]
		q.empty = q.empty[:n-1]
		return b
	}
	return &Batch{}
}

// Put takes a batch to be written.
func (q *Queue) Put(b *Batch) error {
	b.held = b.size()
	for !q.fits(b) {
		if q.refused.Load() || q.hangs() {
			q.dropped.Add(uint64(b.lines()))
			for i := range b.Parts { // the records are few, and the counts need them
				b.Parts[i].Lines = nil
			}
			b.held = b.size()
			break
		}
		select {
		case <-q.space:
		case <-time.After(stall / 2):
		}
	}
	q.mu.Lock()
	q.filled = append(q.filled, b)
	q.held += b.held
	waiting := len(q.filled)
	q.mu.Unlock()
	signal(q.wake)
	if waiting > 1 {
		runtime.Gosched() // on one core, the writer's turn comes now
	}
	return nil
}

func (q *Queue) fits(b *Batch) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.held == 0 || q.held+b.held <= q.bound
}

func (q *Queue) hangs() bool {
	since := q.since.Load()
	return since != 0 && int64(time.Since(q.start))-since > int64(stall)
}

// Close waits until everything is written; where the disk refuses or hangs,
// only as long as patience, and what is left then is counted as dropped.
func (q *Queue) Close(patience time.Duration) {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	signal(q.wake)
	for {
		select {
		case <-q.done:
			return
		case <-time.After(patience):
			if q.refused.Load() || q.hangs() {
				q.mu.Lock()
				defer q.mu.Unlock()
				for _, b := range q.filled {
					q.dropped.Add(uint64(b.lines()))
				}
				return
			}
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// write is the writer's goroutine.
func (q *Queue) write() {
	defer close(q.done)
	due := time.NewTimer(0)
	for {
		ok, end := q.drain()
		if end {
			return
		}
		wake, again := q.wake, (<-chan time.Time)(nil)
		if !ok { // trying with each new batch would be no use
			wake, again = nil, time.After(retry)
		}
		select {
		case <-wake:
		case <-again:
		case <-due.C:
			due.Reset(q.sink.Tick())
		}
	}
}

// drain writes what there is. It reports whether the disk took it, and whether
// nothing more will come.
func (q *Queue) drain() (ok, end bool) {
	for {
		q.mu.Lock()
		if len(q.filled) == 0 {
			defer q.mu.Unlock()
			return true, q.closed
		}
		b := q.filled[0]
		q.mu.Unlock()

		ok := q.writeBatch(b)
		q.refused.Store(!ok)
		if !ok {
			return false, false
		}
		q.mu.Lock()
		q.filled = append(q.filled[:0], q.filled[1:]...)
		q.held -= b.held
		if len(q.empty) < spare {
			b.Reset()
			q.empty = append(q.empty, b)
		}
		q.mu.Unlock()
		signal(q.space)
	}
}

// writeBatch writes what is left of b, each day's lines before their records:
// a pair in the journal has a line.
func (q *Queue) writeBatch(b *Batch) bool {
	for i := range b.Parts {
		p := &b.Parts[i]
		for p.written < len(p.Lines) {
			q.since.Store(int64(time.Since(q.start)))
			n, err := q.sink.Append(p.Day, p.Lines[p.written:])
			q.since.Store(0)
			p.written += n
			if err != nil {
				return false
			}
		}
		if !p.counted {
			q.sink.Count(p.Day, p.KeyID, p.Records)
			p.counted = true
		}
	}
	return true
}
