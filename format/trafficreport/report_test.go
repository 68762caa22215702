package trafficreport_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/civil"
	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
	"hushpipe/format/trafficreport"
)

func languageOf(t *testing.T, tag string) *report.Language {
	t.Helper()
	l, err := report.NewLanguage(tag)
	require.NoError(t, err)
	return l
}

// someReport covers two weeks, with one day without a file and one with incomplete data; the
// week before is known.
func someReport() *trafficreport.Report {
	gap := func(at civil.Day) bool { return at == day(2026, 3, 5) }
	days := sample(day(2026, 2, 1), day(2026, 3, 14), gap)
	some := days[day(2026, 3, 7)]
	some.Partial, some.Missing, some.UpperBound = true, []string{"web3", "web2"}, true
	days[day(2026, 3, 7)] = some
	for at := day(2026, 3, 10); at <= day(2026, 3, 14); at++ {
		some := days[at]
		some.Options = []string{strings.Replace(options, "30m", "60m", 1)}
		days[at] = some
	}
	return trafficreport.New(day(2026, 3, 1), day(2026, 3, 14), report.ByDay, days)
}

// wholeReport has all days, and the period before too.
func wholeReport() *trafficreport.Report {
	return trafficreport.New(day(2026, 3, 8), day(2026, 3, 14), report.ByWeek, sample(day(2026, 3, 1), day(2026, 3, 14), noGap))
}

// TestForms compares each form with a file; UPDATE=1 writes the files.
func TestForms(t *testing.T) {
	text := func(r *trafficreport.Report, lang string, s report.Screen) func(io.Writer) error {
		return func(w io.Writer) error { return trafficreport.Text(w, r, languageOf(t, lang), s) }
	}
	for name, write := range map[string]func(io.Writer) error{
		"report.csv":     func(w io.Writer) error { return trafficreport.CSV(w, someReport()) },
		"page.csv":       func(w io.Writer) error { return trafficreport.CSVTable(w, someReport(), "page") },
		"from.csv":       func(w io.Writer) error { return trafficreport.CSVTable(w, someReport(), "from") },
		"country.csv":    func(w io.Writer) error { return trafficreport.CSVTable(w, someReport(), "country") },
		"group.csv":      func(w io.Writer) error { return trafficreport.CSVTable(w, someReport(), "group") },
		"report.json":    func(w io.Writer) error { return trafficreport.JSON(w, someReport()) },
		"report.en.txt":  text(someReport(), "en", report.Screen{Width: 80}),
		"whole.de.txt":   text(wholeReport(), "de", report.Screen{Width: 100}),
		"whole.no.txt":   text(wholeReport(), "no", report.Screen{Width: 60}),
		"color.txt":      text(wholeReport(), "en", report.Screen{Width: 80, Color: true}),
		"unknown.json":   func(w io.Writer) error { return trafficreport.JSON(w, hostileReport()) },
		"unknown.en.txt": text(hostileReport(), "en", report.Screen{Width: 80}),
		"no-data.csv": func(w io.Writer) error {
			return trafficreport.CSV(w, trafficreport.New(day(2026, 3, 1), day(2026, 3, 2), report.ByDay, nil))
		},
		"no-data.json": func(w io.Writer) error {
			return trafficreport.JSON(w, trafficreport.New(day(2026, 3, 1), day(2026, 3, 2), report.ByDay, nil))
		},
		"no-data.en.txt": text(trafficreport.New(day(2026, 3, 1), day(2026, 3, 2), report.ByDay, nil), "en", report.Screen{Width: 80}),
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

// The figures count each number of the cells once.
func TestSums(t *testing.T) {
	days := sample(day(2026, 1, 1), day(2026, 12, 31), aWeekMissing)
	var want [5]uint64
	hours := uint64(0)
	for at, d := range days {
		for _, c := range d.Cells {
			switch {
			case c.Kind == "total" && c.Key == "people":
				for i, n := range c.Numbers {
					want[i] += n
				}
			case c.Kind == "hour":
				hours += c.Numbers[3]
			}
		}
		require.LessOrEqual(t, at, day(2026, 12, 31))
	}
	for _, by := range []report.By{report.ByDay, report.ByWeek, report.ByMonth, report.ByYear} {
		r := trafficreport.New(day(2026, 1, 1), day(2026, 12, 31), by, days)
		assert.Equal(t, want, [5]uint64{r.Total.Pages, r.Total.Hits, r.Total.Bytes, r.Total.Visits, r.Total.VisitorDays})
		for _, steps := range [][]trafficreport.Step{r.Steps, r.Months} {
			var sum trafficreport.Figures
			for i, s := range steps {
				sum.Known, sum.Missing, sum.Pages, sum.Visits = sum.Known+s.Known, sum.Missing+s.Missing, sum.Pages+s.Pages, sum.Visits+s.Visits
				if i > 0 {
					assert.Equal(t, steps[i-1].To+1, s.From, "without a hole")
				}
			}
			if len(steps) > 0 {
				assert.Equal(t, [4]uint64{358, 7, want[0], want[3]}, [4]uint64{uint64(sum.Known), uint64(sum.Missing), sum.Pages, sum.Visits}, by.String())
			}
		}
		all, known := uint64(0), 0
		for i := range r.Hours {
			known += r.Weekdays[i]
			for _, n := range r.Hours[i] {
				all += n
			}
		}
		assert.Equal(t, hours, all)
		assert.Equal(t, 358, known)
		assert.Equal(t, []trafficreport.Counting{{From: day(2026, 1, 1), To: day(2026, 12, 31), Options: options}}, r.Counted)
	}
}

// TestQuantiles: p50, p95 and p99 are within 9.1 % of those of all durations, also with two
// servers.
func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var durations []float64
	var steps []uint64
	for i := range 105 {
		steps = append(steps, uint64(math.Round(64*math.Pow(2, float64(i)/4))))
	}
	servers := make([][]trafficfile.Cell, 2)
	for i := range 20_000 {
		micros := math.Round(1000 * math.Exp(2*random.NormFloat64()))
		durations = append(durations, micros)
		at, _ := slices.BinarySearch(steps, uint64(micros))
		servers[i%2] = append(servers[i%2], trafficfile.Cell{Kind: "time", Numbers: []uint64{1}, Key: fmt.Sprint(steps[at], " topo")},
			trafficfile.Cell{Kind: "group", Numbers: []uint64{1, uint64(micros), 0, 0}, Key: "topo"})
	}
	slices.Sort(durations)
	at := day(2026, 3, 1)
	var b bytes.Buffer
	require.NoError(t, trafficreport.JSON(&b, trafficreport.New(at, at, report.ByDay, daysOf(at, trafficreport.Day{Cells: trafficfile.Add(servers...)}))))
	var got struct {
		Groups []struct {
			Name                             string
			Hits, Timed, Mean, P50, P95, P99 float64
		}
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	require.Len(t, got.Groups, 1)
	g := got.Groups[0]
	assert.Equal(t, []any{"topo", 20_000.0, 20_000.0}, []any{g.Name, g.Hits, g.Timed})
	for part, n := range map[float64]float64{.5: g.P50, .95: g.P95, .99: g.P99} {
		assert.InEpsilon(t, durations[int(part*20_000)-1], n, 0.091, "%v", part)
	}
}

// Periods are compared only if neither has a gap.
func TestComparable(t *testing.T) {
	days := sample(day(2026, 2, 1), day(2026, 2, 20), aWeekMissing)
	of := func(from, to int) *trafficreport.Report {
		return trafficreport.New(day(2026, 2, from), day(2026, 2, to), report.ByDay, days)
	}
	assert.True(t, of(5, 8).Comparable())
	assert.False(t, of(5, 9).Comparable(), "a gap in the period")
	assert.False(t, of(16, 17).Comparable(), "nothing is known of the one before")
	assert.False(t, of(16, 25).Comparable())
	assert.True(t, of(18, 19).Comparable())
}

// Days of two servers with different options get a line for each.
func TestCounted(t *testing.T) {
	days := map[civil.Day]trafficreport.Day{}
	for at := day(2026, 3, 1); at <= day(2026, 3, 9); at++ {
		days[at] = trafficreport.Day{Options: []string{"a", "b"}}
	}
	days[day(2026, 3, 5)] = trafficreport.Day{Options: []string{"c"}}
	assert.Equal(t, []trafficreport.Counting{
		{From: day(2026, 3, 1), To: day(2026, 3, 4), Options: "a"},
		{From: day(2026, 3, 1), To: day(2026, 3, 4), Options: "b"},
		{From: day(2026, 3, 5), To: day(2026, 3, 5), Options: "c"},
		{From: day(2026, 3, 6), To: day(2026, 3, 9), Options: "a"},
		{From: day(2026, 3, 6), To: day(2026, 3, 9), Options: "b"},
	}, trafficreport.New(day(2026, 3, 1), day(2026, 3, 9), report.ByDay, days).Counted)
}

// No line is wider than the terminal, unless that is too narrow for the required columns.
func TestTextWidth(t *testing.T) {
	for _, tag := range []string{"en", "de", "no"} {
		for width := 70; width <= 160; width += 3 {
			var b bytes.Buffer
			require.NoError(t, trafficreport.Text(&b, wholeReport(), languageOf(t, tag), report.Screen{Width: width}))
			for line := range strings.Lines(b.String()) {
				if !strings.Contains(line, "min-group") {
					require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width, line)
				}
			}
			require.Contains(t, b.String(), "█", "there are bars")
		}
	}
}

func TestRows(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, trafficreport.CSV(&b, someReport()))
	rows, err := csv.NewReader(&b).ReadAll() // checks that all are of one length
	require.NoError(t, err)
	assert.Len(t, rows, 15)
	for _, name := range trafficreport.TableNames() {
		require.NoError(t, trafficreport.CSVTable(&b, someReport(), name))
		rows, err := csv.NewReader(&b).ReadAll()
		require.NoError(t, err, name)
		assert.Greater(t, len(rows), 1, name)
	}
}

// Adding the files of two equal servers doubles the figures.
func TestMerged(t *testing.T) {
	days := sample(day(2026, 3, 1), day(2026, 3, 2), noGap)
	one := trafficreport.New(day(2026, 3, 1), day(2026, 3, 2), report.ByDay, days)
	for at, d := range days {
		d.Cells = trafficfile.Add(d.Cells, d.Cells)
		days[at] = d
	}
	two := trafficreport.New(day(2026, 3, 1), day(2026, 3, 2), report.ByDay, days)
	assert.Equal(t, 2*one.Total.Visits, two.Total.Visits)
	assert.Equal(t, 2*one.Total.RobotBytes, two.Total.RobotBytes)
	assert.Equal(t, one.Total.Known, two.Total.Known)
}

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrors(t *testing.T) {
	l := languageOf(t, "en")
	assert.ErrorIs(t, trafficreport.CSV(full{}, someReport()), errFull)
	assert.ErrorIs(t, trafficreport.JSON(full{}, someReport()), errFull)
	assert.ErrorIs(t, trafficreport.Text(full{}, someReport(), l, report.Screen{Width: 80}), errFull)
	assert.ErrorIs(t, trafficreport.HTML(full{}, someReport(), l, trafficreport.Page{}), errFull)
}
