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
	// readSize is the most that one read asks for, in bytes. The treated lines still fit a
	// processor's cache when they are written.
	readSize = 256 << 10
	// away is how long the treatment of one read may take: meanwhile the web server's pipe
	// fills. If it takes longer, the next read asks for less. The first one asks for batchSize.
	away = 2 * time.Millisecond
	// batchSize is the most input in a batch, in bytes, except for a longer line. After a
	// kill, one batch can be written twice.
	batchSize = 64 << 10
	// MaxLine bounds a line. Apache's longest is about 98 KB: LimitRequestLine
	// and the header fields, each byte escaped to four.
	MaxLine = 1 << 20
)

// Output takes treated batches.
type Output interface {
	// Get returns an empty batch. With a CommitReader, several batches are filled before the
	// first of them is put.
	Get() *Batch
	// Put returns a filled batch to the Output, which owns it from then on. An error ends
	// the run.
	Put(*Batch) error
	// Wait waits until all batches that were put are written. If that takes too long, Wait
	// returns as soon as patient reports false.
	Wait(patient func() bool)
}

// CommitReader is an input that keeps the bytes it returned until they are committed. If the
// process is killed, the next one reads them again.
type CommitReader interface {
	io.Reader
	// Ready reports whether Read would return bytes now. If not, the caller commits what
	// is due before the next Read, or soon.
	Ready() bool
	// Patient reports whether the Commit of batches that were put can wait longer: the input
	// has room for new lines, and another process can read these again.
	Patient() bool
	// Commit discards the first n bytes that were read and not committed yet. It may be
	// called while another method runs.
	Commit(n int) error
	// Alarm starts an alarm, which lasts until end is called. set starts a timeout, and
	// replaces the one before; set(0) only stops it. If a timeout expires, late is called
	// from another goroutine. set is nil if there are no alarms.
	Alarm(late func()) (set func(time.Duration), end func())
}

// Direct is an Output that the reader can write to itself: passing a few lines to another
// thread costs more than writing them.
type Direct interface {
	Output
	// Enqueue is Put, but the batch is written only when Write is called.
	Enqueue(*Batch) error
	// Write writes the batches that were put, or leaves them to another goroutine, such as
	// one that is already writing.
	Write()
}

// Run treats the lines of in until its end, and passes them to out. Each read becomes one
// batch or several, so Run holds back nothing but an incomplete line. If the last line has no
// newline, Run adds one. It does not write the incomplete last line of an input that was
// stopped (input.ErrStopped): the rest of it may follow.
//
// The lines of a CommitReader are committed once their batch is written. Run reads on before
// that, as long as the CommitReader is Ready. If out is Direct, the goroutine that read only
// a few lines also writes them; if that takes long, another goroutine continues reading.
func (f *Filter) Run(in io.Reader, out Output) error { return run(f, in, out) }

// treater makes batches of lines.
type treater interface {
	// renew adopts what has changed since the last batch.
	renew()
	// treatLines treats whole lines.
	treatLines(b *Batch, lines []byte)
	// waits reports whether counted hits wait for more lines. At the end of the input, end
	// adds them to a batch.
	waits() bool
	end(b *Batch)
	// share publishes the counts so far to other goroutines.
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

// fewBytes is the most input whose lines are written by the goroutine that read them.
const fewBytes = batchSize / 2

// lateAfter is how long a write may take before another goroutine continues reading.
const lateAfter = 10 * time.Millisecond

// reader is the state of Run. One goroutine uses it at a time.
type reader struct {
	f       treater
	in      io.Reader
	out     Output
	commits commitTracker
	buf     []byte
	held    int // bytes of an incomplete line at the beginning of buf
	c       cutter
	batches []*Batch
	size    int // of the next read
	done    chan error
	own     ownWrites
}

// ownWrites are the writes of the goroutine that reads.
type ownWrites struct {
	direct Direct // nil: this goroutine never writes
	few    bool   // the last batch is small, and this goroutine writes it
	alarm  func(time.Duration)

	mu      sync.Mutex // guards what follows
	writes  uint64     // number of the last write
	writing uint64     // number of the current write, whose goroutine will read on; 0 for none
	began   time.Time  // start of the current write
}

// write writes what was put. It reports false if that took so long that another goroutine
// has continued reading; the caller must not read then.
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

// late reports whether the current write takes too long. Its goroutine no longer reads then.
// The alarm may be a delayed one of an earlier write.
func (w *ownWrites) late() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writing == 0 || time.Since(w.began) < lateAfter {
		return false
	}
	w.writing = 0
	if several, ok := w.direct.(*Fan); ok {
		several.wake() // the queues after the one that hangs are not written here
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

// late continues reading in a new goroutine if a write takes too long.
func (r *reader) late() {
	if r.own.late() {
		go r.run()
	}
}

// next reads once, treats the lines, and puts the batches.
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

// cutter cuts the input into whole lines. It truncates a line once more than MaxLine bytes
// of it were read, and skips the rest of the line.
type cutter struct {
	inCut bool // the next bytes belong to a truncated line
}

// cut returns the whole lines at the beginning of data, and the rest; the data of the next
// call begins with that rest. If last is set, the last line gets a newline, which may be
// written after the end of data.
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

// treatLines treats whole lines. A line that causes a panic is left out and counted as
// failed: it must not end the process, since the next process would read it again. If the
// line was already appended, it stays, and its day is marked, since its room may not be
// counted.
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
	f.nextHash.end = 0 // it belongs to another line
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
		if line == nil { // Cut itself panicked
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

// panicPlace returns where the program panicked: function, file and line, but no data. It
// must be called from a deferred function.
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

// leaveOutAfterPanic marks the day of a line that was written but perhaps not counted.
func (f *Filter) leaveOutAfterPanic(b *Batch) {
	defer func() {
		if recover() != nil { // a second panic: the counter itself is broken
			f.stats.Overflow++
		}
	}()
	if f.hasher != nil {
		f.leaveOut(b, f.wrote)
	}
}

// cutLine truncates a line that is longer than MaxLine. It also removes bytes at the new end
// that could be the beginning of an address.
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
