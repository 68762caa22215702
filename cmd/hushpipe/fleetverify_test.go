package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/engine/enginetest"
	"hushpipe/filter/pairs"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// TestFleetVerify: the engine has what the journals count, and a set that somebody
// deleted there is reported.
func TestFleetVerify(t *testing.T) {
	notAtMidnight()
	engine := enginetest.Start(t)
	h := fleetHosts(t, "engine unix://"+engine.Socket+"\n", "web1", "web2")
	fleet, out := filepath.Join(h.path, "meet"), filepath.Join(h.path, "all")
	verify := func(args ...string) (said string, err error) {
		text, err := exec.Command(h.program, append([]string{"fleet", "merge", "--verify", fleet}, args...)...).CombinedOutput()
		return string(text), err
	}
	h.logMany(1000)
	for i := range h.names { // all is in the journals
		require.NoError(t, h.stop(i))
	}
	dirs := append([]string{out}, h.dirs()...)
	said := ""
	awaitFor(t, 5*time.Minute, func() (ok bool) { // hosts send by then
		var err error
		said, err = verify(dirs...)
		return err == nil && said == ""
	}, "the pairs")
	require.Equal(t, h.counted(), h.read(out))

	require.Equal(t, "1", engine.Do("EVAL", `for _, key in ipairs(redis.call("KEYS", "hp:{meet:*")) do
		if redis.call("TYPE", key).ok == "set" and tonumber(redis.call("SRANDMEMBER", key)) then
			return redis.call("DEL", key)
		end
	end`, "0"))
	said, err := verify(dirs...)
	assert.Error(t, err)
	day := time.Now().Format(time.DateOnly)
	assert.Equal(t, "hushpipe: error: "+fleet+": "+day+": the engine has fewer addresses than the journals in 1 room; hint: restart hushpipe fleet ship on the hosts, which sends all data again\n", said)
	require.Equal(t, h.counted(), h.read(out), "the journals are the truth")

	// Copies have no keys.
	copied := filepath.Join(h.path, "copies", "web1")
	require.NoError(t, exec.Command("mkdir", "-p", copied).Run())
	require.NoError(t, exec.Command("cp", "-r", filepath.Join(h.dir(0), "journal"), copied).Run())
	said, err = verify(filepath.Join(h.path, "other"), copied)
	assert.Error(t, err)
	assert.Equal(t, "hushpipe: error: --verify: no DIR has keys; hint: give --keys, such as the keys of hushpipe fleet collect\n", said)
	for i := range h.names { // for the cleanup
		h.start(i)
	}
}

// TestFleetVerifyJudges: the command waits once for pairs that are on their way. Days
// before the fleet had an engine, and days before a host joined, are no error.
func TestFleetVerifyJudges(t *testing.T) {
	const day = civil.Day(20_000)
	fewer := pairs.Difference{Has: true, Fewer: 2}
	all := pairs.Difference{Has: true}
	newcomer := pairs.Difference{Has: true, Fewer: 2, Later: []pairs.Late{{Host: "web2", Since: day + 1}, {Host: "web3", Since: day + 2}}}
	const restart = ": the engine has fewer addresses than the journals in 2 rooms; hint: restart hushpipe fleet ship on the hosts, which sends all data again\n"
	for _, tt := range []struct {
		name   string
		days   []pairs.Difference // of each day
		waited []pairs.Difference // what is there after the wait, nil: the same
		said   string
	}{
		{"all there", []pairs.Difference{all, all}, nil, ""},
		{"no engine before", []pairs.Difference{{}, all}, nil, ""},
		{"never an engine", []pairs.Difference{{}, {}}, nil, "hushpipe: error: meet: the engine has nothing of these days; hint: does hushpipe fleet ship run on the hosts?\n"},
		{"on their way", []pairs.Difference{all, fewer}, []pairs.Difference{all, all}, ""},
		{"a new day on its way", []pairs.Difference{all, {}}, []pairs.Difference{all, all}, ""},
		{"a day lost", []pairs.Difference{all, {}}, nil, "hushpipe: error: meet: 2024-10-05: the engine has nothing; hint: does hushpipe fleet ship run on the hosts?\n"},
		{"a set lost", []pairs.Difference{fewer, all}, nil, "hushpipe: error: meet: 2024-10-04" + restart},
		{"a newcomer", []pairs.Difference{newcomer, all}, nil,
			"hushpipe: note: meet: 2024-10-04: the engine has fewer addresses than the journals in 2 rooms; they may be of web2 (sends since 2024-10-05) and web3 (sends since 2024-10-06)\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := &verification{path: "meet"}
			for i := range tt.days {
				v.counted(day+civil.Day(i), nil, true)
			}
			have, waits := tt.days, 0
			var said lockedBuffer
			log := newMessageLog(&said)
			err := v.compareDays(func(of civil.Day, _ []roomfile.Entry) (pairs.Difference, error) { return have[of-day], nil },
				func() {
					waits++
					if tt.waited != nil {
						have = tt.waited
					}
				}, log)
			log.close()
			assert.Equal(t, tt.said, said.String())
			assert.Equal(t, strings.Contains(tt.said, ": error: "), err != nil)
			assert.LessOrEqual(t, waits, 1)
		})
	}
}
