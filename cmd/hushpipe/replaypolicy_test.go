package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// replayPolicy has a stream with whole lines, one with fields, figures, and a
// condition.
const replayPolicy = `[[stream]]
name = "whole"
purpose = "x"
keep = "14d"
rooms = ["jitsi"]

[[stream]]
name = "fields"
purpose = "x"
keep = "30d"
where = { query = ["room=room1", "room=room2"] }
fields = { client = "ipcrypt", time = "hour", url = "path", agent = "keep" }

[[stream]]
name = "figures"
purpose = "x"
keep = "none"
unless = { query = "room=room1" }
rooms = ["jitsi"]
`

// keyedStreams returns a DIR of streams with known keys.
func keyedStreams(t *testing.T, names ...string) string {
	dir := t.TempDir()
	for _, name := range names {
		require.NoError(t, os.Rename(keyedDir(t), filepath.Join(dir, name)))
	}
	return dir
}

// TestReplayPolicyIsFilter: replay of archives equals, stream by stream and byte for
// byte, filter on all of them in sequence, on any number of processors.
func TestReplayPolicyIsFilter(t *testing.T) {
	log, names := archived(10_000), []string{"whole", "fields", "figures"}
	half := len(log) / 2
	in := t.TempDir()
	file, packed := filepath.Join(in, "policy.toml"), filepath.Join(in, "packed.gz")
	require.NoError(t, os.WriteFile(file, []byte(replayPolicy), 0o600))
	require.NoError(t, os.WriteFile(packed, gzipped(t, []byte(log[:half])), 0o600))

	// If the disk was slow, a filter made its own keys and logged that.
	var dir, said string
	for tries := 0; tries == 0 || tries < 5 && strings.Contains(said, "the key of "); tries++ {
		dir = keyedStreams(t, names...)
		said = runOn(t, strings.NewReader(log), hushpipeBinary(t), "filter", "--policy", file, dir)
	}
	want := map[string]map[string]string{}
	for _, name := range names {
		want[name] = filesIn(t, filepath.Join(dir, name))
	}
	require.Contains(t, strings.Join(keysOf(want["whole"]), " "), "access-")
	require.Contains(t, strings.Join(keysOf(want["fields"]), " "), "access-")
	require.Contains(t, strings.Join(keysOf(want["figures"]), " "), "rooms-")
	require.NotContains(t, strings.Join(keysOf(want["figures"]), " "), "access-")
	for _, workers := range []int{1, 2, 7} {
		t.Run(fmt.Sprint("workers=", workers), func(t *testing.T) {
			t.Setenv("GOMAXPROCS", fmt.Sprint(workers))
			dir := keyedStreams(t, names...)
			assert.Equal(t, said, runOn(t, strings.NewReader(log[half:]), hushpipeBinary(t), "replay", "--policy", file, dir, packed, "-"))
			for _, name := range names {
				got := filesIn(t, filepath.Join(dir, name))
				for path, text := range want[name] {
					assert.True(t, text == got[path], "%s of %s differs", path, name)
				}
				assert.ElementsMatch(t, keysOf(want[name]), keysOf(got), name)
			}
			record, err := os.ReadFile(filepath.Join(dir, "policies.log"))
			require.NoError(t, err)
			assert.Contains(t, string(record), " whole,fields,figures\n")
		})
	}
}

func keysOf(files map[string]string) (names []string) {
	for name := range files {
		names = append(names, name)
	}
	return names
}

// TestReplayPolicyRefuses: replay reports errors before it writes anything, and all
// mistakes of a policy at once.
func TestReplayPolicyRefuses(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	archive := filepath.Join(in, "archive")
	require.NoError(t, os.WriteFile(archive, []byte(logLine("192.0.2.1", "/a")), 0o600))
	replay := func(policy string, dir string, flags ...string) (int, string) {
		file := filepath.Join(in, "policy.toml")
		require.NoError(t, os.WriteFile(file, []byte(policy), 0o600))
		cmd := exec.Command(hushpipeBinary(t), append(append([]string{"replay", "--policy", file}, flags...), dir, archive)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		cmd.Run()
		return cmd.ProcessState.ExitCode(), stderr.String()
	}
	dir := filepath.Join(t.TempDir(), "log")
	status, said := replay("keeep = 1\n"+replayPolicy+"\n[[stream]]\nname = \"whole\"\n", dir)
	require.Equal(t, 2, status)
	require.Contains(t, said, "policy.toml:1:1: unknown key \"keeep\"\n    keeep = 1\n    ^\n")
	require.Contains(t, said, `two streams have the name "whole"`)
	require.NoDirExists(t, dir)

	for _, flag := range []string{"--format=common", "--ip=drop", "--keep=3d", "--rooms=none", "--room-url=/{room}", "--room-hash=hmac", "--count-v6=64", "--redact=a", "--json-keys=client=c", "--client=X", "--trusted-proxies=10.0.0.0/8"} {
		status, said := replay(replayPolicy, dir, flag)
		require.Equal(t, 2, status, flag)
		require.Contains(t, said, "cannot be given with --policy; hint: set it in the policy", flag)
	}
	require.NoDirExists(t, dir)

	// A day that a stream already has is refused without --append.
	status, said = replay(replayPolicy, dir)
	require.Equal(t, 0, status, said)
	for _, flags := range [][]string{nil, {"--append"}} {
		before := filesIn(t, filepath.Join(dir, "whole"))
		status, said = replay(replayPolicy, dir, flags...)
		if flags == nil {
			require.Equal(t, 1, status)
			require.Contains(t, said, filepath.Join(dir, "whole", "access-"))
			require.Equal(t, before, filesIn(t, filepath.Join(dir, "whole")))
			continue
		}
		require.Equal(t, 0, status, said)
	}
	archive = glob(t, filepath.Join(dir, "whole", "access-*.log"))[0]
	status, said = replay(replayPolicy, dir)
	require.Equal(t, 1, status)
	require.Contains(t, said, "is in DIR itself")
}
