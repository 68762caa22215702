package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter"
	"hushpipe/filter/counters"
	"hushpipe/filter/store"
	"hushpipe/format/civil"
)

// TestLosses: losses are reported as they happen, once for each minute in which they
// grow; malformed lines once an hour.
func TestLosses(t *testing.T) {
	begin := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	refused := ""
	l := lossWatch{dir: "log", refused: func() string { return refused }}
	for _, step := range []struct {
		minute             int
		malformed, dropped uint64
		refused            string
		want               []finding
	}{
		{1, 0, 0, "", nil},
		{2, 1, 0, "", []finding{{warning, "1 of 1,000 lines in an unknown format; all that could be an address or a client's name in them was replaced; hint: give their format with --format"}}},
		{3, 7, 1, "", []finding{{failure, "1 line lost so far: log could not be written, or not in time; hint: free space on log or make it writable"}}},
		{4, 7, 1, "", nil},
		{5, 7, 300, "write log/access.log: no space left on device", []finding{{failure, "300 lines lost so far: write log/access.log: no space left on device; hint: free space on log or make it writable"}}},
		{61, 8, 300, "", nil},
		{62, 8, 300, "", []finding{{warning, "8 of 1,000 lines in an unknown format; all that could be an address or a client's name in them was replaced; hint: give their format with --format"}}},
		{200, 8, 300, "", nil},
	} {
		refused = step.refused
		now := begin.Add(time.Duration(step.minute) * time.Minute)
		s := counters.Values{Lines: 1000, Malformed: step.malformed, Dropped: step.dropped}
		assert.Equal(t, step.want, l.newFindings(s, now), "minute %d", step.minute)
	}
}

// TestUncountedSaid: lines whose rooms cannot be counted are reported once an hour.
func TestUncountedSaid(t *testing.T) {
	begin := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	l := lossWatch{dir: "log"}
	s := counters.Values{Lines: 1000, WithoutClient: 1}
	one := finding{warning, "1 of 1,000 lines without client: their rooms are not counted; hint: see --format"}
	assert.Equal(t, []finding{one}, l.newFindings(s, begin))
	s.WithoutRequest, s.RoomUnseen = 2, 3
	assert.Empty(t, l.newFindings(s, begin.Add(59*time.Minute)))
	assert.Equal(t, []finding{one,
		{warning, "2 of 1,000 lines without request: their rooms are not counted; hint: see --format"},
		{warning, "3 of 1,000 lines of rooms whose name cannot be seen; hint: log the query, by %r or %q"},
	}, l.newFindings(s, begin.Add(time.Hour)))
}

// full is a disk that is full.
type full struct{}

func (full) Append(civil.Day, []byte) (int, error) { return 0, unix.ENOSPC }
func (full) Count(civil.Day, [8]byte, []byte)      {}
func (full) Tick() time.Duration                   { return time.Hour }

// TestWatch: a loss is reported before the end of the input.
func TestWatch(t *testing.T) {
	pipeline, err := (&filterFlags{ip: "drop", keep: "14d", formatFlags: formatFlags{format: "common"}, roomFlags: roomFlags{rooms: []string{"none"}, roomHash: "sha1"}, liveFlags: liveFlags{stdout: true}}).pipeline(nil)
	require.NoError(t, err)
	f := filter.New(pipeline.filter, &store.Stream{Now: time.Now})
	q := filter.NewQueue(full{}, 1)
	in, server, err := os.Pipe()
	require.NoError(t, err)
	said := &lockedBuffer{}
	log := newMessageLog(said)
	tick := make(chan time.Time)
	stop := watchLosses(tick, "log", counted(f.Snapshot, q), func() string { return "no space left on device" }, func() string { return "" }, log)
	ran := make(chan error)
	go func() { ran <- f.Run(in, q) }()

	await(t, func() bool {
		io.WriteString(server, "192.0.2.1 broken\n")
		return q.Dropped() > 0
	}, "the loss")
	tick <- time.Now()
	await(t, func() bool {
		return strings.Contains(said.String(), "lost so far: no space left on device; hint: free space on log")
	}, "the message")
	require.Contains(t, said.String(), "in an unknown format")
	require.NotContains(t, said.String(), "192.0.2.1")
	server.Close()
	require.NoError(t, <-ran)
	stop()
	log.close()
	log.notef("what a hanging disk says after the end")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q.Close(ctx)
}

// TestMessagesPrintable: a planted file name cannot send escape sequences to the
// terminal.
func TestMessagesPrintable(t *testing.T) {
	said := &lockedBuffer{}
	log := newMessageLog(said)
	log.error(errors.New("chown x\x1b]0;y\a\r: no\nchown ü: no"))
	log.close()
	require.Equal(t, "hushpipe: error: chown x?]0;y??: no\nhushpipe: error: chown ü: no\n", said.String())
}

// TestMessageHint: the hint comes last, wherever in the text its error is.
func TestMessageHint(t *testing.T) {
	for text, want := range map[string]string{
		"write x: no": "hushpipe: warning: write x: no\n",
		"open x: not a directory; lines wait in memory":                "hushpipe: warning: open x: not a directory; lines wait in memory; hint: give a directory\n",
		"x: is a link; hint: remove it":                                "hushpipe: warning: x: is a link; hint: remove it\n",
		"x: is a link; hint: remove it; lines wait in memory":          "hushpipe: warning: x: is a link; lines wait in memory; hint: remove it\n",
		"x: is a link; hint: remove it\ny: is a link; hint: remove it": "hushpipe: warning: x: is a link; y: is a link; hint: remove it\n",
		"open x: no such file or directory":                            "hushpipe: warning: open x: no such file or directory; hint: correct the path, or make what is missing\n",
		"x: is a link; hint: remove it\ny: is a link":                  "hushpipe: warning: x: is a link; y: is a link; hint: remove it\n",
	} {
		assert.Equal(t, want, formatMessage(warning, "%s", text))
	}
}

// TestSeverities: a report of package store is a warning unless its topic has another
// severity.
func TestSeverities(t *testing.T) {
	said := &lockedBuffer{}
	log := newMessageLog(said)
	log.report("append", "write x: no; lines wait in memory")
	log.report("recovered", "x: writing lines again")
	log.report("pending", "x: not all are counted")
	log.report("pending", "x: at most once a minute on one topic")
	log.close()
	require.Equal(t, "hushpipe: warning: write x: no; lines wait in memory\nhushpipe: note: x: writing lines again\n"+
		"hushpipe: error: x: not all are counted\n", said.String())
}
