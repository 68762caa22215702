// Package prose formats numbers, lists and tables for people, in messages and on terminals.
// Numbers and plurals are English; texts in several languages use report.Language for them.
package prose

import (
	"strconv"
	"strings"
)

// Integer is a type of counts.
type Integer interface{ ~int | ~int64 | ~uint64 }

// Commas returns n with commas between groups of three digits: 1,234,567.
func Commas[N Integer](n N) string {
	text := strconv.FormatUint(uint64(n), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Plural returns a number of things: 1 line, 2,000 lines.
func Plural[N Integer](n N, thing string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(thing, "s"), strings.HasSuffix(thing, "ch"):
		thing += "es"
	default:
		thing += "s"
	}
	return Commas(n) + " " + thing
}

// List joins texts with commas, and the last one with a word: a, b and c.
func List(texts []string, last string) string {
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	end := len(texts) - 1
	return strings.Join(texts[:end], ", ") + " " + last + " " + texts[end]
}
