package filter

import (
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/format"
	"hushpipe/format/civil"
)

// Hourly is a Calendar whose days have a file for each hour.
type Hourly interface {
	Calendar
	// PlaceHour returns the day and hour to which a line of a time goes, in seconds since
	// 1970; dated is false for a line with no readable time stamp.
	PlaceHour(sec int64, dated bool) (day civil.Day, hour int, placement calendar.Placement)
	// Zone is the time zone of the hours.
	Zone() *time.Location
}

// hours is the state of a router that places lines by the hour.
type hours struct {
	cal     Hourly // nil: lines go to the files of their days
	quarter int64  // quarter of an hour of the previous line, counted from 1970; -1: no time
	last    dayRef // of the previous line
}

const quarter = 15 * 60 // seconds; all UTC offsets are multiples of it

// hourOf returns where the current line goes by its hour, the zero dayRef if there are no
// files of hours. The hour is in the process's time zone, since lines are kept and deleted
// by that: a line of another zone may go to another day than the one of its date.
func (f *Filter) hourOf(line []byte, known bool) dayRef {
	h := &f.hours
	if h.cal == nil {
		return dayRef{}
	}
	sec, dated := f.second(line, known)
	at := floorDiv(sec, quarter)
	if !dated {
		at = -1
	}
	if h.last.day != nil && h.quarter == at {
		return h.last
	}
	day, hour, placement := h.cal.PlaceHour(sec, dated)
	to := placement
	if _, whole := h.cal.Place(day, true); to == calendar.Expired && whole != calendar.Expired {
		to = calendar.Open // the day is not over: it has a key, and rooms are counted
	}
	s := f.refTo(day, day, to)
	s.placement, s.hour = placement, uint8(hour+1)
	h.quarter, h.last = at, s
	return s
}

// second returns the time of the line, in seconds since 1970. If only its date is known, as
// in a malformed line, that is the beginning of the day, so that the line is deleted earlier.
func (f *Filter) second(line []byte, known bool) (sec int64, dated bool) {
	l := &f.line
	if !l.HasDay {
		return 0, false
	}
	if !known {
		return f.secondOf(nil), true
	}
	text := []byte(nil)
	for i := range l.Fields {
		if field := &l.Fields[i]; field.Role == format.RoleTime {
			text = line[field.Start:field.End]
			break
		}
	}
	for i := range f.json.nodes {
		if node := &f.json.nodes[i]; text == nil && node.Role == format.RoleTime {
			text = line[node.Start:node.End]
		}
	}
	return f.secondOf(text), true
}

// secondOf returns the time that a field shows, of the line's date.
func (f *Filter) secondOf(text []byte) int64 {
	day := f.line.Day
	if sec, ok := epoch(text); ok {
		return sec
	}
	clock, offset, hasOffset, ok := clockOf(text)
	if !ok {
		clock, hasOffset = 0, false
	}
	if !hasOffset {
		return calendar.HourBegin(day, clock/3600, f.hours.cal.Zone()).Unix() + int64(clock%3600)
	}
	return int64(day)*86400 + int64(clock-offset)
}

// clockOf returns the first clock time in a time stamp, and the UTC offset after it, both in
// seconds.
func clockOf(b []byte) (clock, offset int, hasOffset, ok bool) {
	for i := 0; i+8 <= len(b); i++ {
		if b[i+2] != ':' || b[i+5] != ':' || i > 0 && b[i-1]-'0' <= 9 {
			continue
		}
		h, ok1 := twoDigits(b[i:])
		m, ok2 := twoDigits(b[i+3:])
		s, ok3 := twoDigits(b[i+6:])
		if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || s > 60 {
			continue
		}
		offset, hasOffset = offsetOf(b[i+8:])
		return h*3600 + m*60 + s, offset, hasOffset, true
	}
	return 0, 0, false, false
}

// offsetOf parses the zone after a clock time: Z, +0100 or +01:00. A fraction of a second or a
// blank may precede it. offset is in seconds.
func offsetOf(b []byte) (offset int, ok bool) {
	for i := range b {
		switch c := b[i]; {
		case c == 'Z':
			return 0, true
		case c == '+' || c == '-':
			rest := b[i+1:]
			h, ok1 := twoDigits(rest)
			if !ok1 {
				return 0, false
			}
			rest = rest[2:]
			if len(rest) > 0 && rest[0] == ':' {
				rest = rest[1:]
			}
			m, ok2 := twoDigits(rest)
			if !ok2 {
				m = 0
			}
			if offset = h*3600 + m*60; c == '-' {
				offset = -offset
			}
			return offset, true
		case c != '.' && c != ',' && c != ' ' && c-'0' > 9:
			return 0, false
		}
	}
	return 0, false
}

func twoDigits(b []byte) (n int, ok bool) {
	if len(b) < 2 || b[0]-'0' > 9 || b[1]-'0' > 9 {
		return 0, false
	}
	return int(b[0]-'0')*10 + int(b[1]-'0'), true
}

// epoch parses the time since 1970 in seconds, milliseconds or microseconds, as written by
// %{sec}t, %{msec}t and %{usec}t. It takes the first ten digits.
func epoch(b []byte) (sec int64, ok bool) {
	digits := 0
	for digits < len(b) && b[digits]-'0' <= 9 {
		digits++
	}
	if digits < 10 || digits < len(b) && b[digits] != '.' {
		return 0, false
	}
	for _, c := range b[:10] { // seconds have ten digits from 2001 to 2286
		sec = 10*sec + int64(c-'0')
	}
	return sec, true
}

func floorDiv(a, b int64) int64 {
	if a%b < 0 {
		return a/b - 1
	}
	return a / b
}
