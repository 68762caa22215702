package dir

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/format/civil"
)

func TestLogNames(t *testing.T) {
	day := civil.NewDay(2026, 11, 27)
	for name, want := range map[string]Log{
		"access-2026-11-27.log":             {day, AllDay, 0},
		"access-2026-11-27T00.log":          {day, 0, 0},
		"access-2026-11-27T23.log":          {day, 23, 0},
		"access-2026-11-27.0001.log":        {day, AllDay, 1},
		"access-2026-11-27.9999.log":        {day, AllDay, 9999},
		"access-2026-11-27.10000.log":       {day, AllDay, 10000},
		"access-2026-11-27T15.0007.log":     {day, 15, 7},
		"access-2026-11-27T15.12345678.log": {day, 15, 12345678},
	} {
		assert.Equal(t, name, want.Name())
		for _, behind := range []string{"", ".gz", "~", ".1", "-20261128.gz"} {
			l, rest, ok := ParseLog(name + behind)
			assert.True(t, ok, name+behind)
			assert.Equal(t, want, l, name+behind)
			assert.Equal(t, behind, rest, name+behind)
			of, rest, ok := DayOf("", name+behind)
			assert.True(t, ok && of == day && rest == behind, name+behind)
		}
	}
	for _, name := range []string{
		"access.log", "access-2026-11-27", "access-2026-11-27.tar.gz", "access-2026-02-30.log",
		"access-2026-11-27T24.log", "access-2026-11-27T1.log", "access-2026-11-27T.log", "access-2026-11-27T-1.log", "access-2026-11-27t15.log",
		"access-2026-11-27.0000.log", "access-2026-11-27.007.log", "access-2026-11-27.00007.log", "access-2026-11-27.1234567890.log",
		"access-2026-11-27.00a7.log", "access-2026-11-27..log", "access-2026-11-27.0007T15.log", "access-2026-11-27.log7", "access-2026-11-27.0007.logs",
		"access-2026-11-27T15:00.log", "access-2026-11-27.+007.log",
	} {
		_, _, ok := ParseLog(name)
		assert.False(t, ok, name)
	}
}

// TestTrafficNames: the files next to a day's figures are hushpipe's own, but not figures.
func TestTrafficNames(t *testing.T) {
	for name, want := range map[string]string{
		"traffic-2026-11-22.txt": "", "traffic-2026-11-22.txt.partial": ".partial", "traffic-2026-11-22.hosts": ".hosts", "traffic-2026-11-22.txt.gz": ".gz",
	} {
		on, behind, ok := DayOf(Traffic, name)
		assert.True(t, ok && IsOwn(Traffic, name), name)
		assert.Equal(t, civil.NewDay(2026, 11, 22), on, name)
		assert.Equal(t, want, behind, name)
		_, own := OwnDay(Traffic, name)
		assert.Equal(t, want == "", own, name)
		_, expires := ExpiryDay(Traffic, name)
		assert.False(t, expires, name)
	}
	for _, name := range []string{"traffic-2026-11-22.hosts.gz", "traffic-2026-11-22.bak", "traffic-2026-11.hosts", "rooms-2026-11-22.hosts"} {
		_, _, ok := DayOf(Traffic, name)
		assert.False(t, ok, name)
	}
	assert.Equal(t, "traffic-2026-11-22.hosts", TrafficHosts(civil.NewDay(2026, 11, 22)))
	assert.Equal(t, "traffic-2026-11-22.txt.partial", TrafficMark(civil.NewDay(2026, 11, 22)))
}

func TestLogsAreSortedByAge(t *testing.T) {
	names := []string{"access-2026-11-28.0003.log", "access.log", "access-2026-11-27.0002.log", "access-2026-11-27.0004.log",
		"access-2026-11-27.log", "access-2026-11-27T15.log", "access-2026-11-26.log", "access-2026-11-27.0001.log.gz", "access-2026-11-28.10000.log"}
	var sorted []string
	for _, l := range Logs(names) {
		sorted = append(sorted, l.Name())
	}
	assert.Equal(t, []string{"access-2026-11-26.log", "access-2026-11-27.log", "access-2026-11-27T15.log",
		"access-2026-11-27.0002.log", "access-2026-11-28.0003.log", "access-2026-11-27.0004.log", "access-2026-11-28.10000.log"}, sorted)
}
