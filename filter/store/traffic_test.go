package store

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter"
	"hushpipe/filter/dir"
	"hushpipe/filter/input"
	"hushpipe/filter/traffic"
	"hushpipe/filter/treatment"
	"hushpipe/filter/where"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// hitLine is a line of a browser on a day.
func hitLine(day civil.Day, second, client, page int) string {
	y, m, d := day.Date()
	return fmt.Sprintf("198.51.%d.7 - - [%02d/%s/%d:%02d:%02d:%02d +0000] \"GET /p%d.html HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0\"\n",
		client, d, time.Month(m).String()[:3], y, second/3600, second/60%60, second%60, page, 100+page)
}

// someHits are lines of today and of yesterday, about in the order of their times.
func someHits(seed uint64, n int) (lines []string) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		day, second := today, 36000+10*i+rnd.IntN(600)
		if rnd.IntN(3) == 0 {
			day, second = today-1, second+36000
		}
		lines = append(lines, hitLine(day, second, rnd.IntN(20), rnd.IntN(6)))
	}
	return lines
}

func newTrafficBed(t *testing.T) *bed {
	b := newBed(t)
	b.countTraffic()
	return b
}

func (b *bed) countTraffic() {
	opt := traffic.Defaults()
	b.cfg.Traffic = &opt
}

// hitFilter is a filter that counts hits.
func (b *bed) hitFilter(cal filter.Calendar) *filter.Filter { return filter.New(b.hitConfig(), cal) }

func (b *bed) hitConfig() filter.Config {
	parser, err := format.New("combined", time.UTC, nil)
	require.NoError(b, err)
	redact, err := treatment.NewRedact()
	require.NoError(b, err)
	return filter.Config{Parser: parser, Redact: redact, Limits: b.cfg.Limits, CountV6: 128, Traffic: &filter.Traffic{Options: *b.cfg.Traffic, Zone: time.UTC}}
}

// hits is one run of the program.
func (b *bed) hits(lines ...string) {
	s := b.open()
	f := b.hitFilter(s)
	b.feedHits(f, s, lines...)
	require.NoError(b, s.KeepTraffic(f.ExpiredTraffic(), false))
	require.NoError(b, s.Close())
}

func (b *bed) feedHits(f *filter.Filter, s *Store, lines ...string) {
	q := filter.NewQueue(quiet{s}, 64<<20)
	require.NoError(b, f.Run(strings.NewReader(strings.Join(lines, "")), q))
	require.True(b, q.Close(context.Background()))
}

// quiet is a Store whose Tick the test calls itself.
type quiet struct{ *Store }

func (quiet) Tick() time.Duration { return time.Hour }

// figures is the file of a day.
func (b *bed) figures(day civil.Day) string { return b.read(dir.Traffic, dir.TrafficFile(day)) }

// killHits leaves of a process what a kill -9 does: its journals have no end, and nobody
// has their locks.
func (b *bed) killHits(s *Store) {
	before := b.typed()
	s.hitJournals.Close()
	s.hits.files.Resign()
	for name, text := range before {
		require.NoError(b, os.WriteFile(b.path(dir.Journal, name), text, 0o600))
	}
	b.kill(s)
	kill(s)
}

// typed is what is in the journals of records with types, by name.
func (b *bed) typed() map[string][]byte {
	all := map[string][]byte{}
	for _, name := range b.names(dir.Journal) {
		if _, ok := dir.TypedDay(name); ok {
			text, err := os.ReadFile(b.path(dir.Journal, name))
			require.NoError(b, err)
			all[name] = text
		}
	}
	return all
}

// whole is what one reading of the sorted whole makes of lines, by day.
func whole(t *testing.T, lines []string) map[civil.Day]string {
	b := newTrafficBed(t)
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[strings.Index(a, "["):], b[strings.Index(b, "["):]) })
	b.hits(lines...)
	return map[civil.Day]string{today: b.figures(today), today - 1: b.figures(today - 1)}
}

func TestTrafficOfProcesses(t *testing.T) {
	lines := someHits(1, 400)
	want := whole(t, lines)
	require.Contains(t, want[today-1], "\npage ")
	check := func(b *bed) {
		b.Helper()
		for day, text := range want {
			assert.Equal(b, text, b.figures(day), day)
		}
	}
	t.Run("two that overlap, and late lines", func(t *testing.T) {
		b := newTrafficBed(t)
		s1, s2 := b.open(), b.open()
		f1, f2 := b.hitFilter(s1), b.hitFilter(s2)
		for i := 0; i < len(lines); i += 40 {
			b.feedHits(f1, s1, lines[i:i+10]...)
			b.feedHits(f2, s2, lines[i+10:i+40]...)
			b.pass(s1, time.Minute)
			b.tick(s2)
		}
		require.NoError(t, s1.Close())
		require.NoError(t, s2.Close())
		check(b)
		st, err := os.Stat(b.path(dir.Traffic, dir.TrafficFile(today)))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), st.Mode().Perm(), "its day is not over")
		st, err = os.Stat(b.path(dir.Traffic, dir.TrafficFile(today-1)))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), st.Mode().Perm())
		assert.Empty(t, b.heard())
	})
	t.Run("reloads, and journals that are folded", func(t *testing.T) {
		b := newTrafficBed(t)
		for i := 0; i < len(lines); i += 20 {
			b.hits(lines[i : i+20]...)
			b.set(b.cfg.Now().Add(3 * time.Minute))
		}
		before := len(b.typed())
		b.purge()
		assert.Less(t, len(b.typed()), before)
		b.hits()
		check(b)
		sealed := map[string]int{}
		for _, text := range b.typed() {
			sealed[string(text[len(text)-16:])]++
		}
		for _, n := range sealed {
			assert.Equal(t, 1, n)
		}
	})
	t.Run("a copy of a journal, as a crash within a fold leaves", func(t *testing.T) {
		b := newTrafficBed(t)
		b.hits(lines...)
		for name, text := range b.typed() {
			day, _ := dir.TypedDay(name)
			require.NoError(t, os.WriteFile(b.path(dir.Journal, dir.NewTypedJournal(day)), text, 0o600))
		}
		require.NoError(t, os.RemoveAll(b.path(dir.Traffic)))
		b.hits()
		check(b)
	})
	t.Run("a journal that is deleted", func(t *testing.T) {
		b := newTrafficBed(t)
		s := b.open()
		f := b.hitFilter(s)
		b.feedHits(f, s, lines[:100]...)
		require.NoError(t, os.RemoveAll(b.path(dir.Journal)))
		b.pass(s, time.Minute)
		b.feedHits(f, s, lines[100:]...)
		require.NoError(t, s.Close())
		check(b)
		b.heard()
	})
	t.Run("midnight, and the end of the retention", func(t *testing.T) {
		b := newTrafficBed(t)
		s := b.open()
		f := b.hitFilter(s)
		b.feedHits(f, s, lines...)
		b.pass(s, time.Minute)
		check(b)
		b.pass(s, 12*time.Hour)
		b.feedHits(f, s) // lets the clock come to the filter
		st, err := os.Stat(b.path(dir.Traffic, dir.TrafficFile(today)))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), st.Mode().Perm(), "its day is over")
		b.pass(s, 15*24*time.Hour)
		assert.Empty(t, b.typed())
		require.NoError(t, s.Close())
		check(b)
		b.hits(lines[0])
		check(b)
		assert.Contains(t, b.heard(), "one day has traffic figures already; they were left alone")
	})
}

// TestTrafficExpired: past the retention a day's file is made at the end of the input,
// where there is none.
func TestTrafficExpired(t *testing.T) {
	b := newTrafficBed(t)
	old := today - 30
	b.hits(hitLine(old, 36000, 1, 1), hitLine(old, 36100, 1, 2))
	assert.Contains(t, b.figures(old), "total 2 2 203 1 1 people\n")
	assert.Empty(t, b.typed())
	b.hits(hitLine(old, 36000, 1, 1))
	assert.Contains(t, b.figures(old), "total 2 2 203 1 1 people\n")
	assert.Contains(t, b.heard(), "one day has traffic figures already")
}

// TestTrafficSealed: no record can be read without the day's key.
func TestTrafficSealed(t *testing.T) {
	b := newTrafficBed(t)
	b.hits(hitLine(today, 36000, 1, 1), strings.Replace(hitLine(today, 36001, 1, 1), "/p1.html", "/token-of-somebody", 1))
	for _, text := range b.typed() {
		for _, secret := range []string{"198.51", "p1.html", "token", "Mozilla"} {
			assert.NotContains(t, string(text), secret)
		}
	}
	require.NoError(t, os.Remove(b.path(dir.Keys, dir.KeyFile(today))))
	require.NoError(t, os.RemoveAll(b.path(dir.Traffic)))
	b.hits()
	assert.Equal(t, none, b.figures(today))
	b.heard()
}

// typedOf are the names of the journals of a day.
func (b *bed) typedOf(day civil.Day) (names []string) {
	for name := range b.typed() {
		if of, _ := dir.TypedDay(name); of == day {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestTrafficPastAnotherBound: a day whose lines are past a bound beside the period has no
// key any more, and its journal is not written again under another.
func TestTrafficPastAnotherBound(t *testing.T) {
	b, berlin := hoursBed(t)
	b.countTraffic()
	s := b.open()
	cfg := b.hitConfig()
	cfg.Hours, cfg.Traffic.Zone = true, berlin
	yesterday := civil.DayOf(b.now) - 1
	b.feedHits(filter.New(cfg, s), s, lineAt(time.Date(2026, 11, 26, 16, 1, 0, 0, berlin), "a"))
	before := b.typedOf(yesterday)
	require.Len(t, before, 1)
	for b.now.Hour() < 23 {
		b.pass(s, 30*time.Minute)
	}
	require.NotContains(t, b.names(dir.Keys), dir.KeyFile(yesterday))
	for range 3 {
		b.pass(s, time.Minute)
		s.Hit(yesterday, traffic.Part{}, []byte("late"))
		assert.Subset(t, before, b.typedOf(yesterday))
	}
	assert.NotContains(t, b.names(dir.Keys), dir.KeyFile(yesterday))
	require.NoError(t, s.Close())
	assert.Subset(t, before, b.typedOf(yesterday))
	b.heard()
}

// TestTrafficOfAnErasedDay: what a day had when it was deleted on purpose is not written
// again, whatever comes between that and the next look at the marks.
func TestTrafficOfAnErasedDay(t *testing.T) {
	old, late := today-3, hitLine(today-3, 36500, 9, 5)
	for name, tt := range map[string]struct {
		then func(b *bed, s *Store)
		want string // of the day that is read anew
	}{
		"a late line":          {func(b *bed, s *Store) { b.feedHits(b.hitFilter(s), s, late) }, "total 1 1 105 1 1 people\n"},
		"a flush":              {func(b *bed, s *Store) { s.flushTraffic(s.dir.Load()) }, ""},
		"the end of the input": {func(b *bed, s *Store) { s.Settle(context.Background()) }, ""},
		"another DIR": {func(b *bed, s *Store) {
			require.NoError(b, os.Rename(b.dir, b.dir+".away"))
			s.mu.Lock()
			s.reopen(s.dir.Load())
			s.mu.Unlock()
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTrafficBed(t)
			s := b.open()
			b.feedHits(b.hitFilter(s), s, hitLine(old, 36000, 1, 1), hitLine(old, 36001, 2, 1))
			b.pass(s, time.Minute)
			require.Contains(t, b.figures(old), "total 2 2 ")
			s.rounds.files.busy.Lock() // a round that began before hangs, and sees the mark
			b.set(b.now.Add(time.Minute))
			s.rounds.patience = time.Millisecond
			s.Tick()
			_, _, err := PurgeDay(b.cfg.Directory, old)
			require.NoError(t, err)
			s.rounds.files.busy.Unlock()
			<-s.rounds.running
			tt.then(b, s)
			require.NoError(t, s.Close())
			require.NoError(t, os.RemoveAll(b.path(dir.Traffic)))
			b.hits() // from the journals alone
			if got := b.figures(old); tt.want == "" {
				assert.Equal(t, none, got)
				assert.Empty(t, b.typedOf(old))
			} else {
				assert.Contains(t, got, tt.want)
			}
			b.heard()
		})
	}
}

// TestTrafficIsOpenOnceOver: a file that stays as it is can be read by others once its day
// is over, as one that is written.
func TestTrafficIsOpenOnceOver(t *testing.T) {
	begin := func(t *testing.T) (b *bed, mode func() os.FileMode) {
		b = newTrafficBed(t)
		b.cfg.Keep = 2
		b.hits(hitLine(today, 36000, 1, 1), hitLine(today, 36001, 2, 1))
		require.NoError(t, os.RemoveAll(b.path(dir.Journal)))
		return b, func() os.FileMode {
			st, err := os.Stat(b.path(dir.Traffic, dir.TrafficFile(today)))
			require.NoError(t, err)
			return st.Mode().Perm()
		}
	}
	t.Run("it has more than the journals", func(t *testing.T) {
		b, mode := begin(t)
		s := b.open()
		b.feedHits(b.hitFilter(s), s, hitLine(today, 36002, 3, 1))
		b.pass(s, time.Minute)
		require.Contains(t, b.heard(), "has more hits than its journals")
		assert.Equal(t, os.FileMode(0o600), mode())
		b.pass(s, 13*time.Hour)
		assert.Equal(t, os.FileMode(0o640), mode())
		require.NoError(t, s.Close())
		b.heard()
	})
	t.Run("its lines come once more", func(t *testing.T) {
		b, mode := begin(t)
		s := b.open()
		b.pass(s, 48*time.Hour)
		require.Equal(t, os.FileMode(0o600), mode())
		f := b.hitFilter(s)
		b.feedHits(f, s, hitLine(today, 36000, 1, 1))
		require.NoError(t, s.KeepTraffic(f.ExpiredTraffic(), false))
		require.Contains(t, b.heard(), "one day has traffic figures already")
		assert.Equal(t, os.FileMode(0o640), mode())
		require.NoError(t, s.Close())
		b.heard()
	})
}

// TestTrafficThatWaits: figures that the journals do not take are waited for, and an error
// once they are dropped.
func TestTrafficThatWaits(t *testing.T) {
	begin := func(t *testing.T) (*bed, *Store, func()) {
		b := newTrafficBed(t)
		b.cfg.Keep = 1
		s := b.open()
		allow := b.refuseJournals()
		b.feedHits(b.hitFilter(s), s, hitLine(today, 36000, 1, 1))
		s.journals.Forget(map[civil.Day]bool{today: true}) // those of rooms
		b.heard()
		return b, s, allow
	}
	t.Run("at the end", func(t *testing.T) {
		b, s, _ := begin(t)
		err := s.Close()
		assert.ErrorContains(t, err, b.path(dir.Journal))
		assert.ErrorContains(t, err, "traffic figures of "+today.String()+" waited in memory and are lost")
		b.heard()
	})
	t.Run("past the retention", func(t *testing.T) {
		b, s, allow := begin(t)
		b.pass(s, 13*time.Hour)
		assert.Contains(t, b.heard(), b.dir+": traffic figures of "+today.String()+" waited in memory and are lost")
		allow()
		require.NoError(t, s.Close())
		b.heard()
	})
	t.Run("for the disk", func(t *testing.T) {
		b, s, allow := begin(t)
		assert.ErrorContains(t, s.flushTraffic(s.dir.Load()), b.path(dir.Journal))
		allow()
		s.Settle(t.Context())
		assert.Len(t, b.typedOf(today), 1)
		require.NoError(t, s.Close())
		assert.Contains(t, b.figures(today), "total 1 1 ")
		b.heard()
	})
}

// keptInput is a filter.CommitReader in memory, and counts the steps of those that work on it.
type keptInput struct {
	text string
	rnd  *rand.Rand

	mu    sync.Mutex
	head  int // bytes that are committed
	read  int
	left  int  // steps to the kill
	dead  bool // nothing that happens now leaves a trace
	steps int
}

func (k *keptInput) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.dead:
		return 0, input.ErrStopped
	case k.read == len(k.text):
		return 0, io.EOF
	}
	n := copy(p, k.text[k.read:min(len(k.text), k.head+most)])
	if k.read > k.head || k.steps > 0 { // what comes first stands there already
		n = min(n, 1+k.rnd.IntN(1500))
	}
	k.read += n
	return n, nil
}

// most is how much is read and not committed.
const most = 4000

func (k *keptInput) Ready() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead || k.read < min(len(k.text), k.head+most)
}

func (k *keptInput) Patient() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.dead
}

func (k *keptInput) Alarm(func()) (func(time.Duration), func()) { return nil, func() {} }

func (k *keptInput) Commit(n int) error {
	if k.step() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.head += n
	}
	return nil
}

// step reports whether the process lives.
func (k *keptInput) step() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.steps++
	k.left--
	k.dead = k.dead || k.left < 0
	return !k.dead
}

// dying is a Sink that is killed.
type dying struct {
	*Store
	in *keptInput
}

func (m dying) Append(day civil.Day, lines []byte) (int, error) {
	if m.in.step() {
		return m.Store.Append(day, lines)
	}
	return len(lines), nil
}

func (m dying) Count(day civil.Day, keyID [8]byte, records []byte) {
	if m.in.step() {
		m.Store.Count(day, keyID, records)
	}
}

func (m dying) Hit(day civil.Day, part traffic.Part, hits []byte) {
	if m.in.step() {
		m.Store.Hit(day, part, hits)
	}
}

func (dying) Tick() time.Duration { return time.Hour }

const twoStreams = `
[[stream]]
name = "all"
purpose = "faults"
keep = "14d"

[[stream]]
name = "some"
purpose = "figures"
keep = "14d"
where = { url = ["/p1.html", "/p2.html"] }
`

// TestTrafficKilled kills at every step of batches of two days and two streams, twice, and
// goes on at what was not committed.
func TestTrafficKilled(t *testing.T) {
	p, mistakes := policy.Parse([]byte(strings.TrimPrefix(twoStreams, "\n")))
	require.Empty(t, mistakes)
	lines := someHits(7, 60)
	var some []string
	for _, line := range lines {
		if strings.Contains(line, "/p1.html") || strings.Contains(line, "/p2.html") {
			some = append(some, line)
		}
	}
	want := []map[civil.Day]string{whole(t, lines), whole(t, some)}
	compared, lost := 0, 0
	for kill := 0; ; kill++ {
		beds := []*bed{newTrafficBed(t), newTrafficBed(t)}
		in := &keptInput{text: strings.Join(lines, ""), rnd: rand.New(rand.NewPCG(uint64(kill), 1))}
		steps := 0
		for _, left := range []int{kill, kill % 7, 1 << 30} {
			in.read, in.left, in.dead, in.steps = in.head, left, false, 0
			runTwoStreams(t, beds, p, in)
			steps = max(steps, in.steps)
		}
		for i, b := range beds {
			if b.distinctLines() < len([][]string{lines, some}[i]) {
				t.Logf("killed at %d: a disk that took more than 50 ms was not waited for, and lines are lost", kill)
				b.heard()
				lost++
				continue
			}
			compared++
			for day, text := range want[i] {
				require.Equal(t, text, b.figures(day), "killed at %d and %d: stream %d, %s", kill, kill%7, i, day)
			}
			b.heard()
		}
		if kill > steps {
			t.Logf("%d kills", 2*kill)
			require.Greater(t, compared, 4*lost, "most of the figures were compared")
			return
		}
	}
}

// distinctLines is how many different lines the files of both days have.
func (b *bed) distinctLines() int {
	lines := map[string]bool{}
	for _, day := range []civil.Day{today - 1, today} {
		for line := range strings.Lines(b.read(logFile(day))) {
			lines[line] = true
		}
	}
	return len(lines)
}

func runTwoStreams(t *testing.T, beds []*bed, p *policy.Policy, in *keptInput) {
	streams, queues, stores := make([]filter.Stream, len(beds)), make([]*filter.Queue, len(beds)), make([]*Store, len(beds))
	for i, b := range beds {
		stores[i] = b.open()
		queues[i] = filter.NewQueue(dying{stores[i], in}, 64<<20)
		streams[i] = filter.Stream{Filter: b.hitFilter(stores[i]), Get: queues[i].Get}
	}
	cfg := beds[0].hitConfig()
	cfg.Traffic = nil
	fan := filter.NewFan(queues)
	err := filter.NewStreams(cfg, where.New(p), streams).Run(in, fan)
	fan.Close(context.Background())
	for i, b := range beds {
		if in.dead {
			b.killHits(stores[i])
		} else {
			require.NoError(t, err)
			require.NoError(t, stores[i].Close())
		}
	}
}
