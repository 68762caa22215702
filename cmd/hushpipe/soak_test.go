package main

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var soakFor = flag.Duration("soak", 0, "how long TestSoak goes on; 0 for each fault once")

// soak is an httpd under load whose logger writes to a tmpfs.
type soak struct {
	t     *testing.T
	h     *httpd
	l     *load
	fs    string // the tmpfs
	dir   string
	kills int
}

// soakFault is one thing that can go wrong. inject returns when it is over and
// the newest logger runs; lines may still wait in memory.
type soakFault struct {
	name   string
	inject func(s *soak)
}

// soakFaults are what TestSoak chooses from; none of them may lose a line.
var soakFaults = []soakFault{
	{"graceful restart", func(s *soak) { s.h.Graceful() }},
	{"graceful restarts with a request held", func(s *soak) {
		s.l.hold("soak")
		s.h.Graceful()
		s.l.await(20)
		s.h.Graceful()
		s.h.release("soak")
		s.l.held.Wait()
		require.NoError(s.t, os.Remove(filepath.Join(s.h.Root, "hold", "soak")))
	}},
	{"logger killed", func(s *soak) { s.kill(nil) }},
	{"logger killed at work", func(s *soak) { s.kill(s.l.atWork(s.dir)) }},
	{"logger killed twice", func(s *soak) {
		s.kill(nil)
		s.kill(nil)
	}},
	{"logger stopped for a second", func(s *soak) {
		all := loggers(s.t, s.dir)
		pid := all[len(all)-1]
		require.NoError(s.t, unix.Kill(pid, unix.SIGSTOP))
		time.Sleep(time.Second)
		require.NoError(s.t, unix.Kill(pid, unix.SIGCONT))
	}},
	{"disk full", func(s *soak) {
		s.fill()
		s.l.await(100)
		s.empty()
	}},
	{"graceful restart with the disk full", func(s *soak) {
		s.fill()
		s.l.await(50)
		s.h.Graceful()
		s.l.await(50)
		s.empty()
	}},
	{"directory renamed and back", func(s *soak) {
		require.NoError(s.t, os.Rename(s.dir, s.dir+".away"))
		s.l.await(100)
		require.NoError(s.t, os.Rename(s.dir+".away", s.dir))
	}},
}

func (s *soak) kill(moment func(pid int)) {
	killLogger(s.t, s.dir, moment)
	s.kills++
}

// fill leaves no room on the tmpfs.
func (s *soak) fill() {
	f, err := os.Create(filepath.Join(s.fs, "ballast"))
	require.NoError(s.t, err)
	defer f.Close()
	for zeros := make([]byte, 1<<20); ; {
		if _, err := f.Write(zeros); err != nil {
			require.ErrorIs(s.t, err, unix.ENOSPC)
			return
		}
	}
}

func (s *soak) empty() { require.NoError(s.t, os.Remove(filepath.Join(s.fs, "ballast"))) }

// awaitCalm returns when nothing waits in memory, so that the next fault may be
// a kill: a line of a request that began just now is in the file.
func (s *soak) awaitCalm() {
	now := s.l.sent()
	await(s.t, func() bool {
		for id := range ids(strings.Split(tail(s.dir), "\n")) {
			var n int
			if fmt.Sscanf(id, "l%d", &n); n > now {
				return true
			}
		}
		return false
	}, "lines are not written")
}

// tail returns the end of DIR's newest file.
func tail(dir string) string {
	f, err := os.Open(filepath.Join(dir, "access.log"))
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, 16<<10)
	end, _ := f.Seek(0, io.SeekEnd)
	n, _ := f.ReadAt(buf, max(0, end-int64(len(buf))))
	return string(buf[:n])
}

// TestSoak injects faults at random, for as long as -soak says, and prints what
// came of it:
//
//	go test ./cmd/hushpipe -run TestSoak -soak 10m -timeout 0 -v
//
// Without the flag it is a short round of each fault once.
func TestSoak(t *testing.T) {
	s := &soak{t: t, fs: t.TempDir()}
	size := fmt.Sprintf("size=%dm", 32+8*int(soakFor.Minutes())) // twice what the load fills
	require.NoError(t, unix.Mount("tmpfs", s.fs, "tmpfs", 0, size), "a tmpfs needs root")
	t.Cleanup(func() { require.NoError(t, unix.Unmount(s.fs, unix.MNT_DETACH)) })
	s.dir = filepath.Join(s.fs, "log")
	s.h = startHTTPD(t, loadLog(hushpipeBinary(t), s.dir))
	s.l = startLoad(s.h, 250)
	s.l.await(50)

	began := time.Now()
	injected := make([]int, len(soakFaults))
	longest := make([]time.Duration, len(soakFaults))
	for n := 0; n < len(soakFaults) || time.Since(began) < *soakFor; n++ {
		i := n
		if n >= len(soakFaults) {
			i = rand.N(len(soakFaults))
			time.Sleep(rand.N(500 * time.Millisecond)) // the moment is what is tested
		}
		first := s.l.sent()
		soakFaults[i].inject(s)
		s.awaitCalm()
		injected[i]++
		longest[i] = max(longest[i], s.l.longestSince(first))
	}
	took := time.Since(began).Round(time.Second)
	c := s.l.finish(t, s.dir)

	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 1, ' ', tabwriter.Debug)
	fmt.Fprintln(w, "| fault\t times\t longest wait of a client\t")
	for i, fault := range soakFaults {
		fmt.Fprintf(w, "| %s\t %d\t %s\t\n", fault.name, injected[i], longest[i].Round(time.Millisecond))
	}
	w.Flush()
	t.Logf("%s\n%s%s", took, table.String(), c)
	require.Zero(t, c.Lost)
	c.Duplicated.requireOneBatchEach(t, s.kills)
	c.requireNoStall(t)
}
