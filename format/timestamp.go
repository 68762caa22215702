package format

import (
	"bytes"
	"time"

	"hushpipe/format/civil"
)

// parseTime reads the time stamp at the start of b and returns its date and its length in bytes,
// 0 for none. It knows
//
//	[22/Nov/2026:06:46:00 +0000]       %t, the brackets optional
//	2026-11-22T06:46:00.123456+01:00   RFC 3339, also with a space for the T,
//	                                   slashes, no zone, or the date alone
//	Sun Nov 22 06:46:00.123456 2026    the error log
//	1795330000.123                     epoch seconds, milli-, micro- or nanoseconds
//
// It returns the date as spelled in the text. Only an epoch needs a zone, which is loc.
func parseTime(b []byte, loc *time.Location) (civil.Day, int) {
	if len(b) == 0 {
		return 0, 0
	}
	switch c := b[0]; {
	case c == '[':
		if d, ok := parseCLF(b[1:]); ok && len(b) > clfLen+1 && b[clfLen+1] == ']' {
			return d, clfLen + 2
		}
		return 0, 0
	case c-'0' > 9:
		return parseCtime(b)
	}
	if d, ok := parseCLF(b); ok {
		return d, clfLen
	}
	if d, n := parseISO(b); n > 0 {
		return d, n
	}
	return parseEpoch(b, loc)
}

// clfLen is the length of 22/Nov/2026:06:46:00 +0000.
const clfLen = 26

// bracketedCLF is the length of [22/Nov/2026:06:46:00 +0000].
const bracketedCLF = 1 + clfLen + 1

// parseCLF reads the time that %t writes between brackets, and checks every byte of it.
func parseCLF(b []byte) (civil.Day, bool) {
	if !hasCLFShape(b) {
		return 0, false
	}
	return dateOf(b[7:11], monthOf(b[3:6]), b[0:2])
}

// hasCLFShape checks everything but the date.
func hasCLFShape(b []byte) bool {
	return len(b) >= clfLen && b[2] == '/' && b[6] == '/' && b[11] == ':' && isClock(b[12:20]) &&
		b[20] == ' ' && isZone(b[21:26])
}

// clfReader is parseCLF with a memory for the last date, which neighbouring lines mostly share.
type clfReader struct {
	text [len("22/Nov/2026")]byte
	day  civil.Day
	last [bracketedCLF]byte // the last time in brackets, see isBracketedCLF
}

func (c *clfReader) parse(b []byte) (civil.Day, bool) {
	if !hasCLFShape(b) {
		return 0, false
	}
	text := [len(c.text)]byte(b)
	if text != c.text {
		day, ok := parseCLF(b)
		if !ok {
			return 0, false
		}
		c.text, c.day = text, day
	}
	return c.day, true
}

// parseISO reads a date, perhaps with a time, at the start of b and returns its length, 0 for
// none.
func parseISO(b []byte) (civil.Day, int) {
	const date = len("2026-11-22")
	if len(b) < date || (b[4] != '-' && b[4] != '/') || b[7] != b[4] {
		return 0, 0
	}
	month, ok := number(b[5:7])
	if !ok {
		return 0, 0
	}
	d, ok := dateOf(b[0:4], month, b[8:10])
	if !ok {
		return 0, 0
	}
	const full = len("2026-11-22T06:46:00")
	if len(b) < full || (b[date] != 'T' && b[date] != ' ') || !isClock(b[date+1:full]) {
		if len(b) > date && b[date]-'0' <= 9 {
			return 0, 0
		}
		return d, date
	}
	n := full + fraction(b[full:])
	return d, n + zone(b[n:])
}

// parseCtime reads the time of the error log, that of ctime(3) with or without a fraction of the
// second (server/util_time.c, ap_recent_ctime_ex).
func parseCtime(b []byte) (civil.Day, int) {
	const year = len("Sun Nov 22 06:46:00")
	if len(b) < year+5 || !isWeekday(b[:3]) || b[3] != ' ' || b[7] != ' ' || b[10] != ' ' || !isClock(b[11:year]) {
		return 0, 0
	}
	n := year + fraction(b[year:])
	if len(b) < n+5 || b[n] != ' ' {
		return 0, 0
	}
	mday := b[8:10]
	if mday[0] == ' ' {
		mday = mday[1:]
	}
	d, ok := dateOf(b[n+1:n+5], monthOf(b[4:7]), mday)
	if !ok {
		return 0, 0
	}
	return d, n + 5
}

// parsePHP reads the time of PHP's own error log, 22-Nov-2026 06:46:00 Europe/Berlin
// (main/main.c, php_log_err_with_severity: "d-M-Y H:i:s e"), which must be followed by a
// bracket.
func parsePHP(b []byte) (civil.Day, int) {
	const full = len("22-Nov-2026 06:46:00 ")
	if len(b) <= full || b[2] != '-' || b[6] != '-' || b[11] != ' ' || b[full-1] != ' ' || !isClock(b[12:full-1]) {
		return 0, 0
	}
	n := bytes.IndexByte(b[full:min(len(b), full+maxAreaZone+1)], ']')
	if n < 0 || !isAreaZone(b[full:full+n]) {
		return 0, 0
	}
	d, ok := dateOf(b[7:11], monthOf(b[3:6]), b[0:2])
	if !ok {
		return 0, 0
	}
	return d, full + n
}

const maxAreaZone = len("America/Argentina/ComodRivadavia")

// isAreaZone reports whether b is a time zone as PHP writes it: UTC, +01:00, Europe/Berlin,
// Etc/GMT+12. No client's name looks like one.
func isAreaZone(b []byte) bool {
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		return zone(b) == len(b)
	}
	area, city, both := bytes.Cut(b, []byte("/"))
	if !both {
		return len(b) == len("UTC") && isUpper(b[0]) && isUpper(b[1]) && isUpper(b[2])
	}
	switch string(area) {
	case "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific", "Etc":
	default:
		return false
	}
	digits := 0
	for _, c := range city {
		switch {
		case c-'0' <= 9:
			digits++
		case c|0x20 < 'a' || c|0x20 > 'z':
			if c != '_' && c != '-' && c != '+' && c != '/' {
				return false
			}
		}
	}
	return digits <= len("12")
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// parseEpoch infers the unit from the number of digits: 10 or 11 are seconds (2001 to 5138), and
// each smaller unit has three more. A number with fewer digits is a duration, not a time.
func parseEpoch(b []byte, loc *time.Location) (civil.Day, int) {
	v, n := epochSeconds(b)
	if n == 0 {
		return 0, 0
	}
	d, ok := epochDay(v, loc)
	if !ok {
		return 0, 0
	}
	return d, n + fraction(b[n:])
}

// epochSeconds returns the seconds of a time since 1970, given in seconds, milli-, micro- or
// nanoseconds, and its length without a fraction, 0 for none.
func epochSeconds(b []byte) (v int64, n int) {
	for ; n < len(b) && b[n]-'0' <= 9; n++ {
		if n == 19 {
			return 0, 0
		}
		v = v*10 + int64(b[n]-'0')
	}
	switch {
	case v < 1e9:
		return 0, 0
	case v < 1e11:
	case v < 1e14:
		v /= 1e3
	case v < 1e17:
		v /= 1e6
	default:
		v /= 1e9
	}
	return v, n
}

// epochDay returns the date in loc of a time in seconds. It rejects 0 and times after the year
// 9999.
func epochDay(sec int64, loc *time.Location) (civil.Day, bool) {
	if sec <= 0 || sec >= 253402300800 {
		return 0, false
	}
	return civil.DayOf(time.Unix(sec, 0).In(loc)), true
}

// isClock reports whether b is a time of day, 06:46:00. The second may be 60, a leap second.
func isClock(b []byte) bool {
	return len(b) == 8 && b[2] == ':' && b[5] == ':' &&
		(b[0] < '2' && b[0] >= '0' && b[1]-'0' <= 9 || b[0] == '2' && b[1]-'0' <= 3) &&
		b[3]-'0' <= 5 && b[4]-'0' <= 9 &&
		(b[6]-'0' <= 5 && b[7]-'0' <= 9 || b[6] == '6' && b[7] == '0')
}

// fraction returns the length of the ".123" or ",123" at the start of b.
func fraction(b []byte) int {
	if len(b) < 2 || (b[0] != '.' && b[0] != ',') {
		return 0
	}
	n := 1
	for n < len(b) && b[n]-'0' <= 9 {
		n++
	}
	if n == 1 {
		return 0
	}
	return n
}

// zone returns the length of the Z, +01:00 or +0100 at the start of b, perhaps after a space.
func zone(b []byte) int {
	n := 0
	if len(b) > 0 && b[0] == ' ' {
		n = 1
	}
	switch b = b[n:]; {
	case len(b) > 0 && b[0] == 'Z':
		return n + 1
	case len(b) < 5 || b[0] != '+' && b[0] != '-':
		return 0
	case digits4(b[1:5]):
		return n + 5
	case len(b) >= 6 && b[3] == ':' && b[1]-'0' <= 9 && b[2]-'0' <= 9 && b[4]-'0' <= 9 && b[5]-'0' <= 9:
		return n + 6
	}
	return 0
}

func digits4(b []byte) bool {
	return b[0]-'0' <= 9 && b[1]-'0' <= 9 && b[2]-'0' <= 9 && b[3]-'0' <= 9
}

// dateOf returns the day of numbers spelled in a line.
func dateOf(year []byte, month int, mday []byte) (civil.Day, bool) {
	y, ok := number(year)
	d, ok2 := number(mday)
	if !ok || !ok2 {
		return 0, false
	}
	return civil.CheckedDay(y, month, d)
}

// number parses b, which must consist of digits.
func number(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int(c)
	}
	return n, len(b) > 0
}

// monthOf returns 1…12 for Jan…Dec, 0 for anything else.
func monthOf(b []byte) int {
	switch string(b) {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

func isWeekday(b []byte) bool {
	switch string(b) {
	case "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat":
		return true
	}
	return false
}

// TimeStamp returns the date and the length of a well-formed time stamp at the start of b, 0 for
// none, in a line of unknown format: the forms of mod_log_config, of the error logs of httpd and
// PHP and of ISO 8601. The guard of malformed lines uses it to date them.
func TimeStamp(b []byte) (civil.Day, int) {
	if len(b) == 0 || b[0]-'0' > 9 {
		return parseTime(b, time.UTC)
	}
	if d, ok := parseCLF(b); ok {
		return d, clfLen
	}
	if d, n := parsePHP(b); n > 0 {
		return d, n
	}
	return parseISO(b)
}
