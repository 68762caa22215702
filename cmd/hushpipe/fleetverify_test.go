package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/engine/enginetest"
)

// TestFleetVerify: what an engine has is what the journals count, and a set that somebody
// deleted there is found.
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
	assert.Equal(t, "hushpipe: error: "+fleet+": "+day+": the engine has fewer addresses than the journals in 1 room; hint: restart hushpipe fleet ship on the hosts, which send all again\n", said)
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
