package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"hushpipe/format/civil"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// someReport has everything that can occur: a gap, a zero, days with incomplete data, truncated
// steps, large numbers.
func someReport() *Report {
	d := civil.NewDay
	gap := Figures{Missing: 7}
	return &Report{
		From: d(2025, 12, 20), To: d(2026, 1, 14), By: ByWeek, Min: 2,
		Total: Figures{Known: 18, Missing: 8, Partial: 1, Conferences: 1236, Participants: 123_456_847, Mean: 99884.18, Median: 6.5, Largest: 1_000_000, Sizes: [6]uint64{200, 400, 300, 200, 100, 36}},
		Steps: []Step{
			{d(2025, 12, 20), d(2025, 12, 21), Figures{Known: 2}},
			{d(2025, 12, 22), d(2025, 12, 28), gap},
			{d(2025, 12, 29), d(2026, 1, 4), Figures{Known: 6, Missing: 1, Conferences: 1, Participants: 2, Mean: 2, Median: 2, Largest: 2, Sizes: [6]uint64{1}}},
			{d(2026, 1, 5), d(2026, 1, 11), Figures{Known: 7, Partial: 1, Conferences: 1234, Participants: 123_456_789, Mean: 100045.98, Median: 7, Largest: 1_000_000, Sizes: [6]uint64{199, 400, 300, 200, 100, 35}}},
			{d(2026, 1, 12), d(2026, 1, 14), Figures{Known: 3, Conferences: 1, Participants: 56, Mean: 56, Median: 56, Largest: 56, Sizes: [6]uint64{0, 0, 0, 0, 0, 1}}},
		},
		Recurring: []Recurrence{{1, 1000}, {2, 50}, {3, 10}, {5, 10}, {18, 1}},
	}
}

func noReport() *Report {
	day := civil.NewDay(2026, 11, 22)
	return &Report{From: day, To: day, Min: 2, Total: Figures{Missing: 1}, Steps: []Step{{day, day, Figures{Missing: 1}}}}
}

func languageOf(t *testing.T, tag string) *Language {
	l, err := NewLanguage(tag)
	require.NoError(t, err)
	return l
}

// TestGolden compares each form with a file; UPDATE=1 rewrites the files.
func TestGolden(t *testing.T) {
	for name, write := range map[string]func(w io.Writer) error{
		"report.csv":    func(w io.Writer) error { return CSV(w, someReport()) },
		"report.json":   func(w io.Writer) error { return JSON(w, someReport()) },
		"report.en.md":  func(w io.Writer) error { return Markdown(w, someReport(), languageOf(t, "en")) },
		"report.no.md":  func(w io.Writer) error { return Markdown(w, someReport(), languageOf(t, "no")) },
		"report.en.txt": func(w io.Writer) error { return Text(w, someReport(), languageOf(t, "en"), Screen{Width: 80}) },
		"report.de.txt": func(w io.Writer) error { return Text(w, someReport(), languageOf(t, "de"), Screen{Width: 120}) },
		"report.no.txt": func(w io.Writer) error { return Text(w, someReport(), languageOf(t, "no"), Screen{Width: 50}) },
		"narrow.txt":    func(w io.Writer) error { return Text(w, someReport(), languageOf(t, "en"), Screen{Width: 10}) },
		"color.txt": func(w io.Writer) error {
			return Text(w, someReport(), languageOf(t, "en"), Screen{Width: 80, Color: true})
		},
		"no-data.csv":    func(w io.Writer) error { return CSV(w, noReport()) },
		"no-data.json":   func(w io.Writer) error { return JSON(w, noReport()) },
		"no-data.en.txt": func(w io.Writer) error { return Text(w, noReport(), languageOf(t, "en"), Screen{Width: 80}) },
		"no-data.en.md":  func(w io.Writer) error { return Markdown(w, noReport(), languageOf(t, "en")) },
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			require.NoError(t, write(&got))
			golden := filepath.Join("testdata", name)
			if os.Getenv("UPDATE") != "" {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got.String())
		})
	}
}

// No line is wider than the terminal, unless that is too narrow for the required columns.
func TestTextWidth(t *testing.T) {
	for _, tag := range []string{"en", "de", "no"} {
		for columns := 68; columns <= 200; columns++ {
			var b bytes.Buffer
			require.NoError(t, Text(&b, someReport(), languageOf(t, tag), Screen{Width: columns}))
			for line := range strings.Lines(b.String()) {
				require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), columns, line)
			}
			require.Contains(t, b.String(), "█", "there are bars")
		}
	}
}

// Without room for bars, figures take their place.
func TestTextWithoutBars(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Text(&b, someReport(), languageOf(t, "en"), Screen{Width: 69}))
	assert.Contains(t, b.String(), "\nWeek                      Conferences  Participants    Largest  Days\n")
}

// Bars have one scale, and any value but zero is visible.
func TestBars(t *testing.T) {
	s := Screen{}
	assert.Equal(t, []string{"", "▏", "██████", "████████████"}, s.bars([]uint64{0, 1, 500, 1000}, 12))
	assert.Equal(t, []string{"", ""}, s.bars([]uint64{0, 0}, 12))
	assert.Nil(t, s.bars([]uint64{1}, 11))
	assert.Equal(t, mostBar, utf8.RuneCountInString(s.bars([]uint64{math.MaxUint64}, 1000)[0]))
}

func TestRows(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, CSV(&b, someReport()))
	rows, err := csv.NewReader(&b).ReadAll() // checks that all are of one length
	require.NoError(t, err)
	assert.Len(t, rows, 1+len(someReport().Steps))
}

func TestParseBy(t *testing.T) {
	for _, by := range []By{ByDay, ByWeek, ByMonth, ByYear} {
		got, err := ParseBy(by.String())
		require.NoError(t, err)
		assert.Equal(t, by, got)
	}
	_, err := ParseBy("hour")
	assert.EqualError(t, err, `step "hour" is not known; hint: give day, week, month or year`)
}

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrors(t *testing.T) {
	l := languageOf(t, "en")
	assert.ErrorIs(t, CSV(full{}, someReport()), errFull)
	assert.ErrorIs(t, JSON(full{}, someReport()), errFull)
	assert.ErrorIs(t, Text(full{}, someReport(), l, Screen{Width: 80}), errFull)
	assert.ErrorIs(t, Markdown(full{}, someReport(), l), errFull)
}
