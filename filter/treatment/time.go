package treatment

import (
	"strconv"
	"time"

	"hushpipe/format"
)

func (t *Treatment) appendHour(_ Hasher, dst, v []byte) []byte     { return appendTime(dst, v, 2) }
func (t *Treatment) appendMidnight(_ Hasher, dst, v []byte) []byte { return appendTime(dst, v, 0) }

// Shapes of time stamps: 0 is a digit that stays, a a letter; H is one of the hour, and
// 9 one of what is finer. What stands for itself is not one of these.
var shapes = []string{
	"[00/aaa/0000:HH:99:99 ±0000]",
	"00/aaa/0000:HH:99:99 ±0000",
	"0000-00-00THH:99:99Z", "0000-00-00THH:99:99±00:00", "0000-00-00THH:99:99±0000", "0000-00-00THH:99:99",
	"0000-00-00 HH:99:99",
	"0000/00/00 HH:99:99",
	"aaa aaa 00 HH:99:99 0000",
}

// appendTime appends a time stamp with zeros for its minutes and seconds, and for its
// hour unless two digits of it are kept. A fraction of the second is left out.
func appendTime(dst, v []byte, hours int) []byte {
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

// appendEpoch appends a time in seconds since 1970, or in a fraction of them, of which the
// hour or the day has just begun where the process is.
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

// fractionLen is the length of a fraction of a second at the start of b.
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
