package statistics

import (
	"crypto/sha1"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/civil"
	"hushpipe/format/report"
	"hushpipe/format/roomfile"
)

const sampleDir = "../../testdata/meet-usage"

// sample returns half a year of a small server: teams that meet on working days,
// a user group once a month, people who try a room alone, quiet holidays, nine
// days on which the server kept no file, and two without a visitor.
func sample() map[string][]byte {
	random := rand.New(rand.NewPCG(2025, 9))
	around := func(mean int) uint64 {
		return uint64(max(1, mean+random.IntN(mean/2+2)-random.IntN(mean/2+2)))
	}
	files := map[string][]byte{}
	first, last := civil.NewDay(2025, 9, 1), civil.NewDay(2026, 2, 28)
	for day := first; day <= last; day++ {
		_, month, mday := day.Date()
		weekday := int(day+3) % 7 // from Monday
		holiday := month == 12 && mday >= 22 || month == 1 && mday <= 4
		var entries []roomfile.Entry
		use := func(name string, count uint64) {
			one := []roomfile.Entry{{Hash: sha1.Sum([]byte(name)), Count: count}}
			entries = roomfile.Merge(entries, one)
		}
		if weekday < 5 && !holiday {
			for team := range 3 + int(day-first)/60 {
				use(fmt.Sprint("standup", team), around(5+2*team))
			}
			for course := range 4 {
				if course%5 == weekday || (course+2)%5 == weekday {
					use(fmt.Sprint("course", course), around(18+6*course))
				}
			}
		}
		if weekday == 1 && mday <= 7 && !holiday {
			use("usergroup", around(48))
		}
		if weekday == 6 {
			use("family", around(4))
		}
		for range random.IntN(4 + 4*(5-weekday)/5) {
			use(fmt.Sprint("room", random.IntN(1+random.IntN(300))), around(1+random.IntN(4)))
		}
		if month == 11 && 8 <= mday && mday <= 16 {
			continue
		}
		if month == 12 && mday == 25 || month == 1 && mday == 1 {
			entries = nil
		}
		files["meet-usage-"+day.String()+".txt"] = roomfile.Append(nil, entries)
	}
	return files
}

// TestSample compares the sample data with what sample returns; UPDATE=1 writes them.
func TestSample(t *testing.T) {
	files := sample()
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.RemoveAll(sampleDir))
		require.NoError(t, os.Mkdir(sampleDir, 0o755))
		for name, text := range files {
			require.NoError(t, os.WriteFile(filepath.Join(sampleDir, name), text, 0o644))
		}
	}
	entries, err := os.ReadDir(sampleDir)
	require.NoError(t, err)
	require.Len(t, entries, len(files))
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(sampleDir, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), name)
	}

	a := Find([]string{sampleDir}, func(err error) { t.Error(err) })
	first, last, ok := a.Span()
	require.True(t, ok)
	r := a.Report(first, last, report.ByMonth, 2)
	assert.Equal(t, 9, r.Total.Missing)
	assert.Equal(t, len(files), r.Total.Known)
	assert.True(t, slices.ContainsFunc(r.Days, func(s report.Step) bool { return s.Known == 1 && s.Conferences == 0 }))
	assert.NotContains(t, r.Total.Sizes, uint64(0), "each class of sizes is there")
}
