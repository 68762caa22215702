package filter

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/counters"
	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

const (
	combinedLine = `192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r&ip=2001:db8::1&token=abc HTTP/1.1" 200 5 "http://192.0.2.2/" "Chrome/124.0.0.0 for 1.2.3.4.5"`
	jsonLine     = `{"time":"2026-11-22T07:23:55+0000","remote_ip":3232235777,"x_forwarded_for":"192.0.2.1, host","request":"GET /?v=%5B2001%3Adb8::1%5D HTTP/1.1"}`
	errorLine    = `[Sun Nov 22 07:23:55.05 2026] [core:error] [pid 1:tid 2] [client 2001:db8::1:443] AH1: from 192.0.2.1, referer: http://192.0.2.2/?sid=abc`
)

func TestModes(t *testing.T) {
	log := combinedLine + "\n" + jsonLine + "\n" + errorLine + "\n"
	for _, test := range []struct{ mode, want string }{
		{"mask=8/16", `192.0.0.0 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r&ip=2001::&token=- HTTP/1.1" 200 5 "http://192.0.0.0/" "Chrome/124.0.0.0 for {name:1.2.3.4.5}"
{"time":"2026-11-22T07:23:55+0000","remote_ip":"{name:3232235777}","x_forwarded_for":"192.0.0.0, {name:host}","request":"GET /?v=%5B2001::%5D HTTP/1.1"}
[Sun Nov 22 07:23:55.05 2026] [core:error] [pid 1:tid 2] [client 2001:::443] AH1: from 192.0.0.0, referer: http://192.0.0.0/?sid=-
`},
		{"drop", `- - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r&ip=-&token=- HTTP/1.1" 200 5 "http://-/" "Chrome/124.0.0.0 for -"
{"time":"2026-11-22T07:23:55+0000","remote_ip":"-","x_forwarded_for":"-, -","request":"GET /?v=%5B-%5D HTTP/1.1"}
[Sun Nov 22 07:23:55.05 2026] [core:error] [pid 1:tid 2] [client -:443] AH1: from -, referer: http://-/?sid=-
`},
		{"keep", `192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r&ip=2001:db8::1&token=- HTTP/1.1" 200 5 "http://192.0.2.2/" "Chrome/124.0.0.0 for 1.2.3.4.5"
{"time":"2026-11-22T07:23:55+0000","remote_ip":"3232235777","x_forwarded_for":"192.0.2.1, host","request":"GET /?v=%5B2001:db8::1%5D HTTP/1.1"}
[Sun Nov 22 07:23:55.05 2026] [core:error] [pid 1:tid 2] [client 2001:db8::1:443] AH1: from 192.0.2.1, referer: http://192.0.2.2/?sid=-
`},
		{"ipcrypt", pseudonymised},
		{"pfx", pseudonymised},
	} {
		t.Run(test.mode, func(t *testing.T) {
			cfg := newConfig(t, "auto")
			cfg.Mode, _ = pseudonym.ParseMode(test.mode)
			got, stats := treated(t, cfg, newCalendar(), log)
			assert.Equal(t, guardtest.Expand(t, guardtest.Cipher(t, test.mode), test.want), got)
			assert.Equal(t, counters.Values{Lines: 3}, stats)
		})
	}
}

const pseudonymised = `{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r&ip={2001:db8::1}&token=- HTTP/1.1" 200 5 "http://{192.0.2.2}/" "Chrome/124.0.0.0 for {name:1.2.3.4.5}"
{"time":"2026-11-22T07:23:55+0000","remote_ip":"{name:3232235777}","x_forwarded_for":"{192.0.2.1}, {name:host}","request":"GET /?v=%5B{2001:db8::1}%5D HTTP/1.1"}
[Sun Nov 22 07:23:55.05 2026] [core:error] [pid 1:tid 2] [client {2001:db8::1}:443] AH1: from {192.0.2.1}, referer: http://{192.0.2.2}/?sid=-
`

// TestBadInput: bad input is always written and counted as what it is, and no address gets
// through.
func TestBadInput(t *testing.T) {
	const (
		rest     = ` - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5` + "\n"
		noDate   = ` - - [22/Nov/2026] "GET / HTTP/1.1" 200 5` + "\n"
		caddy    = `{"ts":1795332235.1,"request":{"remote_ip":"192.0.2.1","uri":"/?token=a"},"status":200}`
		longText = 1<<20 - 200
	)
	long := strings.Repeat("x", longText)
	nuls := strings.Repeat("\x00", len("[22/Nov/2026:07:23:55 +0000]"))
	for _, test := range []struct {
		name, format, log, want string
		stats                   counters.Values
	}{
		{"NUL bytes", "common", "\x00 192.0.2.1\x00192.0.2.2\n", "\x00 {name:192.0.2.1192.0.2.2}\n",
			counters.Values{Lines: 1, Malformed: 1, Adjusted: 1}},
		{"NUL bytes in a field", "common", "192.0.2.1 - \x00192.0.2.2" + rest[4:], "{192.0.2.1} - \x00{192.0.2.2}" + rest[4:],
			counters.Values{Lines: 1, Malformed: 1}},
		{"NUL bytes for a time", "common", "192.0.2.1 - - " + nuls + ` "GET / HTTP/1.1" 200 5` + "\n", "{192.0.2.1} - - " + nuls + ` "GET / HTTP/1.1" 200 5` + "\n",
			counters.Values{Lines: 1, Malformed: 1, Adjusted: 1}},
		{"invalid UTF-8", "common", "\xff192.0.2.1\xc3" + rest, "{name:\xff192.0.2.1\xc3}" + rest,
			counters.Values{Lines: 1}},
		{"invalid UTF-8, malformed", "auto", "{\xff\"192.0.2.1\xc3\n", "{{name:\xff}\"{192.0.2.1}\xc3\n",
			counters.Values{Lines: 1, Malformed: 1, Adjusted: 1}},
		{"long line without a newline", "common", `192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /` + long + ` HTTP/1.1" 200 5`,
			`{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /` + long + ` HTTP/1.1" 200 5` + "\n",
			counters.Values{Lines: 1}},
		{"line longer than 1 MiB", "common", "192.0.2.1 " + strings.Repeat("x ", 1<<19) + "192.0.2.2\n192.0.2.3" + rest,
			"{192.0.2.1} {name:x} " + strings.Repeat("x ", 1<<19)[12:] + "\n{192.0.2.3}" + rest,
			counters.Values{Lines: 2, Malformed: 1, Adjusted: 1, Cut: 1}},
		{"longer than 1 MiB, cut in an address", "common", strings.Repeat("x", 1<<20-5) + "%192.0.2.2\n" + "192.0.2.3" + rest,
			"-\n{192.0.2.3}" + rest,
			counters.Values{Lines: 2, Malformed: 1, Adjusted: 1, Cut: 1}},
		{"much longer than 1 MiB, without a newline", "common", "192.0.2.1 " + strings.Repeat("x ", 3<<20) + "192.0.2.2",
			"{192.0.2.1} {name:x} " + strings.Repeat("x ", 1<<19)[12:] + "\n",
			counters.Values{Lines: 1, Malformed: 1, Adjusted: 1, Cut: 1}},
		{"no last newline", "common", "192.0.2.1" + strings.TrimSuffix(rest, "\n"), "{192.0.2.1}" + rest,
			counters.Values{Lines: 1}},
		{"CRLF", "common", "192.0.2.1" + strings.TrimSuffix(rest, "\n") + "\r\n", "{192.0.2.1}" + strings.TrimSuffix(rest, "\n") + "\r\n",
			counters.Values{Lines: 1}},
		{"CRLF, JSON", "auto", `{"ip":"192.0.2.1","time":"2026-11-22"}` + "\r\n", `{"ip":"{192.0.2.1}","time":"2026-11-22"}` + "\r\n",
			counters.Values{Lines: 1, WithoutRequest: 1}},
		{"empty line", "common", "\n\n192.0.2.1" + rest, "\n\n{192.0.2.1}" + rest,
			counters.Values{Lines: 3}},
		{"no input", "common", "", "", counters.Values{}},
		{"host name as client", "common", "Host.example.org" + rest, "{name:host.example.org}" + rest,
			counters.Values{Lines: 1}},
		{"- as client", "common", "-" + rest, "-" + rest,
			counters.Values{Lines: 1, WithoutClient: 1}},
		{"no request", "common", `192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "-" 408 -` + "\n", `{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "-" 408 -` + "\n",
			counters.Values{Lines: 1}},
		{"TLS for a request", "auto", `192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "\x16\x03\x01 192.0.2.2" 400 5` + "\n",
			`{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "\x16\x03\x01 {192.0.2.2}" 400 5` + "\n",
			counters.Values{Lines: 1}},
		{"no readable time", "common", "192.0.2.1" + noDate, "{192.0.2.1}" + noDate,
			counters.Values{Lines: 1, Malformed: 1, Adjusted: 1}},
		{"number for a client", "auto", `{"ip":3221225985,"client":true,"remote_host":null,"time":"2026-11-22"}` + "\n",
			`{"ip":"{name:3221225985}","client":"{name:true}","remote_host":null,"time":"2026-11-22"}` + "\n",
			counters.Values{Lines: 1, WithoutRequest: 1}},
		{"JSON cut in half", "auto", caddy[:60] + "\n", `{"ts"{name::1795332235.1},"request":{"remote_ip":"{192.0.2.1}","uri":` + "\n",
			counters.Values{Lines: 1, Malformed: 1, Adjusted: 1}},
		{"line of another format", "error", "192.0.2.1" + rest, "{192.0.2.1}" + rest,
			counters.Values{Lines: 1, Malformed: 1}},
		{"secret in a malformed line", "error", `x "GET /?token=abc HTTP/1.1" 200` + "\n", `{name:x} "{name:GET} /?token=- HTTP/1.1" 200` + "\n",
			counters.Values{Lines: 1, Malformed: 1, Adjusted: 1}},
		{"two lines, an address cut", "common", `192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /192.0192.0.2.2` + rest + ".2.3" + rest[42:],
			`{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /{name:192.0192.0.2.2}` + rest + "{name:.2.3TTP/1.1}" + rest[49:],
			counters.Values{Lines: 2, Malformed: 2, Adjusted: 1, Glued: 1, Overflow: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, stats := treated(t, newConfig(t, test.format), newCalendar(), test.log)
			if want := guardtest.Expand(t, guardtest.Cipher(t, "ipcrypt"), test.want); got != want { // assert prints too much of 1 MiB
				assert.Equal(t, shortened(want), shortened(got))
				assert.Fail(t, "the output differs")
			}
			assert.Equal(t, test.stats, stats)
		})
	}
	t.Run("JSON cut anywhere", func(t *testing.T) {
		cfg := newConfig(t, "auto")
		for k := 1; k < len(caddy); k++ {
			got, stats := treated(t, cfg, newCalendar(), caddy[:k]+"\n")
			assert.NotContains(t, got, "192.0.2", k)
			assert.Equal(t, 1, strings.Count(got, "\n"), k)
			assert.EqualValues(t, 1, stats.Malformed, k)
		}
	})
	t.Run("two lines written into each other", func(t *testing.T) {
		cfg := newConfig(t, "auto")
		a := `192.0.2.123 - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5 "-" "for 192.0.2.123"`
		b := `2001:db8::abcd` + a[len("192.0.2.123"):]
		for k := range a {
			got, stats := treated(t, cfg, newCalendar(), a[:k]+b+"\n"+a[k:]+"\n")
			for _, run := range guardtest.Run.FindAllString(got, -1) {
				assert.False(t, guardtest.Holds([]byte(run), netip.MustParseAddr("192.0.2.123")), got)
				assert.False(t, guardtest.Holds([]byte(run), netip.MustParseAddr("2001:db8::abcd")), got)
			}
			assert.EqualValues(t, 2, stats.Lines)
		}
	})
}

func shortened(s string) string {
	if len(s) > 400 {
		return s[:200] + " … " + s[len(s)-200:]
	}
	return s
}

// TestDays checks the day to which each line goes, and its counts.
func TestDays(t *testing.T) {
	at := func(date string) string {
		return `192.0.2.1 - - [` + date + `:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5` + "\n"
	}
	f := New(newConfig(t, "auto"), newCalendar())
	var out collector
	require.NoError(t, f.Run(strings.NewReader(at("22/Nov/2026")+at("21/Nov/2026")+at("22/Nov/2026")+at("23/Nov/2026")+
		at("01/Jan/1970")+at("01/Jan/1970")+at("09/Nov/2026")+at("08/Nov/2026")+at("31/Dec/2099")+at("24/Nov/2026")+"garbage\n"), &out))
	lines := map[civil.Day]int{}
	for day, text := range out.lines {
		lines[day] = strings.Count(text, "\n")
		assert.Len(t, out.records[day], rooms.RecordSize, "one client in one room on %s", day)
	}
	assert.Equal(t, map[civil.Day]int{guardtest.Today: 5, guardtest.Today - 1: 1, guardtest.Today + 1: 1, guardtest.Today - 13: 1}, lines)
	assert.Equal(t, counters.Values{Lines: 11, Malformed: 1, Late: 2, Adjusted: 3, Expired: 3}, f.Stats())

	expired := f.Expired()
	require.Len(t, expired, 2)
	for _, day := range []civil.Day{0, guardtest.Today - 14} {
		require.Len(t, expired[day].Rooms, 1)
		assert.EqualValues(t, 1, expired[day].Rooms[0].Count)
	}

	a, _, _ := strings.Cut(out.lines[guardtest.Today], " ")
	b, _, _ := strings.Cut(out.lines[guardtest.Today-1], " ")
	assert.NotEqual(t, a, b, "each day has its key")
}

// TestMidnight: after midnight, the calendar assigns the same dates to other days.
func TestMidnight(t *testing.T) {
	cal := newCalendar()
	f := New(newConfig(t, "common"), cal)
	line := `192.0.2.1 - - [09/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5` + "\n"
	var out collector
	run := func() {
		require.NoError(t, f.Run(strings.NewReader(line), &out))
	}
	run()
	run()
	assert.Len(t, out.records[guardtest.Today-13], rooms.RecordSize, "known already")
	cal.first++
	run()
	assert.EqualValues(t, 0, f.Stats().Expired, "not before the epoch says so")
	cal.epoch++
	run()
	assert.EqualValues(t, 1, f.Stats().Expired)
	assert.Len(t, f.Expired(), 1)
	cal.epoch++
	run()
	assert.EqualValues(t, 2, f.Stats().Expired)
	assert.EqualValues(t, 1, f.Expired()[guardtest.Today-13].Rooms[0].Count, "an expired day stays")
	assert.Equal(t, 3, strings.Count(out.lines[guardtest.Today-13], "\n"))
}

func TestRooms(t *testing.T) {
	line := func(client, target, status string) string {
		return client + ` - - [22/Nov/2026:07:23:55 +0000] "GET ` + target + ` HTTP/1.1" ` + status + " 5\n"
	}
	log := line("192.0.2.1", "/http-bind?room=a", "200") +
		line("192.0.2.2", "/http-bind?room=A", "200") +
		line("192.0.2.2", "/http-bind?room=a&token=x", "200") +
		line("::ffff:192.0.2.2", "/http-bind?room=%61", "200") +
		line("Host", "/http-bind?room=a", "200") +
		line("host", "/http-bind?room=a", "200") +
		line("2001:db8::1", "/http-bind?room=b", "200") +
		line("2001:db8::2", "/http-bind?room=b", "200") +
		line("192.0.2.3", "/http-bind?room=a", "404") +
		line("-", "/http-bind?room=a", "200") +
		line("192.0.2.3", "/", "200")
	counts := func(cfg Config) (n []uint64) {
		f := New(cfg, newCalendar())
		var out collector
		require.NoError(t, f.Run(strings.NewReader(log), &out))
		c := rooms.NewDistinctSet(rooms.DefaultLimits)
		require.NoError(t, c.Apply([]byte(out.records[guardtest.Today])))
		for _, r := range c.Summary() {
			n = append(n, r.Count)
		}
		return n
	}
	cfg := newConfig(t, "common")
	assert.ElementsMatch(t, []uint64{3, 2}, counts(cfg))
	cfg.CountV6 = 64
	assert.ElementsMatch(t, []uint64{3, 1}, counts(cfg), "one household")
	cfg.Mode, _ = pseudonym.ParseMode("drop")
	assert.ElementsMatch(t, []uint64{3, 1}, counts(cfg), "whatever the mode")
	cfg.Rooms = nil
	assert.Empty(t, counts(cfg))

	cfg = newConfig(t, "common")
	cfg.Limits.Pairs = 1
	f := New(cfg, newCalendar())
	require.NoError(t, f.Run(strings.NewReader(log), new(collector)))
	assert.EqualValues(t, 7, f.Stats().Overflow, "lines of pairs that were not counted")
	var bounded collector
	require.NoError(t, New(cfg, newCalendar()).Run(strings.NewReader(log), &bounded))
	recorded := rooms.NewDistinctSet(rooms.NoLimits)
	require.NoError(t, recorded.Apply([]byte(bounded.records[guardtest.Today])))
	assert.EqualValues(t, 7, recorded.RecordedOverflow())
	assert.Len(t, recorded.Summary(), 1)

	cal := newCalendar()
	cal.hasher = nil
	f = New(newConfig(t, "common"), cal)
	var out collector
	require.NoError(t, f.Run(strings.NewReader(log), &out))
	assert.Empty(t, out.records[guardtest.Today], "no secret, no hashes")
	assert.Equal(t, 11, strings.Count(out.lines[guardtest.Today], "\n"))
}

// Two names whose hashes share 64 bits are two rooms, even for a client of both.
func TestRoomsOfLikeHashes(t *testing.T) {
	var log strings.Builder
	for i := range 50 {
		for _, room := range []string{"6e7d16f174ae084a", "f38d7521a97522cf"} {
			fmt.Fprintf(&log, "192.0.2.%d - - [22/Nov/2026:07:23:55 +0000] \"GET /http-bind?room=%s HTTP/1.1\" 200 5\n", i, room)
		}
	}
	var out collector
	require.NoError(t, New(newConfig(t, "common"), newCalendar()).Run(strings.NewReader(log.String()), &out))
	c := rooms.NewDistinctSet(rooms.DefaultLimits)
	require.NoError(t, c.Apply([]byte(out.records[guardtest.Today])))
	summary := c.Summary()
	require.Len(t, summary, 2)
	assert.Equal(t, summary[0].Hash[:8], summary[1].Hash[:8])
	assert.Equal(t, []uint64{50, 50}, []uint64{summary[0].Count, summary[1].Count})
}

// The notes of rooms differ if their hashes differ in any of 128 bits, and if the keys differ.
func TestNoteKey(t *testing.T) {
	f, other := New(newConfig(t, "common"), newCalendar()), New(newConfig(t, "common"), newCalendar())
	var room [20]byte
	seen := map[uint64]bool{f.noteKey.of(&room): true}
	for bit := range 128 {
		room[bit/8] ^= 1 << (bit % 8)
		note := f.noteKey.of(&room)
		assert.False(t, seen[note], bit)
		assert.NotEqual(t, other.noteKey.of(&room), note)
		seen[note] = true
		room[bit/8] ^= 1 << (bit % 8)
	}
	assert.False(t, seen[0])
}

// TestLongRoomNames: a line whose room name is too long is written. Each such line counts as
// overflow, and in no room.
func TestLongRoomNames(t *testing.T) {
	line := `192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=%s HTTP/1.1" 200 5` + "\n"
	log := ""
	for _, name := range []string{"a", strings.Repeat("a", 1024), strings.Repeat("%EF%B7%BA", 8), strings.Repeat("a", 1024), strings.Repeat("a", 4000)} {
		log += fmt.Sprintf(line, name)
	}
	got, stats := treated(t, newConfig(t, "common"), newCalendar(), log)
	assert.Equal(t, 5, strings.Count(got, "\n"))
	assert.Equal(t, counters.Values{Lines: 5, Overflow: 4}, stats)

	f := New(newConfig(t, "common"), newCalendar())
	var out collector
	require.NoError(t, f.Run(strings.NewReader(log), &out))
	c := rooms.NewDistinctSet(rooms.DefaultLimits)
	require.NoError(t, c.Apply([]byte(out.records[guardtest.Today])))
	assert.Len(t, c.Summary(), 1)
	assert.EqualValues(t, 4, c.RecordedOverflow(), "the day is a lower bound")

	cfg := newConfig(t, "common")
	f = newFilter(cfg, newCalendar(), &deferred{&newOrderedDedup(cfg.Limits, 1).farFromLimits})
	out = collector{}
	require.NoError(t, f.Run(strings.NewReader(log), &out))
	require.Empty(t, f.Fault())
	c = rooms.NewDistinctSet(rooms.DefaultLimits)
	var journal []byte
	for pairs := []byte(out.records[guardtest.Today]); len(pairs) > 0; pairs = pairs[rooms.RecordSize:] {
		hash := [20]byte(pairs)
		journal = c.AppendIfNew(journal, &hash, 1)
	}
	assert.EqualValues(t, 4, c.Overflow(), "an orderedDedup gets each")
}

// Archives with more than maxDays dates do not keep more days in memory.
func TestManyDates(t *testing.T) {
	var log strings.Builder
	for day := range civil.Day(maxDays + 100) {
		y, m, d := day.Date()
		fmt.Fprintf(&log, "192.0.2.1 - - [%02d/%s/%d:10:00:00 +0000] \"GET /http-bind?room=a HTTP/1.1\" 200 5\n", d, time.Month(m).String()[:3], y)
	}
	for _, single := range []bool{false, true} {
		cfg := newConfig(t, "common")
		f := New(cfg, newCalendar())
		if single {
			f = NewStream(cfg, everyDay())
		}
		require.NoError(t, f.Run(strings.NewReader(log.String()), &collector{}))
		require.LessOrEqual(t, len(f.days), maxDays)
		require.LessOrEqual(t, len(f.dates), maxDays)
		if !single {
			require.EqualValues(t, 100, f.Stats().Overflow)
			require.Len(t, f.Expired(), maxDays)
		}
	}
}

// A process that runs for weeks keeps in memory only expired days and those that may get more
// lines. The counts of the others are in the journals.
func TestEarlierDaysAreForgotten(t *testing.T) {
	cal := newCalendar()
	f := New(newConfig(t, "common"), cal)
	log := func(day civil.Day) *strings.Reader {
		y, m, d := day.Date()
		return strings.NewReader(fmt.Sprintf("192.0.2.1 - - [%02d/%s/%d:10:00:00 +0000] \"GET /http-bind?room=a HTTP/1.1\" 200 5\n", d, time.Month(m).String()[:3], y))
	}
	var out collector
	for day := guardtest.Today - 20; day <= guardtest.Today+1; day++ {
		require.NoError(t, f.Run(log(day), &out))
	}
	assert.Len(t, f.days, 22)
	cal.epoch++
	require.NoError(t, f.Run(log(guardtest.Today-5), &out))
	assert.Len(t, f.days, 7+3+1, "expired, near, and the last")
	assert.Len(t, out.records[guardtest.Today-5], 2*rooms.RecordSize, "again in the journal, which is a set")
	assert.Len(t, f.Expired(), 7)
}

const stampText = "[22/Nov/2026:07:23:55 +0000]"
