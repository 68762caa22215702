package retention_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// fill makes the files of the days from first to last.
func fill(t *testing.T, d *loggertest.Dir, first, last string) {
	t.Helper()
	for day, end := day(first), day(last); day <= end; day++ {
		d.Put(t, dir.LogFile(day), "line\n")
		d.Put(t, "keys/"+dir.KeyFile(day), "0123456789abcdef0123456789abcdef")
		d.Put(t, "journal/"+day.String()+".1.journal", "journal")
		d.Put(t, "rooms/rooms-"+day.String()+".log", "2 x\n")
	}
}

// days returns the first and last day of the files that are left in sub.
func days(t *testing.T, d *loggertest.Dir, sub string) (first, last string, n int) {
	t.Helper()
	names, err := d.Names(sub)
	require.NoError(t, err)
	for _, name := range names {
		if day, ok := dir.ExpiryDay(sub, name); ok {
			if n == 0 {
				first = day.String()
			}
			last = day.String()
			n++
		}
	}
	return first, last, n
}

func TestPurgeKeepsTheRetention(t *testing.T) {
	tests := []struct {
		name        string
		now         string
		keep        calendar.Period
		first, last string
		n           int
	}{
		{"14 days", "2026-11-22 12:00", 14, "2026-11-09", "2026-11-23", 15},
		{"at the day change", "2026-11-22 00:00", 14, "2026-11-09", "2026-11-23", 15},
		{"before it", "2026-11-21 23:59", 14, "2026-11-08", "2026-11-23", 16},
		{"one day", "2026-11-22 12:00", 1, "2026-11-22", "2026-11-23", 2},
		{"more than there is", "2026-11-22 12:00", 90, "2026-11-01", "2026-11-23", 23},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, said := loggertest.New(t)
			fill(t, d, "2026-11-01", "2026-11-23")
			p := d.Purge(at(tt.now), tt.keep, false)
			require.Empty(t, p.Errs)
			assert.Len(t, p.Deleted, 3*(23-tt.n))
			for _, sub := range []string{"", dir.Keys, dir.Journal} {
				first, last, n := days(t, d, sub)
				assert.Equal(t, tt.first, first, sub)
				assert.Equal(t, tt.last, last, sub)
				assert.Equal(t, tt.n, n, sub)
			}
			rooms, err := d.Names(dir.Rooms)
			require.NoError(t, err)
			assert.Len(t, rooms, 23, "they are kept for good")
			assert.Empty(t, *said)
			assert.Empty(t, d.Purge(at(tt.now), tt.keep, false).Deleted, "nothing twice")
		})
	}
}

func TestPurgeOverLeapDayAndYearEnd(t *testing.T) {
	for now, first := range map[string]string{
		"2028-03-01 12:00": "2028-02-17", "2026-03-01 12:00": "2026-02-16", "2027-01-05 12:00": "2026-12-23",
	} {
		d, _ := loggertest.New(t)
		fill(t, d, (day(now[:10]) - 30).String(), now[:10])
		require.Empty(t, d.Purge(at(now), 14, false).Errs)
		got, _, n := days(t, d, "")
		assert.Equal(t, first, got, now)
		assert.Equal(t, 14, n, now)
	}
}

func TestTheZoneOfNowDecidesToday(t *testing.T) {
	for _, zone := range []struct {
		hours int
		today string
	}{{-12, "2026-11-21"}, {0, "2026-11-22"}, {14, "2026-11-23"}} {
		d, _ := loggertest.New(t)
		fill(t, d, "2026-11-01", "2026-11-22")
		now := at("2026-11-22 11:00").In(time.FixedZone("", zone.hours*3600))
		p := d.Purge(now, 14, false)
		require.Empty(t, p.Errs)
		assert.Equal(t, zone.today, p.Window.Today.String())
		first, _, _ := days(t, d, "")
		assert.Equal(t, (day(zone.today) - 13).String(), first)
	}
}

// The name decides, never the time of the last change.
func TestPurgeByNameNotByMtime(t *testing.T) {
	for _, mtime := range []time.Time{at("2000-01-01 00:00"), at("2026-11-22 12:00"), at("2099-01-01 00:00")} {
		d, _ := loggertest.New(t)
		fill(t, d, "2026-11-01", "2026-11-22")
		for _, name := range d.Tree(t) {
			require.NoError(t, os.Chtimes(filepath.Join(d.Path, name), mtime, mtime))
		}
		require.Empty(t, d.Purge(at("2026-11-22 12:00"), 14, false).Errs)
		first, _, n := days(t, d, "")
		assert.Equal(t, "2026-11-09", first)
		assert.Equal(t, 14, n)
	}
}

func TestPurgeTouchesOnlyItsOwn(t *testing.T) {
	deleted := []string{
		"keys/2026-01-01.key", "keys/2026-01-01.key.bak", "keys/2026-01-01.key~", "keys/2026-01-01.key.exposed",
		"access-2026-01-01.log", "access-2026-01-01.log.gz", "access-2026-01-01.log.1", "access-2026-01-01.log.tar.gz",
		"access-2026-01-01.log~", "access-2026-01-01.log.bak", "access-2026-01-01.log-old", "access-2026-01-01.log (copy)",
		"journal/2026-01-01.0011223344556677.journal", "journal/2026-01-01.1234.journal.damaged", "journal/2026-01-01.1234.journal.gz",
		"rooms/rooms-2026-01-01.log.damaged", "erased/2026-01-01",
	}
	kept := []string{
		"access-2026-01-01.tar.gz", "access-2026-01-01.json", "access-2026-01-01.txt", "access-2026-01-01.logs", "access-2026-01-01.log2",
		"access-2026-01-01", "access-2026-01-01.", "access-2026-01-01log", "access-2026-13-01.log", "access-2026-01-01-00_00.log",
		"access-2026-1-1.log", "access-20260101.log", "access-.log", "my-access-2026-01-01.log",
		"access.log.1", "error-2026-01-01.log", "reveal.log", "2026-01-01.key", "2026-01-01.log",
		"keys/notes.txt", "keys/x2026-01-01.key", "keys/2026-01-01.tar.gz", "keys/2026-01-01.keys", "keys/2026-01-01.log",
		"journal/README", "journal/2026-01-01.md", "journal/2026-01-01.tar.gz", "journal/2026-01-01.journal", "journal/2026-01-01..journal",
		"journal/2026-01-01.travel.journal", "journal/2026-01-01.1234", "journal/2026-01-01.key", "journal/2026-01-01",
		"rooms/rooms-2026-01-01.log", "rooms/rooms-2026-01-01.log.gz", "rooms/2026-01-01.txt", "rooms/rooms-2026-11-22.log.damaged",
		"rooms/rooms-2026-01-01.pdf.damaged", "rooms/access-2026-01-01.log", "erased/2026-01-01.log", "erased/notes",
		"other/access-2026-01-01.log", ".hushpipe-", ".hushpipe-1234", ".hushpipe-xxxxxxxxxxxxxxxx",
	}
	d, _ := loggertest.New(t)
	for _, name := range append(slices.Clone(kept), deleted...) {
		d.Put(t, name, "content\n")
	}
	d.Put(t, today, "line\n")
	kept = append(kept, today)
	p := d.Purge(at("2026-11-22 12:00"), 14, false)
	require.Empty(t, p.Errs)
	assert.ElementsMatch(t, deleted, p.Deleted)
	assert.ElementsMatch(t, kept, d.Tree(t))
	order := func(sub string) int { return slices.IndexFunc(p.Deleted, func(s string) bool { return s[:4] == sub }) }
	assert.Less(t, order("keys"), order("acce"), "keys go first")
	assert.Less(t, order("acce"), order("jour"))
}

func TestPurgeDeletesAPlantedLinkNotItsTarget(t *testing.T) {
	d, _ := loggertest.New(t)
	d.Put(t, today, "line\n")
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, nil, 0o600))
	require.NoError(t, os.Symlink(victim, filepath.Join(d.Path, "access-2026-01-01.log")))
	assert.Equal(t, []string{"access-2026-01-01.log"}, d.Purge(at("2026-11-22 12:00"), 14, false).Deleted)
	assert.FileExists(t, victim)
}

func TestPurgeGoesOnPastAnError(t *testing.T) {
	d, _ := loggertest.New(t)
	fill(t, d, "2026-11-01", "2026-11-22")
	require.NoError(t, os.Mkdir(filepath.Join(d.Path, "access-2026-10-01.log.d"), 0o750))
	require.NoError(t, os.RemoveAll(filepath.Join(d.Path, dir.Keys)))
	require.NoError(t, os.Symlink("elsewhere", filepath.Join(d.Path, dir.Keys)))
	p := d.Purge(at("2026-11-22 12:00"), 14, false)
	require.NotEmpty(t, p.Errs)
	said := ""
	for _, err := range p.Errs {
		assert.NotContains(t, err.Error(), "\n")
		said += err.Error() + "\n"
	}
	assert.Contains(t, said, "delete "+filepath.Join(d.Path, "access-2026-10-01.log.d")+": is a directory; hint: remove it\n")
	first, _, n := days(t, d, "")
	assert.Equal(t, "2026-10-01", first, "the directory that cannot be unlinked")
	assert.Equal(t, 15, n)
}

func TestLeftoversAreSwept(t *testing.T) {
	d, _ := loggertest.New(t)
	d.UseAll(t)
	before := d.Tree(t)
	for _, sub := range []string{"", dir.Keys, dir.Journal, dir.Rooms} {
		d.Put(t, filepath.Join(sub, ".hushpipe-"+dir.RandomHex()), "of a process that crashed")
	}
	require.NoError(t, os.Symlink(today, filepath.Join(d.Path, ".hushpipe-"+dir.RandomHex())))
	// One that a process is making right now stays.
	name := ".hushpipe-" + dir.RandomHex()
	f, err := os.Create(filepath.Join(d.Path, name))
	require.NoError(t, err)
	require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	p := d.Purge(at("2026-11-22 12:00"), 14, false)
	assert.Empty(t, p.Errs)
	assert.Len(t, p.Deleted, 5)
	assert.ElementsMatch(t, append(before, name), d.Tree(t))
	f.Close()
	assert.Equal(t, []string{name}, d.Purge(at("2026-11-22 12:00"), 14, false).Deleted)
}

// A start can take a file that another process has made, and not locked yet,
// for a leftover.
func TestSweptInTheMaking(t *testing.T) {
	d, _ := loggertest.New(t)
	d.Put(t, today, "line\n")
	other, _ := loggertest.OpenTest(t, d.Path, dir.Options{})
	stop, stopped := make(chan struct{}), make(chan []error)
	go func() {
		var errs []error
		for {
			select {
			case <-stop:
				stopped <- errs
				return
			default:
				errs = append(errs, other.Purge(at("2026-11-22 12:00"), 14, false).Errs...)
			}
		}
	}()
	var errs []error
	for range 200 {
		errs = append(errs, d.ReplaceFile("", "a", nil), os.RemoveAll(filepath.Join(d.Path, dir.LinkName)), replaceLink(d))
	}
	close(stop)
	assert.NoError(t, errors.Join(append(errs, <-stopped...)...))
	assert.ElementsMatch(t, []string{dir.LinkName, today, "a"}, d.Tree(t), "no temporary file stays")
}

// TestFilesAhead: what a clock far ahead has dated to a day to come expires as long
// after it was first seen as other files after their day. The time of the file is as
// wrong as its name at first.
func TestFilesAhead(t *testing.T) {
	d, said := loggertest.New(t)
	wrong := at("2099-01-01 08:00")
	ahead := []string{"access-2099-01-01.log", "keys/2099-01-01.key", "journal/2099-01-01.1.journal", "rooms/rooms-2099-01-01.log.damaged",
		"access-2026-11-24.log"}
	stay := []string{"access-2026-11-23.log", "access-2026-11-22.log", "rooms/rooms-2099-01-01.log"}
	for _, name := range append(slices.Clone(ahead), stay...) {
		d.Put(t, name, "0123456789abcdef0123456789abcdef")
		require.NoError(t, os.Chtimes(filepath.Join(d.Path, name), wrong, wrong))
	}
	for now := at("2026-11-22 12:00"); now.Before(at("2026-12-06 00:00")); now = now.Add(7 * time.Hour) {
		assert.Empty(t, d.Purge(now, 14, false).Deleted, now)
	}
	p := d.Purge(at("2026-12-06 00:00"), 14, false)
	assert.ElementsMatch(t, []string{"access-2026-11-22.log", "access-2099-01-01.log", "keys/2099-01-01.key", "journal/2099-01-01.1.journal",
		"rooms/rooms-2099-01-01.log.damaged"}, p.Deleted, "of tomorrow and the day after the names decide")
	assert.ElementsMatch(t, []string{"access-2026-11-23.log", "access-2026-11-24.log", "rooms/rooms-2099-01-01.log"}, without(d.Tree(t), dir.ClockName))
	assert.Empty(t, *said)
}

// TestClockFarBehind: a clock that starts far behind, each time elsewhere, does not
// make the files of today old.
func TestClockFarBehind(t *testing.T) {
	d, _ := loggertest.New(t)
	fill(t, d, "2026-11-20", "2026-11-22")
	for _, now := range []string{"1970-01-01 00:00", "2026-11-22 12:00", "1970-03-01 00:00", "2026-11-22 13:00", "2020-01-01 00:00", "2020-01-13 00:00", "2026-11-22 14:00"} {
		assert.Empty(t, d.Purge(at(now), 14, true).Deleted, now)
	}
	assert.Empty(t, d.Purge(at("2020-06-01 00:00"), 14, true).Deleted)
	assert.Len(t, d.Purge(at("2020-06-15 00:00"), 14, true).Deleted, 9, "14 days went by")
}

// TestPurgeSetsModesRight: secrets that were loosened are shut again; what an operator
// may have opened on purpose is reported.
func TestPurgeSetsModesRight(t *testing.T) {
	const key, journal, line, room = "keys/2026-11-22.key", "journal/2026-11-22.1.journal", "access-2026-11-22.log", "rooms/rooms-2026-11-22.log"
	for _, tt := range []struct {
		name, file string
		mode, want os.FileMode
		said       string
	}{
		{"as they are", key, 0o600, 0o600, ""},
		{"a key", key, 0o644, 0o600, "others could read this key (mode 0644): set to 0600"},
		{"a key, for its group", key, 0o640, 0o600, "others could read this key (mode 0640): set to 0600"},
		{"a copy of a key", "keys/2026-11-21.key.bak", 0o604, 0o600, "others could read this key (mode 0604): set to 0600"},
		{"the secret of room hashes", dir.RoomSecretName, 0o644, 0o600, "others could read this key (mode 0644): set to 0600"},
		{"a journal", journal, 0o644, 0o600, "others could read this journal (mode 0644): set to 0600"},
		{"a damaged journal", journal + dir.DamagedSuffix, 0o660, 0o600, "others could read this journal (mode 0660): set to 0600"},
		{"the locks", dir.Locks, 0o755, 0o700, "others could hold locks in this directory (mode 0755): set to 0700"},
		{"the locks of keys", dir.KeyLocks, 0o777, 0o700, "others could hold locks in this directory (mode 0777): set to 0700"},
		{"lines", line, 0o644, 0o644, "everybody can read this file: chmod o= it"},
		{"lines, for a group", line, 0o660, 0o660, ""},
		{"rooms that are published", room, 0o644, 0o644, ""},
		{"rooms that everybody can change", room, 0o666, 0o666, "everybody can write this file: chmod o= it"},
		{"a file of somebody else", "keys/notes.txt", 0o644, 0o644, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, said := loggertest.New(t)
			d.UseAll(t)
			path := filepath.Join(d.Path, tt.file)
			if _, err := os.Stat(path); err != nil {
				d.Put(t, tt.file, "x")
			}
			require.NoError(t, os.Chmod(path, tt.mode))
			require.Empty(t, d.Purge(at("2026-11-22 12:00"), 14, false).Errs)
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, tt.want, info.Mode().Perm())
			want := dirtest.Notes{}
			if tt.said != "" {
				want = dirtest.Notes{path + ": " + tt.said}
			}
			assert.Equal(t, want, *said)
			if exposed := path + dir.ExposedSuffix; tt.want != tt.mode && (strings.HasPrefix(tt.file, "keys/2") || tt.file == dir.RoomSecretName) {
				assert.FileExists(t, exposed)
			} else {
				assert.NoFileExists(t, exposed)
			}
			*said = nil
			d.Purge(at("2026-11-22 13:00"), 14, false)
			assert.Equal(t, tt.want == tt.mode && tt.said != "", len(*said) > 0, "what was put right is reported once")
		})
	}
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return n == name })
}
