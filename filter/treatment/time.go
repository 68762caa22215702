package treatment

import (
	"encoding/binary"
	"strconv"
	"time"

	"hushpipe/format"
)

func (t *Treatment) appendHour(_ Hasher, dst, v []byte) []byte     { return appendTime(dst, v, 2) }
func (t *Treatment) appendMidnight(_ Hasher, dst, v []byte) []byte { return appendTime(dst, v, 0) }

// Forms of time stamps: 0 is a digit that stays, a is a letter, H a digit of the hour, and 9
// a digit of the minutes or seconds. All other characters are literal.
var shapes = []string{
	"[00/aaa/0000:HH:99:99 ±0000]",
	"00/aaa/0000:HH:99:99 ±0000",
	"0000-00-00THH:99:99Z", "0000-00-00THH:99:99±00:00", "0000-00-00THH:99:99±0000", "0000-00-00THH:99:99",
	"0000-00-00 HH:99:99",
	"0000/00/00 HH:99:99",
	"aaa aaa 00 HH:99:99 0000",
}

// appendTime appends a time stamp with its minutes and seconds zeroed; hours is how many
// digits of the hour are kept, 2 or 0. It drops fractions of a second.
func appendTime(dst, v []byte, hours int) []byte {
	if isCLF(v) {
		return append(append(append(dst, v[:clfHour+hours]...), "00:00:00"[hours:]...), v[clfEnd:]...)
	}
	for _, shape := range shapes {
		start := len(dst)
		var ok bool
		if dst, ok = appendShape(dst, v, shape, hours); ok {
			return dst
		}
		dst = dst[:start]
	}
	const php = "00-aaa-0000 HH:99:99"
	if n := len(php); len(v) > n+1 && v[n] == ' ' && isWord(v[n+1:], "/_+-:") {
		start, ok := len(dst), false
		if dst, ok = appendShape(dst, v[:n], php, hours); ok {
			return append(dst, v[n:]...)
		}
		dst = dst[:start]
	}
	return appendEpoch(dst, v, hours)
}

// appendEpoch appends a time in seconds since 1970, or in fractions of them, rounded down to
// the hour or the day in the process's time zone.
func appendEpoch(dst, v []byte, hours int) []byte {
	sec, unit, ok := format.EpochOf(v)
	if !ok {
		return append(dst, '-')
	}
	at := time.Unix(sec, 0)
	if hours > 0 {
		sec -= int64(at.Minute()*60 + at.Second())
	} else {
		year, month, day := at.Date()
		sec = time.Date(year, month, day, 0, 0, 0, 0, at.Location()).Unix()
	}
	return strconv.AppendInt(dst, sec*unit, 10)
}

func appendShape(dst, v []byte, shape string, hours int) ([]byte, bool) {
	i := 0
	for k, s := range shape {
		if i == len(v) {
			return dst, false
		}
		c := v[i]
		switch s {
		case '0':
			if c-'0' > 9 && !(c == ' ' && shape[0] == 'a') {
				return dst, false
			}
		case 'H', '9':
			if c-'0' > 9 {
				return dst, false
			}
			if s == '9' || hours == 0 {
				c = '0'
			}
		case 'a':
			if c|0x20 < 'a' || c|0x20 > 'z' {
				return dst, false
			}
		case '±':
			if c != '+' && c != '-' {
				return dst, false
			}
		default:
			if c != byte(s) {
				return dst, false
			}
		}
		dst = append(dst, c)
		i++
		if s == '9' && (k+1 == len(shape) || shape[k+1] != '9' && shape[k+1] != ':') {
			i += fractionLen(v[i:])
		}
	}
	return dst, i == len(v)
}

// fractionLen returns the length of a fraction of a second at the start of b.
func fractionLen(b []byte) int {
	if len(b) < 2 || b[0] != '.' && b[0] != ',' || b[1]-'0' > 9 {
		return 0
	}
	n := 1
	for n < len(b) && b[n]-'0' <= 9 {
		n++
	}
	return n
}

// isCLF reports whether v has the first of the forms, which most lines have.
func isCLF(v []byte) bool {
	return len(v) == clfLen && v[clfHour-1] == ':' && clf[0].fits(v) && clf[1].fits(v[8:]) && clf[2].fits(v[16:]) && clf[3].fits(v[20:]) &&
		isLetter(v[4]) && isLetter(v[5]) && isLetter(v[6]) && (v[22] == '+' || v[22] == '-')
}

const (
	clfHour = len("[27/Nov/2026:")
	clfEnd  = len("[27/Nov/2026:08:59:58")
	clfLen  = len("[27/Nov/2026:08:59:58 +0100]")
)

// clf are the words that cover a time stamp, except its letters and its sign.
var clf = [...]word{newWord("[00/aaa/"), newWord("0000:00:"), newWord("00:00 a0"), newWord("0 a0000]")}

// word is the form of eight bytes, which are compared in one step.
type word struct{ digits, marks, equal uint64 }

func newWord(shape string) (w word) {
	for i := range 8 {
		switch c := uint64(shape[i]); c {
		case '0':
			w.digits |= 0xff << (8 * i)
		case 'a':
		default:
			w.marks |= 0xff << (8 * i)
			w.equal |= c << (8 * i)
		}
	}
	return w
}

// fits reports whether b begins with the literals and has digits in their places: after
// subtracting '0', each digit is at most 9, and does not reach the highest bit of its byte.
func (w *word) fits(b []byte) bool {
	v := binary.LittleEndian.Uint64(b)
	digits := (v ^ 0x3030303030303030) & w.digits
	return v&w.marks == w.equal && (digits|(digits+0x7676767676767676))&0x8080808080808080 == 0
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
