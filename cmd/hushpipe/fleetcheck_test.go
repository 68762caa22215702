package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/engine"
	"hushpipe/filter/engine/enginetest"
	"hushpipe/filter/pairs"
)

// TestFleetCheck: --check, with the rights that the manual grants, finds what keeps a
// host or a collector from taking part, and changes nothing in DIR.
func TestFleetCheck(t *testing.T) {
	for _, command := range []string{"ship", "collect"} {
		t.Run(command, func(t *testing.T) { testFleetCheck(t, command) })
	}
}

func testFleetCheck(t *testing.T, command string) {
	program, path := hushpipeBinary(t), t.TempDir()
	rights := hostRights(t)
	server := enginetest.Start(t, append([]string{"--user"}, rights...)...)
	fleet, dir, password := filepath.Join(path, "meet"), filepath.Join(path, "web1"), filepath.Join(path, "password")
	require.NoError(t, os.Mkdir(dir, 0o750))
	seed, err := exec.Command(program, "fleet", "new", fleet).Output()
	require.NoError(t, err)
	put := func(name, text string) { require.NoError(t, os.WriteFile(name, []byte(text), 0o600)) }
	put(fleet, "name meet\nengine unix://"+server.Socket+"\nuser meet\npassword "+password+"\n")
	put(password, "PASSWORD\n")
	check := func() string {
		said, err := exec.Command(program, "fleet", command, "--check", fleet, dir).CombinedOutput()
		assert.Equal(t, strings.Contains(string(said), ": error: "), err != nil, "%s", said)
		return string(said)
	}
	assert.Contains(t, check(), "hushpipe: error: open "+dir+"/fleet-seed: is missing, and this host is not in a fleet")
	put(filepath.Join(dir, "fleet-seed"), string(seed))
	assert.Empty(t, check())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing but the seed")

	if command == "collect" {
		journal := filepath.Join(dir, "journal")
		require.NoError(t, os.Mkdir(journal, 0o700))
		put(filepath.Join(journal, "2026-11-22.0123456789abcdef.journal"), "")
		assert.Contains(t, check(), "hushpipe: error: "+dir+": a filter writes there; hint: give the counts a directory of their own\n")
		require.NoError(t, os.RemoveAll(journal))
	}
	server.Do("CONFIG", "SET", "appendonly", "yes")
	assert.Contains(t, check(), "hushpipe: warning: the engine writes to its disk, where data outlives the day's key: ")
	server.Do("CONFIG", "SET", "appendonly", "no", "maxmemory-policy", "allkeys-lru")
	assert.Contains(t, check(), "maxmemory-policy")
	server.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	server.Do("ACL", "SETUSER", "meet", "-scard")
	assert.Contains(t, check(), "hint: see the rights in hushpipe-fleet(1)")
	put(password, "another\n")
	assert.Contains(t, check(), "hushpipe: error: the engine: WRONGPASS")
	server.Kill()
	assert.Contains(t, check(), "hushpipe: error: the engine: dial unix")
}

// TestFleetRights: hosts need each right that the manual grants, and --check names a
// missing one.
func TestFleetRights(t *testing.T) {
	rights := hostRights(t)
	server := enginetest.Start(t, append([]string{"--user"}, rights...)...)
	try := func() error {
		e, err := engine.Open(engine.Config{Addresses: []string{server.Socket}, User: "meet", Password: "PASSWORD"})
		require.NoError(t, err)
		defer e.Close()
		_, err = pairs.Try(e, "meet", now())
		return err
	}
	require.NoError(t, try())
	tested := 0
	for _, right := range rights {
		name, ok := strings.CutPrefix(right, "+")
		if !ok {
			continue
		}
		tested++
		server.Do("ACL", "SETUSER", "meet", "-"+name)
		if err := try(); name == "cluster|slots" { // one server is no cluster
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, "'"+name+"'")
			assert.ErrorContains(t, err, "; hint: see the rights in hushpipe-fleet(1)", name)
		}
		server.Do("ACL", "SETUSER", "meet", right)
	}
	assert.Equal(t, 13, tested)
	require.NoError(t, try())
	server.Do("ACL", "SETUSER", "meet", "resetkeys", "~hp:{other:*")
	assert.ErrorContains(t, try(), "; hint: see the rights in hushpipe-fleet(1)")
}
