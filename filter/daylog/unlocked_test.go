package daylog_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/loggertest"
)

// TestUnlockedLinesAreRestored: another process has the lock, of the lines or, if it is of
// an earlier version, of the file. It has looked at the file while this process was writing,
// and cuts off what it takes for an unfinished line. Once this process has the lock, it
// appends what is missing, and nothing else.
func TestUnlockedLinesAreRestored(t *testing.T) {
	const (
		written = "one\ntwo\nthree\n" // behind "old\n", without the lock
		foreign = "the other's\n"
		off     = "2026-11-21"
	)
	holders := map[string]func(t *testing.T, d *loggertest.Dir) (release func()){
		"of the lines": func(t *testing.T, d *loggertest.Dir) func() {
			d.ShareWithEarlier(false)
			lock := d.NewLock(dir.Locks, dir.LinesLock)
			require.True(t, lock.Take())
			return lock.Close
		},
		"of the file": func(t *testing.T, d *loggertest.Dir) func() {
			f, err := os.Open(filepath.Join(d.Path, today))
			require.NoError(t, err)
			taken, err := dir.LockFile(f, 0)
			require.NoError(t, err)
			require.True(t, taken)
			return func() { f.Close() }
		},
	}
	// What comes next in the process that wrote.
	nexts := map[string]struct {
		do   func(t *testing.T, d *loggertest.Dir)
		adds string
	}{
		"lines":               {func(t *testing.T, d *loggertest.Dir) { appendTest(t, d, "2026-11-22", "next\n") }, "next\n"},
		"lines of a day":      {func(t *testing.T, d *loggertest.Dir) { appendTest(t, d, off, "late\n") }, ""},
		"its files close":     {func(t *testing.T, d *loggertest.Dir) { d.Log.Forget(); appendTest(t, d, "2026-11-22", "next\n") }, "next\n"},
		"the end":             {func(t *testing.T, d *loggertest.Dir) { d.Log.Close() }, ""},
		"lines, then the end": {func(t *testing.T, d *loggertest.Dir) { appendTest(t, d, "2026-11-22", "next\n"); d.Log.Close() }, "next\n"},
	}
	cuts := map[string]struct {
		cut      bool
		to       string // what the cut leaves
		restored string
	}{
		"nothing":        {false, "old\n" + written, ""},
		"all":            {true, "old\n", written},
		"the last lines": {true, "old\none\n", "two\nthree\n"},
	}
	for holder, hold := range holders {
		for next, then := range nexts {
			for name, c := range cuts {
				t.Run("lock "+holder+"/next "+next+"/cut "+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { // the wait for the lock takes no time
						d, said := loggertest.New(t)
						appendTest(t, d, "2026-11-22", "old\n")
						release := hold(t, d)
						appendTest(t, d, "2026-11-22", written)
						require.Equal(t, "old\n"+written, d.Read(t, today))
						if c.cut {
							require.NoError(t, os.Truncate(filepath.Join(d.Path, today), int64(len(c.to))))
						}
						f, err := os.OpenFile(filepath.Join(d.Path, today), os.O_WRONLY|os.O_APPEND, 0)
						require.NoError(t, err)
						_, err = f.WriteString(foreign)
						require.NoError(t, err)
						require.NoError(t, f.Close())
						release()
						then.do(t, d)
						assert.Equal(t, c.to+foreign+c.restored+then.adds, d.Read(t, today))
						if !c.cut {
							assert.Empty(t, *said)
						} else if assert.Len(t, *said, 1) {
							assert.Contains(t, (*said)[0], "they are appended again")
						}
					})
				})
			}
		}
	}
}

// TestUnlockedLinesStayFalsified: a line that was falsified in place meanwhile is not
// written once more as it was.
func TestUnlockedLinesStayFalsified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, said := loggertest.New(t)
		lock := d.NewLock(dir.Locks, dir.LinesLock)
		require.True(t, lock.Take())
		appendTest(t, d, "2026-11-22", "one\ntwo\nthree\n")
		f, err := os.OpenFile(filepath.Join(d.Path, today), os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("xxx"), int64(len("one\n")))
		require.NoError(t, err)
		require.NoError(t, f.Close())
		lock.Close()
		appendTest(t, d, "2026-11-22", "next\n")
		assert.Equal(t, "one\nxxx\nthree\nnext\n", d.Read(t, today))
		assert.Empty(t, *said)
	})
}

// TestUnlockedLinesOfDeletedFiles: what was deleted meanwhile is not made again.
func TestUnlockedLinesOfDeletedFiles(t *testing.T) {
	for name, remove := range map[string]func(t *testing.T, d *loggertest.Dir, path string){
		"deleted": func(t *testing.T, _ *loggertest.Dir, path string) { require.NoError(t, os.Remove(path)) },
		"replaced": func(t *testing.T, d *loggertest.Dir, path string) {
			d.Put(t, "new", "")
			require.NoError(t, os.Rename(filepath.Join(d.Path, "new"), path))
		},
		"expired": func(t *testing.T, d *loggertest.Dir, path string) {
			require.NoError(t, os.Truncate(path, 0))
			d.Log.SetWindow(calendar.Window{First: day("2026-11-23"), Today: day("2026-11-23")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, _ := loggertest.New(t)
				lock := d.NewLock(dir.Locks, dir.LinesLock)
				require.True(t, lock.Take())
				appendTest(t, d, "2026-11-22", "one\n")
				remove(t, d, filepath.Join(d.Path, today))
				lock.Close()
				appendTest(t, d, "2026-11-23", "next\n")
				d.Log.Close()
				text, _ := os.ReadFile(filepath.Join(d.Path, today))
				assert.Empty(t, string(text))
			})
		})
	}
}

// TestUnlockedCutsNothing: a line that has no end yet may be one that the process with the
// lock is writing.
func TestUnlockedCutsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, said := loggertest.New(t)
		d.ShareWithEarlier(false)
		d.Put(t, today, "old\nunfin")
		lock := d.NewLock(dir.Locks, dir.LinesLock)
		require.True(t, lock.Take())
		appendTest(t, d, "2026-11-22", "one\n")
		assert.Equal(t, "old\nunfinone\n", d.Read(t, today))
		lock.Close()
		appendTest(t, d, "2026-11-22", "two\n")
		assert.Equal(t, "old\nunfinone\ntwo\n", d.Read(t, today))
		assert.Empty(t, *said)
	})
}
