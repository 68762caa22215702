package store

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// TestTrafficBesideOthers: the process that writes the room files may be one that counts
// no traffic; another then writes the files of the traffic.
func TestTrafficBesideOthers(t *testing.T) {
	b := newBed(t)
	other := b.open()
	b.process(line(today, "192.0.2.1", "a")) // the other has the lock of the room files
	b.pass(other, time.Minute)
	b.countTraffic()
	s := b.open()
	f := b.hitFilter(s)
	b.feedHits(f, s, hitLine(today, 36000, 1, 1))
	b.pass(s, time.Minute)
	assert.Contains(t, b.figures(today), "total 1 1 101 1 1 people\n")
	b.feedHits(f, s, hitLine(today, 36001, 2, 2))
	require.NoError(t, s.Close())
	assert.Contains(t, b.figures(today), "total 2 2 203 2 2 people\n", "at the end")
	require.NoError(t, other.Close())
}

// TestTrafficOfAnEndedWriter: a process that ends leaves its figures to the writer of the
// files, which checks once more when it ends itself.
func TestTrafficOfAnEndedWriter(t *testing.T) {
	b := newTrafficBed(t)
	writer, s := b.open(), b.open()
	b.pass(writer, time.Minute)
	b.feedHits(b.hitFilter(s), s, hitLine(today, 36000, 1, 1))
	require.NoError(t, s.Close())
	assert.Equal(t, none, b.figures(today))
	require.NoError(t, writer.Close())
	assert.Contains(t, b.figures(today), "total 1 1 101 1 1 people\n")

	b.cfg.Finish = true // somebody waits for the figures
	writer = b.open()
	b.pass(writer, time.Minute)
	b.hits(hitLine(today, 36001, 2, 2))
	assert.Contains(t, b.figures(today), "total 2 2 203 2 2 people\n")
	require.NoError(t, writer.Close())
}

// TestTrafficOfSeveralOptions: figures of a day that processes counted with different
// options are reported, and recorded in the file.
func TestTrafficOfSeveralOptions(t *testing.T) {
	lines := []string{hitLine(today, 36000, 1, 1), hitLine(today, 36001, 2, 1), hitLine(today, 38000, 1, 2)}
	for name, tt := range map[string]struct {
		change func(o *traffic.Options)
		want   string
	}{
		"visit-timeout": {func(o *traffic.Options) { o.Timeout = time.Hour },
			"options visitor=address64+agent timeout=30m min-group=5 own= and visitor=address64+agent timeout=60m min-group=5 own=\n"},
		"another network is ignored": {func(o *traffic.Options) { o.IgnoreNet[0] = netip.MustParsePrefix("203.0.113.0/24") },
			"options visitor=address64+agent timeout=30m min-group=5 own= ignore=1 and another ignore\n"},
		"sitemap": {func(o *traffic.Options) { o.Public = []string{"/p2.html"} },
			"options visitor=address64+agent timeout=30m min-group=5 own= and visitor=address64+agent timeout=30m min-group=5 own= sitemap=yes\n"},
		"max-visits": {func(o *traffic.Options) { o.MaxVisits = 100 },
			"options visitor=address64+agent timeout=30m min-group=5 own= and visitor=address64+agent timeout=30m min-group=5 own= max-visits=100\n"},
		"nothing": {func(*traffic.Options) {}, "options visitor=address64+agent timeout=30m min-group=5 own=\n"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTrafficBed(t)
			if strings.Contains(name, "ignored") {
				b.cfg.Traffic.IgnoreNet = []netip.Prefix{netip.MustParsePrefix("203.0.114.0/24")}
			}
			b.hits(lines[:2]...)
			opt := *b.cfg.Traffic
			opt.IgnoreNet = slices.Clone(opt.IgnoreNet)
			tt.change(&opt)
			b.cfg.Traffic = &opt
			b.hits(lines[2:]...)
			assert.Contains(t, b.figures(today), tt.want)
			assert.Contains(t, b.figures(today), "total 3 3 304 ")
			if said := b.heard(); name == "nothing" {
				assert.Empty(t, said)
			} else {
				assert.Equal(t, b.dir+": the traffic options changed on 2026-11-22; its figures mix both, and its file lists both", said)
			}
			text := b.figures(today)
			b.hits() // another process reads it anew, without a line
			assert.Equal(t, text, b.figures(today))
			b.heard()
			for _, text := range b.typed() {
				assert.NotContains(t, string(text), "203.0.113")
			}
			assert.NotContains(t, text, "203.0.113")
		})
	}
}

// TestTrafficOfAnEarlierDay: a day is made with the options with which it was counted,
// also by a process with others.
func TestTrafficOfAnEarlierDay(t *testing.T) {
	b := newTrafficBed(t)
	b.hits(hitLine(today-1, 36000, 1, 1))
	before := b.figures(today - 1)
	require.NoError(t, os.RemoveAll(b.path(dir.Traffic)))
	b.cfg.Traffic.Timeout = time.Hour
	b.hits(hitLine(today, 36000, 1, 1))
	assert.Equal(t, before, b.figures(today-1))
	assert.Contains(t, b.figures(today), "timeout=60m")
	assert.Empty(t, b.heard())
}

// TestTrafficPurged: journals are read before `purge` deletes them, or a process that
// counts no traffic.
func TestTrafficPurged(t *testing.T) {
	begin := func(t *testing.T) *bed {
		b := newTrafficBed(t)
		b.cfg.Traffic.Public = []string{"/p1.html"}
		b.hits(hitLine(today, 36000, 1, 1), hitLine(today, 36001, 1, 2))
		before := b.figures(today)
		s := b.open() // killed within a minute
		b.feedHits(b.hitFilter(s), s, hitLine(today, 36002, 2, 1), hitLine(today, 36003, 2, 2))
		b.killHits(s)
		require.Equal(t, before, b.figures(today))
		b.set(b.now.Add(15 * 24 * time.Hour))
		b.cfg.Traffic = nil
		return b
	}
	check := func(t *testing.T, b *bed) {
		require.Empty(t, b.typed())
		got := b.figures(today)
		assert.Contains(t, got, "total 4 4 406 2 2 people\n")
		assert.Contains(t, got, " sitemap=yes\n")
		st, err := os.Stat(b.path(dir.Traffic, dir.TrafficFile(today)))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), st.Mode().Perm())
		b.heard()
	}
	t.Run("purge", func(t *testing.T) {
		b := begin(t)
		_, err := Purge(b.cfg.Directory, 0, true)
		require.NoError(t, err)
		check(t, b)
		assert.Contains(t, b.figures(today), "page 2 202 2 0 /p1.html\n", "of the sitemap, which purge does not know")
		assert.Contains(t, b.figures(today), "page 2 204 0 2 other\n")
	})
	t.Run("another logger", func(t *testing.T) {
		b := begin(t)
		s := b.open()
		for range 40 { // the clock is in doubt at first
			b.pass(s, time.Hour)
		}
		require.NoError(t, s.Close())
		check(t, b)
	})
	t.Run("a file that cannot be written", func(t *testing.T) {
		b := begin(t)
		file := b.path(dir.Traffic, dir.TrafficFile(today))
		require.NoError(t, os.Remove(file))
		require.NoError(t, os.Mkdir(file, 0o700))
		s := b.open()
		for range 40 {
			b.pass(s, time.Hour)
		}
		require.Empty(t, b.typed())
		require.Contains(t, b.heard(), "the traffic figures of 2026-11-22 are not up to date")
		require.NoError(t, os.Remove(file))
		b.pass(s, time.Hour)
		require.NoError(t, s.Close())
		check(t, b)
	})
	t.Run("an erased day whose file could not be written", func(t *testing.T) {
		b := begin(t)
		file := b.path(dir.Traffic, dir.TrafficFile(today))
		require.NoError(t, os.Remove(file))
		require.NoError(t, os.Mkdir(file, 0o700))
		s := b.open()
		for range 40 {
			b.pass(s, time.Hour)
		}
		require.Contains(t, b.heard(), "the traffic figures of 2026-11-22 are not up to date")
		_, _, err := PurgeDay(b.cfg.Directory, today)
		require.NoError(t, err)
		b.set(b.now.Add(time.Hour))
		s.Tick() // before the mark expires
		require.NoError(t, os.Remove(file))
		b.pass(s, 2*time.Hour)
		require.NoError(t, s.Close())
		assert.Equal(t, none, b.figures(today))
		b.heard()
	})
}

// TestTrafficNamesOutliveAPurge: pages shown because of networks or a sitemap stay shown,
// whichever process reads the journals last.
func TestTrafficNamesOutliveAPurge(t *testing.T) {
	begin := func(t *testing.T, sitemap ...string) (b *bed, same func(b *bed)) {
		b = newTrafficBed(t)
		b.cfg.Traffic.Public = sitemap
		var lines []string
		for client := range 6 {
			lines = append(lines, hitLine(today-2, 36000, client, 1))
		}
		b.hits(append(lines, hitLine(today-2, 36001, 1, 2), hitLine(today, 36000, 9, 1), hitLine(today, 36001, 9, 2))...)
		names, first, last := b.read(dir.Traffic, dir.NamesName), b.figures(today-2), b.figures(today)
		require.Equal(t, "2026-11-20 p/p1.html\n", names)
		require.Contains(t, last, " /p1.html\n")
		b.set(b.now.Add(36 * time.Hour))
		return b, func(b *bed) {
			b.Helper()
			assert.Equal(b, names, b.read(dir.Traffic, dir.NamesName))
			assert.Equal(b, first, b.figures(today-2))
			assert.Equal(b, last, b.figures(today))
			b.heard()
		}
	}
	purge := func(b *bed) {
		b.set(b.now.Add(15 * 24 * time.Hour))
		b.cfg.Traffic = nil
		_, err := Purge(b.cfg.Directory, 0, true)
		require.NoError(b, err)
		require.Empty(b, b.typed())
	}
	t.Run("of networks", func(t *testing.T) {
		b, same := begin(t)
		purge(b)
		same(b)
	})
	t.Run("of both", func(t *testing.T) {
		b, same := begin(t, "/p1.html", "/p2.html")
		purge(b)
		same(b)
	})
	for name, paths := range map[string][]string{"a sitemap that cannot be read": nil, "a later sitemap": {"/p3.html"}} {
		t.Run(name, func(t *testing.T) {
			b, same := begin(t, "/p2.html")
			require.Contains(t, b.figures(today), " /p2.html\n")
			b.countTraffic()
			b.cfg.Traffic.Public = paths
			s := b.open()
			b.pass(s, time.Minute)
			require.NoError(t, s.Close())
			same(b)
			purge(b)
			same(b)
		})
	}
}

// TestTrafficOfLateNames: a name that late lines add to an earlier day is shown on the later
// days, too, as if the lines had come in order.
func TestTrafficOfLateNames(t *testing.T) {
	var lines []string
	for client := range 5 {
		lines = append(lines, hitLine(today-2, 36000, client, 1))
	}
	want := newTrafficBed(t)
	want.hits(append(slices.Clone(lines), hitLine(today-1, 36000, 9, 1), hitLine(today, 36000, 9, 1))...)
	require.Contains(t, want.figures(today), "/p1.html\n")

	b := newTrafficBed(t)
	s := b.open()
	f := b.hitFilter(s)
	b.feedHits(f, s, hitLine(today-1, 36000, 9, 1), hitLine(today, 36000, 9, 1))
	b.pass(s, time.Minute)
	require.NotContains(t, b.figures(today), "/p1.html\n")
	b.feedHits(f, s, lines...)
	b.pass(s, time.Minute)
	for _, day := range []civil.Day{today - 2, today - 1, today} {
		assert.Equal(t, want.figures(day), b.figures(day), day)
	}
	require.NoError(t, s.Close())
}

// TestTrafficOfExpiredNames: a name of a day past the retention, whose figures are made at
// the end of the input, is shown on later days that are already written, too.
func TestTrafficOfExpiredNames(t *testing.T) {
	b := newTrafficBed(t)
	s := b.open()
	f := b.hitFilter(s)
	b.feedHits(f, s, hitLine(today-1, 36000, 9, 1))
	b.pass(s, time.Minute)
	require.NotContains(t, b.figures(today-1), "/p1.html\n")
	for client := range 5 {
		b.feedHits(f, s, hitLine(today-30, 36000, client, 1))
	}
	require.NoError(t, s.KeepTraffic(f.ExpiredTraffic(), false))
	require.NoError(t, s.Close())
	assert.Contains(t, b.figures(today-30), " /p1.html\n")
	assert.Contains(t, b.figures(today-1), " /p1.html\n")
	b.heard()
}

// TestTrafficOfALateNameThatWaits: a later day that a name changes is rewritten as soon as
// the disk allows it.
func TestTrafficOfALateNameThatWaits(t *testing.T) {
	b := newTrafficBed(t)
	s := b.open()
	f := b.hitFilter(s)
	b.feedHits(f, s, hitLine(today-1, 36000, 9, 1))
	b.pass(s, time.Minute)
	file := b.path(dir.Traffic, dir.TrafficFile(today-1))
	require.NoError(t, os.Rename(file, file+".away"))
	require.NoError(t, os.Mkdir(file, 0o700))
	for client := range 5 {
		b.feedHits(f, s, hitLine(today-2, 36000, client, 1))
	}
	b.pass(s, time.Minute)
	require.Contains(t, b.heard(), "the traffic figures of 2026-11-21 are not up to date")
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.Rename(file+".away", file))
	b.pass(s, time.Minute)
	assert.Contains(t, b.figures(today-1), " /p1.html\n")
	require.NoError(t, s.Close())
	b.heard()
}

// TestTrafficOfAFullerFile: a file that has more than the journals stays, whenever it
// comes: after a look at another one, too.
func TestTrafficOfAFullerFile(t *testing.T) {
	b := newTrafficBed(t)
	s := b.open()
	f := b.hitFilter(s)
	b.feedHits(f, s, hitLine(today, 36000, 1, 1))
	b.pass(s, time.Minute)
	fuller := strings.ReplaceAll(b.figures(today), "total 1 1 101 1 1 people", "total 8 8 808 1 1 people")
	require.NoError(t, os.WriteFile(b.path(dir.Traffic, dir.TrafficFile(today)), []byte(fuller), 0o600))
	b.feedHits(f, s, hitLine(today, 36001, 2, 1))
	b.pass(s, time.Minute)
	assert.Equal(t, fuller, b.figures(today))
	assert.Contains(t, b.heard(), "has more hits than its journals")
	b.feedHits(f, s, hitLine(today, 36002, 3, 1))
	b.pass(s, time.Minute)
	assert.Equal(t, fuller, b.figures(today))
	assert.Empty(t, b.heard(), "it is said once")
	require.NoError(t, s.Close())
}

// TestTrafficOfUTC: logs of JSON date their lines in UTC, so that lines of a day go on
// after midnight where the server is.
func TestTrafficOfUTC(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	b := newTrafficBed(t)
	b.now = time.Date(2026, 11, 22, 23, 0, 0, 0, berlin)
	mode := func() os.FileMode {
		st, err := os.Stat(b.path(dir.Traffic, dir.TrafficFile(today)))
		require.NoError(t, err)
		return st.Mode().Perm()
	}
	s := b.open()
	b.feedHits(b.hitFilter(s), s, hitLine(today, 79200, 1, 1))
	b.pass(s, 90*time.Minute)
	assert.Equal(t, os.FileMode(0o600), mode(), "it is 23:30 by UTC")
	b.pass(s, time.Hour)
	assert.Equal(t, os.FileMode(0o640), mode())
	require.NoError(t, s.Close())
}

// TestTrafficOfManyNames: names that came first are kept, up to a bound.
func TestTrafficOfManyNames(t *testing.T) {
	b := newTrafficBed(t)
	b.cfg.Traffic.MaxNames = 2
	for i, pages := range [][]int{{1, 2}, {3, 4}, {5, 6}} {
		var lines []string
		for client := range 5 {
			for _, page := range pages {
				lines = append(lines, hitLine(today-3+civil.Day(i), 36000, client, page))
			}
		}
		b.hits(lines...)
	}
	assert.Equal(t, "2026-11-19 p/p1.html\n2026-11-19 p/p2.html\n", b.read(dir.Traffic, dir.NamesName))
	assert.Contains(t, b.figures(today-1), "/p5.html\n", "it stands on its own day anyway")
	b.heard()
}

// TestTrafficOfAnotherBound: a process with a smaller bound, as purge may be, which has the
// usual one, leaves the names that are there.
func TestTrafficOfAnotherBound(t *testing.T) {
	b := newTrafficBed(t)
	bring := func(day civil.Day, pages ...int) {
		var lines []string
		for client := range 5 {
			for _, page := range pages {
				lines = append(lines, hitLine(day, 36000, client, page))
			}
		}
		b.hits(lines...)
	}
	b.cfg.Traffic.MaxNames = 4
	bring(today-3, 1, 2, 3, 4)
	names := b.read(dir.Traffic, dir.NamesName)
	require.Equal(t, 4, strings.Count(names, "\n"))
	b.cfg.Traffic.MaxNames = 2
	bring(today-2, 5)
	assert.Equal(t, names, b.read(dir.Traffic, dir.NamesName))
	b.heard()
}

// TestTrafficOfAClockThatJumps: a clock that goes wrong, and right again, changes no figure
// of the lines, which have their own times.
func TestTrafficOfAClockThatJumps(t *testing.T) {
	lines := someHits(5, 300)
	want := whole(t, lines)
	for name, tt := range map[string]struct {
		jump time.Duration
		then int // lines that come while it is wrong
	}{
		"ahead":         {5 * 24 * time.Hour, 100},
		"over midnight": {12 * time.Hour, 100},
		"years ahead":   {20 * 365 * 24 * time.Hour, 0}, // they would be past the retention
		"back":          {-5 * 24 * time.Hour, 0},       // or of days to come
	} {
		t.Run(name, func(t *testing.T) {
			b := newTrafficBed(t)
			s := b.open()
			f := b.hitFilter(s)
			right := b.now
			b.feedHits(f, s, lines[:100]...)
			b.pass(s, time.Minute)
			b.set(right.Add(tt.jump))
			b.feedHits(f, s, lines[100:100+tt.then]...)
			for range 3 {
				b.pass(s, time.Minute)
			}
			b.set(right.Add(5 * time.Minute))
			b.pass(s, time.Minute)
			b.feedHits(f, s, lines[100+tt.then:]...)
			b.pass(s, time.Minute)
			require.NoError(t, s.Close())
			for day, text := range want {
				assert.Equal(t, text, b.figures(day), day)
			}
			b.heard()
		})
	}
}

// TestTrafficBesideAnUnreadableJournal: an unreadable journal is reported, and the others
// count.
func TestTrafficBesideAnUnreadableJournal(t *testing.T) {
	lines := someHits(1, 100)
	want := whole(t, lines)
	header := []byte("HPJ\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for _, tt := range []struct {
		name string
		text []byte
		said string
	}{
		{"damaged", bytes.Repeat([]byte("damaged "), 100), "not all traffic figures of " + today.String() + " can be read: "},
		{"of another version", binary.BigEndian.AppendUint32(header, crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli))), "set aside as "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newTrafficBed(t)
			s := b.open()
			b.feedHits(b.hitFilter(s), s, lines...)
			b.killHits(s)
			// It is read first.
			require.NoError(t, os.WriteFile(b.path(dir.Journal, today.String()+".0.journal.typed"), tt.text, 0o600))
			s = b.open()
			b.pass(s, time.Minute)
			assert.Equal(t, want[today], b.figures(today))
			assert.Contains(t, b.heard(), tt.said)
			require.NoError(t, s.Close())
		})
	}
}
