package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// ownMiB returns the private anonymous memory of a process.
func ownMiB(t *testing.T, pid int) int { return ownKiB(t, pid) >> 10 }

func ownKiB(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var kib int
		if n, _ := fmt.Sscanf(line, "Anonymous: %d kB", &kib); n == 1 {
			return kib
		}
	}
	t.Fatal("the kernel tells nothing of Anonymous")
	return 0
}

// TestIdleMemory: an idle logger has at most 4 MiB of its own memory, since each of two
// hundred virtual hosts may have one.
func TestIdleMemory(t *testing.T) {
	if isInstrumented() {
		t.Skip("the race detector takes memory of its own")
	}
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	await(t, func() bool { return strings.Contains(statusText(t, dir), "PROCESS") }, "the end of the start")
	time.Sleep(3 * time.Second) // in which an idle logger could take more
	// Garbage from the start is collected soon, or at the next collection two minutes
	// later.
	awaitFor(t, time.Minute, func() bool { return ownKiB(t, l.cmd.Process.Pid) <= 4<<10 }, "at most 4 MiB")
	t.Logf("idle: %d KiB", ownKiB(t, l.cmd.Process.Pid))
	for i := range 50 {
		l.write(fmt.Sprintf("192.0.2.%d", i), "/http-bind?room=r")
	}
	await(t, func() bool { return strings.Count(written(dir), "\n") == 50 }, "the lines")
	t.Logf("with 50 lines: %d KiB", ownKiB(t, l.cmd.Process.Pid))
	require.Zero(t, l.end(), l.said)
}

// TestOneLoggerHoldsTheDay: of six idle loggers on a DIR with a day of a million pairs,
// only one has the pairs in memory. It is killed; when the others have ended, the room
// files are right.
func TestOneLoggerHoldsTheDay(t *testing.T) {
	const pairs, loggers = 1_000_000, 6
	const small, large = 8, 12 // MiB
	dir := t.TempDir()
	first := startLogger(t, dir)
	w := bufio.NewWriterSize(first.stdin, 1<<16)
	_, rest, _ := strings.Cut(logLine("", "/http-bind?room=r"), " ")
	for i := range pairs {
		fmt.Fprintf(w, "10.%d.%d.%d %s", i>>16&255, i>>8&255, i&255, rest)
	}
	require.NoError(t, w.Flush())
	require.Zero(t, first.end(), first.said)
	count := func() (n int) {
		files, err := filepath.Glob(filepath.Join(dir, "rooms", "*"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var one int
			fmt.Sscan(string(text), &one)
			n += one
		}
		return n
	}
	require.Equal(t, pairs, count())

	var all []*logger
	for range loggers {
		all = append(all, startLogger(t, dir))
	}
	holder := func() (i int) {
		await(t, func() bool {
			held := 0
			for k, l := range all {
				if ownMiB(t, l.cmd.Process.Pid) >= large {
					held, i = held+1, k
				}
			}
			return held == 1
		}, "one reads the journals")
		return i
	}
	at := holder()
	time.Sleep(time.Second) // the others have had as long
	for i, l := range all {
		mib := ownMiB(t, l.cmd.Process.Pid)
		t.Logf("%d MiB", mib)
		if i != at {
			assert.Less(t, mib, small)
		}
	}

	all[at].cmd.Process.Signal(unix.SIGKILL)
	all[at].wait()
	for i, l := range all {
		if i != at {
			l.write(fmt.Sprintf("11.0.0.%d", i), "/http-bind?room=r")
			require.Zero(t, l.end(), l.said)
		}
	}
	require.Equal(t, pairs+loggers-1, count())
}
