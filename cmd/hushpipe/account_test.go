package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nobody is a user that every system has.
const nobody = "nobody"

// anotherUser returns a user that the process can become.
func anotherUser(t *testing.T) string {
	t.Helper()
	if os.Geteuid() == 0 {
		return nobody
	}
	me, err := user.Current()
	require.NoError(t, err)
	return me.Username
}

// openTo makes a directory that others can search, and returns the path of a
// DIR in it that does not exist.
func openTo(t *testing.T) (dir string) {
	t.Helper()
	base := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(base), 0o755))
	require.NoError(t, os.Chmod(base, 0o755))
	return filepath.Join(base, "log")
}

// requireOwner checks the owner of everything below dir, except of links, whose owner
// does not matter.
func requireOwner(t *testing.T, name, dir string) {
	t.Helper()
	u, err := user.Lookup(name)
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type() == fs.ModeSymlink {
			return err
		}
		info, err := e.Info()
		require.NoError(t, err)
		assert.Equal(t, u.Uid, strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid)), path)
		return nil
	}))
}

// status returns a field of /proc/PID/task/TID/status of all threads.
func status(t *testing.T, pid int, field string) (values []string) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, _ := os.ReadFile(file) // a thread may have ended
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, field+":"); ok {
				values = append(values, strings.TrimSpace(value))
			}
		}
	}
	return values
}

// TestUser: a reload of Apache adds --user. The old logger keeps running as root,
// writes to the same DIR and makes files there, and a third one starts as root again.
func TestUser(t *testing.T) {
	need.Root(t)
	dir := openTo(t)
	require.NoError(t, os.Mkdir(dir, 0o750))
	const adm = 4 // Debian's base-passwd; any group does
	require.NoError(t, os.Chown(dir, 0, adm))
	require.NoError(t, os.Chmod(dir, 0o750|fs.ModeSetgid))
	shown := func(target string) func() bool {
		return func() bool { return strings.Contains(written(dir), target) }
	}

	root := startLogger(t, dir)
	root.write("192.0.2.1", "/http-bind?room=a")
	await(t, shown("room=a"), "the line of root")
	dropped := startLogger(t, "--user", nobody, dir)
	dropped.write("192.0.2.1", "/http-bind?room=b")
	await(t, shown("room=b"), "the line of nobody")
	requireOwner(t, nobody, dir)

	u, err := user.Lookup(nobody)
	require.NoError(t, err)
	for field, want := range map[string]string{
		"Uid": strings.Repeat(u.Uid+"\t", 3) + u.Uid, "Gid": strings.Repeat(u.Gid+"\t", 3) + u.Gid,
		"Groups": u.Gid, "CapPrm": "0000000000000000", "CapEff": "0000000000000000", "NoNewPrivs": "1",
	} {
		for _, got := range status(t, dropped.cmd.Process.Pid, field) {
			assert.Equal(t, want, got, field)
		}
	}
	// /proc/PID/mem of an undumpable process belongs to root, see proc(5).
	memory, err := os.Stat(fmt.Sprintf("/proc/%d/mem", dropped.cmd.Process.Pid))
	require.NoError(t, err)
	assert.Zero(t, memory.Sys().(*syscall.Stat_t).Uid)

	// Delete old keys and journals, so that root makes the next ones. The processes that run
	// would restore the key in their next round.
	for _, l := range []*logger{root, dropped} {
		require.NoError(t, l.cmd.Process.Signal(syscall.SIGSTOP))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "journal")))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "keys")))
	later := startLogger(t, dir)
	later.write("192.0.2.1", "/http-bind?room=b")
	later.write("192.0.2.2", "/http-bind?room=c")
	await(t, shown("room=c"), "the line of root")
	for _, l := range []*logger{root, dropped} {
		require.NoError(t, l.cmd.Process.Signal(syscall.SIGCONT))
	}
	root.write("192.0.2.2", "/http-bind?room=b")
	require.Equal(t, 0, root.end())
	require.Equal(t, 0, later.end())
	requireOwner(t, nobody, dir)

	// The user can work with what root made.
	last := startLogger(t, "--user", nobody, dir)
	last.write("192.0.2.2", "/http-bind?room=d")
	require.Equal(t, 0, last.end())
	require.Equal(t, 0, dropped.end())
	requireOwner(t, nobody, dir)
	assert.NotContains(t, root.said.String()+later.said.String()+last.said.String()+dropped.said.String(), "denied")
	counts := exec.Command(hushpipeBinary(t), "rooms", dir)
	out, _ := counts.Output()
	assert.Equal(t, 1, counts.ProcessState.ExitCode(), "the deleted key makes an upper bound of them")
	assert.Equal(t, 4, strings.Count(string(out), "\n"), "%s", out)

	for _, sub := range []string{"", "rooms", "keys", "journal"} {
		info, err := os.Stat(filepath.Join(dir, sub))
		require.NoError(t, err)
		assert.Equal(t, fs.ModeDir|fs.ModeSetgid|0o750, info.Mode(), sub)
		assert.EqualValues(t, adm, info.Sys().(*syscall.Stat_t).Gid, sub)
	}
}

// TestUserBesideRoot: a reload that adds --user and a new DIR starts a logger as root
// and one as the user at the same time. Either may be the first to make each directory
// and file, and both must be able to use all of them.
func TestUserBesideRoot(t *testing.T) {
	need.Root(t)
	for n := range 100 {
		dir := openTo(t)
		var both []*logger
		for i, args := range [][]string{{dir}, {"--user", nobody, dir}} {
			p := openPipe(t)
			p.write("192.0.2.1", fmt.Sprintf("/http-bind?room=r%d", i))
			l := p.startLogger(hushpipeBinary(t), args...)
			p.close()
			both = append(both, l)
		}
		for _, l := range both {
			require.Equal(t, 0, l.wait(), "start %d: %s", n, l.said)
			for line := range strings.Lines(l.said.String()) { // a busy machine's disk is slow, and then the other's key is there
				require.Regexp(t, "the disk does not answer|the clock is far ahead|could not be read in time|another process made the key", line, "start %d", n)
			}
		}
		requireOwner(t, nobody, dir)
		require.Equal(t, 2, strings.Count(written(dir), "\n"), "start %d", n)
		require.False(t, t.Failed(), "start %d", n)
	}
}

// TestUserMakesDirectories: a missing DIR and key directory are made before root is
// given up.
func TestUserMakesDirectories(t *testing.T) {
	need.Root(t)
	dir := openTo(t)
	keys := filepath.Join(openTo(t), "../keys")
	l := startLogger(t, "--user", nobody, "--keys", keys, dir)
	l.write("192.0.2.1", "/http-bind?room=a")
	require.Equal(t, 0, l.end())
	require.Empty(t, l.said.String())
	require.Contains(t, written(dir), "room=a")
	requireOwner(t, nobody, dir)
	requireOwner(t, nobody, keys)
	files, err := filepath.Glob(keys + "/*.key")
	require.NoError(t, err)
	require.Len(t, files, 2)
}

func TestUserCheck(t *testing.T) {
	need.Root(t)
	check := func(dir string) (string, int) {
		cmd := exec.Command(hushpipeBinary(t), "filter", "--check", "--user", nobody, dir)
		out, _ := cmd.CombinedOutput()
		var lines strings.Builder
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "choose a user for hushpipe alone") { // see TestServersUser
				lines.WriteString(line)
			}
		}
		return lines.String(), cmd.ProcessState.ExitCode()
	}
	dir := openTo(t)
	out, code := check(dir)
	assert.Equal(t, "hushpipe: configuration OK\n", out)
	assert.Zero(t, code)
	assert.NoDirExists(t, dir)

	require.NoError(t, os.Mkdir(dir, 0o750))
	require.NoError(t, os.WriteFile(dir+"/clock", nil, 0o640))
	_, code = check(dir)
	assert.Zero(t, code)
	requireOwner(t, "root", dir)

	require.NoError(t, os.WriteFile(dir+"/syslog", nil, 0o640))
	out, code = check(dir)
	assert.Contains(t, out, "chown "+dir+"/syslog: its directory holds files that are not hushpipe's")
	assert.Equal(t, 2, code)
	require.NoError(t, os.Remove(dir+"/syslog"))

	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o700))
	out, code = check(dir)
	assert.Equal(t, "hushpipe: error: "+dir+": cannot be reached by nobody; hint: chmod o+x the directories above it\n", out)
	assert.Equal(t, 2, code)
}

// TestUserIsNotRoot: only root can become another user; --user with the own name is
// fine.
func TestUserIsNotRoot(t *testing.T) {
	need.Root(t)
	u, err := user.Lookup(nobody)
	require.NoError(t, err)
	uid, err := strconv.Atoi(u.Uid)
	require.NoError(t, err)
	bin := hushpipeBinary(t)
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(bin)), 0o755))
	for name, want := range map[string]string{
		nobody: "",
		"root": "hushpipe: error: --user \"root\": that is root; hint: name an unprivileged user\n",
		"bin":  "hushpipe: error: --user \"bin\": only root can become another user; hint: leave it out\n",
	} {
		dir := openTo(t)
		require.NoError(t, os.Mkdir(dir, 0o750))
		require.NoError(t, os.Chown(dir, uid, -1))
		cmd := exec.Command(bin, "filter", "--user", name, dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		out, _ := cmd.CombinedOutput()
		assert.Equal(t, want, string(out), name)
		assert.Equal(t, want == "", cmd.ProcessState.ExitCode() == 0, name)
	}
}

// TestUserWithoutTheRight: a logger that may not change its user, as in a container,
// does not continue as root.
func TestUserWithoutTheRight(t *testing.T) {
	need.Root(t)
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Fatal("setpriv is missing: apt-get install util-linux")
	}
	dir := openTo(t)
	cmd := exec.Command("setpriv", "--bounding-set", "-setuid", hushpipeBinary(t), "filter", "--user", nobody, dir)
	out, _ := cmd.CombinedOutput()
	assert.Equal(t, "hushpipe: error: --user \"nobody\": cannot become that user: operation not permitted\n", string(out))
	assert.Equal(t, 2, cmd.ProcessState.ExitCode())
	// If capabilities outlive a change of user, root could be regained.
	cmd = exec.Command("setpriv", "--securebits", "+no_setuid_fixup", hushpipeBinary(t), "filter", "--user", nobody, dir)
	out, _ = cmd.CombinedOutput()
	assert.Contains(t, string(out), "root could be regained")
	assert.Equal(t, 2, cmd.ProcessState.ExitCode())
}

// TestOwnerChanges: DIR and everything in it has another owner at the next start, or
// root has purged it before the first logger with --user. In both cases that logger
// owns all of it, locks included, and logs nothing. If only DIR was given away, root's
// files in it were not, and root continues with them.
func TestOwnerChanges(t *testing.T) {
	need.Root(t)
	for name, before := range map[string]func(t *testing.T, dir string){
		"purged by root": func(t *testing.T, dir string) {
			require.NoError(t, exec.Command(hushpipeBinary(t), "purge", "--force", dir).Run())
		},
		"of another user": func(t *testing.T, dir string) {
			require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
				return errors.Join(err, os.Lchown(path, 2, -1)) // Debian's bin
			}))
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			dir := openTo(t)
			root := startLogger(t, dir)
			root.write("192.0.2.1", "/http-bind?room=a")
			require.Equal(t, 0, root.end())
			before(t, dir)
			for _, room := range []string{"b", "c"} {
				l := startLogger(t, "--user", nobody, dir)
				l.write("192.0.2.1", "/http-bind?room="+room)
				require.Equal(t, 0, l.end(), l.said)
				assert.Empty(t, l.said.String())
				assert.Contains(t, written(dir), "room="+room)
			}
			requireOwner(t, nobody, dir)
		})
	}

	dir := openTo(t)
	for range 2 {
		root := startLogger(t, dir)
		root.write("192.0.2.1", "/http-bind?room=a")
		require.Equal(t, 0, root.end(), root.said)
		require.NoError(t, os.Chown(dir, 65534, -1))
	}
	require.Equal(t, 2, strings.Count(written(dir), "room=a"))
}

// TestServersUser: a user as which web servers run scripts gets a warning, since they
// could read the keys.
func TestServersUser(t *testing.T) {
	need.Root(t)
	dir := openTo(t)
	require.NoError(t, exec.Command(hushpipeBinary(t), "filter", dir).Run())
	u, err := user.Lookup(nobody)
	require.NoError(t, err)
	uid, err := strconv.Atoi(u.Uid)
	require.NoError(t, err)
	said := func(args ...string) string {
		out, _ := exec.Command(hushpipeBinary(t), append(args, dir)...).CombinedOutput()
		return string(out)
	}
	const owned = ": belongs to nobody, as whom web servers run scripts: these can read keys and delete lines"
	for _, other := range []bool{true, false} {
		if other {
			require.NoError(t, os.Chown(dir, 0, 0))
			require.NotContains(t, said("filter", "--check"), "scripts")
			require.NotContains(t, said("status"), "scripts")
			require.Contains(t, said("filter", "--check", "--user", nobody), "--user nobody: web servers run scripts as that user")
		} else {
			require.NoError(t, os.Chown(dir, uid, 0))
			require.Contains(t, said("filter", "--check"), "hushpipe: warning: "+dir+owned+"; hint: give it to a user")
			require.Contains(t, strings.Join(strings.Fields(said("status")), " "), dir+owned)
			require.Contains(t, said("status"), "the promise holds")
		}
	}
	daemon, err := user.Lookup("daemon") // httpd's own default
	require.NoError(t, err)
	uid, err = strconv.Atoi(daemon.Uid)
	require.NoError(t, err)
	require.NoError(t, os.Chown(dir, uid, 0))
	require.Contains(t, said("filter", "--check"), "belongs to daemon")
}
