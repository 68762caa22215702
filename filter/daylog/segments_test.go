package daylog_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hushpipe/filter/loggertest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/entries"
	"hushpipe/format/civil"
)

// bounded opens a DIR whose lines are bounded in number.
func bounded(t *testing.T, path string, most int) *loggertest.Dir {
	t.Helper()
	d, _ := loggertest.OpenTest(t, path, dir.Options{})
	d.Log.SetBounds(calendar.Bounds{Entries: most})
	return d
}

// lines returns n lines, numbered from first on.
func lines(first, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", first+i)
	}
	return b.String()
}

// logs returns the contents of the files of lines, the oldest first.
func logs(t *testing.T, path string) (list []dir.Log, texts []string) {
	t.Helper()
	found, err := os.ReadDir(path)
	require.NoError(t, err)
	var names []string
	for _, e := range found {
		names = append(names, e.Name())
	}
	list = dir.Logs(names)
	for _, l := range list {
		text, err := os.ReadFile(filepath.Join(path, l.Name()))
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	return list, texts
}

func TestEntriesStayWithinTheBound(t *testing.T) {
	const most, size = 10_000, 500
	d := bounded(t, t.TempDir(), most)
	rng := rand.New(rand.NewPCG(1, 2))
	w := &watcher{t: t, path: d.Path, most: most}
	written, at := 0, civil.NewDay(2026, 11, 27)
	for written < 40_000 {
		batch := 1 + rng.IntN(1200)
		day := at
		if rng.IntN(10) == 0 {
			day-- // late lines
		}
		n, err := d.Append(day, []byte(lines(written, batch)))
		require.NoError(t, err)
		require.Positive(t, n)
		if written += batch; rng.IntN(9) == 0 {
			at++
		}
		total := w.look()
		assert.GreaterOrEqual(t, total, min(written, most-size), "of %d", written)
		if t.Failed() {
			return
		}
	}
	// They are the newest, each once.
	seen := map[string]bool{}
	list, texts := logs(t, d.Path)
	for i, text := range texts {
		assert.LessOrEqual(t, strings.Count(text, "\n"), size)
		assert.Equal(t, i, list[i].Segment-list[0].Segment, "numbers ascend across days")
		for line := range strings.Lines(text) {
			assert.False(t, seen[line], line)
			seen[line] = true
		}
	}
	for i := written - (most - size); i < written; i++ {
		assert.True(t, seen[fmt.Sprintf("line %d\n", i)], i)
	}
	target, err := os.Readlink(filepath.Join(d.Path, dir.LinkName))
	require.NoError(t, err)
	newest := slices.MaxFunc(list, func(a, b dir.Log) int { return int(a.Day-b.Day)*1000000 + a.Segment - b.Segment })
	assert.Equal(t, newest.Name(), target)
}

func TestEntriesOfTheLeastBound(t *testing.T) {
	d := bounded(t, t.TempDir(), calendar.MinEntries)
	appendTest(t, d, "2026-11-27", lines(0, 1000))
	list, texts := logs(t, d.Path)
	assert.Len(t, list, 20)
	assert.Equal(t, lines(980, 20), strings.Join(texts, ""))
}

// What was written before there was a bound counts as well, and so do days and hours.
func TestEntriesCountWhatIsThere(t *testing.T) {
	d, _ := loggertest.New(t)
	appendTest(t, d, "2026-11-25", lines(0, 60))
	appendTest(t, d, "2026-11-26", lines(60, 30))
	d.Put(t, "access-2026-11-25.log.gz", "a copy of it")
	d.Put(t, "access-2026-11-26T07.log", lines(1000, 2))
	d.Put(t, "access-2026-11-26.tar.gz", "somebody else's")
	d.Log.SetBounds(calendar.Bounds{Entries: 100})
	gone := 0
	d.Log.OnDayEmpty(func() { gone++ })
	appendTest(t, d, "2026-11-27", lines(90, 9))
	assert.Equal(t, []string{".lock", "access-2026-11-26.log", "access-2026-11-26.tar.gz", "access-2026-11-26T07.log", "access-2026-11-27.0001.log", "access-2026-11-27.0002.log", "access.log"}, names(t, d.Path))
	assert.Equal(t, 1, gone)
}

func names(t *testing.T, path string) (list []string) {
	found, err := os.ReadDir(path)
	require.NoError(t, err)
	for _, e := range found {
		if e.Name() != dir.ClockName {
			list = append(list, e.Name())
		}
	}
	return list
}

// A bound that becomes smaller holds with the next line, and without one by Trim.
func TestEntriesOfASmallerBound(t *testing.T) {
	d := bounded(t, t.TempDir(), 1000)
	appendTest(t, d, "2026-11-27", lines(0, 5000))
	d.Log.SetBounds(calendar.Bounds{Entries: 100})
	appendTest(t, d, "2026-11-27", lines(5000, 1))
	_, texts := logs(t, d.Path)
	assert.Equal(t, lines(4950, 51), strings.Join(texts, ""))
	deleted, err := entries.Trim(d.Dir, 20)
	require.NoError(t, err)
	assert.Len(t, deleted, 1)
	_, texts = logs(t, d.Path)
	assert.Equal(t, lines(5000, 1), strings.Join(texts, ""))
}

// Where nobody can tell how many lines there are, or the oldest cannot be deleted, lines
// wait.
func TestEntriesWait(t *testing.T) {
	d := bounded(t, t.TempDir(), 20)
	appendTest(t, d, "2026-11-27", lines(0, 20))
	other, _ := loggertest.OpenTest(t, d.Path, dir.Options{})
	lock := other.NewLock(dir.Locks, dir.LinesLock)
	require.True(t, lock.Take())
	n, err := d.Append(day("2026-11-27"), []byte(lines(20, 1)))
	assert.ErrorIs(t, err, dir.ErrLocked)
	assert.Zero(t, n)
	lock.Release()
	appendTest(t, d, "2026-11-27", lines(20, 1))

	oldest := filepath.Join(d.Path, "access-2026-11-27.0002.log")
	require.NoError(t, os.Remove(oldest))
	require.NoError(t, os.MkdirAll(filepath.Join(oldest, "in the way"), 0o750))
	n, err = d.Append(day("2026-11-27"), []byte(lines(21, 2)))
	assert.Error(t, err)
	assert.Zero(t, n)
	require.NoError(t, os.RemoveAll(oldest))
	appendTest(t, d, "2026-11-27", lines(21, 2))
	_, texts := logs(t, d.Path)
	assert.Equal(t, lines(3, 20), strings.Join(texts, ""))
}

func TestEntriesOnAFullDisk(t *testing.T) {
	d := bounded(t, t.TempDir(), 20)
	appendTest(t, d, "2026-11-27", lines(0, 20))
	d.Log.SetWrite(func(fd int, p []byte) (int, error) {
		if bytes.HasPrefix(p, []byte("line 22")) {
			n, _ := unix.Write(fd, p[:4])
			return n, unix.ENOSPC
		}
		return unix.Write(fd, p)
	})
	batch := []byte(lines(20, 5))
	n, err := d.Append(day("2026-11-27"), batch)
	assert.ErrorIs(t, err, unix.ENOSPC)
	assert.Equal(t, lines(20, 2), string(batch[:n]))
	d.Log.SetWrite(unix.Write)
	appendTest(t, d, "2026-11-27", string(batch[n:]))
	_, texts := logs(t, d.Path)
	assert.Equal(t, lines(5, 20), strings.Join(texts, ""))
}

// TestEntriesOfKilledWriters has two processes at a time write to one DIR, which are
// killed at any moment, and ones that kill themselves before, within and behind a write,
// which is behind and before the deletion of the oldest segment.
func TestEntriesOfKilledWriters(t *testing.T) {
	const most = 200
	path := filepath.Join(t.TempDir(), "log")
	w := &watcher{t: t, path: path, most: most}
	rng := rand.New(rand.NewPCG(3, 4))
	var running []*exec.Cmd
	kills := 0
	defer func() {
		for _, cmd := range running {
			cmd.Process.Kill()
			cmd.Wait()
		}
	}()
	// On a busy machine one is killed before it writes.
	for ; kills < 25 || w.gone <= 20 && kills < 500; kills++ {
		for len(running) < 2 {
			how := []string{"", "", "", "before", "half", "behind"}[rng.IntN(6)]
			cmd := exec.Command(os.Args[0], path, how)
			cmd.Env = append(os.Environ(), "HUSHPIPE_TEST_JOB=entries")
			require.NoError(t, cmd.Start())
			running = append(running, cmd)
		}
		for range 20 {
			w.look()
			time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond) // the moment of the kill is what is tested
		}
		i := rng.IntN(2)
		running[i].Process.Kill()
		running[i].Wait()
		running = slices.Delete(running, i, i+1)
	}
	assert.Greater(t, w.gone, 20, "segments came and went")
}

// writeUntilKilled is a process of TestEntriesOfKilledWriters.
func writeUntilKilled(d *loggertest.Dir, how string) error {
	d.Log.SetBounds(calendar.Bounds{Entries: 200})
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 0))
	die := func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	d.Log.SetWrite(func(fd int, p []byte) (int, error) {
		last := how != "" && rng.IntN(30) == 0
		if last && how == "before" {
			die()
		}
		if last && how == "half" {
			unix.Write(fd, p[:len(p)/2])
			die()
		}
		n, err := unix.Write(fd, p)
		if last {
			die()
		}
		return n, err
	})
	for i := 0; ; i++ {
		today := civil.NewDay(2026, 11, 27) - civil.Day(rng.IntN(2))
		batch := []byte(lines(1000*i, 1+rng.IntN(60)))
		if n, err := d.Append(today, batch); err != nil || n != len(batch) {
			return fmt.Errorf("%d: %w", n, err)
		}
	}
}

// watcher looks at the files of lines as a program does that follows them.
type watcher struct {
	t    *testing.T
	path string
	most int
	seen map[string]followed
	gone int
}

type followed struct {
	id   unix.Stat_t
	text []byte // whole lines
}

// look returns how many lines there are. A file that was seen before is the same one, and
// has the same lines, and more perhaps. The newest are read first: what is deleted
// meanwhile makes room for lines that are not read.
func (w *watcher) look() (total int) {
	found, err := os.ReadDir(w.path)
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(w.t, err)
	var all []string
	for _, e := range found {
		all = append(all, e.Name())
	}
	now := map[string]followed{}
	for _, l := range slices.Backward(dir.Logs(all)) {
		var f followed
		text, err := os.ReadFile(filepath.Join(w.path, l.Name()))
		if os.IsNotExist(err) || unix.Lstat(filepath.Join(w.path, l.Name()), &f.id) != nil {
			continue
		}
		require.NoError(w.t, err)
		f.text = text[:bytes.LastIndexByte(text, '\n')+1] // an unfinished line may be cut off
		total += bytes.Count(text, []byte("\n"))
		if len(f.text) < len(text) {
			total++
		}
		if was, known := w.seen[l.Name()]; known {
			require.Equal(w.t, was.id.Ino, f.id.Ino, l.Name())
			require.True(w.t, bytes.HasPrefix(f.text, was.text), l.Name())
		}
		now[l.Name()] = f
	}
	for name := range w.seen {
		if _, still := now[name]; !still {
			w.gone++
		}
	}
	w.seen = now
	require.LessOrEqual(w.t, total, w.most)
	return total
}
