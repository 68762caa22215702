package retention_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/loggertest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Each step is a Purge of its own process; the files are of 2026-11-09 to
// 2026-11-22, and keep is 14d. left counts the log files afterwards.
func TestClock(t *testing.T) {
	type step struct {
		now   string
		doubt bool
		left  int
		force bool
		lines string // a line of this day was written after the Purge
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"steady", []step{
			{now: "2026-11-22 10:00", left: 14}, {now: "2026-11-22 11:00", left: 14}, {now: "2026-11-23 00:00", left: 13},
		}},
		{"back an hour", []step{
			{now: "2026-11-22 10:00", left: 14}, {now: "2026-11-22 09:00", left: 14}, {now: "2026-11-22 10:00", left: 14},
		}},
		{"back an hour over midnight", []step{
			{now: "2026-11-23 00:30", left: 13}, {now: "2026-11-22 23:30", left: 13}, {now: "2026-11-23 00:30", left: 13},
		}},
		{"back to 1970 and right again", []step{
			{now: "2026-11-22 10:00", left: 14}, {now: "1970-01-01 00:00", left: 14}, {now: "2026-11-22 10:01", left: 14},
		}},
		{"ahead a day", []step{
			{now: "2026-11-22 10:00", left: 14}, {now: "2026-11-23 10:00", left: 13},
		}},
		{"ahead 36 hours", []step{
			{now: "2026-11-22 10:00", left: 14}, {now: "2026-11-23 22:00", left: 13},
		}},
		{"ahead a minute more", []step{
			{now: "2026-11-22 10:00", left: 14}, {now: "2026-11-23 22:01", left: 14, doubt: true},
		}},
		{"ahead 15 days and right again", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-12-07 10:00", left: 14, doubt: true, lines: "2026-12-07"},
			{now: "2026-12-07 10:59", left: 15, doubt: true},
			{now: "2026-11-22 11:00", left: 15},
			{now: "2026-11-22 12:00", left: 15},
		}},
		{"ahead 15 days twice: its own lines do not vouch for it", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-12-07 10:00", left: 14, doubt: true, lines: "2026-12-07"},
			{now: "2026-11-22 10:10", left: 15},
			{now: "2026-12-07 10:20", left: 15, doubt: true},
			{now: "2026-12-07 11:10", left: 15, doubt: true},
			{now: "2026-12-07 11:20", left: 1},
		}},
		{"the doubted time comes true", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-11-24 10:00", left: 14, doubt: true},
			{now: "2026-11-22 11:00", left: 14},
			{now: "2026-11-23 11:00", left: 13},
			{now: "2026-11-24 11:00", left: 12, lines: "2026-11-26"},
			{now: "2026-11-26 10:00", left: 11},
		}},
		{"off for three weeks", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-12-13 10:00", left: 14, doubt: true, lines: "2026-12-13"},
			{now: "2026-12-13 10:30", left: 15, doubt: true},
			{now: "2026-12-13 11:00", left: 1},
			{now: "2026-12-14 00:00", left: 1},
		}},
		{"purged daily only", []step{
			{now: "2026-11-22 10:00", left: 14}, {now: "2026-12-13 10:00", left: 14, doubt: true}, {now: "2026-12-14 10:00", left: 0},
		}},
		{"a second jump begins the hour anew", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-12-07 10:00", left: 14, doubt: true},
			{now: "2026-12-20 10:30", left: 14, doubt: true},
			{now: "2026-12-20 11:00", left: 14, doubt: true},
			{now: "2026-12-20 11:29", left: 14, doubt: true},
			{now: "2026-12-20 11:30", left: 0},
		}},
		{"a second jump begins the hour anew, across midnight too", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-12-07 23:50", left: 14, doubt: true},
			{now: "2026-12-20 23:55", left: 14, doubt: true},
			{now: "2026-12-21 00:50", left: 14, doubt: true},
			{now: "2026-12-21 00:55", left: 0},
		}},
		{"jumps to and fro are never believed", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-12-20 10:00", left: 14, doubt: true},
			{now: "2027-01-20 10:01", left: 14, doubt: true},
			{now: "2026-12-20 10:02", left: 14, doubt: true},
			{now: "2027-01-20 10:03", left: 14, doubt: true},
			{now: "2026-11-22 10:04", left: 14},
			{now: "2026-12-20 10:05", left: 14, doubt: true},
			{now: "2027-01-20 10:06", left: 14, doubt: true},
		}},
		{"purged weekly only", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-11-29 10:00", left: 14, doubt: true},
			{now: "2026-12-06 10:00", left: 14, doubt: true},
			{now: "2026-12-13 10:00", left: 0, lines: "2026-12-13"},
			{now: "2026-12-20 10:00", left: 1, doubt: true},
			{now: "2026-12-27 10:00", left: 1, doubt: true},
			{now: "2027-01-03 10:00", left: 0},
		}},
		{"purged every second day only", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-11-24 10:00", left: 14, doubt: true},
			{now: "2026-11-26 10:00", left: 14, doubt: true},
			{now: "2026-11-28 10:00", left: 8},
		}},
		{"a jump back within the doubt begins it anew", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-12-20 10:00", left: 14, doubt: true},
			{now: "2026-12-07 10:30", left: 14, doubt: true},
			{now: "2026-12-07 11:29", left: 14, doubt: true},
			{now: "2026-12-07 11:30", left: 0},
		}},
		{"forced", []step{
			{now: "2026-11-22 10:00", left: 14},
			{now: "2026-11-30 10:00", left: 14, doubt: true},
			{now: "2026-11-30 10:01", left: 6, force: true},
			{now: "2026-11-30 10:02", left: 6},
		}},
		{"no last time: the newest line speaks", []step{
			{now: "2026-11-22 10:00", left: 14},
		}},
		{"no last time, and far from the newest line", []step{
			{now: "2026-12-13 10:00", left: 14, doubt: true}, {now: "2026-12-13 11:00", left: 0},
		}},
		{"the newest line is later than the last time", []step{
			{now: "2026-11-10 10:00", left: 14}, {now: "2026-11-23 10:00", left: 13},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			first, _ := loggertest.OpenTest(t, path, dir.Options{})
			fill(t, first, "2026-11-09", "2026-11-22")
			for _, s := range tt.steps {
				d, said := loggertest.OpenTest(t, path, dir.Options{})
				p := d.Purge(at(s.now), 14, s.force)
				require.Empty(t, p.Errs, s.now)
				assert.Equal(t, s.doubt, !p.Window.DoubtUntil.IsZero(), s.now)
				if s.doubt {
					assert.Empty(t, p.Deleted, s.now)
				}
				for _, sub := range []string{"", dir.Keys, dir.Journal} {
					_, _, n := days(t, d, sub)
					assert.Equal(t, s.left, n, "%s in %q", s.now, sub)
				}
				assert.Equal(t, s.now[:10], p.Window.Today.String())
				assert.Empty(t, *said)
				if s.lines != "" {
					fill(t, d, s.lines, s.lines)
				}
			}
		})
	}
}

// While the clock is in doubt, a line expires only if it had at the last time
// that was believed: the lines of the real days may still come.
func TestPlaceInDoubt(t *testing.T) {
	d, _ := loggertest.New(t)
	require.Empty(t, d.Purge(at("2026-11-22 10:00"), 14, false).Errs)
	w := d.Purge(at("2026-12-07 10:00"), 14, false).Window
	assert.Equal(t, calendar.Window{First: day("2026-11-09"), Today: day("2026-12-07"), DoubtUntil: at("2026-12-07 11:00")}, w)
	for date, want := range map[string]calendar.Placement{
		"2026-11-08": calendar.Expired, "2026-11-09": calendar.Open, "2026-11-22": calendar.Open, "2026-12-07": calendar.Open,
		"2026-12-08": calendar.Open, "2026-12-09": calendar.Adjusted,
	} {
		_, got := w.Place(day(date), true)
		assert.Equal(t, want, got, date)
	}
	appendTest(t, d, "2026-11-09", "line\n")
	_, err := d.Key(day("2026-11-09"))
	require.NoError(t, err)
}

func TestDoubtAcrossProcesses(t *testing.T) {
	d, _ := loggertest.New(t)
	fill(t, d, "2026-11-09", "2026-11-22")
	for _, step := range []struct{ now, want string }{
		{"2026-11-22T10:00:00Z", "false 0"},
		{"2026-12-07T10:00:00Z", "true 0"},
		{"2026-12-07T12:30:00+02:00", "true 0"}, // in another zone
		{"2026-12-07T11:00:00Z", "false 42"},
	} {
		assert.Equal(t, []string{step.want}, dirtest.Children(t, "doubt", d.Path, step.now), step.now)
	}
}

func TestClockFile(t *testing.T) {
	d, said := loggertest.New(t)
	d.Put(t, today, "line\n")
	d.Purge(at("2026-11-22 10:00"), 14, false)
	assert.Equal(t, "seen 2026-11-22T10:00:00Z\n", d.Read(t, dir.ClockName))
	d.Purge(at("2026-12-07 10:00"), 14, false)
	d.Purge(at("2026-12-07 10:20").Add(time.Millisecond), 14, false)
	assert.Equal(t, "seen 2026-11-22T10:00:00Z\ndoubt 2026-12-07T10:00:00Z\nchecked 2026-12-07T10:20:00Z\n",
		d.Read(t, dir.ClockName))
	w := d.Purge(at("2026-12-20 10:00"), 14, false).Window
	assert.Equal(t, at("2026-12-20 11:00"), w.DoubtUntil)
	assert.Equal(t, "seen 2026-11-22T10:00:00Z\ndoubt 2026-12-07T10:00:00Z\nagain 2026-12-20T10:00:00Z\nchecked 2026-12-20T10:00:00Z\n",
		d.Read(t, dir.ClockName))
	assert.Empty(t, *said)
}

func TestClockFileDamaged(t *testing.T) {
	for _, text := range []string{"", "\n", "seen\n", "seen yesterday\n", "\x00\x00\x00", "felt 2026-11-22T10:00:00Z\n"} {
		d, said := loggertest.New(t)
		fill(t, d, "2026-11-09", "2026-11-22")
		path := d.Put(t, dir.ClockName, text)
		p := d.Purge(at("2026-12-13 10:00"), 14, false)
		assert.Empty(t, p.Errs)
		assert.False(t, p.Window.DoubtUntil.IsZero(), "the newest line speaks")
		if text != "" {
			assert.Equal(t, dirtest.Notes{path + ": not used: is not a clock file"}, *said)
		}
		assert.Contains(t, d.Read(t, dir.ClockName), "doubt 2026-12-13T10:00:00Z", "and it is made anew")
	}
}

// A disk that is full because nothing may be deleted must not stay full because
// the doubt cannot be written down.
func TestDoubtEndsWithoutAClockFile(t *testing.T) {
	d, _ := loggertest.New(t)
	fill(t, d, "2026-11-09", "2026-11-22")
	require.NoError(t, unix.Mkfifo(filepath.Join(d.Path, dir.ClockName), 0o600))
	p := d.Purge(at("2026-12-13 10:00"), 14, false)
	assert.Len(t, p.Errs, 1)
	assert.Empty(t, p.Deleted)
	p = d.Purge(at("2026-12-13 11:00"), 14, false)
	assert.Len(t, p.Errs, 1)
	assert.Len(t, p.Deleted, 42)
	require.NoError(t, os.Remove(filepath.Join(d.Path, dir.ClockName)))
	assert.Empty(t, d.Purge(at("2026-12-13 12:00"), 14, false).Errs)
	assert.Equal(t, "seen 2026-12-13T12:00:00Z\n", d.Read(t, dir.ClockName))
}

// A new DIR on a key directory that others use has no lines to tell the time by.
func TestSharedKeysVouchForTheTime(t *testing.T) {
	old, _ := loggertest.New(t)
	fill(t, old, "2026-11-09", "2026-11-22")
	d, _ := loggertest.OpenTest(t, filepath.Join(t.TempDir(), "new"), dir.Options{Keys: filepath.Join(old.Path, dir.Keys)})
	p := d.Purge(at("2026-12-13 10:00"), 14, false)
	assert.False(t, p.Window.DoubtUntil.IsZero())
	assert.Empty(t, p.Deleted)
	assert.Len(t, d.Purge(at("2026-12-13 11:00"), 14, false).Deleted, 14)
}

// With nothing to compare it to, the clock is believed.
func TestEmptyDirFollowsTheClock(t *testing.T) {
	d, _ := loggertest.New(t)
	w := d.Purge(at("2026-11-22 10:00"), 14, false).Window
	assert.Equal(t, calendar.Window{First: day("2026-11-09"), Today: day("2026-11-22")}, w)
}

// TestClockIsRenewedHourly: a start writes no file that the disk may be slow to
// take, if the last time seen is less than an hour ago.
func TestClockIsRenewedHourly(t *testing.T) {
	d, _ := loggertest.New(t)
	seen := func() string {
		text, err := d.ReadFile("", dir.ClockName)
		require.NoError(t, err)
		return string(text)
	}
	for _, c := range []struct{ now, seen string }{
		{"2026-11-22 12:00", "seen 2026-11-22T12:00:00Z\n"},
		{"2026-11-22 12:59", "seen 2026-11-22T12:00:00Z\n"},
		{"2026-11-22 13:00", "seen 2026-11-22T13:00:00Z\n"},
		{"2026-11-22 12:30", "seen 2026-11-22T12:30:00Z\n"}, // put back
	} {
		require.Empty(t, d.Purge(at(c.now), 14, false).Errs)
		assert.Equal(t, c.seen, seen(), c.now)
	}
}
