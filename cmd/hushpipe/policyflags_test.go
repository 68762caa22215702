package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// livePolicy has a stream with lines and one with figures only.
const livePolicy = `[[stream]]
name = "web"
purpose = "x"
keep = "14d"
fields = { client = "ipcrypt", time = "keep", url = "keep" }

[[stream]]
name = "meet"
purpose = "x"
keep = "none"
rooms = "jitsi"
`

func livePolicyFile(t *testing.T) string {
	return policyFile(t, livePolicy)
}

// policyFile writes a policy, and returns its path.
func policyFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	return file
}

// trafficPolicyFile is policyFile for a policy of lines, and of traffic figures with options.
func trafficPolicyFile(t *testing.T, options string) string {
	t.Helper()
	return policyFile(t, `[[stream]]
name    = "lines"
purpose = "faults"
fields  = { client = "mask", time = "keep", url = "path" }
keep    = "8d"

[[stream]]
name    = "figures"
purpose = "statistics"
traffic = true
keep    = "none"
`+options)
}

// TestPolicyUser: DIR, the directories of all streams and their keys become the user's,
// including those that root made earlier, and the recorded policy runs if its file is
// wrong.
func TestPolicyUser(t *testing.T) {
	need.Root(t)
	for _, apart := range []bool{false, true} {
		dir, file := openTo(t), livePolicyFile(t)
		args := []string{"filter", "--policy", file}
		keys := filepath.Join(filepath.Dir(dir), "keys")
		if apart {
			args = append(args, "--keys", keys)
		}
		log := func(n int) io.Reader {
			return strings.NewReader(logLine("192.0.2.1", fmt.Sprintf("/http-bind?room=a&id=l%d", n)))
		}
		require.Empty(t, runOn(t, log(0), hushpipeBinary(t), append(args, dir)...))
		args = append(args, "--user", nobody, dir)
		require.NotContains(t, runOn(t, nil, hushpipeBinary(t), append(args, "--check")...), "error")
		require.Empty(t, runOn(t, log(1), hushpipeBinary(t), args...))
		requireOwner(t, nobody, dir)
		if apart {
			requireOwner(t, nobody, keys)
		}
		require.NoError(t, os.WriteFile(file, []byte("keeep = 1"), 0o644))
		l := startLogger(t, args[1:]...)
		io.Copy(l.stdin, log(2))
		require.Equal(t, 1, l.end())
		require.Contains(t, l.said.String(), "running on the policy that")
		text := written(filepath.Join(dir, "web"))
		require.Equal(t, 3, strings.Count(text, "\n"), text)
		requireOwner(t, nobody, dir)
	}
}

// TestPolicyInput: lines of a FIFO go to all streams, SIGTERM ends it without a loss,
// and the lines of a file in its place are read.
func TestPolicyInput(t *testing.T) {
	dir, path, file := filepath.Join(t.TempDir(), "log"), fifoPath(t), livePolicyFile(t)
	require.NoError(t, os.WriteFile(path, []byte(logLine("192.0.2.1", "/?id=l0")), 0o600))
	l := startLogger(t, "--policy", file, "--input", path, dir)
	var w *os.File
	await(t, func() (ok bool) {
		st, err := os.Lstat(path)
		if err != nil || st.Mode().Type() != os.ModeNamedPipe {
			return false
		}
		w, err = os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0) // not before somebody reads
		return err == nil
	}, "a reader of the FIFO")
	for n := range 500 {
		io.WriteString(w, logLine("192.0.2.1", fmt.Sprintf("/?id=l%d", n+1)))
	}
	require.NoError(t, w.Close())
	await(t, func() bool {
		left, _ := filepath.Glob(path + ".raw-*")
		return len(left) == 0
	}, "the file in the FIFO's place is deleted")
	require.NoError(t, l.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, l.wait())
	require.Len(t, ids(lines(t, filepath.Join(dir, "web", "access.log"))), 501)
	require.Contains(t, l.said.String(), "it was overwritten and deleted")
}

// TestPolicyOwnOutput: a stream's own file cannot be the input.
func TestPolicyOwnOutput(t *testing.T) {
	dir, file := filepath.Join(t.TempDir(), "log"), livePolicyFile(t)
	runOn(t, strings.NewReader(logLine("192.0.2.1", "/")), hushpipeBinary(t), "filter", "--policy", file, dir)
	f, err := os.Open(filepath.Join(dir, "web", "access.log"))
	require.NoError(t, err)
	defer f.Close()
	cmd := exec.Command(hushpipeBinary(t), "filter", "--policy", file, dir)
	cmd.Stdin = f
	said, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "is in DIR itself")
}

// TestPolicyPurgesWhatLeft: what flags wrote before the policy, and the directory of a
// renamed stream, are still purged by their own rules.
func TestPolicyPurgesWhatLeft(t *testing.T) {
	dir, file := filepath.Join(t.TempDir(), "log"), livePolicyFile(t)
	line := logLine("192.0.2.1", "/")
	runOn(t, strings.NewReader(line), hushpipeBinary(t), "filter", "--keep", "8d", dir)
	runOn(t, strings.NewReader(line), hushpipeBinary(t), "filter", "--policy", file, dir)
	old := now().AddDate(0, 0, -20).Format("2006-01-02")
	for _, place := range []string{dir, filepath.Join(dir, "web")} {
		require.NoError(t, os.WriteFile(filepath.Join(place, "access-"+old+".log"), []byte("x\n"), 0o640))
		require.NoError(t, os.WriteFile(filepath.Join(place, "keys", old+".key"), make([]byte, 32), 0o600))
	}
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(livePolicy, `"web"`, `"site"`, 1)), 0o644))
	l := startLogger(t, "--policy", file, dir)
	l.write("192.0.2.1", "/")
	for _, place := range []string{dir, filepath.Join(dir, "web")} {
		await(t, func() bool {
			_, lines := os.Lstat(filepath.Join(place, "access-"+old+".log"))
			_, key := os.Lstat(filepath.Join(place, "keys", old+".key"))
			return lines != nil && key != nil
		}, place+" is purged")
	}
	require.Zero(t, l.end())
	require.NotEmpty(t, written(dir), "today's lines stay")
	require.NotEmpty(t, written(filepath.Join(dir, "web")))
	require.NotEmpty(t, written(filepath.Join(dir, "site")))
}

// TestPolicyDisappears: a process continues with the policy that it has read.
func TestPolicyDisappears(t *testing.T) {
	dir, file := filepath.Join(t.TempDir(), "log"), livePolicyFile(t)
	l := startLogger(t, "--policy", file, dir)
	l.write("192.0.2.1", "/?id=l0")
	await(t, func() bool { return written(filepath.Join(dir, "web")) != "" }, "the first line")
	require.NoError(t, os.Remove(file))
	l.write("192.0.2.1", "/?id=l1")
	require.Zero(t, l.end())
	require.Empty(t, l.said.String())
	require.Len(t, ids(lines(t, filepath.Join(dir, "web", "access.log"))), 2)
}
