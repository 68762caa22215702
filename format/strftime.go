package format

import (
	"strings"
	"time"

	"hushpipe/format/civil"
)

// part is the part of a date that an element of a time gives.
type part uint8

const (
	partNone part = iota
	partYear
	partCentury
	partYY // year without century
	partMonth
	partMday
	partYday
	partSec // epoch, in seconds; the next two in smaller units
	partMsec
	partUsec
	partDay // a whole date
	numParts
)

// date holds the parts of one time. They are complete before day reads them.
type date struct {
	part [numParts]int64
	ok   bool // for partDay: false if it was logged as '-'
}

// dateLayout lists the parts that the times of a format have.
type dateLayout struct {
	has [numParts]bool
}

func dateLayouts(elems []element) (r [2]dateLayout) {
	for _, e := range elems {
		r[e.end].has[e.part] = true
	}
	return r
}

// day returns the date. It prefers one that the line spells over an epoch, which needs a zone.
func (r *dateLayout) day(d *date, loc *time.Location) (civil.Day, bool) {
	if r.has[partDay] && d.ok {
		return civil.Day(d.part[partDay]), true
	}
	year, ok := d.part[partYear], r.has[partYear]
	if !ok && r.has[partYY] {
		year, ok = d.part[partYY]+2000, true
		if r.has[partCentury] {
			year = d.part[partYY] + 100*d.part[partCentury]
		} else if d.part[partYY] >= 69 { // strptime(3)
			year -= 100
		}
	}
	switch {
	case ok && r.has[partMonth] && r.has[partMday]:
		return civil.CheckedDay(int(year), int(d.part[partMonth]), int(d.part[partMday]))
	case ok && r.has[partYday]:
		first, ok := civil.CheckedDay(int(year), 1, 1)
		day := first + civil.Day(d.part[partYday]) - 1
		y, _, _ := day.Date()
		return day, ok && y == int(year)
	}
	for i, unit := range [...]int64{1, 1e3, 1e6} {
		if p := partSec + part(i); r.has[p] {
			return epochDay(d.part[p]/unit, loc)
		}
	}
	return 0, false
}

// time appends the elements of %t in any of its forms (mod_log_config.c,
// log_request_time).
func (c *compiler) time(d directive, at int) error {
	arg, end := d.arg, 0
	if rest, ok := strings.CutPrefix(arg, "begin"); ok && (rest == "" || rest[0] == ':') {
		arg = strings.TrimPrefix(rest, ":")
	} else if rest, ok := strings.CutPrefix(arg, "end"); ok && (rest == "" || rest[0] == ':') {
		arg, end = strings.TrimPrefix(rest, ":"), 1
	}
	e := element{op: opNumber, kind: Plain, dash: d.conditional, timePart: timePart{end: end}}
	switch arg {
	case "":
		e.op, e.part = opCLF, partDay
	case "sec":
		e.part = partSec
	case "msec":
		e.part = partMsec
	case "usec":
		e.part = partUsec
	case "msec_frac":
		e.op, e.min, e.max = opDigits, 3, 3
	case "usec_frac":
		e.op, e.min, e.max = opDigits, 6, 6
	default:
		elems, ok := strftime(nil, arg)
		if !ok || d.conditional {
			c.value(element{op: opAny, kind: Text})
			return nil
		}
		return c.timeElements(elems, end, at)
	}
	c.value(e)
	return nil
}

// timeElements makes one field of the elements of a strftime format, from the first to the last
// that is not a literal.
func (c *compiler) timeElements(elems []element, end, at int) error {
	first, last := -1, -1
	for i, e := range elems {
		if e.op != opLiteral {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	field := len(c.p.fields)
	if first >= 0 {
		c.p.fields = append(c.p.fields, Field{Kind: Plain})
	}
	for i, e := range elems {
		if e.op == opLiteral {
			ch := e.lit[0]
			if ch == '\n' {
				return c.fail(at, "a newline inside the format: a line is one line")
			}
			if ch == '"' && c.endsWith('\\') {
				return c.fail(at, "a backslash before a quote cannot be told from an escaped quote")
			}
			c.literal(ch)
			continue
		}
		e.field, e.opens, e.closes, e.end = field, i == first, i == last, end
		c.elems = append(c.elems, e)
	}
	return nil
}

var (
	weekdays      = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	months        = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	shortWeekdays = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
	shortMonths   = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
)

// strftime appends the elements of a strftime(3) format in the C locale, which httpd uses for
// times. Each literal is one byte. It reports false for an unknown conversion.
func strftime(dst []element, format string) ([]element, bool) {
	digits := func(n int, p part) element {
		return element{op: opDigits, kind: Plain, timePart: timePart{min: n, max: n, part: p}}
	}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			dst = append(dst, element{op: opLiteral, lit: []byte{format[i]}, field: -1})
			continue
		}
		i++
		flag := byte(0)
		for i < len(format) && strings.IndexByte("-_0EO", format[i]) >= 0 {
			if format[i] == '-' || format[i] == '_' {
				flag = format[i]
			}
			i++
		}
		if i == len(format) {
			return nil, false
		}
		var e element
		composite := ""
		switch format[i] {
		case 'Y':
			e = digits(4, partYear)
		case 'G':
			e = digits(4, partNone)
		case 'C':
			e = digits(2, partCentury)
		case 'y':
			e = digits(2, partYY)
		case 'm':
			e = digits(2, partMonth)
		case 'd':
			e = digits(2, partMday)
		case 'e':
			e = digits(2, partMday)
			e.pad = true
		case 'j':
			e = digits(3, partYday)
		case 'H', 'I', 'M', 'S', 'U', 'V', 'W', 'g':
			e = digits(2, partNone)
		case 'k', 'l':
			e = digits(2, partNone)
			e.pad = true
		case 'u', 'w':
			e = digits(1, partNone)
		case 's':
			e = element{op: opNumber, kind: Plain, timePart: timePart{part: partSec}}
		case 'a':
			e = element{op: opName, kind: Plain, timePart: timePart{names: shortWeekdays}}
		case 'A':
			e = element{op: opName, kind: Plain, timePart: timePart{names: weekdays}}
		case 'b', 'h':
			e = element{op: opName, kind: Plain, timePart: timePart{names: shortMonths, part: partMonth}}
		case 'B':
			e = element{op: opName, kind: Plain, timePart: timePart{names: months, part: partMonth}}
		case 'p':
			e = element{op: opName, kind: Plain, timePart: timePart{names: []string{"AM", "PM"}}}
		case 'P':
			e = element{op: opName, kind: Plain, timePart: timePart{names: []string{"am", "pm"}}}
		case 'z':
			e = element{op: opZone, kind: Plain}
		case 'Z':
			e = element{op: opZoneName, kind: Plain}
		case 'D', 'x':
			composite = "%m/%d/%y"
		case 'F':
			composite = "%Y-%m-%d"
		case 'T', 'X':
			composite = "%H:%M:%S"
		case 'R':
			composite = "%H:%M"
		case 'r':
			composite = "%I:%M:%S %p"
		case 'c':
			composite = "%a %b %e %H:%M:%S %Y"
		case 'n':
			e = element{op: opLiteral, lit: []byte{'\n'}, field: -1}
		case 't':
			e = element{op: opLiteral, lit: []byte{'\t'}, field: -1}
		case '%':
			e = element{op: opLiteral, lit: []byte{'%'}, field: -1}
		default:
			return nil, false
		}
		if composite != "" {
			dst, _ = strftime(dst, composite)
			continue
		}
		if flag == '-' && e.op == opDigits {
			e.min = 1
		}
		if flag == '_' && e.op == opDigits {
			e.pad = true
		}
		dst = append(dst, e)
	}
	return dst, true
}
