package filter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"hushpipe/filter/guard"
	"hushpipe/filter/input"
	"hushpipe/format/machine"
)

const (
	// readSize is what one read asks for. What it becomes still fits a processor's
	// cache when it is written.
	readSize = 256 << 10
	// away is how long it may take to treat what was read, before a read asks for
	// less, as the first one does: meanwhile the web server's pipe fills.
	away = 2 * time.Millisecond
	// batchSize is what a batch is made of, at most, but for a longer line: after a
	// kill, one batch can stand twice.
	batchSize = 64 << 10
	// MaxLine bounds a line. Apache's longest is about 98 KB: LimitRequestLine
	// and the header fields, each byte escaped to four.
	MaxLine = 1 << 20
)

// Output takes treated batches.
type Output interface {
	// Get returns an empty batch. Of a CommitReader, several are filled before the first
	// of them is put.
	Get() *Batch
	// Put takes a batch back, filled. An error ends the run.
	Put(*Batch) error
	// Wait returns when all batches that were put are written. Where that takes
	// too long, it goes on for as long as patient says.
	Wait(patient func() bool)
}

// CommitReader is an input that keeps what was read until it is committed, for
// another process to read it where this one is killed.
type CommitReader interface {
	io.Reader
	// Ready reports whether Read has bytes to return now. Where it has not, what
	// is due is to be committed before the next Read, or soon.
	Ready() bool
	// Patient reports whether what was put can go on waiting for its Commit: there
	// is room for what comes meanwhile, and somebody to read it again.
	Patient() bool
	// Commit lets go of the first n bytes that were read and not committed yet. It
	// may be called while another method is.
	Commit(n int) error
	// Alarm has late called, from another goroutine, whenever set was called and not
	// called again within its time, until end is called; set(0) sets no other time.
	// Without an alarm to be had, set is nil.
	Alarm(late func()) (set func(time.Duration), end func())
}

// Direct is an Output that the reader can write to by itself: to hand a few lines to
// another thread costs more than to write them.
type Direct interface {
	Output
	// Enqueue is Put, but leaves it to Write to have the batch written.
	Enqueue(*Batch) error
	// Write writes what was put, or lets another goroutine write it that is at it.
	Write()
}

// Run treats the lines of in until its end and hands them to out, in one batch or
// several for each read: when in has nothing more to say, nothing is held back but
// the beginning of a line. The last line needs no newline, and gets one; that of
// an input that was stopped (input.ErrStopped) is left alone, since its end may follow.
//
// Of a CommitReader the lines of a batch are committed once it is written. Meanwhile more
// is read, as long as the CommitReader has bytes to return. A few lines are written by the
// goroutine that has read them, where out is Direct; if that takes long, another
// one goes on with the reading.
func (f *Filter) Run(in io.Reader, out Output) error { return run(f, in, out) }

// treater makes batches of lines.
type treater interface {
	// renew takes in what has changed since the last batch.
	renew()
	// treatLines treats whole lines.
	treatLines(b *Batch, lines []byte)
	// waits reports whether something that was counted waits for more lines, and end brings
	// that to a batch, when no more come.
	waits() bool
	end(b *Batch)
	// share makes the counts so far known to other goroutines.
	share()
	// noteRead counts bytes that were read.
	noteRead(n int)
}

func run(f treater, in io.Reader, out Output) error {
	r := &reader{f: f, in: in, out: out, buf: make([]byte, readSize), size: batchSize, done: make(chan error, 1)}
	r.commits.out = out
	if kept, ok := in.(CommitReader); ok {
		r.commits.in, r.commits.patient = kept, kept.Patient
		if direct, ok := out.(Direct); ok {
			set, end := kept.Alarm(r.late)
			defer end()
			if set != nil {
				r.own.direct, r.own.alarm = direct, set
			}
		}
	}
	go r.run()
	err := <-r.done
	if unkept := r.commits.commit(); unkept != nil {
		err = errors.Join(err, unkept)
	}
	return err
}

// fewBytes of lines are written by the goroutine that has read them.
const fewBytes = batchSize / 2

// lateAfter is how long a write may take before another goroutine reads on.
const lateAfter = 10 * time.Millisecond

// reader is a Run under way. One goroutine uses it at a time.
type reader struct {
	f       treater
	in      io.Reader
	out     Output
	commits commitTracker
	buf     []byte
	held    int // bytes of a line whose end is not read yet
	c       cutter
	batches []*Batch
	size    int // of a read
	done    chan error
	own     ownWrites
}

// ownWrites are those of the goroutine that reads.
type ownWrites struct {
	direct Direct // nil: only others write
	few    bool   // was put, and is to be written here
	alarm  func(time.Duration)

	mu      sync.Mutex // guards what follows
	writes  uint64     // counts them
	writing uint64     // the one under way, whose goroutine is to go on with the reading; 0 for none
	began   time.Time  // when it did
}

// write writes what was put. It reports false if that took long: another goroutine
// has gone on with the reading then.
func (w *ownWrites) write() bool {
	w.mu.Lock()
	w.writes++
	write := w.writes
	w.writing, w.began = write, time.Now()
	w.mu.Unlock()
	w.alarm(lateAfter)
	w.direct.Write()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writing != write {
		return false
	}
	w.writing = 0
	w.alarm(0)
	return true
}

// late reports whether a write does not come back, whose goroutine no longer reads then.
// An alarm that was set for an earlier one may come now.
func (w *ownWrites) late() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writing == 0 || time.Since(w.began) < lateAfter {
		return false
	}
	w.writing = 0
	if several, ok := w.direct.(*Fan); ok {
		several.wake() // of one that hangs, others are not written here either
	}
	return true
}

func (r *reader) run() {
	for {
		ended, err := r.next()
		if ended || err != nil {
			r.done <- err
			return
		}
		if r.own.few && !r.own.write() {
			return
		}
	}
}

// late goes on with the reading if a write does not come back.
func (r *reader) late() {
	if r.own.late() {
		go r.run()
	}
}

// next reads once, and treats and puts what it reads.
func (r *reader) next() (ended bool, err error) {
	f, last := r.f, &r.commits
	if !last.isEmpty() && !last.in.Ready() {
		if err := last.commitSoon(); err != nil {
			return false, err
		}
	}
	n, err := r.in.Read(r.buf[r.held:min(r.held+r.size, len(r.buf))])
	start := time.Now()
	last.read += n
	f.noteRead(n)
	lines, rest := r.c.cut(r.buf[:r.held+n], err != nil && !errors.Is(err, input.ErrStopped))
	for len(lines) > 0 {
		b := r.out.Get()
		f.renew()
		n := len(lines)
		if last.in != nil {
			n = batchLen(lines)
		}
		f.treatLines(b, lines[:n])
		lines = lines[n:]
		b.input = n
		r.batches = append(r.batches, b)
	}
	if err != nil && f.waits() {
		if len(r.batches) == 0 {
			b := r.out.Get()
			b.input = 0
			r.batches = append(r.batches, b)
		}
		f.end(r.batches[len(r.batches)-1])
	}
	if took := time.Since(start); took > away {
		r.size = max(r.size/2, batchSize)
	} else if took < away/3 {
		r.size = min(2*r.size, readSize)
	}
	if len(r.batches) > 0 {
		f.share()
		if err := last.settle(); err != nil {
			return false, err
		}
	}
	r.held = copy(r.buf, rest)
	last.put(r.batches, r.held)
	put := r.out.Put
	if r.own.few = r.own.direct != nil && err == nil && len(r.batches) == 1 && r.batches[0].input <= fewBytes; r.own.few {
		put = r.own.direct.Enqueue
	}
	for _, b := range r.batches {
		if err := put(b); err != nil {
			return false, err
		}
	}
	r.batches = r.batches[:0]
	if errors.Is(err, io.EOF) {
		return true, nil
	} else if err != nil {
		return true, err // it names the input
	}
	if r.held == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	} else if r.held < readSize/2 && len(r.buf) > readSize {
		r.buf = append(make([]byte, 0, readSize), r.buf[:r.held]...)[:readSize]
	}
	return false, nil
}

// batchLen returns how many bytes of whole lines make a batch.
func batchLen(lines []byte) int {
	if len(lines) <= batchSize {
		return len(lines)
	}
	if end := bytes.LastIndexByte(lines[:batchSize], '\n'); end >= 0 {
		return end + 1
	}
	return batchSize + bytes.IndexByte(lines[batchSize:], '\n') + 1
}

// cutter cuts what is read into whole lines. Of a line that is longer than
// MaxLine it leaves out what comes after the read in which that shows.
type cutter struct {
	inCut bool // what comes next belongs to such a line
}

// cut returns the whole lines that data begins with, and the rest, with which
// the data of the next call begins. The last line gets its newline, which may
// be written behind data.
func (c *cutter) cut(data []byte, last bool) (lines, rest []byte) {
	if c.inCut {
		end := bytes.IndexByte(data, '\n')
		c.inCut = end < 0 && !last
		if end < 0 {
			end = len(data) - 1
		}
		data = data[end+1:]
	}
	end := bytes.LastIndexByte(data, '\n') + 1
	lines, rest = data[:end], data[end:]
	if len(rest) > 0 && (last || len(rest) > MaxLine) {
		c.inCut = !last
		lines, rest = append(data, '\n'), nil
	}
	return lines, rest
}

// treatLines treats whole lines. A line that makes the program panic is left
// out and counted; it must not end the process and come back with the next. One that
// was appended by then is not left out, but its room may be: its day is marked.
func (f *Filter) treatLines(b *Batch, lines []byte) {
	b.room = len(lines) + len(lines)/4 // pseudonyms are longer than addresses
	f.hasNUL = machine.HasNUL(lines)
	for len(lines) > 0 {
		lines = f.treatSome(b, lines)
	}
	f.recordHits(b)
}

// end implements treater.
func (f *Filter) end(b *Batch) { f.endHits(b) }

func (f *Filter) treatSome(b *Batch, lines []byte) (rest []byte) {
	rest = lines
	f.nextHash.end = 0 // of other lines
	var line []byte
	defer func() {
		if recover() == nil {
			return
		}
		f.noteFault(panicPlace())
		f.dropLine()
		if f.wrote != nil {
			f.leaveOutAfterPanic(b)
			return
		}
		f.stats.Failed++
		if line == nil { // Cut did not come to its end
			if end := bytes.IndexByte(rest, '\n'); end >= 0 {
				rest = rest[end+1:]
			} else {
				rest = nil
			}
		}
	}()
	for len(rest) > 0 {
		line, f.wrote = nil, nil
		line, rest = f.delims.Cut(rest)
		f.prefetch(rest)
		f.treat(b, line)
	}
	return rest
}

// panicPlace returns where the program panicked: function, file and line, and nothing
// of what it worked on. A deferred function calls it.
func panicPlace() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	panicked := false
	for {
		frame, more := frames.Next()
		switch inRuntime := strings.HasPrefix(frame.Function, "runtime."); {
		case inRuntime:
			panicked = true
		case panicked:
			return fmt.Sprintf("%s (%s:%d)", frame.Function, filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// leaveOutAfterPanic marks the day of a line that was written and perhaps not counted.
func (f *Filter) leaveOutAfterPanic(b *Batch) {
	defer func() {
		if recover() != nil { // once more: what counts is broken
			f.stats.Overflow++
		}
	}()
	if f.hasher != nil {
		f.leaveOut(b, f.wrote)
	}
}

// cutLine returns the beginning of a line that is longer than MaxLine. What
// could begin an address there is left out with the rest.
func cutLine(line []byte) []byte {
	line = line[:MaxLine]
	for len(line) > 0 {
		c := line[len(line)-1]
		if !guard.IsRunByte(c) && c != '%' && c != '\\' && c != 'u' {
			break
		}
		line = line[:len(line)-1]
	}
	return line
}
