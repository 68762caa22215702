package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
)

// pairs has the Store count so many addresses in room a.
func (b *bed) pairs(s *Store, day civil.Day, from, to int) {
	var records []byte
	for fp := from; fp <= to; fp++ {
		if records = append(records, record("a", uint64(fp))...); len(records) > 1<<20 {
			s.Count(day, s.Key(day, calendar.Open).ID(), records)
			records = records[:0]
		}
	}
	s.Count(day, s.Key(day, calendar.Open).ID(), records)
}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Of many processes on one DIR one has the pairs of the day in memory, whoever counted them.
// However it ends, another one takes over within a minute.
func TestOneProcessHoldsThePairs(t *testing.T) {
	const processes, many = 20, 200_000
	b := newBed(t)
	first := b.open()
	b.pairs(first, today, 1, many)
	b.pairs(first, today-1, 1, many)
	b.pairs(first, today-5, 1, many)
	require.NoError(t, first.Close())
	before := heap()
	var days []*counts.Reader
	for _, day := range []civil.Day{today, today - 1, today - 5} {
		days = append(days, counts.NewReader(b.dir, day))
		_, err := days[len(days)-1].Read()
		require.NoError(t, err)
	}
	one := heap() - before // of three days
	runtime.KeepAlive(days)
	days = nil

	before = heap()
	var all []*Store
	for range processes {
		all = append(all, b.open())
	}
	holders := func() (n int) {
		for _, s := range all {
			if held(s.rounds.files.Files, "unions") > 0 {
				n++
			}
		}
		return n
	}
	next := many
	check := func() {
		t.Helper()
		for i, s := range all { // each counts something new
			next++
			b.pairs(s, today, next, next)
			b.pairs(s, today-5-civil.Day(i%3), next, next)
		}
		want := fmt.Sprintf("%d a\n", next)
		b.set(b.cfg.Now().Add(time.Minute))
		for _, s := range all {
			b.tick(s)
		}
		for _, s := range all { // one that took over before others had written
			b.set(b.cfg.Now().Add(time.Minute))
			b.tick(s)
		}
		require.Equal(t, want, b.rooms(today))
		require.Equal(t, b.counts(today-5).String(), b.rooms(today-5))
		require.Equal(t, b.counts(today-6).String(), b.rooms(today-6))
		require.Equal(t, 1, holders())
		require.Less(t, heap()-before, 2*one+int64(processes)<<18)
	}
	check()
	for _, end := range []func(s *Store){
		b.kill,
		func(s *Store) { require.NoError(t, s.Close()) },
		b.kill,
		func(s *Store) { // its lock is deleted
			require.NoError(t, os.Remove(b.path(dir.Locks, dir.WriterLock)))
		},
	} {
		i := 0
		for !all[i].rounds.files.IsWriter() {
			i++
		}
		end(all[i])
		all = append(all[:i], all[i+1:]...)
		check()
	}
	runtime.KeepAlive(all)
	assert.Empty(t, b.heard())
}

// A process that ends leaves its counts to the one that writes the room files, and
// writes them where there is none. replay does not wait for the other.
func TestEndBesideTheWriter(t *testing.T) {
	b := newBed(t)
	writer, other := b.open(), b.open()
	b.feed(b.newFilter(other), other, users(today, "a", 1, 3)+users(today-7, "b", 1, 1))
	require.NoError(t, other.Close())
	assert.Equal(t, none, b.rooms(today))
	assert.Equal(t, "3 a\n", b.counts(today).String(), "rooms has them")
	b.pass(writer, time.Minute)
	assert.Equal(t, "3 a\n", b.rooms(today))
	assert.Equal(t, "1 b\n", b.rooms(today-7))

	b.cfg.Finish = true
	b.process(users(today, "a", 4, 5))
	assert.Equal(t, "5 a\n", b.rooms(today))
	b.cfg.Finish = false

	b.process(users(today, "a", 6, 6) + users(today-8, "b", 1, 2))
	assert.Equal(t, "5 a\n", b.rooms(today))
	require.NoError(t, writer.Close())
	assert.Equal(t, "6 a\n", b.rooms(today), "it ends with what others left to it")
	assert.Equal(t, "2 b\n", b.rooms(today-8))

	b.process(users(today, "a", 7, 7))
	assert.Equal(t, "7 a\n", b.rooms(today))
	assert.Empty(t, b.heard())
}

// However processes that end at the same time follow one another: what they counted is
// in the room files when the last has ended.
func TestAllEndAtOnce(t *testing.T) {
	const processes = 8
	for round := range 25 {
		b := newBed(t)
		var stores []*Store
		for range processes {
			stores = append(stores, b.open())
		}
		var ends sync.WaitGroup
		rnd := rand.New(rand.NewPCG(uint64(round), 1))
		for i, s := range stores {
			pause := time.Duration(rnd.IntN(4000)) * time.Microsecond
			ends.Go(func() {
				time.Sleep(pause) // they meet in another way each time
				b.pairs(s, today-civil.Day(i%3), i+1, i+1)
				b.pairs(s, today-10, i+1, i+1)
				assert.NoError(t, s.Close())
			})
		}
		ends.Wait()
		require.Equal(t, fmt.Sprintf("%d a\n", processes), b.rooms(today-10))
		for d := range civil.Day(3) {
			require.Equal(t, b.counts(today-d).String(), b.rooms(today-d))
		}
		require.Empty(t, b.heard())
	}
}

// While the writer is stopped, counts are late and nothing else: no process is held
// up, and what expires reaches its room file.
func TestWriterIsStopped(t *testing.T) {
	b := newBed(t)
	stopped, other := b.open(), b.open()
	f := b.newFilter(other)
	b.feed(f, other, users(today, "a", 1, 3))
	b.pass(other, 2*time.Hour)
	assert.Equal(t, none, b.rooms(today))
	assert.Equal(t, "3 a\n", b.counts(today).String())
	b.pass(other, 14*24*time.Hour)
	assert.Empty(t, b.names(dir.Journal))
	assert.Equal(t, "3 a\n", b.rooms(today))
	assert.Zero(t, held(other.rounds.files.Files, "unions"))
	b.feed(f, other, users(today+14, "a", 1, 1))
	require.NoError(t, other.Close())
	assert.Equal(t, none, b.rooms(today+14))
	b.tick(stopped) // it goes on
	assert.Equal(t, "1 a\n", b.rooms(today+14))
	assert.Equal(t, "3 a\n", b.rooms(today))
	require.NoError(t, stopped.Close())
	assert.Empty(t, b.heard())
}

// An expired day that could not be written stays in memory in the process that read its
// journals, and only until it is written.
func TestExpiredDayWaitsBesideTheWriter(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 1
	writer, other := b.open(), b.open()
	b.feed(b.newFilter(other), other, users(today, "a", 1, 3))
	require.NoError(t, os.WriteFile(b.path(dir.Rooms), nil, 0o640))
	b.pass(other, 24*time.Hour)
	assert.Empty(t, b.names(dir.Journal))
	assert.Contains(t, b.heard(), b.path(dir.Rooms))
	require.NoError(t, os.Remove(b.path(dir.Rooms)))
	b.pass(other, time.Minute)
	assert.Equal(t, "3 a\n", b.rooms(today))
	assert.Zero(t, held(other.rounds.files.Files, "unions"))
	runtime.KeepAlive(writer)
}

// What a day took is free again once the day is over, also in a process that has
// nothing to do.
func TestUnionsAreReleased(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.pairs(s, today, 1, 100_000)
	b.pass(s, time.Minute)
	require.Equal(t, 1, held(s.rounds.files.Files, "unions"))
	with := heap()
	b.pass(s, 2*24*time.Hour)
	assert.Zero(t, held(s.rounds.files.Files, "unions"))
	assert.Less(t, heap(), with-1_000_000)
	assert.Equal(t, "100000 a\n", b.rooms(today))
	runtime.KeepAlive(s)
}

// At midnight all processes delete the expired day. One reads its journals before.
func TestOneProcessReadsWhatExpires(t *testing.T) {
	b := newBed(t)
	var all []*Store
	for range 20 {
		all = append(all, b.open())
	}
	for _, s := range all {
		b.pairs(s, today, 1, 20_000)
	}
	b.pass(all[0], 13*24*time.Hour+11*time.Hour)
	b.set(b.cfg.Now().Add(time.Hour))
	var looks sync.WaitGroup
	for _, s := range all {
		looks.Go(func() { s.keeper.Check() })
	}
	looks.Wait()
	read := 0
	for _, s := range all {
		read += held(s.ledger, "expiring")
	}
	assert.Equal(t, 1, read)
	assert.Empty(t, b.names(dir.Journal))
	for _, s := range all {
		b.tick(s)
	}
	assert.Equal(t, "20000 a\n", b.rooms(today))
	assert.Empty(t, b.heard())
}

// One that was stopped while it read what expires holds up the others for a moment.
func TestReaderOfWhatExpiresIsStopped(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 3))
	b.pass(s, 13*24*time.Hour+11*time.Hour)
	unlock, err := b.openDir().LockExpiring(0)
	require.NoError(t, err)
	defer unlock()
	b.set(b.cfg.Now().Add(time.Hour))
	began := time.Now()
	s.keeper.Check()
	assert.Less(t, time.Since(began), 2*2*time.Second+retention.DeletePatience)
	assert.Empty(t, b.names(dir.Journal))
	require.NoError(t, os.Remove(b.path(dir.Rooms, dir.RoomFile(today))))
	b.tick(s)
	assert.Equal(t, "3 a\n", b.rooms(today))
	assert.Empty(t, b.heard())
}

// Any process has the figures of the day, from the room file.
func TestFiguresBesideTheWriter(t *testing.T) {
	b := newBed(t)
	writer, other := b.open(), b.open()
	b.feed(b.newFilter(other), other, users(today, "a", 1, 3)+users(today, "b", 1, 2))
	for range 2 {
		b.set(b.cfg.Now().Add(time.Minute))
		b.tick(writer)
		b.tick(other)
	}
	for _, s := range []*Store{writer, other} {
		assert.Equal(t, 2, s.Figures().Rooms)
		assert.Equal(t, 5, s.Figures().Pairs)
	}
	require.NoError(t, os.Remove(b.path(dir.Rooms, dir.RoomFile(today))))
	b.pass(other, time.Minute)
	assert.Zero(t, other.Figures().Pairs)
}

// Processes come, end and are killed at any time; the counts stay exact.
func TestExactAcrossTakeovers(t *testing.T) {
	b := newBed(t)
	want := map[civil.Day]map[int]bool{}
	rnd := rand.New(rand.NewPCG(3, 5))
	type process struct {
		s *Store
		f *filter.Filter
	}
	var live []process
	for range 300 {
		for len(live) < 5 {
			s := b.open()
			live = append(live, process{s, b.newFilter(s)})
		}
		i := rnd.IntN(len(live))
		p := live[i]
		day, user := today-civil.Day(rnd.IntN(4)), 1+rnd.IntN(200)
		if want[day] == nil {
			want[day] = map[int]bool{}
		}
		want[day][user] = true
		b.feed(p.f, p.s, users(day, "a", user, user))
		switch rnd.IntN(12) {
		case 0:
			b.kill(p.s)
			live = append(live[:i], live[i+1:]...)
		case 1:
			require.NoError(t, p.s.Close())
			live = append(live[:i], live[i+1:]...)
		case 2:
			b.set(b.cfg.Now().Add(time.Minute))
			b.tick(live[rnd.IntN(len(live))].s)
		}
	}
	b.set(b.cfg.Now().Add(time.Minute))
	for range 2 {
		b.set(b.cfg.Now().Add(time.Minute))
		for _, p := range live {
			b.tick(p.s)
		}
	}
	for day, users := range want {
		assert.Equal(t, fmt.Sprintf("%d a\n", len(users)), b.rooms(day))
	}
	writers := 0
	for _, p := range live {
		if p.s.rounds.files.IsWriter() {
			writers++
		}
		require.NoError(t, p.s.Close())
	}
	assert.Equal(t, 1, writers)
	assert.NotContains(t, b.heard(), "cannot")
}
