package store

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter/audit"
	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/filter/pseudonym"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// TestRetentionWaitsForNobody: neither the goroutine of the lines, nor a round that hangs,
// nor a holder of DIR's locks delays expiry.
func TestRetentionWaitsForNobody(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.feed(b.newFilter(s), s, users(today-13, "a", 1, 3)+users(today, "b", 1, 1))
	b.pass(s, time.Minute)
	d := b.openDir()
	unlock, err := d.LockRooms(0)
	require.NoError(t, err)
	defer unlock()
	for _, name := range []string{"", dir.Keys, dir.Journal, dir.Status, logFile(today - 13), logFile(today), "clock", "keep"} {
		f, err := os.Open(b.path(name))
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), name)
	}
	s.mu.Lock()                // an Append that does not come back
	s.rounds.files.busy.Lock() // nor does the round
	b.set(noon.Add(12 * time.Hour))
	s.keeper.Check()
	assert.Equal(t, []string{logFile(today)}, b.names(""))
	assert.NotContains(t, b.names(dir.Keys), (today-13).String()+".key")
	assert.NotContains(t, strings.Join(b.names(dir.Journal), " "), (today - 13).String())
	s.rounds.files.busy.Unlock()
	s.mu.Unlock()
	unlock()
	b.pass(s, time.Minute)
	assert.Equal(t, "3 a\n", b.rooms(today-13), "what expired is counted")
}

// TestShorterPeriod: a period holds while a process with it lives, and no longer, for
// keys as for lines.
func TestShorterPeriod(t *testing.T) {
	b := newBed(t)
	oldest := func() [2]string { return [2]string{b.names("")[0], b.names(dir.Keys)[0]} }
	files := func(day civil.Day) [2]string { return [2]string{logFile(day), day.String() + ".key"} }
	b.cfg.Keep = 30
	long := b.open()
	b.feed(b.newFilter(long), long, users(today-20, "a", 1, 1)+users(today-7, "a", 1, 1)+users(today, "a", 1, 1))
	b.cfg.Keep = 8
	short := b.open()
	b.pass(short, time.Hour)
	assert.Equal(t, files(today-20), oldest(), "a process with the longer period lives")
	assert.Empty(t, b.status().Broken)
	require.NoError(t, long.Close())
	b.pass(short, time.Minute)
	assert.Equal(t, files(today-7), oldest())
	assert.Equal(t, "8d\n8d\n", b.read("keep")+b.read(dir.Keys, "keep"))

	// By hand.
	require.NoError(t, os.WriteFile(b.path(dir.Keys, "keep"), []byte("3d\n"), 0o640))
	b.pass(short, time.Minute)
	assert.Equal(t, files(today), oldest())
	require.NoError(t, short.Close())
	assert.Equal(t, "3d\n", b.read(dir.Keys, "keep"), "the end of a process undoes nothing")
	assert.Empty(t, b.status().Broken)
	b.heard()
}

// TestShorten: a period shortened while a process runs applies to its lines, its keys and
// the rule from then on; a longer one changes nothing.
func TestShorten(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 30
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today-20, "a", 1, 1)+users(today-7, "a", 1, 1)+users(today, "a", 1, 1))
	s.Shorten(40)
	b.pass(s, time.Minute)
	assert.Len(t, b.names(""), 3, "all days")
	s.Shorten(8)
	b.pass(s, time.Minute)
	for sub, files := range map[string]func(civil.Day) string{"": logFile, dir.Keys: func(day civil.Day) string { return day.String() + ".key" }} {
		assert.Equal(t, []string{files(today - 7), files(today)}, b.names(sub)[:2], sub)
	}
	assert.Equal(t, "8d\n8d\n", b.read("keep")+b.read(dir.Keys, "keep"))
	b.feed(f, s, users(today-8, "a", 2, 2)+users(today-7, "a", 2, 2))
	assert.Equal(t, 0, b.lines(today-8))
	assert.Equal(t, 2, b.lines(today-7))
	b.pass(s, time.Minute)
	status := b.status()
	assert.Empty(t, status.Broken)
	assert.Equal(t, "8d", status.Processes[0].Keep)
	require.NoError(t, s.Close())
	b.heard()
}

// TestTextsOfPolicies: the text of a policy is deleted with the last lines below DIR that
// were written while it ran, by a logger of DIR and by purge.
func TestTextsOfPolicies(t *testing.T) {
	b := newBed(t)
	require.NoError(t, b.open().Close())
	below := newBed(t)
	below.dir = b.path("web")
	below.cfg.Path = below.dir
	s := below.open()
	below.feed(below.newFilter(s), s, users(today-10, "a", 1, 1)+users(today, "a", 1, 1))
	require.NoError(t, s.Close())
	d := b.openDir()
	for i, digit := range []string{"a", "b"} {
		e := policies.Entry{Began: noon.AddDate(0, 0, -10+5*i), Digest: strings.Repeat(digit, 64), Streams: []policies.Stream{{Name: "web", Active: policy.Always}}}
		require.NoError(t, policies.Record(d, e, []byte("text")))
		require.NoError(t, os.Chtimes(b.path(dir.Policies, dir.PolicyFile(e.Digest)), noon.AddDate(0, 0, -9+5*i), noon.AddDate(0, 0, -9+5*i)))
	}
	_, err := Purge(b.cfg.Directory, 0, false)
	require.NoError(t, err)
	texts, err := d.Names(dir.Policies)
	require.NoError(t, err)
	assert.Len(t, texts, 2)
	b.set(noon.AddDate(0, 0, 5))
	purged, err := Purge(b.cfg.Directory, 0, true)
	require.NoError(t, err)
	assert.Contains(t, purged.Deleted, "policies/"+dir.PolicyFile(strings.Repeat("a", 64)))
	texts, err = d.Names(dir.Policies)
	require.NoError(t, err)
	assert.Equal(t, []string{dir.PolicyFile(strings.Repeat("b", 64))}, texts)
	b.heard()
	below.heard()
}

// TestDirectoriesBelow: those that record a rule are purged by it, by a logger of DIR
// and by purge, and nothing else is.
func TestDirectoriesBelow(t *testing.T) {
	plant := func(b *bed, rule string) (names []string) {
		below := &bed{T: b.T, cfg: b.cfg, dir: b.path("below"), now: noon}
		below.cfg.Path, below.cfg.Keep = below.dir, 30
		require.NoError(b, os.MkdirAll(b.dir, 0o750))
		below.process(users(today-5, "a", 1, 2) + users(today-1, "a", 1, 1))
		require.NoError(b, os.WriteFile(below.path("keep"), []byte(rule), 0o640))
		require.NoError(b, os.WriteFile(below.path(dir.Keys, "keep"), []byte(rule), 0o640))
		require.NoError(b, os.Mkdir(b.path("other"), 0o750))
		require.NoError(b, os.WriteFile(b.path("other", logFile(today-100)), nil, 0o640))
		require.NoError(b, os.Symlink(below.dir, b.path("link")))
		return below.names("")
	}
	for name, purge := range map[string]func(b *bed){
		"a logger":  func(b *bed) { require.NoError(b, b.open().Close()) },
		"a command": func(b *bed) { _, err := Purge(b.cfg.Directory, b.cfg.Keep, false); require.NoError(b, err) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			require.Equal(t, []string{logFile(today - 5), logFile(today - 1)}, plant(b, "3d\n"))
			broken := b.status().Broken
			require.Len(t, broken, 3, "lines, key and journal below DIR are too old")
			assert.Equal(t, b.path("below", logFile(today-5)), broken[0].File)
			purge(b)
			assert.Equal(t, []string{logFile(today - 1)}, b.names("below"))
			assert.Equal(t, "2 a\n", named(b.read("below", dir.Rooms, dir.RoomFile(today-5))))
			assert.FileExists(t, b.path("other", logFile(today-100)))
			assert.Empty(t, b.status().Broken)
			b.heard()
		})
	}
}

// TestPurgeDay: a day that is deleted on purpose does not come back, and lines that
// come for it later have another key.
func TestPurgeDay(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today-3, "a", 1, 4)+users(today-2, "b", 1, 1))
	b.pass(s, time.Minute)
	before := b.key(today - 3)
	cfg := b.cfg
	for _, day := range []civil.Day{today, today + 1} {
		_, _, err := PurgeDay(cfg.Directory, day)
		assert.ErrorContains(t, err, "is not over, lines come for it")
	}
	p, holders, err := PurgeDay(cfg.Directory, today-3)
	require.NoError(t, err)
	assert.Empty(t, holders)
	assert.Len(t, p.Deleted, 3)
	b.pass(s, 2*time.Hour)
	assert.Equal(t, []string{logFile(today - 2)}, b.names(""))
	assert.Equal(t, none, b.key(today-3))
	assert.NotContains(t, strings.Join(b.names(dir.Journal), " "), (today - 3).String())
	assert.Equal(t, "4 a\n", b.rooms(today-3), "the count stays")

	b.feed(f, s, users(today-3, "a", 9, 9))
	assert.NotContains(t, []string{before, none}, b.key(today-3))
	assert.Equal(t, 1, b.lines(today-3))
	assert.NotEmpty(t, b.names(dir.Erased))
	b.pass(s, 11*24*time.Hour)
	assert.Empty(t, b.names(dir.Erased), "the mark goes with the day")
	require.NoError(t, s.Close())
	assert.Empty(t, b.heard())
}

// The key is deleted wherever it is: in the key directory of DIR's filter, in DIR, and in
// earlier key directories. Without the current key directory nothing is deleted.
func TestPurgeDayWithKeysElsewhere(t *testing.T) {
	b := newBed(t)
	b.process(users(today-3, "a", 1, 1))
	b.cfg.Keys = filepath.Join(filepath.Dir(b.dir), "elsewhere")
	b.cfg.Flags = []string{"--keys=" + b.cfg.Keys}
	b.process(users(today-3, "a", 1, 1))
	name := (today - 3).String() + ".key"
	require.FileExists(t, b.path(dir.Keys, name))
	require.FileExists(t, filepath.Join(b.cfg.Keys, name))

	cfg := b.cfg
	cfg.Keys = ""
	p, _, err := PurgeDay(cfg.Directory, today-3)
	assert.EqualError(t, err, b.dir+": its filter keeps the keys in "+b.cfg.Keys+"; hint: give --keys "+b.cfg.Keys)
	assert.Empty(t, p.Deleted)

	before := b.cfg.Keys
	b.cfg.Keys += "2"
	b.cfg.Flags = []string{"--keys=" + b.cfg.Keys}
	b.process(users(today-3, "a", 1, 1))
	_, _, err = PurgeDay(b.cfg.Directory, today-3)
	require.NoError(t, err)
	assert.NoFileExists(t, b.path(dir.Keys, name))
	assert.NoFileExists(t, filepath.Join(before, name))
	assert.NoFileExists(t, filepath.Join(b.cfg.Keys, name))
	b.heard()
}

// A line that comes for the day before the process has seen the mark does not bring the
// key back, neither in a round nor at the end.
func TestPurgeDayBeforeTheNextLine(t *testing.T) {
	for _, ends := range []bool{false, true} {
		b := newBed(t)
		s := b.open()
		f := b.newFilter(s)
		b.feed(f, s, users(today-3, "a", 1, 4))
		b.pass(s, time.Minute)
		before := b.key(today - 3)
		if !ends {
			s.rounds.files.busy.Lock() // a round that began before it hangs
			b.set(b.now.Add(time.Minute))
			patience := s.rounds.patience
			s.rounds.patience = time.Millisecond
			s.Tick()
			s.rounds.patience = patience
		}
		_, _, err := PurgeDay(b.cfg.Directory, today-3)
		require.NoError(t, err)
		b.feed(f, s, users(today-3, "a", 9, 9))
		if !ends {
			s.rounds.files.busy.Unlock()
			b.pass(s, time.Minute)
		}
		require.NoError(t, s.Close())
		assert.NotEqual(t, before, b.key(today-3), "at the end: %t", ends)
		assert.Empty(t, b.heard())
	}
}

// A process of an earlier version cannot be told to forget a day.
func TestPurgeDayBesideAnEarlierVersion(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.feed(b.newFilter(s), s, users(today-3, "a", 1, 1))
	records, err := filepath.Glob(b.path(dir.Status, "*.json"))
	require.NoError(t, err)
	require.Len(t, records, 1)
	edit(t, records[0], `"layout":2`, `"layout":0`) // as its record has it
	_, holders, err := PurgeDay(b.cfg.Directory, today-3)
	require.NoError(t, err)
	require.Len(t, holders, 1)
	assert.Equal(t, os.Getpid(), holders[0].PID)
}

// The locks of records that an earlier version makes can be opened by others. One who
// holds them does not hold what expires.
func TestLockOfAnEarlierRecordIsHeld(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 30
	earlier := b.open()
	b.feed(b.newFilter(earlier), earlier, users(today-20, "a", 1, 1))
	b.pass(earlier, time.Minute)
	records, err := filepath.Glob(b.path(dir.Status, "*.json"))
	require.NoError(t, err)
	require.Len(t, records, 1)
	edit(t, records[0], `"layout":2`, `"layout":0`)
	record := b.read(dir.Status, filepath.Base(records[0]))
	kill(earlier)
	lock, err := os.Open(strings.TrimSuffix(records[0], dir.RecordSuffix) + dir.LockSuffix)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	earlier.Close() // its lease ends
	require.NoError(t, os.WriteFile(records[0], []byte(record), 0o640))

	b.cfg.Keep = 8
	s := b.open()
	assert.FileExists(t, b.path(logFile(today-20)), "it may live, and keep this")
	b.pass(s, time.Hour)
	assert.NoFileExists(t, b.path(logFile(today-20)))
	assert.NoFileExists(t, b.path(dir.Keys, (today-20).String()+".key"))
	assert.Empty(t, b.status().Broken)
}

// TestKeyRemovedWithItsLines: what somebody removed on purpose stays away; a key that
// is missed comes back.
func TestKeyRemovedWithItsLines(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.feed(b.newFilter(s), s, users(today-3, "a", 1, 1)+users(today-2, "a", 1, 1)+users(today, "a", 1, 1))
	b.pass(s, time.Minute)
	was := b.key(today - 2)
	require.NoError(t, os.Remove(b.path(logFile(today-3))))
	for _, day := range []civil.Day{today - 3, today - 2} {
		require.NoError(t, os.Remove(b.path(dir.Keys, day.String()+".key")))
	}
	b.pass(s, 3*time.Minute)
	assert.Equal(t, none, b.key(today-3))
	assert.Equal(t, was, b.key(today-2))
	require.NoError(t, s.Close())
	assert.Equal(t, none, b.key(today-3))
	assert.Equal(t, filepath.Dir(b.path(dir.Keys, "x"))+": put back 1 deleted key, since the lines are kept", b.heard())
}

// Lines that come for the day soon after do not make those that were removed readable.
func TestKeyRemovedWithItsLinesBeforeTheNextLine(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today-3, "a", 1, 4)+users(today, "a", 1, 4))
	b.pass(s, time.Minute)
	for _, day := range []civil.Day{today - 3, today} {
		was := b.key(day)
		require.NoError(t, os.Remove(b.path(logFile(day))))
		require.NoError(t, os.Remove(b.path(dir.Keys, day.String()+".key")))
		b.feed(f, s, users(day, "a", 5, 6))
		b.pass(s, 3*time.Minute)
		assert.Equal(t, 2, b.lines(day))
		assert.NotEqual(t, was, b.key(day))
		b.feed(f, s, users(day, "a", 7, 7))
		assert.NotContains(t, []string{was, none}, b.key(day), "it has another")
	}
	require.NoError(t, s.Close())
	assert.NotContains(t, b.heard(), "put back")
}

// What cannot be deleted is tried again each minute.
func TestWhatCannotBeDeletedIsTriedAgain(t *testing.T) {
	b := newBed(t)
	s := b.open()
	stuck := b.path("access-2026-01-01.log")
	require.NoError(t, os.Mkdir(stuck, 0o750))
	b.set(noon.Add(time.Hour))
	b.tick(s)
	assert.Contains(t, b.heard(), "delete "+stuck+": is a directory; hint: remove it")
	require.NoError(t, os.Remove(stuck))
	require.NoError(t, os.WriteFile(stuck, nil, 0o640))
	b.pass(s, time.Minute)
	assert.NoFileExists(t, stuck)
}

// Where the rule cannot be read nobody knows which lines are to live: none is
// deleted, and that is reported.
func TestPurgeWithoutARule(t *testing.T) {
	damages := map[string]func(t *testing.T, path string){
		"no retention": func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("forever\n"), 0o640)) },
		"too large":    func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o640)) },
		"a directory":  func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o750)) },
		"a pipe":       func(t *testing.T, path string) { require.NoError(t, unix.Mkfifo(path, 0o640)) },
	}
	for name, damage := range damages {
		for _, file := range []string{"keep", "keys/keep"} {
			t.Run(strings.ReplaceAll(name, " ", "-")+"/of="+file, func(t *testing.T) {
				b := newBed(t)
				b.process(users(today, "a", 1, 3))
				b.process(users(today-1, "a", 1, 3))
				require.NoError(t, os.Remove(b.path(file)))
				damage(t, b.path(file))
				before := append(b.names(""), append(b.names(dir.Keys), b.names(dir.Journal)...)...)

				p, err := Purge(b.cfg.Directory, 0, false)
				assert.ErrorContains(t, err, b.path(file))
				assert.Empty(t, p.Deleted)
				assert.Equal(t, before, append(b.names(""), append(b.names(dir.Keys), b.names(dir.Journal)...)...))

				// Below another DIR it is the same.
				outer := b.cfg.Directory
				outer.Path = filepath.Dir(b.dir)
				p, err = Purge(outer, 0, false)
				assert.ErrorContains(t, err, filepath.Base(b.path(file)))
				assert.Empty(t, p.Deleted)
			})
		}
	}
}

// A process that has a shorter period starts while the lock of the rule is held: by
// a process that was stopped, say. It does not delete what another one keeps.
func TestOthersKeepWhileTheRuleIsLocked(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 30
	longer := b.open()
	b.feed(b.newFilter(longer), longer, users(today-20, "a", 1, 3))
	require.FileExists(t, b.path(logFile(today-20)))

	lock, err := os.OpenFile(b.path(".lock/keep"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	b.cfg.Keep = 8
	shorter := b.open()
	assert.FileExists(t, b.path(logFile(today-20)))
	leases, err := filepath.Glob(b.path(dir.Locks, "keep-8d-*"))
	require.NoError(t, err)
	assert.Len(t, leases, 1, "it is taken all the same")
	b.pass(shorter, time.Minute)
	assert.FileExists(t, b.path(logFile(today-20)))

	require.NoError(t, longer.Close())
	b.pass(shorter, time.Minute)
	assert.NoFileExists(t, b.path(logFile(today-20)), "the lock does not hold up what expires")
}

// A shorter period comes together with another directory for the keys: those in DIR
// do not outlive their lines.
func TestKeysThatMovedExpireWithTheLines(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 30
	b.process(users(today-20, "a", 1, 3) + users(today-2, "a", 1, 3))
	b.cfg.Keep, b.cfg.Keys = 8, filepath.Join(filepath.Dir(b.dir), "elsewhere")
	b.process(users(today, "a", 1, 3))
	assert.NoFileExists(t, b.path(logFile(today-20)))
	assert.NoFileExists(t, b.path(dir.Keys, (today-20).String()+".key"))
	assert.FileExists(t, b.path(dir.Keys, (today-2).String()+".key"), "its lines can be revealed")
}

// TestKeysOfEarlierDirectories: wherever --keys has led, keys go when their days end,
// and what others keep there stays.
func TestKeysOfEarlierDirectories(t *testing.T) {
	b := newBed(t)
	above, err := filepath.EvalSymlinks(filepath.Dir(b.dir))
	require.NoError(t, err)
	places := []string{filepath.Join(above, "one"), filepath.Join(above, "two\n"), ""}
	use := func(keys string) {
		b.cfg.Keys, b.cfg.Flags = keys, []string{"--keys=" + keys}
		b.process(users(today, "a", 1, 3))
	}
	key := func(keys string, day civil.Day) string {
		if keys == "" {
			keys = b.path(dir.Keys)
		}
		return filepath.Join(keys, day.String()+".key")
	}
	for _, keys := range places {
		use(keys)
	}
	use("") // what is recorded is not forgotten
	for _, keys := range places {
		assert.FileExists(t, key(keys, today), "its lines can be revealed")
	}
	backup := filepath.Join(places[0], today.String()+".tar.gz")
	require.NoError(t, os.WriteFile(backup, nil, 0o600))

	for day := 1; day <= 14; day++ {
		if day == 14 {
			b.set(noon.AddDate(0, 0, day))
			broken := b.status().Broken
			for _, keys := range places {
				assert.Contains(t, plain(broken), audit.Finding{File: key(keys, today), What: "is older than 14d", Do: "hushpipe purge " + b.dir})
			}
		}
		b.set(noon.AddDate(0, 0, day))
		use("")
	}
	for _, keys := range places {
		assert.NoFileExists(t, key(keys, today))
	}
	assert.FileExists(t, backup)
	assert.Empty(t, b.status().Broken)
	b.set(noon.AddDate(0, 0, 15)) // tomorrow's keys go as well
	use("")
	use("")
	assert.NoFileExists(t, b.path(dir.KeyDirsName), "nothing is left there")
	b.heard()
}

// TestKeyAheadIsNotPutBack: a process that has the key of a coming year in memory, which
// a wrong clock made, lets it expire.
func TestKeyAheadIsNotPutBack(t *testing.T) {
	b := newBed(t)
	b.process(users(today, "a", 1, 3))
	wrong := noon.AddDate(3, 0, 0)
	key := b.path(dir.Keys, civil.DayOf(wrong).String()+".key")
	require.NoError(t, os.WriteFile(key, []byte("0123456789abcdef0123456789abcdef"), 0o600))
	require.NoError(t, os.Chtimes(key, wrong, wrong))
	s := b.open()
	for range 13 {
		b.pass(s, 24*time.Hour)
		assert.FileExists(t, key)
	}
	for range 3 {
		b.pass(s, 24*time.Hour)
		assert.NoFileExists(t, key)
	}
	require.NoError(t, s.Close())
	assert.NoFileExists(t, key)
	assert.Empty(t, b.heard())
}

// TestEraseDays: days that are over are deleted as by PurgeDay, and neither key nor journal
// comes back. Of today the lines alone go, and its count goes on.
func TestEraseDays(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today-3, "a", 1, 4)+users(today-2, "b", 1, 1)+users(today, "c", 1, 2))
	b.pass(s, time.Minute)
	key := b.key(today)
	found, err := FindErasable(b.cfg.Directory, today-2)
	require.NoError(t, err)
	assert.Equal(t, []civil.Day{today - 3}, found.Days)
	assert.Equal(t, 4, found.Lines)
	found, err = FindErasable(b.cfg.Directory, math.MaxInt32)
	require.NoError(t, err)
	assert.Equal(t, []civil.Day{today - 3, today - 2, today}, found.Days)
	assert.Equal(t, 7, found.Lines)
	erased := (*pseudonym.Key)([]byte(b.key(today - 3))).ID()
	p, err := EraseDays(b.cfg.Directory, found, func(civil.Day, int) error { return errors.New("nothing came") })
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("%x\n", erased), b.read(dir.Erased, (today-3).String()))
	assert.Len(t, p.Deleted, 3+3+1)
	b.feed(f, s, users(today, "c", 2, 3))
	b.pass(s, 2*time.Minute)
	b.pass(s, 2*time.Hour)
	for _, day := range []civil.Day{today - 3, today - 2} {
		assert.Equal(t, none, b.key(day))
		assert.NotContains(t, strings.Join(b.names(dir.Journal), " "), day.String())
	}
	assert.Equal(t, []string{logFile(today)}, b.names(""))
	assert.Equal(t, key, b.key(today))
	assert.Equal(t, 2, b.lines(today))
	assert.Equal(t, "3 c\n", b.rooms(today), "the count goes on")
	assert.Equal(t, []string{(today - 3).String(), (today - 2).String()}, b.names(dir.Erased))
	require.NoError(t, s.Close())
	assert.Empty(t, b.heard(), "it was on purpose")

	holders, err := Holders(b.dir)
	require.NoError(t, err)
	assert.Empty(t, holders)
}

// TestEraseDaysGrown: lines that came since the days were counted are noted before they are
// deleted, each once, and stay where they cannot be.
func TestEraseDaysGrown(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today-3, "a", 1, 4)+users(today-2, "b", 1, 1)+users(today, "c", 1, 2))
	b.pass(s, time.Minute)
	before, err := FindErasable(b.cfg.Directory, today)
	require.NoError(t, err)
	all, err := FindErasable(b.cfg.Directory, math.MaxInt32)
	require.NoError(t, err)
	b.feed(f, s, users(today-2, "b", 2, 4)+users(today, "c", 3, 3))
	b.pass(s, time.Minute)
	for _, test := range []struct {
		found Erasable
		full  bool
		noted map[civil.Day]int
		left  []civil.Day
	}{
		{before, true, map[civil.Day]int{today - 2: 3}, []civil.Day{today - 2, today}},
		{all, true, map[civil.Day]int{today - 2: 3, today: 1}, []civil.Day{today - 2, today}},
		{before, false, map[civil.Day]int{today - 2: 3}, []civil.Day{today}},
		{all, false, map[civil.Day]int{today: 1}, nil},
	} {
		noted := map[civil.Day]int{}
		_, err := EraseDays(b.cfg.Directory, test.found, func(day civil.Day, lines int) error {
			noted[day] += lines
			assert.NotZero(t, b.lines(day), "it is noted first")
			if test.full {
				return errors.New("no space left on device")
			}
			return nil
		})
		if test.full {
			assert.ErrorContains(t, err, (today-2).String()+" stays: no space left on device")
		} else {
			assert.NoError(t, err)
		}
		assert.Equal(t, test.noted, noted)
		assert.Equal(t, test.left, b.logDays())
	}
	require.NoError(t, s.Close())
}
