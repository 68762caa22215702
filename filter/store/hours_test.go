package store

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
)

// hoursBed is a DIR of hours in Berlin, on a Friday at half past three.
func hoursBed(t *testing.T) (*bed, *time.Location) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	b := newBed(t)
	b.now = time.Date(2026, 11, 27, 15, 30, 0, 0, berlin)
	off := calendar.DaysOff{Calendar: "de-BE"}
	b.cfg.Keep = off.Longest(24)
	b.cfg.Bounds = &calendar.Bounds{Hours: 24, Off: off, PeriodImplied: true}
	return b, berlin
}

// feedHours treats lines as a stream of hours does.
func (b *bed) feedHours(s *Store, lines ...string) *filter.Filter {
	parser, err := format.New("combined", b.now.Location(), nil)
	require.NoError(b, err)
	f := filter.New(filter.Config{Parser: parser, Limits: b.cfg.Limits, CountV6: 128, Hours: true}, s)
	for _, line := range lines {
		b.feed(f, s, line)
	}
	return f
}

// lineAt is a line of that time, in its zone.
func lineAt(t time.Time, url string) string {
	return fmt.Sprintf("192.0.2.1 - - [%s] \"GET /%s HTTP/1.1\" 200 5 \"-\" \"-\"\n", t.Format("02/Jan/2006:15:04:05 -0700"), url)
}

func (b *bed) logs() (names []string) {
	for _, l := range dir.Logs(b.names("")) {
		names = append(names, l.Name())
	}
	return names
}

// TestHoursOfWorkdays: lines lie in files of their hours, in the process's zone, and go with the hour
// in which 24 hours of workdays have passed since that began; the key goes with the day's
// last hour.
func TestHoursOfWorkdays(t *testing.T) {
	b, berlin := hoursBed(t)
	s := b.open()
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, berlin) }
	f := b.feedHours(s,
		lineAt(at(27, 15, 29), "now"),
		lineAt(at(27, 14, 59), "a"), lineAt(at(27, 15, 0), "now2"), lineAt(at(27, 14, 0), "b"),
		lineAt(at(26, 16, 1), "yesterday"),
		lineAt(at(26, 15, 59), "gone"),
		lineAt(at(24, 12, 0), "gone"),
		lineAt(at(27, 15, 40), "to come"),
		lineAt(at(27, 15, 10).In(time.FixedZone("", -9*3600)), "another zone"),
		lineAt(at(26, 23, 30).UTC(), "UTC"),
		lineAt(time.Date(2026, 12, 24, 0, 0, 0, 0, berlin), "far ahead"),
		"malformed 192.0.2.1\n",
	)
	assert.Equal(t, []string{"access-2026-11-26T16.log", "access-2026-11-26T23.log", "access-2026-11-27T14.log", "access-2026-11-27T15.log"}, b.logs())
	count := func(name string) (n int) {
		for _, c := range b.read(name) {
			if c == '\n' {
				n++
			}
		}
		return n
	}
	assert.Equal(t, 2, count("access-2026-11-27T14.log"))
	assert.Equal(t, 6, count("access-2026-11-27T15.log"))
	assert.EqualValues(t, 2, f.Stats().Expired)
	assert.EqualValues(t, 2, f.Stats().Adjusted)
	target, err := os.Readlink(b.path(dir.LinkName))
	require.NoError(t, err)
	assert.Equal(t, "access-2026-11-27T15.log", target)
	require.Contains(t, b.names(dir.Keys), "2026-11-26.key")

	step := func(to time.Time) {
		for b.now.Before(to) {
			b.pass(s, min(time.Hour, to.Sub(b.now)))
		}
	}
	step(at(27, 15, 59))
	assert.Contains(t, b.logs(), "access-2026-11-26T16.log")
	step(at(27, 16, 0))
	assert.NotContains(t, b.logs(), "access-2026-11-26T16.log", "purged at each hour")
	assert.Contains(t, b.names(dir.Keys), "2026-11-26.key")
	step(at(27, 23, 0))
	assert.Equal(t, []string{"access-2026-11-27T14.log", "access-2026-11-27T15.log"}, b.logs())
	assert.NotContains(t, b.names(dir.Keys), "2026-11-26.key")
	b.tick(s)
	assert.NotContains(t, b.names(dir.Keys), "2026-11-26.key", "it is not put back")
	step(at(30, 13, 59))
	assert.Equal(t, []string{"access-2026-11-27T14.log", "access-2026-11-27T15.log"}, b.logs(), "after the weekend")
	step(at(30, 15, 0))
	assert.Empty(t, b.logs())
	assert.Contains(t, b.names(dir.Keys), "2026-11-27.key")
	step(at(30, 23, 0))
	assert.NotContains(t, b.names(dir.Keys), "2026-11-27.key")
	require.NoError(t, s.Close())
	assert.Empty(t, b.status().Broken)
	b.heard()
}

// TestJournalsOfHours: a day's journals go with its last hour, and what they hold is counted
// first; so it is where days settle.
func TestJournalsOfHours(t *testing.T) {
	matcher, err := rooms.NewMatcher([]string{"jitsi"}, nil)
	require.NoError(t, err)
	redact, err := treatment.NewRedact()
	require.NoError(t, err)
	const day = civil.Day(20783) // 26 November 2026
	for _, test := range []struct {
		settles bool
		went    string
	}{
		{false, "2026-11-27T23:00:00+01:00"},
		{true, "2026-11-29T00:00:00+01:00"},
	} {
		b, berlin := hoursBed(t)
		require.Equal(t, civil.DayOf(b.now)-1, day)
		if test.settles {
			b.cfg.Bounds, b.cfg.Keep = &calendar.Bounds{Settled: []civil.Day{day}, After: 3, PeriodImplied: true}, 30
		}
		went, err := time.ParseInLocation(time.RFC3339, test.went, berlin)
		require.NoError(t, err)
		parser, err := format.New("combined", berlin, nil)
		require.NoError(t, err)
		s := b.open()
		f := filter.New(filter.Config{Parser: parser, Redact: redact, Rooms: matcher, Limits: b.cfg.Limits, CountV6: 128, Hours: !test.settles}, s)
		b.feed(f, s, lineAt(b.now.Add(-20*time.Hour), "http-bind?room=a"))
		for b.now.Add(time.Hour).Before(went) {
			b.pass(s, time.Hour)
		}
		late := lineAt(time.Date(2026, 11, 26, 23, 30, 0, 0, berlin), "http-bind?room=a")
		b.feed(f, s, strings.Replace(late, "192.0.2.1", "192.0.2.2", 1))
		require.Contains(t, strings.Join(b.names(dir.Journal), " "), day.String())
		b.set(went.In(berlin))
		b.tick(s)
		assert.NotContains(t, strings.Join(b.names(dir.Journal), " "), day.String(), test.went)
		b.pass(s, 2*time.Hour)
		assert.NotContains(t, strings.Join(b.names(dir.Journal), " "), day.String(), "it is not put back")
		require.NoError(t, s.Close())
		assert.Equal(t, "2 a\n", b.rooms(day))
		assert.Zero(t, f.Stats().Failed)
		b.heard()
	}
}

// TestHourThatWaited: lines that waited in memory past their hour make no file again.
func TestHourThatWaited(t *testing.T) {
	b, _ := hoursBed(t)
	s := b.open()
	day, hour, placement := s.PlaceHour(b.now.Add(-23*time.Hour).Unix(), true)
	require.Equal(t, calendar.Open, placement)
	b.pass(s, time.Hour)
	n, err := s.AppendHour(day, hour, []byte("too late\n"))
	require.NoError(t, err)
	assert.Equal(t, len("too late\n"), n)
	assert.Empty(t, b.logs())
	assert.Contains(t, b.heard(), "waited past the retention")
	require.NoError(t, s.Close())
}

// TestHoursBesideAClockThatLeaps: nothing goes by a clock that is not believed.
func TestHoursBesideAClockThatLeaps(t *testing.T) {
	b, _ := hoursBed(t)
	s := b.open()
	b.feedHours(s, lineAt(b.now, "a"))
	was := b.logs()
	require.Len(t, was, 1)
	b.set(b.now.AddDate(0, 0, 30))
	b.tick(s)
	assert.Equal(t, was, b.logs())
	b.pass(s, 30*time.Minute)
	assert.Equal(t, was, b.logs())
	assert.Contains(t, b.heard(), "the clock is far ahead")
	b.pass(s, time.Hour)
	assert.Empty(t, b.logs())
	require.NoError(t, s.Close())
	b.heard()
}

// TestFromDaysToHours: what was kept for days is kept for hours from the day's beginning on,
// and hour files go with their day where there are no hours any more.
func TestFromDaysToHours(t *testing.T) {
	b, berlin := hoursBed(t)
	hours, keep := b.cfg.Bounds, b.cfg.Keep
	b.cfg.Bounds, b.cfg.Keep = &calendar.Bounds{}, 14
	old := b.open()
	today := civil.DayOf(b.now)
	b.feed(b.newFilter(old), old, users(today-13, "a", 1, 1)+users(today-1, "a", 1, 1)+users(today, "a", 1, 1))
	b.cfg.Bounds, b.cfg.Keep = hours, keep
	s := b.open()
	b.pass(s, time.Minute)
	b.pass(old, time.Minute)
	assert.Equal(t, []string{logFile(today)}, b.logs(), "the newest policy holds, for processes that live as well")
	require.NoError(t, old.Close())
	b.feedHours(s, lineAt(b.now, "a"))
	for b.now.Before(time.Date(2026, 11, 30, 0, 0, 0, 0, berlin)) {
		b.pass(s, time.Hour)
	}
	assert.Equal(t, []string{"access-2026-11-27T15.log"}, b.logs())
	require.NoError(t, s.Close())

	b.cfg.Bounds, b.cfg.Keep = &calendar.Bounds{}, 14
	s = b.open()
	b.pass(s, 10*time.Hour)
	b.pass(s, 30*time.Hour)
	assert.Equal(t, []string{"access-2026-11-27T15.log"}, b.logs())
	for range 11 {
		b.pass(s, 24*time.Hour)
	}
	assert.Empty(t, b.logs())
	require.NoError(t, s.Close())
	b.heard()
}

// TestHoursInStatus: what purges have left.
func TestHoursInStatus(t *testing.T) {
	b, _ := hoursBed(t)
	s := b.open()
	b.feedHours(s, lineAt(b.now, "a"))
	require.NoError(t, s.Close())
	assert.Equal(t, "24h of workdays", b.status().Bounds)
	require.Empty(t, b.status().Broken)
	for _, name := range []string{"access-2026-11-26T15.log", "access-2026-11-26T13.log.gz", "access-2026-11-26T16.log"} {
		dirtest.Put(t, b.dir, name, "line\n")
		require.NoError(t, os.Chmod(b.path(name), 0o640))
	}
	dirtest.Put(t, b.dir, "keys/2026-11-25.key", "01234567890123456789012345678901")
	var broken []string
	for _, f := range b.status().Broken {
		broken = append(broken, f.File[len(b.dir)+1:]+": "+f.What)
	}
	assert.ElementsMatch(t, []string{"access-2026-11-26T15.log: is older than 24h of workdays", "access-2026-11-26T13.log.gz: is older than 24h of workdays",
		"keys/2026-11-25.key: is older than 24h of workdays"}, broken)
	_, err := Purge(b.cfg.Directory, 0, false)
	require.NoError(t, err)
	assert.Empty(t, b.status().Broken)
	b.heard()
}

// TestSettling: lines go some days after the first date in the list that is not before
// theirs, and none is written for a day that has settled.
func TestSettling(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 400
	day := civil.NewDay
	b.cfg.Bounds = &calendar.Bounds{After: 90, Settled: []civil.Day{day(2026, 7, 31), day(2026, 10, 31)}}
	b.now = time.Date(2026, 10, 27, 12, 0, 0, 0, time.UTC)
	s := b.open()
	f := b.newFilter(s)
	for _, d := range []civil.Day{day(2026, 5, 1), day(2026, 7, 31), day(2026, 8, 1), day(2026, 10, 27)} {
		b.feed(f, s, users(d, "a", 1, 1))
	}
	late := []string{"access-2026-08-01.log", "access-2026-10-27.log"}
	assert.Equal(t, append([]string{"access-2026-05-01.log", "access-2026-07-31.log"}, late...), b.logs())
	b.pass(s, 24*time.Hour)
	assert.Len(t, b.logs(), 4)
	b.pass(s, 12*time.Hour) // 29 October, which is 90 days after 31 July
	assert.Equal(t, late, b.logs())
	assert.NotContains(t, b.names(dir.Keys), "2026-05-01.key")
	assert.Contains(t, b.names(dir.Keys), "2026-08-01.key")
	b.feed(f, s, users(day(2026, 7, 30), "a", 1, 1))
	assert.Equal(t, late, b.logs())
	assert.EqualValues(t, 1, f.Stats().Expired)
	require.NoError(t, s.Close())
	assert.Equal(t, "90d after settling, 400d", b.status().Bounds)

	// A date that is added settles what is there.
	b.cfg.Bounds = &calendar.Bounds{After: 1, Settled: []civil.Day{day(2026, 7, 31), day(2026, 8, 31)}}
	s = b.open()
	b.pass(s, time.Minute)
	assert.Equal(t, late[1:], b.logs())
	require.NoError(t, s.Close())
	assert.Empty(t, b.status().Broken)
	b.heard()
}
