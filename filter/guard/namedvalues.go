package guard

import (
	"bytes"
	"strings"
)

// value adds the value after the ':' or '=' at i if a client key precedes it. It returns where
// find continues.
func (n *names) value(i int) int {
	line := n.line
	end := i
	for end > 0 && isBlank(line[end-1]) {
		end--
	}
	quoted, slashes := line[i] == ':' && end > 0 && line[end-1] == '"', 0
	if quoted {
		end--
		for end > 0 && line[end-1] == '\\' {
			end--
			slashes++
		}
	} else if end < i && line[i] == ':' {
		return i + 1
	}
	start := end
	for start > 0 && end-start <= maxKeyLen && isKeyByte(line[start-1]) {
		start--
	}
	broken := quoted && n.isBrokenKey(start)
	if start == end && !broken {
		return i + 1
	}
	if !quoted && start > 0 && !isBlank(line[start-1]) && !isOpening(line[start-1]) && line[start-1] != ',' && line[start-1] != '|' {
		return i + 1 // in a URL, for example
	}
	is, list := n.isKey(line[start:end], quoted)
	if !is && !broken {
		return i + 1
	}
	at := i + 1
	for at < len(line) && isBlank(line[at]) {
		at++
	}
	if quoted {
		return n.jsonValue(at, slashes, list || broken)
	}
	if at == len(line) {
		return at
	}
	if line[at] == '"' {
		return n.quotedValue(at, 0, list)
	}
	for {
		stop := at
		for stop < len(line) && !isBlank(line[stop]) && line[stop] != ',' && line[stop] != '"' {
			stop++
		}
		n.client(at, stop)
		if !list || stop+1 >= len(line) || line[stop] != ',' {
			return beforeColon(line, at, stop)
		}
		for at = stop + 1; at < len(line) && isBlank(line[at]); {
			at++
		}
	}
}

// isBrokenKey reports whether the apparent JSON key at start is no whole key, since a piece of
// another line precedes it: no quote opens it, or a colon precedes that quote.
func (n *names) isBrokenKey(start int) bool {
	if start == 0 || n.line[start-1] != '"' {
		return start > 0
	}
	i := start - 1
	for i > 0 && (n.line[i-1] == '\\' || isBlank(n.line[i-1])) {
		i--
	}
	return i > 0 && n.line[i-1] == ':'
}

func isKeyByte(c byte) bool { return class[c]&inName != 0 || c == '@' }

// isKey reports whether a key names clients, and whether its value is a list. A quoted key may
// be only the end of one, since its beginning may be in another line.
func (n *names) isKey(key []byte, quoted bool) (is, list bool) {
	if len(key) > 0 && !n.keys.MayEnd(key[len(key)-1]) {
		return false, false
	}
	if is, list = n.keys.Has(key); is {
		return is, list
	}
	if !quoted {
		return len(key) == 3 && string(key) == "for", true // RFC 7239
	}
	for _, end := range shortEnds {
		if n := len(key) - len(end); n > 0 && strings.EqualFold(string(key[n:]), end) {
			return true, true
		}
	}
	return false, false
}

// jsonValue adds the JSON value at line[at], or the strings of an array, and returns where find
// continues. slashes is as in quotedValue.
func (n *names) jsonValue(at, slashes int, list bool) int {
	line := n.line
	if at < len(line) && line[at] == '[' {
		for !n.full {
			for at++; at < len(line) && (isBlank(line[at]) || line[at] == ',' || line[at] == '\\'); {
				at++
			}
			if at >= len(line) || line[at] != '"' {
				return at
			}
			at = n.quotedValue(at, slashes, list)
			if at < len(line) && line[at] == '\\' {
				at += slashes
			}
		}
		return at
	}
	quote := at
	for quote < len(line) && line[quote] == '\\' {
		quote++
	}
	if quote < len(line) && line[quote] == '"' {
		return n.quotedValue(quote, slashes, list)
	}
	if at < len(line) && line[at] == '{' {
		return at
	}
	stop := at
	for stop < len(line) && line[stop] != ',' && line[stop] != '}' && line[stop] != ']' && line[stop] != '"' && !isBlank(line[stop]) {
		stop++
	}
	n.client(at, stop)
	return beforeColon(line, at, stop)
}

// beforeColon returns where find continues after the value line[start:end]. A value that ends
// in a colon may itself be a key.
func beforeColon(line []byte, start, end int) int {
	if end > start && line[end-1] == ':' {
		return end - 1
	}
	return end
}

// quotedValue adds the value whose opening quote is line[at]. slashes is how many backslashes
// precede each of its quotes. It returns the offset of the closing quote, or of its
// backslashes, and len(line) if the value has none.
func (n *names) quotedValue(at, slashes int, list bool) int {
	line := n.line
	start, stop := at+1, len(line)
	for k := start; k < len(line); k++ {
		q := bytes.IndexByte(line[k:], '"')
		if q < 0 {
			break
		}
		k += q
		before := 0
		for k-before > start && line[k-before-1] == '\\' {
			before++
		}
		if before <= slashes {
			stop = k - before
			break
		}
	}
	if !list {
		n.client(start, stop)
		return stop
	}
	for start < stop {
		next := start
		for next < stop && line[next] != ',' {
			next++
		}
		for start < next && isBlank(line[start]) {
			start++
		}
		n.client(start, next)
		start = next + 1
	}
	return stop
}
