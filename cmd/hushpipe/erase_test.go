package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"hushpipe/filter/acts"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// erasing returns an erase command for 192.0.2.1.
func erasing(t *testing.T, dir string) *exec.Cmd {
	cmd := exec.Command(hushpipeBinary(t), "erase", dir, "--address", "-", "--reason", "case 1", "--yes")
	cmd.Stdin = strings.NewReader("192.0.2.1\n")
	return cmd
}

// falsified matches a falsified line.
var falsified = regexp.MustCompile(`^[0-9a-f:]{15,39} - - \[[^\]]+\] "GET /x+ HTTP/1.1" 200 5 "-" "-"$`)

// TestEraseBesideLoggers: lines are falsified again and again while loggers of this
// version and of the earlier one write and rsyslog follows the files. The file keeps
// its inode, other people's lines are there once and unchanged, rsyslog forwards each
// line once, and audit finds no fault.
func TestEraseBesideLoggers(t *testing.T) {
	t.Parallel()
	notAtMidnight()
	for range 3 { // lines are cut off where the earlier version, or erase, holds a lock for a second
		if eraseBesideLoggers(t) {
			return
		}
	}
	t.Fatal("a logger cut off lines three times")
}

// eraseBesideLoggers returns false if a logger cut off lines written without its lock,
// for which the earlier version and this one wait a second at most.
func eraseBesideLoggers(t *testing.T) bool {
	dir := filepath.Join(t.TempDir(), "log")
	start, target := rsyslogOf(t, dir)
	n := newNight(t, time.Hour)
	n.shift = 0
	hushpipeBinary(t) // to be built before lines are sent
	loggers := []*logger{n.logger("--rooms", "none", dir), earlierNight(n).logger("--rooms", "none", dir)}
	rsyslog := start()
	defer rsyslog.Process.Kill()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the loggers said:\n%s\n%s", loggers[0].said, loggers[1].said)
		}
	})
	sent := 0
	send := func(count int) {
		for range count {
			sent++
			_, err := fmt.Fprint(loggers[sent/7%2].stdin, logLine(fmt.Sprintf("192.0.2.%d", 1+sent%3), fmt.Sprintf("/n/%d.", sent)))
			require.NoError(t, err)
		}
	}
	lines := func() []string { return strings.Split(strings.TrimSuffix(written(dir), "\n"), "\n") }
	send(600)
	arrived := func(n int) bool {
		t.Helper()
		lost := func() bool {
			return strings.Contains(loggers[0].said.String()+loggers[1].said.String(), "cut off")
		}
		awaitFor(t, 3*time.Minute, func() bool { return lost() || strings.Count(written(dir), "\n") >= n }, "lines")
		if lost() {
			return false
		}
		require.Equal(t, n, strings.Count(written(dir), "\n"))
		return true
	}
	if !arrived(sent) {
		return false
	}
	info := func() os.FileInfo {
		info, err := os.Stat(filepath.Join(dir, "access.log"))
		require.NoError(t, err)
		return info
	}
	before, first := info(), lines()
	for range 5 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			out, err := erasing(t, dir).CombinedOutput()
			assert.NoError(t, err, "%s", out)
		}()
		for writing, burst := true, 20; writing; {
			send(burst)
			if sent >= 5000 { // on a busy machine an erase takes its time
				burst = 1
			}
			select {
			case <-done:
				writing = false
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	if !arrived(sent) {
		return false
	}
	size, whole := info().Size(), lines()
	out, err := erasing(t, dir).CombinedOutput()
	require.NoError(t, err, "%s", out)

	require.True(t, os.SameFile(before, info()))
	require.Equal(t, size, info().Size())
	last, ids, struck := lines(), map[string]int{}, 0
	require.Len(t, last, sent)
	for i, line := range last {
		require.Len(t, line, len(whole[i]))
		m := regexp.MustCompile(`GET /n/(\d+)\. `).FindStringSubmatch(line)
		if m == nil {
			require.Regexp(t, falsified, line)
			struck++
			continue
		}
		ids[m[1]]++
		if i < len(first) {
			require.Equal(t, first[i], line)
		}
	}
	assert.Equal(t, sent/3, struck)
	assert.Len(t, ids, sent-sent/3, "each line of others once")
	found, err := exec.Command(hushpipeBinary(t), "find", dir, "--address", "192.0.2.1").Output()
	require.NoError(t, err)
	assert.Empty(t, found)

	passed := func() int {
		text, _ := os.ReadFile(target)
		return strings.Count(string(text), "\n")
	}
	awaitFor(t, 3*time.Minute, func() bool { return passed() >= sent }, "rsyslog passes on all lines")
	loggers[0].write("192.0.2.9", "/end.")
	awaitFor(t, 3*time.Minute, func() bool { text, _ := os.ReadFile(target); return strings.Contains(string(text), "/end.") }, "the last line")
	assert.Equal(t, sent+1, passed(), "nothing was passed on twice")
	require.NoError(t, rsyslog.Process.Signal(syscall.SIGTERM))
	rsyslog.Wait()
	audited := func() {
		t.Helper()
		out, err := exec.Command(hushpipeBinary(t), "audit", dir).CombinedOutput()
		assert.NoError(t, err, "%s", out)
		assert.NotContains(t, string(out), "broken")
		assert.Regexp(t, `addresses +holds`, string(out))
	}
	audited()

	// The logger of the earlier version would put the keys back.
	cmd := exec.Command(hushpipeBinary(t), "erase", dir, "--all", "--reason", "case 2", "--yes")
	refused, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Regexp(t, fmt.Sprintf(`error: %s: process %d of hushpipe .* holds the keys of its days in memory`, dir, loggers[1].cmd.Process.Pid), string(refused))
	assert.Equal(t, len(last)+1, len(lines()))
	for _, l := range loggers {
		require.NoError(t, l.stdin.Close())
		assert.Zero(t, l.wait(), l.said)
		assert.NotContains(t, l.said.String(), "cut off")
	}
	refused, err = exec.Command(cmd.Path, cmd.Args[1:]...).CombinedOutput()
	require.NoError(t, err, "%s", refused)
	audited()
	return true
}

// TestEraseKilled: wherever an erase is killed, each line is either the old or the new
// one, and another erase does the rest.
func TestEraseKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, "--rooms", "none", dir)
	const lines = 30_000
	for i := range lines {
		_, err := fmt.Fprint(l.stdin, logLine(fmt.Sprintf("192.0.2.%d", 1+i%2), fmt.Sprintf("/n/%d.", i)))
		require.NoError(t, err)
	}
	require.Zero(t, l.end())
	old := strings.Split(written(dir), "\n")
	require.Len(t, old, lines+1)
	partly, mixed := 0, 0
	modified := func() time.Time {
		info, err := os.Stat(filepath.Join(dir, "access.log"))
		require.NoError(t, err)
		return info.ModTime()
	}
	for range 12 {
		cmd, before := erasing(t, dir), modified()
		require.NoError(t, cmd.Start())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			cmd.Wait()
		}()
		for alive := true; alive && modified().Equal(before); {
			select {
			case <-ended:
				alive = false
			case <-time.After(time.Millisecond):
			}
		}
		time.Sleep(rand.N(20 * time.Millisecond)) // the moment is what is tested
		cmd.Process.Kill()
		<-ended
		struck := 0
		for i, line := range strings.Split(written(dir), "\n") {
			switch {
			case line == old[i]:
			case i%2 == 0 && falsified.MatchString(line) && len(line) == len(old[i]):
				struck++
			default:
				mixed++
				require.Len(t, line, len(old[i]))
			}
		}
		if 0 < struck && struck < lines/2 {
			partly++
		}
	}
	assert.LessOrEqual(t, mixed, 1, "a line over two pages can be seen half done")
	out, err := erasing(t, dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for i, line := range strings.Split(written(dir), "\n") {
		if i%2 == 0 && i < lines {
			require.Regexp(t, falsified, line)
		} else {
			require.Equal(t, old[i], line)
		}
	}
	require.NotZero(t, partly, "none was killed in the middle")
	t.Logf("%d of 12 were killed in the middle, %d lines seen half done", partly, mixed)
}

// TestEraseOnFullDisk: without an entry in acts.log nothing is erased. Erasing itself
// needs no space.
func TestEraseOnFullDisk(t *testing.T) {
	d := bareDisk(t, "1m")
	l := startLogger(t, "--rooms", "none", d.dir)
	l.write("192.0.2.1", "/a")
	l.write("192.0.2.2", "/b")
	require.Zero(t, l.end())
	before := written(d.dir)
	d.fill("")
	for _, args := range [][]string{{"--address", "192.0.2.1"}, {"--all"}} {
		cmd := exec.Command(hushpipeBinary(t), append([]string{"erase", d.dir, "--reason", "case 1", "--yes"}, args...)...)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), "this use cannot be recorded, so nothing is erased: ")
		assert.Equal(t, before, written(d.dir))
	}
	acts, _ := os.ReadFile(filepath.Join(d.dir, "acts.log"))
	assert.Empty(t, string(acts))
	d.enlarge("")
	out, err := erasing(t, d.dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	first, rest, _ := strings.Cut(written(d.dir), "\n")
	assert.Regexp(t, falsified, first)
	assert.Equal(t, before[len(first)+1:], rest)
}

// meanwhile is a terminal that calls do before it answers.
type meanwhile struct {
	io.Reader
	do func()
}

func (m *meanwhile) Read(p []byte) (int, error) {
	if m.do != nil {
		m.do()
		m.do = nil
	}
	return m.Reader.Read(p)
}

// groupLogs returns a DIR whose stream g releases lines of three people, and a function
// that filters lines of some people.
func groupLogs(t *testing.T) (logs string, filter func(people ...string)) {
	root := t.TempDir()
	file := filepath.Join(root, "policy.toml")
	logs = filepath.Join(root, "log")
	require.NoError(t, os.WriteFile(file, []byte(`format = '%h %l %u %t "%r" %>s %b'

[[stream]]
name    = "g"
purpose = "x"
access  = "requests of users"
fields  = { client = "mask=24/48", user = "keep", time = "keep", url = "keep" }
group   = "client"
least   = 3
keep    = "14d"
`), 0o644))
	n := 0
	filter = func(people ...string) {
		var text strings.Builder
		for i, user := range people {
			n++
			fmt.Fprintf(&text, "192.0.2.%d - %s [%s] \"GET /%d HTTP/1.1\" 200 5\n", i+1, user, time.Now().Format("02/Jan/2006:15:04:05 -0700"), n)
		}
		cmd := exec.Command(hushpipeBinary(t), "filter", "--policy", file, logs)
		cmd.Stdin = strings.NewReader(text.String())
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return logs, filter
}

// TestEraseNotesWhatCame: lines that waited for their group when they were found, and
// were released with other lines of the person before they were erased, are all erased.
// They are recorded first, and stay if that fails.
func TestEraseNotesWhatCame(t *testing.T) {
	t.Parallel()
	notAtMidnight()
	logs, filter := groupLogs(t)
	filter("jane", "joe")
	stream := filepath.Join(logs, "g")
	var said lockedBuffer
	log := newMessageLog(&said)
	e := &eraser{finder: finder{log: log, erasing: true, subject: dataSubject{user: "jane"}, actor: newActor(acts.Erase, "case 1", nil, log)}, out: io.Discard}
	defer e.close()
	other := &eraser{finder: finder{log: log, erasing: true, subject: e.subject, actor: e.actor}, out: io.Discard}
	defer other.close()
	require.NoError(t, other.openAll(logs, "", nil))
	other.searchAll(0, false)
	noted := 0
	e.in = &prompt{bufio.NewReader(&meanwhile{strings.NewReader("yes\n"), func() {
		filter("jane", "joe", "jim", "jane")
		for _, p := range other.places {
			assert.Zero(t, p.falsify(func(_ civil.Day, lines int) error {
				noted += lines
				assert.NotContains(t, written(stream), "xxxx")
				return errors.New("no space left on device")
			}))
		}
		assert.Equal(t, 3, strings.Count(written(stream), "jane"))
	}}), true}
	err := e.falsify(logs, "", nil)
	assert.ErrorIs(t, err, errReported, "journals are not reached")
	log.close()
	assert.Equal(t, 2, noted)
	assert.Contains(t, said.String(), "arrived meanwhile and cannot be recorded, so nothing more of the day is erased: no space left on device")
	assert.NotContains(t, written(stream), "jane", "%s", said.String())
	assert.Equal(t, 3, strings.Count(written(stream), "xxxx"))
	assert.Equal(t, 6, strings.Count(written(stream), "\n"))
	acts, err := os.ReadFile(filepath.Join(logs, dir.ActsLogName))
	require.NoError(t, err)
	assert.Regexp(t, `^\S+ uid=\d+ loginuid=\S+ act=erase streams=g days=\S+ lines=1 reason="case 1"
\S+ uid=\d+ loginuid=\S+ act=erase streams=g days=\S+ lines=2 reason="case 1"
$`, string(acts))
}

// TestEraseDaysNotesWhatCame: lines that arrive while erase asks get an entry of their
// own; those that waited for their group and were released meanwhile count once.
func TestEraseDaysNotesWhatCame(t *testing.T) {
	t.Parallel()
	notAtMidnight()
	logs, filter := groupLogs(t)
	filter("jane", "joe")
	var said lockedBuffer
	log := newMessageLog(&said)
	e := &eraser{finder: finder{log: log, erasing: true, actor: newActor(acts.Erase, "case 1", nil, log)}, out: io.Discard}
	defer e.close()
	e.in = &prompt{bufio.NewReader(&meanwhile{strings.NewReader("yes\n"), func() { filter("jane", "joe", "jim") }}), true}
	require.NoError(t, e.deleteDays(logs, "", nil, math.MaxInt32))
	log.close()
	assert.Empty(t, written(filepath.Join(logs, "g")), "%s", said.String())
	acts, err := os.ReadFile(filepath.Join(logs, dir.ActsLogName))
	require.NoError(t, err)
	assert.Regexp(t, `^\S+ uid=\d+ loginuid=\S+ act=erase streams=g days=\S+ lines=2 reason="case 1"
\S+ uid=\d+ loginuid=\S+ act=erase streams=g days=\S+ lines=3 reason="case 1"
$`, string(acts))
}
