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
	"time"

	"hushpipe/format/civil"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var soakFor = flag.Duration("soak", 0, "how long TestSoak goes on; 0 for a short round")

// soak is an httpd under load.
type soak struct {
	t *testing.T
	h *httpd
	l *load
	d *disk

	streams []*soakStream // with -soak

	restarts, kills, faults int

	expires civil.Day // at midnight
}

// soakFault is something that goes wrong. inject returns when it is over; lines may
// still wait in memory then.
type soakFault struct {
	name   string
	inject func(s *soak)
}

// processFaults are faults of the server and its loggers.
var processFaults = []soakFault{
	{"graceful restart", (*soak).restart},
	{"two graceful restarts while a request is held", func(s *soak) {
		s.l.hold("soak")
		s.restart()
		s.l.await(20)
		s.restart()
		s.h.release("soak")
		s.l.held.Wait()
		require.NoError(s.t, os.Remove(filepath.Join(s.h.Root, "hold", "soak")))
	}},
	{"logger killed", func(s *soak) { s.kill(nil) }},
	{"logger killed at work", func(s *soak) { s.kill(s.l.atWork(s.d.dir)) }},
	{"logger killed twice", func(s *soak) {
		s.kill(nil)
		s.kill(nil)
	}},
	{"logger stopped for a second", func(s *soak) {
		all := loggers(s.t, s.d.dir)
		pid := all[len(all)-1]
		require.NoError(s.t, unix.Kill(pid, unix.SIGSTOP))
		time.Sleep(time.Second) // the fault: a stopped logger
		require.NoError(s.t, unix.Kill(pid, unix.SIGCONT))
		s.faults++
	}},
}

// diskFaults returns the faults of a disk with separate parts. During every second one
// a logger starts and another ends while the disk is broken, except if the new one
// could not find the day's key: it would count under a key of its own, and the day's
// counts would be an upper bound.
func diskFaults() (all []soakFault) {
	for _, f := range faults {
		if f.whole {
			continue
		}
		all = append(all, soakFault{"disk: " + f.name, func(s *soak) {
			// If the directory of a stream is gone, another is made in its place.
			all := []*disk{s.d}
			for _, stream := range s.streams {
				if f.name != "renamed" {
					all = append(all, stream.disk)
				}
			}
			for _, d := range all {
				f.inject(d)
			}
			s.l.await(50)
			if _, err := os.Stat(filepath.Join(s.d.dir, "keys")); err == nil && s.faults%2 == 0 {
				s.restart()
				s.l.await(50)
			}
			for _, d := range all {
				f.repair(d)
			}
			s.faults++
		}})
	}
	return all
}

func (s *soak) restart() {
	s.h.Graceful()
	s.restarts++
}

func (s *soak) kill(moment func(pid int)) {
	killLogger(s.t, s.d.dir, moment)
	for _, stream := range s.streams {
		killLogger(s.t, stream.mount, nil)
	}
	s.kills++
}

// awaitCalm returns when nothing waits in memory, so that the next fault may be a kill.
// Lines are written in their order of arrival, and pairs that wait for the journal when
// there are more of them.
func (s *soak) awaitCalm() {
	for range 2 {
		now := s.l.sent()
		disks := []*disk{s.d}
		for _, stream := range s.streams {
			disks = append(disks, stream.disk)
		}
		for _, d := range disks {
			await(s.t, func() bool {
				for id := range ids(strings.Split(tail(d), "\n")) {
					var n int
					if fmt.Sscanf(id, "l%d", &n); n >= now {
						return true
					}
				}
				return false
			}, "lines are not written to "+d.dir)
		}
		s.l.await(20)
	}
}

// tail returns the end of DIR's newest file.
func tail(d *disk) string {
	f, err := os.Open(d.path("access.log"))
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, 16<<10)
	end, _ := f.Seek(0, io.SeekEnd)
	n, _ := f.ReadAt(buf, max(0, end-int64(len(buf))))
	return string(buf[:n])
}

// TestSoak injects faults at random, for the duration of -soak, and prints the results:
//
//	go test ./cmd/hushpipe -run TestSoak -soak 10m -timeout 0 -v
//
// Without the flag it is each process fault once; TestFaults has the disk's.
func TestSoak(t *testing.T) {
	all, rate := processFaults, 250
	if *soakFor > 0 {
		all = append(all, diskFaults()...)
		rate = min(rate, int(200_000/soakFor.Seconds())) // the disk has room for more
	}
	s := &soak{t: t, d: newDisk(t, fault{})}
	// Midnight comes in the middle, by the loggers' clock. By httpd's it may have come
	// or not: lines are of the day before then.
	left := max(10*time.Second, *soakFor/2)
	n := newNight(t, left)
	t.Setenv("HUSHPIPE_CLOCK", n.shift.String())
	midnight := time.Now().Add(left)
	s.expires = civil.DayOf(n.now()) - 13
	for name, text := range map[string]string{
		"access-" + s.expires.String() + ".log": "x\n", "keys/" + s.expires.String() + ".key": strings.Repeat("k", 32),
		"access-" + (s.expires + 13).String() + ".log": "", // vouches for the clock
	} {
		require.NoError(t, os.WriteFile(s.d.path(name), []byte(text), 0o600))
	}
	directives := []string{loadLog(n.program, s.d.dir, "--traffic")}
	if *soakFor > 0 {
		var more []string
		s.streams, more = newSoakStreams(t, n)
		directives = append(directives, more...)
	}
	s.h = startHTTPD(t, directives...)
	s.l = startLoad(s.h, rate)
	s.l.await(50)

	began := time.Now()
	times, longest := make([]int, len(all)), make([]time.Duration, len(all))
	for n := 0; n < len(all) || time.Since(began) < *soakFor; n++ {
		i := n
		if n >= len(all) {
			i = rand.N(len(all))
			time.Sleep(rand.N(300 * time.Millisecond)) // the moment is what is tested
		}
		first := s.l.sent()
		all[i].inject(s)
		s.awaitCalm()
		if time.Since(midnight) > deletionTime {
			require.Empty(t, ofDay(t, s.d.path(""), s.expires), "expired %s ago, %s", time.Since(midnight), all[i].name)
		}
		for _, stream := range s.streams {
			stream.look(time.Since(midnight), s.l.sent())
		}
		times[i]++
		longest[i] = max(longest[i], s.l.longestSince(first))
	}
	took := time.Since(began)
	if time.Since(midnight) < 0 {
		require.NotEmpty(t, ofDay(t, s.d.path(""), s.expires), "it has not expired yet")
	}
	time.Sleep(time.Until(midnight)) // httpd has no clock but the machine's
	await(t, func() bool { return len(ofDay(t, s.d.path(""), s.expires)) == 0 }, "what has expired is there")
	upTo := s.l.sent()
	if len(s.streams) > 0 {
		s.awaitCalm()
	}
	c := s.l.finish(t, s.d.dir)
	for _, stream := range s.streams {
		stream.finish(s.l, upTo)
	}

	var table strings.Builder
	for i, f := range all {
		fmt.Fprintf(&table, "| %s | %d | %d ms |\n", f.name, times[i], longest[i].Milliseconds())
	}
	t.Logf("%s\n| fault | times | longest wait of a client |\n| --- | --- | --- |\n%s"+
		"%d graceful restarts, %d kills, %d other faults: %s",
		took.Round(time.Second), table.String(), s.restarts, s.kills, s.faults, c)
	require.Zero(t, c.Lost)
	c.Duplicated.requireOneBatchEach(t, s.kills)
	c.requireNoStall(t)
	require.DirExists(t, filepath.Join(s.d.dir, "traffic"))
}
