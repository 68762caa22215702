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
	// giveUp is how long Close waits for one write. The Sink may wait for locks for about a
	// second, and then writes without them.
	giveUp = 1500 * time.Millisecond
	// retry is the delay before a refused write is tried again.
	retry = 250 * time.Millisecond
	// spare is how many empty batches are kept: enough for two reads.
	spare = 2 * (readSize/batchSize + 1)
)

// Sink writes treated lines to the disk. Its methods are called one at a time.
type Sink interface {
	// Append writes whole lines to the day's file, and returns how many of their bytes it
	// wrote. After an error the rest is offered again.
	Append(day civil.Day, lines []byte) (int, error)
	// Count is called once for each part, after its lines are written, and takes their
	// journal records, which may be empty. It keeps records that it cannot write.
	Count(day civil.Day, keyID [8]byte, records []byte)
	// Tick does the periodic work, and returns the time until the next call.
	Tick() time.Duration
}

// Holder is a Sink that holds lines of groups back until the groups are open.
type Holder interface {
	// CountPeople counts people in groups, from journal records. It keeps records that it
	// cannot write.
	CountPeople(day civil.Day, keyID [8]byte, records []byte)
	// Hold takes lines of groups, each after its group. hour is the hour of the day if
	// lines go to the files of their hours, else -1. On an error it returns the lines that
	// it could not write, which are offered again.
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
	// Hit takes what a batch adds to the figures of a day, after all lines of the batch are
	// written. It keeps what it cannot write.
	Hit(day civil.Day, part traffic.Part, hits []byte)
}

// earlyTick is when a Queue calls Tick after the first lines, whatever Tick returned before:
// somebody who has just started a logger checks whether it works.
const earlyTick = 2 * time.Second

// Queue buffers batches between the reader and the disk. The reader puts batches into it. The
// writer, a goroutine of the Queue, passes them to the Sink, or the reader does so itself
// with Write. The Queue holds at most bound bytes. When it is full, the reader waits as long
// as the disk accepts lines; while the disk refuses lines or hangs, new batches are dropped
// and their lines counted.
type Queue struct {
	backlog
	calls calls
	signals

	batches uint64 // batches passed to hit; numbers those without a source
	dropped atomic.Uint64

	patience *time.Timer // of Wait
	// patient reports whether Put still waits for a disk that refuses lines or hangs.
	patient func() bool
}

// signals are how reader and writer wake each other.
type signals struct {
	early chan struct{} // earlyTick has passed since the first lines were written
	wake  chan struct{} // the reader put a batch
	space chan struct{} // the writer wrote a batch, or failed to
	done  chan struct{} // closed when the writer has ended
}

// backlog is the waiting batches, and the empty ones.
type backlog struct {
	bound int // the largest held

	mu     sync.Mutex // guards what follows
	filled []*Batch   // oldest first
	empty  []*Batch
	held   int // bytes in filled, which includes the batch that is being written
	closed bool
	// abandoned is set once the remaining lines were counted as dropped.
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

// calls tracks the calls of the Sink. Any goroutine may check their progress.
type calls struct {
	start   time.Time
	since   atomic.Int64 // start of the current call, monotonic ns since start; 0 for none
	refused atomic.Bool  // the last write failed

	mu    turn.Mutex // guards what follows
	sink  Sink
	begun bool // lines were written
}

// begin and end enclose each call of the sink, so that hangs can detect a slow one.
func (c *calls) begin() { c.since.Store(int64(time.Since(c.start))) }
func (c *calls) end()   { c.since.Store(0) }

func (c *calls) hangs() bool { return c.hangsFor(stall) }

// hangsFor reports whether the current call of the Sink has run for longer than long.
func (c *calls) hangsFor(long time.Duration) bool {
	since := c.since.Load()
	return since != 0 && int64(time.Since(c.start))-since > int64(long)
}

// NewQueue returns a Queue of bound bytes, and starts its writer.
func NewQueue(sink Sink, bound int) *Queue {
	start := time.Now().Add(-1) // so that since is not 0 on a coarse clock
	q := &Queue{backlog: backlog{bound: bound}, calls: calls{start: start, mu: turn.New(), sink: sink}, patience: time.NewTimer(0),
		patient: func() bool { return false },
		signals: signals{early: make(chan struct{}, 1), wake: make(chan struct{}, 1), space: make(chan struct{}, 1), done: make(chan struct{})}}
	go q.write()
	return q
}

// BePatient makes Put wait for a disk that refuses lines or hangs, as long as patient reports
// true. Put calls patient about every 25 ms. BePatient must be called before the first Put.
func (q *Queue) BePatient(patient func() bool) { q.patient = patient }

// Dropped returns how many lines were dropped because the Queue was full or abandoned. It may
// be called from any goroutine.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// Put adds a batch to the Queue and wakes the writer. It always returns nil.
func (q *Queue) Put(b *Batch) error {
	waiting := q.put(b)
	signal(q.wake)
	if waiting >= spare {
		runtime.Gosched() // lets the writer run if there is only one core
	}
	return nil
}

// Enqueue is Put, but the batch is written only when Write is called.
func (q *Queue) Enqueue(b *Batch) error {
	q.put(b)
	return nil
}

// Write writes the waiting batches. If another goroutine is calling the Sink, or the disk
// refused the last write, it leaves them to the writer.
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

// put adds a batch, and returns how many batches wait. If the batch has to be dropped, put
// adds only its records.
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

// Wait waits until everything is written, or patient reports false. It calls patient every
// 50 ms, and at once if the disk refuses lines or hangs. Lines that are not written when it
// returns are lost if the process is killed.
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

// drop counts the lines of b as dropped, and recycles b. It returns a batch with only the
// records of b, nil for none: they are small, and the room counts need them.
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

// Close waits until everything is written. If the disk refuses lines or hangs, it waits only
// until ctx ends, and then counts the rest as dropped. Close reports whether the writer has
// ended; if not, a call of the Sink hangs, and the caller must not call the Sink.
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

// abandon counts the remaining lines as dropped.
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
		case <-due.C: // checked here too, in case there is always something to write
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
		case failed: // new batches do not wake it: a retry needs time
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

// outcome is the result of writing the next batch.
type outcome uint8

const (
	wrote  outcome = iota
	idle           // no batch waits
	failed         // the disk did not accept all of the batch
	ended          // no batch waits, and none will follow
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
		b.source.written(b) // must precede the removal from filled, which Wait looks at
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

// writeBatch writes the rest of b, the lines of each part before its records, so that each
// pair in the journal has a line. It reports false if the disk refused something.
func (q *Queue) writeBatch(b *Batch) bool {
	for i := range b.Parts {
		p := &b.Parts[i]
		for p.written < len(p.Lines) {
			q.calls.begin()
			n, err := q.append(p)
			q.calls.end()
			q.mu.Lock() // abandon reads written
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

// hit passes what a batch adds to traffic figures to the Sink. The caller has written all
// lines of the batch: each hit has a line, and if a kill interrupts a batch, none of its hits
// is counted.
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

// hold passes the people and held lines of a part to the Sink. People come first, since they
// decide whether the lines are released.
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
	q.mu.Lock() // abandon reads Held
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
