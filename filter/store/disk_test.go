package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// TestFaultAtTheDayChange: what a new day needs cannot be made when it begins;
// its lines, pseudonyms and counts are whole once it can.
func TestFaultAtTheDayChange(t *testing.T) {
	for _, tt := range []struct {
		name string
		path []string
		dir  bool // a directory is there, else a file
	}{
		{"the log", []string{logFile(today + 1)}, true},
		{"the keys", []string{dir.Keys}, false},
		{"the day's key", []string{dir.Keys, (today + 2).String() + ".key"}, true},
		{"the journals", []string{dir.Journal}, false},
		{"the room files", []string{dir.Rooms}, false},
		{"the clock", []string{"clock"}, true},
		{"the link", []string{"access.log"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			s := b.open()
			f, q := b.newFilter(s), filter.NewQueue(s, 1<<20)
			run := func(day civil.Day, from, to int) {
				require.NoError(t, f.Run(strings.NewReader(users(day, "a", from, to)), q))
			}
			run(today, 1, 2)
			// The journal comes after the lines, and only the disk shows it: Wait is for lines.
			require.Eventually(t, func() bool {
				found, _ := filepath.Glob(b.path(dir.Journal, today.String()+".*"))
				return b.lines(today) == 2 && len(found) == 1
			}, time.Minute, time.Millisecond)

			spoilt := b.path(tt.path...)
			_, err := os.Lstat(spoilt)
			was := err == nil
			if was {
				require.NoError(t, os.Rename(spoilt, spoilt+".away"))
			}
			if tt.dir {
				require.NoError(t, os.MkdirAll(spoilt, 0o750))
			} else {
				require.NoError(t, os.WriteFile(spoilt, nil, 0o600))
			}
			for range 2 {
				b.set(b.cfg.Now().Add(24 * time.Hour))
				b.tick(s)
				day := civil.DayOf(b.cfg.Now())
				run(day, 1, 3)
				run(day-1, 3, 4) // late ones
			}
			heard := "" // by the goroutine of the Queue, when it comes to that
			require.Eventually(t, func() bool {
				heard += b.heard()
				return strings.Contains(heard, spoilt)
			}, time.Minute, time.Millisecond)
			require.NoError(t, os.RemoveAll(spoilt))
			if was {
				putBack(t, spoilt+".away", spoilt)
			}
			b.pass(s, 2*time.Minute)
			run(today+2, 4, 5)
			assert.True(t, q.Close(context.Background()))
			assert.Zero(t, q.Dropped())
			require.NoError(t, s.Close())
			b.heard()
			for day, n := range map[civil.Day]int{today: 4, today + 1: 5, today + 2: 5} {
				assert.Equal(t, n, b.lines(day), day)
				assert.False(t, b.counts(day).UpperBound, "%s: one key", day)
			}
			assert.Equal(t, "4 a\n", b.rooms(today))
			assert.Equal(t, "4 a\n", b.rooms(today+1))
			assert.Equal(t, "5 a\n", b.rooms(today+2))
			assert.Equal(t, b.key(today+1), string(s.Key(today+1, calendar.Open)[:]))
			assert.NotContains(t, b.read(logFile(today+1)), "192.0.2.")
		})
	}
}

// putBack renames what was moved away. A directory may have been created again meanwhile.
func putBack(t *testing.T, away, path string) {
	t.Helper()
	files, err := os.ReadDir(away)
	if err != nil {
		require.NoError(t, os.Rename(away, path))
		return
	}
	require.NoError(t, os.MkdirAll(path, 0o750))
	for _, f := range files {
		require.NoError(t, os.Rename(filepath.Join(away, f.Name()), filepath.Join(path, f.Name())))
	}
	require.NoError(t, os.Remove(away))
}
