package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWakeUp: the number of system calls for a line that comes alone, and for lines
// that come together, which is the same. Futexes and sleeps depend on what else the
// machine does, as does whether a call is so slow that an alarm fires: one of several
// tries must show these numbers.
func TestWakeUp(t *testing.T) {
	if isInstrumented() {
		t.Skip("the race detector makes calls of its own")
	}
	strace := need.Program(t, "strace", "strace")
	root := t.TempDir()
	dir, trace := filepath.Join(root, "log"), filepath.Join(root, "trace")
	calls := []string{"tee", "splice", "read", "pread64", "write", "flock", "ioctl", "fstat", "newfstatat", "timerfd_settime", "epoll_wait", "epoll_pwait"}
	l := startCommand(t, exec.Command(strace, "-f", "-qq", "-o", trace, "-e", "trace="+strings.Join(calls, ","), hushpipeBinary(t), "filter", "--rooms=none", dir))
	sent := 0
	send := func(lines int) {
		io.WriteString(l.stdin, strings.Repeat(logLine("192.0.2.1", "/"), lines))
		sent += lines
		await(t, func() bool { return strings.Count(written(dir), "\n") == sent }, "the line")
		time.Sleep(30 * time.Millisecond) // what follows on it, with company in vain
	}
	send(1)
	want := map[string]int{
		"tee":             2, // the second one finds nothing more
		"read":            1,
		"newfstatat":      1, // of the day's file, which may have been moved away
		"flock":           2,
		"pread64":         1, // for a torn tail
		"write":           1,
		"ioctl":           1, // whether another process has read
		"splice":          1,
		"timerfd_settime": 2,
	}
	call := regexp.MustCompile(`(?m)^\d+ +(?:<\.\.\. )?(\w+)[ (]`)
	counted := func(text []byte) map[string]int {
		n := map[string]int{}
		for _, m := range call.FindAllSubmatch(text, -1) {
			if name := string(m[1]); !strings.HasPrefix(name, "epoll") && !bytes.HasPrefix(m[0][bytes.IndexByte(m[0], ' '):], []byte(" <...")) {
				n[name]++
			}
		}
		if n["flock"] == 4 { // in the first minute, also that of the file, which loggers of earlier versions lock
			n["flock"] = 2
		}
		return n
	}
	for _, lines := range []int{1, 50} {
		var got map[string]int
		for range 20 {
			before, err := os.ReadFile(trace)
			require.NoError(t, err)
			send(lines)
			after, err := os.ReadFile(trace)
			require.NoError(t, err)
			if got = counted(after[len(before):]); fmt.Sprint(got) == fmt.Sprint(want) {
				break
			}
		}
		assert.Equal(t, want, got, "%d lines", lines)
	}
	require.Zero(t, l.end())
}

// TestNoWakeUps: nothing wakes a logger that gets no lines.
func TestNoWakeUps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	for range 5 {
		l.write("192.0.2.1", "/")
	}
	await(t, func() bool { return strings.Count(written(dir), "\n") == 5 }, "the lines")
	switches := func() (n int) {
		names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", l.cmd.Process.Pid))
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			_, rest, ok := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
			require.True(t, ok)
			field, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
			more, err := strconv.Atoi(field)
			require.NoError(t, err)
			n += more
		}
		return n
	}
	// The tick of the minute and Go's collector may wake it once.
	var got int
	for range 5 {
		time.Sleep(time.Second) // it comes to rest, and nothing shows that it has
		before := switches()
		time.Sleep(2 * time.Second) // that nothing happens can only be waited for
		if got = switches() - before; got == 0 {
			break
		}
	}
	assert.Zero(t, got)
	require.Zero(t, l.end())
}
