package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestGracefulRestarts: load during 20 graceful restarts in 12 s, with requests from
// the first and later generations that are held to the end.
func TestGracefulRestarts(t *testing.T) {
	const restarts, every = 20, 600 * time.Millisecond
	dir := filepath.Join(t.TempDir(), "log")
	h := startHTTPD(t, loadLog(hushpipeBinary(t), dir, "--traffic"))
	l := startLoad(h, 500)
	l.hold("first")
	l.await(100)
	first := loggers(t, dir)
	require.Len(t, first, 1)

	began := time.Now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := range restarts {
		h.Graceful()
		if n == 2 || n == 7 {
			l.hold("later")
		}
		<-tick.C
	}
	require.Contains(t, loggers(t, dir), first[0], "the logger of the held request goes on")
	t.Logf("%d graceful restarts in %s", restarts, time.Since(began).Round(time.Millisecond))
	l.await(100)
	h.release("first")
	h.release("later")

	c := l.finish(t, dir)
	t.Log(c)
	require.Zero(t, c.Lost)
	require.Zero(t, c.Duplicated)
	c.requireNoStall(t)
	require.DirExists(t, filepath.Join(dir, "traffic"))
	require.Equal(t, 3, l.heldAnswers())
	require.NotRegexp(t, "hushpipe:.* lost", h.ErrorLog())
}

// TestSignalsFirst: signals are handled before anything slow is initialised.
func TestSignalsFirst(t *testing.T) {
	cmd := exec.Command(hushpipeBinary(t), "filter", "-h")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err)
	require.Regexp(t, `(?m)^init os/signal @.*\ninit hushpipe/cmd/hushpipe/early @`, string(out))
}

// TestTermAtStart: SIGTERM within 15 ms of the start, twice. Either it ends a process
// that has no handlers yet and has read nothing, or it is ignored. The next process on
// the same pipe, as httpd starts it, gets all lines and can use everything in DIR.
func TestTermAtStart(t *testing.T) {
	program, ended := hushpipeBinary(t), 0
	for delay := time.Duration(0); delay <= 15*time.Millisecond; delay += time.Millisecond {
		const waiting = 100
		dir := filepath.Join(t.TempDir(), "log")
		p := openPipe(t)
		for n := range waiting {
			p.write("192.0.2.1", fmt.Sprintf("/?id=l%d", n))
		}
		l := p.startLogger(program, dir)
		respawn := func() {
			if l.dead() {
				l.requireCalm()
				l = p.startLogger(program, dir)
				ended++
			}
		}
		for range 2 {
			time.Sleep(delay) // the moment is what is tested
			require.NoError(t, l.cmd.Process.Signal(syscall.SIGTERM))
			time.Sleep(delay) // as before
			respawn()
		}
		await(t, func() bool {
			respawn()
			return strings.Count(written(dir), "\n") >= waiting
		}, "the lines")
		p.write("192.0.2.1", "/?id=l100")
		p.close()
		require.Equal(t, 0, l.wait())
		l.requireCalm()

		text := lines(t, filepath.Join(dir, "access.log"))
		require.Len(t, text, waiting+1, "after %s", delay)
		require.Len(t, ids(text), waiting+1, "after %s", delay)
		for _, line := range text {
			require.Equal(t, strings.Fields(text[0])[0], strings.Fields(line)[0], "all processes use one key")
		}
	}
	t.Logf("%d of 32 signals ended a process", ended)
}
