package filter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/where"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// hourCalendar is an Hourly calendar in a zone. All hours are open.
type hourCalendar struct {
	testCalendar
	zone *time.Location
}

func (c *hourCalendar) Zone() *time.Location { return c.zone }

func (c *hourCalendar) PlaceHour(sec int64, dated bool) (civil.Day, int, calendar.Placement) {
	if !dated {
		return guardtest.Today, 12, calendar.Adjusted
	}
	t := time.Unix(sec, 0).In(c.zone)
	return civil.DayOf(t), t.Hour(), calendar.Open
}

// hourSink records where lines go.
type hourSink struct{ got []string }

func (s *hourSink) Get() *Batch      { return &Batch{} }
func (s *hourSink) Wait(func() bool) {}
func (s *hourSink) Put(b *Batch) error {
	for i := range b.Parts {
		p := &b.Parts[i]
		hour, ok := p.Hour()
		s.got = append(s.got, fmt.Sprintf("%s %d %t %d", p.Day, hour, ok, strings.Count(string(p.Lines), "\n")))
	}
	return nil
}

// TestHourOfALine: in any format, the hour of a line is that of its time in the zone of the
// process. If only the date is known, it is the first hour of the day.
func TestHourOfALine(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, test := range []struct{ format, line, want string }{
		{"auto", `192.0.2.1 - - [27/Nov/2026:15:59:59 +0100] "GET / HTTP/1.1" 200 5`, "2026-11-27 15"},
		{"auto", `192.0.2.1 - - [27/Nov/2026:14:59:59 +0000] "GET / HTTP/1.1" 200 5`, "2026-11-27 15"},
		{"auto", `192.0.2.1 - - [27/Nov/2026:23:30:00 +0000] "GET / HTTP/1.1" 200 5 "-" "x 01:02:03"`, "2026-11-28 0"},
		{"auto", `192.0.2.1 - - [28/Nov/2026:08:15:00 +0900] "GET / HTTP/1.1" 200 5 "-" "-"`, "2026-11-28 0"},
		{"auto", `192.0.2.1 - - [28/Nov/2026:04:45:00 +0545] "GET / HTTP/1.1" 200 5 "-" "-"`, "2026-11-28 0"},
		{"auto", `example.org:80 192.0.2.1 - - [26/Jul/2026:15:30:00 +0200] "GET / HTTP/1.1" 200 5`, "2026-07-26 15"},
		{"auto", `[Fri Nov 27 15:00:01.123456 2026] [core:error] [pid 1] [client 192.0.2.1:5] AH00037: x`, "2026-11-27 15"},
		{"auto", `2026/11/27 15:00:00 [error] 1#1: *1 open() failed, client: 192.0.2.1`, "2026-11-27 15"},
		{`%h %{sec}t`, fmt.Sprintf("192.0.2.1 %d", time.Date(2026, 11, 27, 15, 59, 0, 0, berlin).Unix()), "2026-11-27 15"},
		{`%h %{msec}t`, fmt.Sprintf("192.0.2.1 %d", time.Date(2026, 11, 27, 15, 59, 0, 0, berlin).UnixMilli()), "2026-11-27 15"},
		{`%h %{usec}t`, fmt.Sprintf("192.0.2.1 %d", time.Date(2026, 11, 27, 15, 59, 0, 0, berlin).UnixMicro()), "2026-11-27 15"},
		{`%h %{%Y-%m-%dT%H:%M:%S}t`, "192.0.2.1 2026-11-27T15:59:00", "2026-11-27 15"},
		{`%h [%{%Y-%m-%d}t]`, "192.0.2.1 [2026-11-27]", "2026-11-27 0"},
		{"combined", `192.0.2.1 cut off [27/Nov/2026:15:59:59 +0100] "GET `, "2026-11-27 0"},
		{"combined", `nonsense`, "2026-11-22 12"},
		{"combined", ``, "2026-11-22 12"},
	} {
		parser, err := format.New(test.format, berlin, nil)
		require.NoError(t, err)
		cal := &hourCalendar{testCalendar: *newCalendar(), zone: berlin}
		cal.first = 0
		f := New(Config{Parser: parser, CountV6: 128, Hours: true}, cal)
		var out hourSink
		require.NoError(t, f.Run(strings.NewReader(test.line+"\n"), &out))
		assert.Equal(t, []string{test.want + " true 1"}, out.got, "%s: %s", test.format, test.line)
	}
}

// TestHourOfAStreamsLine: the hour does not depend on the fields that a stream keeps.
func TestHourOfAStreamsLine(t *testing.T) {
	const combined = `fields = { client = "ipcrypt", user = "keep", time = "keep", url = "keep", status = "keep", size = "keep", referer = "keep", agent = "keep" }`
	for _, test := range []struct{ format, fields string }{
		{"combined", ""},
		{"combined", combined},
		{"combined", `fields = { client = "drop", status = "keep" }`},
		{"auto", ""},
		{"auto", combined},
	} {
		p, mistakes := policy.Parse([]byte("workdays = \"de-BE\"\nformat = \"" + test.format + "\"\n[[stream]]\nname = \"web\"\npurpose = \"x\"\nkeep = \"24h of workdays\"\n" + test.fields))
		require.Empty(t, mistakes)
		cfg := streamsConfigs(t, p)[0]
		cfg.Hours = true
		cal := &hourCalendar{testCalendar: *newCalendar(), zone: time.UTC}
		var out hourSink
		s := NewStreams(Config{Parser: parserOf(t, p)}, where.New(p), []Stream{{Filter: New(cfg, cal), Get: out.Get}})
		for _, user := range []string{"-", "alice"} {
			b := &Batch{streams: make([]*Batch, 1)}
			s.treatLines(b, fmt.Appendf(nil, "192.0.2.1 - %s [22/Nov/2026:15:59:59 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\n", user))
			require.NoError(t, out.Put(b.streams[0]))
		}
		want := "2026-11-22 15 true 1"
		assert.Equal(t, []string{want, want}, out.got, "%s: %s", test.format, test.fields)
	}
}

// TestHoursOfABatch: a batch has one part for each hour, for any order of the lines.
func TestHoursOfABatch(t *testing.T) {
	parser, err := format.New("combined", time.UTC, nil)
	require.NoError(t, err)
	f := New(Config{Parser: parser, CountV6: 128, Hours: true}, &hourCalendar{testCalendar: *newCalendar(), zone: time.UTC})
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "192.0.2.1 - - [2%d/Nov/2026:%02d:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\n", 1+i%2, 10+i%3)
	}
	var out hourSink
	require.NoError(t, f.Run(strings.NewReader(text.String()), &out))
	assert.ElementsMatch(t, []string{"2026-11-21 10 true 50", "2026-11-21 11 true 50", "2026-11-21 12 true 50",
		"2026-11-22 10 true 50", "2026-11-22 11 true 50", "2026-11-22 12 true 50"}, out.got)
}
