package traffic_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/traffic"
	"hushpipe/format"
	"hushpipe/format/trafficfile"
)

func groups(t testing.TB, patterns ...string) *traffic.Groups {
	t.Helper()
	g, err := traffic.NewGroups(patterns)
	require.NoError(t, err)
	return g
}

const mapAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

func mapLine(network int, layers string, status int, took string) []byte {
	return fmt.Appendf(nil, `10.0.%d.1 - - [10/Mar/2026:08:00:00 +0000] "GET /ows?SERVICE=WMS&LAYERS=%s HTTP/1.1" %d 100 "%s" %s`, network, layers, status, mapAgent, took)
}

// TestGroups: hits, errors and durations by group, of which those have a name that five
// networks brought.
func TestGroups(t *testing.T) {
	var lines [][]byte
	for network := range 5 {
		lines = append(lines, mapLine(network, "topo", 200, "1000"), mapLine(network, "topo", 503, "2000000"), mapLine(network, "topo", 404, "-"),
			mapLine(network, "6f9619ff8b86d011", 200, "64"), mapLine(network, "other", 200, "65"), mapLine(network, strings.Repeat("topo-", 23)+"alice@x.example", 200, "65"), mapLine(network, "a%2Cb", 200, "99999999999999999999"))
		if network < 4 {
			lines = append(lines, mapLine(network, "rare", 200, "64"))
		}
	}
	robot := strings.Replace(string(mapLine(9, "topo", 200, "1000")), mapAgent, "GPTBot/1.2", 1)
	lines = append(lines, []byte(robot), []byte(robot))
	opt := traffic.Defaults()
	opt.Groups = groups(t, "/ows?layers={group}")
	days := newReadingOf(t, opt, `%h %l %u %t "%r" %>s %b "%{User-Agent}i" %D`).all(lines)
	require.Len(t, days, 1)
	var got []string
	for _, d := range days {
		assert.Equal(t, "visitor=address64+agent timeout=30m min-group=5 own= group=/ows?layers={group}", d.Options)
		for line := range strings.Lines(string(trafficfile.Append(nil, d))) {
			if strings.HasPrefix(line, "group ") || strings.HasPrefix(line, "time ") {
				got = append(got, strings.TrimSpace(line))
			}
		}
	}
	assert.Equal(t, []string{
		"group 5 0 0 0 a%2Cb",
		"group 19 1226 0 0 other", // rare, what looks like a secret, if behind the bound, and what is named so
		"group 17 10007000 5 5 topo",
		"time 7 1024 topo",
		"time 5 2097152 topo",
		"time 9 64 other",
		"time 10 76 other",
	}, got)
}

// TestDurations: what directives and keys of JSON say of a time.
func TestDurations(t *testing.T) {
	line := func(took string) string {
		return `192.0.2.1 - - [10/Mar/2026:08:00:00 +0000] "GET /a HTTP/1.1" 200 100 ` + took
	}
	const common = `%h %l %u %t "%r" %>s %b `
	for _, tt := range []struct {
		format, line string
		micros       uint64
		timed        bool
	}{
		{common + "%D", line("1234"), 1234, true},
		{common + "%D", line("0"), 0, true},
		{common + "%D", line("-"), 0, false},
		{common + "%D", line("1000000000001"), 0, false},
		{common + "%D", line("9999999999999999"), 0, false},
		{common + "%T", line("3"), 3_000_000, true},
		{common + "%{s}T", line("3"), 3_000_000, true},
		{common + "%{ms}T", line("3"), 3_000, true},
		{common + "%{us}T", line("3"), 3, true},
		{common + "%T %D", line("3 3456789"), 3_456_789, true},
		{common + "%D %T", line("3456789 3"), 3_456_789, true},
		{"json", `{"remote_addr":"192.0.2.1","time_iso8601":"2026-03-10T08:00:00+00:00","request":"GET /a HTTP/1.1","status":200,"request_time":0.012}`, 12_000, true},
		{"json", `{"remote_addr":"192.0.2.1","time_iso8601":"2026-03-10T08:00:00+00:00","request":"GET /a HTTP/1.1","status":200,"duration":"1.5e-05"}`, 15, true},
		{"json", `{"remote_addr":"192.0.2.1","time_iso8601":"2026-03-10T08:00:00+00:00","request":"GET /a HTTP/1.1","status":200,"microseconds":1234}`, 1234, true},
		{"json", `{"remote_addr":"192.0.2.1","time_iso8601":"2026-03-10T08:00:00+00:00","request":"GET /a HTTP/1.1","status":200,"duration":"fast"}`, 0, false},
	} {
		parser, err := format.New(tt.format, time.UTC, nil)
		require.NoError(t, err)
		var l format.Line
		require.True(t, parser.Parse([]byte(tt.line), &l), tt.line)
		h, ok := traffic.NewHits(parser, time.UTC).Of([]byte(tt.line), &l)
		require.True(t, ok)
		assert.Equal(t, tt.timed, h.Timed, "%s %s", tt.format, tt.line)
		assert.Equal(t, tt.micros, h.Micros, "%s %s", tt.format, tt.line)
	}
}

// TestSteps: each duration is in the first step that is not below it, and the steps are
// four to a doubling.
func TestSteps(t *testing.T) {
	steps := traffic.Steps()
	assert.Equal(t, []uint64{64, 76, 91, 108, 128}, steps[:5])
	assert.GreaterOrEqual(t, steps[len(steps)-1], uint64(time.Hour/time.Microsecond))
	for i := 4; i < len(steps); i++ {
		assert.InDelta(t, 2, float64(steps[i])/float64(steps[i-4]), 0.02)
	}
	check := func(micros uint64) {
		want, _ := slices.BinarySearch(steps, micros)
		require.Equal(t, min(want, len(steps)-1), int(traffic.StepOf(micros)), "%d µs", micros)
	}
	for _, s := range steps {
		for _, micros := range []uint64{s - 1, s, s + 1} {
			check(micros)
		}
	}
	check(0)
	check(math.MaxUint64)
	for range 100_000 {
		check(rand.Uint64N(1 << rand.IntN(40)))
	}
}

// TestPatterns: a pattern that is none is refused, with the column.
func TestPatterns(t *testing.T) {
	for pattern, want := range map[string]string{
		"ows?layers={group}":  `group "ows?layers={group}", column 1: begin with the path's slash, as in /api/{group}`,
		"/ows":                `group "/ows", column 5: say where the group is, as in /api/{group}`,
		"/a/{group}/{group}":  `group "/a/{group}/{group}", column 12: the only placeholder is {group}`,
		"/a/{room}":           `group "/a/{room}", column 4: the only placeholder is {group}`,
		"/a/{group}*":         `group "/a/{group}*", column 11: there is no wildcard: the rest of the path is literal`,
		"/ows?a=1&b={group}":  `group "/ows?a=1&b={group}", column 7: name one parameter, as in /ows?layers={group}`,
		"/ows?layers={group}": "",
		"/api/{group}/items":  "",
	} {
		_, err := traffic.NewGroups([]string{pattern})
		if want == "" {
			assert.NoError(t, err, pattern)
			continue
		}
		assert.EqualError(t, err, want)
	}
}

// TestManyGroups: an inventor of groups takes a bounded number of names, and the sums
// stay.
func TestManyGroups(t *testing.T) {
	opt := traffic.Defaults()
	opt.Groups = groups(t, "/ows?layers={group}")
	var lines [][]byte
	for i := range 3000 {
		lines = append(lines, mapLine(i%250, fmt.Sprint("layer-", i), 200, "100"))
	}
	for _, d := range newReadingOf(t, opt, `%h %l %u %t "%r" %>s %b "%{User-Agent}i" %D`).all(lines) {
		assert.Equal(t, []uint64{3000, 300_000, 0, 0}, cellOf(d.Cells, "group", "other"))
		assert.Equal(t, []uint64{3000}, cellOf(d.Cells, "time", "108 other"))
	}
}
