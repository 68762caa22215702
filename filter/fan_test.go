package filter

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// TestFanSlow: two streams take the same lines. The disk of one is slow or refuses lines; the
// other still gets each line at once. Lines that the slow disk has not written stay in the
// pipe, so that a kill loses none. This does not hold for a disk that accepts no lines at all.
func TestFanSlow(t *testing.T) {
	for _, tt := range []struct {
		name    string
		takes   time.Duration // per write
		refuses bool
		every   time.Duration // between lines
		lines   int           // 0: 300
		safe    bool          // only written lines are committed
	}{
		{name: "60 ms", takes: 60 * time.Millisecond, every: 20 * time.Millisecond, safe: true},
		{name: "400 ms", takes: 400 * time.Millisecond, every: 7 * time.Millisecond, safe: true},
		{name: "1.4 s", takes: 1400 * time.Millisecond, every: 100 * time.Millisecond, safe: true},
		{name: "more in a write than a batch holds", takes: time.Second, every: time.Millisecond, lines: 1500},
		{name: "hangs", takes: time.Minute, every: 100 * time.Millisecond},
		{name: "refuses", refuses: true, every: 100 * time.Millisecond},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			w := &trickle{lines: cmp.Or(tt.lines, 300), every: tt.every, start: time.Now()}
			w.changed.L = &w.mu
			quick, slow := &countingSink{trickle: w}, &countingSink{trickle: w, takes: tt.takes, refuses: tt.refuses}
			w.sinks = []*countingSink{quick, slow}
			p, mistakes := policy.Parse([]byte(twoWholeStreams))
			require.Empty(t, mistakes)
			queues := []*Queue{NewQueue(quick, 64<<20), NewQueue(slow, 64<<20)}
			s := streamsOf(t, p, func(i int) *Batch { return queues[i].Get() })
			fan := NewFan(queues)
			go w.serve()
			require.NoError(t, s.Run(w, fan))
			assert.Equal(t, tt.safe, w.unsafe == 0, "%d lines were committed and not written by both", w.unsafe)
			assert.LessOrEqual(t, w.late, 3*stall, "the quick one waited")
			assert.LessOrEqual(t, w.twice, batchSize+2*len(w.line(0)), "of the quick one would be written twice")
			slow.repair()
			for _, ended := range fan.Close(context.Background()) {
				require.True(t, ended)
			}
			assert.Equal(t, w.lines, quick.written)
			assert.Equal(t, w.lines, slow.written)
			assert.Equal(t, w.lines*len(w.line(0)), w.gone)
		})
	}
}

// TestFanUnfit: lines that no stream takes are committed even if no other lines follow.
func TestFanUnfit(t *testing.T) {
	inBubble(t, "idle", func(t *testing.T) {
		w := &trickle{lines: 5, every: time.Minute, start: time.Now()}
		w.changed.L = &w.mu
		p, mistakes := policy.Parse([]byte("[[stream]]\nname = \"a\"\npurpose = \"b\"\nkeep = \"14d\"\nwhere = { status = \"404\" }\n"))
		require.Empty(t, mistakes)
		queues := []*Queue{NewQueue(&countingSink{trickle: w}, 64<<20)}
		s := streamsOf(t, p, func(i int) *Batch { return queues[i].Get() })
		fan := NewFan(queues)
		go w.serve()
		require.NoError(t, s.Run(w, fan))
		assert.Zero(t, w.kept, "bytes were not committed while the reader waited for more")
		assert.Equal(t, []bool{true}, fan.Close(context.Background()))
	})
}

const twoWholeStreams = `
[[stream]]
name = "quick"
purpose = "x"
keep = "14d"
[[stream]]
name = "slow"
purpose = "x"
keep = "14d"
`

// trickle is a CommitReader that gets lines at a fixed rate.
type trickle struct {
	lines int
	every time.Duration
	start time.Time
	sinks []*countingSink

	mu      sync.Mutex
	changed sync.Cond
	came    int // lines
	read    int // bytes
	gone    int // bytes that were committed
	kept    int // most bytes that were not committed when Read had to wait
	ended   bool

	unsafe int           // lines that were committed before both sinks had written them
	late   time.Duration // longest time until the first sink wrote a line
	twice  int           // most bytes that it would write a second time after a kill
}

// line is 160 bytes long.
func (w *trickle) line(n int) string {
	line := fmt.Sprintf(`192.0.2.1 - - [22/Nov/2026:10:00:00 +0100] "GET /%05d HTTP/1.1" 200 1 "-" "`, n)
	return line + strings.Repeat("x", 160-2-len(line)) + "\"\n"
}

func (w *trickle) serve() {
	for range w.lines {
		time.Sleep(w.every) // of the bubble's clock
		w.mu.Lock()
		w.came++
		w.mu.Unlock()
		w.changed.Broadcast()
	}
}

func (w *trickle) fresh() int { return w.came*len(w.line(0)) - w.read }

func (w *trickle) Ready() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fresh() > 0
}

func (w *trickle) Patient() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.read-w.gone+w.fresh() < 256<<10
}

func (w *trickle) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.fresh() == 0 {
		if w.came == w.lines {
			w.ended = true
			return 0, io.EOF
		}
		w.kept = max(w.kept, w.read-w.gone)
		w.changed.Wait()
	}
	n, of := 0, len(w.line(0))
	for ; w.fresh() > 0 && n+of <= len(p); w.read += of {
		n += copy(p[n:], w.line(w.read/of))
	}
	return n, nil
}

func (w *trickle) Commit(n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone += n
	for _, s := range w.sinks {
		if w.ended {
			break // the rest is not read again
		}
		w.unsafe = max(w.unsafe, w.gone/len(w.line(0))-s.written)
	}
	return nil
}

func (w *trickle) Alarm(late func()) (set func(time.Duration), end func()) {
	timer := time.AfterFunc(time.Hour, late)
	timer.Stop()
	return func(d time.Duration) {
		if timer.Stop(); d > 0 {
			timer.Reset(d)
		}
	}, func() { timer.Stop() }
}

// countingSink is a Sink that takes time for each write.
type countingSink struct {
	*trickle
	takes   time.Duration
	refuses bool
	written int // lines
}

func (s *countingSink) repair() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes, s.refuses = 0, false
}

func (s *countingSink) Append(_ civil.Day, lines []byte) (int, error) {
	s.mu.Lock()
	takes, refuses := s.takes, s.refuses
	s.mu.Unlock()
	time.Sleep(takes) // of the bubble's clock
	if refuses {
		return 0, errRefused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written += strings.Count(string(lines), "\n")
	if s == s.sinks[0] {
		s.late = max(s.late, time.Since(s.start)-time.Duration(s.written)*s.every)
		s.twice = max(s.twice, s.written*len(s.line(0))-s.gone)
	}
	return len(lines), nil
}

func (s *countingSink) Count(civil.Day, [8]byte, []byte) {}
func (s *countingSink) Tick() time.Duration              { return time.Hour }
