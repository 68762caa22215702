package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/audit"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// killed is a process that a kill -9 ends: no Close, and its locks are gone.
func (b *bed) killed(text string) {
	s := b.open()
	b.feed(b.newFilter(s), s, text)
	b.kill(s)
}

// kill leaves of a process what a kill -9 does.
func (b *bed) kill(s *Store) {
	s.journals.Close()
	s.rounds.files.Resign()
}

// purge is hushpipe purge, where rooms are counted. On a busy machine it is tried again.
func (b *bed) purge() {
	_, err := purge(b.cfg, false)
	for tries := 1; tries < 10 && err != nil && slow.MatchString(err.Error()); tries++ {
		_, err = purge(b.cfg, false)
	}
	require.NoError(b, err)
}

// journals returns what is in a day's journals, by name.
func (b *bed) journals(day civil.Day) map[string]journal.Info {
	infos := map[string]journal.Info{}
	for _, name := range b.names(dir.Journal) {
		if d, ok := dir.OwnDay(dir.Journal, name); ok && d == day {
			f, err := os.Open(b.path(dir.Journal, name))
			require.NoError(b, err)
			infos[name], err = journal.Read(f, 0, func([]byte) error { return nil })
			require.NoError(b, err)
			require.NoError(b, f.Close())
		}
	}
	return infos
}

// The journals of processes that have ended become one, those of live ones stay.
func TestFold(t *testing.T) {
	for _, tt := range []struct {
		name string
		next func(b *bed)
	}{
		{"at the next start", func(b *bed) { b.process("") }},
		{"by purge", func(b *bed) { b.purge() }},
		{"hourly", func(b *bed) {
			s := b.open()
			b.killed(users(today, "c", 1, 1))
			b.killed(users(today, "c", 2, 2))
			b.pass(s, time.Hour)
			require.NoError(b, s.Close())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			live := b.open()
			f := b.newFilter(live)
			b.feed(f, live, users(today, "a", 1, 1)+users(today-3, "a", 1, 1))
			for i := range 5 {
				b.killed(users(today, "a", i, i+1) + users(today-1, "b", i, i))
			}
			require.NoError(t, os.RemoveAll(b.path("rooms")))
			tt.next(b)
			b.pass(live, time.Minute) // it writes the room files
			assert.Len(t, b.journals(today), 2, "that of the live process and the folded one")
			assert.Len(t, b.journals(today-1), 1)
			assert.Len(t, b.journals(today-3), 1)
			assert.Contains(t, b.rooms(today), "6 a\n")
			assert.Equal(t, "5 b\n", b.rooms(today-1))

			// The live one goes on in its file.
			b.feed(f, live, users(today, "a", 8, 9))
			require.NoError(t, live.Close())
			assert.Contains(t, b.rooms(today), "8 a\n")
			assert.Len(t, b.journals(today), 2)
			b.purge()
			assert.Len(t, b.journals(today), 1)
			require.NoError(t, os.RemoveAll(b.path("rooms")))
			before := b.names(dir.Journal)
			b.purge()
			assert.Contains(t, b.rooms(today), "8 a\n")
			assert.Equal(t, before, b.names(dir.Journal), "one that is folded is left alone")
			assert.Empty(t, b.heard())
		})
	}
}

// What headers tell apart stays apart.
func TestFoldKeepsOrigins(t *testing.T) {
	b := newBed(t)
	settings := []string{"ip=ipcrypt;rooms=jitsi;", "ip=pfx;rooms=jitsi;"}
	for range 2 { // keys
		for range 3 {
			for _, b.cfg.Settings = range settings {
				b.killed(users(today, "a", 1, 2))
			}
		}
		require.NoError(t, os.Remove(b.path(dir.Keys, today.String()+".key")))
	}
	b.purge()
	origins := map[string]int{}
	for _, info := range b.journals(today) {
		origins[fmt.Sprintf("%x %s", info.KeyID, info.Settings)]++
	}
	assert.Len(t, origins, 4)
	assert.Len(t, b.journals(today), 4)
	assert.Equal(t, "4 a\n", b.rooms(today))
	assert.True(t, b.counts(today).UpperBound)
}

// Without a period of its own, purge folds by the rule that DIR records.
func TestPurgeFoldsByTheRule(t *testing.T) {
	b := newBed(t)
	for range 3 {
		b.killed(users(today, "a", 1, 2))
	}
	b.cfg.Keep = 0
	b.purge()
	assert.Len(t, b.journals(today), 1)
	assert.Equal(t, "2 a\n", b.rooms(today))
}

// A process that counts no rooms makes no directory for them.
func TestFoldWithoutRooms(t *testing.T) {
	b := newBed(t)
	b.cfg.Counting, b.cfg.Settings = false, "ip=ipcrypt;"+counts.NoRooms
	for range 3 {
		b.killed(users(today, "a", 1, 1))
	}
	b.purge()
	assert.Len(t, b.journals(today), 1)
	assert.NoDirExists(t, b.path("rooms"))
}

// A crash leaves the parts beside what they became, or some of them, or a file
// in the making.
func TestCrashWhileFolding(t *testing.T) {
	b := newBed(t)
	for i := range 4 {
		b.killed(users(today, "a", i, i+1))
	}
	parts := map[string]string{}
	for _, name := range b.names(dir.Journal) {
		parts[name] = b.read(dir.Journal, name)
	}
	b.purge()
	for left := range 1 << len(parts) {
		i := 0
		for name, text := range parts {
			if left&(1<<i) != 0 {
				require.NoError(t, os.WriteFile(b.path(dir.Journal, name), []byte(text), 0o600))
			}
			i++
		}
		temp := b.path(dir.Journal, ".hushpipe-0123456789abcdef")
		require.NoError(t, os.WriteFile(temp, []byte("HPJ"), 0o600))
		require.NoError(t, os.RemoveAll(b.path("rooms")))
		assert.Equal(t, "5 a\n", b.counts(today).String())
		b.purge()
		require.Equal(t, "5 a\n", b.rooms(today))
		require.Equal(t, "5 a\n", b.counts(today).String())
		require.Len(t, b.journals(today), 1)
		require.NoFileExists(t, temp)
	}
	assert.Empty(t, b.heard())
}

// While one process folds, others read and write: their union stays exact.
func TestFoldBesideReaders(t *testing.T) {
	b := newBed(t)
	b.killed(users(today, "a", 1, 1))
	const rounds = 30
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			last := 0
			for {
				ended := false
				select {
				case <-stop:
					ended = true // before this reading
				default:
				}
				c, err := counts.Read(b.dir, today)
				assert.NoError(t, err)
				var n int
				fmt.Sscan(string(roomfile.Append(nil, c.Rooms)), &n)
				assert.GreaterOrEqual(t, n, last)
				last = n
				if ended {
					assert.Equal(t, 1+rounds, last)
					return
				}
				require.NoError(t, os.RemoveAll(b.path("rooms", dir.RoomFile(today))))
			}
		})
	}
	for i := range rounds {
		b.killed(users(today, "a", 2+i, 2+i))
		b.purge()
	}
	close(stop)
	readers.Wait()
	assert.Empty(t, b.heard())
}

// Five processes on one DIR across a midnight, with late lines: the lines are
// whole, the room files the exact union, the journals few and readable.
func TestFiveProcessesAcrossMidnight(t *testing.T) {
	b := newBed(t)
	b.set(noon.Add(11*time.Hour + 50*time.Minute))
	const processes, rounds = 5, 20
	want := map[civil.Day]map[string]map[int]bool{}
	lines := map[civil.Day]int{}
	var mu sync.Mutex
	var started, done sync.WaitGroup
	started.Add(processes)
	for p := range processes {
		done.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(p), 1))
			s := b.open()
			f := b.newFilter(s)
			started.Done()
			started.Wait()
			for round := range rounds {
				var text strings.Builder
				for range 1 + rnd.IntN(40) {
					day := today + civil.Day(min(round/10, 1)) - civil.Day(rnd.IntN(2))
					room, user := string(rune('a'+rnd.IntN(3))), 1+rnd.IntN(250)
					text.WriteString(users(day, room, user, user))
					mu.Lock()
					if want[day] == nil {
						want[day] = map[string]map[int]bool{}
					}
					if want[day][room] == nil {
						want[day][room] = map[int]bool{}
					}
					want[day][room][user] = true
					lines[day]++
					mu.Unlock()
				}
				b.feed(f, s, text.String())
				if p == 0 {
					b.set(b.cfg.Now().Add(time.Minute))
				}
				b.tick(s)
			}
			assert.NoError(t, s.Close())
		})
	}
	done.Wait()
	for day := range want {
		counts := map[string]int{}
		for room, users := range want[day] {
			counts[room] = len(users)
		}
		for room, n := range counts {
			assert.Contains(t, b.rooms(day), fmt.Sprintf("%d %s\n", n, room))
		}
		assert.Equal(t, len(counts), strings.Count(b.rooms(day), "\n"))
		assert.Equal(t, lines[day], b.lines(day))
		for line := range strings.Lines(b.read(logFile(day))) {
			assert.Regexp(t, `^[0-9a-f:.]+ - - \[.*\] "GET /http-bind\?room=[abc] HTTP/1\.1" 200 5 "-" "-"\n$`, line)
		}
		assert.LessOrEqual(t, len(b.journals(day)), processes)
		for name, info := range b.journals(day) {
			assert.True(t, info.HeaderOK && info.Damaged == 0 && !info.Torn, name)
		}
	}
	require.Len(t, want, 3)
	b.purge()
	for day := range want {
		assert.Len(t, b.journals(day), 1)
	}
	assert.Empty(t, b.heard())
}

// damaged is a DIR whose one journal, of a frame for each of the users 1…3 of
// room a, can be changed and is then read by the next process.
type damaged struct {
	*bed
	name string
	good []byte
	full string // the room file
	at   []int  // where the frames begin; the last is the end
}

func newDamaged(t *testing.T) *damaged {
	d := &damaged{bed: newBed(t)}
	if memory, err := os.MkdirTemp("/dev/shm", "hushpipe-test-"); err == nil { // a disk's fsync takes long
		t.Cleanup(func() { os.RemoveAll(memory) })
		d.dir = filepath.Join(memory, "log")
		d.cfg.Path = d.dir
	}
	d.cfg.Settings = "ip=x;"
	s := d.open()
	f := d.newFilter(s)
	for i := 1; i <= 3; i++ {
		if d.feed(f, s, users(today, "a", i, i)); i == 1 {
			d.name = d.names(dir.Journal)[0]
			d.at = []int{len(d.read(dir.Journal, d.name)) - 38}
		}
		d.at = append(d.at, len(d.read(dir.Journal, d.name)))
	}
	require.NoError(t, s.Close())
	d.good = []byte(d.read(dir.Journal, d.name))
	d.full = d.read("rooms", dir.RoomFile(today))
	d.heard()
	return d
}

// check puts data in place of the journal and has it read, first beside the
// room file, then without: that must hold the users of frames that are intact.
func (d *damaged) check(data []byte, intact int, isKept bool) {
	d.Helper()
	require.NoError(d, os.RemoveAll(d.path(dir.Journal)))
	require.NoError(d, os.Mkdir(d.path(dir.Journal), 0o750))
	require.NoError(d, os.WriteFile(d.path("rooms", dir.RoomFile(today)), []byte(d.full), 0o640))
	require.NoError(d, os.WriteFile(d.path(dir.Journal, d.name), data, 0o600))
	d.purge()
	require.Equal(d, "3 a\n", d.rooms(today), "never smaller")
	said := d.heard()
	aside := d.read(dir.Journal, d.name+dir.DamagedSuffix)
	if isKept {
		require.Contains(d, said, d.name)
		require.Contains(d, said, "set aside as "+d.name+dir.DamagedSuffix)
		require.Equal(d, string(data), aside)
	} else {
		require.Equal(d, none, aside)
	}
	// What is intact was moved to a journal that is, and nothing is reported again.
	require.NoError(d, os.Remove(d.path("rooms", dir.RoomFile(today))))
	d.purge()
	if intact > 0 {
		require.Equal(d, fmt.Sprintf("%d a\n", intact), d.rooms(today))
	}
	require.Empty(d, d.heard())
	names := d.names(dir.Journal)
	require.LessOrEqual(d, len(names), 2, "%v", names)
	for name, info := range d.journals(today) {
		require.False(d, info.Damaged > 0 || !info.HeaderOK || info.Torn, name)
	}
}

func TestJournalTruncatedAtEveryByte(t *testing.T) {
	t.Parallel()
	d := newDamaged(t)
	for n := range d.good {
		intact, boundary := 0, n == 0
		for i, at := range d.at {
			if n >= at {
				intact = i
			}
			boundary = boundary || n == at
		}
		d.check(d.good[:n], intact, !boundary)
	}
}

func TestEveryBitOfAJournalFlipped(t *testing.T) {
	t.Parallel()
	d := newDamaged(t)
	for bit := range 8 * len(d.good) {
		data := append([]byte(nil), d.good...)
		data[bit/8] ^= 1 << (bit % 8)
		intact := 3
		if bit/8 >= d.at[0] {
			intact = 2
		}
		d.check(data, intact, true)
	}
}

func TestDamagedJournals(t *testing.T) {
	d := newDamaged(t)
	frame := func(payload string) []byte {
		var buf strings.Builder
		w, err := journal.NewWriter(io.Writer(&buf), [8]byte{}, nil)
		require.NoError(t, err)
		header := buf.Len()
		require.NoError(t, w.Append([]byte(payload)))
		return []byte(buf.String()[header:])
	}
	join := func(parts ...[]byte) []byte {
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	other := append([]byte(nil), d.good[:d.at[0]-4]...)
	other[3] = 2
	other = binary.BigEndian.AppendUint32(other, crc32.Checksum(other, crc32.MakeTable(crc32.Castagnoli)))
	for _, tt := range []struct {
		name   string
		data   []byte
		intact int
		kept   bool
	}{
		{"intact", d.good, 3, false},
		{"empty", nil, 0, false},
		{"no journal at all", []byte("#!/bin/sh\n"), 0, true},
		{"zeros", make([]byte, 100_000), 0, true},
		{"zeros behind it", join(d.good, make([]byte, 4096)), 3, true},
		{"no header", d.good[d.at[0]:], 3, true},
		{"of another version", join(other, d.good[d.at[0]:]), 0, true},
		{"two writers, whole frames", join(d.good, d.good[d.at[0]:]), 3, false},
		{"two writers, each with its header", join(d.good, d.good), 3, true},
		{"two writers, one frame within another", join(d.good[:d.at[1]+20], d.good[d.at[2]:], d.good[d.at[1]+20:d.at[2]]), 2, true},
		{"a payload that is no record", join(d.good, frame("no record")), 3, true},
		{"beginnings of frames", join(d.good, []byte(strings.Repeat("\xf1\xa7\x00\x00\xff\xff", 2000))), 3, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d.T = t
			d.check(tt.data, tt.intact, tt.kept)
		})
	}
}

// A journal whose writer is alive is left alone, and its damage is reported once.
func TestDamagedJournalOfALiveProcess(t *testing.T) {
	b := newBed(t)
	live := b.open()
	f := b.newFilter(live)
	b.feed(f, live, users(today, "a", 1, 4))
	name := b.names(dir.Journal)[0]
	file, err := os.OpenFile(b.path(dir.Journal, name), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	file.WriteString("garbage")
	require.NoError(t, file.Close())
	b.feed(f, live, users(today, "a", 5, 5))
	other := b.open()
	for range 3 {
		b.pass(other, time.Hour)
		b.tick(live)
	}
	assert.Equal(t, 1, strings.Count(b.heard(), name+": damaged in part; its intact part is counted"))
	assert.Equal(t, []string{name}, b.names(dir.Journal))
	assert.Equal(t, []string{b.path(dir.Journal, name)}, b.counts(today).Damaged)
	assert.Equal(t, "5 a\n", b.rooms(today))
	require.NoError(t, live.Close())
	b.heard()
	b.pass(other, time.Hour)
	assert.Contains(t, b.heard(), "set aside as "+name+dir.DamagedSuffix)
	assert.Equal(t, []string{b.path(dir.Journal, name+dir.DamagedSuffix)}, b.counts(today).Damaged, "rooms goes on to say it")
	assert.Equal(t, "5 a\n", b.counts(today).String())
	assert.Empty(t, b.heard())
	status, err := audit.ReadStatus(b.dir, "", b.cfg.Now())
	require.NoError(t, err)
	assert.Empty(t, status.Broken)
	require.Len(t, status.Notes, 1)
	assert.Equal(t, b.path(dir.Journal, name+dir.DamagedSuffix), status.Notes[0].File)
}

// What was kept aside goes with its day.
func TestDamagedFilesAreDeletedWithTheirDay(t *testing.T) {
	b := newBed(t)
	b.process(users(today, "a", 1, 4))
	for _, path := range []string{
		b.path(dir.Journal, b.names(dir.Journal)[0]),
		b.path("rooms", dir.RoomFile(today)),
	} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(text, "garbage\n"...), 0o600))
	}
	b.process("")
	aside := func() []string {
		paths, err := filepath.Glob(b.path("*", "*"+dir.DamagedSuffix))
		require.NoError(t, err)
		return paths
	}
	assert.Len(t, aside(), 2)
	b.heard()
	b.set(noon.AddDate(0, 0, 13))
	s := b.open()
	b.pass(s, time.Hour)
	assert.Len(t, aside(), 2)
	b.set(noon.AddDate(0, 0, 14))
	b.pass(s, 2*time.Hour)
	assert.Empty(t, aside())
	assert.Equal(t, "4 a\n", b.rooms(today))
}
