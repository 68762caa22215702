package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hushpipe/format/prose"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// archived returns lines of seven days up to today and of two past the retention, with
// rooms, clients and user agents. Some are malformed.
func archived(lines int) string {
	rnd := rand.New(rand.NewPCG(1, 1))
	ages := []int{6, 5, 4, 3, 2, 1, 0, 100, 101}
	var b strings.Builder
	for i := range lines {
		day := now().AddDate(0, 0, -ages[(i*len(ages)/lines+rnd.IntN(2))%len(ages)])
		switch rnd.IntN(50) {
		case 0:
			fmt.Fprintf(&b, "192.0.2.%d and %s\n", i%250, strings.Repeat("x", rnd.IntN(3000)))
		default:
			fmt.Fprintf(&b, "%s - - [%s:10:00:00 +0000] \"GET /http-bind?room=room%d&id=%d HTTP/1.1\" 200 5 \"-\" \"agent %d\"\n",
				clientNo(rnd.IntN(3000)), day.Format("02/Jan/2006"), rnd.IntN(200), i, rnd.IntN(20))
		}
	}
	return b.String()
}

// keyedDir returns a DIR with known keys, and therefore known pseudonyms.
func keyedDir(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "keys"), 0o750))
	for age := -1; age < 14; age++ {
		day := now().AddDate(0, 0, -age).Format(time.DateOnly)
		key := strings.Repeat(day, 4)[:32]
		require.NoError(t, os.WriteFile(filepath.Join(dir, "keys", day+".key"), []byte(key), 0o600))
	}
	return dir
}

// filesIn returns the files of DIR, without locks, names and frames of journals, the
// time last seen, and the records of processes.
func filesIn(t *testing.T, dir string) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "journal" || name == "status" || d.Name() == ".lock"):
			return filepath.SkipDir
		case d.Type().IsRegular() && name != "clock" && name != "settings" && name != "flags.log": // filter alone records the first two
			files[name] = copyOf(t, path)
		}
		return nil
	}))
	return files
}

// requireFiles compares files by name. Their contents are too long to print.
func requireFiles(t *testing.T, want, got map[string]string) {
	t.Helper()
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	for name, text := range want {
		if text != got[name] {
			wanted, lines := strings.Split(text, "\n"), strings.Split(got[name], "\n")
			at := 0
			for at < min(len(wanted), len(lines)) && wanted[at] == lines[at] {
				at++
			}
			require.Equal(t, len(wanted), len(lines), "%s differs from line %d on", name, at+1)
			require.Equal(t, wanted[at], lines[at], "%s, line %d", name, at+1)
		}
	}
}

// TestReplayIsFilter: replay of archives equals, byte for byte, filter on all of them
// in sequence, on any number of processors.
func TestReplayIsFilter(t *testing.T) {
	log := archived(20_000)
	fifth := len(log) / 5
	part := func(i int) []byte { return []byte(log[i*fifth : min(len(log), (i+1)*fifth)]) } // some end within a line
	in := t.TempDir()
	save := func(name string, data []byte) string {
		path := filepath.Join(in, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	files := []string{save("plain", part(0)), save("gzip", gzipped(t, part(1))), "-",
		save("zstd", z.EncodeAll(part(3), nil)), save("rest.gz", part(4)), save("end", []byte(log[5*fifth:]))}

	want := keyedDir(t)
	said := runOn(t, strings.NewReader(log), hushpipeBinary(t), "filter", want)
	require.Contains(t, said, "past the retention: not written; their rooms are counted")
	require.Contains(t, said, "in an unknown format")
	wantFiles := filesIn(t, want)
	require.Equal(t, 7+(7+2)+15+3+1, len(wantFiles), "lines, room files, keys, their cache tag, both rules and the version")

	for _, workers := range []int{1, 2, 7} {
		t.Run(fmt.Sprint("workers=", workers), func(t *testing.T) {
			dir := keyedDir(t)
			t.Setenv("GOMAXPROCS", fmt.Sprint(workers))
			args := append([]string{"replay", dir}, files...)
			assert.Equal(t, said, runOn(t, bytes.NewReader(part(2)), hushpipeBinary(t), args...))
			got := filesIn(t, dir)
			for name, text := range wantFiles {
				assert.True(t, text == got[name], "%s differs", name)
			}
			assert.Equal(t, len(wantFiles), len(got))
		})
	}
}

func gzipped(t *testing.T, data []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(data)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// runOn runs a program that must succeed, and returns its output.
func runOn(t *testing.T, stdin io.Reader, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = stdin
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return string(said)
}

// TestReplayDamagedFile: the readable part of a damaged file and all other files are
// written, and the fault is reported.
func TestReplayDamagedFile(t *testing.T) {
	in, dir := t.TempDir(), filepath.Join(t.TempDir(), "log")
	bad, good := filepath.Join(in, "bad"), filepath.Join(in, "good")
	data := gzipped(t, []byte(logLine("192.0.2.1", "/before")+"192.0.2.1 cut"))
	require.NoError(t, os.WriteFile(bad, data[:len(data)-8], 0o600)) // without its checksum and size
	require.NoError(t, os.WriteFile(good, []byte(logLine("192.0.2.1", "/after")), 0o600))
	cmd := exec.Command(hushpipeBinary(t), "replay", dir, bad, good)
	said, _ := cmd.CombinedOutput()
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	require.Contains(t, string(said), "hushpipe: error: read "+bad+": its end is missing\n")
	text := written(dir)
	require.Equal(t, 3, strings.Count(text, "\n"))
	require.Regexp(t, `GET /before .*\n[0-9a-f:]+ 100::[0-9a-f:]+\n.*GET /after `, text)
}

// TestReplayManyFiles: there may be more files than a process can have open.
func TestReplayManyFiles(t *testing.T) {
	t.Parallel()
	const files = 10_000
	in, dir := t.TempDir(), filepath.Join(t.TempDir(), "log")
	for i := range files {
		path := filepath.Join(in, fmt.Sprintf("%05d", i))
		require.NoError(t, os.WriteFile(path, []byte(logLine("192.0.2.1", fmt.Sprint("/", i))), 0o600))
	}
	replay := func(flag string) (said string, code int) {
		cmd := exec.Command("sh", "-c", `ulimit -n 256; cd "$1"; exec "$2" replay $3 "$4" *`, "sh", in, hushpipeBinary(t), flag, dir)
		text, _ := cmd.CombinedOutput()
		return string(text), cmd.ProcessState.ExitCode()
	}
	said, code := replay("")
	require.Equal(t, 0, code, "%s", said)
	require.Empty(t, said)
	lines := strings.Split(written(dir), "\n")
	require.Len(t, lines, files+1)
	for i, line := range lines[:files] {
		require.Contains(t, line, fmt.Sprintf(" /%d ", i))
	}
	said, code = replay("") // which looks through them for days
	require.Equal(t, 1, code)
	require.Contains(t, said, "already exists")
	said, code = replay("--append")
	require.Equal(t, 0, code, "%s", said)
	require.Equal(t, 2*files, strings.Count(written(dir), "\n"))
}

// TestReplayFileChanged: a file that is missing or changed when its turn comes ends the
// run with advice on how to resume. Following it gives the result of a single run.
func TestReplayFileChanged(t *testing.T) {
	t.Setenv("GOMAXPROCS", "1") // no file is read ahead
	log := oneDay(20_000)
	want := keyedDir(t)
	runOn(t, strings.NewReader(log+log), hushpipeBinary(t), "replay", want, "-")
	for name, change := range map[string]func(path string) error{
		"no longer exists":             os.Remove,
		"is shorter than at the start": func(path string) error { return os.Truncate(path, 1) },
		"was replaced since the start.*": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", []byte(log), 0o600), os.Rename(path+".new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := keyedDir(t), filepath.Join(t.TempDir(), "in.log")
			require.NoError(t, os.WriteFile(path, []byte(log), 0o600))
			l := startReplay(t, dir, "-", path)
			_, err := io.WriteString(l.stdin, log)
			require.NoError(t, err)
			await(t, func() bool { return written(dir) != "" }, "lines are written")
			require.NoError(t, change(path))
			require.NoError(t, l.stdin.Close())
			require.Equal(t, 1, l.wait())
			require.Regexp(t, `^hushpipe: error: `+regexp.QuoteMeta(path)+": "+name+": stopped after 20,000 lines, which are written; "+
				`hint: to continue, pipe the lines from number 20001 into 'hushpipe replay --append `+regexp.QuoteMeta(dir)+` -'\n$`, l.said.String())
			runOn(t, strings.NewReader(log), hushpipeBinary(t), "replay", "--append", dir, "-")
			requireFiles(t, filesIn(t, want), filesIn(t, dir))
		})
	}
}

// startReplay runs replay with a pipe as its stdin.
func startReplay(t *testing.T, args ...string) *logger {
	t.Helper()
	p := openPipe(t)
	l := &logger{t: t, said: &lockedBuffer{}, stdin: p.w}
	l.cmd = exec.Command(hushpipeBinary(t), append([]string{"replay"}, args...)...)
	l.cmd.Stdin, l.cmd.Stderr = p.r, l.said
	require.NoError(t, l.cmd.Start())
	t.Cleanup(func() { l.cmd.Process.Kill(); l.cmd.Wait() })
	p.r.Close()
	return l
}

// amidReplay starts replay on a log that does not end, and returns once some of it is
// written.
func amidReplay(t *testing.T, dir, log string) *logger {
	l := startReplay(t, dir, "-")
	_, err := io.WriteString(l.stdin, log)
	require.NoError(t, err)
	await(t, func() bool { return written(dir) != "" }, "lines are written")
	return l
}

// TestReplayInterrupted: SIGINT leaves complete lines, with advice on how to resume.
// Following it gives the result of a single run.
func TestReplayInterrupted(t *testing.T) {
	t.Parallel()
	log := oneDay(20_000)
	want, dir := keyedDir(t), keyedDir(t)
	runOn(t, strings.NewReader(log), hushpipeBinary(t), "replay", want, "-")
	l := amidReplay(t, dir, log)
	require.NoError(t, l.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, 1, l.wait())
	m := regexp.MustCompile(`^hushpipe: error: interrupted after ([\d,]+) lines, which are written; hint: to continue, pipe the lines from number (\d+) into 'hushpipe replay --append ` +
		regexp.QuoteMeta(dir) + ` -'\n$`).FindStringSubmatch(l.said.String())
	require.NotNil(t, m, "%s", l.said)
	require.Equal(t, m[1], prose.Commas(strings.Count(written(dir), "\n")))

	tail := exec.Command("tail", "-n", "+"+m[2])
	tail.Stdin = strings.NewReader(log)
	rest, err := tail.Output()
	require.NoError(t, err)
	runOn(t, bytes.NewReader(rest), hushpipeBinary(t), "replay", "--append", dir, "-")
	requireFiles(t, filesIn(t, want), filesIn(t, dir))
}

// oneDay returns lines of today.
func oneDay(lines int) string {
	var b strings.Builder
	for i := range lines {
		b.WriteString(logLine(clientNo(i%1000), fmt.Sprintf("/http-bind?room=room%d&id=%d", i%300, i)))
	}
	return b.String()
}

// TestReplayOutlives: under nohup(1), replay survives its terminal.
func TestReplayOutlives(t *testing.T) {
	p := openPipe(t)
	dir := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command("sh", "-c", `trap "" HUP; exec "$@"`, "sh", hushpipeBinary(t), "replay", dir, "-")
	cmd.Stdin = p.r
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	p.r.Close()
	io.WriteString(p.w, oneDay(20_000))
	await(t, func() bool { return written(dir) != "" }, "lines are written")
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	io.WriteString(p.w, oneDay(20_000))
	require.NoError(t, p.w.Close())
	require.NoError(t, cmd.Wait())
	require.Equal(t, 40_000, strings.Count(written(dir), "\n"))
}

// TestReplayBesideLogger: while a logger runs, it writes the room files of DIR. Those
// of a replay exist when the replay ends.
func TestReplayBesideLogger(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/http-bind?room=r")
	await(t, func() bool { return written(dir) != "" }, "the logger works")
	cmd := exec.Command(hushpipeBinary(t), "replay", "--append", dir, "-")
	cmd.Stdin = strings.NewReader(logLine("192.0.2.2", "/http-bind?room=r"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	files := glob(t, filepath.Join(dir, "rooms", "*"))
	require.Len(t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("2 %x\n", sha1.Sum([]byte("r"))), string(text))
	require.Zero(t, l.end(), l.said)
}

// TestReplayKilled: replay refuses days that a killed replay left behind.
func TestReplayKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	amidReplay(t, dir, oneDay(20_000)).kill()
	before := written(dir)
	again := filepath.Join(t.TempDir(), "again")
	require.NoError(t, os.WriteFile(again, []byte(oneDay(1)), 0o600))
	cmd := exec.Command(hushpipeBinary(t), "replay", dir, again)
	said, _ := cmd.CombinedOutput()
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	require.Regexp(t, `^hushpipe: error: .*/access-.*\.log already exists; hint: delete it if an interrupted replay left it, use another DIR, or add to it with --append\n$`, string(said))
	require.Equal(t, before, written(dir))
}

// TestReplayFullDisk: replay waits for space on a full disk, however much input
// remains, and loses nothing.
func TestReplayFullDisk(t *testing.T) {
	t.Parallel()
	d := bareDisk(t, "1m")
	log := oneDay(20_000)
	log = strings.Repeat(log, 1+(bufferSize+(8<<20))/len(log))
	path := filepath.Join(t.TempDir(), "in.log")
	require.NoError(t, os.WriteFile(path, []byte(log), 0o600))
	l := startReplay(t, d.dir, path)
	await(t, func() bool { return strings.Contains(l.said.String(), "no space left") }, "the disk is not full")
	time.Sleep(500 * time.Millisecond) // in which a live log would begin to lose lines
	require.NoError(t, unix.Kill(l.cmd.Process.Pid, 0))
	d.remount("", "size=200m")
	require.Equal(t, 0, l.wait(), "%s", l.said)
	require.Equal(t, strings.Count(log, "\n"), strings.Count(written(d.dir), "\n"))
}

// TestReplayProgress: a terminal shows a progress bar, which messages do not mix with,
// and which is cleared at the end.
func TestReplayProgress(t *testing.T) {
	master, terminal := openTerminal(t)
	said := &lockedBuffer{}
	go io.Copy(said, master)

	dir := filepath.Join(t.TempDir(), "log")
	stdin, w, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(hushpipeBinary(t), "replay", dir, "-")
	cmd.Stdin, cmd.Stderr = stdin, terminal
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	io.WriteString(w, oneDay(5000)+"garbage\n")
	await(t, func() bool { return strings.Contains(said.String(), "lines/s") }, "the bar")
	require.NoError(t, w.Close())
	require.NoError(t, cmd.Wait())
	await(t, func() bool { return strings.HasSuffix(said.String(), "written to today\r\n") }, "the last message")
	require.Regexp(t, `\x1b\[\?7l\r[^\r]+lines/s[^\r]*\x1b\[\?7h`, said.String(), "a narrow terminal must not wrap")
	require.Regexp(t, `\r\x1b\[Khushpipe: warning: 1 of 5,001 lines in an unknown format[^\r]*\r\nhushpipe: note: [^\r]*\r\n$`, said.String())
}
