package civil_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"hushpipe/format/civil"
)

// Compares every day of 800 years with package time.
func TestDays(t *testing.T) {
	first := time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)
	for at := first; at.Year() < 2400; at = at.AddDate(0, 0, 1) {
		day := civil.DayOf(at)
		y, m, d := day.Date()
		spelled := at.Format(time.DateOnly)
		read, ok := civil.ParseDay(spelled)
		if int64(day)*86400 != at.Unix() || civil.NewDay(y, m, d) != day || day.String() != spelled || !ok || read != day {
			t.Fatalf("%s: %d, %d-%d-%d, %s, %d", spelled, day, y, m, d, day, read)
		}
	}
}

func TestParseDay(t *testing.T) {
	for _, s := range []string{
		"", "2026-11-2", "2026-11-022", "2026/11/22", "2026-1-022", "2026-13-01", "2026-00-01",
		"2026-11-00", "2026-11-31", "2026-02-29", "1900-02-29", "+026-11-22", "2026-11-2x", " 2026-11-2",
	} {
		_, ok := civil.ParseDay(s)
		assert.False(t, ok, s)
	}
	_, ok := civil.ParseDay([]byte("2000-02-29"))
	assert.True(t, ok)
}

func TestDayOfIsOfTheTimesOwnZone(t *testing.T) {
	at := time.Date(2026, 11, 22, 23, 30, 0, 0, time.FixedZone("", -3600))
	assert.Equal(t, "2026-11-22", civil.DayOf(at).String())
	assert.Equal(t, "2026-11-23", civil.DayOf(at.UTC()).String())
}
