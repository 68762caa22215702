package freetext

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// This file finds addresses and telephone numbers among the numbers of a reason. It rather
// removes too many: whoever writes a reason reads what is left, and can say what a number
// means, as in "ticket 3221225991", "#3221225991" or "cases 3, 5, 2, 7".

// numbered matches numbers that the text labels as something other than an address.
var numbered = regexp.MustCompile(`(?i)(?:#|\b(?:tickets?|cases?|incidents?|requests?|orders?|files?|ref|ids?|numbers?|nos?|nrn?|nummern?|az|aktenzeichen|vorg[aä]nge?|f[aä]lle?|anträge?|antrag|saks?|saker|saksnummer|commits?|hash|md5|build)\b)` +
	`[.:#]*\s*#?[0-9a-f]+(?:(?:\s*[,/&+]\s*|\s+(?:and|und|og)\s+)#?[0-9a-f]+)*\b`)

// withoutNumbers removes words that are an address written as one number, or the hexadecimal of
// a text that names somebody.
func withoutNumbers(text string, whom []string) string {
	counted := numbered.FindAllStringIndex(text, -1)
	return replaced(text, sign, func(at, end int) bool {
		if plain, err := hex.DecodeString(text[at:end]); err == nil && isVisible(string(plain)) && withoutNames(string(plain), whom) != string(plain) {
			return true
		}
		if slices.ContainsFunc(counted, func(c []int) bool { return c[0] <= at && end <= c[1] }) || isGlued(text, at, end) {
			return false
		}
		return isBareAddr(text[at:end])
	})
}

// sign matches a word of letters and digits.
var sign = regexp.MustCompile(`[\pL\d]+`)

// replaced returns a text with "-" in place of each match of found for which is returns true.
func replaced(text string, found *regexp.Regexp, is func(at, end int) bool) string {
	var out strings.Builder
	from := 0
	for _, at := range found.FindAllStringIndex(text, -1) {
		if is(at[0], at[1]) {
			out.WriteString(text[from:at[0]] + gone)
			from = at[1]
		}
	}
	return out.String() + text[from:]
}

// isGlued reports whether text[at:end] is part of a longer word, such as INC-3221225991.
func isGlued(text string, at, end int) bool {
	const glue = "-_/"
	before, n := utf8.DecodeLastRuneInString(text[:at])
	wide, _ := utf8.DecodeLastRuneInString(text[:at-n])
	after, n := utf8.DecodeRuneInString(text[end:])
	next, _ := utf8.DecodeRuneInString(text[end+n:])
	return strings.ContainsRune(glue, before) && isWordRune(wide) || strings.ContainsRune(glue, after) && isWordRune(next)
}

func isHexRune(r rune) bool { return '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'f' }

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// isBareAddr reports whether a word may be an address: an IPv4 address of a client as a
// decimal, hexadecimal or binary number, or 32 hexadecimal digits. A date such as 20261122 is
// not one.
func isBareAddr(text string) bool {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil && text[0] != '0' {
		_, err := time.Parse("20060102", text)
		return n >= 1<<24 && n < 224<<24 && (err != nil || text > "21")
	}
	if strings.Trim(text, "01") == "" {
		return len(text) == 32
	}
	return (len(text) == 8 || len(text) == 32) && isMixedHex(text)
}

// isMixedHex reports whether a text has both digits and the letters a to f, and no other
// letters.
func isMixedHex(text string) bool {
	return strings.ContainsAny(text, "0123456789") && strings.ContainsAny(text, "abcdefABCDEF") &&
		!strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) && !isHexRune(r) })
}

// isVisible reports whether a text is all visible ASCII.
func isVisible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// numberRow matches four or more numbers with marks or blanks between them.
var numberRow = regexp.MustCompile(`\d+(?:` + betweenNumbers + `\d+){3,}`)

const betweenNumbers = `(?:\s+|\s*[.,;:/\\|_+*~='"^!&-]{1,3}\s*)`

var digits = regexp.MustCompile(`\d+`)

// listWord matches the end of a text that announces a list of numbers.
var listWord = regexp.MustCompile(`(?i)(?:§|\b(?:tickets|cases|incidents|requests|orders|files|ids|numbers|nos|nrn|nummern|vorgänge|fälle|anträge|saker|lines|pages|pp|rooms|groups|zeilen|seiten|räume|gruppen|linjer|sider|rom|grupper)\b\.?)$`)

// isListed reports whether the text before a row of numbers announces a list. It reads only the
// end of that text, as there may be many rows.
func isListed(before string) bool {
	const longest = 32 // more than a word and the byte before it
	before = strings.TrimRight(before, ":# \t\n\f\r")
	return listWord.MatchString(before[max(0, len(before)-longest):])
}

// withoutRows removes rows of numbers that may be an address, whatever separates them.
func withoutRows(text string) string {
	var out strings.Builder
	from := 0
	for _, row := range numberRow.FindAllStringIndex(text, -1) {
		all := digits.FindAllStringIndex(text[row[0]:row[1]], -1)
		for i := range all {
			all[i][0] += row[0]
			all[i][1] += row[0]
		}
		for first := 0; first+3 < len(all); {
			last := first + 1
			mark := numberMark(text[all[first][1]:all[last][0]])
			for last+1 < len(all) && numberMark(text[all[last][1]:all[last+1][0]]) == mark {
				last++
			}
			at, end := all[first][0], all[last][1]
			if !isAddrRow(text, all[first:last+1], mark) {
				first = last
				continue
			}
			out.WriteString(text[from:at] + gone)
			from, first = end, last+1
		}
	}
	return out.String() + text[from:]
}

// numberMark returns the mark between two numbers, or a blank for blanks alone. Blanks around
// the mark, and how often it is repeated, do not matter. A comma alone counts as a dot, which
// some keyboards have there.
func numberMark(text string) string {
	if text == "," {
		return "."
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return " "
	}
	return text[:1] + strings.TrimLeft(text, text[:1])
}

// isAddrRow reports whether four numbers of a row may be an address. A time of day is not one,
// nor are groups of thousands, an announced list, or five and more numbers in ascending order.
func isAddrRow(text string, at [][]int, mark string) bool {
	var numbers []int
	bytes, four, padded := 0, false, false
	first := at[0][1] - at[0][0]
	for i, a := range at {
		number := text[a[0]:a[1]]
		n, err := strconv.Atoi(number)
		if bytes++; err != nil || n > 255 || len(number) > 3 {
			bytes = 0
		}
		four = four || bytes == 4
		numbers = append(numbers, n)
		padded = padded || i > 0 && len(number) == 3 && number[0] == '0'
	}
	switch begin, end := at[0][0], at[len(at)-1][1]; {
	case !four || padded && first < 3 || isListed(text[:begin]):
		return false
	case len(at) > 4 && slices.IsSorted(numbers):
		return false
	case mark == ":":
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		after, _ := utf8.DecodeRuneInString(text[end:])
		inside := func(r rune) bool { return r == ':' || isWordRune(r) } // part of an IPv6 address
		return !inside(before) && !inside(after) && !(len(at) == 4 && numbers[0] < 24 && numbers[1] < 60 && numbers[2] < 60)
	}
	return true
}

// telephone matches a telephone number with the code of its country or its place.
var telephone = regexp.MustCompile(`(?:\+|\b00)[1-9][\d\s/().-]{5,}\d|\(?\b0\d{1,5}\)?[\s/-]{1,3}\d{2,}(?:[ -]?\d{2,})*|\b0\d{6,14}\b`)

// withoutTelephones removes telephone numbers. A number that follows another, as in a date or a
// file number, is not one.
func withoutTelephones(text string) string {
	counted := numbered.FindAllStringIndex(text, -1)
	return replaced(text, telephone, func(at, end int) bool {
		number := text[at:end]
		n := 0
		for _, c := range number {
			if '0' <= c && c <= '9' {
				n++
			}
		}
		_, err := time.Parse("02 01 2006", strings.NewReplacer("-", " ", "/", " ").Replace(number))
		before, size := utf8.DecodeLastRuneInString(text[:at])
		wide, _ := utf8.DecodeLastRuneInString(text[:at-size])
		return n >= 7 && err != nil && !isWordRune(before) && !(before == ' ' && unicode.IsDigit(wide)) && !(strings.ContainsRune("-/.:_", before) && isWordRune(wide)) &&
			!slices.ContainsFunc(counted, func(c []int) bool { return c[0] <= at && at < c[1] })
	})
}
