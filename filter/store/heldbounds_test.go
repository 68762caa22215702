package store

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// friday is a day that is not off, at half past twelve.
var friday = time.Date(2026, 11, 27, 12, 30, 0, 0, time.UTC)

// hourGroupBed is a DIR whose lines are released to the files of their hours.
func hourGroupBed(t *testing.T, hours int) (b *groupBed, day civil.Day) {
	b = newGroupBedOf(t, groupPolicy, groupKind{hours: hours})
	b.set(friday)
	return b, civil.DayOf(friday)
}

// of is a line of one of the people of a group, at some hour.
func (b *groupBed) of(day civil.Day, hour, n int) string {
	return b.lineAt(day, hour, person{fmt.Sprintf("10.0.0.%d", n), fmt.Sprintf("ZS A %d", n), 200})
}

// TestReleasedToTheirHours: people of a whole day open a group, and its lines go to the
// files of the hours that they are of, also where a process was killed in between.
func TestReleasedToTheirHours(t *testing.T) {
	b, day := hourGroupBed(t, 24)
	w := b.worker()
	w.all(t, b.of(day, 9, 1)+b.of(day, 12, 2)+b.of(day, 12, 2))
	w.round(t)
	assert.Empty(t, b.logs())
	require.Len(t, b.names(dir.Held), 2)
	b.kill(w.s)
	next := b.worker()
	next.all(t, b.of(day, 11, 3))
	next.round(t)
	assert.Empty(t, b.names(dir.Held))
	assert.Equal(t, []string{"access-2026-11-27T09.log", "access-2026-11-27T11.log", "access-2026-11-27T12.log"}, b.logs())
	next.all(t, b.of(day, 9, 4))
	next.all(t, b.of(day, 10, 4))
	assert.Equal(t, "access-2026-11-27T10.log", b.logs()[1])
	assert.Len(t, b.read("access-2026-11-27T09.log"), 2*len(b.read("access-2026-11-27T10.log")))

	// A process is killed after it has appended the lines of an hour.
	name := dir.HeldFile(dir.Log{Day: day, Hour: 11}, 0) + dir.MovingSuffix
	require.NoError(t, os.WriteFile(b.path(dir.Held, name), nil, 0o600))
	b.kill(next.s)
	last := b.worker()
	last.round(t)
	require.NoError(t, last.s.Close())
	b.set(time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC))
	require.NoError(t, b.worker().s.Close())
	assert.Empty(t, b.names(dir.Held))
	b.heard()
}

// TestHeldHourIsOver: held lines do not outlive their hour, though the day goes on, and make
// no file of it again.
func TestHeldHourIsOver(t *testing.T) {
	for _, test := range []struct {
		name string
		come func(b *groupBed, w *worker)
		says uint64 // lines that a process has counted
	}{
		{"a process that lives", func(b *groupBed, w *worker) { w.round(b) }, 2},
		{"its hourly purge", func(b *groupBed, w *worker) { b.tick(w.s) }, 2},
		{"a machine that was off", func(b *groupBed, w *worker) {
			b.kill(w.s)
			require.NoError(b, b.worker().s.Close())
		}, 0},
		{"purge", func(b *groupBed, w *worker) {
			_, err := Purge(b.cfg.Directory, 0, false)
			require.NoError(b, err)
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, day := hourGroupBed(t, 2)
			w := b.worker()
			w.all(t, b.of(day, 11, 1)+b.of(day, 11, 2))
			b.set(friday.Add(29 * time.Minute))
			b.tick(w.s)
			w.round(t)
			require.Len(t, b.names(dir.Held), 1, "two hours are over at one")
			b.set(friday.Add(30 * time.Minute))
			if test.says > 0 {
				w.s.dir.Load().Judge(b.cfg.Now(), b.cfg.Keep)
			}
			test.come(b, w)
			assert.Empty(t, b.names(dir.Held))
			assert.Equal(t, test.says, w.s.registry.Counters().Withheld)
			next := b.worker()
			next.all(t, b.of(day, 12, 3)+b.of(day, 11, 4))
			next.round(t)
			assert.Equal(t, []string{"access-2026-11-27T12.log"}, b.logs())
			require.NoError(t, next.s.Close())
			b.heard()
		})
	}
}

// TestHeldDayIsOver: held lines that go with their day are counted, as those that are
// deleted in it.
func TestHeldDayIsOver(t *testing.T) {
	b := newGroupBed(t, groupPolicy)
	b.set(friday)
	b.cfg.Keep = 1
	w := b.worker()
	w.all(t, b.people(civil.DayOf(friday), 1, 2))
	b.set(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
	b.tick(w.s)
	assert.Empty(t, b.names(dir.Held))
	assert.Equal(t, uint64(2), w.s.registry.Counters().Withheld)
	require.NoError(t, w.s.Close())
	b.heard()
}

// TestReleasedPastABound: held lines whose day or hour has passed a bound do not create a
// file again, whichever process releases them.
func TestReleasedPastABound(t *testing.T) {
	for _, test := range []struct {
		name    string
		hours   int
		settled civil.Day
		until   time.Time
	}{
		{"hours", 12, 0, time.Date(2026, 11, 28, 0, 10, 0, 0, time.UTC)},
		{"settled", 0, civil.NewDay(2026, 11, 27), time.Date(2026, 11, 28, 0, 10, 0, 0, time.UTC)},
		{"settled, and over", 0, civil.NewDay(2026, 11, 27), time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)},
	} {
		for _, purge := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, purge %v", test.name, purge), func(t *testing.T) {
				kind := groupKind{hours: test.hours}
				if test.settled > 0 {
					kind.settled = []civil.Day{test.settled}
				}
				b := newGroupBedOf(t, groupPolicy, kind)
				b.set(friday)
				day := civil.DayOf(friday)
				w := b.worker()
				w.all(t, b.of(day, 11, 1)+b.of(day, 12, 2)+b.of(day, 12, 3)) // no round comes
				require.NotEmpty(t, b.names(dir.Held))
				b.set(test.until)
				if purge {
					_, err := Purge(b.cfg.Directory, 0, false)
					require.NoError(t, err)
				} else {
					w.s.dir.Load().Judge(b.cfg.Now(), b.cfg.Keep)
					w.round(t)
				}
				assert.NotContains(t, b.logs(), "access-2026-11-27T11.log")
				assert.NotContains(t, b.logs(), logFile(day))
				require.NoError(t, w.s.Close())
				require.NoError(t, b.worker().s.Close())
				assert.NotContains(t, b.logs(), logFile(day))
				b.heard()
			})
		}
	}
}

// TestHeldLinesSettle: a day that has settled keeps no held lines, and its groups open no
// more.
func TestHeldLinesSettle(t *testing.T) {
	day := civil.DayOf(friday)
	b := newGroupBedOf(t, groupPolicy, groupKind{settled: []civil.Day{day - 1}})
	b.set(friday)
	w := b.worker()
	w.all(t, b.people(day, 1, 2)+b.people(day-1, 1, 4))
	assert.Len(t, b.names(dir.Held), 1, "yesterday has settled")
	w.all(t, b.people(day, 3, 3))
	w.round(t)
	assert.Equal(t, []string{logFile(day)}, b.logs())
	assert.Equal(t, 3, b.lines(day))
	require.NoError(t, w.s.Close())
	b.heard()
}
