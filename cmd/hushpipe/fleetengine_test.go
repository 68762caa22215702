package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/engine/enginetest"
	"hushpipe/format/roomfile"
)

// TestPause: an engine that hung is asked again soon after.
func TestPause(t *testing.T) {
	assert.Equal(t, time.Second, pause(time.Millisecond, nil))
	assert.Equal(t, 20*time.Second, pause(time.Second, nil))
	assert.Equal(t, time.Second, pause(time.Millisecond, os.ErrDeadlineExceeded))
	assert.Equal(t, 10*time.Second, pause(5*time.Minute, os.ErrDeadlineExceeded))
}

// TestPortsOf: the ports or the socket that a process may connect to. The path of a
// socket may contain a colon.
func TestPortsOf(t *testing.T) {
	ports, socket := portsOf([]string{"v1:6379", "[2001:db8::1]:6380"})
	assert.Equal(t, []uint16{6379, 6380}, ports)
	assert.Empty(t, socket)
	ports, socket = portsOf([]string{"/run/redis:6379"})
	assert.Empty(t, ports)
	assert.Equal(t, "/run/redis:6379", socket)
}

// hostRights are the rights of hosts and collectors in the manual, with their name and
// password.
func hostRights(t *testing.T) []string {
	t.Helper()
	rights := regexp.MustCompile(`\n *user (meet on >PASSWORD [-+@~:{*|a-z\s]*)`).FindStringSubmatch(manualText("fleet", "1"))
	require.NotNil(t, rights)
	return strings.Fields(rights[1])
}

// TestFleetEngine: the engine's counts of three hosts equal an independent count after
// the engine was killed, lost everything and came back with another password. The hosts
// have exactly the rights that the manual grants.
func TestFleetEngine(t *testing.T) {
	notAtMidnight()
	engine := enginetest.Start(t, append([]string{"--user"}, hostRights(t)...)...)
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("PASSWORD\n"), 0o600))
	h := fleetHosts(t, "engine unix://"+engine.Socket+"\nuser meet\npassword "+password+"\n", "web1", "web2", "web3")
	collected := h.collect()
	h.logMany(1000)
	collected()
	written := filepath.Join(h.path, "meet.prom")
	awaitFor(t, time.Minute, func() bool { _, err := os.Stat(written); return err == nil }, "the metrics")
	assert.Contains(t, readMetrics(t, written), "fleet_collected_timestamp_seconds")
	engine.Kill()
	h.logMany(1000)
	require.NoError(t, os.WriteFile(password+".new", []byte("RENEWED\n"), 0o600))
	require.NoError(t, os.Rename(password+".new", password))
	engine.Run()
	engine.Do("ACL", "SETUSER", "meet", "<PASSWORD", ">RENEWED")
	collected()
	out := filepath.Join(h.path, "all")
	h.merge(out, h.dirs()...)
	require.Equal(t, h.counted(), h.read(out))
}

// collect starts a collector, and returns a function that waits until its counts equal
// an independent count.
func (h *hosts) collect() (collected func()) {
	h.t.Helper()
	h.joinCounter()
	return func() {
		h.t.Helper()
		want := h.counted()
		name := filepath.Join(h.counts(), "rooms", "rooms-"+time.Now().Format(time.DateOnly)+".log")
		awaitFor(h.t, 5*time.Minute, func() bool { // a host that has nothing new asks each minute
			text, err := os.ReadFile(name)
			entries, wrong := roomfile.Parse(text)
			return err == nil && wrong == nil && slices.Equal(want, entries)
		}, "the counts")
	}
}

// counts returns the DIR of the collector.
func (h *hosts) counts() string { return filepath.Join(h.path, "counts") }

// joinCounter makes a collector a member of the fleet and starts it.
func (h *hosts) joinCounter() {
	h.t.Helper()
	require.NoError(h.t, os.Mkdir(h.counts(), 0o750))
	seed, err := exec.Command(h.program, "fleet", "invite", filepath.Join(h.path, "meet"), h.dir(0)).Output()
	require.NoError(h.t, err)
	require.NoError(h.t, os.WriteFile(filepath.Join(h.counts(), "fleet-seed"), seed, 0o600))
	h.count()
}

// count starts the collector.
func (h *hosts) count() {
	h.counter = startService(h.t, h.program, "fleet", "collect", "--metrics", filepath.Join(h.path, "meet.prom"), filepath.Join(h.path, "meet"), h.counts())
}

// TestFleetKills: services of hosts are killed while they send, and an engine is
// stopped while filters write and end. The filters do not wait for it, and the counts
// are exact.
func TestFleetKills(t *testing.T) {
	notAtMidnight()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	engine := enginetest.Start(t)
	h := fleetHosts(t, "engine unix://"+engine.Socket+"\n", "web1", "web2")
	collected := h.collect()
	for range 4 {
		h.logMany(1000)
		time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond) // they send each second
		i := random.IntN(len(h.ships))
		require.NoError(t, h.ships[i].Process.Kill())
		h.ships[i].Wait()
		h.logMany(1000)
		h.ship(i)
	}
	collected()
	engine.Signal(syscall.SIGSTOP)
	for i := range h.names {
		h.logMany(1000)
		require.NoError(t, h.stop(i))
		h.start(i)
	}
	engine.Signal(syscall.SIGCONT)
	collected()
}
