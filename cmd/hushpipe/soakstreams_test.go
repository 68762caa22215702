package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// soakStream is a policy of one stream on its own disk, which has the faults of the
// soak as well.
type soakStream struct {
	*disk
	keep string
	from int // the first request whose line has to be there
}

const (
	soakEntries = 2000
	soakHour    = "1h of workdays"
	// soakPolicy has lines without a time, which get the time at which they arrive by
	// the loggers' clock.
	soakPolicy = `format = '%%h "%%r" %%>s'
workdays = "de-BE"
[[stream]]
name = "log"
purpose = "x"
keep = "%s"
`
	soakLog = `CustomLog "|/usr/bin/env HUSHPIPE_CLOCK=%s %s filter --policy %s %s" "%%h \"%%r\" %%>s" "expr=%%{REQUEST_URI} != '/control'"`
)

// newSoakStreams returns a stream bounded in lines and one bounded in hours. They share the
// midnight of n, which is between two working days.
func newSoakStreams(t *testing.T, n *night) (streams []*soakStream, directives []string) {
	at := n.now()
	for at.Weekday() != time.Tuesday || slices.Contains([]time.Month{time.January, time.May, time.October, time.December}, at.Month()) {
		at = at.AddDate(0, 0, 1) // the months have holidays on a Tuesday or Wednesday
	}
	shift := time.Until(at)
	for _, keep := range []string{fmt.Sprintf("%d entries, 14d", soakEntries), soakHour} {
		s := &soakStream{disk: newDisk(t, fault{}), keep: keep}
		file := filepath.Join(t.TempDir(), "policy.toml")
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, soakPolicy, keep), 0o644))
		streams = append(streams, s)
		directives = append(directives, fmt.Sprintf(soakLog, shift, n.program, file, s.mount))
	}
	return streams, directives
}

// look compares the files with the bound while loggers write. It reads the newest lines
// first, so that it never counts more lines than there were at one time.
func (s *soakStream) look(sinceMidnight time.Duration, sent int) {
	t := s.t
	t.Helper()
	names, err := filepath.Glob(s.path("access-*.log"))
	require.NoError(t, err)
	slices.Sort(names)
	slices.Reverse(names)
	n := 0
	for _, name := range names {
		n += strings.Count(copyOf(t, name), "\n")
		if s.keep == soakHour && sinceMidnight > deletionTime {
			require.NotContains(t, name, "T23", "its hour is over")
		}
	}
	if s.keep != soakHour {
		require.LessOrEqual(t, n, soakEntries, "lines in %v", names)
	} else if s.from == 0 && sinceMidnight > deletionTime {
		s.from = sent
	}
}

// finish expects the lines that must be there, of the first requests up to upTo. Those
// of the hour after midnight are kept for less than an hour.
func (s *soakStream) finish(l *load, upTo int) {
	t := s.t
	t.Helper()
	from := s.from
	if s.keep != soakHour {
		from = upTo - soakEntries/2 // a kill and a restart write some twice
	} else if from == 0 || *soakFor > 100*time.Minute {
		return
	}
	there := ids(strings.Split(s.lines(), "\n"))
	for n := max(from, 0); n < upTo; n++ {
		if a := l.asked[n]; a.status != 0 && a.wait > 0 { // held ones came before
			require.NotZero(t, there[fmt.Sprintf("l%d", n)], "l%d of %d in %s, kept for %s", n, upTo, s.dir, s.keep)
		}
	}
}

func (s *soakStream) lines() string {
	names, err := filepath.Glob(s.path("access-*.log"))
	require.NoError(s.t, err)
	var text strings.Builder
	for _, name := range names {
		text.WriteString(copyOf(s.t, name))
	}
	return text.String()
}
