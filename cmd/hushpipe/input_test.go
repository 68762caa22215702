package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// fifoPath returns the path of a missing FIFO in a directory that others cannot enter.
func fifoPath(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(filepath.Dir(openTo(t)), "fifo")
	require.NoError(t, os.Mkdir(dir, 0o700))
	return filepath.Join(dir, "access.log")
}

// holdFIFO makes a FIFO and holds it open like systemd for ListenFIFO=.
func holdFIFO(t *testing.T) *pipe {
	t.Helper()
	p := &pipe{t: t, path: fifoPath(t)}
	p.hold()
	return p
}

func (p *pipe) hold() {
	p.t.Helper()
	require.NoError(p.t, unix.Mkfifo(p.path, 0o600))
	// fifo_address_create in systemd's src/core/socket.c
	fd, err := unix.Open(p.path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	require.NoError(p.t, err)
	p.r = os.NewFile(uintptr(fd), p.path)
	p.w, err = os.OpenFile(p.path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(p.t, err)
	unix.SetNonblock(int(p.w.Fd()), false) // a server waits
	p.t.Cleanup(p.close)
}

// activated returns the command as systemd runs it, with the FIFO as descriptor 3
// (sd_listen_fds(3)).
func (p *pipe) activated(program string, args []string) *exec.Cmd {
	cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" filter "$@"`, program, "--input", p.path}, args...)...)
	cmd.ExtraFiles = []*os.File{p.r}
	return cmd
}

// TestInput: the FIFO is made with access for its owner only, writers come and go, and
// SIGTERM ends the process once everything in it is written.
func TestInput(t *testing.T) {
	dir, path := filepath.Join(t.TempDir(), "log"), fifoPath(t)
	l := startLogger(t, "--input", path, dir)
	for n := range 3 {
		var w *os.File
		await(t, func() (ok bool) {
			var err error
			w, err = os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0) // not before somebody reads
			return err == nil
		}, "a reader of the FIFO")
		io.WriteString(w, logLine("192.0.2.1", fmt.Sprintf("/?id=l%d", n)))
		w.Close()
		await(t, func() bool { return strings.Contains(written(dir), fmt.Sprintf("id=l%d ", n)) }, "the line")
	}
	require.NoError(t, l.cmd.Process.Signal(syscall.SIGHUP), "means nothing")
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer w.Close()
	for n := range 500 {
		io.WriteString(w, logLine("192.0.2.1", fmt.Sprintf("/?id=m%d", n)))
	}
	began := time.Now()
	require.NoError(t, l.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, l.wait())
	require.Less(t, time.Since(began), waitLimit)
	require.Empty(t, l.said.String())
	require.Len(t, ids(lines(t, filepath.Join(dir, "access.log"))), 503)
	st, err := os.Lstat(path)
	require.NoError(t, err)
	require.Equal(t, os.ModeNamedPipe|0o600, st.Mode())
}

// TestInputRestart: lines written while no hushpipe runs wait for the next one, as does
// a line that was incomplete at SIGTERM. SIGTERM ends the process even while the server
// writes.
func TestInputRestart(t *testing.T) {
	const restarts = 10
	program, dir, p := hushpipeBinary(t), filepath.Join(t.TempDir(), "log"), holdFIFO(t)
	stop, sent := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				sent <- n
				return
			default:
			}
			line := logLine("192.0.2.1", fmt.Sprintf("/?id=l%d", n))
			half := n % len(line)
			io.WriteString(p.w, line[:half])
			io.WriteString(p.w, line[half:])
			time.Sleep(100 * time.Microsecond) // else the pipe is always full
		}
	}()
	for n := range restarts {
		l := p.startLogger(program, dir)
		had := len(written(dir))
		await(t, func() bool { return len(written(dir)) > had }, "more lines")
		began := time.Now()
		require.Equal(t, 0, p.end(l), "restart %d: %s", n, l.said)
		require.Less(t, time.Since(began), waitLimit, "restart %d", n)
		l.requireCalm()
		time.Sleep(20 * time.Millisecond) // nobody reads
	}
	l := p.startLogger(program, dir)
	close(stop)
	total := <-sent
	await(t, func() bool { return strings.Contains(written(dir), fmt.Sprintf("id=l%d ", total-1)) }, "the last line")
	require.Equal(t, 0, p.end(l), l.said)
	text := lines(t, filepath.Join(dir, "access.log"))
	require.Len(t, text, total)
	require.Len(t, ids(text), total)
	require.Equal(t, map[string]int{"lines": total, "processes_ended": restarts + 1}, totals(t, dir))
}

// TestInputTwice: a second process would take lines from the first.
func TestInputTwice(t *testing.T) {
	program, dir, p := hushpipeBinary(t), filepath.Join(t.TempDir(), "log"), holdFIFO(t)
	l := p.startLogger(program, dir)
	p.write("192.0.2.1", "/one")
	await(t, func() bool { return strings.Contains(written(dir), "/one") }, "the line")
	for _, second := range []*logger{p.startLogger(program, dir), startLogger(t, "--input", p.path, dir)} {
		require.Equal(t, 1, second.wait())
		require.Equal(t, "hushpipe: error: "+p.path+": another hushpipe reads it; hint: end that one, or give this one a FIFO of its own\n", second.said.String())
	}
	p.write("192.0.2.1", "/two")
	await(t, func() bool { return strings.Contains(written(dir), "/two") }, "the line")
	require.Equal(t, 0, p.end(l), l.said)
}

// TestInputRefused: paths at which others could read lines or put their own file.
func TestInputRefused(t *testing.T) {
	need.Root(t)
	other := func(path string) error { return os.Chown(path, 65534, -1) }
	for _, tt := range []struct {
		name, want string
		closed     bool // the directory, to others
		prepare    func(path string) error
	}{
		{"a link", "it is a symbolic link; hint: name the FIFO itself", true, func(path string) error { return os.Symlink("elsewhere", path) }},
		{"a directory", "it is a directory, not a FIFO; hint: give the path of the FIFO", true, func(path string) error { return os.Mkdir(path, 0o700) }},
		{"a socket", "it is a socket, not a FIFO; hint: give the path of the FIFO", true, func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) }},
		{"a FIFO that all can read", "other users can read it", false, func(path string) error { return mkfifo(path, 0o644) }},
		{"a FIFO that a group can read", "other users can read it", false, func(path string) error { return mkfifo(path, 0o660) }},
		{"a FIFO of another user", "other users can read it", false, func(path string) error {
			return errorsOf(mkfifo(path, 0o600), other(path))
		}},
		{"a FIFO that a group can write", "", false, func(path string) error { return mkfifo(path, 0o620) }},
		{"a FIFO that nginx gave away, where nobody comes", "", true, func(path string) error {
			return errorsOf(mkfifo(path, 0o644), other(path))
		}},
		{"no FIFO yet", "", false, func(string) error { return nil }},
		{"a directory that a group can write", "other users can write to ", true, func(path string) error { return os.Chmod(filepath.Dir(path), 0o770) }},
		{"a directory of another user", "other users can write to ", true, func(path string) error { return other(filepath.Dir(path)) }},
		{"a directory as /tmp", "other users can write to ", true, func(path string) error { return os.Chmod(filepath.Dir(path), 0o777|os.ModeSticky) }},
		{"below a directory that others can write", "other users can write to ", true, func(path string) error {
			return os.Chmod(filepath.Dir(filepath.Dir(path)), 0o777)
		}},
		{"no directory", "its directory is missing; hint: mkdir -m 700 ", true, func(path string) error { return os.Remove(filepath.Dir(path)) }},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			dir, path := filepath.Join(t.TempDir(), "log"), fifoPath(t)
			if !tt.closed {
				require.NoError(t, os.Chmod(filepath.Dir(path), 0o711))
			}
			require.NoError(t, tt.prepare(path))
			check, err := exec.Command(hushpipeBinary(t), "filter", "--check", "--input", path, dir).CombinedOutput()
			if tt.want == "" {
				require.NoError(t, err, "%s", check)
				require.Equal(t, "hushpipe: configuration OK\n", string(check))
				return
			}
			require.Contains(t, string(check), tt.want)
			l := &logger{t: t, said: &lockedBuffer{}, cmd: exec.Command(hushpipeBinary(t), "filter", "--input", path, dir)}
			l.cmd.Stderr = l.said
			require.NoError(t, l.cmd.Start())
			require.Equal(t, exitUsage, l.wait())
			require.Equal(t, string(check), l.said.String())
			require.Contains(t, l.said.String(), "; hint: ")
		})
	}
}

// TestInputDevice: no message advises to remove a device.
func TestInputDevice(t *testing.T) {
	out, err := exec.Command(hushpipeBinary(t), "filter", "--check", "--input", os.DevNull, t.TempDir()).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "--input /dev/null: it is a device, not a FIFO; hint: give the path of the FIFO, as /run/hushpipe/NAME/access.log\n")
}

// TestInputFile: a regular file counts as made by a server only in a place of FIFOs.
// Any other file stays as it is, even if its name looks as if it had been moved from
// there.
func TestInputFile(t *testing.T) {
	need.Root(t)
	below := func(t *testing.T, parent string) string {
		dir, err := os.MkdirTemp(parent, "hushpipe-test-")
		require.NoError(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	for _, tt := range []struct {
		where  string
		mode   os.FileMode
		taken  bool
		folder func(t *testing.T) string
	}{
		{"below /run", 0o755, true, func(t *testing.T) string { return below(t, "/run") }},
		{"below /var/run", 0o711, true, func(t *testing.T) string { return below(t, "/var/run") }},
		{"a closed directory", 0o700, true, func(t *testing.T) string { return filepath.Dir(fifoPath(t)) }},
		{"a directory that is only passed", 0o711, true, func(t *testing.T) string { return filepath.Dir(fifoPath(t)) }},
		{"a directory that a group can read", 0o750, false, func(t *testing.T) string { return filepath.Dir(fifoPath(t)) }},
		{"a directory as /var/log/nginx", 0o755, false, func(t *testing.T) string { return filepath.Dir(fifoPath(t)) }},
		{"a closed directory with another file", 0o700, false, func(t *testing.T) string {
			folder := filepath.Dir(fifoPath(t))
			require.NoError(t, os.WriteFile(filepath.Join(folder, "error.log"), nil, 0o600))
			return folder
		}},
		{"below /var/log", 0o711, false, func(t *testing.T) string { return below(t, "/var/log") }},
		{"below /root", 0o700, false, func(t *testing.T) string { return below(t, "/root") }},
		{"below /etc", 0o700, false, func(t *testing.T) string { return below(t, "/etc") }},
		{"a link to a directory below /var/log", 0o711, false, func(t *testing.T) string {
			link := filepath.Join(t.TempDir(), "link")
			require.NoError(t, os.Symlink(below(t, "/var/log"), link))
			return link
		}},
	} {
		for _, name := range []string{"access.log", "access.log.raw-1"} {
			t.Run(strings.ReplaceAll(tt.where, " ", "-")+"/"+name, func(t *testing.T) {
				folder, dir := tt.folder(t), filepath.Join(t.TempDir(), "log")
				require.NoError(t, os.Chmod(folder, tt.mode))
				path, text := filepath.Join(folder, name), rawLines(0, 3)
				require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
				refusal := fmt.Sprintf("hushpipe: error: --input: %s is a file, not a FIFO; hint: to take over what is in it: hushpipe replay DIR %s\n", path, path)
				check, _ := exec.Command(hushpipeBinary(t), "filter", "--check", "--input", path, dir).CombinedOutput()
				require.Equal(t, !tt.taken, refusal == string(check), "%s", check)
				if tt.taken {
					l := startLogger(t, "--input", path, dir)
					await(t, func() bool {
						return strings.Contains(l.said.String(), ": 3 lines written to "+dir+"; it was overwritten and deleted\n")
					}, "the message")
					l.cmd.Process.Signal(syscall.SIGTERM) // with .raw-1 it ends by itself
					require.Equal(t, 0, l.wait())
					require.Len(t, lines(t, filepath.Join(dir, "access.log")), 3)
					return
				}
				filter := exec.Command(hushpipeBinary(t), "filter", "--input", path, dir)
				said, _ := filter.CombinedOutput()
				require.Equal(t, exitUsage, filter.ProcessState.ExitCode())
				require.Equal(t, refusal, string(said))
				left, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, text, string(left))
				require.NoDirExists(t, dir)
			})
		}
	}
}

// TestInputRawFileExpired: the last message counts the lines that were not written.
func TestInputRawFileExpired(t *testing.T) {
	dir, raw := filepath.Join(t.TempDir(), "log"), fifoPath(t)+".raw-1"
	const old = `192.0.2.9 - - [01/Jan/2020:00:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"` + "\n"
	require.NoError(t, os.WriteFile(raw, []byte(old+rawLines(0, 3)+old), 0o600))
	l := startLogger(t, "--input", raw, dir)
	require.Equal(t, 0, l.wait(), l.said)
	require.NoFileExists(t, raw)
	require.Contains(t, l.said.String(), "hushpipe: warning: "+raw+": 3 lines written to "+dir+", 2 not written; it was overwritten and deleted\n")
	require.Contains(t, l.said.String(), "2 of 5 lines past the retention: not written")
	require.Len(t, lines(t, filepath.Join(dir, "access.log")), 3)
}

func mkfifo(path string, mode uint32) error {
	return errorsOf(unix.Mkfifo(path, mode), os.Chmod(path, os.FileMode(mode)))
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestInputWrongFlags: a server waits at the other end of the FIFO, so wrong flags do
// not end the process, as with a pipe. SIGTERM does.
func TestInputWrongFlags(t *testing.T) {
	program, dir, p := hushpipeBinary(t), filepath.Join(t.TempDir(), "log"), holdFIFO(t)
	l := p.startLogger(program, "--ip", "drop", dir)
	p.write("192.0.2.1", "/one")
	await(t, func() bool { return strings.Contains(written(dir), "/one") }, "the line")
	require.Equal(t, 0, p.end(l), l.said)

	p.write("192.0.2.1", "/two")
	l = p.startLogger(program, "--pi", "drop", dir)
	await(t, func() bool { return strings.Contains(written(dir), "/two") }, "the line")
	require.Equal(t, 1, p.end(l))
	require.Contains(t, l.said.String(), "unknown flag: --pi")
	require.Contains(t, l.said.String(), "running on the flags that")
	require.Equal(t, 2, strings.Count(written(dir), "- - - ["), written(dir))

	bare := filepath.Join(t.TempDir(), "log")
	l = p.startLogger(program, "--pi", "drop", bare)
	await(t, func() bool { return strings.Contains(l.said.String(), "writing nothing") }, "the message")
	require.NotContains(t, l.said.String(), "stdin")
	require.Equal(t, exitUsage, p.end(l))
}

// TestInputAsUser: the FIFO is in a directory that only root can enter. It is opened
// before the process becomes another user and confines itself.
func TestInputAsUser(t *testing.T) {
	need.Root(t)
	dir, p := openTo(t), holdFIFO(t)
	l := p.startLogger(hushpipeBinary(t), "--user", nobody, dir)
	p.write("192.0.2.1", "/one")
	await(t, func() bool { return strings.Contains(written(dir), "/one") }, "the line")
	u, err := user.Lookup(nobody)
	require.NoError(t, err)
	for _, uids := range status(t, l.cmd.Process.Pid, "Uid") {
		require.Equal(t, strings.Repeat(u.Uid+"\t", 3)+u.Uid, uids)
	}
	out, _ := exec.Command(hushpipeBinary(t), "status", dir).Output()
	require.Contains(t, string(out), "confined by landlock")
	require.Equal(t, 0, p.end(l), l.said)
	require.Empty(t, l.said.String())
	requireOwner(t, nobody, dir)
}

// TestInputDeleted: if the FIFO is deleted, the server makes a file in its place.
func TestInputDeleted(t *testing.T) {
	p := holdFIFO(t)
	src := &source{file: p.r, fifo: true}
	require.Empty(t, src.fault())
	require.NoError(t, os.Remove(p.path))
	require.Contains(t, src.fault(), p.path+" was deleted: ")
}

// rawLines returns lines of a server that found no FIFO.
func rawLines(from, to int) string {
	var text strings.Builder
	for n := from; n < to; n++ {
		text.WriteString(logLine(fmt.Sprintf("192.0.2.%d", 1+n%200), fmt.Sprintf("/http-bind?room=a&id=l%d", n)))
	}
	return text.String()
}

// TestInputRawFile: a web server found no FIFO and made a file with raw addresses. The
// FIFO takes its place. hushpipe reads the file's lines, including those that the
// server still writes, overwrites them as soon as they are in DIR, and deletes the file
// when the server has closed it.
func TestInputRawFile(t *testing.T) {
	need.Root(t)
	for _, by := range []string{"hushpipe", "the socket unit"} {
		t.Run(strings.ReplaceAll(by, " ", "-"), func(t *testing.T) {
			dir, p := openTo(t), &pipe{t: t, path: fifoPath(t)}
			server, err := os.OpenFile(p.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
			require.NoError(t, err)
			require.NoError(t, server.Chown(65534, -1)) // as nginx does
			io.WriteString(server, rawLines(0, 1000))
			inode := filepath.Join(t.TempDir(), "inode")
			require.NoError(t, os.Link(p.path, inode))

			check, err := exec.Command(hushpipeBinary(t), "filter", "--check", "--input", p.path, dir).CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(check), "it is a regular file, with raw addresses if a web server made it")
			require.FileExists(t, p.path)

			var l *logger
			if by == "hushpipe" {
				l = startLogger(t, "--user", nobody, "--input", p.path, dir)
				await(t, func() bool {
					st, err := os.Lstat(p.path)
					return err == nil && st.Mode().Type() == os.ModeNamedPipe
				}, "the FIFO")
				said := p.path + ": the web server made a file with raw addresses here, since it found no FIFO; "
				await(t, func() bool { return strings.Contains(l.said.String(), said) }, "the message")
				require.Contains(t, l.said.String(), "; hint: reload the web server now")
			} else {
				out, err := prepareSocket(t, p.path).CombinedOutput()
				require.NoError(t, err, "%s", out)
				p.hold()
				l = p.startLogger(hushpipeBinary(t), "--user", nobody, dir)
			}
			await(t, func() bool { return strings.Contains(written(dir), "id=l999 ") }, "the lines of the file")
			io.WriteString(server, rawLines(1000, 1100))
			await(t, func() bool { return strings.Contains(written(dir), "id=l1099 ") }, "the lines that came to the file meanwhile")
			reloaded, err := os.OpenFile(p.path, os.O_WRONLY|os.O_APPEND, 0)
			require.NoError(t, err)
			defer reloaded.Close()
			io.WriteString(reloaded, rawLines(1100, 1200))
			await(t, func() bool { return strings.Contains(written(dir), "id=l1199 ") }, "the lines of the FIFO")
			zeros := func() bool {
				text, err := os.ReadFile(inode)
				return err == nil && len(strings.Trim(string(text), "\x00\n")) == 0
			}
			await(t, zeros, "the lines in the file to be overwritten")
			require.Len(t, glob(t, p.path+".raw-*"), 1)

			server.Close()
			await(t, func() bool {
				left, _ := filepath.Glob(p.path + ".raw-*")
				return len(left) == 0
			}, "the file to be deleted")
			st, err := os.Stat(inode)
			require.NoError(t, err)
			require.Zero(t, st.Size())
			await(t, func() bool { return strings.Contains(l.said.String(), "it was overwritten and deleted") }, "the message")
			require.NoError(t, l.cmd.Process.Signal(syscall.SIGTERM))
			require.Equal(t, 0, l.wait())
			text := lines(t, filepath.Join(dir, "access.log"))
			require.Len(t, text, 1200)
			require.Len(t, ids(text), 1200)
			requireOwner(t, nobody, dir)
			require.NotContains(t, l.said.String(), "192.0.2.")
			require.Equal(t, map[string]int{"lines": 1200, "processes_ended": 2}, totals(t, dir))
		})
	}
}

// TestInputRawFileKilled: after a kill, the next start finds the remaining lines of the
// file.
func TestInputRawFileKilled(t *testing.T) {
	t.Parallel()
	const total, kills = 100_000, 8
	dir, path := filepath.Join(t.TempDir(), "log"), fifoPath(t)
	raw := path + ".raw-1"
	require.NoError(t, os.WriteFile(raw, []byte(rawLines(0, total)), 0o600))
	makeDIR(t, hushpipeBinary(t), dir)
	size := func() int64 {
		st, err := os.Stat(filepath.Join(dir, "access.log"))
		if err != nil {
			return 0
		}
		return st.Size()
	}
	for range kills {
		had := size()
		l := startLogger(t, "--input", raw, dir)
		await(t, func() bool { return size() > had || l.dead() }, "no line is taken out")
		l.kill()
	}
	l := startLogger(t, "--input", raw, dir)
	require.Equal(t, 0, l.wait(), l.said)
	require.NoFileExists(t, raw)
	read := newReading()
	for _, line := range lines(t, filepath.Join(dir, "access.log")) {
		m := idParam.FindStringSubmatch(line)
		require.NotNil(t, m, line)
		read.add(m[1], line)
	}
	t.Log(read.again)
	require.Len(t, read.found, total)
	read.again.requireOneBatchEach(t, kills)
	clients := map[netip.Addr]bool{}
	for n := range 200 {
		clients[netip.MustParseAddr("192.0.2."+strconv.Itoa(1+n))] = true
	}
	assertNoAddressBelow(t, dir, clients)
	rooms, err := os.ReadFile(glob(t, filepath.Join(dir, "rooms/rooms-*.log"))[0])
	require.NoError(t, err)
	require.Equal(t, roomLines(roomClients{"a": clients}), string(rooms))
}

// TestInputUsage: flags that exclude --input.
func TestInputUsage(t *testing.T) {
	dir, path := t.TempDir(), fifoPath(t)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--stdout", "--input", path}, "--input: it has no use with --stdout; hint: leave one of them out"},
		{[]string{"--input", filepath.Join(dir, "fifo"), dir}, "it is in DIR; hint: give a path elsewhere, as /run/hushpipe/NAME/access.log"},
	} {
		out, err := exec.Command(hushpipeBinary(t), append([]string{"filter"}, tt.args...)...).CombinedOutput()
		assert.Error(t, err)
		assert.Contains(t, string(out), tt.want)
	}
	assert.False(t, slices.ContainsFunc(recordable(filterCommand(nil, nil, nil).Flags()), func(flag string) bool {
		return strings.HasPrefix(flag, "--input")
	}), "DIR records how to treat lines, not where they come from")
}
