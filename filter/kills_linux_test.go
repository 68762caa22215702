package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/input"
	"hushpipe/format/civil"
)

// pipeSize is the size of the world's pipe, the same as in package input.
const pipeSize = 1 << 20

// world is a server that writes lines to a pipe, and the state of that pipe.
type world struct {
	text    []byte
	ends    []int // of the lines
	tooLong bool  // some lines are longer than MaxLine

	mu      sync.Mutex // guards what follows
	changed sync.Cond
	came    int // bytes that the server wrote
	head    int // where the pipe begins
	gone    int // bytes that were committed
	longest time.Duration
	wrong   []string
}

func newWorld(rnd *rand.Rand) *world {
	w := &world{tooLong: rnd.IntN(4) == 0}
	w.changed.L = &w.mu
	most := 1 << (4 + rnd.IntN(9))
	for len(w.text) < 3<<20 {
		size := rnd.IntN(most)
		switch k := rnd.IntN(max(40, 1<<20/most)); {
		case k == 0:
			size = rnd.IntN(3 * batchSize)
		case k == 1 && w.tooLong:
			size = rnd.IntN(3 * MaxLine)
		}
		for n := len(w.ends) + 1; n > 0; n /= 20 { // in letters that are not hex digits
			w.text = append(w.text, 'g'+byte(n%20))
		}
		w.text = append(w.text, bytes.Repeat([]byte{'-'}, size+1)...)
		w.text = append(w.text, '\n')
		w.ends = append(w.ends, len(w.text))
	}
	if rnd.IntN(2) == 0 { // the last one has no newline
		w.text = w.text[:len(w.text)-1]
		w.ends[len(w.ends)-1]--
	}
	return w
}

func upTo(rnd *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(rnd.Int64N(int64(d) + 1))
}

// line returns the number of a line, from 1 on.
func line(text []byte) (n int) {
	digits, _, _ := bytes.Cut(text, []byte{'-'})
	for _, c := range slices.Backward(digits) {
		n = 20*n + int(c-'g')
	}
	return n
}

// linesTo counts the whole lines before an offset.
func (w *world) linesTo(offset int) int {
	n, isEnd := slices.BinarySearch(w.ends, offset)
	if isEnd {
		n++
	}
	return n
}

func (w *world) check(ok bool, format string, args ...any) {
	if !ok && len(w.wrong) < 5 {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

func (w *world) serve(rnd *rand.Rand) {
	most, pause := 1<<(6+rnd.IntN(13)), upTo(rnd, 5*time.Millisecond)*time.Duration(rnd.IntN(2))
	for w.came < len(w.text) {
		end := min(w.came+1+rnd.IntN(most), len(w.text))
		began := time.Now()
		w.mu.Lock()
		for w.came < end {
			for w.came-w.head == pipeSize {
				w.changed.Wait()
			}
			w.came = min(end, w.head+pipeSize)
			w.changed.Broadcast()
		}
		w.mu.Unlock()
		w.longest = max(w.longest, time.Since(began))
		time.Sleep(upTo(rnd, pause)) // the server has nothing to write for a while
	}
}

// process is a CommitReader and a Sink.
type process struct {
	*world
	reads, disk *rand.Rand
	pause       time.Duration // longest pause before a Read
	patient     bool          // waits even if the pipe is full
	drops       bool          // drops lines that do not fit in memory
	slowly      bool          // there is no alarm
	late        int           // how often the alarm went off

	read    int // where the next Read begins
	taken   int // bytes that were removed from the pipe before their Commit
	file    []byte
	last    int // number of the last whole line in file
	refuses time.Time
	hasty   bool // lines may be committed without being written
	stopped bool
	dead    bool
}

// fresh returns how many bytes can be read. Half of the pipe is left to uncommitted bytes.
func (p *process) fresh() int { return min(p.came, p.head+pipeSize/2) - p.read }

func (p *process) Ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fresh() > 0
}

func (p *process) Patient() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	ok := !p.dead && !p.stopped && (p.patient || p.came < len(p.text) && p.came-p.head < pipeSize/4)
	p.hasty = p.hasty || !ok
	return ok
}

func (p *process) Read(b []byte) (int, error) {
	time.Sleep(upTo(p.reads, p.pause)) // the reader is late
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.dead || p.stopped:
			return 0, input.ErrStopped
		case p.fresh() > 0:
			n := copy(b[:min(len(b), 1+p.reads.IntN(1<<(8+p.reads.IntN(12))))], p.text[p.read:p.read+p.fresh()])
			p.read += n
			return n, nil
		case p.came > p.read:
			p.check(p.gone == p.head-p.taken, "moved into memory what was put")
			p.taken += p.read - p.head
			p.head = p.read
			p.changed.Broadcast()
		case p.came == len(p.text):
			return 0, io.EOF
		default:
			p.changed.Wait()
		}
	}
}

func (p *process) Commit(n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return nil
	}
	before := min(n, p.taken)
	p.taken -= before
	p.head += n - before
	p.gone += n
	p.check(n > 0 && p.gone <= p.read, "%d bytes committed up to %d, read up to %d", n, p.gone, p.read)
	whole := p.linesTo(p.gone)
	p.check(p.hasty || p.drops || whole <= p.last, "line %d committed, line %d written", whole, p.last)
	begin := p.linesBegin(whole + 1)
	p.check(p.gone == begin || p.ends[whole]-begin > MaxLine, "committed up to %d, within a line", p.gone)
	p.changed.Broadcast()
	return nil
}

func (p *process) Alarm(late func()) (set func(time.Duration), end func()) {
	if p.slowly {
		return nil, func() {}
	}
	timer := time.AfterFunc(time.Hour, func() {
		p.late++
		late()
	})
	timer.Stop()
	return func(d time.Duration) {
		if timer.Stop(); d > 0 {
			timer.Reset(d)
		}
	}, func() { timer.Stop() }
}

func (p *process) Append(_ civil.Day, lines []byte) (int, error) {
	n := len(lines)
	var err error
	switch mood := p.disk.IntN(60); {
	case mood == 0:
		time.Sleep(upTo(p.disk, 6*stall))
	case mood == 1:
		p.refuses = time.Now().Add(upTo(p.disk, 6*stall))
	case mood < 30:
		time.Sleep(upTo(p.disk, stall/5))
	}
	if time.Now().Before(p.refuses) {
		n, err = p.disk.IntN(n), errRefused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return len(lines), nil
	}
	p.file = append(p.file, lines[:n]...)
	if end := bytes.LastIndexByte(lines[:n], '\n'); end >= 0 {
		begin := bytes.LastIndexByte(p.file[:len(p.file)-n+end], '\n') + 1
		p.last = line(p.file[begin:])
	}
	if p.linesTo(p.gone) <= p.last {
		p.hasty = false
	}
	twice := 0
	for i := p.last; i > p.linesTo(p.gone)+1; i-- { // the last one may be longer than a batch
		twice += min(p.ends[i-2]-p.linesBegin(i-1), MaxLine)
	}
	most := batchSize
	if p.drops { // all batches of one read, if one of them is dropped
		most = readSize
	}
	p.check(twice <= most || p.drops && p.tooLong, "%d bytes would be written twice", twice)
	return n, err
}

// linesBegin returns where a line begins.
func (w *world) linesBegin(line int) int {
	if line == 1 {
		return 0
	}
	return w.ends[line-2]
}

func (p *process) Count(civil.Day, [8]byte, []byte) { time.Sleep(upTo(p.disk, time.Millisecond)) }
func (p *process) Tick() time.Duration              { return time.Minute }

// end kills the process, or stops it, and reports whether lines may be lost.
func (p *process) end(kill bool) (hasty bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead, p.stopped = kill, true
	if kill {
		p.file = p.file[:bytes.LastIndexByte(p.file, '\n')+1] // as the next process does
	}
	p.changed.Broadcast()
	return p.hasty || p.drops
}

// TestKills: for any timing of the reader, the writer, the disk and the server, and for any time
// of a kill or stop: commits end at the end of a line; committed lines are written once, except
// for lines that the reader no longer waited for; at most one batch is written and not
// committed; the server does not wait.
func TestKills(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runKills(t, seed) })
		})
	}
}

func runKills(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(rnd)
	pause := upTo(rnd, 4*time.Millisecond) * time.Duration(rnd.IntN(2))
	patient, bound := rnd.IntN(2) == 0, 64<<20
	if rnd.IntN(3) == 0 {
		bound = 300_000
	}
	var processes []*process
	var queues []*Queue
	var others sync.WaitGroup
	server := rand.New(rand.NewPCG(seed, 1))
	others.Go(func() { w.serve(server) })
	kills, hastyKills := 0, 0
	for done := false; !done; {
		w.mu.Lock()
		p := &process{world: w, pause: pause, patient: patient, drops: bound < 64<<20, slowly: rnd.IntN(4) == 0, read: w.head, last: w.linesTo(w.gone),
			reads: rand.New(rand.NewPCG(seed, rnd.Uint64())), disk: rand.New(rand.NewPCG(seed, rnd.Uint64()))}
		w.mu.Unlock()
		q := NewQueue(p, bound)
		processes, queues = append(processes, p), append(queues, q)
		ran := make(chan error, 1)
		go func() { ran <- New(keeping(newConfig(t, "common")), newCalendar()).Run(p, q) }()
		var after <-chan time.Time
		if !w.tooLong && len(processes) < 30 {
			after = time.After(upTo(rnd, time.Second))
		}
		select {
		case <-after:
			if kill := rnd.IntN(3) > 0; kill {
				kills++
				if p.end(true) {
					hastyKills++
				}
			} else {
				p.end(false)
			}
		case err := <-ran:
			require.NoError(t, err)
			done = true
		}
		if !done {
			if err := <-ran; err != nil {
				require.True(t, errors.Is(err, input.ErrStopped), err)
			} else {
				done = !p.dead
			}
		}
		others.Go(func() { assert.True(t, q.Close(context.Background())) })
	}
	others.Wait()

	found, dropped, twice := make([]int, len(w.ends)), 0, 0
	for i, p := range processes {
		last := 0
		for text := range bytes.Lines(p.file) {
			n := line(text)
			require.Greater(t, n, last, "process %d", i)
			want := w.text[w.linesBegin(n):w.ends[n-1]]
			want = want[:min(len(want), MaxLine)]
			require.True(t, bytes.HasPrefix(text, bytes.TrimSuffix(want, newline)), "line %d", n)
			found[n-1]++
			last = n
		}
		dropped += int(queues[i].Dropped())
	}
	lost := 0
	for _, n := range found {
		if n == 0 {
			lost++
		} else {
			twice += n - 1
		}
	}
	t.Logf("%d lines, %d lost, %d twice, %d dropped; %d processes, %d kills, %d of them hasty; the server waited for %s",
		len(found), lost, twice, dropped, len(processes), kills, hastyKills, w.longest)
	assert.Empty(t, w.wrong)
	assert.Equal(t, len(w.text), w.gone)
	assert.Equal(t, len(w.text), w.head)
	if hastyKills == 0 {
		assert.LessOrEqual(t, lost, dropped)
	}
	if kills == 0 {
		assert.Equal(t, dropped, lost)
		assert.Zero(t, twice)
	}
	if !patient {
		assert.LessOrEqual(t, w.longest, 2*stall)
	}
}
