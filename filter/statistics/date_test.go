package statistics

import (
	"fmt"
	"hushpipe/format/civil"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDayOf(t *testing.T) {
	for _, tt := range []struct {
		path string
		want string // "": none
		err  error
	}{
		{"rooms-2026-11-22.log", "2026-11-22", nil},
		{"2026-11-22", "2026-11-22", nil},
		{"2026-1-2.txt", "2026-01-02", nil},
		{"20261122", "2026-11-22", nil},
		{"meet-usage.log-20261122.gz", "2026-11-22", nil},
		{"2026_11_22.txt", "2026-11-22", nil},
		{"2026.11.22.txt", "2026-11-22", nil},
		{"22.11.2026.txt", "2026-11-22", nil},
		{"2.1.2026", "2026-01-02", nil},
		{"22Nov2026.txt", "2026-11-22", nil},
		{"meet-2-jan-2026", "2026-01-02", nil},
		{"meet-usage-2026-11-22.txt", "2026-11-22", nil},
		{"meet-usage-2026-11-22T23-59.txt", "2026-11-22", nil},
		{"meet2026-11-22_000001.txt", "2026-11-22", nil},
		{"v2.10.3-20261122.txt", "2026-11-22", nil},
		{"2026-11-22-20261122.txt", "2026-11-22", nil},
		{"/srv/2026/11/22.log", "2026-11-22", nil},
		{"/srv/2026/11/22", "2026-11-22", nil},
		{"/srv/2026/11/meet-usage-22.txt.gz", "2026-11-22", nil},
		{"/srv/2026-11/22.txt", "2026-11-22", nil},
		{"/srv/202611/22.txt", "2026-11-22", nil},
		{"/srv/2026/11/2026-11-23.log", "2026-11-23", nil}, // the name alone is enough
		{"/srv/2024/02/29.log", "2024-02-29", nil},

		{"README.md", "", nil},
		{"", "", nil},
		{"22.log", "", nil},
		{"/11/22.log", "", nil},
		{"/srv/20/11/22.log", "", nil},
		{"/srv/2026/11/1.log", "", nil},
		{"/srv/2026/11/README", "", nil},
		{"202611220000.txt", "", nil},
		{"374935dec0d3632a284e67bb45036fd1a0591724", "", nil},
		{"22.11.26.txt", "", nil},
		{"22Now2026.txt", "", nil},
		{"192.0.2.1.txt", "", nil},
		{"2026-11_22.txt", "", nil},

		{"2026-02-30.txt", "", errNoDay},
		{"2026-13-01.txt", "", errNoDay},
		{"20261301.txt", "", errNoDay},
		{"0000-01-01.txt", "", errNoDay},
		{"1969-12-31.txt", "", errNoDay},
		{"2100-01-01.txt", "", errNoDay},
		{"31.2.2026.txt", "", errNoDay},
		{"31Feb2026.txt", "", errNoDay},
		{"/srv/2026/02/30.log", "", errNoDay},
		{"2026-11-01_2026-11-22.txt", "", errTwoDays},
		{"20261101-20261122.txt", "", errTwoDays},
		{"22-11-2026.txt", "", errAmbiguous},
		{"11_22_2026.txt", "", errAmbiguous},
		{"03-04-2026.txt", "", errAmbiguous},
	} {
		day, dated, err := dayOf(tt.path)
		assert.Equal(t, tt.err, err, tt.path)
		if assert.Equal(t, tt.want != "", dated, tt.path) && dated {
			assert.Equal(t, tt.want, day.String(), tt.path)
		}
	}
}

// FuzzDayOf writes a date in each spelling between other text, which dayOf must find. A day
// that it finds in any path must be spelled there.
func FuzzDayOf(f *testing.F) {
	names, err := os.ReadDir(sampleDir)
	require.NoError(f, err)
	require.NotEmpty(f, names)
	f.Add(filepath.Join(sampleDir, names[0].Name()), int32(20000), "meet-", ".txt")
	f.Add("22.11.2026", int32(-1), "9", "9")
	f.Add("/a/2026/11/22.log", int32(0), "\x1b[31m", "<b>")
	f.Fuzz(func(t *testing.T, path string, number int32, before, behind string) {
		if day, dated, err := dayOf(path); dated {
			require.NoError(t, err)
			require.Condition(t, func() bool { return spells(path, day) }, "%q has no %s", path, day)
		}
		day := FirstDay + civil.Day(uint32(number)%uint32(LastDay-FirstDay+1))
		digit := func(text string) bool { return strings.ContainsAny(text, "0123456789/") }
		if digit(before) || digit(behind) {
			return
		}
		for _, form := range spellings(day) {
			path := before + form + behind
			found, dated, err := dayOf(path)
			require.NoError(t, err, path)
			require.True(t, dated, "%q", path)
			require.Equal(t, day, found, "%q", path)
		}
	})
}

// spellings returns common spellings of a day.
func spellings(day civil.Day) []string {
	y, m, d := day.Date()
	var forms []string
	for _, layout := range []string{"%[1]d-%02[2]d-%02[3]d", "%[1]d_%02[2]d_%02[3]d", "%[1]d.%02[2]d.%02[3]d",
		"%[1]d%02[2]d%02[3]d", "%02[3]d.%02[2]d.%[1]d"} {
		forms = append(forms, fmt.Sprintf(layout, y, m, d))
	}
	return append(forms, fmt.Sprintf("%d%.3s%d", d, time.Month(m), y), fmt.Sprintf("%02d-%.3s-%d", d, time.Month(m), y))
}

// spells is the specification of dayOf, without regard to the text around a date.
func spells(path string, day civil.Day) bool {
	y, m, d := day.Date()
	name := filepath.Base(path)
	forms := append(spellings(day), fmt.Sprintf("%d-%d-%d", y, m, d), fmt.Sprintf("%d-%02d-%d", y, m, d), fmt.Sprintf("%d-%d-%02d", y, m, d))
	for _, sep := range []string{"_", "."} {
		for _, form := range forms[len(spellings(day)):][:3] {
			forms = append(forms, strings.ReplaceAll(form, "-", sep))
		}
	}
	forms = append(forms, fmt.Sprintf("%d.%d.%d", d, m, y), fmt.Sprintf("%02d.%d.%d", d, m, y), fmt.Sprintf("%d.%02d.%d", d, m, y))
	for _, form := range forms {
		if strings.Contains(name, form) {
			return true
		}
	}
	// A month's name may have separators around it, and letters of either case.
	named := strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(strings.ToLower(name))
	if strings.Contains(named, strings.ToLower(fmt.Sprintf("%d%.3s%d", d, time.Month(m), y))) {
		return true
	}
	above := filepath.Dir(path)
	folder := filepath.Base(above)
	return strings.Contains(name, fmt.Sprintf("%02d", d)) && strings.HasSuffix(folder, fmt.Sprintf("%02d", m)) &&
		(strings.HasPrefix(folder, fmt.Sprint(y)) || filepath.Base(filepath.Dir(above)) == fmt.Sprint(y))
}
