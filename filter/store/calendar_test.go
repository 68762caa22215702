package store

import (
	"crypto/hmac"
	"crypto/sha1"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/reveal"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

func (b *bed) key(day civil.Day) string { return b.read(dir.Keys, day.String()+".key") }

func TestKeys(t *testing.T) {
	b := newBed(t)
	s := b.open()
	keyNames := func(days ...civil.Day) (names []string) {
		for _, d := range days {
			names = append(names, d.String()+".key")
		}
		return names
	}
	assert.Equal(t, keyNames(today, today+1), b.names(dir.Keys), "there before they are asked for")
	assert.Equal(t, b.key(today), string(s.Key(today, calendar.Open)[:]))
	late := s.Key(today-3, calendar.Open)
	assert.Equal(t, keyNames(today-3, today, today+1), b.names(dir.Keys))
	assert.Equal(t, b.key(today-3), string(late[:]))

	other := b.open()
	assert.Equal(t, late, other.Key(today-3, calendar.Open), "shared by all processes")
	assert.Equal(t, s.Key(today+1, calendar.Open), other.Key(today+1, calendar.Open))

	b.pass(s, 13*time.Hour)
	assert.Equal(t, keyNames(today-3, today, today+1, today+2), b.names(dir.Keys))
	b.pass(s, 10*24*time.Hour)
	assert.NotContains(t, b.names(dir.Keys), (today-3).String()+".key")
	assert.False(t, hasKey(s, today-3), "nor in memory")
	assert.True(t, hasKey(s, today))
	assert.Empty(t, b.heard())
}

// A line that was placed just before its day expired gets a key, but no file.
func TestKeyOfExpiredDay(t *testing.T) {
	b := newBed(t)
	s := b.open()
	last := s.Key(today-13, calendar.Open)
	require.Equal(t, string(last[:]), b.key(today-13))
	b.pass(s, 12*time.Hour)
	late := s.Key(today-13, calendar.Open)
	assert.NotEqual(t, last, late)
	assert.NotContains(t, b.names(dir.Keys), (today-13).String()+".key")
	b.pass(s, time.Hour)
	assert.NotContains(t, b.names(dir.Keys), (today-13).String()+".key")
	assert.False(t, hasKey(s, today-13), "nor in memory")
	assert.Empty(t, b.heard())
}

// The key that is in memory until the disk can take it becomes that of the
// file.
func TestKeyInMemory(t *testing.T) {
	spoiled := func(t *testing.T) (*bed, *Store) {
		b := newBed(t)
		require.NoError(t, os.Mkdir(b.dir, 0o750))
		require.NoError(t, os.WriteFile(b.path(dir.Keys), nil, 0o640))
		s := b.open()
		assert.Contains(t, b.heard(), b.path(dir.Keys)+": is not a directory; hint: remove it")
		return b, s
	}
	t.Run("comes to the disk", func(t *testing.T) {
		b, s := spoiled(t)
		f := b.newFilter(s)
		b.feed(f, s, users(today, "a", 1, 2))
		key := s.Key(today, calendar.Open)
		require.NoError(t, os.Remove(b.path(dir.Keys)))
		b.pass(s, time.Minute)
		assert.Equal(t, string(key[:]), b.key(today))
		b.feed(f, s, users(today, "a", 1, 3))
		require.NoError(t, s.Close())
		assert.Equal(t, "3 a\n", b.rooms(today))
		assert.False(t, b.counts(today).UpperBound)
	})
	t.Run("comes to the disk at the end", func(t *testing.T) {
		b, s := spoiled(t)
		key := s.Key(today, calendar.Open)
		require.NoError(t, os.Remove(b.path(dir.Keys)))
		require.NoError(t, s.Close())
		assert.Equal(t, string(key[:]), b.key(today))
	})
	t.Run("gives way to one made meanwhile", func(t *testing.T) {
		b, s := spoiled(t)
		f := b.newFilter(s)
		b.feed(f, s, users(today, "a", 1, 2))
		mine := s.Key(today, calendar.Open)
		require.NoError(t, os.Remove(b.path(dir.Keys)))
		other := b.open()
		b.heard()
		epoch := s.Epoch()
		b.pass(s, time.Minute)
		assert.NotEqual(t, epoch, s.Epoch(), "the filter asks anew")
		assert.Equal(t, other.Key(today, calendar.Open), s.Key(today, calendar.Open))
		assert.NotEqual(t, mine, s.Key(today, calendar.Open))
		assert.Contains(t, b.heard(), "another process made the key of 2026-11-22 first; pseudonyms of that day made before cannot be revealed")
		b.feed(f, s, users(today, "a", 1, 2))
		require.NoError(t, s.Close())
		assert.True(t, b.counts(today).UpperBound)
		pseudonym := strings.Fields(b.read(logFile(today)))[0]
		assert.NotContains(t, b.read(logFile(today))[len(pseudonym):], pseudonym)
	})
}

func TestKeysElsewhere(t *testing.T) {
	b := newBed(t)
	b.cfg.Keys = filepath.Join(filepath.Dir(b.dir), "keys")
	b.process(users(today, "a", 1, 2))
	assert.NoDirExists(t, b.path(dir.Keys))
	assert.FileExists(t, filepath.Join(b.cfg.Keys, today.String()+".key"))

	// DIR itself can be lost: the keys are the same.
	require.NoError(t, os.RemoveAll(b.dir))
	b.process(users(today, "a", 1, 2))
	c, err := reveal.Open(b.dir, b.cfg.Keys, b.cfg.Log)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Key(today)
	assert.NoError(t, err)

	b.cfg.Keys += "/none/keys"
	s := b.open()
	assert.Contains(t, b.heard(), b.cfg.Keys)
	key := s.Key(today, calendar.Open)
	require.NoError(t, os.MkdirAll(filepath.Dir(b.cfg.Keys), 0o750))
	b.pass(s, time.Minute)
	text, err := os.ReadFile(filepath.Join(b.cfg.Keys, today.String()+".key"))
	require.NoError(t, err)
	assert.Equal(t, string(key[:]), string(text))
	require.NoError(t, s.Close())
}

func TestDamagedKey(t *testing.T) {
	b := newBed(t)
	require.NoError(t, os.MkdirAll(b.path(dir.Keys), 0o750))
	path := b.path(dir.Keys, today.String()+".key")
	require.NoError(t, os.WriteFile(path, []byte("short"), 0o600))
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 2))
	said := b.heard()
	assert.Contains(t, said, path+": does not hold 32 bytes")
	assert.NotContains(t, said, "short")
	assert.Equal(t, 2, b.lines(today))
	require.NoError(t, os.Remove(path))
	b.pass(s, time.Minute)
	assert.Len(t, b.key(today), 32)
	assert.Equal(t, b.key(today), string(s.Key(today, calendar.Open)[:]))
	require.NoError(t, s.Close())
}

// A key that does not come in time is used all the same, and is the one that
// the disk gets.
func TestSlowKey(t *testing.T) {
	b := newBed(t)
	s := b.open()
	s.keys.Patience = 0
	days := span(today-13, today)
	for _, day := range days {
		s.Key(day, calendar.Open)
	}
	b.pass(s, time.Minute)
	for _, day := range days {
		assert.Equal(t, b.key(day), string(s.Key(day, calendar.Open)[:]))
	}
	assert.NotContains(t, b.heard(), "another process")
}

// Where the disk, or a lock, keeps Open waiting, the reader begins all the same.
func TestOpenWaitsForNobody(t *testing.T) {
	b := newBed(t)
	require.NoError(t, os.MkdirAll(b.path(dir.Keys), 0o750))
	at, err := os.Open(b.path(dir.Keys))
	require.NoError(t, err)
	require.NoError(t, unix.Flock(int(at.Fd()), unix.LOCK_EX))
	began := time.Now()
	b.cfg.Urgent = func() bool {
		assert.GreaterOrEqual(t, time.Since(began), keyPatience, "the keys of a disk that works come sooner")
		return true
	}
	s := newStore(b.cfg).openWithin(time.Minute, time.Minute)
	key := s.Key(today, calendar.Open)
	day, placement := s.Place(today, true)
	assert.Equal(t, today, day)
	assert.Equal(t, calendar.Open, placement)
	require.NoError(t, at.Close())
	b.feed(b.newFilter(s), s, users(today, "a", 1, 2))
	b.pass(s, time.Minute)
	assert.Equal(t, "2 a\n", b.rooms(today))
	assert.False(t, b.counts(today).UpperBound)
	assert.Equal(t, b.key(today), string(key[:]))
	assert.NotContains(t, b.heard(), "another process")

	s.mu.Lock() // as an Append that does not come back
	assert.ErrorContains(t, s.Close(), "the disk does not answer")
}

func TestClockJumps(t *testing.T) {
	const days = 24 * time.Hour
	start := func(t *testing.T) (*bed, *Store, *filter.Filter) {
		b := newBed(t)
		s := b.open()
		f := b.newFilter(s)
		b.feed(f, s, users(today-13, "a", 1, 1)+users(today-1, "a", 1, 1)+users(today, "a", 1, 1))
		b.pass(s, 2*time.Hour)
		return b, s, f
	}
	before := span(today-13, today-13)
	before = append(before, span(today-1, today)...)

	t.Run("15 days ahead and back", func(t *testing.T) {
		b, s, f := start(t)
		keys := b.names(dir.Keys)
		b.pass(s, time.Second)
		b.set(b.cfg.Now().Add(15 * days))
		// Lines have the new time before anything else notices it.
		b.feed(f, s, users(today+15, "b", 1, 1))
		b.feed(f, s, users(today, "a", 2, 2)+users(today-13, "a", 2, 2))
		b.tick(s)
		assert.Contains(t, b.heard(), "the clock is far ahead of the last time seen; nothing is deleted before 2026-12-07T")
		b.pass(s, 30*time.Minute)
		assert.Subset(t, b.logDays(), before)
		assert.Subset(t, b.names(dir.Keys), keys)
		assert.Equal(t, 2, b.lines(today), "the real days are open")
		assert.Equal(t, 2, b.lines(today-13))

		b.process(users(today, "a", 3, 3)) // also across a restart
		assert.Subset(t, b.names(dir.Keys), keys)

		b.set(noon.Add(3 * time.Hour))
		b.heard()
		b.tick(s)
		b.feed(f, s, users(today, "a", 4, 4)+users(today+15, "a", 9, 9))
		b.pass(s, time.Hour)
		assert.Empty(t, b.heard())
		assert.Equal(t, "5 a\n", b.rooms(today))
		assert.Equal(t, 5, b.lines(today))
		assert.False(t, b.counts(today).UpperBound)
		b.pass(s, 12*time.Hour)
		assert.NotContains(t, b.logDays(), today-13, "days expire as ever")
		assert.Contains(t, b.logDays(), today-1)
	})
	t.Run("15 days ahead for good", func(t *testing.T) {
		b, s, f := start(t)
		b.set(b.cfg.Now().Add(15 * days))
		b.feed(f, s, users(today+15, "b", 1, 1))
		b.tick(s)
		b.pass(s, 59*time.Minute)
		assert.Subset(t, b.logDays(), before)
		b.pass(s, time.Hour)
		assert.Equal(t, []civil.Day{today + 15}, b.logDays())
		assert.Equal(t, "1 a\n", b.rooms(today))
	})
	t.Run("keys alone vouch for nothing", func(t *testing.T) {
		b := newBed(t)
		b.cfg.Keys = filepath.Join(filepath.Dir(b.dir), "keys")
		s := b.open()
		b.pass(s, 2*time.Hour)
		require.NoError(t, os.Remove(b.path("clock")))
		b.set(b.cfg.Now().Add(15 * days))
		s.Key(today+15, calendar.Open)
		s.Key(today+16, calendar.Open)
		b.tick(s)
		assert.FileExists(t, filepath.Join(b.cfg.Keys, today.String()+".key"))
	})
	t.Run("an hour back", func(t *testing.T) {
		b, s, f := start(t)
		b.set(noon.Add(time.Hour))
		b.tick(s)
		b.feed(f, s, users(today, "a", 2, 2))
		b.pass(s, time.Minute)
		assert.Equal(t, before, b.logDays())
		assert.Equal(t, "2 a\n", b.rooms(today))
		assert.Empty(t, b.heard())
	})
	t.Run("back over midnight", func(t *testing.T) {
		b, s, f := start(t)
		b.set(noon.Add(-13 * time.Hour))
		b.tick(s)
		b.feed(f, s, users(today, "a", 2, 2)+users(today-1, "a", 2, 2)+users(today-14, "a", 1, 1))
		assert.Equal(t, append([]civil.Day{today - 14}, before...), b.logDays())
		b.pass(s, 2*time.Hour)
		assert.Equal(t, before, b.logDays())
		assert.Empty(t, b.heard())
	})
	t.Run("a day ahead", func(t *testing.T) {
		b, s, f := start(t)
		b.set(b.cfg.Now().Add(days))
		b.feed(f, s, users(today+1, "a", 1, 1))
		b.tick(s)
		assert.Equal(t, []civil.Day{today - 1, today, today + 1}, b.logDays())
		assert.Empty(t, b.heard())
	})
	t.Run("three days asleep", func(t *testing.T) {
		b, s, f := start(t)
		b.set(b.cfg.Now().Add(3 * days))
		b.feed(f, s, users(today+3, "a", 1, 1))
		b.pass(s, 50*time.Minute)
		assert.Contains(t, b.logDays(), today-13)
		b.pass(s, time.Hour)
		assert.Equal(t, []civil.Day{today - 1, today, today + 3}, b.logDays())
		b.heard()
	})
}

// The window follows the clock over midnight before the purge does.
func TestPlaceAtMidnight(t *testing.T) {
	b := newBed(t)
	s := b.open()
	epoch := s.Epoch()
	assert.NotZero(t, epoch)
	b.set(noon.Add(12 * time.Hour))
	assert.NotEqual(t, epoch, s.Epoch())
	for _, tt := range []struct {
		date, day civil.Day
		dated     bool
		placement calendar.Placement
	}{
		{today - 13, today - 13, true, calendar.Expired},
		{today - 12, today - 12, true, calendar.Open},
		{today + 1, today + 1, true, calendar.Open},
		{today + 2, today + 2, true, calendar.Open},
		{today + 3, today + 1, true, calendar.Adjusted},
		{0, today + 1, false, calendar.Adjusted},
	} {
		day, placement := s.Place(tt.date, tt.dated)
		assert.Equal(t, tt.day, day, tt)
		assert.Equal(t, tt.placement, placement, tt)
	}
}

func TestSecret(t *testing.T) {
	b := newBed(t)
	b.cfg.Secret = true
	b.process(users(today, "a", 1, 3))
	secret := b.read(dir.RoomSecretName)
	require.Len(t, secret, 32)
	info, err := os.Stat(b.path(dir.RoomSecretName))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())

	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte("a"))
	want := string(roomfile.Append(nil, []roomfile.Entry{{Hash: [20]byte(mac.Sum(nil)), Count: 3}}))
	assert.Equal(t, want, b.rooms(today))

	b.process(users(today, "a", 1, 3))
	assert.Equal(t, secret, b.read(dir.RoomSecretName), "made once")
	assert.Equal(t, want, b.rooms(today))
	assert.Empty(t, b.heard())

	require.NoError(t, os.WriteFile(b.path(dir.RoomSecretName), []byte(strings.Repeat("s", 32)), 0o600))
	b.process(users(today, "a", 1, 3))
	assert.Contains(t, b.heard(), "the settings changed on 2026-11-22; its room counts mix both", "under two secrets, a room is two")
}

func TestUnreadableSecret(t *testing.T) {
	b := newBed(t)
	b.cfg.Secret = true
	require.NoError(t, os.Mkdir(b.dir, 0o750))
	require.NoError(t, os.WriteFile(b.path(dir.RoomSecretName), []byte("short"), 0o600))
	s := b.open()
	f := b.newFilter(s)
	assert.Nil(t, s.Hasher())
	b.feed(f, s, users(today, "a", 1, 3)+users(today-20, "a", 1, 3))
	assert.Contains(t, b.heard(), b.path(dir.RoomSecretName)+": does not hold 32 bytes; hint: remove it, a new key is made then; rooms are not counted")
	assert.Equal(t, 3, b.lines(today))
	require.NoError(t, s.Expired(f.Expired()))
	assert.Equal(t, none, b.rooms(today-20), "not counted is not zero")

	require.NoError(t, os.Remove(b.path(dir.RoomSecretName)))
	epoch := s.Epoch()
	b.pass(s, time.Minute)
	assert.NotEqual(t, epoch, s.Epoch())
	b.feed(f, s, users(today, "a", 1, 3))
	require.NoError(t, s.Close())
	assert.True(t, strings.HasPrefix(b.rooms(today), "3 "))
	assert.NotEqual(t, "3 a\n", b.rooms(today))
}

// No room file claims a day without rooms if nobody could count them.
func TestNoRoomFileWithoutTheSecret(t *testing.T) {
	b := newBed(t)
	b.cfg.Secret = true
	require.NoError(t, os.Mkdir(b.dir, 0o750))
	require.NoError(t, os.WriteFile(b.path(dir.RoomSecretName), []byte("short"), 0o600))
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today, "a", 1, 3))
	b.pass(s, time.Minute)
	assert.Equal(t, none, b.rooms(today))
	assert.ErrorContains(t, s.Close(), b.path(dir.RoomSecretName)+": does not hold 32 bytes; hint: remove it, a new key is made then; rooms are not counted")
	assert.Equal(t, none, b.rooms(today))
	_, err := counts.Read(b.dir, today)
	assert.ErrorIs(t, err, fs.ErrNotExist)

	// Nor does the process that comes next, for lines that it has not seen.
	require.NoError(t, os.Remove(b.path(dir.RoomSecretName)))
	b.process("")
	assert.Equal(t, none, b.rooms(today))
	b.process(users(today, "a", 1, 2))
	assert.Contains(t, b.heard(), "the settings changed on 2026-11-22; its room counts mix both")
	assert.True(t, strings.HasPrefix(b.rooms(today), "2 "))
}

func TestKeyThatReachedNoDisk(t *testing.T) {
	b := newBed(t)
	b.cfg.Keys = filepath.Join(filepath.Dir(b.dir), "none", "keys")
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 1))
	assert.ErrorContains(t, s.Close(), filepath.Join(b.cfg.Keys, today.String()+".key")+": was not written, its pseudonyms cannot be revealed: open "+b.cfg.Keys+": no such file or directory")
}

// The files are made again from what is in memory.
func TestKeysAreDeleted(t *testing.T) {
	for _, name := range []string{"", today.String() + ".key"} {
		b := newBed(t)
		s := b.open()
		f := b.newFilter(s)
		b.feed(f, s, users(today, "a", 1, 1)+users(today-13, "a", 1, 1))
		keys := []string{b.key(today), b.key(today - 13), b.key(today + 1)}
		require.NoError(t, os.RemoveAll(b.path(dir.Keys, name)))
		b.pass(s, time.Minute)
		assert.Equal(t, keys, []string{b.key(today), b.key(today - 13), b.key(today + 1)})
		assert.Regexp(t, "^"+b.path(dir.Keys)+": put back (3 deleted keys|1 deleted key), since the lines are kept$", b.heard())

		require.NoError(t, os.RemoveAll(b.path(dir.Keys, name)))
		require.NoError(t, s.Close())
		assert.Equal(t, keys, []string{b.key(today), b.key(today - 13), b.key(today + 1)})
		b.heard()

		// A key that a purge deletes stays deleted.
		s = b.open()
		b.pass(s, 12*time.Hour)
		assert.Equal(t, none, b.key(today-13))
		assert.Equal(t, keys[0], b.key(today))
		require.NoError(t, s.Close())
		assert.Empty(t, b.heard())
	}
}

func TestStream(t *testing.T) {
	b := newBed(t)
	b.process(users(today-2, "a", 1, 1))
	c, err := reveal.Open(b.dir, "", b.cfg.Log)
	require.NoError(t, err)
	defer c.Close()
	keys := b.names(dir.Keys)
	for name, s := range map[string]*Stream{"with DIR": {Keys: c, Now: b.cfg.Now, Log: b.cfg.Log}, "without": {Now: b.cfg.Now}} {
		t.Run(name, func(t *testing.T) {
			for _, day := range []civil.Day{today - 400, today - 2, today, today + 400} {
				to, placement := s.Place(day, true)
				assert.Equal(t, day, to, "whatever its age")
				assert.Equal(t, calendar.Open, placement)
			}
			to, placement := s.Place(0, false)
			assert.Equal(t, today, to)
			assert.Equal(t, calendar.Adjusted, placement)
			assert.Nil(t, s.Hasher())
			assert.NotZero(t, s.Epoch())
			old := s.Key(today-400, calendar.Open)
			assert.Same(t, old, s.Key(today-400, calendar.Open), "the same all day")
			assert.NotEqual(t, old.ID(), s.Key(today-399, calendar.Open).ID())
			assert.Equal(t, s.Keys != nil, string(s.Key(today-2, calendar.Open)[:]) == b.key(today-2), "the key that lives")
		})
	}
	assert.Equal(t, keys, b.names(dir.Keys), "nothing is made")
	assert.Empty(t, b.heard(), "nor said")

	require.NoError(t, os.WriteFile(b.path(dir.Keys, today.String()+".key"), []byte("short"), 0o600))
	s := &Stream{Keys: c, Now: b.cfg.Now, Log: b.cfg.Log}
	assert.Same(t, s.Key(today, calendar.Open), s.Key(today, calendar.Open))
	assert.Equal(t, "read "+b.path(dir.Keys, today.String()+".key")+": does not hold 32 bytes; hint: remove it, a new key is made then; using a temporary key", b.heard())
}
