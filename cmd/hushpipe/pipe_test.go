package main

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// maxWait bounds one write into Apache's pipe.
const maxWait = 100 * time.Millisecond

// pipeLoad writes numbered lines into the pipe of a logger as httpd's children do, each
// with one write(2) into a pipe of 64 KiB, and records what it has sent.
type pipeLoad struct {
	t     *testing.T
	cmd   *exec.Cmd
	said  *lockedBuffer
	in    *os.File     // the read end of the pipe, shared with the logger
	pipe  *os.File     // its write end
	pace  *time.Ticker // nil to write as fast as the pipe allows
	ahead atomic.Int64 // days after today on which lines are dated
	quit  chan struct{}
	ended sync.WaitGroup

	mu      sync.Mutex
	sent    []civil.Day   // of each line
	longest time.Duration // duration of a write
	control time.Duration // longest way of a byte through cat: the delay of the machine itself
}

// perTick lines every 2 ms are 8 MB/s: if the reader stops, writers block after 130 ms,
// even if it has enlarged the pipe to 1 MiB.
const perTick = 8

var filler = strings.Repeat("x", 1800)

// startPipe starts cmd, a logger, and begins to write lines.
func startPipe(t *testing.T, cmd *exec.Cmd, paced bool) *pipeLoad {
	t.Helper()
	s := &pipeLoad{t: t, cmd: cmd, said: &lockedBuffer{}, quit: make(chan struct{})}
	if paced {
		s.pace = time.NewTicker(2 * time.Millisecond)
	}
	if cmd.Stderr == nil {
		cmd.Stderr = s.said
	}
	s.in, s.pipe = startReader(t, cmd)
	s.ended.Go(s.write)
	s.startControl()
	return s
}

// startReader starts a process that reads a pipe, and returns both ends.
func startReader(t *testing.T, cmd *exec.Cmd) (in, out *os.File) {
	t.Helper()
	in, out = blockingPipe(t)
	cmd.Stdin = in
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		in.Close()
		out.Close()
	})
	return in, out
}

func filterCmd(t *testing.T, args ...string) *exec.Cmd {
	return exec.Command(hushpipeBinary(t), append([]string{"filter"}, args...)...)
}

func (s *pipeLoad) write() {
	var line []byte
	for id := 0; ; id++ {
		if s.pace != nil && id%perTick == 0 {
			select {
			case <-s.quit:
				return
			case <-s.pace.C:
			}
		}
		select {
		case <-s.quit:
			return
		default:
		}
		stamp := now().AddDate(0, 0, int(s.ahead.Load()))
		line = s.appendLine(line[:0], id, stamp)
		s.mu.Lock()
		s.sent = append(s.sent, civil.DayOf(stamp))
		s.mu.Unlock()
		began := time.Now()
		_, err := s.pipe.Write(line)
		took := time.Since(began)
		s.mu.Lock()
		s.longest = max(s.longest, took)
		s.mu.Unlock()
		if err != nil {
			s.t.Errorf("write line %d: %v", id, err)
			return
		}
	}
}

// startControl sends a byte through a cat every millisecond while lines are written.
func (s *pipeLoad) startControl() {
	out, echo, err := os.Pipe()
	require.NoError(s.t, err)
	cat := exec.Command("cat")
	cat.Stdout = echo
	_, in := startReader(s.t, cat)
	echo.Close()
	s.t.Cleanup(func() { out.Close() })
	s.ended.Go(func() {
		var b [1]byte
		for {
			began := time.Now()
			in.Write(b[:])
			out.Read(b[:])
			took := time.Since(began)
			s.mu.Lock()
			s.control = max(s.control, took)
			s.mu.Unlock()
			select {
			case <-s.quit:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
}

const pipeRooms = 7

func clientNo(id int) string {
	if id%2 == 0 {
		return "198.51.100." + strconv.Itoa(id%250)
	}
	return "2001:db8::" + strconv.FormatInt(int64(id%9000), 16)
}

func (s *pipeLoad) appendLine(dst []byte, id int, stamp time.Time) []byte {
	client := clientNo(id)
	return fmt.Appendf(dst, "%s - - [%s] \"GET /http-bind?room=room%d&id=%d&from=%s HTTP/1.1\" 200 5 \"https://%s/%s\" \"Mozilla/5.0 (X11)\"\n",
		client, stamp.Format("02/Jan/2006:15:04:05 -0700"), id%pipeRooms, id, client, refererHost(client), filler)
}

func refererHost(client string) string {
	if strings.Contains(client, ":") {
		return "[" + client + "]"
	}
	return client
}

var pipeLine = regexp.MustCompile(`^[0-9a-f:]+ - - \[[^]]+\] "GET /http-bind\?room=room\d&id=(\d+)&from=[0-9a-f:]+ HTTP/1\.1" 200 5 "https://\[?[0-9a-f:]+\]?/x*" "Mozilla/5\.0 \(X11\)"$`)

// dayOf returns the day of a line that was sent.
func (s *pipeLoad) dayOf(id int) civil.Day {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[id]
}

// lines returns the number of lines sent.
func (s *pipeLoad) lines() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sent)
}

// stop ends the lines, and returns when the logger has read them all.
func (s *pipeLoad) stop() {
	s.t.Helper()
	close(s.quit)
	s.ended.Wait()
	s.pipe.Close()
	await(s.t, func() bool {
		n, err := unread(s.in)
		return err == nil && n == 0
	}, "the pipe is not read to its end")
}

// waits returns the duration of the longest write, and the longest allowed.
func (s *pipeLoad) waits() (longest, allowed time.Duration) {
	return s.longest, max(maxWait, 2*s.control)
}

// readOn runs a test whose logger must not block a writer for longer than is allowed. A
// busy machine blocks writers too, but not in each of three runs, unlike a logger that
// waits for its disk.
func readOn(t *testing.T, test func(t *testing.T) (longest, allowed time.Duration)) {
	t.Helper()
	for run := 1; ; run++ {
		longest, allowed := test(t)
		if longest < allowed || isInstrumented() {
			return
		}
		said := fmt.Sprintf("a writer waited for %s, where %s is allowed", longest, allowed)
		require.Less(t, run, 3, said)
		t.Log(said + "; once more")
	}
}

// end is stop; it also waits for the logger and returns its exit status.
func (s *pipeLoad) end() int {
	s.t.Helper()
	s.stop()
	s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

// passes waits until some more lines are in the pipe.
func (s *pipeLoad) passes(d time.Duration) {
	s.t.Helper()
	until := time.Now().Add(d)
	n := s.lines()
	await(s.t, func() bool { return time.Now().After(until) && s.lines() >= n+100 }, "the pipe takes no lines")
}

// onDisk returns how often each line is in the log files of DIR. Each must be complete
// and in the file of its day.
func (s *pipeLoad) onDisk(dir string) (found []int) {
	s.t.Helper()
	found = make([]int, s.lines())
	names, err := filepath.Glob(dir + "/access-*.log")
	require.NoError(s.t, err)
	require.NotEmpty(s.t, names)
	for _, name := range names {
		text := copyOf(s.t, name)
		if text != "" {
			require.Equal(s.t, "\n", text[len(text)-1:], "%s ends within a line", name)
		}
		for line := range strings.Lines(text) {
			m := pipeLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			require.NotNil(s.t, m, "no whole line in %s: %q", name, line)
			id, err := strconv.Atoi(m[1])
			require.NoError(s.t, err)
			require.Less(s.t, id, len(found))
			require.Contains(s.t, name, s.sent[id].String())
			found[id]++
		}
	}
	return found
}

// checkAll checks that each line is on disk once, and calls checkCounts and checkClean.
func (s *pipeLoad) checkAll(dir string) {
	s.t.Helper()
	lost, double := 0, 0
	for _, n := range s.onDisk(dir) {
		if n == 0 {
			lost++
		} else if n > 1 {
			double++
		}
	}
	require.Zero(s.t, lost, "lines lost of %d; %s", s.lines(), s.said)
	require.Zero(s.t, double, "lines twice of %d; %s", s.lines(), s.said)
	s.checkCounts(dir)
	s.checkClean(dir)
}

// checkCounts checks that the room files, and the traffic figures if the logger counts
// them, contain exactly what was sent.
func (s *pipeLoad) checkCounts(dir string) {
	s.t.Helper()
	pairs := map[civil.Day]map[int]map[string]bool{}
	for id, day := range s.sent {
		if pairs[day] == nil {
			pairs[day] = map[int]map[string]bool{}
		}
		if pairs[day][id%pipeRooms] == nil {
			pairs[day][id%pipeRooms] = map[string]bool{}
		}
		pairs[day][id%pipeRooms][clientNo(id)] = true
	}
	hits := map[string]int{}
	for _, day := range s.sent {
		hits[day.String()]++
	}
	if slices.Contains(s.cmd.Args, "--traffic") {
		require.Equal(s.t, hits, hitsIn(s.t, dir), "hits by day; %s", s.said)
	}
	for day, rooms := range pairs {
		want := map[string]int{}
		for room, clients := range rooms {
			hash := sha1.Sum(fmt.Appendf(nil, "room%d", room))
			want[hex.EncodeToString(hash[:])] = len(clients)
		}
		entries, err := roomfile.Parse([]byte(copyOf(s.t, filepath.Join(dir, "rooms", "rooms-"+day.String()+".log"))))
		require.NoError(s.t, err)
		got := map[string]int{}
		for _, e := range entries {
			got[hex.EncodeToString(e.Hash[:])] = int(e.Count)
		}
		require.Equal(s.t, want, got, "rooms of %s; %s", day, s.said)
	}
}

// checkClean checks that no client's address is in a file below a directory or in a
// message.
func (s *pipeLoad) checkClean(dir string) {
	s.t.Helper()
	files := 0
	require.NoError(s.t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files++
			requireNoClient(s.t, path, copyOf(s.t, path))
		}
		return err
	}))
	require.NotZero(s.t, files)
	requireNoClient(s.t, "stderr", s.said.String())
}

func requireNoClient(t *testing.T, where, text string) {
	t.Helper()
	for _, net := range []string{"198.51.100.", "2001:db8:"} {
		if i := strings.Index(text, net); i >= 0 {
			t.Fatalf("%s holds the address of a client: %q", where, text[max(0, i-50):min(len(text), i+50)])
		}
	}
}

func itoa[N ~int | ~int64 | ~uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }
