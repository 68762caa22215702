package store

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/audit"
	"hushpipe/filter/counters"
	"hushpipe/filter/dir"
	"hushpipe/filter/registry"
)

// counting lets a Store count so many lines, from now on.
func counting(s *Store, lines, dropped uint64) {
	s.Observe(func() counters.Values {
		return counters.Values{Lines: lines, Late: 1, Dropped: dropped}
	}, func() string { return "" })
}

// kill ends a process without a last record: the kernel releases its locks.
func kill(s *Store) { s.registry.Release() }

func (b *bed) status() audit.Status {
	b.Helper()
	st, err := audit.ReadStatus(b.dir, b.cfg.Keys, b.cfg.Now())
	require.NoError(b, err)
	return st
}

// records are the names in DIR/status.
func (b *bed) statusNames() []string {
	b.Helper()
	entries, err := os.ReadDir(b.path(dir.Status))
	require.NoError(b, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestProcessRecords follows processes from their start to the sum of those
// that ended, and what status shows meanwhile.
func TestProcessRecords(t *testing.T) {
	b := newBed(t)
	b.cfg.Process.Version, b.cfg.Process.IP, b.cfg.Process.Confined, b.cfg.Process.Memory = "v1.2.3", "ipcrypt", "confined by a test", "hidden by a test"
	s1 := b.open()
	counting(s1, 10, 0)
	st := b.status()
	assert.Equal(t, []registry.Process{{PID: os.Getpid(), Version: "v1.2.3", IP: "ipcrypt", Keep: "14d", Confined: "confined by a test", Memory: "hidden by a test",
		Started: noon, Written: noon}}, st.Processes)
	assert.Zero(t, st.Total)
	assert.Empty(t, st.Broken)

	b.pass(s1, time.Minute)
	s2 := b.open()
	counting(s2, 5, 2)
	b.pass(s2, time.Minute)
	st = b.status()
	require.Len(t, st.Processes, 2)
	assert.Equal(t, noon.Add(time.Minute), st.Processes[0].Written)
	assert.Equal(t, counters.Values{Lines: 15, Late: 2, Dropped: 2}, st.Total)

	counting(s1, 11, 0)
	require.NoError(t, s1.Close())
	st = b.status()
	require.Len(t, st.Processes, 1)
	assert.Equal(t, counters.Values{Lines: 16, Late: 2, Dropped: 2, Ended: 1}, st.Total)
	assert.Len(t, b.statusNames(), 3, "the live one's, and the sum")

	kill(s2)
	st = b.status()
	assert.Empty(t, st.Processes)
	assert.Equal(t, counters.Values{Lines: 16, Late: 2, Dropped: 2, Ended: 1, Killed: 1}, st.Total)
	s3 := b.open()
	assert.Equal(t, st.Total, b.status().Total, "folded by the next")
	assert.Len(t, b.statusNames(), 3)
	require.NoError(t, s3.Close())
	assert.Equal(t, []string{dir.EndedName}, b.statusNames())
	assert.Equal(t, counters.Values{Lines: 16, Late: 2, Dropped: 2, Ended: 2, Killed: 1}, b.status().Total)
	b.heard()
}

// TestCountersByDay: what is counted goes to the date on which it was, for 31
// days.
func TestCountersByDay(t *testing.T) {
	b := newBed(t)
	s := b.open()
	for day := range 40 {
		counting(s, uint64(day+1)*100, 0)
		b.set(noon.AddDate(0, 0, day))
		b.tick(s)
	}
	st := b.status()
	require.Len(t, st.Counts, 31)
	assert.Equal(t, (today + 9).String(), st.Counts[0].Day)
	for _, c := range st.Counts {
		assert.EqualValues(t, 100, c.Lines, c.Day)
	}
	require.NoError(t, s.Close())
	assert.Equal(t, append(st.Counts[:30:30], audit.DayCounters{Day: st.Counts[30].Day, Values: counters.Values{Lines: 100, Ended: 1}}), b.status().Counts)
	b.heard()
}

// TestFoldCrash: a fold that is broken off anywhere counts nothing twice and
// loses nothing.
func TestFoldCrash(t *testing.T) {
	for _, c := range []struct {
		name  string
		crash func(at string, ended []byte, record map[string][]byte)
	}{
		{"before the sum is written", func(at string, _ []byte, files map[string][]byte) {
			os.Remove(filepath.Join(at, dir.EndedName))
			restore(at, files, dir.RecordSuffix, dir.LockSuffix)
		}},
		{"before a record is deleted", func(at string, _ []byte, files map[string][]byte) {
			restore(at, files, dir.RecordSuffix, dir.LockSuffix)
		}},
		{"before its lock is deleted", func(at string, _ []byte, files map[string][]byte) {
			restore(at, files, dir.LockSuffix)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			s := b.open()
			counting(s, 7, 0)
			b.pass(s, time.Minute)
			kill(s)
			at := b.path(dir.Status)
			files := map[string][]byte{}
			for _, name := range b.statusNames() {
				text, err := os.ReadFile(filepath.Join(at, name))
				require.NoError(t, err)
				files[name] = text
			}
			require.NoError(t, newStore(b.cfg).registry.Fold(b.openDir(), noon))
			require.Equal(t, []string{dir.EndedName}, b.statusNames())
			ended, err := os.ReadFile(filepath.Join(at, dir.EndedName))
			require.NoError(t, err)
			c.crash(at, ended, files)

			want := counters.Values{Lines: 7, Late: 1, Killed: 1}
			assert.Equal(t, want, b.status().Total)
			for range 2 {
				require.NoError(t, newStore(b.cfg).registry.Fold(b.openDir(), noon))
				assert.Equal(t, []string{dir.EndedName}, b.statusNames())
				assert.Equal(t, want, b.status().Total)
			}
		})
	}
}

func restore(at string, files map[string][]byte, suffixes ...string) {
	for name, text := range files {
		if slices.Contains(suffixes, filepath.Ext(name)) {
			os.WriteFile(filepath.Join(at, name), text, 0o640)
		}
	}
}

func (b *bed) openDir() *dir.Dir {
	dir, err := dir.Open(b.dir, dir.Options{Create: true})
	require.NoError(b, err)
	b.Cleanup(func() { dir.Close() })
	return dir
}

// TestManyFold: processes that start and end at the same time lose no count,
// and leave one file.
func TestManyFold(t *testing.T) {
	b := newBed(t)
	require.NoError(t, b.open().Close())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				s := newStore(b.cfg)
				dir, err := dir.Open(b.dir, dir.Options{Create: true})
				if !assert.NoError(t, err) {
					return
				}
				counting(s, 1, 0)
				s.registry.Update(dir, noon, true)
				if i%2 == 0 {
					kill(s)
				} else {
					s.registry.End(dir)
				}
				dir.Close()
			}
		})
	}
	for range 20 {
		st := b.status()
		assert.LessOrEqual(t, st.Total.Lines, uint64(40))
	}
	wg.Wait()
	require.NoError(t, newStore(b.cfg).registry.Fold(b.openDir(), noon))
	assert.Equal(t, counters.Values{Lines: 40, Late: 40, Ended: 21, Killed: 20}, b.status().Total)
	assert.Equal(t, []string{dir.EndedName}, b.statusNames())
	assert.Empty(t, b.heard())
}

// TestStatusDeleted: a process whose record or DIR was deleted writes all of its record
// again.
func TestStatusDeleted(t *testing.T) {
	b := newBed(t)
	s := b.open()
	counting(s, 3, 0)
	b.pass(s, time.Minute)
	require.NoError(t, os.RemoveAll(b.path(dir.Status)))
	assert.Empty(t, b.status().Processes)
	b.pass(s, time.Minute)
	st := b.status()
	assert.Len(t, st.Processes, 1)
	assert.EqualValues(t, 3, st.Total.Lines)
	assert.Empty(t, b.heard())
}

// TestBrokenRecords: what cannot be read in DIR/status is reported, and neither
// stops anything nor is shown.
func TestBrokenRecords(t *testing.T) {
	b := newBed(t)
	s := b.open()
	require.NoError(t, os.WriteFile(b.path(dir.Status, dir.EndedName), []byte(`{"days":"192.0.2.1"`), 0o640))
	require.NoError(t, os.WriteFile(b.path(dir.Status, "0123456789abcdef.json"), []byte(`{`), 0o640))
	require.NoError(t, os.Symlink("/etc/passwd", b.path(dir.Status, "0123456789abcde0.json")))
	st := b.status()
	assert.Len(t, st.Processes, 1)
	require.Len(t, st.Notes, 1)
	assert.Equal(t, b.path(dir.Status, dir.EndedName), st.Notes[0].File)
	require.Len(t, st.Broken, 1)
	assert.Equal(t, "is not a regular file", st.Broken[0].What)

	b.pass(s, time.Hour)
	assert.Contains(t, b.heard(), dir.EndedName+": is not a record of hushpipe; the counts of ended processes start again at zero")
	st = b.status()
	assert.Empty(t, st.Notes)
	assert.EqualValues(t, 1, st.Total.Killed, "the other one, whatever it was")
}

// TestPlantedInStatus: nothing in DIR/status keeps status from showing the rest,
// or the records of other processes from being added up.
func TestPlantedInStatus(t *testing.T) {
	for _, name := range []string{"0123456789abcdef.lock", "0123456789abcdef.json", dir.EndedName} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.process(users(today, "a", 1, 2))
			live := b.open()
			require.NoError(t, os.WriteFile(b.path(dir.Status, "0123456789abcdef.json"), []byte("{}"), 0o640))
			os.Remove(b.path(dir.Status, name))
			require.NoError(t, os.Symlink("/etc/passwd", b.path(dir.Status, name)))
			for range 2 {
				st := b.status()
				assert.Len(t, st.Processes, 1)
				assert.Len(t, st.Days, 2)
				assert.Contains(t, plain(st.Broken), audit.Finding{File: b.path(dir.Status, name), What: "is not a regular file", Do: "remove it"})
				b.pass(live, time.Hour)
			}
			require.NoError(t, os.Remove(b.path(dir.Status, name)))
			b.pass(live, time.Hour)
			assert.Empty(t, b.status().Broken)
			assert.Positive(t, b.status().Total.Ended+b.status().Total.Killed)
			require.NoError(t, live.Close())
			b.heard()
		})
	}
}

// TestLastError: the last message about a fault is in the record, good news is
// not.
func TestLastError(t *testing.T) {
	b := newBed(t)
	s := b.open()
	s.report.Log("append", b.dir+": first")
	b.pass(s, time.Minute)
	s.report.Log("recovered", b.dir+": writing lines again")
	b.pass(s, time.Minute)
	assert.Equal(t, registry.Fault{Time: noon, Text: b.dir + ": first"}, b.status().LastError)
	s.report.Log("append", b.dir+": "+strings.Repeat("x", 1000))
	require.NoError(t, s.Close())
	assert.Len(t, b.status().LastError.Text, 400)
	b.heard()
}

// TestRepeated: a batch that a killed process wrote and did not commit is
// noticed when the next process writes it again. A line that clients send again
// and again is not taken for one where no process was killed.
func TestRepeated(t *testing.T) {
	batch := users(today, "a", 1, 3)
	for _, c := range []struct {
		name            string
		replays, killed bool
		later, again    string
		want            uint64
	}{
		{"written again", true, true, "", batch, 1},
		{"with more", true, true, "", batch + users(today, "b", 1, 1), 1},
		{"behind lines of others", true, true, users(today, "c", 1, 9), batch, 1},
		{"not committed and not written", true, true, "", users(today, "b", 1, 3), 0},
		{"the first line is not the first of the batch", true, true, "", "x" + batch, 0},
		{"the process ended", true, false, "", batch, 0},
		{"no pipe", false, true, "", batch, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			b.cfg.Replays = c.replays
			s1 := b.open()
			_, err := s1.Append(today, []byte(users(today, "before", 1, 2)+batch+c.later))
			require.NoError(t, err)
			if c.killed {
				kill(s1)
			} else {
				require.NoError(t, s1.Close())
			}
			s2 := b.open()
			for range 2 { // only the first batch is looked at
				_, err = s2.Append(today, []byte(c.again))
				require.NoError(t, err)
			}
			b.pass(s2, time.Minute)
			assert.Equal(t, c.want, b.status().Total.Repeated)
			assert.EqualValues(t, c.want, strings.Count(b.heard(), "is twice in the file"))
		})
	}
}

// TestRecordIsCountsOnly holds what a record can say against a list, so that
// nothing of a line comes into it.
func TestRecordIsCountsOnly(t *testing.T) {
	b := newBed(t)
	b.open()
	for _, name := range b.statusNames() {
		if !strings.HasSuffix(name, dir.RecordSuffix) {
			continue
		}
		text, err := os.ReadFile(b.path(dir.Status, name))
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		assert.Equal(t, []string{"confined", "days", "ended", "ip", "keep", "layout", "memory", "pid", "started", "version", "written"},
			slices.Sorted(maps.Keys(fields)))
	}
}

// Where an error in hushpipe was is reported once, and is the last error in status.
func TestErrorInHushpipe(t *testing.T) {
	b := newBed(t)
	s := b.open()
	s.Observe(func() counters.Values { return counters.Values{Lines: 2, Failed: 1} },
		func() string { return "hushpipe/filter.f (f.go:7)" })
	b.pass(s, 3*time.Minute)
	const want = "an error in hushpipe, at hushpipe/filter.f (f.go:7): what was treated there is left out or not counted; hint: please report it"
	assert.Equal(t, b.dir+": "+want, b.heard())
	assert.Contains(t, b.status().LastError.Text, want)
}
