package main

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkPause is how long the reader is away from the pipe while the counts of
// a day grow, each line being a new pair of room and address: Apache's pipe fills
// meanwhile. It includes the treatment of a batch, and the garbage collector.
//
//	go test ./bench -run '^$' -bench Pause/ -benchtime 3x -large
func BenchmarkPause(b *testing.B) {
	pairs := 100_000
	if *large {
		pairs = 10_000_000
	}
	b.Run(fmt.Sprintf("pairs=%d", pairs), func(b *testing.B) {
		var longest time.Duration
		for b.Loop() {
			dir := tempDir(b)
			in := &newPairs{lines: pairs}
			j := filterLog(b, dir, setup{logFormat: "auto", ip: "ipcrypt"}, in)
			require.EqualValues(b, pairs, j.filter.Stats().Lines)
			longest = max(longest, in.longest)
			require.NoError(b, os.RemoveAll(dir))
		}
		b.ReportMetric(float64(longest.Microseconds())/1000, "max-pause-ms")
	})
}

// newPairs is a Reader of lines from different addresses, which notes the longest
// time between two reads.
type newPairs struct {
	lines   int
	written int
	last    time.Time
	longest time.Duration
}

func (r *newPairs) Read(p []byte) (int, error) {
	if !r.last.IsZero() {
		r.longest = max(r.longest, time.Since(r.last))
	}
	text := p[:0]
	for ; r.written < r.lines && len(text) < len(p)-200; r.written++ {
		n := r.written
		text = fmt.Appendf(text, "2001:db8:%x:%x::1 - - [22/Nov/2026:12:00:00 +0000] \"GET /http-bind?room=room%d HTTP/1.1\" 200 5 \"-\" \"-\"\n", n>>16, n&0xffff, n%2000)
	}
	r.last = time.Now()
	if len(text) == 0 {
		return 0, io.EOF
	}
	return len(text), nil
}
