package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recordedDir returns a DIR that records --ip mask, which leaves 192.0.2.0 of the
// client of logLine.
func recordedDir(t *testing.T, flags ...string) string {
	t.Helper()
	dir := openTo(t)
	l := startLogger(t, append(flags, "--ip", "mask", dir)...)
	require.Equal(t, 0, l.end(), "%s", l.said)
	require.FileExists(t, filepath.Join(dir, "settings"))
	return dir
}

const client = "192.0.2.77"

// tree returns the names below a directory.
func tree(dir string) string {
	out, _ := exec.Command("find", dir).Output()
	return string(out)
}

// TestWrongFlags: with wrong flags and a pipe, filter runs on what DIR records, or
// reads to the end and writes nothing.
func TestWrongFlags(t *testing.T) {
	const recorded, nothing = 1, 2
	for _, c := range []struct {
		args string // D is a DIR with settings, E another one, N one that is new
		want int
		says string
	}{
		{"filter --bogus D", recorded, "unknown flag: --bogus"},
		{"filter D --bogus", recorded, "unknown flag: --bogus"},
		{"filter --bogus value D", recorded, "unknown flag: --bogus"},
		{"filter --keyz E D", recorded, "unknown flag: --keyz"},
		{"filter -x D", recorded, "unknown shorthand flag"},
		{"filter --ip maskk D", recorded, "--ip: unknown address mode"},
		{"filter --ip=keeep -- D", recorded, "--ip: unknown address mode"},
		{"filter --keep 0d D", recorded, `--keep "0d" is not valid; hint: give whole days`},
		{"filter --format %h_%{Referer D", recorded, "--format: log format, column 5"},
		{"filter --format %h %l D", recorded, "too many arguments"},
		{"filter --json-keys who=ip D", recorded, "--json-keys: json key"},
		{"filter --rooms skype D", recorded, `unknown room preset "skype"`},
		{"filter --room-url /call D", recorded, "--room-url: room url pattern"},
		{"filter --room-hash md5 D", recorded, `--room-hash "md5" is not valid; hint: give sha1 or hmac`},
		{"filter --count-v6 129 D", recorded, `--count-v6 "129"`},
		{"filter --max-rooms 0 D", recorded, `--max-rooms "0"`},
		{"filter --max-pairs many D", recorded, `--max-pairs "many"`},
		{"filter --redact a=b D", recorded, `--redact "a=b"`},
		{"filter --metrics x D", recorded, `--metrics "x" is not valid; hint: give a name that ends in .prom`},
		{"filter --user no-such-user D", recorded, `--user "no-such-user": no such user`},
		{"filter --user root D", recorded, `--user "root"`},
		{"filter --check=perhaps D", recorded, `--check "perhaps" is not valid; hint: give true or false`},
		{"filter --format --check --bogus D", recorded, "unknown flag: --bogus"},
		{"filter D --keys", recorded, "flag needs an argument: --keys"},
		{"filter --keep D", recorded, "no DIR given; --keep takes D for its value; hint: give --keep DAYS D"},
		{"filter --ip D --format combined", recorded, "--ip takes D for its value; hint: give --ip MODE D"},
		{"filter --rooms jitsi --rooms D", recorded, "--rooms takes D for its value; hint: give --rooms PRESET D"},
		{"filter --count-v6 D", recorded, `"D" is not valid; --count-v6 takes D for its value; hint: give --count-v6 BITS D`},
		{"filter --metrics D", recorded, "--metrics takes D for its value; hint: give --metrics FILE D"},

		{"filter", nothing, "no DIR given"},
		{"filter --keys D", nothing, "no DIR given"},
		{"filter --bogus", nothing, "unknown flag: --bogus"},
		{"filter --keep D --ip E", nothing, "DIR could be"},
		{"filter --keep N", nothing, "--keep takes N for its value"}, // it does not exist
		{"filter --ip maskk N", nothing, "records no settings yet"},
		{"filter --bogus D N", nothing, "records no settings yet"}, // D may be the value of --bogus
		{"filter D N", nothing, "DIR could be"},
		{"filter D E", nothing, "DIR could be"},
		{"filter --bogus D --worse E", nothing, "it is not clear which argument is DIR"},
		{"filter --stdout --bogus D", nothing, "no settings are recorded for --stdout"},
		{"filter --stdout --ip maskk", nothing, "--ip: unknown address mode"},
		{"filter --stdout --user nobody D", nothing, "--user: with --stdout"},
		{"fliter D", nothing, `unknown command "fliter"`},
		{"D", nothing, "unknown command"},
		{"--bogus filter D", nothing, "unknown flag: --bogus"},
		{"", nothing, "no command given"},
	} {
		t.Run(c.args, func(t *testing.T) {
			dirs := map[string]string{"D": recordedDir(t), "E": recordedDir(t), "N": filepath.Join(t.TempDir(), "new")}
			var args []string
			for _, arg := range strings.Fields(c.args) {
				if dir, ok := dirs[arg]; ok {
					arg = dir
				}
				args = append(args, arg)
			}
			before := tree(dirs["D"])
			l := startCommand(t, exec.Command(hushpipeBinary(t), args...))
			l.write(client, "/http-bind?room=a")
			assert.Equal(t, c.want, l.end())
			said := l.said.String()
			named := said
			for name, dir := range dirs {
				named = strings.ReplaceAll(named, dir, name)
			}
			for part := range strings.SplitSeq(c.says, "; ") { // the hint comes last
				assert.Contains(t, named, part)
			}
			assert.NotContains(t, said, client)
			if c.want == recorded {
				assert.Regexp(t, `^hushpipe: error: .*; running on the flags that .*/settings recorded at [-0-9: ]* instead(; hint: .*)?\n$`, said)
				assert.Regexp(t, `^192\.0\.2\.0 `, written(dirs["D"]))
			} else {
				assert.Regexp(t, `^hushpipe: error: .*; reading stdin, since it is a pipe, and writing nothing \(0 lines so far\): .*\n`+
					`hushpipe: error: 1 line read and not written because the flags are wrong\n$`, said)
				assert.Empty(t, written(dirs["D"]))
				assert.Equal(t, before, tree(dirs["D"]))
			}
			assert.Empty(t, written(dirs["E"]))
			assert.NoFileExists(t, dirs["N"])
		})
	}
}

// FuzzScan compares scanArgs with package pflag where that finds no error.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{"D", "--check D", "--format --check D", "--check=false --stdout D -- --x", "-h D --ip=mask - D", "-hh", "-h=false D", "--keep -- --check", "filter D", "--keys K --keys=L D --keys"} {
		f.Add(seed)
	}
	log := newMessageLog(io.Discard)
	f.Cleanup(log.close)
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Fields(text)
		cmd, _, err := rootCommand(os.Stdin, os.Stdout, log).Find([]string{"filter"})
		require.NoError(t, err)
		cmd.InitDefaultHelpFlag()
		line := scanArgs(cmd, append([]string{"filter"}, args...))
		if cmd.ParseFlags(args) != nil {
			return
		}
		assert.Empty(t, line.values)
		assert.Equal(t, append([]string(nil), cmd.Flags().Args()...), line.args)
		keys, err := cmd.Flags().GetString("keys")
		require.NoError(t, err)
		assert.Equal(t, keys, line.keys)
		for name, got := range map[string]bool{"check": line.check, "stdout": line.stdout, "help": line.help} {
			want, err := cmd.Flags().GetBool(name)
			require.NoError(t, err)
			assert.Equal(t, want, got, name)
		}
	})
}

// TestWrongFlagsEnd: --check, --help and other commands end as usual even on a pipe
// that nobody closes.
func TestWrongFlagsEnd(t *testing.T) {
	dir := recordedDir(t)
	for args, want := range map[string]int{
		"filter --check --bogus " + dir: 2, "filter --bogus --check " + dir: 2, "filter --check=true --ip maskk " + dir: 2,
		"filter --help": 0, "filter --help --bogus": 2, "filter -h": 0, "--help": 0, "help nonsense": 2, "version": 0,
		"rooms --bogus " + dir: 2, "replay": 2,
	} {
		p := openPipe(t)
		cmd := exec.Command(hushpipeBinary(t), strings.Fields(args)...)
		cmd.Stdin = p.r
		cmd.Run()
		assert.Equal(t, want, cmd.ProcessState.ExitCode(), args)
	}
}

// TestWrongFlagsSignals: signals have the same effect as with right flags.
func TestWrongFlagsSignals(t *testing.T) {
	dir := recordedDir(t)
	for target, want := range map[string]int{dir: 1, filepath.Join(t.TempDir(), "new"): 2} {
		for _, interrupted := range []bool{false, true} {
			l := startLogger(t, "--bogus", target)
			await(t, func() bool { return strings.Contains(l.said.String(), "--bogus") }, "the report")
			for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
				require.NoError(t, l.cmd.Process.Signal(sig))
			}
			time.Sleep(50 * time.Millisecond) // a process that ends on one of them has ended
			l.write(client, "/after")
			if interrupted {
				require.NoError(t, l.cmd.Process.Signal(syscall.SIGINT))
				assert.Equal(t, want, l.wait())
				assert.Contains(t, l.said.String(), "interrupted")
			} else {
				assert.Equal(t, want, l.end())
				assert.NotContains(t, l.said.String(), "interrupted")
			}
		}
	}
	assert.Contains(t, written(dir), "/after")
}

// TestWrongFlagsTakeAll: input that is not written is read at once, beyond the capacity
// of a pipe.
func TestWrongFlagsTakeAll(t *testing.T) {
	l := startLogger(t, "--bogus", filepath.Join(t.TempDir(), "new"))
	for range 30_000 {
		l.write(client, "/")
	}
	assert.Equal(t, 2, l.end())
	assert.Contains(t, l.said.String(), "30,000 lines read and not written")
}

// putSettings records settings by hand.
func putSettings(t *testing.T, dir string, flags ...string) {
	t.Helper()
	text := "hushpipe settings 1\nstarted 2026-11-22T12:00:00Z\n"
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		text += name + "=" + strconv.Quote(value) + "\n"
	}
	text += fmt.Sprintf("sha256 %x\n", sha256.Sum256([]byte(text)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "settings"), []byte(text), 0o640))
}

// TestWrongFlagsDistrust: settings that cannot be trusted are not used.
func TestWrongFlagsDistrust(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(t *testing.T, dir, file string)
		says  string
	}{
		"none":    {func(t *testing.T, _, file string) { require.NoError(t, os.Remove(file)) }, "records no settings yet"},
		"damaged": {func(t *testing.T, _, file string) { require.NoError(t, os.Truncate(file, 100)) }, "is damaged"},
		"open":    {func(t *testing.T, _, file string) { require.NoError(t, os.Chmod(file, 0o666)) }, "others can write it"},
		"link": {func(t *testing.T, _, file string) {
			require.NoError(t, os.Rename(file, file+"2"))
			require.NoError(t, os.Symlink(file+"2", file))
		}, "is a symbolic link"},
		"unknown flag": {func(t *testing.T, dir, _ string) { putSettings(t, dir, "--ip=keep", "--later=yes") }, "cannot be used: unknown flag"},
		"bad value":    {func(t *testing.T, dir, _ string) { putSettings(t, dir, "--ip=scramble") }, "cannot be used: --ip: unknown"},
		"no logger":    {func(t *testing.T, dir, _ string) { putSettings(t, dir, "--ip=keep", "--stdout=true") }, "cannot be used: the flags are not those of a logger"},
		"no flags":     {func(t *testing.T, dir, _ string) { putSettings(t, dir, "--ip=keep", "--=x") }, "cannot be used"},
		"gone user":    {func(t *testing.T, dir, _ string) { putSettings(t, dir, "--user=no-such-user") }, "no such user"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := recordedDir(t)
			file := filepath.Join(dir, "settings")
			c.plant(t, dir, file)
			before := inode(file)
			l := startLogger(t, "--bogus", dir)
			l.write(client, "/")
			assert.Equal(t, 2, l.end())
			assert.Contains(t, l.said.String(), c.says)
			assert.Empty(t, written(dir))
			assert.Equal(t, before, inode(file), "nothing is put right")
		})
	}
}

// inode identifies a file, to detect whether it was changed or replaced; "" if there is
// none.
func inode(path string) string {
	info, err := os.Lstat(path)
	if err != nil {
		return ""
	}
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprint(st.Ino, st.Mode, info.ModTime())
}

// TestWrongFlagsAsRoot: on settings that another user could have recorded, root becomes
// that user, or writes nothing.
func TestWrongFlagsAsRoot(t *testing.T) {
	need.Root(t)
	u, err := user.Lookup(nobody)
	require.NoError(t, err)
	uid, err := strconv.Atoi(u.Uid)
	require.NoError(t, err)

	dir := recordedDir(t, "--user", nobody)
	l := startLogger(t, "--bogus", dir)
	l.write(client, "/")
	await(t, func() bool { return strings.HasPrefix(written(dir), "192.0.2.0 ") }, "the line")
	assert.Equal(t, strings.Repeat(u.Uid+"\t", 3)+u.Uid, status(t, l.cmd.Process.Pid, "Uid")[0])
	assert.Equal(t, 1, l.end())
	requireOwner(t, nobody, dir)

	away := filepath.Join(t.TempDir(), "away")
	for _, flags := range [][]string{{"--user=", "--keys=" + away}, {"--user=bin", "--metrics=" + away + ".prom"}} {
		before := written(dir)
		putSettings(t, dir, flags...)
		require.NoError(t, os.Chown(filepath.Join(dir, "settings"), uid, -1))
		l := startLogger(t, "--bogus", dir)
		l.write(client, "/")
		assert.Equal(t, 2, l.end())
		assert.Contains(t, l.said.String(), "belongs to another user")
		assert.Equal(t, before, written(dir))
		assert.NoFileExists(t, away)
		assert.NoFileExists(t, away+".prom")
	}
	// A user other than root trusts root and itself.
	bin := hushpipeBinary(t)
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(bin)), 0o755))
	for owner, want := range map[int]int{uid: 1, 0: 1, 2: 2} {
		putSettings(t, dir, "--ip=drop")
		require.NoError(t, os.Chmod(filepath.Join(dir, "settings"), 0o644))
		require.NoError(t, os.Chown(filepath.Join(dir, "settings"), owner, -1))
		cmd := exec.Command(bin, "filter", "--bogus", dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		l := startCommand(t, cmd)
		l.write(client, "/")
		assert.Equal(t, want, l.end(), "%d: %s", owner, l.said)
	}
}

// TestWrongFlagsWithoutTheRight: a process that cannot give up root processes no line,
// although DIR records settings and the flags are right.
func TestWrongFlagsWithoutTheRight(t *testing.T) {
	need.Root(t)
	for option, says := range map[string]string{"--bounding-set=-setuid": "cannot become that user", "--securebits=+no_setuid_fixup": "root could be regained"} {
		dir := recordedDir(t, "--user", nobody)
		l := startCommand(t, exec.Command("setpriv", option, hushpipeBinary(t), "filter", "--user", nobody, dir))
		l.write(client, "/")
		assert.Equal(t, 2, l.end())
		assert.Contains(t, l.said.String(), says)
		assert.Contains(t, l.said.String(), "writing nothing")
		assert.Empty(t, written(dir))
		l = startCommand(t, exec.Command("setpriv", option, hushpipeBinary(t), "filter", "--bogus", dir))
		l.write(client, "/")
		assert.Equal(t, 2, l.end())
		assert.Contains(t, l.said.String(), says)
		assert.Empty(t, written(dir))
	}
}

// TestWrongFlagsShown: status and metrics show which processes run on recorded
// settings. A recorded relative path works from any directory.
func TestWrongFlagsShown(t *testing.T) {
	dir := openTo(t)
	base := filepath.Dir(dir)
	good := exec.Command(hushpipeBinary(t), "filter", "--metrics", "x.prom", "--keys", "keys", "log")
	good.Dir = base
	l := startCommand(t, good)
	require.Equal(t, 0, l.end(), "%s", l.said)
	before, err := os.ReadFile(filepath.Join(dir, "settings"))
	require.NoError(t, err)

	l = startLogger(t, "--keep", "never", dir)
	l.write(client, "/http-bind?room=a")
	await(t, func() bool { return written(dir) != "" }, "the line")
	s, _ := statusOf(t, dir)
	require.Len(t, s.Processes, 1)
	assert.True(t, s.Processes[0].Fallback)
	out, err := exec.Command(hushpipeBinary(t), "status", "--keys", filepath.Join(base, "keys"), dir).Output()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "runs on the settings recorded here")
	assert.Contains(t, string(out), "the promise holds")
	assert.EqualValues(t, 1, readMetrics(t, filepath.Join(base, "x.prom"))["wrong_flags"])
	assert.NoDirExists(t, filepath.Join(dir, "keys"))
	assert.Equal(t, 1, l.end())
	after, err := os.ReadFile(filepath.Join(dir, "settings"))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))

	l = startLogger(t, "--metrics", filepath.Join(base, "x.prom"), "--keys", filepath.Join(base, "keys"), dir)
	require.Equal(t, 0, l.end(), "%s", l.said)
	assert.Zero(t, readMetrics(t, filepath.Join(base, "x.prom"))["wrong_flags"])
}

// TestWrongFlagsRetention: with wrong flags, lines are still deleted in time.
func TestWrongFlagsRetention(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		dir := recordedDir(t, "--keep", "3d")
		if !recorded {
			require.NoError(t, os.Remove(filepath.Join(dir, "settings")))
		}
		old := filepath.Join(dir, "access-"+time.Now().AddDate(0, 0, -3).Format(time.DateOnly)+".log")
		young := filepath.Join(dir, "access-"+time.Now().AddDate(0, 0, -2).Format(time.DateOnly)+".log")
		for _, name := range []string{old, young} {
			require.NoError(t, os.WriteFile(name, nil, 0o640))
		}
		l := startLogger(t, "--keep", "9999999d", dir)
		await(t, func() bool { _, err := os.Stat(old); return err != nil }, "the line is deleted")
		l.end()
		assert.FileExists(t, young)
	}
	// Keys elsewhere are deleted too, wherever the mistake is.
	dir, keys := openTo(t), filepath.Join(openTo(t), "../keys")
	good := startLogger(t, "--keep", "3d", "--keys", keys, dir)
	require.Equal(t, 0, good.end(), "%s", good.said)
	require.NoError(t, os.Remove(filepath.Join(dir, "settings")))
	for _, flags := range [][]string{{"--keys", keys, "--bogus"}, {"--bogus", "--keys=" + keys}} {
		day := time.Now().AddDate(0, 0, -3).Format(time.DateOnly)
		old := []string{filepath.Join(dir, "access-"+day+".log"), filepath.Join(keys, day+".key")}
		for _, name := range old {
			require.NoError(t, os.WriteFile(name, nil, 0o600))
		}
		l := startLogger(t, append(flags, dir)...)
		for _, name := range old {
			await(t, func() bool { _, err := os.Stat(name); return err != nil }, name+" is there")
		}
		l.end()
	}
	// A directory that is not a DIR of hushpipe is left alone.
	dir = t.TempDir()
	l := startLogger(t, "--bogus", dir)
	l.write(client, "/")
	require.Equal(t, 2, l.end())
	assert.Equal(t, dir+"\n", tree(dir))
}

// TestWrongFlagsEachMinute: the message is logged at once and at each tick.
func TestWrongFlagsEachMinute(t *testing.T) {
	said, tick, n := &lockedBuffer{}, make(chan time.Time), 0
	log := newMessageLog(said)
	stop := logEveryMinute(tick, log, func() string { n++; return fmt.Sprint("report ", n) })
	tick <- time.Time{}
	tick <- time.Time{}
	stop()
	log.close()
	assert.Equal(t, "hushpipe: error: report 1\nhushpipe: error: report 2\nhushpipe: error: report 3\n", said.String())
}

// TestTypoUnderHTTPD: a typo that httpd's own configuration test accepts, and a
// graceful restart under load: no request waits and no line is lost.
func TestTypoUnderHTTPD(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	h := startHTTPD(t, loadLog(hushpipeBinary(t), dir, "--rooms", "jitsi", "--redact", "from"))
	l := startLoad(h, 500)
	l.await(200)
	h.mistype("--rooms jitsi ", "--rooms jitzi ")
	h.Graceful()
	began := l.sent()
	l.await(2500)
	assert.Greater(t, l.sent()-began, 2000)
	c := l.finish(t, dir)
	t.Log(c)
	require.Zero(t, c.Lost)
	require.Zero(t, c.Duplicated)
	c.requireNoStall(t)
	for _, name := range glob(t, filepath.Join(dir, "access-????-??-??.log")) {
		for _, line := range lines(t, name) {
			require.Contains(t, line, "from=- ", "as no default does it")
		}
	}
	require.Equal(t, 1, strings.Count(h.ErrorLog(), `unknown room preset "jitzi"`), h.ErrorLog())
	require.Contains(t, h.ErrorLog(), dir+"/settings recorded at")
}

// TestTypoUnderHTTPDFromTheStart: without settings in DIR nothing is written, and
// all requests are answered.
func TestTypoUnderHTTPDFromTheStart(t *testing.T) {
	for old, new := range map[string]string{"--ip drop ": "--ip dropp ", " filter ": " fliter "} {
		dir := filepath.Join(t.TempDir(), "log")
		h := newHTTPD(t)
		h.populate([]string{loadLog(hushpipeBinary(t), dir, "--ip", "drop")})
		h.mistype(old, new)
		h.start("-f", filepath.Join(h.Root, "httpd.conf"))
		l := startLoad(h, 500)
		l.await(2200)
		l.stop()
		assert.Less(t, l.longestSince(0), l.control+2*time.Second)
		h.Stop()
		assert.NoFileExists(t, dir)
		assert.Regexp(t, `hushpipe: error: .*reading stdin, since it is a pipe, and writing nothing`, h.ErrorLog())
		assert.Regexp(t, `hushpipe: error: 2,[0-9]{3} lines read and not written`, h.ErrorLog())
	}
}

// mistype changes the configuration, and lets httpd test it.
func (h *httpd) mistype(old, new string) {
	h.t.Helper()
	path := filepath.Join(h.Root, "httpd.conf")
	text, err := os.ReadFile(path)
	require.NoError(h.t, err)
	require.Contains(h.t, string(text), old)
	require.NoError(h.t, os.WriteFile(path, []byte(strings.Replace(string(text), old, new, 1)), 0o644))
	out, err := exec.Command(apache(h.t), "-t", "-f", path).CombinedOutput()
	require.NoError(h.t, err, "%s", out)
}
