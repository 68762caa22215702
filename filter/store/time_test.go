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
	"hushpipe/format/civil"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

// stamped is a line as httpd writes it at that moment, in that time zone.
func stamped(now time.Time, room string) string {
	return fmt.Sprintf("192.0.2.1 - - [%s] \"GET /http-bind?room=%s HTTP/1.1\" 200 5 \"-\" \"-\"\n",
		now.Format("02/Jan/2006:15:04:05 -0700"), room)
}

// onePseudonym asserts that a day's file holds n lines of one client.
func (b *bed) onePseudonym(day civil.Day, n int) {
	b.Helper()
	text := b.read(logFile(day))
	first, _, _ := strings.Cut(text, " ")
	assert.Equal(b, n, strings.Count(text, "\n"), "lines of %s", day)
	assert.Equal(b, n, strings.Count("\n"+text, "\n"+first+" "), "one address, one pseudonym, all %s", day)
}

// TestHours writes a line each hour, and compares the disk with the calendar: each line is
// in the file of its date, for exactly as many days as are kept, however an hour is named.
// The day changes when the zone's clock says so, even if that is at 1 o'clock.
func TestHours(t *testing.T) {
	for _, tt := range []struct {
		name, zone, from string
		hours            map[string]int // of some days, in their order
	}{
		{"to summer time", "Europe/Berlin", "2027-03-27", map[string]int{"2027-03-27": 24, "2027-03-28": 23, "2027-03-29": 24}},
		{"from summer time", "Europe/Berlin", "2026-10-24", map[string]int{"2026-10-24": 24, "2026-10-25": 25, "2026-10-26": 24}},
		{"there is no midnight", "Africa/Cairo", "2026-04-23", map[string]int{"2026-04-23": 24, "2026-04-24": 23}},
		{"midnight comes twice", "Africa/Cairo", "2026-10-28", map[string]int{"2026-10-28": 24, "2026-10-29": 25, "2026-10-30": 24}},
		{"a day is left out", "Pacific/Apia", "2011-12-28", map[string]int{"2011-12-29": 24, "2011-12-30": 0, "2011-12-31": 24}},
		{"a day comes twice", "Pacific/Kwajalein", "1969-09-29", map[string]int{"1969-09-29": 24, "1969-09-30": 47}},
		{"a leap day", "UTC", "2028-02-28", map[string]int{"2028-02-28": 24, "2028-02-29": 24, "2028-03-01": 24}},
		{"no leap day", "UTC", "2026-02-27", map[string]int{"2026-02-28": 24, "2026-03-01": 24}},
		{"a year's end", "Asia/Kathmandu", "2026-12-31", map[string]int{"2026-12-31": 24, "2027-01-01": 24}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			b.cfg.Keep = 2
			loc := zone(t, tt.zone)
			now, err := time.ParseInLocation(time.DateOnly, tt.from, loc)
			require.NoError(t, err)
			b.set(now)
			s := b.open()
			f := b.newFilter(s)
			hours := map[civil.Day]int{}
			for range 76 {
				b.feed(f, s, stamped(now, "a"))
				hours[civil.DayOf(now)]++
				now = now.Add(time.Hour).In(loc)
				b.set(now)
				b.tick(s)
				today := civil.DayOf(now)
				for day, n := range hours {
					if day > today-2 {
						b.onePseudonym(day, n)
						continue
					}
					assert.Equal(t, none, b.read(logFile(day)), "at %s", now)
					assert.NotContains(t, b.names(dir.Keys), day.String()+".key")
				}
			}
			for date, n := range tt.hours {
				day, _ := civil.ParseDay(date)
				assert.Equal(t, n, hours[day], date)
				if n > 0 {
					assert.Equal(t, "1 a\n", b.rooms(day))
				} else {
					assert.Equal(t, none, b.rooms(day), "it had no lines")
				}
			}
			assert.Empty(t, b.heard())
		})
	}
}

// TestZoneChange restarts the server under other time zones. Lines stay in the
// days that they spell, and what a day further east has deleted does not come
// back further west.
func TestZoneChange(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 2
	now := noon
	expired := civil.Day(0)
	want := map[civil.Day]int{}
	for _, name := range []string{"UTC", "Pacific/Kiritimati", "Etc/GMT+12", "UTC", "Etc/GMT+12", "Pacific/Kiritimati"} {
		loc := zone(t, name)
		b.set(now.In(loc))
		s := b.open()
		f := b.newFilter(s)
		for range 12 {
			now = now.Add(time.Hour).In(loc)
			b.set(now)
			b.tick(s)
			b.feed(f, s, stamped(now, "a"))
			today := civil.DayOf(now)
			expired = max(expired, today-2)
			want[today]++
			for day, n := range want {
				if day > expired {
					b.onePseudonym(day, n)
				} else {
					assert.Equal(t, none, b.read(logFile(day)), "%s at %s", day, now)
				}
			}
		}
		require.NoError(t, s.Close())
	}
	assert.Empty(t, b.heard())
}

// TestTwoZones: after a change of the time zone and a graceful restart, the old
// process goes on in the old one. The one further east deletes first; lines of
// days that both keep are whole.
func TestTwoZones(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 2
	type process struct {
		loc *time.Location
		s   *Store
		f   *filter.Filter
	}
	var both []process
	for _, name := range []string{"Pacific/Auckland", "America/Los_Angeles"} {
		p := process{loc: zone(t, name)}
		b.set(noon.In(p.loc))
		p.s = b.open()
		p.f = b.newFilter(p.s)
		both = append(both, p)
	}
	want := map[civil.Day]int{}
	for hour := range 4 * 24 {
		now := noon.Add(time.Duration(hour) * time.Hour)
		for _, p := range both {
			b.set(now.In(p.loc))
			b.tick(p.s)
			b.feed(p.f, p.s, stamped(b.cfg.Now(), "a"))
			want[civil.DayOf(b.cfg.Now())]++
		}
		east, west := civil.DayOf(now.In(both[0].loc)), civil.DayOf(now.In(both[1].loc))
		for day, n := range want {
			switch {
			case day > east-2:
				b.onePseudonym(day, n)
			case day <= west-2:
				assert.Equal(t, none, b.read(logFile(day)), "%s at %s", day, now)
				assert.Equal(t, none, b.key(day), "%s at %s", day, now)
			}
			assert.False(t, b.rooms(day) != none && b.rooms(day) != "1 a\n", "%s: %s", day, b.rooms(day))
		}
	}
	for _, p := range both {
		require.NoError(t, p.s.Close())
	}
	assert.Empty(t, b.heard())
}

// TestMidnightInABatch: what was decided for a batch before midnight applies to it, but
// nothing expired comes back.
func TestMidnightInABatch(t *testing.T) {
	midnight := noon.Add(12 * time.Hour)
	late := midnight.Add(-time.Second)
	oldest := today - 13
	start := func(t *testing.T) (*bed, *Store, *filter.Filter) {
		b := newBed(t)
		b.set(late)
		s := b.open()
		return b, s, b.newFilter(s)
	}
	// held writes what a filter made of lines once then has been called.
	held := func(b *bed, f *filter.Filter, s *Store, text string, then func()) {
		require.NoError(b, f.Run(strings.NewReader(text), &lateSink{sink{t: b, s: s}, then}))
	}
	pass := func(b *bed, s *Store) func() {
		return func() {
			b.set(midnight)
			b.tick(s)
		}
	}
	t.Run("between the treatment and the writing", func(t *testing.T) {
		b, s, f := start(t)
		held(b, f, s, line(today, "192.0.2.1", "a")+"no time\n"+users(today-12, "a", 1, 2)+users(oldest, "a", 1, 3), pass(b, s))
		require.NoError(t, s.Close())
		assert.Equal(t, 2, b.lines(today), "the line without a time, too: it was read then")
		assert.Equal(t, "1 a\n", b.rooms(today))
		assert.Equal(t, "2 a\n", b.rooms(today-12))
		assert.Equal(t, []civil.Day{today - 12, today}, b.logDays())
		assert.NotContains(t, b.names(dir.Keys), oldest.String()+".key")
		assert.Contains(t, b.heard(), "waited past the retention of their day and were dropped")
	})
	t.Run("a machine asleep for three weeks between the treatment and the writing", func(t *testing.T) {
		b, s, f := start(t)
		held(b, f, s, users(today, "a", 1, 2)+users(oldest, "a", 1, 3), func() { b.set(late.AddDate(0, 0, 21)) })
		b.tick(s)
		assert.Equal(t, []civil.Day{oldest, today}, b.logDays(), "nothing is deleted yet")
		assert.Contains(t, b.heard(), "nothing is deleted before")
		b.pass(s, time.Hour)
		require.NoError(t, s.Close())
		assert.Empty(t, b.logDays())
		assert.Equal(t, "2 a\n", b.rooms(today))
		assert.Equal(t, "3 a\n", b.rooms(oldest))
	})
	t.Run("between two batches", func(t *testing.T) {
		b, s, f := start(t)
		text := "no time\n" + users(today+1, "a", 1, 1) + users(oldest, "a", 1, 1)
		b.feed(f, s, text)
		b.set(midnight)
		b.feed(f, s, text)
		b.tick(s)
		b.feed(f, s, text)
		assert.EqualValues(t, 2, f.Stats().Expired)
		assert.EqualValues(t, 9, f.Stats().Lines)
		assert.Equal(t, 1, b.lines(today))
		assert.Equal(t, 2+3, b.lines(today+1), "without a time, and with its own")
		assert.Equal(t, []civil.Day{today, today + 1}, b.logDays())
		assert.Empty(t, b.heard())
	})
	t.Run("between two lines", func(t *testing.T) {
		b, s, _ := start(t)
		cal := &steppingCalendar{Store: s, at: 2, step: func() { b.set(midnight) }}
		f := b.newFilter(cal)
		// The second date that it asks for is that of the third line.
		b.feed(f, s, "no time\n"+users(today, "a", 1, 1)+users(today+1, "a", 1, 1)+"no time\n"+users(today, "a", 1, 2)+users(today+2, "a", 1, 1))
		assert.Equal(t, 2+3, b.lines(today))
		assert.Equal(t, 1, b.lines(today+1))
		assert.Equal(t, 1, b.lines(today+2), "tomorrow")
		require.NoError(t, s.Close())
		assert.Equal(t, "2 a\n", b.rooms(today))
		assert.Empty(t, b.heard())
	})
	t.Run("between a line's day and its key", func(t *testing.T) {
		b, s, _ := start(t)
		cal := &steppingCalendar{Store: s, at: 1, step: pass(b, s)}
		f := b.newFilter(cal)
		b.feed(f, s, users(oldest, "a", 1, 3))
		assert.NotContains(t, b.names(dir.Keys), oldest.String()+".key", "nor is it made again")
		assert.Regexp(t, "^.* lines of 2026-11-09 waited past the retention of their day and were dropped$", b.heard())
		b.pass(s, 3*time.Minute)
		require.NoError(t, s.Close(), "nothing is missing that should be there")
		assert.Empty(t, b.heard())
		assert.Empty(t, b.names(""))
	})
}

// lateSink writes a batch when then has come back.
type lateSink struct {
	sink
	then func()
}

func (k *lateSink) Put(b *filter.Batch) error {
	k.then()
	return k.sink.Put(b)
}

// steppingCalendar makes a step when it has been asked for at places.
type steppingCalendar struct {
	*Store
	asked, at int
	step      func()
}

func (c *steppingCalendar) Place(date civil.Day, dated bool) (civil.Day, calendar.Placement) {
	to, placement := c.Store.Place(date, dated)
	if c.asked++; c.asked == c.at {
		c.step()
	}
	return to, placement
}

// TestPurgeOfAWrongClock: neither hushpipe purge nor a restart believes a clock
// that is days ahead, and what they leave is there when it is right again.
func TestPurgeOfAWrongClock(t *testing.T) {
	const days = 24 * time.Hour
	for _, ahead := range []time.Duration{2 * days, 15 * days, 400 * days} {
		t.Run(ahead.String(), func(t *testing.T) {
			b := newBed(t)
			b.process(users(today-13, "a", 1, 1) + users(today, "a", 1, 2))
			keys, logs := b.names(dir.Keys), b.logDays()
			for _, minutes := range []int{1, 20, 59} {
				b.set(noon.Add(ahead + time.Duration(minutes)*time.Minute))
				p, err := Purge(b.cfg.Directory, b.cfg.Keep, false)
				require.NoError(t, err)
				assert.WithinDuration(t, noon.Add(ahead+61*time.Minute), p.DoubtUntil, time.Second)
				assert.Empty(t, p.Deleted)
				b.process(stamped(b.cfg.Now(), "b"))
			}
			assert.Contains(t, b.heard(), "nothing is deleted before")
			assert.Subset(t, b.names(dir.Keys), keys)
			assert.Subset(t, b.logDays(), logs)

			b.set(noon.Add(2 * time.Hour))
			p, err := Purge(b.cfg.Directory, b.cfg.Keep, false)
			require.NoError(t, err)
			assert.Zero(t, p.DoubtUntil)
			assert.Empty(t, p.Deleted)
			b.process(users(today-13, "a", 1, 1) + users(today, "a", 1, 3))
			b.onePseudonym(today-13, 2)
			assert.Equal(t, 5, b.lines(today))
			assert.Equal(t, "3 a\n", b.rooms(today))
			assert.False(t, b.counts(today).UpperBound)
			assert.Empty(t, b.heard())
		})
	}
}

// TestClockBehind: files of the real day are tomorrow's, or later, while the
// clock is behind; they are left alone, and gone on with when it is right again.
func TestClockBehind(t *testing.T) {
	for _, behind := range []time.Duration{time.Hour, 24 * time.Hour, 15 * 24 * time.Hour, noon.Sub(time.Unix(0, 0))} {
		t.Run(behind.String(), func(t *testing.T) {
			b := newBed(t)
			s := b.open()
			f := b.newFilter(s)
			b.feed(f, s, stamped(noon, "a")+users(today-13, "a", 1, 1))
			wrong := noon.Add(-behind)
			b.set(wrong)
			b.feed(f, s, stamped(wrong, "b"))
			b.pass(s, 2*time.Hour)
			b.process(stamped(b.cfg.Now(), "b"))
			assert.Contains(t, b.logDays(), today)
			assert.Contains(t, b.logDays(), today-13)

			b.set(noon.Add(2*time.Hour + time.Minute))
			b.feed(f, s, stamped(b.cfg.Now(), "a"))
			b.pass(s, time.Hour)
			require.NoError(t, s.Close())
			assert.NotContains(t, b.rooms(today), "2", "one client")
			assert.Contains(t, b.rooms(today), "1 a\n")
			assert.GreaterOrEqual(t, b.lines(today), 2)
			for _, day := range b.logDays() {
				assert.True(t, today-13 <= day && day <= today+1, day)
				assert.Contains(t, b.names(dir.Keys), day.String()+".key")
			}
			assert.Empty(t, b.heard())
		})
	}
}

// TestClocksLeapADay: several loggers whose clock leaps a day forth and back keep one
// key and one pseudonym a day.
func TestClocksLeapADay(t *testing.T) {
	b := newBed(t)
	loggers := []*Store{b.open(), b.open(), b.open()}
	ids := map[civil.Day]map[[8]byte]bool{}
	write := func() {
		for _, s := range loggers {
			for day := today - 1; day <= today+1; day++ {
				key := s.Key(day, 0)
				if ids[day] == nil {
					ids[day] = map[[8]byte]bool{}
				}
				ids[day][key.ID()] = true
			}
			b.feed(b.newFilter(s), s, users(today, "a", 1, 2)+users(today-1, "a", 1, 1)+stamped(b.cfg.Now(), "b"))
		}
	}
	for i, leap := range []time.Duration{0, 24 * time.Hour, 0, -24 * time.Hour, 0, 24 * time.Hour, 0} {
		b.set(noon.Add(leap + time.Duration(i)*time.Minute))
		write()
		for _, s := range loggers {
			b.tick(s)
			write()
		}
	}
	for day, keys := range ids {
		assert.Len(t, keys, 1, day)
	}
	for _, s := range loggers {
		require.NoError(t, s.Close())
	}
	for day, rooms := range map[civil.Day]string{today - 1: "1 a\n1 b\n", today: "1 b\n2 a\n", today + 1: "1 b\n"} {
		assert.ElementsMatch(t, strings.SplitAfter(rooms, "\n"), strings.SplitAfter(b.rooms(day), "\n"), day)
		assert.False(t, b.counts(day).UpperBound, day)
	}
	assert.Empty(t, b.heard())
}

// TestModesAreSetRightHourly: while a logger runs, which reads a key once.
func TestModesAreSetRightHourly(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 1))
	b.heard()
	key := b.path("keys", today.String()+".key")
	require.NoError(t, os.Chmod(key, 0o644))
	journals := b.names(dir.Journal)
	require.NotEmpty(t, journals)
	require.NoError(t, os.Chmod(b.path(dir.Journal, journals[0]), 0o640))
	b.pass(s, time.Hour)
	said := b.heard()
	assert.Contains(t, said, key+": others could read this key (mode 0644): set to 0600")
	assert.Contains(t, said, journals[0]+": others could read this journal (mode 0640): set to 0600")
	require.NoError(t, s.Close())
	status := b.status()
	require.Len(t, status.Broken, 1, "%v", status.Broken)
	assert.Equal(t, "could be read by others before its mode was corrected", status.Broken[0].What)

	require.NoError(t, os.Chmod(key, 0o604))
	_, err := Purge(b.cfg.Directory, b.cfg.Keep, false)
	require.NoError(t, err)
	assert.Contains(t, b.heard(), key+": others could read this key (mode 0604): set to 0600")
}
