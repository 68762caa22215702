package filter

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"hushpipe/filter/traffic"
	"hushpipe/filter/turn"
	"hushpipe/format/civil"
)

const (
	// stall is how long one write may take before the disk counts as hanging.
	stall = 50 * time.Millisecond
	// giveUp is how long the end waits for one write: the Sink may wait a second for
	// locks, or little more, and writes without them then.
	giveUp = 1500 * time.Millisecond
	// retry is how soon a refused write is tried again.
	retry = 250 * time.Millisecond
	// spare is how many empty batches are kept: those of two reads.
	spare = 2 * (readSize/batchSize + 1)
)

// Sink takes what is treated to the disk. One of its methods is called at a time.
type Sink interface {
	// Append writes whole lines to the day's file and returns how many bytes
	// of them are there. On an error the rest is offered again.
	Append(day civil.Day, lines []byte) (int, error)
	// Count is told, once for each part, that lines of a day are written, and
	// takes their journal records, none perhaps; it keeps what it cannot write.
	Count(day civil.Day, keyID [8]byte, records []byte)
	// Tick does what is due, and says when to come again.
	Tick() time.Duration
}

// Holder is a Sink that holds lines of groups back until these are open.
type Holder interface {
	// CountPeople counts people of groups, from journal records; it keeps what it cannot write.
	CountPeople(day civil.Day, keyID [8]byte, records []byte)
	// Hold takes lines of groups, of an hour of the day where lines go by the hour, else
	// of -1. It returns, in place of them, those that it could not write, which are
	// offered again.
	Hold(day civil.Day, hour int, lines []byte) (rest []byte, err error)
}

// HourSink is a Sink of an Hourly calendar.
type HourSink interface {
	Sink
	// AppendHour is Append for an hour of day.
	AppendHour(day civil.Day, hour int, lines []byte) (int, error)
}

// HitSink is a Sink of traffic figures.
type HitSink interface {
	// Hit takes what a batch adds to the figures of a day, once all its lines are
	// written; it keeps what it cannot write.
	Hit(day civil.Day, part traffic.Part, hits []byte)
}

// earlyTick is how soon after the first lines a Queue calls Tick, whatever that said
// before: who starts a logger looks whether it works.
const earlyTick = 2 * time.Second

// Queue stands between the reader and the disk: the reader puts batches into
// it, another goroutine takes them to the Sink, or the reader itself does, where
// nobody else is at it. It holds at most bound bytes.
// When it is full, the reader waits only as long as the disk goes on taking
// lines; while it refuses them or hangs, new batches are dropped, and counted.
type Queue struct {
	backlog
	calls calls
	signals

	batches uint64 // number of the last one, of those that have none
	dropped atomic.Uint64

	patience *time.Timer // of Wait
	// patient says how long Put waits for a disk that refuses or hangs.
	patient func() bool
}

// signals are how reader and writer wake each other.
type signals struct {
	early chan struct{} // the first lines were written, a moment ago
	wake  chan struct{} // the reader put something
	space chan struct{} // the writer took something, or could not
	done  chan struct{} // the writer has ended
}

// backlog is the batches that wait, and the empty ones.
type backlog struct {
	bound int // of held

	mu     sync.Mutex // guards what follows
	filled []*Batch   // oldest first
	empty  []*Batch
	held   int // bytes in filled, and in the batch that is being written
	closed bool
	// abandoned tells the writer that what is left was counted as dropped.
	abandoned bool
}

// Held returns how many bytes wait to be written.
func (l *backlog) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// Get returns an empty batch.
func (l *backlog) Get() *Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.empty); n > 0 {
		b := l.empty[n-1]
		l.empty = l.empty[:n-1]
		return b
	}
	return &Batch{}
}

func (l *backlog) isEmpty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.filled) == 0
}

// recycle keeps an empty batch for Get. The caller holds l.mu.
func (l *backlog) recycle(b *Batch) {
	if len(l.empty) < spare {
		b.Reset()
		l.empty = append(l.empty, b)
	}
}

func (l *backlog) fits(b *Batch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held == 0 || l.held+b.held <= l.bound
}

// calls are the calls of the Sink. Any goroutine may ask how they go.
type calls struct {
	start   time.Time
	since   atomic.Int64 // when the one under way began, monotonic ns from start; 0 for none
	refused atomic.Bool  // the last write failed

	mu    turn.Mutex // guards what follows
	sink  Sink
	begun bool // lines were written
}

// begin and end stand around each call of the sink, for hangs to see.
func (c *calls) begin() { c.since.Store(int64(time.Since(c.start))) }
func (c *calls) end()   { c.since.Store(0) }

func (c *calls) hangs() bool { return c.hangsFor(stall) }

// hangsFor reports whether a call of the Sink has been under way for longer.
func (c *calls) hangsFor(long time.Duration) bool {
	since := c.since.Load()
	return since != 0 && int64(time.Since(c.start))-since > int64(long)
}

// NewQueue returns a Queue of bound bytes, and starts its writer.
func NewQueue(sink Sink, bound int) *Queue {
	start := time.Now().Add(-1) // for since not to be 0 on a coarse clock
	q := &Queue{backlog: backlog{bound: bound}, calls: calls{start: start, mu: turn.New(), sink: sink}, patience: time.NewTimer(0),
		patient: func() bool { return false },
		signals: signals{early: make(chan struct{}, 1), wake: make(chan struct{}, 1), space: make(chan struct{}, 1), done: make(chan struct{})}}
	go q.write()
	return q
}

// BePatient makes Put wait for a disk that refuses or hangs for as long as
// patient says, which it asks every 25 ms. It comes before the first Put.
func (q *Queue) BePatient(patient func() bool) { q.patient = patient }

// Dropped returns how many lines found no room.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// Put takes a batch to be written.
func (q *Queue) Put(b *Batch) error {
	waiting := q.put(b)
	signal(q.wake)
	if waiting >= spare {
		runtime.Gosched() // on one core, the writer's turn comes now
	}
	return nil
}

// Enqueue is Put, but leaves it to Write to have the batch written.
func (q *Queue) Enqueue(b *Batch) error {
	q.put(b)
	return nil
}

// Write writes what was put. While another goroutine calls the Sink, or the disk
// refuses lines, it is left to the writer.
func (q *Queue) Write() {
	if q.calls.refused.Load() {
		signal(q.wake)
		return
	}
	if !q.calls.mu.TryLock() {
		signal(q.wake)
		return
	}
	came := wrote
	for came == wrote {
		came = q.writeNext()
	}
	q.calls.mu.Unlock()
	if came != idle {
		signal(q.wake)
	}
}

// put returns how many batches wait.
func (q *Queue) put(b *Batch) (waiting int) {
	b.held = b.size()
	for !q.fits(b) {
		if (q.calls.refused.Load() || q.calls.hangs()) && !q.patient() {
			b = q.drop(b)
			break
		}
		select {
		case <-q.space:
		case <-time.After(stall / 2):
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if b != nil {
		q.filled = append(q.filled, b)
		q.held += b.held
	}
	return len(q.filled)
}

// Wait returns when everything is written. Where the disk refuses or hangs it
// waits no longer than patient says, which it asks at once and every 50 ms; of a
// disk that takes lines, after 50 ms. What is not written then is lost if the
// process is killed.
func (q *Queue) Wait(patient func() bool) {
	q.patience.Reset(stall)
	for late := false; !q.isEmpty(); {
		if (late || q.calls.refused.Load() || q.calls.hangs()) && !patient() {
			return
		}
		select {
		case <-q.space:
		case <-q.patience.C:
			late = true
			q.patience.Reset(stall)
		}
	}
}

// drop counts the lines of b as lost and returns a batch of its records, nil
// for none: the counts need them, and they are few.
func (q *Queue) drop(b *Batch) *Batch {
	q.dropped.Add(uint64(b.lines()))
	if b.source != nil {
		b.source.dropped(b)
	}
	records := b.records()
	if records != nil {
		records.held = records.size()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.recycle(b)
	return records
}

// Close waits until everything is written; where the disk refuses or hangs,
// only until ctx ends, and what is left then is counted as dropped. It reports
// whether the writer has ended; if not, a call of the Sink hangs, and no other
// may be made.
func (q *Queue) Close(ctx context.Context) bool {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	signal(q.wake)
	select {
	case <-q.done:
		return true
	case <-ctx.Done():
	}
	for !q.calls.refused.Load() && !q.calls.hangsFor(giveUp) {
		select {
		case <-q.done:
			return true
		case <-time.After(stall):
		}
	}
	q.abandon()
	select {
	case <-q.done:
		return true
	case <-time.After(2 * retry):
		return false
	}
}

// abandon counts what is left as dropped.
func (q *Queue) abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.filled {
		q.dropped.Add(uint64(b.lines()))
	}
	q.abandoned = true
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
		select {
		case <-due.C: // also while there is always something to write
			due.Reset(q.tick())
		case <-q.early:
			due.Reset(q.tick())
		default:
		}
		wake, again := q.wake, (<-chan time.Time)(nil)
		q.calls.mu.Lock()
		came := q.writeNext()
		q.calls.mu.Unlock()
		switch came {
		case wrote:
			continue
		case ended:
			return
		case failed: // trying with each new batch would be no use
			wake, again = nil, time.After(retry)
		}
		select {
		case <-wake:
		case <-again:
		case <-due.C:
			due.Reset(q.tick())
		case <-q.early:
			due.Reset(q.tick())
		}
	}
}

// What came of writing the next batch.
type outcome uint8

const (
	wrote  outcome = iota
	idle           // there is none
	failed         // the disk did not take all of it
	ended          // there is none, and none will come
)

// writeNext writes the oldest batch. The caller holds q.calls.mu.
func (q *Queue) writeNext() outcome {
	q.mu.Lock()
	switch none := len(q.filled) == 0; {
	case q.abandoned || none && q.closed:
		q.mu.Unlock()
		return ended
	case none:
		q.mu.Unlock()
		return idle
	}
	b := q.filled[0]
	q.mu.Unlock()

	ok := q.writeBatch(b)
	if ok && b.source != nil {
		b.source.written(b) // before Wait sees that it is
	}
	q.calls.refused.Store(!ok)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.abandoned:
		return ended
	case !ok:
		signal(q.space)
		return failed
	}
	if q.filled[0] = nil; len(q.filled) == 1 {
		q.filled = q.filled[:0]
	} else {
		q.filled = q.filled[1:]
	}
	q.held -= b.held
	q.recycle(b)
	signal(q.space)
	return wrote
}

// writeBatch writes what is left of b, each day's lines before their records:
// a pair in the journal has a line.
func (q *Queue) writeBatch(b *Batch) bool {
	for i := range b.Parts {
		p := &b.Parts[i]
		for p.written < len(p.Lines) {
			q.calls.begin()
			n, err := q.append(p)
			q.calls.end()
			q.mu.Lock() // Close looks at it
			p.written += n
			q.mu.Unlock()
			if err != nil {
				return false
			}
		}
		if !q.hold(p) {
			return false
		}
		if !p.counted {
			q.calls.begin()
			q.calls.sink.Count(p.Day, p.KeyID, p.Records)
			q.calls.end()
			p.counted = true
		}
	}
	q.hit(b)
	if !q.calls.begun { // see earlyTick
		q.calls.begun = true
		time.AfterFunc(earlyTick, func() { signal(q.early) })
	}
	return true
}

// hit takes what a batch adds to traffic figures to the Sink. All lines are written by
// then: what is counted has a line, and of a batch that was written in part before a kill
// nothing is counted.
func (q *Queue) hit(b *Batch) {
	sink, ok := q.calls.sink.(HitSink)
	if !ok {
		return
	}
	q.batches++
	number, committed := q.batches, q.batches-1
	if b.source != nil {
		number, committed = b.number, b.source.committed(b.number-1)
	}
	for i := range b.Parts {
		p := &b.Parts[i]
		if len(p.Hits) == 0 {
			continue
		}
		q.calls.begin()
		sink.Hit(p.Day, traffic.Part{Batch: number, Committed: committed, Digest: p.Digest}, p.Hits)
		q.calls.end()
		p.Hits = p.Hits[:0]
	}
}

// hold takes what a part has of groups to the Sink: people first, since lines are
// released on account of them.
func (q *Queue) hold(p *Part) bool {
	holder, ok := q.calls.sink.(Holder)
	if !ok || len(p.People)+len(p.Held) == 0 {
		return true
	}
	if len(p.People) > 0 {
		q.calls.begin()
		holder.CountPeople(p.Day, p.KeyID, p.People)
		q.calls.end()
		p.People = p.People[:0]
	}
	if len(p.Held) == 0 {
		return true
	}
	q.calls.begin()
	hour, _ := p.Hour()
	rest, err := holder.Hold(p.Day, hour, p.Held)
	q.calls.end()
	q.mu.Lock() // Close looks at it
	p.Held = rest
	q.mu.Unlock()
	return err == nil
}

func (q *Queue) append(p *Part) (int, error) {
	if hour, ok := p.Hour(); ok {
		return q.calls.sink.(HourSink).AppendHour(p.Day, hour, p.Lines[p.written:])
	}
	return q.calls.sink.Append(p.Day, p.Lines[p.written:])
}

func (q *Queue) tick() time.Duration {
	q.calls.mu.Lock()
	defer q.calls.mu.Unlock()
	q.calls.begin()
	defer q.calls.end()
	return q.calls.sink.Tick()
}
