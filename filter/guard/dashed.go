package guard

import (
	"strconv"

	"hushpipe/filter/pseudonym"
)

// Many providers name a client by its address, with dashes for the dots:
// ec2-198-51-100-7.compute.example, ip-10-0-0-1. Four decimal numbers up to 255, joined by
// dashes, count as an address unless a fifth number is joined to them. A number glued to a
// letter, like that of ec2, is not a fifth.

// minDashed is the length of the shortest dashed address, 1-2-3-4.
const minDashed = 7

// dashed is the dashed address text[start:end], with its four octets.
type dashed struct {
	start, end int
	octets     [4]byte
}

// appendPlain appends a text whose only addresses are dashed ones, and replaces these.
func (g *Guard) appendPlain(dst, text []byte) []byte {
	for len(text) >= minDashed {
		d, ok := nextDashed(text)
		if !ok {
			break
		}
		from := escapeStart(text, d.start)
		if dst = g.appendDashed(append(dst, text[:from]...), text[from:d.end], d); g.spent() {
			return dst
		}
		text = text[d.end:]
	}
	return append(dst, text...)
}

// appendDashed appends the pseudonym of the dashed address d, which text spells.
func (g *Guard) appendDashed(dst, text []byte, d dashed) []byte {
	if g.Cipher.KeepsAddresses() {
		return append(dst, text...)
	}
	g.low = g.low[:0]
	for i, octet := range d.octets {
		if i > 0 {
			g.low = append(g.low, '.')
		}
		g.low = strconv.AppendUint(g.low, uint64(octet), 10)
	}
	addr, _ := pseudonym.ParseAddr(g.low)
	return g.appendFound(dst, g.low, found{end: len(g.low), addr: addr, exact: true}, len(text))
}

// nextDashed returns the first dashed address of a text.
func nextDashed(text []byte) (d dashed, ok bool) {
	before, floor := byte(0), 0 // an escape, or numbers that are no address, end at floor
	for i := 0; ; {
		if i = nextStop(text, i, stopDashed|stopEscape); i == len(text) {
			return d, false
		}
		c, width := unescape(text[i:])
		if c != '-' && class[c]&inDigit == 0 {
			i += width
			floor, before = i, c
			continue
		}
		start := i
		for start > floor && (text[start-1] == '-' || class[text[start-1]]&inDigit != 0) {
			start--
		}
		if start > floor {
			before = text[start-1]
		}
		for start < len(text) && text[start] == '-' {
			start, before = start+1, '-'
		}
		d, end, ok := readDashed(text, start, isLetter(before))
		if ok {
			return d, true
		}
		if end == start {
			end = max(i+width, start)
		}
		i, floor, before = end, end, 0
	}
}

// readDashed reads the numbers joined by dashes that text[start:] begins with. glued is whether
// a letter precedes the first. It returns the address, if they are one, and where they end.
func readDashed(text []byte, start int, glued bool) (d dashed, end int, ok bool) {
	const most = 6 // four, and one at each end that is glued to a letter
	var numbers [most]struct {
		start, end, value int
	}
	n, i := 0, start
	for {
		from, digits, value := i, 0, 0
		for i < len(text) {
			c, width := unescape(text[i:])
			if class[c]&inDigit == 0 {
				break
			}
			if digits++; digits > 3 {
				value = 256
			} else {
				value = 10*value + int(c-'0')
			}
			i += width
		}
		if digits == 0 {
			return d, i, false
		}
		if n < most {
			numbers[n].start, numbers[n].end, numbers[n].value = from, i, value
		}
		n++
		if i == len(text) {
			break
		}
		c, width := unescape(text[i:])
		if c == '-' && i+width < len(text) {
			if c, _ = unescape(text[i+width:]); class[c]&inDigit != 0 {
				i += width
				continue
			}
			c = '-'
		}
		if n > 4 && isLetter(c) {
			n--
		}
		break
	}
	first := 0
	if n > 4 && glued {
		first, n = 1, n-1
	}
	if n != 4 {
		return d, i, false
	}
	for k, number := range numbers[first : first+4] {
		if number.value > 255 {
			return d, i, false
		}
		d.octets[k] = byte(number.value)
	}
	d.start, d.end = numbers[first].start, numbers[first+3].end
	return d, i, true
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
