package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Whatever was deleted, restarted or late: the room file holds the union of all
// that was counted.
func TestRoomFileNeverShrinks(t *testing.T) {
	journals := func(b *bed) []string {
		paths, err := filepath.Glob(b.path(dir.Journal, "*"+".journal"))
		require.NoError(b, err)
		require.NotEmpty(b, paths)
		return paths
	}
	for _, tt := range []struct {
		name   string
		before func(b *bed) // after a process that saw 1…3 in a, 1 in b
		next   string       // what the next process reads
		want   string
		said   string
	}{
		{"a restart with the same pairs", nil, users(today, "a", 1, 3), "3 a\n1 b\n", ""},
		{"a restart with new pairs", nil, users(today, "a", 3, 5) + users(today, "c", 1, 1), "1 c\n5 a\n1 b\n", ""},
		{"a restart without a line", nil, "", "3 a\n1 b\n", ""},
		{"a room file that knows more", func(b *bed) {
			text := strings.ReplaceAll(b.read("rooms", dir.RoomFile(today)), "3 ", "40 ")
			require.NoError(b, os.WriteFile(b.path("rooms", dir.RoomFile(today)), []byte(text), 0o640))
		}, users(today, "a", 1, 9) + users(today, "b", 1, 7), "40 a\n7 b\n", ""},
		{"journals deleted", func(b *bed) {
			require.NoError(b, os.RemoveAll(b.path(dir.Journal)))
		}, users(today, "a", 9, 9) + users(today, "b", 2, 3), "3 a\n2 b\n", ""},
		{"room file deleted", func(b *bed) {
			require.NoError(b, os.Remove(b.path("rooms", dir.RoomFile(today))))
		}, "", "3 a\n1 b\n", ""},
		{"rooms deleted", func(b *bed) {
			require.NoError(b, os.RemoveAll(b.path("rooms")))
		}, users(today, "a", 4, 4), "4 a\n1 b\n", ""},
		{"lines deleted", func(b *bed) {
			require.NoError(b, os.Remove(b.path(logFile(today))))
		}, users(today, "a", 4, 4), "4 a\n1 b\n", ""},
		{"a torn frame at the end of a journal", func(b *bed) {
			for _, path := range journals(b) {
				f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
				require.NoError(b, err)
				f.WriteString("\xf1\xa7\x00\x00\x01\x00torn")
				require.NoError(b, f.Close())
			}
		}, users(today, "a", 4, 4), "4 a\n1 b\n", "ends within a frame, as after a kill; what is whole is counted; set aside as "},
		{"an empty journal", func(b *bed) {
			require.NoError(b, os.WriteFile(b.path(dir.Journal, today.String()+".0123456789abcdef.journal"), nil, 0o600))
		}, users(today, "a", 4, 4), "4 a\n1 b\n", ""},
		{"files of other names", func(b *bed) {
			for _, name := range []string{"x.journal", today.String() + ".x", ".journal", today.String()} {
				require.NoError(b, os.WriteFile(b.path(dir.Journal, name), []byte("HPJ"), 0o600))
			}
		}, users(today, "a", 4, 4), "4 a\n1 b\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			b.process(users(today, "a", 1, 3) + users(today, "b", 1, 1))
			require.Equal(t, "3 a\n1 b\n", b.rooms(today))
			if tt.before != nil {
				tt.before(b)
			}
			b.process(tt.next)
			assert.Equal(t, tt.want, b.rooms(today))
			assert.Equal(t, tt.want, b.counts(today).String())
			assert.False(t, b.counts(today).UpperBound)
			if tt.said == "" {
				assert.Empty(t, b.heard())
			}
			assert.Contains(t, b.heard(), tt.said)
		})
	}
}

// What a kill -9 leaves, between any two steps, and what the process that comes
// next makes of it: it reads again what was not taken out of the pipe.
func TestKilledBetweenTwoSteps(t *testing.T) {
	batch := users(today, "a", 1, 3)
	for _, tt := range []struct {
		name  string
		until func(b *bed, s *Store, f *filter.Filter)
		again string
		lines int
	}{
		{"before the lines", func(b *bed, s *Store, f *filter.Filter) {}, batch, 3},
		{"before the journal", func(b *bed, s *Store, f *filter.Filter) {
			require.NoError(b, f.Run(strings.NewReader(batch), appendOnly{&sink{t: b, s: s}}))
		}, batch, 6},
		{"before the batch is taken out of the pipe", func(b *bed, s *Store, f *filter.Filter) {
			b.feed(f, s, batch)
		}, batch, 6},
		{"before the room file", func(b *bed, s *Store, f *filter.Filter) {
			b.feed(f, s, batch)
		}, "", 3},
		{"within the next line", func(b *bed, s *Store, f *filter.Filter) {
			b.feed(f, s, batch)
			log, err := os.OpenFile(b.path(logFile(today)), os.O_WRONLY|os.O_APPEND, 0)
			require.NoError(b, err)
			log.WriteString("unfinish")
			require.NoError(b, log.Close())
		}, users(today, "a", 3, 3), 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			s := b.open()
			tt.until(b, s, b.newFilter(s))
			b.kill(s)
			b.process(tt.again)
			assert.Equal(t, "3 a\n", b.rooms(today))
			assert.Equal(t, tt.lines, b.lines(today))
		})
	}
}

// appendOnly is killed before it counts.
type appendOnly struct{ *sink }

func (k appendOnly) Put(b *filter.Batch) error {
	for _, p := range b.Parts {
		_, err := k.s.Append(p.Day, p.Lines)
		require.NoError(k.t, err)
	}
	return nil
}

// Two processes at once are the normal case.
func TestExactUnion(t *testing.T) {
	b := newBed(t)
	s1, s2 := b.open(), b.open()
	f1, f2 := b.newFilter(s1), b.newFilter(s2)
	assert.Equal(t, s1.Key(today, calendar.Open).ID(), s2.Key(today, calendar.Open).ID())
	b.feed(f1, s1, users(today, "a", 1, 6))
	b.feed(f2, s2, users(today, "a", 4, 9)+users(today, "b", 1, 1))
	assert.Equal(t, "9 a\n1 b\n", b.counts(today).String())
	assert.Equal(t, none, b.rooms(today))
	b.pass(s1, time.Minute)
	assert.Equal(t, "9 a\n1 b\n", b.rooms(today))
	b.feed(f1, s1, users(today, "a", 10, 11)+users(today-1, "a", 1, 2))
	s2.Tick()
	b.feed(f2, s2, users(today-1, "a", 2, 3))
	b.pass(s2, time.Minute)
	s1.Tick()
	assert.Equal(t, "11 a\n1 b\n", b.rooms(today))
	assert.Equal(t, "3 a\n", b.rooms(today-1))
	require.NoError(t, s1.Close())
	b.feed(f2, s2, users(today, "a", 12, 12))
	require.NoError(t, s2.Close())
	assert.Equal(t, "12 a\n1 b\n", b.rooms(today))
	assert.Equal(t, 6+7+2+1, b.lines(today))
	assert.Empty(t, b.heard())
}

// A process that is killed while another runs on does not lose its last counts,
// not even where the day expires before any restart.
func TestKilledBesideAnother(t *testing.T) {
	b := newBed(t)
	b.process(users(today-10, "a", 1, 2))
	s1, s2 := b.open(), b.open()
	b.feed(b.newFilter(s2), s2, users(today, "a", 1, 3)+users(today-10, "a", 3, 4)) // and is killed
	b.pass(s1, time.Hour)
	assert.Equal(t, "3 a\n", b.rooms(today))
	b.pass(s1, 5*24*time.Hour)
	assert.Equal(t, "4 a\n", b.rooms(today-10))
}

func TestDayWithoutRooms(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.feed(b.newFilter(s), s, strings.ReplaceAll(users(today, "a", 1, 1), "room=", "x="))
	assert.Empty(t, b.counts(today).Rooms)
	b.pass(s, time.Minute)
	assert.Equal(t, "", b.rooms(today), "zero is not the same as no data")
	assert.Equal(t, []string{dir.RoomFile(today)}, b.names("rooms"))

	b.killed(strings.ReplaceAll(users(today-1, "a", 1, 1), "room=", "x="))
	s.ledger.Mark(b.openDir(), today-1, today-1)
	for name := range b.journals(today - 1) { // deleted meanwhile
		require.NoError(t, os.Remove(b.path(dir.Journal, name)))
	}
	b.pass(s, time.Minute)
	assert.Equal(t, none, b.rooms(today-1))
	_, err := counts.Read(b.dir, today-1)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = counts.Read(b.dir+"x", today)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestRoomsAreNotCounted(t *testing.T) {
	b := newBed(t)
	b.cfg.Counting, b.cfg.Settings = false, "ip=ipcrypt;"+counts.NoRooms
	b.process(strings.ReplaceAll(users(today, "a", 1, 2), "room=", "x="))
	assert.NoDirExists(t, b.path("rooms"))
	_, err := counts.Read(b.dir, today)
	assert.ErrorIs(t, err, fs.ErrNotExist)

	// A process that counts nothing keeps up what another has counted.
	b.cfg.Counting, b.cfg.Settings = true, "rooms=jitsi;"
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 2))
	b.kill(s)
	b.cfg.Counting, b.cfg.Settings = false, "ip=ipcrypt;"+counts.NoRooms
	b.process("")
	assert.Equal(t, "2 a\n", b.rooms(today))
}

// A name in the middle of the settings is no word about counting.
func TestOnlyTheEndOfTheSettingsSaysThatNothingIsCounted(t *testing.T) {
	b := newBed(t)
	b.cfg.Settings = "ip=ipcrypt;rooms=none;room-url=12ab;room-hash=sha1;"
	b.process(users(today, "a", 1, 2))
	assert.Equal(t, "2 a\n", b.rooms(today))
}

func TestDamagedRoomFile(t *testing.T) {
	for _, tt := range []struct{ name, spoil, want string }{
		{"a line that is none", "garbage\n", "4 a\n7 b\n"},
		{"cut in a line", "12", "4 a\n7 b\n"},
		{"a hash twice", fmt.Sprintf("5 %x\n", [20]byte{}) + fmt.Sprintf("6 %x\n", [20]byte{}), "6 " + strings.Repeat("0", 40) + "\n4 a\n7 b\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			b.process(users(today, "a", 1, 2) + users(today, "b", 1, 7))
			path := b.path("rooms", dir.RoomFile(today))
			damaged := b.read("rooms", dir.RoomFile(today)) + tt.spoil
			require.NoError(t, os.WriteFile(path, []byte(damaged), 0o640))
			b.process(users(today, "a", 3, 4))
			assert.Equal(t, tt.want, b.rooms(today))
			assert.Equal(t, damaged, b.read("rooms", dir.RoomFile(today)+".damaged"))
			assert.Contains(t, b.heard(), path+": line ")
		})
	}
}

func TestDamagedJournal(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	for i := 1; i <= 4; i++ { // a frame each
		b.feed(f, s, users(today, "a", i, i))
	}
	name := b.names(dir.Journal)[0]
	text := []byte(b.read(dir.Journal, name))
	text[len(text)-50] ^= 1 // in the last frame but one
	require.NoError(t, os.WriteFile(b.path(dir.Journal, name), text, 0o600))
	c := b.counts(today)
	assert.Equal(t, "3 a\n", c.String())
	assert.Equal(t, []string{b.path(dir.Journal, name)}, c.Damaged)

	b.process(users(today, "b", 1, 1))
	b.pass(s, time.Minute)
	assert.Equal(t, "3 a\n1 b\n", b.rooms(today))
	assert.Contains(t, b.heard(), name+": damaged in part; its intact part is counted")
}

// A journal that somebody cuts short takes nothing away from a process that has
// read it, and what is written after that counts.
func TestJournalCutShort(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today, "a", 1, 4))
	b.pass(s, time.Minute)
	require.NoError(t, os.Truncate(b.path(dir.Journal, b.names(dir.Journal)[0]), 0))
	b.feed(f, s, users(today, "a", 5, 5))
	b.pass(s, time.Minute)
	assert.Equal(t, "5 a\n", b.rooms(today))
	b.heard()
}

// One that cannot be read is reported, and tried again; the others count.
func TestUnreadableJournal(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(b *bed, path string)
		said string
	}{
		{"a link", func(b *bed, path string) { require.NoError(b, os.Symlink("/dev/zero", path)) }, "symbolic link"},
		{"a directory", func(b *bed, path string) { require.NoError(b, os.Mkdir(path, 0o750)) }, "not a regular file"},
		{"of another version", func(b *bed, path string) {
			header := []byte("HPJ\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00")
			header = binary.BigEndian.AppendUint32(header, crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)))
			require.NoError(b, os.WriteFile(path, header, 0o600))
		}, "journal has another version: 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			require.NoError(t, os.MkdirAll(b.path(dir.Journal), 0o750))
			path := b.path(dir.Journal, today.String()+".0.journal")
			tt.make(b, path)
			s := b.open()
			b.feed(b.newFilter(s), s, users(today, "a", 1, 4))
			b.pass(s, time.Minute)
			assert.Equal(t, "4 a\n", b.rooms(today))
			said := b.heard()
			assert.Contains(t, said, path)
			assert.Contains(t, said, tt.said)
			require.NoError(t, os.RemoveAll(path))
			b.pass(s, time.Minute)
			require.NoError(t, s.Close())
			assert.Empty(t, b.heard())
		})
	}
}

// What could not be read at first counts when it can, without a new line.
func TestJournalComesBack(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.feed(b.newFilter(s), s, users(today-5, "a", 1, 4))
	b.kill(s)
	path := b.path(dir.Journal, b.names(dir.Journal)[0])
	require.NoError(t, os.Rename(path, path+"x"))
	require.NoError(t, os.Mkdir(path, 0o750))
	s = b.open()
	assert.Contains(t, b.heard(), path+": is not a regular file")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Rename(path+"x", path))
	b.pass(s, time.Minute)
	assert.Equal(t, "4 a\n", b.rooms(today-5))
	assert.Empty(t, b.heard())
}

// Records wait in memory while their journal cannot be written.
func TestJournalCannotBeWritten(t *testing.T) {
	b := newBed(t)
	require.NoError(t, os.Mkdir(b.dir, 0o750))
	require.NoError(t, os.WriteFile(b.path(dir.Journal), nil, 0o640))
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today, "a", 1, 4))
	assert.Contains(t, b.heard(), "; room counts wait in memory")
	require.NoError(t, os.Remove(b.path(dir.Journal)))
	b.pass(s, time.Minute)
	assert.Equal(t, "4 a\n", b.rooms(today))
	require.NoError(t, s.Close())
}

// refused returns a Store whose journals cannot be written, and what lets them.
func (b *bed) refused() (s *Store, allow func()) {
	require.NoError(b, os.Mkdir(b.dir, 0o750))
	require.NoError(b, os.WriteFile(b.path(dir.Journal), nil, 0o640))
	s = b.open()
	return s, func() { require.NoError(b, os.Remove(b.path(dir.Journal))) }
}

// However much was refused, each record is moved a few times at most until it is
// written, and the memory is free again.
func TestFlushIsLinear(t *testing.T) {
	flush := func(pairs int) time.Duration {
		b := newBed(t)
		s, allow := b.refused()
		key := s.Key(today, calendar.Open).ID()
		var records []byte
		for i := range pairs {
			records = append(records, record("a", uint64(i+1))...)
		}
		const most = 1000 * rooms.RecordSize
		for chunk := range slices.Chunk(records, most) {
			s.Count(today, key, chunk)
		}
		allow()
		start := time.Now()
		s.Count(today, key, nil)
		took := time.Since(start)
		length, capacity := pending(s)
		require.Zero(t, length)
		require.LessOrEqual(t, capacity, 1<<20)
		b.pass(s, time.Minute)
		require.Equal(t, fmt.Sprintf("%d a\n", pairs), b.rooms(today))
		require.NoError(t, s.Close())
		b.heard()
		return took
	}
	var small, large time.Duration
	isLinear := func() bool { return large < 8*4*small+300*time.Millisecond }
	for try := 0; try == 0 || try < 3 && !isLinear(); try++ { // others may run
		small, large = flush(250_000), flush(2_000_000)
		t.Logf("%v, %v", small, large)
	}
	assert.True(t, isLinear(), "8 times as much took %v, not %v", large, small)
}

// The records that wait for the journals are bounded; the journals record how many were
// dropped.
func TestPendingIsBounded(t *testing.T) {
	b := newBed(t)
	s, allow := b.refused()
	const most, chunk = maxPending / rooms.RecordSize, 10_000
	fp := uint64(0)
	count := func(day civil.Day, n int) {
		var records []byte
		for range n {
			fp++
			records = append(records, record("a", fp)...)
		}
		s.Count(day, s.Key(day, calendar.Open).ID(), records)
	}
	count(today-1, chunk)
	for fp < most-chunk {
		count(today, chunk)
	}
	assert.NotContains(t, b.heard(), "not all are counted")
	for range 50 {
		count(today, chunk)
	}
	assert.Contains(t, b.heard(), b.dir+": more than 64 MiB of room counts wait for the journals: not all are counted")
	waiting, _ := pending(s)
	assert.Less(t, waiting, maxPending+1000*rooms.RecordSize)
	allow()
	count(today, 1)
	b.pass(s, time.Minute)
	c := b.counts(today)
	counted := c.Rooms[0].Count
	assert.InDelta(t, most, counted, 2*chunk)
	left := fp - chunk - counted
	assert.LessOrEqual(t, c.Overflow, left)
	assert.Greater(t, c.Overflow, left*9/10)
	require.NoError(t, s.Close())
}

// At the end, too, they wait, as lines do.
func TestJournalCannotBeWrittenAtTheEnd(t *testing.T) {
	b := newBed(t)
	require.NoError(t, os.Mkdir(b.dir, 0o750))
	require.NoError(t, os.WriteFile(b.path(dir.Journal), nil, 0o640))
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 4))
	b.heard()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Settle(ctx) // tries, and gives up
	assert.Contains(t, b.heard(), "; room counts wait in memory")
	require.NoError(t, os.Remove(b.path(dir.Journal)))
	s.Settle(ctx)
	require.NoError(t, s.Close())
	assert.Equal(t, "4 a\n", b.rooms(today))
}

// What no time will change is not waited for.
func TestSettleGivesUp(t *testing.T) {
	b := newBed(t)
	b.cfg.Settings = strings.Repeat("x", journal.MaxSettings+1)
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 4))
	ctx, cancel := context.WithTimeout(t.Context(), retryOpen/2)
	defer cancel()
	s.Settle(ctx)
	require.NoError(t, ctx.Err(), "it waits")
	assert.Contains(t, b.heard(), "journal settings of 256 bytes exceed 255; room counts wait in memory")
	assert.Error(t, s.Close())
}

// Where the room file cannot be written before its journals expire, what they
// held is still known when it can.
func TestRoomFileWaits(t *testing.T) {
	spoil := func(b *bed) {
		require.NoError(b, os.RemoveAll(b.path("rooms")))
		require.NoError(b, os.WriteFile(b.path("rooms"), nil, 0o640))
	}
	t.Run("in a process", func(t *testing.T) {
		b := newBed(t)
		s := b.open()
		b.feed(b.newFilter(s), s, users(today, "a", 1, 4))
		spoil(b)
		b.pass(s, 15*24*time.Hour)
		assert.Empty(t, b.names(dir.Journal))
		assert.Contains(t, b.heard(), b.path("rooms"))
		require.NoError(t, os.Remove(b.path("rooms")))
		b.pass(s, time.Minute)
		assert.Equal(t, "4 a\n", b.rooms(today))
		assert.LessOrEqual(t, held(s.rounds.files.Files, "unions"), 3)
		require.NoError(t, s.Close())
	})
	t.Run("purge deletes nevertheless", func(t *testing.T) {
		b := newBed(t)
		b.process(users(today, "a", 1, 4))
		spoil(b)
		b.set(noon.AddDate(0, 0, 14))
		p, err := Purge(b.cfg.Directory, b.cfg.Keep, true)
		assert.ErrorContains(t, err, b.path("rooms"))
		assert.Contains(t, p.Deleted, logFile(today))
		b.heard()
	})
	t.Run("purge makes it possible", func(t *testing.T) {
		b := newBed(t)
		s := b.open()
		b.feed(b.newFilter(s), s, users(today, "a", 1, 4)) // and is killed
		require.NoError(t, os.Symlink("/dev/full", b.path(dir.Journal, today.String()+".0.journal")))
		b.set(noon.AddDate(0, 0, 14))
		_, err := Purge(b.cfg.Directory, b.cfg.Keep, true)
		require.NoError(t, err)
		assert.Contains(t, b.heard(), "is a symbolic link")
		assert.Equal(t, "4 a\n", b.rooms(today))
	})
}

// Another process that stops while it has the lock stops nobody.
func TestLockOfTheRoomFiles(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 4))
	other, err := dir.Open(b.dir, dir.Options{Create: true})
	require.NoError(t, err)
	defer other.Close()
	unlock, err := other.LockRooms(time.Minute)
	require.NoError(t, err)
	b.set(noon.Add(time.Minute))
	assert.Equal(t, retryOpen, s.Tick())
	assert.Equal(t, none, b.rooms(today))
	unlock()
	b.set(noon.Add(time.Minute + time.Second))
	assert.Equal(t, minute, s.Tick())
	assert.Equal(t, "4 a\n", b.rooms(today))
	assert.Empty(t, b.heard())
}

func TestPurgeRebuilds(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today, "a", 1, 4)+users(today-1, "b", 1, 2)+users(today+1, "c", 1, 1)) // and is killed
	b.set(noon.AddDate(0, 0, 14))
	p, err := Purge(b.cfg.Directory, 0, true)
	require.NoError(t, err)
	assert.Equal(t, "2 b\n", b.rooms(today-1), "expired in this purge")
	assert.Equal(t, "4 a\n", b.rooms(today), "expired in this purge")
	assert.Equal(t, "1 c\n", b.rooms(today+1))
	assert.Equal(t, []string{logFile(today + 1)}, b.names(""))
	assert.Len(t, p.Deleted, 2+2+2)
	assert.Empty(t, b.heard())

	require.NoError(t, os.RemoveAll(b.path("rooms")))
	_, err = Purge(b.cfg.Directory, 0, false)
	require.NoError(t, err)
	assert.Equal(t, "1 c\n", b.rooms(today+1))

	b.cfg.Path += "x"
	_, err = Purge(b.cfg.Directory, 0, false)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.NoDirExists(t, b.cfg.Path)
}

// The retention of purge is the longest one in use, or the one given.
func TestPurgeKeep(t *testing.T) {
	for _, tt := range []struct {
		recorded, given calendar.Period
		oldest          civil.Day
	}{
		{0, 0, today - 13},
		{30, 0, today - 20},
		{7, 0, today - 6},
		{30, 7, today - 6},
	} {
		b := newBed(t)
		b.cfg.Keep = max(tt.recorded, 30)
		b.process(users(today-20, "a", 1, 1) + users(today-13, "a", 1, 1) + users(today-6, "a", 1, 1))
		require.NoError(t, os.WriteFile(b.path(dir.Keys, "keep"), []byte(tt.recorded.String()+"\n"), 0o640))
		if tt.recorded == 0 {
			require.NoError(t, os.Remove(b.path(dir.Keys, "keep")))
			require.NoError(t, os.Remove(b.path("keep")))
		}
		b.cfg.Keep = tt.given
		b.heard()
		_, err := Purge(b.cfg.Directory, b.cfg.Keep, false)
		require.NoError(t, err)
		assert.Equal(t, tt.oldest, b.logDays()[0])
		assert.Equal(t, tt.oldest.String()+".key", b.names(dir.Keys)[0], "keys live as long as lines")
		assert.Empty(t, b.heard())
	}
}

func TestPurgeWithoutTheKeys(t *testing.T) {
	b := newBed(t)
	b.cfg.Keys = filepath.Join(filepath.Dir(b.dir), "keys")
	b.cfg.Keep = 30
	b.process(users(today-20, "a", 1, 1))
	keys := b.cfg.Keys
	for _, wrong := range []string{"", b.dir + "-x"} {
		b.cfg.Keys = wrong
		_, err := Purge(b.cfg.Directory, 0, false)
		assert.ErrorContains(t, err, b.dir+": no key directory at "+cmp.Or(wrong, b.path(dir.Keys))+"; hint: give --keys")
		assert.FileExists(t, b.path(logFile(today-20)), "the retention is not known")
		assert.NoDirExists(t, cmp.Or(wrong, b.path(dir.Keys)))
	}
	b.cfg.Keys = keys
	_, err := Purge(b.cfg.Directory, 0, false)
	assert.NoError(t, err)

	b.dir += "-empty"
	b.cfg.Path, b.cfg.Keys = b.dir, ""
	require.NoError(t, os.Mkdir(b.dir, 0o750))
	_, err = Purge(b.cfg.Directory, 0, false)
	assert.NoError(t, err, "nothing there that would need keys")
}

// What several things failed of is reported once.
func TestOneFaultIsOneMessage(t *testing.T) {
	b := newBed(t)
	b.process(users(today, "a", 1, 1))
	require.NoError(t, os.RemoveAll(b.path(dir.Journal)))
	require.NoError(t, os.Symlink(b.TempDir(), b.path(dir.Journal)))
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 1)+users(today-1, "a", 1, 1))
	for _, err := range []error{s.Close(), second(Purge(b.cfg.Directory, b.cfg.Keep, false))} {
		assert.Equal(t, 1, strings.Count(err.Error(), "symbolic link"), err)
		assert.NotContains(t, err.Error(), "\n")
	}
	assert.NotRegexp(t, "(?m)symbolic link.*symbolic link", b.heard())
}

func TestUpperBound(t *testing.T) {
	b := newBed(t)
	b.process(users(today, "a", 1, 2))
	assert.False(t, b.counts(today).UpperBound)
	require.NoError(t, os.Remove(b.path(dir.Keys, today.String()+".key")))
	b.process(users(today, "a", 1, 2))
	assert.True(t, b.counts(today).UpperBound)
	assert.Equal(t, "4 a\n", b.rooms(today))
	assert.Contains(t, b.heard(), "the rooms of 2026-11-22 were counted under several keys; an address may be counted more than once")
}

// What is wrong with a day's counts as a whole stays so, and is reported once.
func TestSaidOnceOfADay(t *testing.T) {
	b := newBed(t)
	b.process(users(today, "a", 1, 2))
	b.cfg.Settings = "ip=ipcrypt;rooms=jitsi,etherpad;"
	s := b.open()
	f := b.newFilter(s)
	for i := range 5 {
		b.feed(f, s, users(today, "a", 3+i, 3+i))
		b.pass(s, time.Minute)
	}
	require.NoError(t, s.Close())
	assert.Equal(t, 1, strings.Count(b.heard(), "the settings changed"))
}

func TestSettingsChange(t *testing.T) {
	b := newBed(t)
	b.process(users(today, "a", 1, 2))
	b.cfg.Settings = "ip=ipcrypt;rooms=jitsi,etherpad;"
	b.process(users(today, "a", 1, 2))
	assert.Contains(t, b.heard(), "the settings changed on 2026-11-22; its room counts mix both")
}

// Past the bound a pair is not counted, also where it is the sum of what two
// processes have that is past it; that is reported.
func TestLimits(t *testing.T) {
	b := newBed(t)
	b.cfg.Limits = rooms.Limits{Rooms: 10, Pairs: 5}
	b.process(users(today, "a", 1, 4))
	assert.Empty(t, b.heard())
	b.process(users(today, "a", 5, 8))
	assert.Contains(t, b.heard(), "the journals of 2026-11-22 hold too many rooms or addresses; not all are counted")
	assert.Equal(t, "5 a\n", b.rooms(today))
}

// What the command shows while the filter runs is what the file becomes.
func TestCountsAsTheyStandNow(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	for i := range 8 {
		b.feed(f, s, users(today, "a", 1, 1+i)+users(today, "b", 1, 1+i/2))
		now := b.counts(today).String()
		assert.Equal(t, fmt.Sprintf("%d a\n%d b\n", 1+i, 1+i/2), now)
		b.pass(s, time.Minute)
		assert.Equal(t, now, b.rooms(today))
	}
	require.NoError(t, os.RemoveAll(b.path(dir.Journal)))
	assert.Equal(t, "8 a\n4 b\n", b.counts(today).String())
}

func TestIdleJournalIsDeleted(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 36500
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today-5, "a", 1, 2))
	b.pass(s, time.Minute)
	for d := civil.Day(6); d < 6+maxJournals; d++ {
		b.feed(f, s, users(today-d, "a", 1, 1))
	}
	require.NoError(t, os.RemoveAll(b.path(dir.Journal)))
	b.feed(f, s, users(today-5, "a", 3, 5)+users(today-5, "b", 1, 1))
	require.NoError(t, s.Close())
	assert.Equal(t, "3 a\n1 b\n", b.rooms(today-5), "as if another process went on")
	assert.Len(t, b.journals(today-5), 1)
	assert.Empty(t, b.heard())
}

// What the bounds of ended processes left out is known from their journals,
// also of killed ones and when those are folded. Who reads has no bound.
func TestOverflowIsRecorded(t *testing.T) {
	b := newBed(t)
	b.cfg.Limits = rooms.Limits{Rooms: 10, Pairs: 5}
	for range 3 {
		b.killed(users(today, "a", 1, 8))
	}
	b.killed(users(today, "b", 1, 5))
	for range 2 {
		c := b.counts(today)
		assert.EqualValues(t, 9, c.Overflow)
		assert.Equal(t, "5 a\n5 b\n", c.String())
		b.cfg.Limits = rooms.NoLimits // as purge has it
		b.purge()
		assert.Len(t, b.journals(today), 1)
	}
	assert.Equal(t, "5 a\n5 b\n", b.rooms(today))

	b.process(users(today-1, "a", 1, 2))
	var marks []string
	for _, name := range b.names(dir.Rooms) {
		if strings.HasSuffix(name, ".partial") {
			marks = append(marks, name)
		}
	}
	assert.Equal(t, []string{dir.PartialMark(today)}, marks, "what outlives the journals")
}
