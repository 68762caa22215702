package format

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, tt := range []struct {
		text string
		day  string // "" for no time stamp
		rest string // what follows it
	}{
		{"22/Nov/2026:06:46:00 +0000", "2026-11-22", ""},
		{"22/Nov/2026:23:59:60 -1200] x", "2026-11-22", "] x"},
		{"[22/Nov/2026:06:46:00 +0000] x", "2026-11-22", " x"},
		{"[22/Nov/2026:06:46:00 +0000", "", ""},
		{"29/Feb/2024:06:46:00 +0000", "2024-02-29", ""},
		{"29/Feb/2026:06:46:00 +0000", "", ""},
		{"00/Nov/2026:06:46:00 +0000", "", ""},
		{"22/nov/2026:06:46:00 +0000", "", ""},
		{"22/Nov/2026:24:00:00 +0000", "", ""},
		{"22/Nov/2026:06:60:00 +0000", "", ""},
		{"22/Nov/2026:06:46:00 0000", "", ""},
		{"22/Nov/2026:06:46:00 +000x", "", ""},

		{"2026-11-22T23:46:00+01:00", "2026-11-22", ""},
		{"2026-11-22T06:46:00.123456Z,", "2026-11-22", ","},
		{"2026-11-22 06:46:00,123 -0500", "2026-11-22", ""},
		{"2026/11/22 06:46:00 [error]", "2026-11-22", " [error]"},
		{"2026-11-22", "2026-11-22", ""},
		{"2026-11-22Tx", "2026-11-22", "Tx"},
		{"2026-11-221", "", ""},
		{"2026-11/22", "", ""},
		{"2026-13-22", "", ""},

		{"Sun Nov 22 06:46:00.123456 2026", "2026-11-22", ""},
		{"Sun Nov  2 06:46:00 2026] x", "2026-11-02", "] x"},
		{"Sun Nov 31 06:46:00 2026", "", ""},
		{"Sun Nov 22 06:46:00 202x", "", ""},
		{"Son Nov 22 06:46:00 2026", "", ""},

		{"1795388399", "2026-11-22", ""}, // 23:59:59 in Berlin
		{"1795388400.5 x", "2026-11-23", " x"},
		{"1795388399999", "2026-11-22", ""},
		{"1795388399999999", "2026-11-22", ""},
		{"1795388399999999999", "2026-11-22", ""},
		{"17953883999999999990", "", ""},
		{"0", "", ""},
		{"999999999", "", ""},

		{"", "", ""},
		{"-", "", ""},
		{"x", "", ""},
	} {
		d, n := parseTime([]byte(tt.text), berlin)
		if tt.day == "" {
			assert.Zero(t, n, tt.text)
			continue
		}
		assert.Equal(t, tt.day, d.String(), tt.text)
		assert.Equal(t, tt.rest, tt.text[n:], tt.text)
	}
}

// TestParseTimeCuts: parsing a truncated time stamp never reads past its end.
func TestParseTimeCuts(t *testing.T) {
	for _, s := range []string{"[22/Nov/2026:06:46:00 +0000]", "2026-11-22T06:46:00.123456+01:00", "Sun Nov 22 06:46:00.123456 2026"} {
		for n := range len(s) {
			_, got := parseTime([]byte(s[:n]), time.UTC)
			assert.LessOrEqual(t, got, n)
		}
	}
}

// TestPHPTime: time stamps of PHP's own error log, and texts that are none.
func TestPHPTime(t *testing.T) {
	for _, zone := range []string{"UTC", "CET", "+01:00", "Europe/Berlin", "America/Port-au-Prince", "America/Argentina/ComodRivadavia", "America/North_Dakota/New_Salem", "Etc/GMT+12"} {
		text := "22-Nov-2026 06:46:00 " + zone
		day, n := TimeStamp([]byte(text + "] PHP Notice:  a"))
		assert.Equal(t, len(text), n, text)
		assert.Equal(t, "2026-11-22", day.String())
		for cut := range len(text) + 1 {
			_, n := TimeStamp([]byte(text[:cut]))
			assert.Zero(t, n, text[:cut])
		}
	}
	for _, text := range []string{
		"22-Nov-2026 06:46:00] a", "22-Nov-2026 06:46:00 ] a", "22-Nov-2026 06:46:00 dsl] a", "22-Nov-2026 06:46:00 DSLX] a",
		"22-Nov-2026 06:46:00 Europe/a.example] a", "22-Nov-2026 06:46:00 dsl/Berlin] a", "22-Nov-2026 06:46:00 Etc/1-2-3-4] a",
		"22-Nov-2026 06:46:00 +01:00:1] a", "31-Nov-2026 06:46:00 UTC] a", "22-nov-2026 06:46:00 UTC] a", "22-Nov-2026 24:46:00 UTC] a", "22-Nov-2026-06:46:00 UTC] a",
	} {
		_, n := TimeStamp([]byte(text))
		assert.Zero(t, n, text)
	}
}
