package format

import "bytes"

// op is the way an element is matched.
type op uint8

const (
	opLiteral   op = iota
	opAny          // any bytes
	opToken        // one byte or more, no space: ends at a space or with the segment
	opNumber       // digits, perhaps after a minus sign, or a lone '-'
	opDigits       // min to max digits, perhaps padded with spaces
	opName         // one of names
	opZone         // +0100
	opZoneName     // CET, +03
	opCLF          // [22/Nov/2026:06:46:00 +0000]
	opConnState    // X, + or -
	opAddress      // address or '-'
)

// element is a literal of a compiled format, or a value: a directive, or one part of a time.
type element struct {
	op     op
	lit    []byte
	kind   Kind
	field  int  // -1: a literal
	opens  bool // the field begins with this element
	closes bool // the field ends with it
	dash   bool // '-' may stand for the value
	user   bool
	own    bool // a value that the server sets
	anyElement
	timePart
}

// anyElement belongs to an opAny element.
type anyElement struct {
	next   int      // index of the next opAny element in the segment, 0 for none
	host   bool     // a client before " %l "
	list   bool     // a list of clients before a blank
	listed bool     // a list of clients before a comma and a single client, the last element
	words  int      // for list: how many fields lie between it and %l, -1 if no %l follows
	dated  *element // an element before next that spells a date
}

// timePart belongs to a number or to a part of a time.
type timePart struct {
	min, max int
	signed   bool // opNumber: a '-' before it is its sign
	reserve  int  // opNumber: digits that the elements and the literal right after it need
	before   int  // opNumber: digits at the end of the literal before it
	pad      bool
	names    []string
	end      int // 1 for the time at the end of the request, 0 for its start
	part     part
}

// maxDigits is the longest number in digits. It bounds the work at one position of a line.
const maxDigits = 20

// prefix returns the length of the element at the start of b, -1 if it is not there. It must not
// be called for opAny or opLiteral.
func (e *element) prefix(b []byte, clf *clfReader) int {
	if e.dash && len(b) > 0 && b[0] == '-' {
		return 1
	}
	switch e.op {
	case opToken:
		n := bytes.IndexByte(b, ' ')
		if n < 0 {
			n = len(b)
		}
		if n > 0 {
			return n
		}
	case opNumber:
		sign, n := 0, 0
		if len(b) > 0 && b[0] == '-' {
			sign, b = 1, b[1:]
		}
		for n < len(b) && n <= maxDigits+e.reserve && b[n]-'0' <= 9 {
			n++
		}
		if n -= min(e.reserve, n); n+sign > 0 && n <= maxDigits {
			return n + sign
		}
	case opDigits:
		n := 0
		for e.pad && n < len(b) && n < e.max-1 && b[n] == ' ' {
			n++
		}
		sp := n
		for n < len(b) && n < e.max && b[n]-'0' <= 9 {
			n++
		}
		if n > sp && n >= e.min {
			return n
		}
	case opName:
		for _, name := range e.names {
			if len(b) >= len(name) && string(b[:len(name)]) == name {
				return len(name)
			}
		}
	case opZone:
		if len(b) >= 5 && isZone(b[:5]) {
			return 5
		}
	case opZoneName:
		n := 0
		for n < len(b) && n < maxZoneName && isZoneName(b[n]) {
			n++
		}
		if n > 0 {
			return n
		}
	case opCLF:
		if len(b) >= clfLen+2 && isBracketedCLF(b[:clfLen+2], clf) {
			return clfLen + 2
		}
	case opConnState:
		if len(b) > 0 && (b[0] == 'X' || b[0] == '+') {
			return 1
		}
	case opAddress:
		n := 0
		for n < len(b) && n < maxAddress && isAddressByte(b[n]) {
			n++
		}
		if n > 0 {
			return n
		}
	}
	return -1
}

// suffix is prefix for the end of b.
func (e *element) suffix(b []byte, clf *clfReader) int {
	last := len(b) - 1
	if e.dash && last >= 0 && b[last] == '-' {
		return 1
	}
	switch e.op {
	case opToken:
		if n := last - bytes.LastIndexByte(b, ' '); n > 0 {
			return n
		}
	case opNumber:
		n := 0
		for n <= last && n <= maxDigits+e.before && b[last-n]-'0' <= 9 {
			n++
		}
		if n -= min(e.before, n); n > maxDigits {
			return -1
		}
		if n <= last && b[last-n] == '-' && (n == 0 || e.signed) {
			n++
		}
		if n > 0 {
			return n
		}
	case opDigits:
		n := 0
		for n <= last && n < e.max && b[last-n]-'0' <= 9 {
			n++
		}
		for e.pad && n > 0 && n <= last && n < e.max && b[last-n] == ' ' {
			n++
		}
		if n > 0 && n >= e.min {
			return n
		}
	case opName:
		for _, name := range e.names {
			if len(b) >= len(name) && string(b[len(b)-len(name):]) == name {
				return len(name)
			}
		}
	case opZone:
		if len(b) >= 5 && isZone(b[len(b)-5:]) {
			return 5
		}
	case opZoneName:
		n := 0
		for n <= last && n < maxZoneName && isZoneName(b[last-n]) {
			n++
		}
		if n > 0 {
			return n
		}
	case opCLF:
		if len(b) >= clfLen+2 && isBracketedCLF(b[len(b)-clfLen-2:], clf) {
			return clfLen + 2
		}
	case opConnState:
		if last >= 0 && (b[last] == 'X' || b[last] == '+') {
			return 1
		}
	case opAddress:
		n := 0
		for n <= last && n < maxAddress && isAddressByte(b[last-n]) {
			n++
		}
		if n > 0 {
			return n
		}
	}
	return -1
}

// maxZoneName and maxAddress bound the work at one position, as maxDigits does.
const (
	maxZoneName = 8
	maxAddress  = 64
)

func isZoneName(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c-'0' <= 9 || c == '+' || c == '-'
}

func isAddressByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'f' || c-'0' <= 9 || c == '.' || c == ':'
}

func isZone(b []byte) bool {
	return (b[0] == '+' || b[0] == '-') && digits4(b[1:5])
}

// isBracketedCLF reports whether b begins with a time in brackets, and remembers it in clf.
func isBracketedCLF(b []byte, clf *clfReader) bool {
	if b[0] != '[' || b[clfLen+1] != ']' {
		return false
	}
	if _, ok := clf.parse(b[1:]); !ok {
		return false
	}
	clf.last = [bracketedCLF]byte(b)
	return true
}
