package statistics

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/format/civil"
	"hushpipe/format/report"
)

// Lines of a published room file, and one more room.
const (
	a5  = "5 d8dd82b4a3161d0eac8543b4867c2758533643b5\n"
	b56 = "56 374935dec0d3632a284e67bb45036fd1a0591724\n"
	c1  = "1 86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\n"
	a2  = "2 d8dd82b4a3161d0eac8543b4867c2758533643b5\n"
)

// write makes files and returns their directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

// read returns the report of paths below dir, and the faults with dir removed.
func read(dir string, by report.By, least uint64, first, last string, paths ...string) (*report.Report, []string) {
	var faults []string
	for i, path := range paths {
		paths[i] = filepath.Join(dir, path)
	}
	a := Find(paths, func(err error) { faults = append(faults, strings.ReplaceAll(err.Error(), dir+"/", "")) })
	from, _ := civil.ParseDay(cmp.Or(first, "2026-11-01"))
	to, _ := civil.ParseDay(cmp.Or(last, "2026-11-04"))
	return a.Report(from, to, by, least), faults
}

// TestPublishedEvaluation evaluates an archive as the operators of a published one describe: a
// count of 1 is a lone tester, the sum of the counts is participants, the number of lines is
// conferences, and one room on two days is two conferences.
func TestPublishedEvaluation(t *testing.T) {
	dir := write(t, map[string]string{"2026-11-01.txt": b56 + c1 + a5, "2026-11-02.txt": a2 + c1})
	r, faults := read(dir, report.ByDay, 2, "", "2026-11-02", "")
	assert.Empty(t, faults)
	assert.Equal(t, report.Figures{Known: 2, Conferences: 3, Participants: 63, Mean: 21, Median: 5, Largest: 56,
		Sizes: [6]uint64{1, 1, 0, 0, 0, 1}}, r.Total)
	assert.Equal(t, []report.Recurrence{{Days: 1, Rooms: 1}, {Days: 2, Rooms: 1}}, r.Recurring)

	r, _ = read(dir, report.ByDay, 1, "", "2026-11-02", "")
	assert.Equal(t, report.Figures{Known: 2, Conferences: 5, Participants: 65, Mean: 13, Median: 2, Largest: 56,
		Sizes: [6]uint64{1, 1, 0, 0, 0, 1}}, r.Total, "a lone tester has no class of sizes")

	r, _ = read(dir, report.ByDay, 6, "", "2026-11-02", "")
	assert.Equal(t, uint64(1), r.Total.Conferences)
	assert.Equal(t, 56.0, r.Total.Median)
}

func TestFigures(t *testing.T) {
	gap := report.Figures{Missing: 1}
	zero := report.Figures{Known: 1}
	five := report.Figures{Known: 1, Conferences: 1, Participants: 5, Mean: 5, Median: 5, Largest: 5, Sizes: [6]uint64{0, 1}}
	two := report.Figures{Known: 1, Conferences: 2, Participants: 10, Mean: 5, Median: 5, Largest: 5, Sizes: [6]uint64{0, 2}}
	partial := func(f report.Figures) report.Figures { f.Partial = 1; return f }
	for name, tt := range map[string]struct {
		files     map[string]string
		paths     []string
		days      []report.Figures // of 2026-11-01 to 04
		recurring []report.Recurrence
	}{
		"a gap is no zero": {
			map[string]string{"a/1.11.2026": a5, "a/2.11.2026": "", "a/4.11.2026": c1}, []string{"a"},
			[]report.Figures{five, zero, gap, zero}, []report.Recurrence{{Days: 1, Rooms: 1}}},
		"two sources": {
			map[string]string{"a/2026/11/01": a5, "a/2026/11/02": a5, "a/2026/11/04": "", "b/20261101": a5, "b/20261103": ""}, []string{"a", "b"},
			[]report.Figures{two, partial(five), partial(zero), zero}, []report.Recurrence{{Days: 2, Rooms: 1}}},
		"one after the other": {
			map[string]string{"a/20261101": a5, "a/20261102": a5, "b/20261103": a5, "b/20261104": a5}, []string{"a", "b"},
			[]report.Figures{five, five, five, five}, []report.Recurrence{{Days: 4, Rooms: 1}}},
		"files are one source": {
			map[string]string{"a/20261101": a5, "b/20261103": a5}, []string{"a/20261101", "b/20261103"},
			[]report.Figures{five, gap, five, gap}, []report.Recurrence{{Days: 2, Rooms: 1}}},
		"hidden and kept aside": {
			map[string]string{"a/20261101": a5, "a/.20261102": a5, "a/.b/20261103": a5, "a/rooms-2026-11-04.log.damaged": a5}, []string{"a"},
			[]report.Figures{five, gap, gap, gap}, []report.Recurrence{{Days: 1, Rooms: 1}}},
		"counts that are a lower bound": {
			map[string]string{"a/rooms-2026-11-01.log": a5, "a/rooms-2026-11-01.log.partial": "", "a/rooms-2026-11-02.log": "", "a/rooms-2026-11-03.log.partial": ""}, []string{"a"},
			[]report.Figures{partial(five), zero, gap, gap}, []report.Recurrence{{Days: 1, Rooms: 1}}},
		"no trailing newline": {
			map[string]string{"a/20261101": strings.TrimSpace(a5), "a/README": "", "a/notes.txt": "x"}, []string{"a"},
			[]report.Figures{five, gap, gap, gap}, []report.Recurrence{{Days: 1, Rooms: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			r, faults := read(write(t, tt.files), report.ByDay, 2, "", "", tt.paths...)
			assert.Empty(t, faults)
			var days []report.Figures
			for i, d := range r.Days {
				assert.Equal(t, r.From+civil.Day(i), d.From)
				assert.Equal(t, d.From, d.To)
				days = append(days, d.Figures)
			}
			assert.Equal(t, tt.days, days)
			assert.Equal(t, r.Days, r.Steps)
			assert.Equal(t, tt.recurring, r.Recurring)
		})
	}
}

func TestSteps(t *testing.T) {
	for _, tt := range []struct {
		first, last string
		by          report.By
		want        string // first days of steps
	}{
		{"2026-11-01", "2026-11-03", report.ByDay, "2026-11-01 2026-11-02 2026-11-03"},
		{"2026-11-01", "2026-11-10", report.ByWeek, "2026-11-01 2026-11-02 2026-11-09"}, // 2 November was a Monday
		{"1970-01-01", "1970-01-05", report.ByWeek, "1970-01-01 1970-01-05"},
		{"2025-12-31", "2026-01-04", report.ByWeek, "2025-12-31"}, // a week of two years
		{"2025-12-31", "2026-02-01", report.ByMonth, "2025-12-31 2026-01-01 2026-02-01"},
		{"2025-11-30", "2025-11-30", report.ByMonth, "2025-11-30"},
		{"2024-12-31", "2026-01-01", report.ByYear, "2024-12-31 2025-01-01 2026-01-01"},
	} {
		r, _ := read(t.TempDir(), tt.by, 2, tt.first, tt.last)
		var begins []string
		next := r.From
		for _, s := range r.Steps {
			assert.Equal(t, next, s.From, "there is no hole")
			assert.Equal(t, int(s.To-s.From)+1, s.Missing)
			begins, next = append(begins, s.From.String()), s.To+1
		}
		assert.Equal(t, r.To+1, next)
		assert.Equal(t, tt.want, strings.Join(begins, " "))
	}
}

func TestCovering(t *testing.T) {
	for days, want := range map[civil.Day]report.By{1: report.ByDay, 31: report.ByDay, 32: report.ByWeek, 184: report.ByWeek,
		185: report.ByMonth, 1830: report.ByMonth, 1831: report.ByYear} {
		assert.Equal(t, want, Covering(100, 99+days), days)
	}
}

// TestFaults: errors have file and line, and the rest is still reported.
func TestFaults(t *testing.T) {
	const nobody = "x 192.0.2.1 petersroom\n"
	for name, tt := range map[string]struct {
		files        map[string]string
		paths        []string
		want         []string
		participants uint64
	}{
		"broken line":    {map[string]string{"a/20261101": a5 + nobody + b56}, []string{"a"}, []string{"a/20261101: line 2: the count is not a positive number"}, 61},
		"short hash":     {map[string]string{"a/20261101": a5 + "5 d8dd\n"}, []string{"a"}, []string{"a/20261101: line 2: the hash has not 40 digits"}, 5},
		"count 0":        {map[string]string{"a/20261101": "0" + a5[1:] + b56}, []string{"a"}, []string{"a/20261101: line 1: the count is not a positive number"}, 56},
		"count 10^30":    {map[string]string{"a/20261101": "1" + strings.Repeat("0", 30) + a5[1:] + b56}, []string{"a"}, []string{"a/20261101: line 1: the count is beyond 64 bits"}, 56},
		"sums overflow":  {map[string]string{"a/20261101": "18446744073709551615" + a5[1:] + b56}, []string{"a"}, []string{"a/20261101: line 1: the count is beyond 1000000000"}, 56},
		"largest count":  {map[string]string{"a/20261101": "1000000000" + a5[1:] + b56}, []string{"a"}, nil, 1_000_000_056},
		"several lines":  {map[string]string{"a/20261101": nobody + a5 + "\n"}, []string{"a"}, []string{"a/20261101: line 1: the count is not a positive number", "a/20261101: line 3: not COUNT HASH"}, 5},
		"another format": {map[string]string{"a/20261101": strings.Repeat(nobody, 12)}, []string{"a"}, append(slices.Repeat([]string{"a/20261101: line "}, 10), "a/20261101: and 2 more"), 0},
		"one hash twice": {map[string]string{"a/20261101": a2 + a5}, []string{"a"}, []string{"a/20261101: line 2: a hash that stood before"}, 5},
		"two files for one day": {map[string]string{"a/2026-11-01.txt": a5 + b56, "a/rooms-2026-11-01.log": a2 + "3" + c1[1:]}, []string{"a"},
			[]string{"a/rooms-2026-11-01.log: is a second file of 2026-11-01, beside a/2026-11-01.txt; each room counts once, with the larger count"}, 64},
		"a file twice":             {map[string]string{"a/20261101": a5}, []string{"a", "a/20261101"}, []string{"a/20261101: is the same file as a/20261101; it is read once"}, 5},
		"a directory twice":        {map[string]string{"a/20261101": a5}, []string{"a", "a/../a"}, []string{"a: is the same directory as a; it is read once"}, 5},
		"no such path":             {map[string]string{"a/20261101": a5}, []string{"b", "a"}, []string{"b: no such file or directory"}, 5},
		"no day in the period":     {map[string]string{"a/20261101": a5, "b/20261005": a5}, []string{"a", "b"}, []string{"b: no room file of a day from 2026-11-01 to 2026-11-04"}, 5},
		"no day at all":            {map[string]string{"a/20261101": a5, "b/README": ""}, []string{"a", "b"}, []string{"b: no room file of a day from 2026-11-01 to 2026-11-04"}, 5},
		"a file out of the period": {map[string]string{"a/20261101": a5, "a/20251101": nobody}, []string{"a/20261101", "a/20251101"}, nil, 5},
		"a date of no calendar":    {map[string]string{"a/20261101": a5, "a/2026-11-31.txt": a5}, []string{"a"}, []string{"a/2026-11-31.txt: " + errNoDay.Error()}, 5},
		"a file without a date":    {map[string]string{"a/20261101": a5, "b.txt": a5}, []string{"a", "b.txt"}, []string{"b.txt: its name has no date; hint: name it as 2026-11-22.txt"}, 5},
		"a compression":            {map[string]string{"a/20261101": a5, "a/20261102.xz": "\xfd7zXZ\x00"}, []string{"a"}, []string{"a/20261102.xz: is compressed in an unknown format; hint: unpack it with xzcat"}, 5},
		"a torn gzip":              {map[string]string{"a/20261101": a5, "a/20261102.gz": "\x1f\x8b\x08"}, []string{"a"}, []string{"a/20261102.gz: its end is missing"}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			r, faults := read(write(t, tt.files), report.ByDay, 2, "", "", tt.paths...)
			if assert.Len(t, faults, len(tt.want), faults) {
				for i, want := range tt.want {
					assert.Contains(t, faults[i], want)
				}
			}
			assert.Equal(t, tt.participants, r.Total.Participants)
			for _, f := range faults {
				assert.NotContains(t, f, "192.0.2")
				assert.NotContains(t, f, "petersroom")
			}
		})
	}
}

// TestNoPlainFile: a day whose file cannot be read is a gap.
func TestNoPlainFile(t *testing.T) {
	dir := write(t, map[string]string{"a/20261101": a5, "b": b56})
	require.NoError(t, os.Symlink(dir+"/b", dir+"/a/20261102"))
	require.NoError(t, unix.Mkfifo(dir+"/a/20261103", 0o600))
	require.NoError(t, os.Mkdir(dir+"/a/2026-11-04", 0o700))
	require.NoError(t, os.Symlink(dir+"/a", dir+"/link"))
	require.NoError(t, os.Symlink("20261101", dir+"/a/latest"))
	for _, path := range []string{"a", "link", "link/"} {
		r, faults := read(dir, report.ByDay, 2, "", "", path)
		path = strings.TrimSuffix(path, "/")
		assert.Equal(t, []string{path + "/20261102: is a symbolic link; hint: name its target", path + "/20261103: is not a regular file"}, faults)
		assert.Equal(t, 3, r.Total.Missing)
		assert.Equal(t, uint64(5), r.Total.Participants)
	}
	// A link to a year's folder, perhaps on another disk, is not silently ignored.
	require.NoError(t, os.Mkdir(dir+"/years", 0o700))
	require.NoError(t, os.Symlink(dir+"/a", dir+"/years/2026"))
	_, faults := read(dir, report.ByDay, 2, "", "", "years")
	assert.Equal(t, "years/2026: is a symbolic link; hint: name its target", faults[0])
	require.NoError(t, os.Symlink(dir+"/b", dir+"/2026-11-02.txt"))
	r, faults := read(dir, report.ByDay, 2, "", "", "2026-11-02.txt")
	assert.Empty(t, faults, "a link that is named is followed")
	assert.Equal(t, uint64(56), r.Total.Participants)
}

// TestNoRoomFile: a file of another kind is a gap, and so is one whose lines are all damaged.
func TestNoRoomFile(t *testing.T) {
	r, faults := read(write(t, map[string]string{"20261101": "<html>\n", "20261102": "", "20261103": "0" + a5[1:], "20261104": a5 + "x"}),
		report.ByDay, 2, "", "", "")
	assert.Len(t, faults, 3)
	for i, known := range []int{0, 1, 0, 1} {
		assert.Equal(t, known, r.Days[i].Known, r.Days[i].From)
	}
}

func TestCompressed(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(a5 + b56))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	r, faults := read(write(t, map[string]string{"2026-11-01.txt.gz": b.String()}), report.ByDay, 2, "", "", "")
	assert.Empty(t, faults)
	assert.Equal(t, uint64(61), r.Total.Participants)
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		sizes []uint64
		want  float64
	}{
		{[]uint64{7}, 7},
		{[]uint64{2, 9}, 5.5},
		{[]uint64{2, 2, 9}, 2},
		{[]uint64{2, 3, 3, 4}, 3},
		{[]uint64{2, 2, 3, 4}, 2.5},
		{[]uint64{1_000_000_000, 1_000_000_000}, 1e9},
	} {
		one := newTally()
		for _, size := range tt.sizes {
			one.sizes[size]++
		}
		assert.Equal(t, tt.want, one.figures().Median, tt.sizes)
	}
}

// go test ./filter/statistics -run '^$' -bench .
func BenchmarkReport(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		a := Find([]string{sampleDir}, func(err error) { b.Error(err) })
		first, last, _ := a.Span()
		if r := a.Report(first, last, report.ByMonth, 2); r.Total.Missing != 9 {
			b.Fatal("another sample")
		}
	}
}
