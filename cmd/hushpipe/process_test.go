package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/require"
)

// logger is a hushpipe filter as httpd runs it: stdin is a pipe, and stderr goes to a
// log.
type logger struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	said  *lockedBuffer
}

func startLogger(t *testing.T, args ...string) *logger {
	t.Helper()
	p := openPipe(t)
	l := p.startLogger(hushpipeBinary(t), args...)
	p.r.Close()
	l.stdin = p.w
	return l
}

// startCommand starts a logger with this command.
func startCommand(t *testing.T, cmd *exec.Cmd) *logger {
	t.Helper()
	l := &logger{t: t, cmd: cmd, said: &lockedBuffer{}}
	cmd.Stderr = l.said
	var err error
	l.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return l
}

// write writes a line of a client with the current time.
func (l *logger) write(client, target string) {
	l.t.Helper()
	_, err := io.WriteString(l.stdin, logLine(client, target))
	require.NoError(l.t, err)
}

// logLine returns a line with the current time.
func logLine(client, target string) string {
	return fmt.Sprintf("%s - - [%s] \"GET %s HTTP/1.1\" 200 5 \"-\" \"-\"\n",
		client, time.Now().Format("02/Jan/2006:15:04:05 -0700"), target)
}

// end closes the pipe and returns the exit status.
func (l *logger) end() int {
	l.t.Helper()
	l.stdin.Close()
	return l.wait()
}

func (l *logger) wait() int {
	l.t.Helper()
	l.cmd.Wait()
	return l.cmd.ProcessState.ExitCode()
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// written returns the lines in DIR's newest file.
func written(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "access.log"))
	return string(text)
}

// TestTermGoesOnToTheEnd: a line is visible as soon as it is written. SIGTERM and
// SIGHUP, which httpd sends while its children still write, change nothing.
func TestTermGoesOnToTheEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/before")
	await(t, func() bool { return strings.Contains(written(dir), "/before") }, "the first line")
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGTERM} {
		require.NoError(t, l.cmd.Process.Signal(sig))
		l.write("192.0.2.1", "/after")
	}
	await(t, func() bool { return strings.Count(written(dir), "/after") == 3 }, "the lines after the signals")
	l.write("192.0.2.1", "/last")
	require.Equal(t, 0, l.end())
	require.Contains(t, written(dir), "/last")
	require.Empty(t, l.said.String())
}

// TestInterrupt: SIGINT, as from a terminal, ends the input at once and reports that
// there may have been more.
func TestInterrupt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/http-bind?room=a")
	await(t, func() bool { return strings.Contains(written(dir), "room=a") }, "the line")
	require.NoError(t, l.cmd.Process.Signal(syscall.SIGINT))
	l.cmd.Process.Signal(syscall.SIGINT) // as timeout(1) does
	require.Equal(t, 1, l.wait())
	require.Equal(t, "hushpipe: error: interrupted: the input was not read to its end\n", l.said.String())
	files, err := filepath.Glob(dir + "/rooms/rooms-*.log")
	require.NoError(t, err)
	require.Len(t, files, 1, "the room counts are written")
}

// TestInterruptInLine: SIGINT in the middle of a line writes nothing of it, since the
// rest may reach the next process.
func TestInterruptInLine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	io.WriteString(l.stdin, "192.0.2.1 - - \nhalf a li")
	await(t, func() bool { return strings.Contains(written(dir), "- -") }, "the line")
	require.NoError(t, l.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, 1, l.wait())
	require.NotContains(t, written(dir), "half")
	require.Contains(t, l.said.String(), "hushpipe: warning: 1 of 1 line in an unknown format")
}

// TestSecondInterrupt: a second SIGINT kills the process, whatever it waits for.
func TestSecondInterrupt(t *testing.T) {
	l := startLogger(t, filepath.Join(t.TempDir(), "missing", "log"))
	l.write("192.0.2.1", "/one")
	await(t, func() bool { return strings.Contains(l.said.String(), "lines wait in memory") }, "the message")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.wait()
	}()
	began := time.Now()
	await(t, func() bool {
		l.cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}, "the end")
	require.Less(t, time.Since(began), shortWait)
	require.Equal(t, syscall.SIGINT, l.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
}

// TestErrorLogEndsOnTerm: httpd keeps no read end of an ErrorLog pipe, and kills its
// logger 3 s after SIGTERM. There, SIGTERM makes the logger drain the pipe and exit.
func TestErrorLogEndsOnTerm(t *testing.T) {
	requireSoon(t, 3*time.Second, func() time.Duration {
		dir := filepath.Join(t.TempDir(), "log")
		l := startLogger(t, "--format", "error", dir)
		stamp := time.Now().Format("Mon Jan 02 15:04:05.000000 2006")
		for i := range 1000 {
			fmt.Fprintf(l.stdin, "[%s] [core:error] [pid 1:tid 2] [client 192.0.2.1:%d] AH00037: denied\n", stamp, 1024+i)
		}
		await(t, func() bool { return written(dir) != "" }, "the signal handlers of the process")
		began := time.Now()
		require.NoError(t, l.cmd.Process.Signal(syscall.SIGTERM))
		require.Equal(t, 0, l.wait())
		took := time.Since(began)
		require.Equal(t, 1000, strings.Count(written(dir), "\n"))
		require.NotContains(t, written(dir), "192.0.2.1")
		return took
	})
}

// TestUnusableDirectory: a DIR that cannot be made or written does not end the process,
// since httpd would hang. Lines wait, and are written once it can be.
func TestUnusableDirectory(t *testing.T) {
	base := filepath.Join(t.TempDir(), "missing")
	dir := filepath.Join(base, "log")
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/one?from=192.0.2.1")
	await(t, func() bool { return l.said.String() != "" }, "the message")
	require.Contains(t, l.said.String(), "hushpipe: warning: open "+dir+": no such file or directory; lines wait in memory; hint: correct the path, or make what is missing\n")
	l.write("192.0.2.1", "/two")

	require.NoError(t, os.Mkdir(base, 0o755))
	await(t, func() bool { return strings.Contains(written(dir), "/two") }, "the lines that waited")
	l.write("192.0.2.1", "/three")
	require.Equal(t, 0, l.end())
	text := written(dir)
	require.Equal(t, 3, strings.Count(text, "\n"))
	require.NotContains(t, text, "192.0.2.1")
	clients := map[string]bool{}
	for line := range strings.Lines(text) {
		clients[strings.Fields(line)[0]] = true
	}
	require.Len(t, clients, 1, "the pseudonym of the key in memory is that of the key on disk")
	require.Contains(t, l.said.String(), "writing lines again")

	out, err := exec.Command(hushpipeBinary(t), "reveal", dir, strings.Fields(text)[0]).Output()
	require.NoError(t, err)
	require.Equal(t, "192.0.2.1\n", string(out))
}

// TestNeverUsableDirectory: if the directory never becomes usable, the loss is counted
// and reported. The end of the input waits for it, until SIGINT.
func TestNeverUsableDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing", "log")
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/one")
	l.write("192.0.2.1", "/two")
	await(t, func() bool { return strings.Contains(l.said.String(), "lines wait in memory") }, "the message")
	stdin, err := os.Open(fmt.Sprintf("/proc/%d/fd/0", l.cmd.Process.Pid))
	require.NoError(t, err)
	defer stdin.Close()
	l.stdin.Close()
	await(t, func() bool {
		there, err := unread(stdin)
		return err == nil && there == 0
	}, "the lines to be taken out of the pipe, which nobody will read again")
	await(t, func() bool {
		return strings.Contains(l.said.String(), "hushpipe: warning: "+dir+": lines are not written yet, waiting up to 10 min: open "+dir+
			": no such file or directory; hint: Ctrl-C (SIGINT) stops waiting, and the lines are lost\n")
	}, "the reason, in a moment")
	require.NoError(t, l.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, 1, l.wait())
	require.Contains(t, l.said.String(), "hushpipe: error: 2 of 2 lines lost: DIR could not be written, or not in time\n")
	require.NotContains(t, l.said.String(), "192.0.2.1")
}

// TestEndWaitsForDisk: a disk that is full at the end of the input gets time to
// recover, and then nothing is lost.
func TestEndWaitsForDisk(t *testing.T) {
	base := filepath.Join(t.TempDir(), "missing")
	dir := filepath.Join(base, "log")
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/one")
	await(t, func() bool { return strings.Contains(l.said.String(), "lines wait in memory") }, "the message")
	l.stdin.Close()
	require.NoError(t, os.Mkdir(base, 0o755))
	require.Equal(t, 0, l.wait())
	require.Contains(t, written(dir), "/one")
}

// TestEndWaitsForJournal: the same for the journal, and then the room counts are
// complete.
func TestEndWaitsForJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.Mkdir(dir, 0o750))
	journal := filepath.Join(dir, "journal")
	require.NoError(t, os.WriteFile(journal, nil, 0o640))
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/http-bind?room=a")
	await(t, func() bool { return strings.Contains(written(dir), "room=a") && l.said.String() != "" }, "the line and the message")
	l.stdin.Close()
	require.NoError(t, os.Remove(journal))
	require.Equal(t, 0, l.wait())
	rooms, err := filepath.Glob(filepath.Join(dir, "rooms", "rooms-*.log"))
	require.NoError(t, err)
	require.Len(t, rooms, 1)
	text, err := os.ReadFile(rooms[0])
	require.NoError(t, err)
	require.Regexp(t, "^1 [0-9a-f]{40}\n$", string(text))
}

func TestUntilGivenUp(t *testing.T) {
	for _, c := range []struct {
		interrupted, terminal, drained bool
		want                           time.Duration
	}{
		{want: longWait},
		{interrupted: true, want: shortWait},
		{terminal: true, want: shortWait},
		{drained: true, want: shortWait},
	} {
		interrupt, cancel := context.WithCancel(t.Context())
		stopping := &stopState{interrupt: interrupt, drainWait: shortWait}
		stopping.drained.Store(c.drained)
		ctx, cancel2 := stopping.closeContext(c.interrupted, c.terminal)
		end, bounded := ctx.Deadline()
		require.True(t, bounded)
		require.WithinDuration(t, time.Now().Add(c.want), end, time.Second, "%+v", c)
		cancel()
		require.Equal(t, c.interrupted, ctx.Err() == nil, "%+v: an interrupt after the end of the input", c)
		cancel2()
	}
}

// TestTwoStarts: httpd starts each logger twice and ends the first one at once.
// Whatever that has done by then, the second works on the same directory.
func TestTwoStarts(t *testing.T) {
	t.Parallel()
	for range 20 {
		dir := filepath.Join(t.TempDir(), "log")
		first, second := startLogger(t, dir), startLogger(t, dir)
		require.NoError(t, first.cmd.Process.Signal(syscall.SIGTERM))
		second.write("192.0.2.1", "/second")
		if first.end() == 0 { // else the signal came before the program ran
			require.Empty(t, first.said.String())
		}
		third := startLogger(t, dir)
		third.write("192.0.2.1", "/third")
		require.Equal(t, 0, second.end())
		require.Equal(t, 0, third.end())
		require.Empty(t, second.said.String()+third.said.String())

		lines := strings.Split(strings.TrimSpace(written(dir)), "\n")
		require.Len(t, lines, 2)
		require.Equal(t, strings.Fields(lines[0])[0], strings.Fields(lines[1])[0], "both use one key")
	}
}

// TestTimeZone: a line without a time goes to today in the zone of TZ; a line with a
// time stays on the day that it spells.
func TestTimeZone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	now := time.Now().UTC()
	lines := map[string]int{}
	for _, name := range []string{"Pacific/Kiritimati", "Etc/GMT+12", "UTC"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		t.Setenv("TZ", name)
		l := startLogger(t, dir)
		fmt.Fprintf(l.stdin, "no time\n192.0.2.1 - - [%s] \"GET / HTTP/1.1\" 200 5\n", now.Format("02/Jan/2006:15:04:05 -0700"))
		require.Equal(t, 0, l.end())
		lines[now.In(zone).Format(time.DateOnly)]++
		lines[now.Format(time.DateOnly)]++
	}
	for date, n := range lines {
		text, err := os.ReadFile(filepath.Join(dir, "access-"+date+".log"))
		require.NoError(t, err)
		require.Equal(t, n, strings.Count(string(text), "\n"), date)
	}
}

// TestUnknownTimeZone: hushpipe warns of a TZ that package time silently takes for UTC.
func TestUnknownTimeZone(t *testing.T) {
	for _, tt := range []struct {
		zone    string
		unknown bool
	}{
		{"Europe/Berlin", false}, {":Europe/Berlin", false}, {"UTC", false}, {":UTC", false}, {"Etc/UTC", false}, {"", false},
		{"/usr/share/zoneinfo/Asia/Tokyo", false},
		{"Europe/Berlinn", true}, {"CET-1CEST", true}, {"/nowhere", true}, {"a\nb", true},
	} {
		t.Run(tt.zone, func(t *testing.T) {
			t.Setenv("TZ", tt.zone)
			want := ""
			if tt.unknown {
				want = fmt.Sprintf("hushpipe: warning: TZ=%q is not a time zone, so UTC is used; hint: give a name below /usr/share/zoneinfo, as in Europe/Berlin\n", tt.zone)
			}
			dir := filepath.Join(t.TempDir(), "log")
			for _, args := range [][]string{{"filter", "--check", dir}, {"filter", dir}} {
				cmd := exec.Command(hushpipeBinary(t), args...)
				cmd.Stdin = strings.NewReader("")
				var said strings.Builder
				cmd.Stderr = &said
				require.NoError(t, cmd.Run())
				require.Equal(t, want, said.String(), args)
			}
		})
	}
}

// TestCheckLocks: --check reports a network file system without locks.
func TestCheckLocks(t *testing.T) {
	strace := need.Program(t, "strace", "strace")
	for _, number := range []string{"ENOLCK", "EOPNOTSUPP", "ENOSYS"} {
		for _, made := range []bool{true, false} {
			dir := filepath.Join(t.TempDir(), "log")
			if made {
				require.NoError(t, os.Mkdir(dir, 0o750))
			}
			out, err := exec.Command(strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=flock", "-e", "inject=flock:error="+number,
				hushpipeBinary(t), "filter", "--check", dir).CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "%s", out)
			require.Equal(t, exitUsage, exit.ExitCode(), "%s", out)
			require.Contains(t, string(out), "its file system has no locks")
			require.Equal(t, 1, strings.Count(string(out), "\n"), "%s", out)
		}
	}
}

// TestRevealFollows: reveal prints what "tail -f" has written while it waits for more.
func TestRevealFollows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/one")
	require.Equal(t, 0, l.end())

	cmd := exec.Command(hushpipeBinary(t), "reveal", dir)
	out := &lockedBuffer{}
	cmd.Stdout = out
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer cmd.Process.Kill()
	for n := range 2 {
		io.WriteString(in, written(dir)+"[half")
		await(t, func() bool { return strings.Count(out.String(), "192.0.2.1 - - ") == n+1 }, "the line")
		io.WriteString(in, "\n")
	}
	in.Close()
	cmd.Wait()
	notes, err := os.ReadFile(filepath.Join(dir, "acts.log"))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(notes), " lines=1\n"), "%s", notes)
}

// TestEarlySignals: a signal ends filter --stdout, however early it arrives. Many flags
// make parsing slow.
func TestEarlySignals(t *testing.T) {
	names := "a0"
	for i := range 10_000 {
		names += fmt.Sprintf(",a%d", i+1)
	}
	for delay := time.Duration(0); delay < 60*time.Millisecond; delay += 2 * time.Millisecond {
		l := startLogger(t, "--stdout", "--redact", names)
		time.Sleep(delay) // the moment is what is tested
		require.NoError(t, l.cmd.Process.Signal(syscall.SIGTERM))
		ended := make(chan struct{})
		time.AfterFunc(waitLimit, func() {
			select {
			case <-ended:
			default:
				l.cmd.Process.Kill()
			}
		})
		l.cmd.Wait()
		close(ended)
		status := l.cmd.ProcessState.Sys().(syscall.WaitStatus)
		require.Equal(t, syscall.SIGTERM, status.Signal(), "after %v: %s", delay, l.said)
	}
}
