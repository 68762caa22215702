package daylog_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "hushpipe/filter/daylog"
	"hushpipe/filter/loggertest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/format/civil"
)

const today = "access-2026-11-22.log"

func appendTest(t *testing.T, d *loggertest.Dir, date, lines string) {
	t.Helper()
	n, err := d.Append(day(date), []byte(lines))
	require.NoError(t, err)
	require.Equal(t, len(lines), n)
}

func TestAppendByDay(t *testing.T) {
	d, said := loggertest.New(t)
	appendTest(t, d, "2026-11-22", "a\nb\n")
	appendTest(t, d, "2026-11-21", "late\n")
	appendTest(t, d, "2026-11-23", "early\n")
	appendTest(t, d, "2026-11-22", "c\n")
	assert.Equal(t, "a\nb\nc\n", d.Read(t, today))
	assert.Equal(t, "late\n", d.Read(t, "access-2026-11-21.log"))
	assert.Equal(t, "early\n", d.Read(t, "access-2026-11-23.log"))
	assert.Empty(t, *said)
}

func TestAppendToMoreDaysThanAreHeldOpen(t *testing.T) {
	d, _ := loggertest.New(t)
	const days = 3 * MaxOpen
	for range 2 {
		for i := range civil.Day(days) {
			_, err := d.Append(day("2026-11-22")+i, []byte("line\n"))
			require.NoError(t, err)
			require.LessOrEqual(t, len(d.Log.HeldOpen()), MaxOpen)
		}
	}
	names := d.Tree(t)
	require.Len(t, names, days+1)
	for _, name := range names {
		require.Contains(t, []string{"line\nline\n"}, d.Read(t, name))
	}
}

// An unfinished last line is cut back to the last newline, wherever that is in
// the blocks that are read backwards; nothing else is.
func TestAppendRepairs(t *testing.T) {
	whole := strings.Repeat("whole line\n", 1000)
	for _, rest := range []int{0, 1, 100, 4095, 4096, 4097, 8191, 8192, 100_000} {
		for _, before := range []string{"", "\n", whole} {
			t.Run(fmt.Sprintf("before=%d/rest=%d", len(before), rest), func(t *testing.T) {
				d, said := loggertest.New(t)
				d.Put(t, today, before+strings.Repeat("x", rest))
				appendTest(t, d, "2026-11-22", "next\n")
				assert.Equal(t, before+"next\n", d.Read(t, today))
				if rest == 0 {
					assert.Empty(t, *said)
				} else {
					assert.Equal(t, dirtest.Notes{fmt.Sprintf("%s/%s: cut off %d bytes of a line that a process left unfinished",
						d.Path, today, rest)}, *said)
				}
			})
		}
	}
}

// A disk that takes only part of a batch: its whole lines stay, n is where to continue, and
// whatever happens next no line is there twice or truncated.
func TestAppendShortWrite(t *testing.T) {
	batch := "first\nsecond\nthird\n"
	for _, fault := range []error{unix.ENOSPC, unix.EIO, unix.EDQUOT, nil} {
		want := fault
		if fault == nil {
			want = io.ErrShortWrite
		}
		for took := 1; took < len(batch); took++ {
			d, said := loggertest.New(t)
			appendTest(t, d, "2026-11-22", "old\n")
			calls := 0
			d.Log.SetWrite(func(fd int, p []byte) (int, error) {
				if calls++; calls > 1 {
					return 0, fault
				}
				n, err := unix.Write(fd, p[:took])
				require.NoError(t, err)
				return n, nil
			})
			n, err := d.Append(day("2026-11-22"), []byte(batch))
			require.ErrorIs(t, err, want)
			require.NotContains(t, err.Error(), "first")
			require.Equal(t, strings.LastIndexByte(batch[:took], '\n')+1, n, took)
			require.Equal(t, "old\n"+batch[:n], d.Read(t, today))

			d.Log.SetWrite(unix.Write)
			appendTest(t, d, "2026-11-22", batch[n:])
			require.Equal(t, "old\n"+batch, d.Read(t, today))
			require.Empty(t, *said, "nothing was left to repair")
		}
	}
}

func TestAppendGoesOnAfterPartialWrites(t *testing.T) {
	d, _ := loggertest.New(t)
	calls := 0
	d.Log.SetWrite(func(fd int, p []byte) (int, error) {
		if calls++; calls%2 == 0 {
			return -1, unix.EINTR
		}
		return unix.Write(fd, p[:1])
	})
	appendTest(t, d, "2026-11-22", "first\nsecond\n")
	assert.Equal(t, "first\nsecond\n", d.Read(t, today))
}

// A writer that knows no lock has added to the file: its bytes are not ours to
// cut away.
func TestAppendCutsNothingForeign(t *testing.T) {
	d, _ := loggertest.New(t)
	d.Log.SetWrite(func(fd int, p []byte) (int, error) {
		n, err := unix.Write(fd, p[:3])
		require.NoError(t, err)
		_, err = unix.Write(fd, []byte("foreign\n"))
		require.NoError(t, err)
		d.Log.SetWrite(func(int, []byte) (int, error) { return 0, unix.ENOSPC })
		return n, nil
	})
	n, err := d.Append(day("2026-11-22"), []byte("first\n"))
	assert.ErrorIs(t, err, unix.ENOSPC)
	assert.Zero(t, n)
	assert.Contains(t, d.Read(t, today), "foreign\n")
}

func TestAppendFollowsTheName(t *testing.T) {
	elsewhere := t.TempDir()
	for _, test := range []struct {
		name   string
		change func(path string) error
		says   string // "": hushpipe may have done it
	}{
		{"unlinked", os.Remove, "access-2026-11-22.log: was deleted while in use, and lines go to a new file"},
		{"moved elsewhere", func(path string) error { return os.Rename(path, filepath.Join(elsewhere, "x.log")) },
			"access-2026-11-22.log: another program has moved it to where hushpipe does not delete it, and lines go to a new file"},
		{"renamed", func(path string) error { return os.Rename(path, filepath.Join(filepath.Dir(path), "x.log")) },
			"access-2026-11-22.log: another program has moved it to where hushpipe does not delete it, and lines go to a new file"},
		{"rotated", func(path string) error { return os.Rename(path, path+".1") },
			"access-2026-11-22.log: another program has moved it to access-2026-11-22.log.1, and lines go to a new file"},
		{"replaced", func(path string) error {
			if err := os.WriteFile(path+".new", []byte("new\n"), 0o640); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		}, "access-2026-11-22.log: was deleted while in use, and lines go to a new file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, said := loggertest.New(t)
			d.Log.SetWindow(calendar.Window{First: day("2026-11-09"), Today: day("2026-11-22")})
			appendTest(t, d, "2026-11-21", "late\n")
			appendTest(t, d, "2026-11-22", "old\n")
			require.NoError(t, test.change(filepath.Join(d.Path, today)))
			before, _ := os.ReadFile(filepath.Join(d.Path, today))
			appendTest(t, d, "2026-11-22", "next\n")
			appendTest(t, d, "2026-11-22", "last\n")
			assert.Equal(t, string(before)+"next\nlast\n", d.Read(t, today))
			require.Len(t, *said, 1)
			assert.Contains(t, (*said)[0], test.says)

			// Another process may have deleted the file of a day before, by its rule.
			require.NoError(t, os.Remove(filepath.Join(d.Path, "access-2026-11-21.log")))
			appendTest(t, d, "2026-11-21", "late\n")
			assert.Len(t, *said, 1)
		})
	}
}

func TestAppendMakesNoExpiredDayAgain(t *testing.T) {
	d, _ := loggertest.New(t)
	require.Empty(t, d.Purge(at("2026-11-22 00:00"), 14, false).Errs)
	appendTest(t, d, "2026-11-09", "the oldest day\n")
	n, err := d.Append(day("2026-11-08"), []byte("too old\n"))
	assert.ErrorIs(t, err, calendar.ErrExpired)
	assert.Zero(t, n)
	assert.Equal(t, []string{"access-2026-11-09.log", "access.log"}, d.Tree(t))
}

func TestLinkLeadsToTheNewest(t *testing.T) {
	d, said := loggertest.New(t)
	link := func() string {
		target, err := os.Readlink(filepath.Join(d.Path, dir.LinkName))
		require.NoError(t, err)
		return target
	}
	appendTest(t, d, "2026-11-22", "line\n")
	assert.Equal(t, today, link(), "relative, so that DIR can be moved")
	appendTest(t, d, "2026-11-21", "late\n")
	assert.Equal(t, today, link())
	appendTest(t, d, "2026-11-23", "next day\n")
	assert.Equal(t, "access-2026-11-23.log", link())
	assert.Equal(t, "next day\n", d.Read(t, dir.LinkName))

	other, _ := loggertest.OpenTest(t, d.Path, dir.Options{})
	appendTest(t, other, "2026-11-22", "an old process\n")
	assert.Equal(t, "access-2026-11-23.log", link())

	require.NoError(t, os.Remove(filepath.Join(d.Path, "access-2026-11-23.log")))
	appendTest(t, d, "2026-11-20", "late\n")
	assert.Equal(t, "access-2026-11-20.log", link(), "a file that is there beats one that is not")

	// A clock that was ahead has made a file that the next weeks do not catch up.
	appendTest(t, d, "2027-01-01", "wrong\n")
	assert.Equal(t, "access-2027-01-01.log", link())
	require.Empty(t, d.Purge(at("2026-11-22 12:00"), 14, false).Errs)
	appendTest(t, d, "2026-11-22", "right\n")
	assert.Equal(t, today, link())
	assert.Empty(t, *said)

	require.NoError(t, os.Remove(filepath.Join(d.Path, dir.LinkName)))
	require.NoError(t, os.Symlink("somebody's idea", filepath.Join(d.Path, dir.LinkName)))
	require.Empty(t, d.Purge(at("2026-11-22 12:00"), 14, false).Errs)
	appendTest(t, d, "2026-11-22", "line\n")
	assert.Equal(t, today, link())
}

func TestLinkNameTaken(t *testing.T) {
	for _, kind := range []string{"file", "directory"} {
		t.Run(kind, func(t *testing.T) {
			d, said := loggertest.New(t)
			path := filepath.Join(d.Path, dir.LinkName)
			if kind == "file" {
				d.Put(t, dir.LinkName, "somebody else's\n")
			} else {
				require.NoError(t, os.Mkdir(path, 0o750))
			}
			for _, date := range []string{"2026-11-22", "2026-11-23", "2026-11-24"} {
				appendTest(t, d, date, "line\n")
			}
			assert.Equal(t, dirtest.Notes{"link " + path + ": is not a symbolic link; hint: move it away"}, *said, "once")
			if kind == "file" {
				assert.Equal(t, "somebody else's\n", d.Read(t, dir.LinkName))
			}
		})
	}
}

func TestTwoProcessesAppendWholeLines(t *testing.T) {
	d, _ := loggertest.New(t)
	writers := []string{"a", "b", "c"}
	dirtest.Children(t, "append", d.Path, writers...)
	seen := map[string]int{}
	for _, name := range []string{today, "access-2026-11-23.log"} {
		for line := range strings.Lines(d.Read(t, name)) {
			var writer string
			var i int
			_, err := fmt.Sscanf(line, "%s %d", &writer, &i)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%s %d ", writer, i), line[:strings.LastIndexByte(line, ' ')+1])
			require.Equal(t, "", strings.Trim(line[strings.LastIndexByte(line, ' ')+1:], writer+"\n"))
			seen[fmt.Sprint(writer, i)]++
		}
	}
	for _, writer := range writers {
		for i := range 300 {
			require.Equal(t, 1, seen[fmt.Sprint(writer, i)], "%s %d", writer, i)
		}
	}
}

func TestAppendAllocations(t *testing.T) {
	d, _ := loggertest.New(t)
	batch := []byte(strings.Repeat("a line of a log\n", 100))
	appendTest(t, d, "2026-11-22", string(batch))
	allocs := testing.AllocsPerRun(50, func() {
		if n, err := d.Append(day("2026-11-22"), batch); n != len(batch) || err != nil {
			t.Fatal(n, err)
		}
	})
	// One for the name in fstatat, per batch: none per line.
	assert.LessOrEqual(t, allocs, 2.0)
	assert.Equal(t, strings.Repeat(string(batch), 52), d.Read(t, today))
}

// go test -run=^$ -bench=Append ./filter/rotate
func BenchmarkAppend(b *testing.B) {
	for _, lines := range []int{1, 300} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			d, err := loggertest.Open(b.TempDir(), dir.Options{Create: true})
			require.NoError(b, err)
			defer d.Close()
			batch := []byte(strings.Repeat(strings.Repeat("x", 199)+"\n", lines))
			b.SetBytes(int64(len(batch)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if _, err := d.Append(day("2026-11-22"), batch); err != nil {
					b.Fatal(err)
				}
				if n++; n%1000 == 0 { // as much as a disk may be asked for
					os.Truncate(filepath.Join(d.Path, today), 0)
				}
			}
			st, err := os.Stat(filepath.Join(d.Path, today))
			require.NoError(b, err)
			require.EqualValues(b, n%1000*len(batch), st.Size())
		})
	}
}

// A deleted file that is held open would keep its lines on the disk.
func TestDeletedFilesAreClosed(t *testing.T) {
	d, _ := loggertest.New(t)
	appendTest(t, d, "2026-11-09", "line\n")
	f := d.Log.HeldOpen()[0]
	require.Empty(t, d.Purge(at("2026-11-22 12:00"), 14, false).Errs)
	_, err := f.Stat()
	assert.ErrorIs(t, err, os.ErrClosed)
	appendTest(t, d, "2026-11-09", "line\n")
}

// TestAppendWaits: a process that holds the lock of one file, as one of an earlier version does,
// is waited for once, also where lines of other days come in between. That wait and the one
// for the lock of the lines share a second, but for the moment that other locks of earlier
// versions get.
func TestAppendWaits(t *testing.T) {
	const yesterday = "2026-11-21"
	for _, test := range []struct {
		name  string
		lines time.Duration // for which somebody has the lock of the lines
		want  []time.Duration
	}{
		{"for the file", 0, []time.Duration{dir.LockPatience, 0, 0, 0, 0}},
		{"for both", 700 * time.Millisecond, []time.Duration{dir.LockPatience, 0, 0, 0, 0}},
		{"for both, most for the lines", 990 * time.Millisecond, []time.Duration{990*time.Millisecond + dir.EarlierPatience, 0, 0, 0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, _ := loggertest.New(t)
				appendTest(t, d, "2026-11-22", "a\n")
				appendTest(t, d, yesterday, "a\n")
				f, err := os.Open(filepath.Join(d.Path, today))
				require.NoError(t, err)
				defer f.Close()
				taken, err := dir.LockFile(f, 0)
				require.NoError(t, err)
				require.True(t, taken)
				if lock := d.NewLock(dir.Locks, dir.LinesLock); test.lines > 0 {
					require.True(t, lock.Take())
					time.AfterFunc(test.lines, lock.Close)
				}
				var waits []time.Duration
				for _, date := range []string{"2026-11-22", yesterday, "2026-11-22", yesterday, "2026-11-22"} {
					began := time.Now()
					appendTest(t, d, date, "b\n")
					waits = append(waits, time.Since(began))
				}
				for i, want := range test.want {
					assert.InDelta(t, want, waits[i], float64(20*time.Millisecond), "%v", waits)
				}
			})
		})
	}
}

// TestAppendBesideAnEarlierVersion: lines wait while a process of an earlier version has
// the file, which may be about to cut off what it takes for unfinished.
func TestAppendBesideAnEarlierVersion(t *testing.T) {
	d, _ := loggertest.New(t)
	appendTest(t, d, "2026-11-22", "a\n")
	f, err := os.Open(filepath.Join(d.Path, today))
	require.NoError(t, err)
	defer f.Close()
	for try := 1; ; try++ {
		taken, err := dir.LockFile(f, 0)
		require.NoError(t, err)
		require.True(t, taken)
		var released atomic.Bool
		done := make(chan struct{})
		time.AfterFunc(300*time.Millisecond, func() {
			released.Store(true)
			dir.UnlockFile(f)
			close(done)
		})
		began := time.Now()
		appendTest(t, d, "2026-11-22", "b\n")
		took, free := time.Since(began), released.Load()
		<-done
		if took < dir.LockPatience || try == 3 {
			require.True(t, free)
			return
		}
		appendTest(t, d, "2026-11-22", "c\n") // the machine is busy
	}
}
