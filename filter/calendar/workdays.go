package calendar

import (
	"slices"
	"sync"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/no"

	"hushpipe/format/civil"
)

// DaysOff are the days that are not workdays: Saturdays, Sundays, the public holidays of a
// calendar, and others. A missing holiday deletes lines earlier, never later.
type DaysOff struct {
	Calendar string      // one of Calendars; "": none
	Holidays []civil.Day // additional ones
}

// holidays are the calendars of rickar/cal for the German Länder and Norway.
var holidays = map[string][]*cal.Holiday{
	"de-BB": de.HolidaysBB, "de-BE": de.HolidaysBE, "de-BW": de.HolidaysBW, "de-BY": de.HolidaysBY,
	"de-HB": de.HolidaysHB, "de-HE": de.HolidaysHE, "de-HH": de.HolidaysHH, "de-MV": de.HolidaysMV,
	"de-NI": de.HolidaysNI, "de-NW": de.HolidaysNW, "de-RP": de.HolidaysRP, "de-SH": de.HolidaysSH,
	"de-SL": de.HolidaysSL, "de-SN": de.HolidaysSN, "de-ST": de.HolidaysST, "de-TH": de.HolidaysTH,
	"no": no.Holidays,
}

func (o DaysOff) isKnown() bool { return holidays[o.Calendar] != nil }

type calendarYear struct {
	calendar string
	year     int
}

// known caches public holidays: map[civil.Day]bool by calendarYear.
var known sync.Map

// Has reports whether day is a day off.
func (o DaysOff) Has(day civil.Day) bool {
	if weekday := (int(day)%7 + 11) % 7; weekday == 0 || weekday == 6 { // 1970-01-01 was a Thursday
		return true
	}
	if slices.Contains(o.Holidays, day) {
		return true
	}
	if o.Calendar == "" {
		return false
	}
	year, _, _ := day.Date()
	of := calendarYear{o.Calendar, year}
	days, found := known.Load(of)
	if !found {
		list := map[civil.Day]bool{}
		for _, h := range holidays[o.Calendar] {
			if actual, _ := h.Calc(year); !actual.IsZero() {
				list[civil.DayOf(actual)] = true
			}
		}
		days, _ = known.LoadOrStore(of, list)
	}
	return days.(map[civil.Day]bool)[day]
}

// After returns when the given number of hours on workdays has passed since begin, in its
// zone. Hours are elapsed time: the clock changes of daylight saving time do not count.
func (o DaysOff) After(begin time.Time, hours int) time.Time {
	left := time.Duration(hours) * time.Hour
	for day := civil.DayOf(begin); ; day++ {
		next := HourBegin(day+1, 0, begin.Location())
		if !o.Has(day) {
			here := next.Sub(begin)
			if left <= here {
				return begin.Add(left)
			}
			left -= here
		}
		begin = next
	}
}

// HourBegin returns when an hour of a day begins: the first time that the clock shows it.
func HourBegin(day civil.Day, hour int, zone *time.Location) time.Time {
	year, month, mday := day.Date()
	t := time.Date(year, time.Month(month), mday, hour, 0, 0, 0, zone)
	if civil.DayOf(t) < day { // the clock skips it, so use the start of the next offset
		_, t = t.ZoneBounds()
	}
	for _, before := range []time.Duration{2 * time.Hour, time.Hour, 30 * time.Minute} { // the clock shows it twice
		if u := t.Add(-before); civil.DayOf(u) == day && u.Hour() == hour {
			return u
		}
	}
	return t
}

// Longest returns for how many days lines can exist that are kept for so many hours of
// workdays, including the day on which they are written.
func (o DaysOff) Longest(hours int) Period {
	longest := Period(1)
	for year := 2025; year < 2035; year++ { // covers most dates of Easter
		for day := civil.NewDay(year, 1, 1); day < civil.NewDay(year+1, 1, 1); day++ {
			gone := o.After(HourBegin(day, 23, time.UTC), hours)
			longest = max(longest, Period(civil.DayOf(gone.Add(-time.Second))-day)+1)
		}
	}
	return longest
}
