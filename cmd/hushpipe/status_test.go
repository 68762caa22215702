package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/store"
)

var statusTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// busyDir is a DIR in which much has happened.
func busyDir() store.Status {
	const dir = "/var/log/hushpipe"
	s := store.Status{Dir: dir, Time: statusTime, Keep: "14d", Oldest: "2026-11-20",
		Days: []store.DayFiles{
			{Day: "2026-11-20", LogBytes: 1 << 30, Key: true, Journals: 1, JournalBytes: 700_000},
			{Day: "2026-11-21", LogBytes: 987_654_321, Key: true, Journals: 2, JournalBytes: 1 << 20},
			{Day: "2026-11-22", LogBytes: 1000, Key: true, Journals: 12, JournalBytes: 1023},
			{Day: "2026-11-23", Key: true}},
		Processes: []store.Process{
			{PID: 4194304, Version: "v1.2.3", IP: "mask=20/44", Keep: "36500d", Confined: "no: this kernel has no landlock",
				Started: statusTime.Add(-50 * time.Hour), Written: statusTime.Add(-7 * time.Minute)},
			{PID: 123, Version: "v1.2.4", IP: "ipcrypt", Keep: "14d", Confined: "landlock, ABI 6",
				Started: statusTime.Add(-time.Hour), Written: statusTime.Add(-12 * time.Second)}},
		LastError: store.Fault{Time: statusTime.Add(-time.Hour), Text: "write " + dir + "/access-2026-11-22.log: no space left on device; lines wait in memory"},
		Broken: []store.Finding{
			{File: dir + "/access-2026-01-01.log.gz", What: "is older than 14d", Do: "hushpipe purge " + dir},
			{File: dir, What: "everybody can write there", Do: "chmod o-w " + dir}},
		Notes: []store.Finding{{File: dir + "/a\x1b[31m\u202e.log", What: "is not hushpipe's, which will not delete it", Do: "see whether it holds lines or a key"}},
	}
	for day := 12; day <= 22; day++ {
		c := store.Counters{Lines: 10_000_000 * uint64(day-12), Malformed: 1000, Late: 12_345, Ended: 1}
		s.Counts = append(s.Counts, store.DayCounters{Day: time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), Counters: c})
	}
	s.Total = store.Counters{Lines: 550_000_000, Malformed: 11_000, Late: 135_795, Dropped: 300, Repeated: 2, Ended: 11, Killed: 2}
	return s
}

// TestStatusText holds the drawing against golden files; UPDATE=1 rewrites them.
func TestStatusText(t *testing.T) {
	for name, s := range map[string]store.Status{
		"busy":  busyDir(),
		"empty": {Dir: "log", Time: statusTime, Keep: "14d"},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(appendStatus(nil, s))
			golden := filepath.Join("testdata", "status-"+name+".txt")
			if os.Getenv("UPDATE") != "" {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
			for line := range strings.Lines(got) {
				assert.LessOrEqual(t, utf8.RuneCountInString(line), screen+1, line)
			}
		})
	}
}

func TestHumanNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1<<20 - 1: "1.0 MiB", 987_654_321: "941.9 MiB", 1 << 60: "1.0 EiB"} {
		assert.Equal(t, want, size(n))
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 123_456_789: "123,456,789"} {
		assert.Equal(t, want, grouped(n))
	}
	for d, want := range map[time.Duration]string{-time.Hour: "0 s ago", 59 * time.Second: "59 s ago", time.Minute: "1 min ago", 50 * time.Hour: "50 h ago"} {
		assert.Equal(t, want, ago(d))
	}
	assert.Equal(t, []string{"1 process", "2 processes", "1 place", "2 places"},
		[]string{several(1, "process"), several(2, "process"), several(1, "place"), several(2, "place")})
}
