package registry_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/registry"
	"hushpipe/format/civil"
)

// TestExpireFlags: what is removed from the log when lines of 22 November are the oldest.
func TestExpireFlags(t *testing.T) {
	const (
		empty   = "2026-11-01T12:00:00Z empty\n"
		first   = "2026-11-01T12:00:00Z filter --format=\"auto\"\n"
		second  = "2026-11-10T12:00:00Z filter --format=\"common\"\n"
		third   = "2026-11-18T12:00:00Z filter --redact=\"q\"\n"
		last    = "2026-11-24T12:00:00Z filter --redact=\"r\"\n"
		turns   = "2026-11-23T12:00:00Z filter --redact=\"a\"\n2026-11-23T12:01:00Z filter --redact=\"b\"\n"
		before  = "2026-11-24T13:00:00Z replay 2026-11-21 --format=\"common\"\n"
		replay  = "2026-11-03T12:00:00Z replay 2026-11-22 --format=\"json\"\n"
		unknown = "2026-11-03T12:00:00Z something new\n"
	)
	for _, test := range []struct{ name, log, kept string }{
		{"flags that ended", empty + first + second + third + last, third + last},
		{"flags that go on", empty + first, empty + first},
		{"flags that ended on a day before lines of which some may be late", first + "2026-11-20T12:00:00Z filter\n", first + "2026-11-20T12:00:00Z filter\n"},
		{"filters that begin by turns", empty + third + turns + turns + turns + last, empty + third + turns + last},
		{"a filter that begins again on another day", third + last + "2026-11-25T12:00:00Z filter --redact=\"q\"\n" + last, third + last + "2026-11-25T12:00:00Z filter --redact=\"q\"\n" + last},
		{"replays of days that are gone", empty + before + replay, empty + replay},
		{"a replay ends nothing", empty + first + replay + before, empty + first + replay},
		{"what a newer version wrote", first + second + unknown + third, unknown + third},
		{"what a full disk cut off", first + second + "2026-11-18T12:00:00Z filt\n" + third, "2026-11-18T12:00:00Z filt\n" + third},
		{"flags that a full disk cut off end nothing", empty + first + "2026-11-10T12:00:00Z filter --format=\"com\n", empty + first + "2026-11-10T12:00:00Z filter --format=\"com\n"},
		{"flags that a full disk cut off between two", empty + first + "2026-11-10T12:00:00Z filter", empty + first + "2026-11-10T12:00:00Z filter"},
		{"a replay that a newer version wrote", empty + "2026-11-03T12:00:00Z replay all --format=\"json\"\n" + first, empty + "2026-11-03T12:00:00Z replay all --format=\"json\"\n" + first},
		{"nothing", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := t.TempDir()
			name := filepath.Join(at, dir.FlagsLogName)
			require.NoError(t, os.WriteFile(name, []byte(test.log), 0o600))
			d, err := dir.Open(at, dir.Options{Create: true, Notify: func(string) {}})
			require.NoError(t, err)
			defer d.Close()
			require.NoError(t, registry.ExpireFlags(d, civil.NewDay(2026, 11, 22)))
			kept, err := os.ReadFile(name)
			require.NoError(t, err)
			assert.Equal(t, test.kept, string(kept))
			info, err := os.Stat(name)
			require.NoError(t, err)
			assert.EqualValues(t, 0o600, info.Mode().Perm())
		})
	}
	d, err := dir.Open(t.TempDir(), dir.Options{Create: true, Notify: func(string) {}})
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, registry.ExpireFlags(d, civil.NewDay(2026, 11, 22)), "no log")
	names, err := d.Names("")
	require.NoError(t, err)
	assert.Empty(t, names)
}

// TestExpiredFlagsSayTheSame: for any log, the flags of days that have lines are the same as
// before.
func TestExpiredFlagsSayTheSame(t *testing.T) {
	const days = 40
	begin := civil.NewDay(2026, 10, 1)
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 7))
		at := t.TempDir()
		name := filepath.Join(at, dir.FlagsLogName)
		var log strings.Builder
		now := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
		if random.IntN(2) == 0 {
			fmt.Fprintf(&log, "%s empty\n", now.Format(time.RFC3339))
		}
		for range random.IntN(20) {
			now = now.Add([]time.Duration{time.Minute, time.Hour}[random.IntN(2)] * time.Duration(random.IntN(150)))
			word := "filter"
			if random.IntN(3) == 0 {
				word = fmt.Sprintf("replay %s", begin+civil.Day(random.IntN(days)))
			}
			fmt.Fprintf(&log, "%s %s --redact=\"%d\"\n", now.Format(time.RFC3339), word, random.IntN(4))
		}
		require.NoError(t, os.WriteFile(name, []byte(log.String()), 0o640))
		before, err := registry.ReadFlagsLog(at)
		require.NoError(t, err)
		d, err := dir.Open(at, dir.Options{Create: true, Notify: func(string) {}})
		require.NoError(t, err)
		oldest := begin
		for range 3 {
			oldest += civil.Day(random.IntN(days / 3))
			require.NoError(t, registry.ExpireFlags(d, oldest))
			after, err := registry.ReadFlagsLog(at)
			require.NoError(t, err)
			for day := oldest; day < begin+days+5; day++ {
				was, wasKnown := before.FlagsFor(day)
				is, known := after.FlagsFor(day)
				require.Equal(t, was, is, "seed %d, %s, oldest %s:\n%s", seed, day, oldest, log.String())
				require.Equal(t, wasKnown, known, "seed %d, %s, oldest %s:\n%s", seed, day, oldest, log.String())
			}
		}
		d.Close()
	}
}

// read returns the log, "" for none.
func read(at string) string {
	text, _ := os.ReadFile(filepath.Join(at, dir.FlagsLogName))
	return string(text)
}

// TestExpireFlagsBesideWriters: a line that another process writes meanwhile is not lost.
func TestExpireFlagsBesideWriters(t *testing.T) {
	const writers, each = 3, 15
	at := t.TempDir()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	report := dir.NewReporter(func(_, line string) { t.Log(line) }, func() time.Time { return now })
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			d, err := dir.Open(at, dir.Options{Create: true, Notify: func(string) {}})
			if !assert.NoError(t, err) {
				return
			}
			defer d.Close()
			for i := range each {
				r := registry.New(registry.Config{Path: at, Flags: []string{fmt.Sprintf("--redact=%d.%d", w, i)}, Replays: true, Now: func() time.Time { return now }, Report: report})
				for there := false; !there; there = strings.Contains(read(at), fmt.Sprintf(`2026-11-19 --redact="%d.%d"`, w, i)) {
					r.NoteReplayed(d, civil.NewDay(2026, 11, 19)) // stays
				}
				r.NoteReplayed(d, civil.NewDay(2026, 11, 18)) // goes
				if err := registry.ExpireFlags(d, civil.NewDay(2026, 11, 19)); err != nil {
					assert.ErrorIs(t, err, dir.ErrLocked)
				}
			}
		})
	}
	all.Wait()
	d, err := dir.Open(at, dir.Options{Create: true, Notify: func(string) {}})
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, registry.ExpireFlags(d, civil.NewDay(2026, 11, 19)))
	text := read(at)
	assert.NotContains(t, text, "replay 2026-11-18")
	assert.Equal(t, writers*each, strings.Count(text, "replay 2026-11-19"), "%s", text)
}
