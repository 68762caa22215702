package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkPause measures how long the reader is away from the pipe while the counts of a day
// grow and each line is a new pair of room and address: meanwhile, Apache's pipe fills. The time
// includes treating a batch, and this thread's part of garbage collection; the thread's CPU time
// (cpu) leaves out other work of the machine.
//
//	go test ./bench -run '^$' -bench Pause/ -benchtime 3x -large
func BenchmarkPause(b *testing.B) {
	pairs := 100_000
	if *large {
		pairs = 10_000_000
	}
	b.Run(fmt.Sprintf("pairs=%d", pairs), func(b *testing.B) {
		var longest, cpu time.Duration
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for b.Loop() {
			dir := tempDir(b)
			in := &newPairs{lines: pairs}
			j := filterLog(b, dir, setup{logFormat: "auto", ip: "ipcrypt"}, in)
			require.EqualValues(b, pairs, j.filter.Stats().Lines)
			longest, cpu = max(longest, in.longest), max(cpu, in.longestCPU)
			require.NoError(b, os.RemoveAll(dir))
		}
		b.ReportMetric(float64(longest.Microseconds())/1000, "max-pause-ms")
		b.ReportMetric(float64(cpu.Microseconds())/1000, "max-pause-cpu-ms")
	})
}

// newPairs is a Reader of lines from different addresses. It records the longest time between
// two reads after the first two, before which nothing is in memory.
type newPairs struct {
	lines   int
	written int
	last    time.Time
	longest time.Duration

	lastCPU, longestCPU time.Duration
}

func (r *newPairs) Read(p []byte) (int, error) {
	if r.written > 1000 {
		r.longest = max(r.longest, time.Since(r.last))
		r.longestCPU = max(r.longestCPU, threadTime()-r.lastCPU)
	}
	text := p[:0]
	for ; r.written < r.lines && len(text) < len(p)-200; r.written++ {
		n := r.written
		text = fmt.Appendf(text, "2001:db8:%x:%x::1 - - [22/Nov/2026:12:00:00 +0000] \"GET /http-bind?room=room%d HTTP/1.1\" 200 5 \"-\" \"-\"\n", n>>16, n&0xffff, n%2000)
	}
	r.last, r.lastCPU = time.Now(), threadTime()
	if len(text) == 0 {
		return 0, io.EOF
	}
	return len(text), nil
}

// threadTime returns the CPU time of this thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}
