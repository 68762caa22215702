package rotate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format"
)

func TestParseKeep(t *testing.T) {
	for s, want := range map[string]Retention{"14d": 14, "14": 14, "1d": 1, "36500d": 36500} {
		keep, err := ParseKeep(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, keep, s)
	}
	for _, s := range []string{"", "d", "0", "0d", "-1d", "+1d", "2w", "14dd", "14 d", "1.5d", "36501d", "99999999999d", "14h"} {
		_, err := ParseKeep(s)
		require.Error(t, err, s)
		assert.NotContains(t, err.Error(), "\n", s)
		assert.Contains(t, err.Error(), "as in 14d", s)
	}
	assert.Equal(t, "14d", Retention(14).String())
}

func TestPlace(t *testing.T) {
	const none = ""
	tests := []struct {
		name        string
		keep        Retention
		today, line string
		want        string
		placement   Placement
	}{
		{"today", 14, "2026-11-22", "2026-11-22", "2026-11-22", DayOpen},
		{"a websocket closed after midnight", 14, "2026-11-22", "2026-11-21", "2026-11-21", DayOpen},
		{"13 days before", 14, "2026-11-22", "2026-11-09", "2026-11-09", DayOpen},
		{"14 days before", 14, "2026-11-22", "2026-11-08", "2026-11-08", DayExpired},
		{"tomorrow, in a zone ahead", 14, "2026-11-22", "2026-11-23", "2026-11-23", DayOpen},
		{"after tomorrow", 14, "2026-11-22", "2026-11-24", "2026-11-22", DayAdjusted},
		{"no time", 14, "2026-11-22", none, "2026-11-22", DayAdjusted},
		{"1970", 14, "2026-11-22", "1970-01-01", "1970-01-01", DayExpired},
		{"2099", 14, "2026-11-22", "2099-12-31", "2026-11-22", DayAdjusted},
		{"year 0", 14, "2026-11-22", "0000-01-01", "0000-01-01", DayExpired},
		{"year 9999", 14, "2026-11-22", "9999-12-31", "2026-11-22", DayAdjusted},
		{"one day: today", 1, "2026-11-22", "2026-11-22", "2026-11-22", DayOpen},
		{"one day: yesterday", 1, "2026-11-22", "2026-11-21", "2026-11-21", DayExpired},
		{"one day: tomorrow", 1, "2026-11-22", "2026-11-23", "2026-11-23", DayOpen},
		{"over a leap day, open", 14, "2028-03-01", "2028-02-17", "2028-02-17", DayOpen},
		{"over a leap day, expired", 14, "2028-03-01", "2028-02-16", "2028-02-16", DayExpired},
		{"no leap day, open", 14, "2026-03-01", "2026-02-16", "2026-02-16", DayOpen},
		{"no leap day, expired", 14, "2026-03-01", "2026-02-15", "2026-02-15", DayExpired},
		{"the leap day itself", 2, "2028-03-01", "2028-02-29", "2028-02-29", DayOpen},
		{"over a year's end, open", 14, "2027-01-01", "2026-12-19", "2026-12-19", DayOpen},
		{"over a year's end, expired", 14, "2027-01-01", "2026-12-18", "2026-12-18", DayExpired},
		{"tomorrow is next year", 14, "2026-12-31", "2027-01-01", "2027-01-01", DayOpen},
		{"the longest", maxRetention, "2026-11-22", "1970-01-01", "1970-01-01", DayOpen},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := Window{First: tt.keep.first(day(tt.today)), Today: day(tt.today)}
			var line format.Day
			if tt.line != none {
				line = day(tt.line)
			}
			got, placement := w.Place(line, tt.line != none)
			assert.Equal(t, tt.want, got.String())
			assert.Equal(t, tt.placement, placement)
		})
	}
}
