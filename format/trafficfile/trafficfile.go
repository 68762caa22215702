// Package trafficfile implements the daily file of traffic figures, kept for good:
//
//	hushpipe-traffic 1
//	day 2026-11-22
//	options visitor=address64+agent timeout=30m min-group=5 own=example.org
//	hour 41 130 1508487 23 12
//	page 48 553140 41 40 /projects/
//	page 95 1203311 60 58 other
//	total 1204 9731 812345678 410 361 people
//
// The first line has the version, the second the day, the third the options of counting. Each
// further line is a cell: its kind, its numbers (see Numbers), and its key, which ends the line
// and may contain spaces. Lines are sorted by kind, then by key. Readers pass on unknown kinds
// unchanged.
package trafficfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hushpipe/format/civil"
)

// Numbers holds the kinds of cells with the names of their numbers. The comments describe the
// keys.
var Numbers = map[string][]string{
	"total":   {"pages", "hits", "bytes", "visits", "visitors"}, // people, robots, with-asset, ignored, overflow
	"hour":    {"pages", "hits", "bytes", "visits"},             // 0 to 23, of people
	"page":    {"views", "bytes", "entries", "exits"},           // path
	"length":  {"visits"},                                       // one-page, 30s, 2m, 5m, 15m, 30m, 1h, more
	"depth":   {"visits"},                                       // pages of a visit: 1, 2, 3, 5, 10, 20, more
	"robot":   {"pages", "hits", "bytes", "robots.txt"},         // class and name
	"browser": {"pages", "hits", "bytes", "visitors"},
	"system":  {"pages", "hits", "bytes", "visitors"},
	"country": {"pages", "hits", "bytes", "visitors"}, // two letters, or unknown
	"from":    {"pages"},                              // kind and name of an origin
	"status":  {"hits", "bytes"},                      // of people
	"rstatus": {"hits", "bytes"},                      // of robots
	"missing": {"hits"},                               // path that was not found
	"type":    {"pages", "hits", "bytes"},
	"group":   {"hits", "microseconds", "4xx", "5xx"}, // name
	"time":    {"hits"},                               // largest duration in microseconds, and the name of a group
}

// Other is the key for everything without a name.
const Other = "other"

// Cell is a line of figures.
type Cell struct {
	Kind    string
	Numbers []uint64
	Key     string
}

// Day is the content of a file.
type Day struct {
	Day     civil.Day
	Options string
	Cells   []Cell // sorted by kind and key, each key once
}

const header = "hushpipe-traffic 1"

// ErrVersion is the error for a file of a later version, or of another kind.
var ErrVersion = errors.New("no traffic file of a version that is known; hint: a later hushpipe may have written it")

// Append appends the file of a day.
func Append(dst []byte, d Day) []byte {
	dst = fmt.Appendf(dst, "%s\nday %s\noptions %s\n", header, d.Day, d.Options)
	for _, c := range sum(slices.Clone(d.Cells)) {
		dst = append(c.appendTo(dst), '\n')
	}
	return dst
}

func (c Cell) appendTo(dst []byte) []byte {
	dst = append(dst, c.Kind...)
	for _, n := range c.Numbers {
		dst = strconv.AppendUint(append(dst, ' '), n, 10)
	}
	return append(append(dst, ' '), c.Key...)
}

// LineError names a line that cannot be read.
type LineError struct{ Line int }

func (e *LineError) Error() string { return fmt.Sprintf("line %d: no cell of traffic figures", e.Line) }

// Parse parses a file. An error is ErrVersion, or the first *LineError; d then has the cells of
// all other lines.
func Parse(text []byte) (d Day, err error) {
	head, rest, _ := bytes.Cut(text, []byte("\n"))
	if string(head) != header {
		return d, ErrVersion
	}
	n := 1
	for line := range bytes.Lines(rest) {
		n++
		line = bytes.TrimSuffix(line, []byte("\n"))
		word, value, _ := strings.Cut(string(line), " ")
		ok := true
		switch {
		case word == "day" && n == 2:
			d.Day, _ = civil.ParseDay(value)
		case word == "options" && n == 3:
			d.Options, ok = value, isPrintable(value)
		case n <= 3:
			return d, ErrVersion
		default:
			var c Cell
			if c, ok = parseCell(word, value); ok {
				d.Cells = append(d.Cells, c)
			}
		}
		if !ok && err == nil {
			err = &LineError{n}
		}
	}
	if n < 3 || d.Day == 0 {
		return d, ErrVersion
	}
	if err == nil && !bytes.HasSuffix(text, []byte("\n")) {
		err = &LineError{n}
	}
	d.Cells = sum(d.Cells)
	return d, err
}

// ParseCell parses a line after the first three, without its newline.
func ParseCell(line string) (c Cell, ok bool) {
	kind, rest, _ := strings.Cut(line, " ")
	return parseCell(kind, rest)
}

func parseCell(kind, rest string) (c Cell, ok bool) {
	c.Kind = kind
	many := len(Numbers[kind])
	for rest != "" && (many == 0 || len(c.Numbers) < many) {
		word, after, more := strings.Cut(rest, " ")
		n, err := strconv.ParseUint(word, 10, 64)
		if err != nil || many == 0 && !more {
			break
		}
		c.Numbers, rest = append(c.Numbers, n), after
	}
	c.Key = rest
	return c, isPrintable(kind) && isPrintable(rest) && kind != "" && rest != "" && len(c.Numbers) >= max(many, 1)
}

// isPrintable reports whether text is safe to print on a terminal.
func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError })
}

// sum sorts cells by kind and key, and adds up cells that have the same.
func sum(cells []Cell) []Cell {
	slices.SortStableFunc(cells, func(a, b Cell) int {
		if n := strings.Compare(a.Kind, b.Kind); n != 0 {
			return n
		}
		return strings.Compare(a.Key, b.Key)
	})
	out := cells[:0]
	for _, c := range cells {
		if n := len(out); n > 0 && out[n-1].Kind == c.Kind && out[n-1].Key == c.Key && len(out[n-1].Numbers) == len(c.Numbers) {
			for i := range c.Numbers {
				out[n-1].Numbers[i] += c.Numbers[i]
			}
			continue
		}
		c.Numbers = slices.Clone(c.Numbers)
		out = append(out, c)
	}
	return out
}

// Add returns the sum of cells of several days or servers. Its visitors are then visitor-days.
func Add(days ...[]Cell) []Cell { return sum(slices.Concat(days...)) }
