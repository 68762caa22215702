package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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

// TestPortsOf: what of a network a process is left. The path of a socket may have a colon.
func TestPortsOf(t *testing.T) {
	ports, socket := portsOf([]string{"v1:6379", "[2001:db8::1]:6380"})
	assert.Equal(t, []uint16{6379, 6380}, ports)
	assert.Empty(t, socket)
	ports, socket = portsOf([]string{"/run/redis:6379"})
	assert.Empty(t, ports)
	assert.Equal(t, "/run/redis:6379", socket)
}

// TestFleetEngine: what the engine counts of three hosts with their filters is an independent
// count, after it was killed and had lost all. The hosts have the rights that the manual
// gives them, and no others.
func TestFleetEngine(t *testing.T) {
	notAtMidnight()
	rights := regexp.MustCompile(`\n *user (meet on >PASSWORD [-+@~:{*|a-z\s]*)`).FindStringSubmatch(manualText("fleet", "1"))
	require.NotNil(t, rights)
	engine := enginetest.Start(t, append([]string{"--user", "default", "off", "--user"}, strings.Fields(rights[1])...)...)
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("PASSWORD\n"), 0o600))
	h := fleetHosts(t, "engine unix://"+engine.Socket+"\nuser meet\npassword "+password+"\n", "web1", "web2", "web3")
	fleet, counts := filepath.Join(h.path, "meet"), filepath.Join(h.path, "counts")
	require.NoError(t, os.Mkdir(counts, 0o750))
	seed, err := exec.Command(h.program, "fleet", "invite", fleet, h.dir(0)).Output()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(counts, "fleet-seed"), seed, 0o600))
	startService(t, h.program, "fleet", "collect", fleet, counts)
	collected := func() {
		t.Helper()
		want := h.counted()
		name := filepath.Join(counts, "rooms", "rooms-"+time.Now().Format(time.DateOnly)+".log")
		awaitFor(t, 5*time.Minute, func() bool { // a host that has nothing new asks each minute
			text, err := os.ReadFile(name)
			entries, wrong := roomfile.Parse(text)
			return err == nil && wrong == nil && slices.Equal(want, entries)
		}, "the counts")
	}
	h.logMany(1000)
	collected()
	engine.Kill()
	h.logMany(1000)
	engine.Run()
	collected()
	out := filepath.Join(h.path, "all")
	h.merge(out, h.dirs()...)
	require.Equal(t, h.counted(), h.read(out))
}
