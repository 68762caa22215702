package filter

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"hushpipe/filter/pseudonym"
)

// plainly returns a text with the marks of addresses as programs write them.
func plainly(text string) string {
	text = norm.NFKC.String(html.UnescapeString(text)) // wide digits and marks, &#64;
	text = strings.Map(plainRune, text)
	for range 3 { // %252540
		text = escaped.ReplaceAllStringFunc(text, func(s string) string {
			b, _ := hex.DecodeString(s[len(s)-2:])
			return string(b)
		})
	}
	for _, m := range marks {
		text = m.found.ReplaceAllString(text, m.plain)
	}
	return text
}

// plainRune is for strings.Map: what nobody sees goes, dots and dashes are those of ASCII,
// and so are digits.
func plainRune(r rune) rune {
	switch {
	case unicode.Is(unicode.Cf, r):
		return -1
	case strings.ContainsRune("。・․‧∙⋅·", r):
		return '.'
	case unicode.Is(unicode.Pd, r):
		return '-'
	case r > unicode.MaxASCII && unicode.IsDigit(r):
		zero := r
		for unicode.IsDigit(zero-1) && r-zero < 9 { // ten in a row, from zero on
			zero--
		}
		return '0' + (r - zero)
	}
	return r
}

// escaped is a visible character that is percent-encoded, or as httpd and C write it.
var escaped = regexp.MustCompile(`(?:%|\\x)(?:2[1-9A-Fa-f]|[3-6][0-9A-Fa-f]|7[0-9A-Ea-e])`)

// marks are how people write dots, colons and at signs, from the clearest to the least.
var marks = []struct {
	found *regexp.Regexp
	plain string
}{
	{regexp.MustCompile(`\\+([.:@-])`), "$1"}, // for grep
	{regexp.MustCompile(`(?i)\s*[\[({<]\s*(?:\.|dot|punkt|punktum)\s*[\])}>]\s*`), "."},
	{regexp.MustCompile(`(?i)\s*[\[({<]\s*(?::|colon|doppelpunkt|kolon)\s*[\])}>]\s*`), ":"},
	{regexp.MustCompile(`(?i)\s*[\[({<]\s*(?:@|at|ät|krøllalfa)\s*[\])}>]\s*`), "@"},
	{regexp.MustCompile(`(?i)(\d)\s*(?:dot|punkt|punktum)\s*(\d+)\s*(?:dot|punkt|punktum)\s*(\d+)\s*(?:dot|punkt|punktum)\s*(\d)`), "$1.$2.$3.$4"},
	{regexp.MustCompile(`(?i)\s*\b(?:colon|doppelpunkt|kolon)\b\s*`), ":"},
	{regexp.MustCompile(`(\d)\s*\.\s*(\d+)\s*\.\s*(\d+)\s*\.\s*(\d)`), "$1.$2.$3.$4"},
	{regexp.MustCompile(`(?i)(\S)\s+(?:@|at|ät)\s+(\S+?)(?:\.|\s+(?:dot|punkt|punktum)\s+)(\pL)`), "$1@$2.$3"},
	{regexp.MustCompile(`\s*@\s*`), "@"},
}

// withoutOdd returns a text without the addresses in it that are spelled as no server logs
// them. What people write for something else stays: a number alone, as of a case or a
// telephone, a row of them with blanks, and one that ascends, as in "cases 12,13,15,17".
func withoutOdd(text string, whom []string) string {
	for _, o := range odd {
		text = o.found.ReplaceAllStringFunc(text, func(s string) string {
			if m := o.found.FindStringSubmatch(s); o.isAddr(m[1]) {
				return s[:len(s)-len(m[1])] + redacted
			}
			return s
		})
	}
	return base64Text.ReplaceAllStringFunc(text, func(s string) string {
		if plain := decode64(s); withoutNames(plain, whom) != plain {
			return redacted
		}
		return s
	})
}

// odd is how addresses are spelled for forms and programs that take no dots. A text ends
// with its group, of which isAddr tells whether it is an address.
var odd = []struct {
	found  *regexp.Regexp
	isAddr func(string) bool
}{
	{regexp.MustCompile(`(\d+(?:,\d+)+)`), func(s string) bool { n, ok := numbers(s, ","); return ok && !slices.IsSorted(n) }},
	{regexp.MustCompile(`(\d+(?:_\d+)+)`), func(s string) bool { _, ok := numbers(s, "_"); return ok }},
	{regexp.MustCompile(`((?:0[xX][0-9A-Fa-f]+|\d+)(?:\.(?:0[xX][0-9A-Fa-f]+|\d+))*)`), isOldAddr},
	{regexp.MustCompile(`(?i)(?:\b(?:ip|ipv4|ip-?add?resse?|add?resse?)[:= ]{1,3}|://)(\d+)`), isNumberAddr},
	{regexp.MustCompile(`(?i)(\b[0-9a-f]{1,4}(?:\s*:\s*(?:[0-9a-f]{1,4}\b)?){3,})`), isSpacedAddr},
	{regexp.MustCompile(`(?i)(\b[0-9a-f]{1,4}(?:[-_ ][0-9a-f]{1,4}){7,}\b)`), isGroupsAddr},
}

// numbers returns four numbers of a byte each.
func numbers(text, between string) (n []uint64, ok bool) {
	for part := range strings.SplitSeq(text, between) {
		v, err := strconv.ParseUint(part, 10, 8)
		if err != nil || len(part) > 1 && part[0] == '0' {
			return nil, false
		}
		n = append(n, v)
	}
	return n, len(n) == 4
}

// isOldAddr reports whether inet_aton(3) takes a text for an address that is octal, as
// 0300.0.02.07 is, or hexadecimal.
func isOldAddr(text string) bool {
	parts := strings.Split(text, ".")
	hex := strings.ContainsAny(text, "xX")
	if len(parts) > 4 || !hex && len(parts) < 4 {
		return false
	}
	addr := uint64(0)
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		n, err := strconv.ParseUint(part, 0, bits)
		if err != nil {
			return false
		}
		addr = addr<<bits | n
	}
	return addr >= 1<<24 // else it is a small number
}

// isNumberAddr reports whether a number may be an address.
func isNumberAddr(text string) bool {
	n, err := strconv.ParseUint(text, 10, 32)
	return err == nil && n >= 1<<24
}

func isSpacedAddr(text string) bool {
	_, ok := pseudonym.ParseAddr([]byte(strings.Join(strings.Fields(text), "")))
	return ok && strings.ContainsAny(text, "0123456789")
}

// isGroupsAddr reports whether a text is the eight groups of an IPv6 address. Numbers and
// words alone are none: one group has digits and letters.
func isGroupsAddr(text string) bool {
	groups := strings.FieldsFunc(text, func(r rune) bool { return r == '-' || r == '_' || r == ' ' })
	return len(groups) == 8 && slices.ContainsFunc(groups, func(g string) bool {
		return strings.ContainsAny(g, "0123456789") && strings.ContainsAny(g, "abcdefABCDEF")
	})
}

// base64Text may be the base64 of an address, which has 7 bytes at least.
var base64Text = regexp.MustCompile(`[A-Za-z0-9+/_-]{10,}={0,2}`)

// decode64 returns the visible text of which a text is the base64, "" for none.
func decode64(text string) string {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	plain, err := base64.RawStdEncoding.DecodeString(text)
	out := strings.TrimSpace(string(plain))
	if err != nil || strings.ContainsFunc(out, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return out
}
