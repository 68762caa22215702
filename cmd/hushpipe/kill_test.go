package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pipe is a pipe as httpd makes it for a logger: both ends stay open, so that the next
// logger gets what the last one left unread. With a path it is a FIFO, which the test
// holds like systemd.
type pipe struct {
	t    *testing.T
	r, w *os.File
	path string
}

func openPipe(t *testing.T) *pipe {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { r.Close(); w.Close() })
	return &pipe{t: t, r: r, w: w}
}

// startLogger starts a logger that reads the pipe.
func (p *pipe) startLogger(program string, args ...string) *logger {
	p.t.Helper()
	l := &logger{t: p.t, said: &lockedBuffer{}}
	l.cmd = exec.Command(program, append([]string{"filter"}, args...)...)
	l.cmd.Stdin = p.r
	if p.path != "" {
		l.cmd = p.activated(program, args)
	}
	l.cmd.Stderr = l.said
	require.NoError(p.t, l.cmd.Start())
	p.t.Cleanup(func() { l.cmd.Process.Kill(); l.cmd.Wait() })
	return l
}

func (p *pipe) write(client, target string) {
	p.t.Helper()
	_, err := io.WriteString(p.w, logLine(client, target))
	require.NoError(p.t, err)
}

func (p *pipe) close() {
	p.r.Close()
	p.w.Close()
}

// end closes the pipe, or ends the logger that reads a FIFO, and returns the logger's
// exit status.
func (p *pipe) end(l *logger) int {
	p.t.Helper()
	if p.path == "" {
		p.close()
	} else {
		require.NoError(p.t, l.cmd.Process.Signal(syscall.SIGTERM))
	}
	return l.wait()
}

// eachPipe runs a test with the pipe of a piped logger and with a FIFO.
func eachPipe(t *testing.T, test func(t *testing.T, p *pipe)) {
	t.Run("pipe", func(t *testing.T) { test(t, openPipe(t)) })
	t.Run("FIFO", func(t *testing.T) { test(t, holdFIFO(t)) })
}

// kill sends SIGKILL.
func (l *logger) kill() {
	l.t.Helper()
	require.NoError(l.t, l.cmd.Process.Kill())
	l.cmd.Wait()
}

// makeDIR makes DIR and its keys, like a first start. If they were missing, a writer
// that fills the pipe within the 50 ms that a line waits there would not wait for a
// slow disk: its lines would wait in memory, where a kill loses them.
func makeDIR(t *testing.T, program, dir string) {
	t.Helper()
	require.NoError(t, exec.Command(program, "filter", dir).Run())
}

// requireCalm fails the test if the logger has logged anything except that the disk was
// slow, or what a kill has left.
func (l *logger) requireCalm() {
	l.t.Helper()
	for line := range strings.Lines(l.said.String()) {
		require.Regexp(l.t, "the key of .* could not be read in time|cut off .* of a line that a process left unfinished|one batch of lines is twice|ends within a frame, as after a kill", line)
	}
}

// dead reports whether the process has ended.
func (l *logger) dead() bool { return procStat(l.t, l.cmd.Process.Pid)[0] == "Z" }

// cpu returns the process's CPU time in ticks of 10 ms.
func (l *logger) cpu() int {
	f := procStat(l.t, l.cmd.Process.Pid)
	user, err := strconv.Atoi(f[11])
	require.NoError(l.t, err)
	system, err := strconv.Atoi(f[12])
	require.NoError(l.t, err)
	return user + system
}

// procStat returns the fields of /proc/PID/stat from field 3, the state, on
// (proc_pid_stat(5)).
func procStat(t *testing.T, pid int) []string {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

// loggers returns the process ids of the loggers of dir, newest last.
func loggers(t *testing.T, dir string) []int {
	t.Helper()
	type process struct{ pid, start int }
	var found []process
	for _, name := range glob(t, "/proc/[0-9]*/cmdline") {
		args, _ := os.ReadFile(name) // it may be gone
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if a := strings.Split(string(args), "\x00"); len(a) > 2 && a[1] == "filter" && slices.Contains(a, dir) {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err != nil {
				continue
			}
			start, _ := strconv.Atoi(strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[19])
			found = append(found, process{pid, start})
		}
	}
	slices.SortFunc(found, func(a, b process) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return a.pid - b.pid // started in one tick
	})
	pids := make([]int, len(found))
	for i, p := range found {
		pids[i] = p.pid
	}
	return pids
}

// killLogger kills the newest logger of dir once moment, which may be nil, returns. It
// returns when httpd, which looks for dead children once a second, has started the
// next.
func killLogger(t *testing.T, dir string, moment func(pid int)) {
	t.Helper()
	all := loggers(t, dir)
	require.NotEmpty(t, all)
	newest := all[len(all)-1]
	if moment != nil {
		moment(newest)
	}
	require.NoError(t, syscall.Kill(newest, syscall.SIGKILL))
	await(t, func() bool {
		return slices.ContainsFunc(loggers(t, dir), func(pid int) bool { return !slices.Contains(all, pid) })
	}, "httpd does not start the logger again")
}

// atWork is a moment at which the logger of dir, stopped until then, has written some
// of the lines of 100 requests and perhaps not yet removed them from the pipe.
func (l *load) atWork(dir string) func(pid int) {
	return func(pid int) {
		l.h.t.Helper()
		require.NoError(l.h.t, syscall.Kill(pid, syscall.SIGSTOP))
		log, err := os.Open(filepath.Join(dir, "access.log"))
		require.NoError(l.h.t, err)
		defer log.Close()
		before, err := log.Seek(0, io.SeekEnd)
		require.NoError(l.h.t, err)
		l.await(100)
		require.NoError(l.h.t, syscall.Kill(pid, syscall.SIGCONT))
		for end := time.Now().Add(waitLimit); time.Now().Before(end); {
			if now, _ := log.Seek(0, io.SeekEnd); now > before {
				return
			}
		}
	}
}

// TestKillUnderHTTPD kills the logger under load at random moments: idle, starting and
// working.
func TestKillUnderHTTPD(t *testing.T) {
	const kills = 20
	dir := filepath.Join(t.TempDir(), "log")
	h := startHTTPD(t, loadLog(hushpipeBinary(t), dir, "--traffic"))
	l := startLoad(h, 300)
	l.await(50)
	for n := range kills {
		switch n % 4 {
		case 0:
			time.Sleep(rand.N(300 * time.Millisecond)) // the moment is what is tested
			killLogger(t, dir, nil)
		case 1:
			time.Sleep(rand.N(10 * time.Millisecond)) // sooner, while it starts
			killLogger(t, dir, nil)
		default:
			killLogger(t, dir, l.atWork(dir))
		}
	}
	l.await(50)
	c := l.finish(t, dir)
	t.Logf("%d kills: %s", kills, c)
	require.Zero(t, c.Lost)
	c.Duplicated.requireOneBatchEach(t, kills)
	c.requireNoStall(t)
	require.DirExists(t, filepath.Join(dir, "traffic"))
}

// TestKillAtWork kills the logger again and again while there is always more to
// read.
func TestKillAtWork(t *testing.T) { eachPipe(t, killAtWork) }

func killAtWork(t *testing.T, p *pipe) {
	const kills = 60
	program, dir := hushpipeBinary(t), filepath.Join(t.TempDir(), "log")
	makeDIR(t, program, dir)
	stop, sent, days := make(chan struct{}), make(chan int), map[string]roomClients{}
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				sent <- n
				return
			default:
			}
			room, client := fmt.Sprintf("room%d", n/1000), netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", 1+n%199))
			line := logLine(client.String(), fmt.Sprintf("/http-bind?room=%s&id=l%d", room, n))
			day := dayOf(line)
			if days[day] == nil {
				days[day] = roomClients{}
			}
			days[day].add(room, client)
			if _, err := io.WriteString(p.w, line); err != nil {
				panic(err)
			}
		}
	}()
	for range kills {
		l := p.startLogger(program, dir)
		time.Sleep(rand.N(40 * time.Millisecond)) // the moment is what is tested
		l.kill()
	}
	size := len(written(dir))
	l := p.startLogger(program, dir)
	await(t, func() bool { return len(written(dir)) != size }, "it reads, and so has its handlers of signals")
	close(stop)
	total := <-sent
	require.Equal(t, 0, p.end(l), l.said)
	l.requireCalm()

	read := newReading()
	for _, name := range glob(t, filepath.Join(dir, "access-????-??-??.log")) {
		for _, line := range lines(t, name) {
			m := killLine.FindStringSubmatch(line)
			require.NotNil(t, m, "no whole line: %q", line)
			read.add(m[1], line)
		}
	}
	t.Logf("%d kills: %d lines sent, %d found, %s", kills, total, len(read.found), read.again)
	require.Equal(t, total, len(read.found))
	read.again.requireOneBatchEach(t, kills)
	for day, rooms := range days {
		got, err := os.ReadFile(filepath.Join(dir, "rooms", "rooms-"+day+".log"))
		require.NoError(t, err)
		require.Equal(t, roomLines(rooms), string(got))
	}
}

var killLine = regexp.MustCompile(`^[0-9a-f:]+ - - \[[^]]+\] "GET /http-bind\?room=room\d+&id=l(\d+) HTTP/1\.1" 200 5 "-" "-"$`)

// TestHalfLineSurvivesKill: an incomplete line stays in the pipe until its end arrives,
// for whichever logger then runs.
func TestHalfLineSurvivesKill(t *testing.T) { eachPipe(t, halfLineSurvivesKill) }

func halfLineSurvivesKill(t *testing.T, p *pipe) {
	program, dir := hushpipeBinary(t), filepath.Join(t.TempDir(), "log")
	line := logLine("192.0.2.1", "/?id=l2")
	l := p.startLogger(program, dir)
	p.write("192.0.2.1", "/?id=l1")
	for i := range 3 {
		io.WriteString(p.w, line[i*20:i*20+20])
		await(t, func() bool { return strings.Contains(written(dir), "id=l1 ") }, "the whole line")
		time.Sleep(20 * time.Millisecond) // for the half line, which has no visible effect
		l.kill()
		l = p.startLogger(program, dir)
	}
	io.WriteString(p.w, line[60:])
	await(t, func() bool { return strings.Contains(written(dir), "id=l2 ") }, "the other line")
	require.Equal(t, 0, p.end(l), l.said)
	l.requireCalm()
	require.Equal(t, 1, strings.Count(written(dir), "id=l2 "))
	for _, text := range lines(t, filepath.Join(dir, "access.log")) {
		_, rest, _ := strings.Cut(text, " ")
		_, want, _ := strings.Cut(line, " ")
		require.Equal(t, strings.TrimSpace(want), strings.Replace(rest, "id=l1 ", "id=l2 ", 1))
	}
}

// TestIdle: a logger that waits for the rest of a line uses no CPU.
func TestIdle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	for i, half := range []string{"", "half", " a line", strings.Repeat("x", 5000)} {
		l.write("192.0.2.1", fmt.Sprintf("/?id=l%d", i))
		await(t, func() bool { return strings.Contains(written(dir), fmt.Sprintf("id=l%d ", i)) }, "the whole line")
		io.WriteString(l.stdin, half)
		time.Sleep(100 * time.Millisecond) // it looks at the half, which leaves no trace
		before := l.cpu()
		time.Sleep(time.Second) // what is measured
		require.LessOrEqual(t, l.cpu()-before, 1, "ticks of 10 ms in a second with %d bytes in the pipe", len(half))
		io.WriteString(l.stdin, "\n")
	}
	require.Equal(t, 0, l.end())
}

// TestLineLongerThanPipe: a line longer than the pipe arrives complete, and so does the
// next.
func TestLineLongerThanPipe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	sizes := []int{30 << 10, 64<<10 - 60, 64 << 10, 200_000, 900_000}
	for i, size := range sizes {
		l.write("192.0.2.1", fmt.Sprintf("/?id=l%d&fill=%s", i, strings.Repeat("x", size)))
		l.write("192.0.2.1", "/short")
	}
	await(t, func() bool { return strings.Count(written(dir), "/short ") == len(sizes) }, "the last line")
	require.Equal(t, 0, l.end())
	l.requireCalm()
	text := lines(t, filepath.Join(dir, "access.log"))
	require.Len(t, text, 2*len(sizes))
	for i, size := range sizes {
		require.Contains(t, text[2*i], fmt.Sprintf(`"GET /?id=l%d&fill=%s HTTP/1.1" 200 5 "-" "-"`, i, strings.Repeat("x", size)))
	}
}

// TestKillBeforeFullDisk: lines that a full disk refuses stay in the pipe for the next
// logger as long as the pipe has room.
func TestKillBeforeFullDisk(t *testing.T) {
	const waiting = 200
	d, p := bareDisk(t, "1m"), openPipe(t)
	d.fill("")
	for n := range waiting {
		p.write("192.0.2.1", fmt.Sprintf("/http-bind?room=a&id=l%d", n))
		if n%(waiting/4) > 0 {
			continue
		}
		l := p.startLogger(hushpipeBinary(t), d.dir)
		await(t, func() bool { return strings.Contains(l.said.String(), "no space left") }, "the disk is not full")
		time.Sleep(100 * time.Millisecond) // more than a write may take
		l.kill()
	}
	d.enlarge("")
	l := p.startLogger(hushpipeBinary(t), d.dir)
	p.close()
	require.Equal(t, 0, l.wait())
	text := lines(t, d.path("access.log"))
	require.Equal(t, waiting, len(text))
	require.Equal(t, waiting, len(ids(text)))
	clients, err := os.ReadFile(glob(t, d.path("rooms/rooms-*.log"))[0])
	require.NoError(t, err)
	require.Equal(t, roomLines(roomClients{"a": {netip.MustParseAddr("192.0.2.1"): true}}), string(clients))
}
