package calendar_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/format/civil"
)

var berlin = zone("Europe/Berlin")

func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

// expiry is when the lines go that were written at a time.
func expiry(off calendar.DaysOff, written time.Time, hours int) time.Time {
	begin := calendar.HourBegin(civil.DayOf(written), written.Hour(), written.Location())
	return off.After(begin, hours)
}

// TestWorkdays: 24 hours of workdays in Berlin.
func TestWorkdays(t *testing.T) {
	be := calendar.DaysOff{Calendar: "de-BE"}
	may := calendar.DaysOff{Calendar: "de-BE", Holidays: []civil.Day{civil.NewDay(2025, 5, 8)}}
	const layout = "Mon 2 Jan 2006 15:04"
	for _, test := range []struct {
		off           calendar.DaysOff
		written, gone string
	}{
		{be, "Wed 25 Nov 2026 15:30", "Thu 26 Nov 2026 15:00"},
		{be, "Fri 27 Nov 2026 15:30", "Mon 30 Nov 2026 15:00"},
		{be, "Fri 27 Nov 2026 00:10", "Sat 28 Nov 2026 00:00"},
		{be, "Sat 28 Nov 2026 10:00", "Tue 1 Dec 2026 00:00"},
		{be, "Thu 2 Apr 2026 15:30", "Tue 7 Apr 2026 15:00"},   // Easter
		{be, "Wed 13 May 2026 23:59", "Fri 15 May 2026 23:00"}, // Ascension
		{be, "Thu 31 Dec 2026 18:00", "Mon 4 Jan 2027 18:00"},
		{be, "Thu 24 Dec 2026 09:00", "Mon 28 Dec 2026 09:00"},
		{may, "Wed 7 May 2025 15:30", "Fri 9 May 2025 15:00"},
		{be, "Wed 7 May 2025 15:30", "Thu 8 May 2025 15:00"}, // a missing holiday deletes earlier
		{be, "Fri 6 Mar 2026 15:30", "Mon 9 Mar 2026 15:00"}, // the 8th is a Sunday
		{be, "Fri 5 Mar 2027 15:30", "Tue 9 Mar 2027 15:00"}, // and a Monday
		{calendar.DaysOff{Calendar: "de-BY"}, "Fri 5 Mar 2027 15:30", "Mon 8 Mar 2027 15:00"},
		{calendar.DaysOff{Calendar: "no"}, "Fri 15 May 2026 15:30", "Mon 18 May 2026 15:00"}, // the 17th is a Sunday
		{calendar.DaysOff{Calendar: "no"}, "Fri 14 May 2027 15:30", "Tue 18 May 2027 15:00"}, // Whit Monday is the 17th
		{calendar.DaysOff{}, "Thu 24 Dec 2026 09:00", "Fri 25 Dec 2026 09:00"},
		// Where the clock changes, on Sundays here, an hour is one of time.
		{be, "Sat 28 Mar 2026 10:00", "Tue 31 Mar 2026 00:00"},
		{be, "Fri 27 Mar 2026 15:30", "Mon 30 Mar 2026 15:00"},
		{be, "Sun 25 Oct 2026 02:30", "Tue 27 Oct 2026 00:00"},
	} {
		written, err := time.ParseInLocation(layout, test.written, berlin)
		require.NoError(t, err)
		require.Equal(t, test.written, written.Format(layout), "the day of the week")
		assert.Equal(t, test.gone, expiry(test.off, written, 24).Format(layout), test.written)
	}
}

// plainExpiry counts hour by hour: for each hour on a workday that a line exists, one less
// is left.
func plainExpiry(off calendar.DaysOff, begin time.Time, hours int) time.Time {
	const step = 30 * time.Minute // some zones change by half an hour
	left := time.Duration(hours) * time.Hour
	at := begin
	for left > 0 {
		day := at.Weekday()
		free := day == time.Saturday || day == time.Sunday || off.Has(civil.DayOf(at))
		if !free {
			left -= step
		}
		at = at.Add(step)
	}
	return at
}

// TestAYearOfHours compares each hour of more than a year with the plain count, in zones
// that change their clocks on a Sunday, on a workday, at midnight, by half an hour.
func TestAYearOfHours(t *testing.T) {
	for name, bounds := range map[string][]int{"Europe/Berlin": {1, 24, 48, 100}, "Europe/Oslo": {24}, "Africa/Cairo": {24, 25}, "America/Havana": {24}, "Australia/Lord_Howe": {24}, "UTC": {24}} {
		loc := zone(name)
		for _, calendarName := range []string{"de-BE", "no"} {
			off := calendar.DaysOff{Calendar: calendarName, Holidays: []civil.Day{civil.NewDay(2026, 6, 17)}}
			for _, hours := range bounds {
				end := time.Date(2027, 1, 20, 0, 0, 0, 0, loc)
				for at := time.Date(2025, 12, 20, 0, 0, 0, 0, loc); at.Before(end); at = at.Add(time.Hour) {
					begin := calendar.HourBegin(civil.DayOf(at), at.Hour(), loc)
					require.False(t, begin.After(at), "%v", at)
					require.Less(t, at.Sub(begin), 2*time.Hour, "%v", at)
					require.Equal(t, at.Hour(), begin.Hour(), "%v", at)
					want := plainExpiry(off, begin, hours)
					got := off.After(begin, hours)
					require.True(t, got.Equal(want), "%s, %d hours from %v: %v, not %v", name, hours, begin, got, want)
				}
			}
		}
	}
}

// TestMoreHolidaysKeepLonger: whatever is missing deletes earlier.
func TestMoreHolidaysKeepLonger(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	first := civil.NewDay(2026, 1, 1)
	for range 2000 {
		off := calendar.DaysOff{Calendar: "de-BE"}
		for range rng.IntN(30) {
			off.Holidays = append(off.Holidays, first+civil.Day(rng.IntN(60)))
		}
		less := off
		if n := len(off.Holidays); n > 0 {
			less.Holidays = off.Holidays[:rng.IntN(n)]
		}
		begin := calendar.HourBegin(first+civil.Day(rng.IntN(60)), rng.IntN(24), berlin)
		hours := 1 + rng.IntN(200)
		assert.False(t, less.After(begin, hours).After(off.After(begin, hours)), "%v, %d hours, %v", begin, hours, off.Holidays)
	}
}

// TestHolidays: a year as the laws of the Länder and of Norway have it, without weekends.
func TestHolidays(t *testing.T) {
	for name, want := range map[string][]string{
		"de-BE": {"2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-12-25"},
		"de-BY": {"2026-01-01", "2026-01-06", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-06-04", "2026-12-25"},
		"de-SN": {"2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-11-18", "2026-12-25"},
		"no":    {"2026-01-01", "2026-04-02", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-12-25"},
	} {
		var days []string
		for day := civil.NewDay(2026, 1, 1); day < civil.NewDay(2027, 1, 1); day++ {
			if (calendar.DaysOff{Calendar: name}).Has(day) && !(calendar.DaysOff{}).Has(day) {
				days = append(days, day.String())
			}
		}
		assert.Equal(t, want, days, name)
	}
}

func TestLongest(t *testing.T) {
	be := calendar.DaysOff{Calendar: "de-BE"}
	assert.EqualValues(t, 6, be.Longest(24), "from Maundy Thursday to the Tuesday after Easter, and where Christmas is near a weekend")
	assert.EqualValues(t, 3, calendar.DaysOff{}.Longest(1), "from Saturday to Monday")
	assert.Greater(t, be.Longest(8760), calendar.Period(510))
}
