package acts_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter/acts"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

func day(t *testing.T, date string) civil.Day {
	t.Helper()
	d, ok := civil.ParseDay(date)
	require.True(t, ok, date)
	return d
}

func TestString(t *testing.T) {
	at := time.Date(2026, 11, 22, 11, 0, 0, 0, time.FixedZone("CET", 3600))
	two := []civil.Day{day(t, "2026-11-22"), day(t, "2026-11-21"), day(t, "2026-11-22")}
	for want, act := range map[string]acts.Act{
		`2026-11-22T10:00:00Z uid=0 loginuid=1000 act=find streams=web,errors days=2026-11-21,2026-11-22 lines=4 reason="request 7"`: {
			Time: at, Login: "1000", What: acts.Find, Streams: []string{"web", "errors"}, Days: two, Lines: 4, Reason: "request 7"},
		`2026-11-22T10:00:00Z uid=33 loginuid=- act=reveal streams=. days=- lines=1`: {
			Time: at, UID: 33, Login: "-", What: acts.Reveal, Streams: []string{"."}, Lines: 1},
		`2026-11-22T10:00:00Z uid=0 loginuid=- act=erase streams="a b\nc,d" days=- lines=0 reason="\"\n\""`: {
			Time: at, Login: "-", What: acts.Erase, Streams: []string{"a b\nc", "d"}, Reason: "\"\n\""},
	} {
		assert.Equal(t, want, act.String())
	}
}

// read returns a file of DIR, "" for none.
func read(path, name string) string {
	text, _ := os.ReadFile(filepath.Join(path, name))
	return string(text)
}

func TestNote(t *testing.T) {
	path := t.TempDir()
	act := acts.Act{Time: time.Unix(0, 0), Login: "-", What: acts.Find}
	line := act.String() + "\n"
	require.NoError(t, acts.Record(path, act))
	require.NoError(t, acts.Record(path, act))
	assert.Equal(t, line+line, read(path, "acts.log"))
	info, err := os.Stat(filepath.Join(path, "acts.log"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode())

	// A line that was cut short stays by itself.
	require.NoError(t, os.WriteFile(filepath.Join(path, "acts.log"), []byte("torn"), 0o640))
	require.NoError(t, acts.Record(path, act))
	assert.Equal(t, "torn\n"+line, read(path, "acts.log"))

	require.NoError(t, os.Remove(filepath.Join(path, "acts.log")))
	target := filepath.Join(path, "target")
	require.NoError(t, os.Symlink(target, filepath.Join(path, "acts.log")))
	assert.ErrorContains(t, acts.Record(path, act), "/acts.log: is a symbolic link; hint: remove it")
	assert.NoFileExists(t, target)
}

// TestNoteAlone: the log is written under a lock, since it may be replaced.
func TestNoteAlone(t *testing.T) {
	path := t.TempDir()
	d, err := dir.Open(path, dir.Options{Create: true})
	require.NoError(t, err)
	defer d.Close()
	unlock, err := d.LockActs(0)
	require.NoError(t, err)
	assert.ErrorIs(t, acts.Record(path, acts.Act{}), dir.ErrLocked)
	assert.NoFileExists(t, filepath.Join(path, "acts.log"))
	unlock()
	assert.NoError(t, acts.Record(path, acts.Act{}))
}

// TestNoteFullDisk: a line is in the log as a whole, or not at all.
func TestNoteFullDisk(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, acts.Record(path, acts.Act{What: acts.Find}))
	before := read(path, "acts.log")
	var was unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &was))
	few := was // its numbers have a sign on FreeBSD
	few.Cur = 10
	for range before {
		few.Cur++
	}
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &few))
	err := acts.Record(path, acts.Act{What: acts.Find})
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &was))
	assert.ErrorIs(t, err, unix.EFBIG)
	assert.Equal(t, before, read(path, "acts.log"))
}

func TestExpire(t *testing.T) {
	const (
		old   = "2023-11-21T23:59:59Z uid=0 login=alice day=2023-11-21 revealed=1\n"
		young = "2023-11-22T00:00:00Z uid=0 login=alice day=2023-11-21 revealed=1\n"
		ahead = "2099-01-01T00:00:00Z uid=0 login=alice day=2099-01-01 revealed=1\n"
	)
	long := strings.Repeat("x", 10_000) + "\n"
	for name, tt := range map[string]struct{ text, want string }{
		"nothing old":              {young + ahead, young + ahead},
		"all old":                  {old + old, ""},
		"some":                     {old + young + old + ahead, young + ahead},
		"behind a clock ahead":     {ahead + old + young, ahead + young},
		"a torn line goes with it": {old + "torn\n" + young + "torn\n", young + "torn\n"},
		"no newline at the end":    {old + young + "2023-11", young + "2023-11"},
		"not ours":                 {"content\n", "content\n"},
		"a long line, old":         {old[:20] + long + old + young, young},
		"a long line, young":       {old + young[:20] + long + ahead, young[:20] + long + ahead},
		"no date in its middle":    {young[:20] + strings.Repeat(old[:20], 1000) + "\n" + old, young[:20] + strings.Repeat(old[:20], 1000) + "\n"},
		"empty":                    {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, file := range []string{"acts.log", "reveal.log"} {
				path := t.TempDir()
				require.NoError(t, os.WriteFile(filepath.Join(path, file), []byte(tt.text), 0o600))
				d, err := dir.Open(path, dir.Options{Create: true})
				require.NoError(t, err)
				defer d.Close()
				deleted, err := acts.Expire(d, day(t, "2023-11-22"))
				require.NoError(t, err)
				assert.Equal(t, tt.want, read(path, file))
				if tt.want == "" && tt.text != "" {
					assert.Equal(t, []string{file}, deleted)
					continue
				}
				assert.Empty(t, deleted)
				info, err := os.Stat(filepath.Join(path, file))
				require.NoError(t, err)
				assert.Equal(t, os.FileMode(0o600), info.Mode(), "the operator's")
			}
		})
	}
	path := t.TempDir()
	d, err := dir.Open(path, dir.Options{Create: true})
	require.NoError(t, err)
	defer d.Close()
	_, err = acts.Expire(d, day(t, "2023-11-22"))
	require.NoError(t, err)
	assert.NoDirExists(t, filepath.Join(path, ".lock"), "nothing is made where nothing is noted")
}

// TestExpireInLittleMemory: no line of the log is held in memory as a whole.
func TestExpireInLittleMemory(t *testing.T) {
	path := t.TempDir()
	file := filepath.Join(path, "acts.log")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Truncate(file, 64<<20))
	d, err := dir.Open(path, dir.Options{Create: true})
	require.NoError(t, err)
	defer d.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = acts.Expire(d, day(t, "2023-11-22"))
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}
