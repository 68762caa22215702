package filter

import (
	"crypto/sha1"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/archive"
	"hushpipe/filter/counters"
	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/rooms"
	"hushpipe/filter/traffic"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// counted treats a log. It returns the pairs of room and address, sorted, and how many pairs
// were left out at least.
func counted(t *testing.T, spec, log string) (pairs []string, leftOut uint64, stats counters.Values) {
	t.Helper()
	return countedBy(t, newConfig(t, spec), log)
}

func countedBy(t *testing.T, cfg Config, log string) (pairs []string, leftOut uint64, stats counters.Values) {
	t.Helper()
	f, out := New(cfg, everyDay()), &collector{}
	require.NoError(t, f.Run(strings.NewReader(log), out))
	for day, records := range out.records {
		c := rooms.NewDistinctSet(rooms.NoLimits)
		require.NoError(t, c.Apply([]byte(records)))
		leftOut += c.RecordedOverflow()
		for r := range slices.Chunk([]byte(records), rooms.RecordSize) {
			if !strings.HasPrefix(string(r), strings.Repeat("\x00", 12)) {
				pairs = append(pairs, fmt.Sprintf("%s %x", day, r))
			}
		}
	}
	slices.Sort(pairs)
	return pairs, leftOut, f.Stats()
}

// lineOf returns a line of combined, with more after the room.
func lineOf(client, room, more string) string {
	return client + ` - - ` + stampText + ` "GET /http-bind?room=` + room + more + ` HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64) - x"`
}

// Marks in the lines of TestGlued.
const (
	shortLine = "{short}" // of 192.0.2.7
	otherLine = "{other}" // of 2001:db8::7
	longText  = "{long}"  // 4096 bytes of a query
)

func TestGlued(t *testing.T) {
	const (
		begin = `198.51.100.1 - - ` + stampText + ` "GET /http-bind?room=a&x=`
		end   = ` HTTP/1.1" 200 5 "-" "Mozilla/5.0"`
	)
	json := func(client, room string) string {
		return `{"time":"2026-11-22T07:23:55+0000","remote_ip":"` + client + `","request":"GET /http-bind?room=` + room + ` HTTP/1.1","status":"200"}`
	}
	for _, test := range []struct {
		name, format, log string
		read              string // the lines that can be parsed
		glued             uint64
		leftOut           bool
	}{
		{"behind the beginning of a long one", "combined", begin + "zz" + shortLine + "\n" + longText + end, shortLine, 1, true},
		{"within a long one", "combined", begin + "zz" + shortLine + "\n" + longText + otherLine + "\n" + longText + end, shortLine + "\n" + otherLine, 2, true},
		{"behind the end of a text", "combined", begin + end[:len(end)-len("/5.0\"")] + shortLine, shortLine, 1, true},
		{"behind a digit, which may be the address's", "combined", begin + end[:len(end)-len(".0\"")] + shortLine, "", 1, true},
		{"behind a line without its newline", "combined", shortLine + otherLine, shortLine + "\n" + otherLine, 1, false},
		{"three pieces", "combined", begin + "zz" + strings.Replace(begin, "198.51.100.1", "198.51.100.2", 1) + "zz" + shortLine, shortLine, 1, true},
		{"three pieces, two of them lines", "combined", begin + "zz" + shortLine + otherLine, shortLine + "\n" + otherLine, 1, true},
		{"two halves", "combined", begin + "zz" + begin + longText + "\n" + longText + end, "", 1, true},
		{"an end before a line", "combined", longText + end[:len(end)-5] + shortLine, shortLine, 1, true},
		{"cut at the end of the address", "combined", "198.51.100.1" + shortLine + "\n - - " + stampText + begin[len("198.51.100.1 - - "+stampText):], "", 1, true},
		{"cut behind the address", "combined", "198.51.100.1 " + shortLine, shortLine, 1, true},
		{"cut within the address", "combined", "198.51." + shortLine, "", 1, true},
		{"cut before the user", "combined", "198.51.100.1 - " + shortLine, shortLine, 1, true},
		{"cut within the time", "combined", "198.51.100.1 - - [22/Nov/2026:06:" + shortLine, shortLine, 1, true},
		{"cut behind the time", "combined", "198.51.100.1 - - " + stampText + " " + shortLine, shortLine, 1, true},
		{"cut behind the quote", "combined", begin[:strings.Index(begin, "GET")] + shortLine, shortLine, 1, true},
		{"by format auto", "auto", begin + "zz" + shortLine + "\n" + longText + otherLine + "\n" + longText + end, shortLine + "\n" + otherLine, 2, true},
		{"behind a virtual host", "vhost_combined", "a.example.org:443 " + begin + "zz\"a.example.org:443 " + shortLine, "a.example.org:443 " + shortLine, 1, true},
		{"of JSON", "json", json("198.51.100.1", "a")[:80] + json("192.0.2.7", "b") + "\n" + longText + json("2001:db8::7", "b"), json("192.0.2.7", "b") + "\n" + json("2001:db8::7", "b"), 2, true},
		{"of a named format", `%t %h "%r" %>s`, stampText + ` 198.51.100.1 "GET /http-bind?room=a&` + stampText + ` 192.0.2.7 "GET /http-bind?room=b HTTP/1.1" 200`, stampText + ` 192.0.2.7 "GET /http-bind?room=b HTTP/1.1" 200`, 1, true},
		{"a status that does not count", "combined", shortLine + strings.Replace(lineOf("192.0.2.8", "b", ""), " 200 ", " 404 ", 1), shortLine, 1, false},
		{"a date in the user agent", "combined", begin + "zz" + strings.Replace(shortLine, "{short}", lineOf("192.0.2.7", "b", ""), 1)[:20] + strings.Replace(lineOf("192.0.2.7", "b", "")[20:], "X11", "2026-11-22", 1), strings.Replace(lineOf("192.0.2.7", "b", ""), "X11", "2026-11-22", 1), 1, true},

		{"other lines", "combined", shortLine + "\n" + otherLine + "\nno line\n" + stampText + " restarted " + stampText, shortLine + "\n" + otherLine, 0, false},
		{"a line in a user agent", "combined", begin + `a HTTP/1.1" 200 5 "-" "10.9.9.9 - - ` + stampText + ` \"GET /http-bind?room=z HTTP/1.1\" 200 5 \"-\" \"x\""`,
			begin + `a HTTP/1.1" 200 5 "-" "x"`, 0, false},
		{"a line in a request", "combined", begin + `a 10.9.9.9 - - ` + stampText + ` \"GET /http-bind?room=z HTTP/1.1" 400 5 "-" "-"`, "", 0, false},
		{"in a user agent of an unknown format", "combined", begin + `a HTTP/1.1" 200 5 "-" "10.9.9.9 - - ` + stampText + ` " 12`, "", 0, false},
		{"in a user agent of an unknown format, escaped", "combined", begin + `a HTTP/1.1" 200 5 "-" "10.9.9.9 - - ` + stampText + ` \"GET /http-bind?room=z HTTP/1.1\" 200 5 \"-\" \"-\"" 12`, "", 0, false},
		{"in JSON", "json", json("192.0.2.7", `b&{\"time\":\"2026-11-22T07:23:55+0000\",\"remote_ip\":\"10.9.9.9\"`), json("192.0.2.7", `b&`), 0, false},
		{"in a name that is refused", "combined", "198.51.100.1 - 10.9.9.9 - - " + stampText + ` "GET /http-bind?room=z HTTP/1.1" 401 5 "-" "-"`, "", 0, false},
		{"a name that is odd", "combined", "198.51.100.1 - mary - ann " + begin[len("198.51.100.1 - - "):] + end, begin + end, 0, false},
		{"dates in a malformed line", "combined", stampText + ` a ` + stampText + ` b`, "", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			full := func(log string) string {
				return strings.NewReplacer(shortLine, lineOf("192.0.2.7", "b", ""), otherLine, lineOf("2001:db8::7", "b", ""),
					longText, strings.Repeat("x", 4096)).Replace(log)
			}
			want, _, _ := counted(t, test.format, full(test.read))
			got, leftOut, stats := counted(t, test.format, full(test.log))
			assert.Equal(t, want, got)
			assert.Equal(t, test.glued, stats.Glued)
			assert.Equal(t, test.leftOut, leftOut > 0, "%d pairs left out", leftOut)
			assert.Equal(t, leftOut, stats.Overflow)
			if test.glued > 0 && test.name != "a status that does not count" { // but it counts as a hit
				assert.Equal(t, hitsOf(t, test.format, full(test.read)), hitsOf(t, test.format, full(test.log)), "hits")
			}
		})
	}
}

// hitsOf counts only the hits of a log.
func hitsOf(t *testing.T, spec, log string) traffic.Totals {
	t.Helper()
	cfg := newConfig(t, spec)
	cfg.Rooms, cfg.Traffic = nil, &Traffic{Options: traffic.Defaults(), Zone: time.UTC}
	f := New(cfg, everyDay())
	require.NoError(t, f.Run(strings.NewReader(log), &collector{}))
	return *f.Traffic()
}

// TestGluedOfExpiredDays: the pieces of an expired day count in its room file, which is marked
// as incomplete if a piece is left out. Only a piece that can be parsed creates the file.
func TestGluedOfExpiredDays(t *testing.T) {
	const expired = "[01/Jan/2026:06:23:55 +0000]"
	old := func(line string) string { return strings.ReplaceAll(line, stampText, expired) }
	line, begin := lineOf("192.0.2.7", "b", ""), lineOf("198.51.100.1", "b", "&x=")[:71]
	hash := sha1.Sum([]byte("b"))
	one := func(n uint64) []roomfile.Entry { return []roomfile.Entry{{Hash: hash, Count: n}} }
	for _, test := range []struct {
		name, log string
		want      *rooms.DayCounts // nil: no room file
		today     int              // pairs
		leftOut   bool             // of today
	}{
		{"a line", old(line), &rooms.DayCounts{Rooms: one(1)}, 0, false},
		{"two lines in one", old(line + lineOf("192.0.2.8", "b", "")), &rooms.DayCounts{Rooms: one(2)}, 0, false},
		{"a piece left out", old(begin + line), &rooms.DayCounts{Rooms: one(1), Partial: true}, 0, false},
		{"behind a piece of today", begin + old(line), &rooms.DayCounts{Rooms: one(1)}, 0, true},
		{"before a line of today", old(begin) + line, nil, 1, false},
		{"before a line of today, and a line", old(begin) + line + "\n" + old(line), &rooms.DayCounts{Rooms: one(1), Partial: true}, 1, false},
		{"two pieces", old(begin + begin), nil, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := map[civil.Day]rooms.DayCounts{}
			if test.want != nil {
				want[civil.NewDay(2026, 1, 1)] = *test.want
			}
			f, out := New(newConfig(t, "combined"), newCalendar()), &collector{}
			require.NoError(t, f.Run(strings.NewReader(test.log), out))
			assert.Equal(t, want, f.Expired())
			c := rooms.NewDistinctSet(rooms.NoLimits)
			require.NoError(t, c.Apply([]byte(out.records[guardtest.Today])))
			_, pairs := c.Size()
			assert.Equal(t, test.today, pairs)
			assert.Equal(t, test.leftOut, c.RecordedOverflow() > 0)

			cfg := newConfig(t, "combined")
			r := NewReplay(cfg, []format.Parser{cfg.Parser}, newCalendar())
			require.NoError(t, r.Run(t.Context(), archive.NewReader(openFiles(t, test.log), 1), &collector{}))
			assert.Equal(t, want, r.Expired())
			assert.Equal(t, f.Stats(), r.Stats())
		})
	}
}

// TestGluedAtRandom cuts long lines at page boundaries, as the kernel does, and puts other
// lines in between. All of the other lines are counted, or the day is marked; nothing else is
// counted.
func TestGluedAtRandom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		var log, whole strings.Builder
		n := 0
		short := func() string {
			n++
			return lineOf(fmt.Sprintf("192.0.2.%d", n), "b", "") + "\n"
		}
		all := lineOf("198.51.100.1", "a", "&x="+strings.Repeat(string(rune('g'+r.IntN(20))), 4096+r.IntN(12000))) + "\n"
		for long := all; long != ""; {
			cut := len(long) % 4096
			if cut == 0 || len(long) == 4096 {
				cut = min(len(long), 4096)
			}
			log.WriteString(long[:cut])
			long = long[cut:]
			for range r.IntN(3) {
				line := short()
				log.WriteString(line)
				whole.WriteString(line)
			}
		}
		alone := log.String() == all+whole.String() // no line came in between
		if alone {
			whole.WriteString(all)
		}
		want, _, _ := counted(t, "combined", whole.String())
		got, leftOut, stats := counted(t, "combined", log.String())
		require.Equal(t, !alone, stats.Glued > 0, log.String())
		require.Equal(t, !alone, leftOut > 0)
		for _, pair := range got {
			require.Contains(t, want, pair, log.String())
		}
		if cut := len(all) % 4096; cut == 0 || cut >= strings.Index(all, "&x=") {
			require.Len(t, got, len(want), log.String())
		}
	}
}

func TestGluedTakesNoMemory(t *testing.T) {
	f := New(newConfig(t, "combined"), newCalendar())
	line := []byte(lineOf("198.51.100.1", "a", "")[:80] + lineOf("192.0.2.7", "b", "") + lineOf("192.0.2.8", "b", ""))
	require.Zero(t, testing.AllocsPerRun(100, func() { f.guard.FindStamps(line); f.findPieces(line, noDoubt) }))
	require.True(t, f.findPieces(line, noDoubt))
}
