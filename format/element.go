package format

import "bytes"

type op uint8

const (
	opLiteral   op = iota
	opAny          // anything
	opToken        // at least one byte, no space: also bounded by a space or the segment's end
	opNumber       // digits, a minus sign before them, or a lone '-'
	opDigits       // min to max digits, perhaps padded with spaces
	opName         // one of names
	opZone         // +0100
	opZoneName     // CET, +03
	opCLF          // [22/Nov/2026:06:46:00 +0000]
	opConnState    // X, + or -
	opAddress      // address or '-'
)

type element struct {
	op     op
	lit    []byte
	kind   Kind
	field  int  // -1: a literal
	opens  bool // the field begins with this element
	closes bool // and ends with it
	dash   bool // '-' may stand for the value
	user   bool
	own    bool // a value that the server itself sets
	anyElement
	timePart
}

// loose is what there is to know of a loose element.
type anyElement struct {
	next   int      // index of the next loose element in the segment, 0 for none
	host   bool     // a client before " %l "
	list   bool     // a list of clients before a blank
	listed bool     // a list of clients before a comma and one client, which is the last
	words  int      // list: how many fields are between it and %l, -1 where no %l follows
	dated  *element // one of the elements before next that spells a date
}

// timePart is what there is to know of a number, or of another part of a time.
type timePart struct {
	min, max int
	signed   bool // opNumber: a '-' before it is its own
	reserve  int  // opNumber: digits of the elements and the literal that follow at once
	before   int  // opNumber: digits that end the literal before it
	pad      bool
	names    []string
	end      int // 1: of the end of the request, not the begin
	part     part
}

// maxDigits bounds a number, and with it the work at one position of a line.
const maxDigits = 20

// prefix is the length of the element at the start of b, -1 if it is not there.
// The element is neither loose nor a literal.
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

// suffix is the length of the element at the end of b, in the same way.
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

// isBracketedCLF tells whether b begins with a time in brackets, and has clf
// remember it.
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
