// Package civil implements dates without a time zone.
package civil

import "time"

// Day is a civil date as the number of days since 1970-01-01. It has no time zone: a line
// belongs to the day that its own time stamp spells, in the zone that it was written in.
type Day int32

// NewDay returns the Day of a proleptic Gregorian date. It does not normalize: month must be
// 1…12, and mday must exist in that month. The arithmetic is Howard Hinnant's days_from_civil,
// https://howardhinnant.github.io/date_algorithms.html.
func NewDay(year, month, mday int) Day {
	if month <= 2 {
		year--
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	yoe := year - era*400
	mp := (month + 9) % 12
	doy := (153*mp+2)/5 + mday - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return Day(era*146097 + doe - 719468)
}

// DayOf returns the date of t in its own location.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	return NewDay(y, int(m), d)
}

// Date returns the year, the month (1…12) and the day of the month.
func (d Day) Date() (year, month, mday int) {
	z := int(d) + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	mday = doy - (153*mp+2)/5 + 1
	month = (mp+2)%12 + 1
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, mday
}

// AppendTo appends the date in the form 2026-11-22.
func (d Day) AppendTo(dst []byte) []byte {
	y, m, md := d.Date()
	return append(dst,
		byte('0'+y/1000%10), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+m/10), byte('0'+m%10), '-', byte('0'+md/10), byte('0'+md%10))
}

// String returns the date in the form 2026-11-22.
func (d Day) String() string { return string(d.AppendTo(nil)) }

// ParseDay parses a date in the form 2026-11-22. It accepts no other.
func ParseDay[T string | []byte](s T) (Day, bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	n := [3]int{}
	for i := range 10 {
		if i == 4 || i == 7 {
			continue
		}
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		k := min(i/4, 1) + i/8
		n[k] = n[k]*10 + int(c)
	}
	return CheckedDay(n[0], n[1], n[2])
}

// CheckedDay is NewDay for unchecked numbers, with a year of 0 to 9999. It reports false if
// there is no such date.
func CheckedDay(year, month, mday int) (Day, bool) {
	if year < 0 || year > 9999 || month < 1 || month > 12 || mday < 1 || mday > daysIn(year, month) {
		return 0, false
	}
	return NewDay(year, month, mday), true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}
