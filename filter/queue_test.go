package filter

import (
	"context"
	"errors"
	"fmt"
	"hushpipe/format/civil"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var errRefused = errors.New("refused")

// sink is a Sink that records its calls. take returns how many bytes of the lines it accepts;
// nil: all.
type sink struct {
	take  func(lines []byte) (int, error)
	count func()
	tick  func() time.Duration

	mu     sync.Mutex
	lines  string
	events []string
}

func (s *sink) Append(day civil.Day, lines []byte) (int, error) {
	n, err := len(lines), error(nil)
	if s.take != nil {
		n, err = s.take(lines)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines += string(lines[:n])
	s.events = append(s.events, fmt.Sprintf("%d %s", day, lines[:n]))
	return n, err
}

func (s *sink) Count(day civil.Day, _ [8]byte, records []byte) {
	if s.count != nil {
		s.count()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, fmt.Sprintf("%d count %s", day, records))
}

func (s *sink) Tick() time.Duration {
	if s.tick != nil {
		return s.tick()
	}
	return time.Hour
}

func (s *sink) written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines
}

func (s *sink) counted(records string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if strings.HasSuffix(e, "count "+records) {
			return true
		}
	}
	return false
}

// put puts a batch of one day.
func put(t *testing.T, q *Queue, lines, records string) {
	b := q.Get()
	require.Empty(t, b.Parts)
	b.Parts = append(b.Parts, Part{Day: 1, Lines: []byte(lines), Records: []byte(records)})
	require.NoError(t, q.Put(b))
}

// inBubble runs a test in a synctest bubble. Its clock stands still while any goroutine runs, so
// the test measures only the waits of the queue, whatever else the machine does.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestQueueOrder(t *testing.T) {
	s := &sink{}
	q := NewQueue(s, 1<<20)
	var want []string
	for i := range 50 {
		b := q.Get()
		for day := range 2 {
			lines, records := fmt.Sprintf("line %d\n", i), fmt.Sprintf("record %d", i)
			b.Parts = append(b.Parts, Part{Day: civil.Day(day), Lines: []byte(lines), Records: []byte(records)})
			want = append(want, fmt.Sprintf("%d %s", day, lines), fmt.Sprintf("%d count %s", day, records))
		}
		require.NoError(t, q.Put(b))
	}
	q.Close(context.Background())
	assert.Equal(t, want, s.events, "each day's lines before its records")
	assert.Zero(t, q.Dropped())
	assert.LessOrEqual(t, len(q.empty), spare)
	assert.Zero(t, q.held)
}

func TestQueueRefused(t *testing.T) {
	calls := 0
	s := &sink{take: func(lines []byte) (int, error) {
		if calls++; calls == 1 {
			return 3, errRefused
		}
		return len(lines), nil
	}}
	q := NewQueue(s, 1<<20)
	put(t, q, "one\n", "r")
	put(t, q, "two\n", "")
	q.Close(context.Background())
	assert.Equal(t, []string{"1 one", "1 \n", "1 count r", "1 two\n", "1 count "}, s.events, "only what is left is offered again")
	assert.Zero(t, q.Dropped())
}

// TestQueueFull: while the sink refuses lines, batches that do not fit are dropped and their
// lines counted, but their records are kept. A batch without records is dropped as a whole.
func TestQueueFull(t *testing.T) { synctest.Test(t, testQueueFull) }

func testQueueFull(t *testing.T) {
	refuse, refused := make(chan error), make(chan struct{}, 1)
	s := &sink{take: func(lines []byte) (int, error) {
		signal(refused)
		if err := <-refuse; err != nil {
			return 0, err
		}
		return len(lines), nil
	}}
	q := NewQueue(s, 100)
	put(t, q, strings.Repeat("x", 59)+"\n", "first")
	<-refused
	refuse <- errRefused
	synctest.Wait()
	for range 1000 {
		put(t, q, strings.Repeat("y\n", 30), "")
	}
	put(t, q, strings.Repeat("z\n", 30), "last")
	assert.EqualValues(t, 30_030, q.Dropped())
	assert.Len(t, q.filled, 2)
	assert.LessOrEqual(t, q.held, 200)

	close(refuse)
	q.Close(context.Background())
	assert.Equal(t, strings.Repeat("x", 59)+"\n", s.written())
	assert.True(t, s.counted("last"), "the counts need what was dropped as well")
}

// TestQueueSlow: the reader waits as long as the sink accepts lines.
func TestQueueSlow(t *testing.T) { synctest.Test(t, testQueueSlow) }

func testQueueSlow(t *testing.T) {
	step := make(chan struct{})
	s := &sink{take: func(lines []byte) (int, error) {
		<-step
		return min(len(lines), 10), nil
	}}
	q := NewQueue(s, 100)
	go func() {
		for {
			select {
			case step <- struct{}{}:
			case <-q.done:
				return
			}
		}
	}()
	want := ""
	for i := range 100 {
		line := fmt.Sprintf("line number %02d, 30 bytes long\n", i)
		want += line
		put(t, q, line, "")
		q.mu.Lock()
		assert.LessOrEqual(t, q.held, 100)
		q.mu.Unlock()
	}
	q.Close(context.Background())
	assert.Equal(t, want, s.written())
	assert.Zero(t, q.Dropped())
}

// TestQueueHanging: while a call of the sink hangs, the reader goes on. Once the call returns, so
// does the writer, by itself.
func TestQueueHanging(t *testing.T) {
	for _, call := range []string{"append", "count", "tick"} {
		inBubble(t, call, func(t *testing.T) {
			release, hanging := make(chan struct{}), make(chan struct{})
			var once sync.Once
			hang := func() {
				once.Do(func() { close(hanging) })
				<-release
			}
			s := &sink{}
			switch call {
			case "append":
				s.take = func(lines []byte) (int, error) {
					hang()
					return len(lines), nil
				}
			case "count":
				s.count = hang
			case "tick":
				s.tick = func() time.Duration {
					hang()
					return time.Hour
				}
			}
			q := NewQueue(s, 1000)
			put(t, q, strings.Repeat("x\n", 400), "")
			<-hanging
			begun := time.Now()
			for range 20 {
				put(t, q, strings.Repeat("y\n", 400), "")
			}
			assert.LessOrEqual(t, time.Since(begun), 2*stall, "only the first has to wait, to see that it hangs")
			dropped := q.Dropped()
			assert.Greater(t, dropped, uint64(0))

			close(release)
			synctest.Wait()
			for range 20 { // there is room again
				put(t, q, "z\n", "")
			}
			q.Close(context.Background())
			assert.EqualValues(t, 21*400+20, int(q.Dropped())+strings.Count(s.written(), "\n"), "written or counted as lost")
			assert.True(t, strings.HasSuffix(s.written(), "z\n"))
		})
	}
}

// TestQueueTick: Tick is called in time even if there is always more to write.
func TestQueueTick(t *testing.T) {
	ticks, writing, release := 0, make(chan struct{}, 10), make(chan struct{})
	s := &sink{}
	s.tick = func() time.Duration {
		ticks++
		return 1
	}
	var seen []int
	s.take = func(lines []byte) (int, error) {
		seen = append(seen, ticks)
		writing <- struct{}{}
		<-release
		return len(lines), nil
	}
	q := NewQueue(s, 1<<20)
	put(t, q, "a\n", "")
	<-writing
	put(t, q, "b\n", "")
	put(t, q, "c\n", "")
	close(release)
	q.Close(context.Background())
	require.Len(t, seen, 3)
	assert.Less(t, seen[0], seen[1])
	assert.Less(t, seen[1], seen[2])
}

// TestQueueEarlyTick: only the first lines cause an early Tick.
func TestQueueEarlyTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ticks []time.Duration
		start := time.Now()
		s := &sink{tick: func() time.Duration {
			ticks = append(ticks, time.Since(start))
			return time.Minute
		}}
		q := NewQueue(s, 1<<20)
		time.Sleep(10 * time.Second)
		put(t, q, "a\n", "")
		time.Sleep(30 * time.Second)
		put(t, q, "b\n", "")
		time.Sleep(30 * time.Second)
		q.Close(t.Context())
		require.Equal(t, []time.Duration{0, 12 * time.Second}, ticks)
	})
}

func TestQueueClose(t *testing.T) {
	inBubble(t, "refusing", func(t *testing.T) {
		s := &sink{take: func([]byte) (int, error) { return 2, errRefused }}
		q := NewQueue(s, 1<<20)
		put(t, q, "a\nb\nc\nd\ne\nf\n", "")
		put(t, q, "g\n", "")
		q.Close(within(t, stall))
		assert.EqualValues(t, 7, int(q.Dropped())+strings.Count(s.written(), "\n"))
		<-q.done
		assert.Less(t, strings.Count(s.written(), "\n"), 6)
	})
	inBubble(t, "hanging", func(t *testing.T) {
		release := make(chan struct{})
		s := &sink{take: func(lines []byte) (int, error) {
			<-release
			return len(lines), nil
		}}
		q := NewQueue(s, 1<<20)
		put(t, q, "a\nb\n", "")
		put(t, q, "c\n", "")
		q.Close(within(t, 2*stall))
		assert.EqualValues(t, 3, q.Dropped())
		close(release)
		<-q.done
		assert.Equal(t, "a\nb\n", s.written(), "what was given up is not begun")
	})
	inBubble(t, "working", func(t *testing.T) {
		s := &sink{take: func(lines []byte) (int, error) { return 1, nil }}
		q := NewQueue(s, 1<<20)
		put(t, q, strings.Repeat("x", 10_000)+"\n", "")
		assert.True(t, q.Close(within(t, 0)))
		assert.Zero(t, q.Dropped(), "a disk that takes lines is waited for")
	})
	inBubble(t, "nothing to do", func(t *testing.T) {
		assert.True(t, NewQueue(&sink{}, 1).Close(context.Background()))
	})
}

func impatient() bool { return false }

// TestQueueWait: Wait returns when everything is written, or when that takes too long.
func TestQueueWait(t *testing.T) {
	inBubble(t, "written", func(t *testing.T) {
		s := &sink{}
		q := NewQueue(s, 1<<20)
		q.Wait(impatient)
		for i := range 100 {
			put(t, q, "a\n", fmt.Sprint(i))
			q.Wait(impatient)
			require.Len(t, s.written(), 2*(i+1))
			require.True(t, s.counted(fmt.Sprint(i)), "its records as well")
		}
		q.Close(context.Background())
	})
	inBubble(t, "refused", func(t *testing.T) {
		s := &sink{take: func([]byte) (int, error) { return 0, errRefused }}
		q := NewQueue(s, 1<<20)
		put(t, q, "a\n", "")
		q.Wait(impatient)
		begun := time.Now()
		for range 100 {
			put(t, q, "a\n", "")
			q.Wait(impatient)
		}
		assert.Zero(t, time.Since(begun))
		q.Close(within(t, 0))
		assert.EqualValues(t, 101, q.Dropped())
	})
	inBubble(t, "patient", func(t *testing.T) {
		var n atomic.Int32
		s := &sink{take: func(lines []byte) (int, error) {
			if n.Load() < 3 {
				return 0, errRefused
			}
			return len(lines), nil
		}}
		q := NewQueue(s, 1<<20)
		put(t, q, "a\n", "")
		q.Wait(func() bool {
			n.Add(1)
			return true
		})
		assert.Equal(t, "a\n", s.written(), "a disk that takes lines again is waited for")
		q.Close(context.Background())
	})
	inBubble(t, "hanging", func(t *testing.T) {
		release := make(chan struct{})
		s := &sink{take: func(lines []byte) (int, error) {
			<-release
			return len(lines), nil
		}}
		q := NewQueue(s, 1<<20)
		begun := time.Now()
		for range 100 {
			put(t, q, "a\n", "")
			q.Wait(impatient)
		}
		assert.LessOrEqual(t, time.Since(begun), 2*stall, "only the first is waited for")
		close(release)
		q.Close(context.Background())
		assert.Len(t, s.written(), 200)
	})
	inBubble(t, "slow", func(t *testing.T) {
		s := &sink{take: func([]byte) (int, error) {
			time.Sleep(stall / 10)
			return 1, nil // a byte at a time: no call hangs
		}}
		q := NewQueue(s, 1<<20)
		put(t, q, strings.Repeat("a", 100)+"\n", "")
		begun := time.Now()
		q.Wait(impatient)
		assert.Equal(t, stall, time.Since(begun))
		assert.Less(t, len(s.written()), 101)
		q.Close(within(t, 0))
	})
}

// TestQueueFaults: a disk has a fault for 10 s. The reader, which puts a batch every 10 ms and
// waits for it, never waits longer than stall. After the fault, all batches that had room are
// written in order, and the others are counted.
func TestQueueFaults(t *testing.T) {
	const long = 10 * time.Second
	enough, little := 1<<20, 10_000
	refusing := func(fault error) func([]byte) (int, error) {
		return func([]byte) (int, error) { return 0, fault }
	}
	for _, tt := range []struct {
		name  string
		bound int
		take  func(lines []byte) (int, error) // during the fault
	}{
		{"no space", enough, refusing(unix.ENOSPC)},
		{"no space, buffer full", little, refusing(unix.ENOSPC)},
		{"quota", enough, refusing(unix.EDQUOT)},
		{"input/output error", enough, refusing(unix.EIO)},
		{"read-only", enough, refusing(unix.EROFS)},
		{"short writes", enough, func(lines []byte) (int, error) {
			return strings.IndexByte(string(lines), '\n') + 1, unix.EIO
		}},
		{"hanging", enough, func(lines []byte) (int, error) {
			time.Sleep(long)
			return len(lines), nil
		}},
		{"hanging, buffer full", little, func(lines []byte) (int, error) {
			time.Sleep(long)
			return len(lines), nil
		}},
		{"hanging, then refusing", enough, func([]byte) (int, error) {
			time.Sleep(long)
			return 0, unix.EIO
		}},
		{"slow disk", little, func(lines []byte) (int, error) {
			time.Sleep(stall * 3 / 4)
			return len(lines), nil
		}},
		{"slow as if it hung, buffer full", little, func(lines []byte) (int, error) {
			time.Sleep(stall * 4)
			return len(lines), nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s := &sink{take: func(lines []byte) (int, error) {
					if at := time.Since(began); at >= time.Second && at < time.Second+long {
						return tt.take(lines)
					}
					return len(lines), nil
				}}
				q := NewQueue(s, tt.bound)
				want, dropped := []string{}, 0
				var longest, all time.Duration
				for i := 0; time.Since(began) < long+5*time.Second; i++ {
					lines := fmt.Sprintf("%d first\n%d %s\n", i, i, strings.Repeat("x", 100))
					putting, had := time.Now(), q.Dropped()
					put(t, q, lines, "")
					q.Wait(impatient)
					longest = max(longest, time.Since(putting))
					all += time.Since(putting)
					if q.Dropped() == had {
						want = append(want, lines)
					} else {
						dropped++
					}
					time.Sleep(10 * time.Millisecond)
				}
				assert.LessOrEqual(t, longest, stall)
				if !strings.Contains(tt.name, "slow") {
					assert.LessOrEqual(t, all, 2*stall, "only the first batch is waited for")
				}
				assert.Equal(t, strings.Join(want, ""), s.written(), "all is written without the end of the input")
				assert.EqualValues(t, 2*dropped, q.Dropped())
				assert.Equal(t, strings.Contains(tt.name, "buffer full"), dropped > 0, "%d dropped", dropped)
				assert.True(t, q.Close(t.Context()))
			})
		})
	}
}

// TestPatientPut: for an archive, Put waits for a disk that refuses lines until patient reports
// false.
func TestPatientPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refuses, patient atomic.Bool
		s := &sink{take: func(lines []byte) (int, error) {
			if refuses.Load() {
				return 0, errRefused
			}
			return len(lines), nil
		}}
		q := NewQueue(s, 10)
		q.BePatient(patient.Load)
		refuses.Store(true)
		patient.Store(true)
		put(t, q, "the first\n", "")
		second := make(chan struct{})
		go func() {
			put(t, q, "the second\n", "")
			close(second)
		}()
		time.Sleep(time.Hour)
		select {
		case <-second:
			require.Fail(t, "it did not wait")
		default:
		}
		refuses.Store(false)
		<-second
		synctest.Wait()
		require.Equal(t, "the first\nthe second\n", s.written())

		refuses.Store(true)
		put(t, q, "the third\n", "")
		time.AfterFunc(time.Hour, func() { patient.Store(false) })
		put(t, q, "the fourth\n", "")
		require.EqualValues(t, 1, q.Dropped())
		refuses.Store(false)
		require.True(t, q.Close(t.Context()))
		require.Equal(t, "the first\nthe second\nthe third\n", s.written())
	})
}
