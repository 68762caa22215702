package main

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format"
)

func testTraffic() traffic {
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	return traffic{Seed: 1, Lines: 20_000, Day: day, Format: "combined", Clients: 20_000, Rooms: 2_000}
}

func generate(t testing.TB, tr traffic) string {
	t.Helper()
	g, err := newGenerator(tr)
	require.NoError(t, err)
	var log []byte
	for range tr.Lines {
		log = g.AppendLine(log)
	}
	return string(log)
}

func TestSameSeedSameBytes(t *testing.T) {
	tr := testTraffic()
	log := generate(t, tr)
	assert.True(t, log == generate(t, tr))
	tr.Seed++
	assert.False(t, log == generate(t, tr))
}

var combinedLine = regexp.MustCompile(`^([0-9a-f.:]+) - - \[22/Nov/2026:(\d\d:\d\d:\d\d) \+0000\] "(?:GET|POST) (/[^ "]*) HTTP/1\.1" \d{3} \d+ "([^"]+)" "[^"]+"$`)

func TestTraffic(t *testing.T) {
	tr := testTraffic()
	log := generate(t, tr)
	lines := strings.Split(strings.TrimSuffix(log, "\n"), "\n")
	require.Len(t, lines, tr.Lines)

	perClient, perRoom := map[netip.Addr]int{}, map[string]int{}
	v6, last := 0, ""
	for _, line := range lines {
		m := combinedLine.FindStringSubmatch(line)
		require.NotNil(t, m, line)
		addr, err := netip.ParseAddr(m[1])
		require.NoError(t, err)
		assert.True(t, addr.IsGlobalUnicast(), addr)
		if addr.Is6() {
			v6++
			assert.True(t, netip.MustParsePrefix("2000::/3").Contains(addr), addr)
		}
		perClient[addr]++
		if _, room, ok := strings.Cut(m[3], "room="); ok {
			perRoom[room]++
		}
		if !strings.HasPrefix(m[3], "/xmpp-websocket") {
			assert.LessOrEqual(t, last, m[2], "time advances")
			last = m[2]
		}
	}
	assert.InDelta(t, 0.35, float64(v6)/float64(tr.Lines), 0.02, "share of IPv6")
	assert.InDelta(t, 250, float64(len(log))/float64(tr.Lines), 20, "bytes a line")
	assert.Equal(t, "23:59", last[:5])
	assert.Greater(t, len(perClient), 2_000)
	assert.Greater(t, len(perRoom), 800)
	assert.Less(t, len(perRoom), tr.Rooms+1)
}

func TestFormats(t *testing.T) {
	tr := testTraffic()
	tr.Lines = 500
	combined := strings.SplitAfter(generate(t, tr), "\n")

	tr.Format = "vhost_combined"
	for i, line := range strings.SplitAfter(generate(t, tr), "\n") {
		_, rest, _ := strings.Cut(line, ".example.org:443 ")
		require.Equal(t, combined[i], rest)
	}

	tr.Format = "json"
	for i, line := range strings.Split(strings.TrimSuffix(generate(t, tr), "\n"), "\n") {
		var fields map[string]string
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		assert.True(t, strings.HasPrefix(combined[i], fields["remote_ip"]+" "))
		assert.Contains(t, combined[i], `"`+fields["request"]+`" `+fields["status"])
	}

	tr.Format = "common"
	for i, line := range strings.Split(strings.TrimSuffix(generate(t, tr), "\n"), "\n") {
		require.True(t, strings.HasPrefix(combined[i], line+` "`), line)
	}

	tr.Format = "custom"
	parser, err := format.New(customFormat, time.UTC, nil)
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSuffix(generate(t, tr), "\n"), "\n") {
		var parsed format.Line
		require.True(t, parser.Parse([]byte(line), &parsed), line)
	}

	tr.Format = "clf"
	_, err = newGenerator(tr)
	assert.ErrorContains(t, err, "unknown format")
}

func TestEven(t *testing.T) {
	tr := testTraffic()
	tr.Even = true
	perClient := map[string]int{}
	for line := range strings.Lines(generate(t, tr)) {
		addr, _, _ := strings.Cut(line, " ")
		perClient[addr]++
	}
	assert.Greater(t, len(perClient), 11_000, "of 20,000 draws of 20,000 clients, 1-1/e are different")
}

func TestLength(t *testing.T) {
	tr := testTraffic()
	tr.Lines, tr.Length = 500, 4096
	for line := range strings.Lines(generate(t, tr)) {
		require.Regexp(t, combinedLine, strings.TrimSuffix(line, "\n"))
		require.Len(t, line, tr.Length+1)
	}
}

func TestAppendLineDoesNotAllocate(t *testing.T) {
	tr := testTraffic()
	g, err := newGenerator(tr)
	require.NoError(t, err)
	want := generate(t, tr)
	buf, got := make([]byte, 0, 4096), strings.Builder{}
	got.Grow(1 << 20)
	allocs := testing.AllocsPerRun(1000, func() {
		buf = g.AppendLine(buf[:0])
		got.Write(buf)
	})
	assert.Zero(t, allocs)
	assert.True(t, strings.HasPrefix(want, got.String()))
}

// go test -bench Generate ./bench
func BenchmarkGenerate(b *testing.B) {
	g, err := newGenerator(testTraffic())
	require.NoError(b, err)
	b.ReportAllocs()
	buf := g.AppendLine(nil)
	require.Regexp(b, combinedLine, strings.TrimSuffix(string(buf), "\n"))
	b.SetBytes(250)
	for b.Loop() {
		buf = g.AppendLine(buf[:0])
	}
}
