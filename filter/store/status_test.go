package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hushpipe/filter/audit"
	"hushpipe/filter/counters"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/fleet/ratchet"
	"hushpipe/format/civil"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestStatusDays: the files of each day.
func TestStatusDays(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 3)+users(today-2, "b", 1, 1))
	require.NoError(t, s.Close())
	require.NoError(t, os.WriteFile(b.path("access-2026-11-20.log.gz"), make([]byte, 1000), 0o640))
	st := b.status()
	size := func(name string) int64 {
		info, err := os.Stat(b.path(name))
		require.NoError(t, err)
		return info.Size()
	}
	assert.Equal(t, "2026-11-20", st.Oldest)
	require.Len(t, st.Days, 3)
	assert.Equal(t, size("access-2026-11-20.log")+1000, st.Days[0].LogBytes)
	assert.Equal(t, size("access-2026-11-22.log"), st.Days[1].LogBytes)
	for i, want := range []audit.DayFiles{
		{Day: "2026-11-20", Key: true, Journals: 1}, {Day: "2026-11-22", Key: true, Journals: 1}, {Day: "2026-11-23", Key: true}} {
		st.Days[i].LogBytes, st.Days[i].JournalBytes = 0, 0
		assert.Equal(t, want, st.Days[i])
	}
	assert.Equal(t, counters.Values{Ended: 1}, st.Total)
	assert.Empty(t, st.Broken)
	assert.Empty(t, st.Notes)
}

// TestPromise: violations, notes, and what to do about them. {} means DIR.
func TestPromise(t *testing.T) {
	touch := func(name string, mode os.FileMode) func(b *bed) {
		return func(b *bed) {
			require.NoError(b, os.MkdirAll(filepath.Dir(b.path(name)), 0o750))
			require.NoError(b, os.WriteFile(b.path(name), []byte("x"), mode))
			require.NoError(b, os.Chmod(b.path(name), mode))
		}
	}
	chmod := func(name string, mode os.FileMode) func(b *bed) {
		return func(b *bed) { require.NoError(b, os.Chmod(b.path(name), mode)) }
	}
	for _, c := range []struct {
		name          string
		do            func(b *bed)
		broken, notes string // file: what: do
	}{
		{"nothing", func(*bed) {}, "", ""},
		{"the oldest day that is kept", func(b *bed) {
			touch("access-2026-11-09.log", 0o640)(b)
			touch("keys/2026-11-09.key", 0o600)(b)
		}, "", ""},
		{"logs that another program may have made", func(b *bed) {
			for _, day := range []string{"10", "11", "12", "13", "14"} {
				touch("access-2026-11-"+day+".log", 0o640)(b)
			}
			touch("journal/2026-11-11.0011223344556677.journal", 0o600)(b) // its key was lost
		}, "", "{}/access-2026-11-10.log: has no key and no journal: another program may have made it, with raw addresses: move it away or delete it; hushpipe deletes it on 2026-11-24\n" +
			"{}/access-2026-11-12.log: has no key and no journal: another program may have made it, with raw addresses: move it away or delete it; hushpipe deletes it on 2026-11-26\n" +
			"{}/access-2026-11-13.log: has no key and no journal: another program may have made it, with raw addresses: move it away or delete it; hushpipe deletes it on 2026-11-27\n" +
			"{}: 1 more have no key and no journal: see whether another program writes here"},
		{"a log past the retention", touch("access-2026-11-08.log", 0o640),
			"{}/access-2026-11-08.log: is older than 14d: hushpipe purge {}", ""},
		{"a copy of one", touch("access-2026-01-01.log.gz", 0o644),
			"{}/access-2026-01-01.log.gz: is older than 14d: hushpipe purge {}", ""},
		{"a key past the retention", touch("keys/2026-11-08.key", 0o600),
			"{}/keys/2026-11-08.key: is older than 14d: hushpipe purge {}", ""},
		{"a journal past the retention", touch("journal/2026-11-08.0011223344556677.journal", 0o600),
			"{}/journal/2026-11-08.0011223344556677.journal: is older than 14d: hushpipe purge {}", ""},
		{"a room file is kept for good", touch("rooms/rooms-2020-01-01.log", 0o644), "", ""},
		{"a key that others can read", chmod("keys/2026-11-22.key", 0o640),
			"{}/keys/2026-11-22.key: others have access to it (mode 0640): chmod 0600 {}/keys/2026-11-22.key", ""},
		{"a key that others could read", touch("keys/2026-11-22.key.exposed", 0o640),
			"{}/keys/2026-11-22.key: could be read by others before its mode was corrected: assume that others know it, and remove {}/keys/2026-11-22.key.exposed", ""},
		{"a secret that others can read", touch("room-secret", 0o604),
			"{}/room-secret: others have access to it (mode 0604): chmod 0600 {}/room-secret", ""},
		{"a journal that others can read", touch("journal/2026-11-22.0011223344556677.journal", 0o644),
			"{}/journal/2026-11-22.0011223344556677.journal: others have access to it (mode 0644): chmod 0600 {}/journal/2026-11-22.0011223344556677.journal", ""},
		{"lines that everybody can read", touch("access-2026-11-22.log", 0o644),
			"{}/access-2026-11-22.log: others have access to it (mode 0644): chmod 0640 {}/access-2026-11-22.log", ""},
		{"a clock that everybody can set", chmod("clock", 0o646),
			"{}/clock: others have access to it (mode 0646): chmod 0644 {}/clock", ""},
		{"DIR that everybody can write", chmod("", 0o777),
			"{}: everybody can write there: chmod o-w {}", ""},
		{"keys that everybody can write", chmod("keys", 0o777),
			"{}/keys: everybody can write there: chmod o-w {}/keys", ""},
		{"the keys of a fleet", func(b *bed) {
			touch("keys/2026-11-24.key", 0o600)(b)
			touch("fleet/2026-11-22.state", 0o600)(b)
			touch("fleet/2026-11-26.state", 0o600)(b) // of rekey
			chmod("fleet", 0o700)(b)
		}, "", ""},
		{"a key after those of a fleet", func(b *bed) {
			touch("keys/2026-11-24.key", 0o600)(b)
			touch("keys/2026-11-25.key", 0o600)(b)
			touch("fleet/name", 0o600)(b)
			chmod("fleet", 0o700)(b)
		}, "", "{}/keys/2026-11-25.key: is dated after tomorrow: a clock was wrong: it is deleted 14d after a purge first sees it so"},
		{"a fleet whose keys do not come", func(b *bed) {
			touch("fleet/2026-11-22.state", 0o600)(b)
			chmod("fleet", 0o700)(b)
		}, "", "{}/keys/2026-11-24.key: is missing: this host may count a day under a key of its own: see whether hushpipe fleet ship runs"},
		{"a state that opens deleted days", func(b *bed) {
			touch("keys/2026-11-24.key", 0o600)(b)
			for _, day := range []string{"08", "09"} {
				dirtest.Put(b.T, b.path(), "fleet/2026-11-"+day+".state", strings.Repeat("x", 32))
			}
			chmod("fleet", 0o700)(b)
		}, "{}/fleet/2026-11-08.state: is older than 14d: hushpipe purge {}", ""},
		{"states that others know", func(b *bed) {
			touch("keys/2026-11-24.key", 0o600)(b)
			touch("fleet/2026-11-22.state", 0o640)(b)
			touch("fleet/2026-11-22.state.exposed", 0o600)(b)
		}, "{}/fleet: others have access to what makes the keys of a fleet (mode 0750): chmod 0700 {}/fleet\n" +
			"{}/fleet/2026-11-22.state: others have access to it (mode 0640): chmod 0600 {}/fleet/2026-11-22.state\n" +
			"{}/fleet/2026-11-22.state: could be read by others before its mode was corrected, and opens all days to come: make new keys for all hosts: hushpipe fleet rekey", ""},
		{"a seed that still lies there", touch("fleet-seed", 0o600), "",
			"{}/fleet-seed: is still there: whoever reads it can make the keys of this fleet: run hushpipe fleet ship, which overwrites it, or remove it"},
		{"a seed that others can read", touch("fleet-seed", 0o644), "{}/fleet-seed: others have access to it (mode 0644): chmod 0600 {}/fleet-seed",
			"{}/fleet-seed: is still there: whoever reads it can make the keys of this fleet: run hushpipe fleet ship, which overwrites it, or remove it"},
		{"a seed that opens deleted days", func(b *bed) {
			seed := ratchet.Seed{Fleet: "meet", States: ratchet.Chain{ratchet.New(civil.NewDay(2026, 11, 8))}}
			require.NoError(b, os.WriteFile(b.path("fleet-seed"), seed.AppendText(nil), 0o600))
		}, "{}/fleet-seed: is still there, and opens the days from 2026-11-08 on: run hushpipe fleet ship, which overwrites it, or remove it", ""},
		{"a second name of a key", func(b *bed) {
			require.NoError(b, os.Link(b.path("keys", "2026-11-22.key"), filepath.Join(b.TempDir(), "copy")))
		}, "{}/keys/2026-11-22.key: has a hard link elsewhere, which outlives its day: delete that one", ""},
		{"a link in place of a log", func(b *bed) { require.NoError(b, os.Symlink("/etc/passwd", b.path("access-2026-11-22.log"))) },
			"{}/access-2026-11-22.log: is not a regular file: remove it", ""},
		{"a FIFO in place of a key", func(b *bed) { require.NoError(b, unix.Mkfifo(b.path("keys/2026-11-20.key"), 0o600)) },
			"{}/keys/2026-11-20.key: is not a regular file: remove it", ""},
		{"a file in place of the link", touch("access.log", 0o640),
			"{}/access.log: is not a symbolic link: its contents are not deleted: move it away", ""},
		{"no retention recorded", touch("keys/keep", 0o640),
			"{}/keys/keep: contains no retention, so no key is deleted: write one into it, as in 14d", ""},
		{"a temporary file of a crash", func(b *bed) {
			for _, sub := range []string{"keys/", "status/"} {
				touch(sub+".hushpipe-0011223344556677", 0o600)(b)
				old := noon.Add(-3 * time.Hour)
				require.NoError(b, os.Chtimes(b.path(sub+".hushpipe-0011223344556677"), old, old))
			}
		}, "{}/keys/.hushpipe-0011223344556677: was left by a process that was killed: hushpipe purge {}\n" +
			"{}/status/.hushpipe-0011223344556677: was left by a process that was killed: hushpipe purge {}", ""},
		{"a file of somebody else's", touch("error.log", 0o644),
			"", "{}/error.log: is not hushpipe's, so hushpipe will not delete it: check whether it contains lines or a key"},
		{"many files of somebody else's", func(b *bed) {
			for _, name := range []string{"access-2026-01-01.tar.gz", "access-2026-01-01.json", "b", "c", "d", "journal/2026-01-01.md", "keys/2026-01-01.txt"} {
				touch(name, 0o644)(b)
			}
			_, err := Purge(b.cfg.Directory, b.cfg.Keep, false)
			require.NoError(b, err)
		}, "", "{}/access-2026-01-01.json: is not hushpipe's, so hushpipe will not delete it: check whether it contains lines or a key\n" +
			"{}/access-2026-01-01.tar.gz: is not hushpipe's, so hushpipe will not delete it: check whether it contains lines or a key\n" +
			"{}/b: is not hushpipe's, so hushpipe will not delete it: check whether it contains lines or a key\n" +
			"{}: holds 2 more that are not hushpipe's: check whether they contain lines or keys\n" +
			"{}/keys/2026-01-01.txt: is not hushpipe's, so hushpipe will not delete it: check whether it contains lines or a key\n" +
			"{}/journal/2026-01-01.md: is not hushpipe's, so hushpipe will not delete it: check whether it contains lines or a key"},
		{"a directory of somebody else's", touch("old/access.log", 0o644),
			"", "{}/old: is not hushpipe's, so hushpipe will not delete it: check whether it contains lines or a key"},
		{"a directory of another logger", func(b *bed) {
			touch("old/access-2026-11-22.log", 0o640)(b)
			require.NoError(b, os.Mkdir(b.path("old", "keys"), 0o750))
			require.NoError(b, os.WriteFile(b.path("old", "keep"), []byte("14d\n"), 0o640))
		}, "", ""},
		{"a day to come", touch("access-2027-01-01.log", 0o640),
			"", "{}/access-2027-01-01.log: is dated after tomorrow: a clock was wrong: it is deleted 14d after a purge first sees it so"},
		{"a day to come that was there too long", func(b *bed) {
			touch("keys/2027-01-01.key", 0o600)(b)
			seen := noon.AddDate(0, 0, -14)
			require.NoError(b, os.Chtimes(b.path("keys/2027-01-01.key"), seen, seen))
		}, "{}/keys/2027-01-01.key: is older than 14d: hushpipe purge {}", ""},
		{"addresses in clear", func(b *bed) { b.cfg.Process.IP = "keep"; b.open() },
			fmt.Sprintf("{}: process %d writes addresses in clear: remove --ip keep from its flags", os.Getpid()), ""},
		{"IPv4 addresses in clear", func(b *bed) { b.cfg.Process.IP = "mask=32/48"; b.open() },
			fmt.Sprintf("{}: process %d writes addresses in clear: remove --ip mask=32/48 from its flags", os.Getpid()), ""},
		{"IPv6 addresses in clear, of a process that ended", func(b *bed) {
			b.cfg.Settings = "ip=mask=24/128;" + counts.NoRooms
			b.process(users(today, "a", 1, 1))
		}, "{}/access-2026-11-22.log: holds addresses in clear, by --ip: delete it and its copies", ""},
		{"masked addresses", func(b *bed) {
			b.cfg.Process.IP, b.cfg.Settings = "mask=24/64", "ip=mask=24/64;"+counts.NoRooms
			b.process(users(today, "a", 1, 1))
			b.open()
		}, "", ""},
		{"addresses in clear, of a process that ended", func(b *bed) {
			b.cfg.Settings = "ip=keep;" + counts.NoRooms
			b.process(users(today, "a", 1, 1))
			b.cfg.Settings = "ip=ipcrypt;" + counts.NoRooms
			b.process(users(today-1, "a", 1, 1))
		}, "{}/access-2026-11-22.log: holds addresses in clear, by --ip: delete it and its copies", ""},
		{"a temporary file in the making", func(b *bed) {
			touch("keys/.hushpipe-0011223344556677", 0o600)(b)
			require.NoError(b, os.Chtimes(b.path("keys/.hushpipe-0011223344556677"), noon, noon))
		}, "", ""},
		{"a process that is not heard of", func(b *bed) { b.open(); b.set(noon.Add(6 * time.Minute)) },
			"", fmt.Sprintf("{}: process %d has not written its record since 2026-11-22 12:00:00: check whether the disk answers", os.Getpid())},
		{"a shorter retention", func(b *bed) { b.cfg.Keep = 7; b.open(); b.heard() }, "", ""},
		{"a shorter retention beside a longer one", func(b *bed) { b.open(); b.cfg.Keep = 7; b.open(); b.heard() },
			"", fmt.Sprintf("{}: process %d keeps lines for 7d, and 14d is the rule: see 'hushpipe help operation'", os.Getpid())},
		{"lost lines", func(b *bed) { s := b.open(); counting(s, 9, 2); b.pass(s, time.Minute) },
			"", "{}: since 2026-11-22: 2 of 9 lines lost: DIR could not be written, or not in time: see the web server's error log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			require.NoError(t, b.open().Close())
			c.do(b)
			st := b.status()
			text := func(list []audit.Finding) string {
				var lines []string
				for _, f := range list {
					lines = append(lines, strings.ReplaceAll(f.File+": "+f.What+": "+f.Do, b.dir, "{}"))
				}
				return strings.Join(lines, "\n")
			}
			assert.Equal(t, c.broken, text(st.Broken))
			assert.Equal(t, c.notes, text(st.Notes))
			if strings.Contains(c.broken, "hushpipe purge") {
				_, err := Purge(b.cfg.Directory, b.cfg.Keep, false)
				require.NoError(t, err)
				assert.Empty(t, b.status().Broken, "purge puts it right")
			}
			b.heard()
		})
	}
}

// TestPurgeGrace: what expires at midnight may be there until a process has
// come round.
func TestPurgeGrace(t *testing.T) {
	b := newBed(t)
	require.NoError(t, b.open().Close())
	require.NoError(t, os.WriteFile(b.path("access-2026-11-09.log"), nil, 0o640))
	midnight := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	b.set(midnight.Add(2*time.Minute - time.Second))
	assert.Empty(t, b.status().Broken)
	b.set(midnight.Add(2 * time.Minute))
	assert.Len(t, b.status().Broken, 1)
}

// TestStatusKeysElsewhere: other keys than DIR's are looked at where they are,
// and older keys in DIR are not overlooked.
func TestStatusKeysElsewhere(t *testing.T) {
	b := newBed(t)
	require.NoError(t, b.open().Close())
	keys := filepath.Join(t.TempDir(), "keys")
	b.cfg.Keys = keys
	b.set(noon.AddDate(0, 0, 20))
	s := b.open()
	b.heard() // the clock leaps
	b.set(noon.AddDate(0, 0, 20).Add(time.Hour))
	b.tick(s)
	require.NoError(t, s.Close())
	st := b.status()
	assert.Empty(t, st.Broken)
	assert.Empty(t, b.names(dir.Keys), "the keys in DIR are deleted as their days end")
	require.NoError(t, os.WriteFile(b.path("keys", "2026-11-22.key"), make([]byte, 32), 0o600))
	st = b.status()
	require.Len(t, st.Broken, 1)
	assert.Equal(t, audit.Finding{File: b.path("keys", "2026-11-22.key"), What: "is older than 14d", Do: "hushpipe purge " + b.dir}, plain(st.Broken)[0])

	require.NoError(t, os.RemoveAll(b.path("keys")))
	require.NoError(t, os.WriteFile(b.path("access-2026-12-12.log"), nil, 0o640))
	assert.Empty(t, b.status().Broken)
	b.cfg.Keys = ""
	st = b.status()
	require.Len(t, st.Broken, 1)
	assert.Equal(t, "give --keys", st.Broken[0].Do)
	b.heard()
}

// TestStatusWritesNothing: not even a mode is put right.
func TestStatusWritesNothing(t *testing.T) {
	b := newBed(t)
	b.process(users(today, "a", 1, 1))
	key := b.path("keys", today.String()+".key")
	require.NoError(t, os.Chmod(key, 0o644))
	old := noon.Add(-time.Hour)
	for _, sub := range []string{"", "keys", dir.Status, dir.Journal} {
		require.NoError(t, os.Chtimes(b.path(sub), old, old))
	}
	b.status()
	for _, sub := range []string{"", "keys", dir.Status, dir.Journal} {
		info, err := os.Stat(b.path(sub))
		require.NoError(t, err)
		assert.True(t, info.ModTime().Equal(old), "%s", sub)
	}
	info, err := os.Stat(key)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode())
	b.heard()
}

// TestDoubtsOfNames: where an earlier version counted malformed lines, whose names
// it left in clear, nobody can tell whether the promise holds: for the lines up to
// the day behind, and, where it has forgotten days, for those before.
func TestDoubtsOfNames(t *testing.T) {
	days := func(n int, last string) string { // of clean counts, 2026-09-01 and on
		text := ""
		for i := range n {
			text += fmt.Sprintf("%q:{\"lines\":1},", noon.AddDate(0, 0, i-80).Format(time.DateOnly))
		}
		return text + last
	}
	for _, test := range []struct {
		name, ended, file string
		doubt             bool
	}{
		{"no malformed line", `{"days":{"2026-11-20":{"lines":9}}}`, "2026-11-20", false},
		{"of this version", `{"days":{"2026-11-20":{"lines":9,"malformed":2,"malformed_without_names":2}}}`, "2026-11-20", false},
		{"of an earlier one", `{"days":{"2026-11-20":{"lines":9,"malformed":2}}}`, "2026-11-20", true},
		{"of both", `{"days":{"2026-11-20":{"lines":9,"malformed":3,"malformed_without_names":2}}}`, "2026-11-20", true},
		{"dated tomorrow", `{"days":{"2026-11-20":{"lines":9,"malformed":2}}}`, "2026-11-21", true},
		{"late", `{"days":{"2026-11-20":{"lines":9,"malformed":2}}}`, "2026-11-12", true},
		{"of a later day", `{"days":{"2026-11-20":{"lines":9,"malformed":2}}}`, "2026-11-22", false},
		{"nothing is forgotten", `{"days":{` + days(5, `"2026-11-20":{"lines":9}}}`), "2026-09-01", false},
		{"days are forgotten", `{"days":{` + days(31, `"2026-11-20":{"lines":9}}}`), "2026-09-02", true},
		{"days are forgotten, not those", `{"days":{` + days(31, `"2026-11-20":{"lines":9}}}`), "2026-11-12", false},
		{"days are forgotten by this version", `{"named_from":"0000-01-01","days":{` + days(31, `"2026-11-20":{"lines":9}}}`), "2026-09-02", false},
		{"no record", `{`, "2026-11-20", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBed(t)
			b.cfg.Keep = 400
			require.NoError(t, b.open().Close())
			require.NoError(t, os.WriteFile(b.path("access-"+test.file+".log"), []byte("x\n"), 0o640))
			require.NoError(t, os.WriteFile(b.path(dir.Status, dir.EndedName), []byte(test.ended), 0o640))
			for range 2 {
				doubts := b.status().Doubts
				require.Equal(t, test.doubt, len(doubts) > 0, "%v", doubts)
				if test.doubt {
					assert.Equal(t, b.path("access-"+test.file+".log"), doubts[0].File)
				}
				require.NoError(t, b.open().Close()) // it folds the records
			}
		})
	}
}

// TestFirstRecord: after starting a logger and opening a page, one sees it in status and in
// the room file after 2 s, not only after the minute of other rounds.
func TestFirstRecord(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.set(noon.Add(10 * time.Second))
	s.Observe(func() counters.Values { return counters.Values{Lines: 3} }, func() string { return "" })
	b.feed(b.newFilter(s), s, users(today, "a", 1, 3))
	s.Tick()
	require.Zero(t, b.status().Total.Lines)
	require.NoFileExists(t, b.path(dir.Rooms, dir.RoomFile(today)))
	b.set(noon.Add(12 * time.Second))
	s.Tick()
	require.EqualValues(t, 3, b.status().Total.Lines)
	require.Equal(t, "3 86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\n", b.read(dir.Rooms, dir.RoomFile(today)))
	b.feed(b.newFilter(s), s, users(today, "b", 1, 3))
	b.set(noon.Add(14 * time.Second))
	s.Tick()
	require.Equal(t, "3 a\n", b.rooms(today), "from then on once a minute")
	require.NoError(t, s.Close())
}

// TestSilence: status shows the time of the last line, and notes a day without lines while a
// logger waits: the server may log elsewhere.
func TestSilence(t *testing.T) {
	b := newBed(t)
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 3))
	at := noon.Add(-time.Hour)
	require.NoError(t, os.Chtimes(b.path(dir.LogFile(today)), at, at))
	require.True(t, b.status().LastLine.Equal(at))
	require.Empty(t, b.status().Notes)
	b.pass(s, 25*time.Hour)
	require.NoError(t, os.Chtimes(b.path(dir.LogFile(today)), at, at))
	require.Equal(t, []audit.Finding{{File: b.dir, What: "no line has come for 25 hours", Do: "check whether the server still logs here: hushpipe check"}}, b.status().Notes)
	require.NoError(t, s.Close())
	require.Empty(t, b.status().Notes, "nobody waits")
}

// plain are findings as their readers see them.
func plain(findings []audit.Finding) (list []audit.Finding) {
	for _, f := range findings {
		list = append(list, audit.Finding{File: f.File, What: f.What, Do: f.Do})
	}
	return list
}
