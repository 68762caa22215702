package store

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/audit"
	"hushpipe/filter/calendar"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

func TestEarlier(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "rooms"), 0o750))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "journal"), 0o750))
	for _, name := range []string{"access-2026-11-22.log", "access-2026-11-20.log.gz", "access.log",
		"rooms/rooms-2026-11-22.log", "rooms/rooms-2015-05-17.log", "rooms/rooms-2015-05-18.log.damaged",
		"journal/2026-11-22.a.journal", "journal/2026-11-21.a.journal", "journal/2026-11-20.a.journal.damaged"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o640))
	}
	e, err := audit.FindEarlier(dir)
	require.NoError(t, err)
	at := func(name string) string { return filepath.Join(dir, name) }
	now, old := civil.NewDay(2026, 11, 22), civil.NewDay(2015, 5, 17)
	assert.Equal(t, []civil.Day{old, now - 1, now}, slices.Sorted(maps.Keys(e.Days())))
	assert.Equal(t, at("access-2026-11-22.log"), e.Lines(now))
	assert.Equal(t, at("rooms/rooms-2026-11-22.log"), e.Counts(now))
	assert.Equal(t, "", e.Lines(now-1))
	assert.Equal(t, at("journal/2026-11-21.a.journal"), e.Counts(now-1), "its room file was deleted, and will come back")
	assert.Equal(t, at("rooms/rooms-2015-05-17.log"), e.Counts(old))
	assert.Equal(t, "", e.Counts(old+1))

	e, err = audit.FindEarlier(filepath.Join(dir, "missing"))
	require.NoError(t, err)
	assert.Empty(t, e.Days())
	_, err = audit.FindEarlier(filepath.Join(dir, "access.log"))
	require.Error(t, err)
}

// TestForecast places lines as the Store does, and touches no disk.
func TestForecast(t *testing.T) {
	cfg := earlierConfig(t)
	c := Forecast(cfg)
	today := civil.DayOf(cfg.Now())
	for date, want := range map[civil.Day]calendar.Placement{today + 2: calendar.Adjusted, today + 1: calendar.Open,
		today - 13: calendar.Open, today - 14: calendar.Expired} {
		_, placement := c.Place(date, true)
		assert.Equal(t, want, placement, date)
	}
	require.NoDirExists(t, cfg.Path)
}

func earlierConfig(t *testing.T) Config {
	return Config{Keep: calendar.DefaultPeriod, Counts: Counts{Limits: rooms.DefaultLimits, Counting: true},
		Directory: Directory{Path: filepath.Join(t.TempDir(), "log"), Now: time.Now, Log: func(topic, line string) { t.Log(line) }}}
}

// TestRecount: counts of expired days from all lines replace the existing ones, even if they
// are smaller.
func TestRecount(t *testing.T) {
	cfg := earlierConfig(t)
	s := Open(cfg)
	day := civil.NewDay(2015, 5, 17)
	path := filepath.Join(cfg.Path, "rooms", "rooms-2015-05-17.log")
	read := func() string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	count := func(n uint64) map[civil.Day]rooms.DayCounts {
		return map[civil.Day]rooms.DayCounts{day: {Rooms: []roomfile.Entry{{Hash: [20]byte{1}, Count: n}}}}
	}
	const hash = " 0100000000000000000000000000000000000000\n"
	require.NoError(t, s.Expired(count(3)))
	require.Equal(t, "3"+hash, read())
	require.NoError(t, s.Expired(count(2)))
	require.Equal(t, "3"+hash, read())
	require.NoError(t, s.Recount(count(2)))
	require.Equal(t, "2"+hash, read())
	require.NoFileExists(t, path+".partial")
	require.NoError(t, s.Recount(map[civil.Day]rooms.DayCounts{day: {Partial: true}}))
	require.Empty(t, read())
	require.FileExists(t, path+".partial", "pairs were left out")
	require.NoError(t, s.Recount(map[civil.Day]rooms.DayCounts{day: {}}))
	require.NoFileExists(t, path+".partial")
	require.NoError(t, s.Close())
}

// TestRecountAcrossMidnight: a day that expires during the run is counted in
// part only, so its room file is left alone.
func TestRecountAcrossMidnight(t *testing.T) {
	cfg := earlierConfig(t)
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	cfg.Now = func() time.Time { return time.Unix(0, clock.Load()) }
	s := Open(cfg)
	day := civil.DayOf(cfg.Now()) - 13
	path := filepath.Join(cfg.Path, "rooms", "rooms-"+day.String()+".log")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path, []byte("3 0100000000000000000000000000000000000000\n"), 0o640))
	clock.Add(int64(24 * time.Hour))
	require.NoError(t, s.Recount(map[civil.Day]rooms.DayCounts{day: {}}))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotEmpty(t, text)
	require.NoError(t, s.Close())
}

// TestManyReaders: goroutines that ask for a day's key at the same time get the
// same, and it is the one on the disk.
func TestManyReaders(t *testing.T) {
	cfg := earlierConfig(t)
	s := Open(cfg)
	today := civil.DayOf(cfg.Now())
	keys := make([][20]*pseudonym.Key, 8)
	var wait sync.WaitGroup
	for i := range keys {
		wait.Go(func() {
			s.Epoch()
			s.Hasher().Clone()
			for age := range keys[i] {
				day, placement := s.Place(today-civil.Day(age), true)
				keys[i][age] = s.Key(day, placement)
			}
		})
	}
	wait.Wait()
	for i := range keys {
		assert.Equal(t, keys[0], keys[i])
	}
	require.NoError(t, s.Close())
	for age := range 14 {
		text, err := os.ReadFile(filepath.Join(cfg.Path, "keys", (today-civil.Day(age)).String()+".key"))
		require.NoError(t, err)
		assert.Equal(t, keys[0][age][:], text)
	}
}
