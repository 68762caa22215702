package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/engine/enginetest"
	"hushpipe/filter/pairs"
)

// fleetSoak is a fleet of web servers under load.
type fleetSoak struct {
	*hosts
	engine *enginetest.Server
	loads  []*load // one of each host
	kills  []int   // of loggers
	random *rand.Rand
}

// fleetFault is something that goes wrong in a fleet.
type fleetFault struct {
	name   string
	inject func(s *fleetSoak)
}

// fleetFaults are the faults of hosts, the collector and the engine. inject returns
// when the fault is over; what it lost may not be there again yet.
var fleetFaults = []fleetFault{
	{"web server: graceful restart", func(s *fleetSoak) { s.loads[s.any()].h.Graceful() }},
	{"logger: kill -9", func(s *fleetSoak) { s.killLogger(s.any(), nil) }},
	{"logger: kill -9 at work", func(s *fleetSoak) {
		i := s.any()
		s.killLogger(i, s.loads[i].atWork(s.dir(i)))
	}},
	{"ship: kill -9", func(s *fleetSoak) {
		i := s.any()
		s.end(s.ships[i])
		s.flow()
		s.shipAgain(i)
	}},
	{"ship: all killed at once", func(s *fleetSoak) {
		for i := range s.ships {
			s.end(s.ships[i])
		}
		s.flow()
		for i := range s.ships {
			s.shipAgain(i)
		}
	}},
	{"ship: stopped", func(s *fleetSoak) {
		cmd := s.ships[s.any()]
		require.NoError(s.t, cmd.Process.Signal(syscall.SIGSTOP))
		s.flow()
		require.NoError(s.t, cmd.Process.Signal(syscall.SIGCONT))
	}},
	{"collect: kill -9", func(s *fleetSoak) {
		s.end(s.counter)
		s.flow()
		s.count()
	}},
	{"engine: kill -9", func(s *fleetSoak) { s.engine.Kill(); s.engine.Run() }},
	{"engine: away for a while", func(s *fleetSoak) { s.engine.Kill(); s.flow(); s.engine.Run() }},
	{"engine: kill -9 after a dump", func(s *fleetSoak) { s.dump(func() {}) }},
	{"engine: back to an older dump", func(s *fleetSoak) { s.dump(s.flow) }},
	{"engine: FLUSHALL", func(s *fleetSoak) { s.engine.Do("FLUSHALL") }},
	{"engine: stopped", func(s *fleetSoak) {
		s.engine.Signal(syscall.SIGSTOP)
		s.flow()
		s.engine.Signal(syscall.SIGCONT)
	}},
	{"engine: stopped, and a ship killed that waits for it", func(s *fleetSoak) {
		i := s.any()
		s.engine.Signal(syscall.SIGSTOP)
		s.flow()
		s.end(s.ships[i])
		s.engine.Signal(syscall.SIGCONT) // it does what was asked of it
		s.engine.Do("PING")
		s.shipAgain(i)
	}},
	{"engine: connections cut", func(s *fleetSoak) { s.engine.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") }},
	{"engine: out of memory", func(s *fleetSoak) { s.withEngine("maxmemory", "1", "0") }},
	{"engine: would evict", func(s *fleetSoak) { s.withEngine("maxmemory-policy", "allkeys-lru", "noeviction") }},
}

// longFault is a fault for longer soaks.
var longFault = fleetFault{"engine: stopped for longer than anybody waits for it", func(s *fleetSoak) {
	s.engine.Signal(syscall.SIGSTOP)
	time.Sleep(25 * time.Second) // the fault
	s.engine.Signal(syscall.SIGCONT)
}}

// any returns a random host.
func (s *fleetSoak) any() int { return s.random.IntN(len(s.names)) }

// flow sends lines with new rooms to all hosts for a while.
func (s *fleetSoak) flow() {
	s.t.Helper()
	for _, l := range s.loads {
		l.await(50)
	}
}

// end sends SIGKILL.
func (s *fleetSoak) end(cmd *exec.Cmd) {
	s.t.Helper()
	require.NoError(s.t, cmd.Process.Kill())
	cmd.Wait()
}

func (s *fleetSoak) killLogger(i int, moment func(pid int)) {
	s.t.Helper()
	killLogger(s.t, s.dir(i), moment)
	s.kills[i]++
}

// shipAgain starts the service of a host, and returns when it has sent everything. Otherwise
// an engine rolled back now would have what the previous process sent, as if from a copy of
// this machine.
func (s *fleetSoak) shipAgain(i int) {
	s.t.Helper()
	began := time.Now()
	s.ship(i)
	awaitFor(s.t, 5*time.Minute, func() bool {
		out, _ := exec.Command(s.program, "fleet", "status", "--json", filepath.Join(s.path, "meet"), s.dir(0)).Output()
		var is pairs.Status
		if json.Unmarshal(out, &is) != nil {
			return false
		}
		for _, h := range is.Hosts {
			if h.Name == s.names[i] && h.Seen.After(began) {
				return true
			}
		}
		return false
	}, s.names[i]+" is not heard of")
}

// dump makes the engine go back to a dump of now, which it loads after meanwhile.
func (s *fleetSoak) dump(meanwhile func()) {
	s.t.Helper()
	s.engine.Do("SAVE")
	meanwhile()
	s.engine.Kill()
	s.engine.Run()
	require.NoError(s.t, os.Remove(filepath.Join(s.engine.Path, "dump.rdb"))) // the next kill loses all
}

// withEngine sets a setting of the engine to a bad value for a while.
func (s *fleetSoak) withEngine(setting, bad, good string) {
	s.t.Helper()
	s.engine.Do("CONFIG", "SET", setting, bad)
	s.flow()
	s.engine.Do("CONFIG", "SET", setting, good)
}

// TestFleetSoak: three web servers, their fleet, its collector and its engine, to which they
// speak by TLS and with the rights of the manual. Whatever befalls them, in the end the room
// files are an independent count of the lines that the servers wrote themselves.
//
//	go test ./cmd/hushpipe -run TestFleetSoak -soak 10m -timeout 0 -v
//
// Without the flag it is each fault once.
func TestFleetSoak(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := &fleetSoak{random: rand.New(rand.NewPCG(seed, 0))}
	host, port := enginetest.Address(t)
	cert, key := enginetest.Certificate(t, host)
	s.engine = enginetest.Start(t, append(append(enginetest.TLS(host, port, cert, key), "--user"), hostRights(t)...)...)
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("PASSWORD\n"), 0o600))
	s.hosts = newFleet(t, fmt.Sprintf("engine rediss://%s\nca %s\ncert %s\nkey %s\nuser meet\npassword %s\n", net.JoinHostPort(host, port), cert, cert, key, password),
		"web1", "web2", "web3")
	s.joinCounter()
	faults, rate := fleetFaults, 250
	if *soakFor > 0 {
		faults = append(slices.Clip(faults), longFault)
		rate = min(rate, int(100_000/soakFor.Seconds()))
	}
	for i := range s.names {
		// With %t, threads of a new child share a text that one of them is still writing
		// (mod_log_config.c, log_request_time): of one line in a hundred thousand, the two logs
		// would not have the same.
		h := startHTTPD(t, strings.Replace(loadLog(s.program, s.dir(i)), "%t", "%{[%d/%b/%Y:%H:%M:%S %z]}t", 1),
			`CustomLog raw.log combined "expr=%{REQUEST_URI} != '/control'"`)
		// Some clients of each room visit one host, others several.
		s.loads = append(s.loads, startLoadOf(h, rate, 1+i*loadClients/2, 5))
	}
	s.kills = make([]int, len(s.names))
	s.flow()

	began := time.Now()
	times := make([]int, len(faults))
	for n := 0; n < len(faults) || time.Since(began) < *soakFor; {
		for _, i := range s.random.Perm(len(faults)) {
			faults[i].inject(s)
			s.flow()
			times[i]++
			n++
		}
	}
	took := time.Since(began)
	for range 20 { // with rooms of all parts, so that each host finds at once what the engine has lost of them
		s.flow()
	}

	var raw []string
	for i, l := range s.loads {
		c := l.finish(t, s.dir(i))
		t.Logf("%s: %d kills: %s", s.names[i], s.kills[i], c)
		require.Zero(t, c.Lost)
		c.Duplicated.requireOneBatchEach(t, s.kills[i])
		raw = append(raw, lines(t, filepath.Join(l.h.Root, "raw.log"))...)
	}
	began = time.Now()
	want := roomFiles(t, raw)
	awaitFor(t, 10*time.Minute, func() bool { // a host that has nothing new asks each minute
		for day, rooms := range want {
			if copyOf(t, filepath.Join(s.counts(), "rooms", "rooms-"+day+".log")) != rooms {
				return false
			}
		}
		return true
	}, "the counts are not those of the lines")
	settled := time.Since(began)
	out := filepath.Join(s.path, "all")
	said, err := exec.Command(s.program, append([]string{"fleet", "merge", "--verify", filepath.Join(s.path, "meet"), out}, s.dirs()...)...).CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Empty(t, string(said))
	assertRooms(t, raw, out)
	assertNoAddressBelow(t, s.counts(), clients(t, raw))

	var table strings.Builder
	for i, f := range faults {
		fmt.Fprintf(&table, "| %s | %d |\n", f.name, times[i])
	}
	rooms := 0
	for _, text := range want {
		rooms += strings.Count(text, "\n")
	}
	t.Logf("%s\n| fault | times |\n| --- | --- |\n%s%d lines of %d hosts, %d rooms: the counts are those of the lines %s after the last one",
		took.Round(time.Second), table.String(), len(raw), len(s.names), rooms, settled.Round(time.Second))
}
