package filter

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/archive"
	"hushpipe/filter/calendar"
	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/rooms"
	"hushpipe/format"
	"hushpipe/format/civil"
)

// openFiles writes texts to files, every second one compressed, and opens them.
func openFiles(t testing.TB, texts ...string) []*archive.File {
	var files []*archive.File
	dir := t.TempDir()
	for i, text := range texts {
		data := []byte(text)
		switch i % 4 {
		case 1:
			var out bytes.Buffer
			w := gzip.NewWriter(&out)
			w.Write(data)
			require.NoError(t, w.Close())
			data = out.Bytes()
		case 3:
			w, err := zstd.NewWriter(nil)
			require.NoError(t, err)
			data = w.EncodeAll(data, nil)
		}
		path := filepath.Join(dir, fmt.Sprint(i))
		require.NoError(t, os.WriteFile(path, data, 0o600))
		f, err := archive.Open(path, nil)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		files = append(files, f)
	}
	return files
}

// newReplay returns a Replay with workers.
func newReplay(t testing.TB, cfg Config, spec string, workers int, cal Calendar) *Replay {
	parsers := []format.Parser{}
	for range workers {
		parsers = append(parsers, newConfig(t, spec).Parser)
	}
	return NewReplay(cfg, parsers, cal)
}

// manyDaysLog returns a log of several days, two of them past the retention, with rooms,
// clients, malformed lines, empty lines, a line of 600 KiB, and one that is too long.
func manyDaysLog(lines int) string {
	var b strings.Builder
	for i := range lines {
		date := []string{"22/Nov/2026", "21/Nov/2026", "20/Nov/2026", "17/May/2015", "18/May/2015", "01/Dec/2026"}[i*i%31%6]
		switch {
		case i%97 == 0:
			fmt.Fprintf(&b, "half a line of 192.0.2.%d\n", i%250)
		case i%101 == 0:
			b.WriteString("\n")
		case i == lines/2:
			fmt.Fprintf(&b, "%s 198.51.100.7\n", strings.Repeat("x", 600<<10))
		case i == lines/3:
			fmt.Fprintf(&b, "%s 198.51.100.7\n", strings.Repeat("y ", MaxLine))
		default:
			fmt.Fprintf(&b, "192.0.%d.%d - - [%s:10:00:00 +0000] \"GET /http-bind?room=room%d&n=%d HTTP/1.1\" 200 5\n", i%7, i%253, date, i%41, i)
		}
	}
	return b.String()
}

// TestReplayIsFilter: for any number of workers, and however the log is split into files, the
// output is that of one Filter.
func TestReplayIsFilter(t *testing.T) {
	log := manyDaysLog(12_000)
	third := len(log) / 3
	cuts := []string{log[:third], log[third : 2*third], "", log[2*third : 2*third+5], log[2*third+5 : len(log)-1]}
	for _, limits := range []rooms.Limits{{Rooms: 30, Pairs: 3000}, rooms.DefaultLimits} {
		testReplayIsFilter(t, log, cuts, limits)
	}
}

func testReplayIsFilter(t *testing.T, log string, cuts []string, limits rooms.Limits) {
	cfg := newConfig(t, "auto")
	cfg.Limits = limits
	f := New(cfg, newCalendar())
	var want collector
	require.NoError(t, f.Run(strings.NewReader(log[:len(log)-1]), &want))
	require.Equal(t, limits == rooms.DefaultLimits, f.Stats().Overflow == 0)
	require.NotZero(t, f.Stats().Cut)
	require.NotZero(t, f.Stats().Expired)
	require.NotZero(t, f.Stats().Adjusted)
	require.Len(t, f.Expired(), 2)
	for _, workers := range []int{1, 2, 7} {
		t.Run(fmt.Sprintf("rooms=%d/workers=%d", limits.Rooms, workers), func(t *testing.T) {
			r := newReplay(t, cfg, "auto", workers, newCalendar())
			var out collector
			require.NoError(t, r.Run(t.Context(), archive.NewReader(openFiles(t, cuts...), 2), &out))
			assert.Equal(t, f.Stats(), r.Stats())
			assert.Equal(t, f.Expired(), r.Expired())
			assert.Equal(t, len(want.lines), len(out.lines))
			for day, lines := range want.lines {
				if lines != out.lines[day] {
					assert.Equal(t, shortened(lines), shortened(out.lines[day]), day)
					assert.Fail(t, "the lines differ", day)
				}
				assert.Equal(t, pairs(want.records[day]), pairs(out.records[day]), day)
			}
		})
	}
}

// pairs returns the records, except for those of overflow, which have a random number.
func pairs(records string) (list []string) {
	for ; len(records) > 0; records = records[rooms.RecordSize:] {
		if !strings.HasPrefix(records, strings.Repeat("\x00", 12)) {
			list = append(list, records[:rooms.RecordSize])
		}
	}
	return list
}

// TestReplayDays: Days finds the days that Run assigns lines to.
func TestReplayDays(t *testing.T) {
	log := manyDaysLog(3000)
	found := map[civil.Day]calendar.Placement{}
	r := newReplay(t, newConfig(t, "auto"), "auto", 2, newCalendar())
	require.NoError(t, r.Days(t.Context(), archive.NewReader(openFiles(t, log), 2), func(day civil.Day, placement calendar.Placement) error {
		if old, ok := found[day]; !ok || old == calendar.Adjusted {
			found[day] = placement
		}
		return nil
	}))
	assert.Equal(t, map[civil.Day]calendar.Placement{guardtest.Today: calendar.Open, guardtest.Today - 1: calendar.Open, guardtest.Today - 2: calendar.Open,
		civil.NewDay(2015, 5, 17): calendar.Expired, civil.NewDay(2015, 5, 18): calendar.Expired}, found)

	// The date of a malformed line proves nothing.
	boom := errors.New("boom")
	clash := func(day civil.Day, placement calendar.Placement) error { return boom }
	r = newReplay(t, newConfig(t, "auto"), "auto", 2, newCalendar())
	require.NoError(t, r.Days(t.Context(), archive.NewReader(openFiles(t, "half [17/May/2015:10:00:00 +0000]\n"), 2), clash))
	assert.Equal(t, boom, r.Days(t.Context(), archive.NewReader(openFiles(t, log), 2), clash))
}

// TestFindDays: the days of lines do not depend on what was read before.
func TestFindDays(t *testing.T) {
	f := New(newConfig(t, "auto"), newCalendar())
	treatOne(f, combinedLine+"\n", nil, nil)
	short := "192.0.2.1 - - " + `[21/Nov/2026:07:23:55 +0000] "" 200 5 "" ""` + "\n"
	want := []placed{{guardtest.Today - 1, true, guardtest.Today - 1, calendar.Open}, {guardtest.Today, true, guardtest.Today, calendar.Open}}
	assert.Equal(t, want, f.findDays(nil, []byte(short+combinedLine+"\n")))
}

// TestReplayFaults: the part of a file before its fault is treated, its last line ends there, and
// the other files are treated too.
func TestReplayFaults(t *testing.T) {
	files := openFiles(t, "a\nb", "c\nd\n"+strings.Repeat("x", 10), "e\n", "f\n")
	path := files[1].Name()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data[:len(data)-8], 0o600)) // without gzip's checksum and size
	files[1], err = archive.Open(path, nil)
	require.NoError(t, err)
	r := newReplay(t, keeping(newConfig(t, "common")), "common", 2, newCalendar())
	var out collector
	err = r.Run(t.Context(), archive.NewReader(files, 2), &out)
	require.EqualError(t, err, "read "+path+": its end is missing")
	assert.Equal(t, "a\nbc\nd\nxxxxxxxxxx\ne\nf\n", out.lines[guardtest.Today])
}

// TestReplayChanged: a file that was replaced before it is read ends the run. The lines that were
// put are a prefix of the input, up to its last whole line.
func TestReplayChanged(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"no longer exists":             os.Remove,
		"is shorter than at the start": func(path string) error { return os.Truncate(path, 1) },
		"was replaced since the start": func(path string) error { return os.Rename(openFiles(t, "d\n")[0].Name(), path) },
	} {
		files := openFiles(t, "a\nb", "c\nd", "e\n", "f\n")
		path := files[2].Name()
		require.NoError(t, change(path))
		r := newReplay(t, keeping(newConfig(t, "common")), "common", 2, newCalendar())
		var out collector
		err := r.Run(t.Context(), archive.NewReader(files, 2), &out)
		require.EqualError(t, err, path+": "+name)
		assert.ErrorAs(t, err, new(*archive.ChangedError))
		assert.Equal(t, "a\nbc\n", out.lines[guardtest.Today])
		assert.EqualValues(t, 2, r.Stats().Lines)
	}
	files := openFiles(t, "a\n")
	require.NoError(t, os.WriteFile(files[0].Name(), []byte("a\nb\n"), 0o600))
	var out collector
	r := newReplay(t, keeping(newConfig(t, "common")), "common", 2, newCalendar())
	require.NoError(t, r.Run(t.Context(), archive.NewReader(files, 2), &out))
	assert.Equal(t, "a\nb\n", out.lines[guardtest.Today], "a live log has grown")
}

// TestReplayEnds: an error of the output, and the end of the context, end the run. The lines that
// were put are a prefix of the input.
func TestReplayEnds(t *testing.T) {
	boom := errors.New("boom")
	log := manyDaysLog(12_000)
	r := newReplay(t, newConfig(t, "auto"), "auto", 2, newCalendar())
	assert.Equal(t, boom, r.Run(t.Context(), archive.NewReader(openFiles(t, log), 2), failing{&collector{}, boom}))

	ctx, cancel := context.WithCancel(t.Context())
	rd, wr, err := os.Pipe()
	require.NoError(t, err)
	defer wr.Close()
	stdin, err := archive.Open("-", rd)
	require.NoError(t, err)
	files := append(openFiles(t, "a\n", log+"c\n"), stdin) // stdin never ends
	r = newReplay(t, newConfig(t, "auto"), "auto", 2, newCalendar())
	out := &canceling{cancel: cancel}
	assert.Equal(t, context.Canceled, r.Run(ctx, archive.NewReader(files, 2), out))
	assert.Equal(t, uint64(strings.Count(strings.Join(out.all, ""), "\n")), r.Stats().Lines-r.Stats().Expired)
	assert.Equal(t, 1, out.puts)
}

// failing is an Output whose Put fails.
type failing struct {
	*collector
	err error
}

func (f failing) Put(*Batch) error { return f.err }

// canceling is an Output that cancels the context of the run.
type canceling struct {
	collector
	cancel func()
	all    []string
}

func (c *canceling) Put(b *Batch) error {
	c.cancel()
	for _, p := range b.Parts {
		c.all = append(c.all, string(p.Lines))
	}
	return c.collector.Put(b)
}

// TestReplayPanics: a line that causes a panic is left out.
func TestReplayPanics(t *testing.T) {
	cfg := keeping(newConfig(t, "common"))
	r := NewReplay(cfg, []format.Parser{brittle{cfg.Parser}, brittle{newConfig(t, "common").Parser}}, newCalendar())
	var out collector
	require.NoError(t, r.Run(t.Context(), archive.NewReader(openFiles(t, "a\npanic\nb\n"), 2), &out))
	assert.Equal(t, "a\nb\n", out.lines[guardtest.Today])
	assert.EqualValues(t, 1, r.Stats().Failed)
}

// TestDeferredAllocs: a worker and the orderedDedup do not allocate for a line.
func TestDeferredAllocs(t *testing.T) {
	cfg := newConfig(t, "auto")
	sums := newOrderedDedup(cfg.Limits, 1)
	f := newFilter(cfg, newCalendar(), &deferred{&sums.farFromLimits})
	log, b := []byte(manyDaysLog(500)), &Batch{}
	treat := func() {
		b.Reset()
		f.renew()
		f.treatLines(b, log)
		sums.keepNew(b)
	}
	treat()
	treat()
	assert.Zero(t, testing.AllocsPerRun(20, treat))
	assert.Len(t, b.Parts, 3)
	assert.Len(t, sums.Expired(), 2)
}
