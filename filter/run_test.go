package filter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/input"
	"hushpipe/filter/rooms"
	"hushpipe/format"
	"hushpipe/format/civil"
)

// TestRunReads: the sizes of the reads do not matter.
func TestRunReads(t *testing.T) {
	log := recordedLogs(t)["combined.log"]
	log = strings.TrimSuffix(log[:strings.Index(log, "192.0.2.247")+3000], "\n")
	want, wantStats := treated(t, newConfig(t, "combined"), newCalendar(), log)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with the error": iotest.DataErrReader,
	} {
		f := New(newConfig(t, "combined"), newCalendar())
		var out collector
		require.NoError(t, f.Run(wrap(strings.NewReader(log)), &out), name)
		assert.Equal(t, want, out.lines[guardtest.Today], name)
		assert.Equal(t, wantStats, f.Stats(), name)
	}
	two := log[:600]
	want, _ = treated(t, newConfig(t, "combined"), newCalendar(), two)
	for k := range two {
		f := New(newConfig(t, "combined"), newCalendar())
		var out collector
		require.NoError(t, f.Run(io.MultiReader(strings.NewReader(two[:k]), strings.NewReader(two[k:])), &out))
		assert.Equal(t, want, out.lines[guardtest.Today], k)
	}
}

// script is a Reader that returns one piece per Read, and calls before each time.
type script struct {
	pieces []string
	before func(read int)
	read   int
}

func (s *script) Read(p []byte) (int, error) {
	s.before(s.read)
	if s.read == len(s.pieces) {
		return 0, io.EOF
	}
	n := copy(p, s.pieces[s.read])
	s.pieces[s.read] = s.pieces[s.read][n:]
	if s.pieces[s.read] == "" {
		s.read++
	}
	return n, nil
}

// TestNothingHeldBack: when the reader waits for input, it has put all whole lines.
func TestNothingHeldBack(t *testing.T) {
	var out collector
	f := New(keeping(newConfig(t, "common")), newCalendar())
	want := []string{"", "a\n", "a\n", "a\nb\nc\n", "a\nb\nc\nd\n", "a\nb\nc\nd\n"}
	reads := 0
	in := &script{pieces: []string{"a\n", "b", "\nc\n", "d\n", "e"}, before: func(read int) {
		assert.Equal(t, want[read], out.lines[guardtest.Today])
		reads++
	}}
	require.NoError(t, f.Run(in, &out))
	assert.Equal(t, 6, reads)
	assert.Equal(t, "a\nb\nc\nd\ne\n", out.lines[guardtest.Today], "the last line gets its newline")
}

func TestRunErrors(t *testing.T) {
	boom := errors.New("boom")
	var out collector
	f := New(keeping(newConfig(t, "common")), newCalendar())
	err := f.Run(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(boom)), &out)
	assert.Equal(t, boom, err)
	assert.Equal(t, "a\nb\n", out.lines[guardtest.Today], "what was read is not lost")

	out = collector{}
	f = New(keeping(newConfig(t, "common")), newCalendar())
	assert.Equal(t, input.ErrStopped, f.Run(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(input.ErrStopped)), &out))
	assert.Equal(t, "a\n", out.lines[guardtest.Today], "the next process may read the end of b")
	assert.EqualValues(t, 1, f.Stats().Lines)

	f = New(keeping(newConfig(t, "common")), newCalendar())
	assert.Equal(t, boom, f.Run(strings.NewReader("a\n"), &refusing{err: boom}))
}

type refusing struct {
	collector
	err error
}

func (r *refusing) Put(*Batch) error { return r.err }

// TestRunLongLines: lines of many sizes, around the size of a read and the longest line.
func TestRunLongLines(t *testing.T) {
	for _, size := range []int{readSize - 1, readSize, readSize + 1, MaxLine - 1, MaxLine, MaxLine + 1, 3 * MaxLine} {
		kept := min(size, MaxLine)
		log := "short\n" + strings.Repeat("x", size) + "\nshort\n" + strings.Repeat("y", size)
		want := "short\n" + strings.Repeat("x", kept) + "\nshort\n" + strings.Repeat("y", kept) + "\n"
		for _, in := range []io.Reader{strings.NewReader(log), iotest.HalfReader(strings.NewReader(log))} {
			f := New(keeping(newConfig(t, "common")), newCalendar())
			var out collector
			require.NoError(t, f.Run(in, &out))
			if out.lines[guardtest.Today] != want {
				assert.Equal(t, shortened(want), shortened(out.lines[guardtest.Today]))
				assert.Fail(t, "the output differs", "%d: %d bytes, want %d", size, len(out.lines[guardtest.Today]), len(want))
			}
			cut := uint64(0)
			if size > MaxLine {
				cut = 2
			}
			assert.Equal(t, cut, f.Stats().Cut, size)
			assert.EqualValues(t, 4, f.Stats().Lines, size)
		}
	}
}

// brittle is a Parser that panics on some lines.
type brittle struct{ format.Parser }

func (b brittle) Parse(line []byte, out *format.Line) bool {
	if bytes.Contains(line, []byte("panic")) {
		panic("a line's content must not be printed")
	}
	return b.Parser.Parse(line, out)
}

// TestPanic: a line that causes a panic is left out. If it ended the process, the next one would
// read it again.
func TestPanic(t *testing.T) {
	cfg := newConfig(t, "auto")
	cfg.Parser = brittle{cfg.Parser}
	for log, want := range map[string]string{
		combinedLine + "\npanic\n" + combinedLine: strings.Repeat(strings.SplitAfter(pseudonymised, "\n")[0], 2),
		"panic\npanic\na\n":                       "{name:a}\n",
		"a\npanic":                                "{name:a}\n",
		"panic\n":                                 "",
	} {
		f, out := NewStream(cfg, newCalendar()), bytes.Buffer{}
		require.NoError(t, f.Run(strings.NewReader(log), &stream{w: &out}))
		assert.Equal(t, guardtest.Expand(t, guardtest.Cipher(t, "ipcrypt"), want), out.String(), log)
		assert.EqualValues(t, strings.Count(log, "panic"), f.Stats().Failed, log)
		assert.Regexp(t, `^hushpipe/filter\.brittle\.Parse \(run_test\.go:\d+\)$`, f.Fault())
	}
}

// A line that was written before the panic is not left out; its day is marked.
func TestPanicWhileCounting(t *testing.T) {
	f, b := New(newConfig(t, "combined"), newCalendar()), &Batch{}
	f.renew()
	f.treatLines(b, []byte(lineOf("192.0.2.1", "a", "")+"\n"))
	f.days[guardtest.Today].counts = &rooms.DistinctSet{} // not made by NewDistinctSet
	f.treatLines(b, []byte(lineOf("192.0.2.2", "b", "")+"\n"+lineOf("192.0.2.3", "", "")+"\n"))
	stats := f.Stats()
	assert.Zero(t, stats.Failed)
	assert.EqualValues(t, 1, stats.Overflow)
	assert.Regexp(t, `^hushpipe/filter/rooms\.\(\*DistinctSet\)\.add \(distinctset\.go:\d+\)$`, f.Fault())
	assert.Equal(t, 3, bytes.Count(b.Parts[0].Lines, []byte("\n")))
	read := rooms.NewDistinctSet(rooms.NoLimits)
	require.NoError(t, read.Apply(b.Parts[0].Records))
	assert.EqualValues(t, 1, read.RecordedOverflow())
}

// Input that cannot be cut into lines is left out, and the run ends.
func TestPanicWhileCutting(t *testing.T) {
	f, b := New(newConfig(t, "combined"), newCalendar()), &Batch{}
	f.renew()
	f.treatLines(b, []byte(combinedLine)) // no newline
	assert.EqualValues(t, 1, f.Stats().Failed)
	assert.Contains(t, f.Fault(), "machine.(*Delimiters)")
	assert.Empty(t, b.Parts)
}

func TestCutLine(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for tail, want := range map[string]string{
		"":           "",
		"192.0.2.":   "",
		"/192.0":     "/",
		"2001:db8%3": "",
		`y\u00`:      "y",
		" ":          " ",
	} {
		head := long[:MaxLine-len(tail)]
		assert.Equal(t, want, string(cutLine([]byte(head + tail + "1")))[len(head):], tail)
	}
	assert.Empty(t, cutLine([]byte(strings.Repeat("1", MaxLine+1))))
}

// keeper is a CommitReader of pieces. Read returns one of them, and Ready reports fresh.
type keeper struct {
	rest   string // of the current piece
	pieces []string
	fresh  func(read int) bool
	read   int
	log    *[]string
	alarms bool
}

func (k *keeper) Patient() bool { return true }

func (k *keeper) Alarm(late func()) (set func(time.Duration), end func()) {
	if !k.alarms {
		return nil, func() {}
	}
	timer := time.AfterFunc(time.Hour, late)
	timer.Stop()
	return func(d time.Duration) {
		if timer.Stop(); d > 0 {
			timer.Reset(d)
		}
	}, func() { timer.Stop() }
}

func (k *keeper) Ready() bool { return k.fresh(k.read) }

func (k *keeper) Read(p []byte) (int, error) {
	if k.rest == "" {
		if k.read == len(k.pieces) {
			return 0, io.EOF
		}
		k.rest = k.pieces[k.read]
		k.read++
		*k.log = append(*k.log, "read")
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}

func (k *keeper) Commit(n int) error {
	*k.log = append(*k.log, fmt.Sprint("commit ", n))
	return nil
}

// logged is an Output that records its calls. Its writer commits like that of a Queue.
type logged struct {
	collector
	log     *[]string
	writer  writer
	batches []*Batch // not written yet
}

// writer is when batches are written.
type writer uint8

const (
	atOnce writer = iota
	inTime        // during Wait
	late
)

func (l *logged) Put(b *Batch) error {
	*l.log = append(*l.log, fmt.Sprintf("put %q", b.Parts[0].Lines))
	if l.batches = append(l.batches, b); l.writer == atOnce {
		l.write()
	}
	return nil
}

func (l *logged) write() {
	for _, b := range l.batches {
		b.source.written(b)
	}
	l.batches = nil
}

func (l *logged) Wait(func() bool) {
	*l.log = append(*l.log, "wait")
	if l.writer == inTime {
		l.write()
	}
}

// TestRunCommits: the writer commits each batch once it is written, so that after a kill at most
// one batch is written twice. The reader does not wait for it while there is more to read;
// otherwise the reader commits the rest, however late the writer is.
func TestRunCommits(t *testing.T) {
	always := func(int) bool { return true }
	never := func(int) bool { return false }
	for _, tt := range []struct {
		name   string
		pieces []string
		fresh  func(int) bool
		writer writer
		want   []string
	}{
		{"one after the other", []string{"a\n", "bb\n"}, never, atOnce,
			[]string{"read", `put "a\n"`, "commit 2", "read", `put "bb\n"`, "commit 3"}},
		{"waited for", []string{"a\n", "bb\n"}, never, inTime,
			[]string{"read", `put "a\n"`, "wait", "commit 2", "read", `put "bb\n"`, "wait", "commit 3"}},
		{"waited for in vain", []string{"a\n", "bb\n"}, never, late,
			[]string{"read", `put "a\n"`, "wait", "commit 2", "read", `put "bb\n"`, "wait", "commit 3"}},
		{"read while earlier ones are written", []string{"a\n", "bb\n", "ccc\n"}, always, inTime,
			[]string{"read", `put "a\n"`, "read", `put "bb\n"`, "read", `put "ccc\n"`, "wait", "commit 2", "commit 3", "commit 4"}},
		{"read until there is no more", []string{"a\n", "bb\n", "ccc\n"}, func(read int) bool { return read != 2 }, late,
			[]string{"read", `put "a\n"`, "read", `put "bb\n"`, "wait", "commit 5", "read", `put "ccc\n"`, "wait", "commit 4"}},
		{"whole lines only", []string{"a\nb", "b", "b\n"}, always, atOnce,
			[]string{"read", `put "a\n"`, "commit 2", "read", "read", `put "bbb\n"`, "commit 4"}},
		{"the end of the input", []string{"a\nb"}, never, inTime,
			[]string{"read", `put "a\n"`, "wait", "commit 2", `put "b\n"`, "wait", "commit 1"}},
		{"no line", []string{"a"}, always, inTime, []string{"read", `put "a\n"`, "wait", "commit 1"}},
		{"nothing", nil, always, inTime, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log []string
			f := New(keeping(newConfig(t, "common")), newCalendar())
			require.NoError(t, f.Run(&keeper{pieces: tt.pieces, fresh: tt.fresh, log: &log}, &logged{log: &log, writer: tt.writer}))
			assert.Equal(t, tt.want, log)
		})
	}
}

// TestRunCommitsAll: all input is committed, including the bytes cut off a line that is too long.
func TestRunCommitsAll(t *testing.T) {
	var log []string
	var pieces []string
	total := 0
	for range 100 {
		pieces = append(pieces, strings.Repeat("x", readSize/2))
		total += readSize / 2
	}
	pieces = append(pieces, "end\nnext\n")
	total += len("end\nnext\n")
	for _, fresh := range []bool{false, true} {
		for _, writer := range []writer{atOnce, inTime, late} {
			log = nil
			f := New(keeping(newConfig(t, "common")), newCalendar())
			in := &keeper{pieces: pieces, fresh: func(int) bool { return fresh }, log: &log}
			require.NoError(t, f.Run(in, &logged{log: &log, writer: writer}))
			committed := 0
			for _, entry := range log {
				var n int
				if _, err := fmt.Sscanf(entry, "commit %d", &n); err == nil {
					committed += n
				}
			}
			assert.Equal(t, total, committed)
		}
	}
}

// TestRunReadsLessOfWhatIsCostly: the first read is small. The cheaper the lines, the larger the
// next reads.
func TestRunReadsLessOfWhatIsCostly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := keeping(newConfig(t, "common"))
		slow := &slowParser{Parser: cfg.Parser}
		cfg.Parser = slow
		var asked []int
		in := readerFunc(func(p []byte) (int, error) {
			asked = append(asked, len(p))
			if len(asked) == 4 {
				slow.took = away + time.Millisecond
			}
			if len(asked) == 8 {
				return 0, io.EOF
			}
			return copy(p, "line\n"), nil
		})
		require.NoError(t, New(cfg, newCalendar()).Run(in, &collector{}))
		assert.Equal(t, []int{batchSize, 2 * batchSize, readSize, readSize, readSize / 2, batchSize, batchSize, batchSize}, asked)
	})
}

// slowParser takes a fixed time for each line.
type slowParser struct {
	format.Parser
	took time.Duration
}

func (p *slowParser) Parse(line []byte, out *format.Line) bool {
	time.Sleep(p.took) // of the bubble's clock
	return p.Parser.Parse(line, out)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// slow is a Sink that takes 40 ms for the first lines, by the clock of a synctest bubble.
type slow struct{ took []string }

func (s *slow) Append(_ civil.Day, lines []byte) (int, error) {
	if s.took == nil {
		time.Sleep(40 * time.Millisecond)
	}
	s.took = append(s.took, string(lines))
	return len(lines), nil
}

func (s *slow) Count(civil.Day, [8]byte, []byte) {}
func (s *slow) Tick() time.Duration              { return time.Minute }

// TestRunReadsOn: the goroutine that reads a few lines writes them. If the write takes longer
// than 10 ms, another one continues reading, and the lines keep their order.
func TestRunReadsOn(t *testing.T) {
	for _, alarms := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var log []string
			start := time.Now()
			var reads []time.Duration
			in := &keeper{pieces: []string{"a\n", "b\n", "c\n"}, log: &log, alarms: alarms, fresh: func(int) bool {
				reads = append(reads, time.Since(start))
				return true
			}}
			sink := &slow{}
			q := NewQueue(sink, 1<<20)
			synctest.Wait() // for its first Tick
			require.NoError(t, New(keeping(newConfig(t, "common")), newCalendar()).Run(in, q))
			require.True(t, q.Close(t.Context()))
			assert.Equal(t, "a\nb\nc\n", strings.Join(sink.took, ""))
			assert.Equal(t, 3, strings.Count(strings.Join(log, "\n"), "commit 2"), log)
			if want := time.Duration(0); alarms {
				want = lateAfter
				assert.Equal(t, want, reads[0])
			} else {
				assert.Equal(t, want, reads[0], "the writer is another goroutine")
			}
		})
	}
}

// TestQueueWrites: Write writes the waiting batches before it returns, unless a call of the Sink
// is running.
func TestQueueWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &slow{took: []string{""}}
		q := NewQueue(sink, 1<<20)
		synctest.Wait()
		batch := func(lines string) *Batch { return &Batch{Parts: []Part{{Lines: []byte(lines)}}} }
		require.NoError(t, q.Enqueue(batch("a\n")))
		assert.Equal(t, 1, len(sink.took))
		q.Write()
		assert.Equal(t, []string{"", "a\n"}, sink.took)
		q.Wait(func() bool { panic("nothing to wait for") })

		q.calls.mu.Lock() // like a Tick that hangs
		require.NoError(t, q.Enqueue(batch("b\n")))
		q.Write()
		assert.Len(t, sink.took, 2)
		q.calls.mu.Unlock()
		synctest.Wait()
		assert.Equal(t, []string{"", "a\n", "b\n"}, sink.took)
		require.True(t, q.Close(t.Context()))
	})
}
