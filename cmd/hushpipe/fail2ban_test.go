package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// jail is Debian's fail2ban with the packaged configuration. Its commands record what
// they would ban.
type jail struct {
	t      *testing.T
	base   string // holds everything but DIR
	dir    string
	server *exec.Cmd
	env    []string
}

// newJail writes the configuration, with additional settings for the jail.
func newJail(t *testing.T, dir string, settings ...string) *jail {
	need.Program(t, "fail2ban-server", "fail2ban")
	j := &jail{t: t, base: t.TempDir(), dir: dir}
	j.env = append(os.Environ(), "TMPDIR="+j.base, "PATH="+filepath.Dir(hushpipeBinary(t))+":"+os.Getenv("PATH"))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(j.log())
		}
	})
	out, err := exec.Command("cp", "-r", "/etc/fail2ban", j.base+"/conf").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, path := range glob(t, j.base+"/conf/jail.d/*") {
		require.NoError(t, os.Remove(path))
	}
	install := func(name, to string) {
		text, err := os.ReadFile("packaging/fail2ban/" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(j.base+"/conf/"+to, text, 0o644))
	}
	install("action.conf", "action.d/hushpipe.conf")
	install("filter.conf", "filter.d/hushpipe.conf")
	install("jail.conf", "jail.d/hushpipe.conf")
	helper, err := filepath.Abs("packaging/fail2ban/fail2ban")
	require.NoError(t, err)
	write := func(name string, lines ...string) {
		require.NoError(t, os.WriteFile(j.base+"/conf/"+name, []byte(strings.Join(lines, "\n")+"\n"), 0o644))
	}
	write("fail2ban.local", "[DEFAULT]", "logtarget = "+j.base+"/fail2ban.log", "socket = "+j.base+"/socket",
		"pidfile = "+j.base+"/pid", "dbfile = "+j.base+"/db.sqlite3")
	write("action.d/hushpipe.local", "[Init]", "dir = "+dir, "run = "+j.base+"/run", "helper = "+helper,
		"startcmd = true", "stopcmd = true", "checkcmd = true",
		`bancmd = echo "ban $family $address" >>`+j.base+"/banned",
		`unbancmd = echo "unban $family $address" >>`+j.base+"/banned")
	write("jail.d/local.conf", append([]string{"[hushpipe]", "logpath = " + dir + "/access.log", "maxretry = 3"}, settings...)...)
	return j
}

func (j *jail) start() {
	j.server = exec.Command("fail2ban-server", "-c", j.base+"/conf", "-f", "start")
	j.server.Env = j.env
	require.NoError(j.t, j.server.Start())
	j.t.Cleanup(func() { j.stop() })
	await(j.t, func() bool { return strings.Contains(j.client("status", "hushpipe"), "Currently banned") }, "no jail")
}

func (j *jail) stop() {
	if j.server != nil {
		j.server.Process.Signal(syscall.SIGTERM)
		j.server.Wait()
		j.server = nil
	}
}

func (j *jail) client(args ...string) string {
	out, _ := exec.Command("fail2ban-client", append([]string{"-c", j.base + "/conf"}, args...)...).CombinedOutput()
	return string(out)
}

func (j *jail) log() string {
	text, _ := os.ReadFile(j.base + "/fail2ban.log")
	return string(text)
}

// awaitLog waits until fail2ban has logged the text n times.
func (j *jail) awaitLog(n int, what string) {
	j.t.Helper()
	await(j.t, func() bool { return strings.Count(j.log(), what) >= n }, fmt.Sprintf("not %d of %q", n, what))
}

// expect compares what the commands did since the last call.
func (j *jail) expect(want ...string) {
	j.t.Helper()
	var got []byte
	await(j.t, func() bool {
		got, _ = os.ReadFile(j.base + "/banned")
		return bytes.Count(got, []byte("\n")) >= len(want)
	}, "not: "+strings.Join(want, ", "))
	require.ElementsMatch(j.t, want, strings.Split(strings.Trim(string(got), "\n"), "\n"))
	require.NoError(j.t, os.Remove(j.base+"/banned"))
}

// isQuiet asserts that no command ran.
func (j *jail) isQuiet() {
	j.t.Helper()
	assert.NoFileExists(j.t, j.base+"/banned")
	for line := range strings.Lines(j.log()) {
		if !strings.Contains(line, "UnknownJailException") { // this test asked before the jail was there
			assert.NotContains(j.t, line, "ERROR")
		}
	}
}

func (j *jail) pairs() string {
	text, _ := os.ReadFile(j.base + "/run/hushpipe")
	return string(text)
}

// fails writes lines of a client that requests missing pages.
func fails(l *logger, client string, n int, when time.Time) {
	for range n {
		_, err := fmt.Fprintf(l.stdin, "%s - - [%s] \"GET /wp-login.php HTTP/1.1\" 404 5 \"-\" \"-\"\n", client, when.Format("02/Jan/2006:15:04:05 -0700"))
		require.NoError(l.t, err)
	}
}

// visitor returns an address that no other test has.
func visitor(family int) string {
	if family == 4 {
		return fmt.Sprintf("198.18.%d.%d", 1+rand.IntN(250), 1+rand.IntN(250))
	}
	return fmt.Sprintf("2001:db8:%x::%x", 0x1000+rand.IntN(0xefff), 0x1000+rand.IntN(0xefff))
}

// TestFail2ban: jails see pseudonyms, the firewall gets addresses, and no disk does.
func TestFail2ban(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"ipcrypt", "pfx"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			begun := time.Now().Add(-time.Second)
			dir := filepath.Join(t.TempDir(), "log")
			four, six, few, own := visitor(4), visitor(6), visitor(4), visitor(6)
			l := startLogger(t, "--ip", mode, dir)
			fails(l, few, 2, time.Now())
			await(t, func() bool { return written(dir) != "" }, "no line")
			j := newJail(t, dir, "ignoreip = 127.0.0.1 "+own[:strings.LastIndex(own, ":")]+":/64")
			j.start()

			fails(l, four, 3, time.Now())
			fails(l, six, 3, time.Now())
			fails(l, own, 3, time.Now())
			j.expect("ban 4 "+four, "ban 6 "+six)
			j.awaitLog(3, "NOTICE  [hushpipe] Ban ")
			j.isQuiet()
			pseudonym := strings.Fields(j.pairs())[0]
			await(t, func() bool {
				notes, _ := os.ReadFile(dir + "/acts.log")
				return strings.Count(string(notes), ` lines=1 reason="fail2ban hushpipe"`+"\n") == 3
			}, "three uses are not noted")
			for name, mode := range map[string]fs.FileMode{"": 0o700 | fs.ModeDir, "/hushpipe": 0o600} {
				info, err := os.Stat(j.base + "/run" + name)
				require.NoError(t, err)
				assert.Equal(t, mode, info.Mode())
			}
			held := func() {
				for _, address := range []string{four, six, few, own} {
					assert.Empty(t, holding(t, address, begun, j.base+"/run", j.base+"/banned", j.base, dir, "/var"), "files that hold an address")
				}
			}
			held()

			// A restart of fail2ban unbans everybody, and bans again those in its
			// database.
			j.stop()
			j.expect("unban 4 "+four, "unban 6 "+six)
			assert.Empty(t, j.pairs())
			j.start()
			j.expect("ban 4 "+four, "ban 6 "+six)

			// The key is deleted before the ban ends.
			require.Equal(t, 0, l.end())
			for _, key := range glob(t, dir+"/keys/*.key") {
				require.NoError(t, os.Remove(key))
			}
			banned := map[bool]string{true: "unban 4 " + four, false: "unban 6 " + six}
			first := strings.Contains(j.pairs(), pseudonym+" "+four)
			j.client("set", "hushpipe", "unbanip", pseudonym)
			j.expect(banned[first])
			assert.NotContains(t, j.pairs(), pseudonym)

			// After a restart without the key, nobody can be identified or banned.
			j.stop()
			j.expect(banned[!first])
			j.awaitLog(3, "Restore Ban ") // of the first restart
			j.start()
			j.awaitLog(5, "Restore Ban ")
			j.client("status", "hushpipe") // answers when the bans are done
			j.stop()
			j.isQuiet()
			held()
		})
	}
}

// holding returns the files below directories that changed since begun and contain a
// text, except below the first two.
func holding(t *testing.T, text string, begun time.Time, not1, not2 string, roots ...string) (found []string) {
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == not1 || path == not2 {
				if err == nil && d.IsDir() {
					return fs.SkipDir
				}
				return nil // of another test, gone meanwhile
			}
			if d.IsDir() && (strings.Contains(path, "go-build") || path == "/var/cache" || path == "/var/lib/dpkg") {
				return fs.SkipDir
			}
			info, err := d.Info()
			if err != nil || !info.Mode().IsRegular() || info.ModTime().Before(begun) || info.Size() > 64<<20 {
				return nil
			}
			if data, _ := os.ReadFile(path); bytes.Contains(data, []byte(text)) {
				found = append(found, path)
			}
			return nil
		})
		require.NoError(t, err)
	}
	return found
}

// TestFail2banOverMidnight: with either way to watch files, the link leads fail2ban to
// the new day's file. The two days are those of two time zones now.
func TestFail2banOverMidnight(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"polling", "pyinotify"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			if backend == "pyinotify" {
				out, err := exec.Command("/usr/bin/python3", "-c", "import pyinotify").CombinedOutput()
				need.That(t, err == nil, "apt-get install python3-pyinotify: %s", out)
			}
			before, after := twoDays()
			dir := filepath.Join(t.TempDir(), "log")
			l := startLogger(t, dir)
			fails(l, visitor(4), 1, before())
			await(t, func() bool { return written(dir) != "" }, "no line")
			j := newJail(t, dir, "backend = "+backend)
			j.start()
			first, second, third := visitor(4), visitor(4), visitor(4)
			fails(l, first, 3, before())
			j.expect("ban 4 " + first)
			fails(l, second, 3, after())
			j.expect("ban 4 " + second)
			// A banned client is banned once, whatever its pseudonym of the day.
			fails(l, first, 3, after())
			j.awaitLog(3, "NOTICE  [hushpipe] Ban ")
			fails(l, third, 3, after())
			j.expect("ban 4 " + third)
			pairs := strings.Fields(j.pairs())
			require.Len(t, pairs, 8)
			j.client("set", "hushpipe", "unbanip", pairs[0])
			assert.Equal(t, 3, strings.Count(j.pairs(), "\n"))
			j.isQuiet()
			j.stop()
			j.expect("unban 4 "+first, "unban 4 "+second, "unban 4 "+third)
		})
	}
}

// twoDays returns the clocks of two time zones that now have different days.
func twoDays() (before, after func() time.Time) {
	zone := func(hours int) func() time.Time {
		return func() time.Time { return time.Now().In(time.FixedZone("", hours*3600)) }
	}
	if time.Now().UTC().Hour() >= 12 {
		return zone(0), zone(14)
	}
	return zone(-12), zone(0)
}

// TestFail2banArguments: the action's helper passes no address in a command's
// arguments, which ps shows and auditd logs.
func TestFail2banArguments(t *testing.T) {
	need.Program(t, "flock", "util-linux")
	const address = "198.18.0.1"
	base := t.TempDir()
	require.NoError(t, os.Mkdir(base+"/bin", 0o755))
	command := func(name, script string) {
		text := "#!/bin/sh\necho \"$0 $*\" >>" + base + "/arguments\n" + script + "\n"
		require.NoError(t, os.WriteFile(base+"/bin/"+name, []byte(text), 0o755))
	}
	for _, name := range []string{"awk", "cat", "cut", "date", "flock", "grep", "head", "mkdir", "mv", "python3", "rm", "sed", "tr"} {
		if path, err := exec.LookPath(name); err == nil {
			command(name, "exec "+path+` "$@"`)
		}
	}
	command("hushpipe", "echo "+address)
	run := func(args ...string) string {
		cmd := exec.Command("packaging/fail2ban/fail2ban", args...)
		cmd.Env = append(os.Environ(), "PATH="+base+"/bin:"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	ban := func(pseudonym string) string {
		return run("ban", "jail", base+"/run", pseudonym, "DIR", "1795000000", "0", "192.0.2.0/24")
	}
	assert.Equal(t, "4 "+address+"\n", ban("2001:db8::1"))
	assert.Empty(t, ban("2001:db8::2"), "it is banned")
	assert.Equal(t, "4 "+address+"\n", ban("2001:db8::2"))
	assert.Empty(t, run("unban", "jail", base+"/run", "2001:db8::1"), "its other pseudonym is banned")
	assert.Equal(t, "4 "+address+"\n", run("unban", "jail", base+"/run", "2001:db8::2"))
	assert.Empty(t, run("unban", "jail", base+"/run", "2001:db8::2"))
	text, err := os.ReadFile(base + "/arguments")
	require.NoError(t, err)
	assert.Contains(t, string(text), "/awk ")
	assert.NotContains(t, string(text), address)
}
