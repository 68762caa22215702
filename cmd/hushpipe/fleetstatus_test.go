package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/engine/enginetest"
	"hushpipe/filter/pairs"
)

// TestFleetStatusText: the text of fleet status.
func TestFleetStatusText(t *testing.T) {
	seconds := func(n int64) *int64 { return &n }
	seen := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := pairs.Status{Fleet: "meet", Time: seen.Add(4 * time.Second),
		Hosts: []pairs.HostStatus{
			{Name: "web1", Seen: seen, Lag: seconds(4), Oldest: "2026-11-08", Resends: 2, Confined: "confined by landlock (ABI 7), seccomp, capabilities"},
			{Name: "web10", Seen: seen.Add(-2 * time.Hour), Lag: seconds(7204), Oldest: "2026-11-08", Confined: "confined by landlock (ABI 7), seccomp, capabilities"},
			{Name: "web2"},
		},
		Days: []pairs.DayStatus{
			{Day: "2026-11-21", Records: 2, Closed: []string{"web1", "web10"}, Missing: []string{"web2"}, Rooms: 120, Pairs: 5120},
			{Day: "2026-11-22", Records: 2, Open: []string{"web1", "web10"}, Missing: []string{"web2"}, Rooms: 80, Pairs: 1043},
		},
		Behind: []pairs.Behind{
			{Of: "web10", What: "nothing has come since 2026-11-22 10:00:00", Do: "is the host up, and does hushpipe fleet ship run there?"},
			{Of: "web2", What: "nothing has come", Do: "is hushpipe fleet ship running there?"},
		}}
	assert.Equal(t, `meet: 3 hosts

HOST   LAST HEARD  OLDEST KEY  SENT AGAIN
web1   4 s ago     2026-11-08           2
web10  2 h ago     2026-11-08           0
web2   never

  confined by landlock (ABI 7), seccomp, capabilities

DAY         CLOSED  OPEN  MISSING  ROOMS  PAIRS
2026-11-21       2     0        1    120  5,120
2026-11-22       0     2        1     80  1,043

behind:
  web10: nothing has come since 2026-11-22 10:00:00:
    is the host up, and does hushpipe fleet ship run there?
  web2: nothing has come: is hushpipe fleet ship running there?
`, string(appendFleetStatus(nil, s)))
	sealed := pairs.Status{Fleet: "meet", Days: []pairs.DayStatus{{Day: "2026-11-22", Records: 2}}}
	assert.Equal(t, `meet: its hosts are named where a DIR with the keys is given

DAY         HOSTS
2026-11-22      2

nothing is behind
`, string(appendFleetStatus(nil, sealed)))
}

// TestFleetStatus: hosts whose services run have reported; an expected host that has
// not is behind.
func TestFleetStatus(t *testing.T) {
	notAtMidnight()
	engine := enginetest.Start(t)
	h := fleetHosts(t, "engine unix://"+engine.Socket+"\nhost web1\nhost web2\n", "web1", "web2")
	fleet := filepath.Join(h.path, "meet")
	var s pairs.Status
	status := func(args ...string) (out []byte, err error) {
		return exec.Command(h.program, append([]string{"fleet", "status"}, args...)...).Output()
	}
	awaitFor(t, 5*time.Minute, func() bool { // both lags are known by then
		out, _ := status("--json", fleet, h.dir(0))
		return json.Unmarshal(out, &s) == nil && len(s.Hosts) == 2 && s.Hosts[0].Lag != nil && s.Hosts[1].Lag != nil
	}, "the hosts")
	assert.Equal(t, "web1", s.Hosts[0].Name)
	assert.Contains(t, s.Hosts[0].Confined, "confined")
	assert.Equal(t, []string{"web1", "web2"}, s.Days[0].Open)
	out, err := status(fleet)
	require.NoError(t, err)
	assert.Contains(t, string(out), time.Now().Format(time.DateOnly)+"      2\n")

	file, err := os.OpenFile(fleet, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString("host web3\n")
	require.NoError(t, err)
	out, err = status(fleet, h.dir(0))
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, string(exit.Stderr), "hushpipe: error: "+fleet+": behind in ")
	assert.Contains(t, string(out), "web3: nothing has come: is hushpipe fleet ship running there?")
}
