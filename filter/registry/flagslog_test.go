package registry_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/registry"
	"hushpipe/format/civil"
)

// TestFlagsLog: by which flags lines of 22 November could be treated.
func TestFlagsLog(t *testing.T) {
	const (
		empty  = "2026-11-01T12:00:00Z empty\n"
		first  = "2026-11-01T12:00:00Z filter --format=\"auto\"\n"
		last   = "2026-11-24T12:00:00Z filter --format=\"auto\" --redact=\"a b\\n\" --redact=\"=c\"\n"
		before = "2026-11-10T12:00:00Z filter --format=\"common\"\n"
		replay = "2026-11-03T12:00:00Z replay 2026-11-22 --format=\"json\"\n"
		other  = "2026-11-24T13:00:00Z replay 2026-11-21 --format=\"common\"\n"
		plain  = "2026-11-24T13:00:00Z replay 2026-11-22\n"
		once   = "2026-11-22T12:00:00Z filter --format=\"auto\"\n"
	)
	auto, common, json := []string{"--format=auto"}, []string{"--format=common"}, []string{"--format=json"}
	now := []string{"--format=auto", "--redact=a b\n", "--redact==c"}
	for _, test := range []struct {
		name, log string
		want      [][]string
		known     bool
	}{
		{"no log", "", nil, false},
		{"the same all the time", empty + first, [][]string{auto}, true},
		{"other flags began later, which late lines are treated by", empty + first + last, [][]string{now, auto}, true},
		{"other flags ended before", empty + first + before + last, [][]string{now, common}, true},
		{"a replay ends nothing", empty + first + replay + last, [][]string{now, json, auto}, true},
		{"a replay of another day", empty + first + replay + other, [][]string{json, auto}, true},
		{"a replay without flags", empty + first + plain, [][]string{nil, auto}, true},
		{"nobody knows what was before the first", once, [][]string{auto}, false},
		{"it began long before", before, [][]string{common}, true},
		{"of before a replay nobody knows", replay, [][]string{json}, false},
		{"what a full disk cut off", empty + first + last[:60], [][]string{auto}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := t.TempDir()
			if test.log != "" {
				require.NoError(t, os.WriteFile(filepath.Join(at, dir.FlagsLogName), []byte(test.log), 0o640))
			}
			log, err := registry.ReadFlagsLog(at)
			require.NoError(t, err)
			list, known := log.FlagsFor(civil.DayOf(time.Date(2026, 11, 22, 0, 0, 0, 0, time.Local)))
			assert.Equal(t, test.want, list)
			assert.Equal(t, test.known, known)
		})
	}
}

// TestFlagsLogAgain: what could not be written there is written as soon as it can.
func TestFlagsLogAgain(t *testing.T) {
	for _, replays := range []bool{false, true} {
		at := t.TempDir()
		log := filepath.Join(at, dir.FlagsLogName)
		require.NoError(t, os.Mkdir(log, 0o750))
		d, err := dir.Open(at, dir.Options{Create: true, Notify: func(string) {}})
		require.NoError(t, err)
		defer d.Close()
		var said []string
		now := func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
		r := registry.New(registry.Config{Path: at, Flags: []string{"--format=auto"}, Replays: replays, Now: now,
			Report: dir.NewReporter(func(_, line string) { said = append(said, line) }, now)})
		record := func() { r.RecordSettings(d, now()) }
		if replays {
			record = func() { r.NoteReplayed(d, civil.NewDay(2026, 11, 19)) }
		}
		record()
		require.Len(t, said, 1)
		assert.Contains(t, said[0], "by which flags lines were treated")
		require.NoError(t, os.Remove(log))
		record()
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		assert.Contains(t, string(text), " --format=\"auto\"\n")
		record()
		again, err := os.ReadFile(log)
		require.NoError(t, err)
		assert.Equal(t, string(text), string(again), "it is there")
	}
}

// TestFlagsLogTorn: wherever a full disk cut a line off, what follows it does not make it
// another one.
func TestFlagsLogTorn(t *testing.T) {
	const (
		first = "2026-11-01T12:00:00Z filter --format=\"auto\"\n"
		last  = "2026-11-03T12:00:00Z filter --format=\"auto\" --redact=\"a b\" --redact=\"c\"\n"
		again = "2026-11-03T12:00:00Z replay 2026-11-20 --format=\"auto\" --redact=\"c\"\n"
	)
	day := civil.NewDay(2026, 11, 20)
	now := func() time.Time { return time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC) }
	for _, line := range []string{last, again} {
		for n := range len(line) - 1 {
			at := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(at, dir.FlagsLogName), []byte(first+line[:n]), 0o640))
			d, err := dir.Open(at, dir.Options{Create: true, Notify: func(string) {}})
			require.NoError(t, err)
			r := registry.New(registry.Config{Path: at, Flags: []string{"--format=json"}, Now: now,
				Report: dir.NewReporter(func(_, line string) { t.Error(line) }, now)})
			r.RecordSettings(d, now())
			require.NoError(t, d.Close())
			log, err := registry.ReadFlagsLog(at)
			require.NoError(t, err)
			list, known := log.FlagsFor(day)
			require.Equal(t, [][]string{{"--format=json"}}, list, "%q", line[:n])
			require.True(t, known)
		}
	}
}
