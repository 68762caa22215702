package main

import (
	"errors"
	"fmt"
	"net"
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
	"golang.org/x/sys/unix"
)

// withLandlock skips the test if the kernel has no landlock.
func withLandlock(t *testing.T) {
	t.Helper()
	_, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	need.That(t, errno == 0, "this kernel has no landlock")
}

// probe confines itself to DIR, KEYDIR and the directory of --metrics, and prints what
// is then denied.
func probe() {
	dir, keys, folder, port := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	fmt.Println(confine(dir, keys, folder+"/x.prom"))
	try := func(what string, err error) {
		if err != nil {
			fmt.Println(what)
		}
	}
	write := func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }
	read := func(path string) error { _, err := os.ReadFile(path); return err }
	above := filepath.Dir(dir)
	try("write to DIR", write(dir+"/a"))
	try("rename in DIR", os.Rename(dir+"/a", dir+"/b"))
	try("link in DIR", os.Link(dir+"/b", dir+"/c"))
	try("symlink in DIR", os.Symlink("c", dir+"/d"))
	try("read in DIR", read(dir+"/d"))
	try("truncate in DIR", os.Truncate(dir+"/c", 0))
	try("make a directory", os.Mkdir(dir+"/sub", 0o700))
	try("delete", os.Remove(dir+"/b"))
	try("write to KEYDIR", write(keys+"/a"))
	try("replace the metrics", errors.Join(write(folder+"/a"), os.Rename(folder+"/a", folder+"/x.prom"), read(folder+"/x.prom")))
	try("use another DIR in its place", errors.Join(os.Mkdir(dir+"-new", 0o700), write(dir+"-new/a")))

	try("write to /dev/null", write(os.DevNull))
	try("make a FIFO", unix.Mkfifo(dir+"/fifo", 0o600))
	try("write beside KEYDIR", write(filepath.Dir(keys)+"/a"))
	try("write beside the metrics' directory", write(filepath.Dir(folder)+"/a"))
	try("make a directory beside the metrics", os.Mkdir(folder+"/sub", 0o700))
	try("move a line to the metrics", os.Rename(dir+"/c", folder+"/c"))
	try("read /etc/passwd", read("/etc/passwd"))
	try("list /", func() error { _, err := os.ReadDir("/"); return err }())
	try("move out of DIR", os.Rename(dir+"/a", above+"/a"))
	try("execute", exec.Command("/bin/true").Run())
	// Not net.Dial: its sockets are MPTCP ones, and the ban is on TCP.
	try("connect", func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		var number int
		fmt.Sscan(port, &number)
		return unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: number})
	}())
	try("signal another process", unix.Kill(os.Getppid(), 0))
}

func TestConfine(t *testing.T) {
	withLandlock(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	dir, keys, folder := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "keys"), filepath.Join(t.TempDir(), "node-exporter")
	for _, path := range []string{dir, keys, folder} {
		require.NoError(t, os.Mkdir(path, 0o700))
	}
	cmd := exec.Command(os.Args[0])
	cmd.Args = []string{"probe", dir, keys, folder, port}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	said, failed, _ := strings.Cut(string(out), "\n")
	assert.Regexp(t, `^confined by landlock \(ABI \d+\), seccomp, capabilities$`, said)
	want := "write to /dev/null\nmake a FIFO\nwrite beside KEYDIR\nwrite beside the metrics' directory\nmake a directory beside the metrics\nmove a line to the metrics\nread /etc/passwd\nlist /\nmove out of DIR\nexecute\nconnect\nsignal another process\n"
	assert.Equal(t, want, failed)
}

// reader confines itself to reading a file and a directory and to working on another
// directory, and prints what is then denied.
func reader() {
	file, dir, out := os.Args[1], os.Args[2], os.Args[3]
	fmt.Println(confineReader([]string{file, dir, dir + "/nothing"}, out+"/page"))
	try := func(what string, err error) {
		if err != nil {
			fmt.Println(what)
		}
	}
	read := func(path string) error { _, err := os.ReadFile(path); return err }
	list := func(path string) error { _, err := os.ReadDir(path); return err }
	write := func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }
	try("read the file", read(file))
	try("list the directory", list(dir))
	try("read in the directory", read(dir+"/a"))
	try("make the page", errors.Join(write(out+"/b"), os.Rename(out+"/b", out+"/a"), read(out+"/a")))

	try("make a directory", os.Mkdir(out+"/sub", 0o700))
	try("write to the file", write(file))
	try("read beside the file", read(filepath.Dir(file)+"/beside"))
	try("write to the directory", write(dir+"/b"))
	try("remove in the directory", os.Remove(dir+"/a"))
	try("read /etc/passwd", read("/etc/passwd"))
	try("execute", exec.Command("/bin/true").Run())
}

func TestConfineReader(t *testing.T) {
	withLandlock(t)
	files, dir, out := t.TempDir(), t.TempDir(), t.TempDir()
	for _, path := range []string{files + "/a", files + "/beside", dir + "/a"} {
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	cmd := exec.Command(os.Args[0])
	cmd.Args = []string{"reader", files + "/a", dir, out}
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Regexp(t, `^confined by landlock \(ABI \d+\), seccomp, capabilities
make a directory
write to the file
read beside the file
write to the directory
remove in the directory
read /etc/passwd
execute
$`, string(said))
}

// TestFolders: parentDirs never returns "/", not even for a relative path to a file in
// it.
func TestFolders(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Chdir(dir)
	assert.Equal(t, []string{dir}, parentDirs([]string{"", "x.mmdb", "/x.mmdb"}))
	t.Chdir("/")
	assert.Empty(t, parentDirs([]string{"x.mmdb", "./x.mmdb"}))
}

func TestReach(t *testing.T) {
	withLandlock(t)
	base, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	dir := filepath.Join(base, "log")
	require.NoError(t, os.Mkdir(dir, 0o700))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	for _, c := range []struct {
		dir, keys string
		want      []string
		err       string
	}{
		{"", "", nil, ""},
		{dir, "", []string{dir, base}, ""},
		{link, "", []string{dir, base}, ""},
		{base + "/new", "", []string{base}, ""},
		{base + "/no/such/log", "", []string{base}, ""},
		{"/tmp", "", []string{"/tmp"}, ""},
		{"/tmp", dir, []string{"/tmp", dir}, ""},
		{"/tmp", base + "/keys", []string{"/tmp", base}, ""},
		{"/no-such-directory/log", "", nil, "/no-such-directory/log: no directory above it exists"},
	} {
		got, err := reachableDirs(c.dir, c.keys)
		assert.Equal(t, c.want, got, "%s %s", c.dir, c.keys)
		if c.err != "" {
			assert.EqualError(t, err, c.err)
		} else {
			assert.NoError(t, err)
		}
	}
}

// TestConfinedToDirectory: a confined process can use a DIR again that was deleted and
// made anew or mounted over, but nothing outside.
func TestConfinedToDirectory(t *testing.T) {
	withLandlock(t)
	need.Root(t) // to whom nothing but landlock denies anything
	base, elsewhere := t.TempDir(), t.TempDir()
	dir := filepath.Join(base, "log")
	l := startLogger(t, dir)
	line := func(target string) {
		l.write("192.0.2.1", target)
		await(t, func() bool { return strings.Contains(written(dir), target) }, target)
	}
	line("/one")
	for _, value := range status(t, l.cmd.Process.Pid, "NoNewPrivs") {
		require.Equal(t, "1", value)
	}
	removed := func() bool { return os.RemoveAll(dir) == nil } // the logger may make a file meanwhile
	await(t, removed, "DIR is not removed")
	line("/two")
	await(t, removed, "DIR is not removed")
	require.NoError(t, os.Symlink(elsewhere, dir))
	l.write("192.0.2.1", "/three")
	await(t, func() bool { return strings.Contains(l.said.String(), "open "+dir+": permission denied") }, "the refusal")
	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.Mkdir(dir, 0o750))
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	line("/four")
	require.Contains(t, written(dir), "/three", "the line that waited")
	require.Equal(t, 0, l.end())
	names, err := os.ReadDir(elsewhere)
	require.NoError(t, err)
	require.Empty(t, names)
}

// TestCommandsConfined checks the confinement of each command while it waits for its
// input or output.
func TestCommandsConfined(t *testing.T) {
	withLandlock(t)
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/http-bind?room=a")
	require.Equal(t, 0, l.end())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "access-2001-01-01.log"), nil, 0o640)) // for purge to tell of
	for _, args := range [][]string{{"filter"}, {"rooms"}, {"reveal"}, {"find", "--address", "-"}, {"purge"}, {"status"}} {
		in, out := openPipe(t), openPipe(t)
		fd := int(out.w.Fd())
		require.NoError(t, unix.SetNonblock(fd, true))
		for err := error(nil); err == nil; { // which is full then
			_, err = unix.Write(fd, make([]byte, 4096))
		}
		require.NoError(t, unix.SetNonblock(fd, false))
		cmd := exec.Command(hushpipeBinary(t), append(args, dir)...)
		cmd.Stdin, cmd.Stdout = in.r, out.w
		require.NoError(t, cmd.Start())
		await(t, func() bool { return stat(cmd.Process.Pid, "NoNewPrivs") == "1" }, args[0]+" is not confined")
		cmd.Process.Kill()
		cmd.Wait()
	}
}

// TestCrashTellsNothing: a crash leaves no core and prints nothing from memory,
// whatever the environment or /dev/null is.
func TestCrashTellsNothing(t *testing.T) {
	for _, test := range []struct {
		sig  syscall.Signal
		null string // commands that take /dev/null away
	}{
		{syscall.SIGQUIT, ""}, {syscall.SIGABRT, ""}, {syscall.SIGSEGV, ""}, {syscall.SIGTRAP, ""},
		{syscall.SIGQUIT, "mount -t tmpfs none /dev; "},
		{syscall.SIGQUIT, "touch file; mount --bind file /dev/null; "},
		{syscall.SIGQUIT, "mkfifo fifo; mount --bind fifo /dev/null; "},
	} {
		base := t.TempDir()
		dir, sig := filepath.Join(base, "log"), test.sig
		start := []string{"sh", "-c", test.null + `ulimit -c unlimited; exec "$0" "$@"`, hushpipeBinary(t), "filter", dir}
		if test.null != "" {
			if os.Geteuid() != 0 {
				require.NotEqual(t, "true", os.Getenv("CI"), "CI runs as root")
				continue
			}
			start = append([]string{"unshare", "--mount"}, start...)
		}
		cmd := exec.Command(start[0], start[1:]...)
		cmd.Dir = base
		cmd.Env = append(os.Environ(), "GOTRACEBACK=crash")
		l := startCommand(t, cmd)
		l.write("192.0.2.1", "/http-bind?room=a")
		await(t, func() bool { return strings.Contains(written(dir), "room=a") }, "the line")
		require.NoError(t, cmd.Process.Signal(sig))
		require.NotZero(t, l.wait())
		assert.Empty(t, l.said.String(), sig)
		assert.False(t, cmd.ProcessState.Sys().(syscall.WaitStatus).CoreDump(), sig)
		names, err := filepath.Glob(base + "/*core*")
		require.NoError(t, err)
		assert.Empty(t, names, sig)
		if null, err := os.ReadFile(filepath.Join(base, "file")); err == nil {
			assert.Empty(t, string(null))
		}
	}
}

// TestTimesWhileConfined: a confined process can correct the dates of files written
// under a clock far ahead, so that they expire, and of files that it erases. Running
// loggers log nothing about it.
func TestTimesWhileConfined(t *testing.T) {
	t.Parallel()
	notAtMidnight()
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, "--rooms", "none", dir)
	l.write("192.0.2.1", "/a")
	await(t, func() bool { return strings.Count(written(dir), "\n") == 1 }, "the line")
	ahead := time.Now().AddDate(3, 0, 0)
	file := filepath.Join(dir, ahead.Format("access-2006-01-02.log"))
	require.NoError(t, os.WriteFile(file, nil, 0o640))
	require.NoError(t, os.Chtimes(file, ahead, ahead))
	said, err := exec.Command(hushpipeBinary(t), "purge", dir).CombinedOutput()
	require.NoError(t, err, "%s", said)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.WithinRange(t, info.ModTime(), ahead.AddDate(-4, 0, 0), time.Now())
	said, err = exec.Command(hushpipeBinary(t), "erase", dir, "--all", "--yes", "--reason", "case 1").CombinedOutput()
	require.NoError(t, err, "%s", said)
	l.write("192.0.2.1", "/b")
	await(t, func() bool { return strings.Count(written(dir), "\n") == 1 }, "the line")
	require.Zero(t, l.end(), l.said)
	assert.NotContains(t, l.said.String(), "was deleted while in use")
}
