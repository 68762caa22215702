package format

import "time"

// SecondOfDay returns the second of the day, 0 to 86,399, that the text of a RoleTime gives in
// its own zone, or in loc for an epoch. It reports false for a date alone.
func SecondOfDay(text []byte, loc *time.Location) (second int32, ok bool) {
	const clock = len("06:46:00")
	for i := 0; i+clock <= len(text); i++ {
		if text[i+2] != ':' || i > 0 && (text[i-1]-'0' <= 9 || text[i-1] == '.') || !isClock(text[i:i+clock]) {
			continue
		}
		digits := func(at int) int32 { return int32(text[i+at]-'0')*10 + int32(text[i+at+1]-'0') }
		return digits(0)*3600 + digits(3)*60 + min(digits(6), 59), true
	}
	if sec, n := epochSeconds(text); n > 0 && loc != nil {
		t := time.Unix(sec, 0).In(loc)
		return int32(t.Hour()*3600 + t.Minute()*60 + t.Second()), true
	}
	return 0, false
}
