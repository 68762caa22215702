package calendar

import (
	"hushpipe/format/civil"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParsePeriod(t *testing.T) {
	for s, want := range map[string]Period{"14d": 14, "14": 14, "1d": 1, "36500d": 36500} {
		keep, err := ParsePeriod(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, keep, s)
	}
	for _, s := range []string{"", "d", "0", "0d", "-1d", "+1d", "2w", "14dd", "14 d", "1.5d", "36501d", "99999999999d", "14h"} {
		_, err := ParsePeriod(s)
		require.Error(t, err, s)
		assert.NotContains(t, err.Error(), "\n", s)
		assert.Contains(t, err.Error(), "as in 14d", s)
	}
	assert.Equal(t, "14d", Period(14).String())
}

func TestPlace(t *testing.T) {
	const none = ""
	tests := []struct {
		name        string
		keep        Period
		today, line string
		want        string
		placement   Placement
	}{
		{"today", 14, "2026-11-22", "2026-11-22", "2026-11-22", Open},
		{"a websocket closed after midnight", 14, "2026-11-22", "2026-11-21", "2026-11-21", Open},
		{"13 days before", 14, "2026-11-22", "2026-11-09", "2026-11-09", Open},
		{"14 days before", 14, "2026-11-22", "2026-11-08", "2026-11-08", Expired},
		{"tomorrow, in a zone ahead", 14, "2026-11-22", "2026-11-23", "2026-11-23", Open},
		{"after tomorrow", 14, "2026-11-22", "2026-11-24", "2026-11-22", Adjusted},
		{"no time", 14, "2026-11-22", none, "2026-11-22", Adjusted},
		{"1970", 14, "2026-11-22", "1970-01-01", "1970-01-01", Expired},
		{"2099", 14, "2026-11-22", "2099-12-31", "2026-11-22", Adjusted},
		{"year 0", 14, "2026-11-22", "0000-01-01", "0000-01-01", Expired},
		{"year 9999", 14, "2026-11-22", "9999-12-31", "2026-11-22", Adjusted},
		{"one day: today", 1, "2026-11-22", "2026-11-22", "2026-11-22", Open},
		{"one day: yesterday", 1, "2026-11-22", "2026-11-21", "2026-11-21", Expired},
		{"one day: tomorrow", 1, "2026-11-22", "2026-11-23", "2026-11-23", Open},
		{"over a leap day, open", 14, "2028-03-01", "2028-02-17", "2028-02-17", Open},
		{"over a leap day, expired", 14, "2028-03-01", "2028-02-16", "2028-02-16", Expired},
		{"no leap day, open", 14, "2026-03-01", "2026-02-16", "2026-02-16", Open},
		{"no leap day, expired", 14, "2026-03-01", "2026-02-15", "2026-02-15", Expired},
		{"the leap day itself", 2, "2028-03-01", "2028-02-29", "2028-02-29", Open},
		{"over a year's end, open", 14, "2027-01-01", "2026-12-19", "2026-12-19", Open},
		{"over a year's end, expired", 14, "2027-01-01", "2026-12-18", "2026-12-18", Expired},
		{"tomorrow is next year", 14, "2026-12-31", "2027-01-01", "2027-01-01", Open},
		{"the longest", MaxPeriod, "2026-11-22", "1970-01-01", "1970-01-01", Open},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := Window{First: tt.keep.First(day(tt.today)), Today: day(tt.today)}
			var line civil.Day
			if tt.line != none {
				line = day(tt.line)
			}
			got, placement := w.Place(line, tt.line != none)
			assert.Equal(t, tt.want, got.String())
			assert.Equal(t, tt.placement, placement)
		})
	}
}

func TestAcrossMidnight(t *testing.T) {
	w := Window{First: day("2026-11-09"), Today: day("2026-11-22")}
	doubted := w
	doubted.DoubtUntil = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		w            Window
		today, first string
	}{
		{w, "2026-11-22", "2026-11-09"},
		{w, "2026-11-23", "2026-11-10"},
		{w, "2026-11-24", "2026-11-09"}, // a leap, perhaps
		{w, "2026-11-21", "2026-11-09"},
		{doubted, "2026-11-23", "2026-11-09"},
	} {
		at := tt.w.At(day(tt.today))
		assert.Equal(t, tt.today, at.Today.String())
		assert.Equal(t, tt.first, at.First.String(), tt.today)
	}
}

func day(s string) civil.Day {
	d, ok := civil.ParseDay(s)
	if !ok {
		panic(s)
	}
	return d
}
