package freetext

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

// plainly returns a text with the dots, colons and at signs of addresses as programs write
// them.
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

// plainRune is for strings.Map. It removes invisible characters, and maps dots, dashes and
// digits to those of ASCII.
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

// escaped matches a visible character that is percent-encoded, or escaped as in httpd and C.
var escaped = regexp.MustCompile(`(?:%|\\x)(?:2[1-9A-Fa-f]|[3-6][0-9A-Fa-f]|7[0-9A-Ea-e])`)

// markWord matches a word between the numbers of an address that is read out.
const markWord = `[\s_-]*(?:dot|point|comma|dash|minus|slash|blank|space|punkt|komma|strich|bindestrich|leerzeichen|punktum|prikk|strek|bindestrek|skråstrek|mellomrom)[\s_-]*`

// marks are how people write dots, colons and at signs, from the clearest to the least.
var marks = []struct {
	found *regexp.Regexp
	plain string
}{
	{regexp.MustCompile(`\\+([.:@-])`), "$1"}, // for grep
	{regexp.MustCompile(`(?i)\s*[\[({<]\s*(?:\.|dot|punkt|punktum)\s*[\])}>]\s*`), "."},
	{regexp.MustCompile(`(?i)\s*[\[({<]\s*(?::|colon|doppelpunkt|kolon)\s*[\])}>]\s*`), ":"},
	{regexp.MustCompile(`(?i)\s*[\[({<]\s*(?:@|at|ät|krøllalfa)\s*[\])}>]\s*`), "@"},
	{regexp.MustCompile(`(?i)(\d)` + markWord + `(\d+)` + markWord + `(\d+)` + markWord + `(\d)`), "$1.$2.$3.$4"},
	{regexp.MustCompile(`(?i)\s*\b(?:colon|doppelpunkt|kolon)\b\s*`), ":"},
	{regexp.MustCompile(`(\d)\s*\.\s*(\d+)\s*\.\s*(\d+)\s*\.\s*(\d)`), "$1.$2.$3.$4"},
	{regexp.MustCompile(`(?i)(\S)\s+(?:@|at|ät)\s+(\S+?)(?:\.|\s+(?:dot|punkt|punktum)\s+)(\pL)`), "$1@$2.$3"},
	{regexp.MustCompile(`\s*@\s*`), "@"},
}

// withoutOdd removes telephone numbers, and addresses in spellings that no server logs.
func withoutOdd(text string, whom []string) string {
	for _, o := range odd {
		text = o.found.ReplaceAllStringFunc(text, func(s string) string {
			if m := o.found.FindStringSubmatch(s); o.isAddr(m[1]) {
				return s[:len(s)-len(m[1])] + gone
			}
			return s
		})
	}
	text = base64Text.ReplaceAllStringFunc(text, func(s string) string {
		if plain := decode64(s); withoutNames(plain, whom) != plain {
			return gone
		}
		return s
	})
	return withoutTelephones(withoutRows(withoutNumbers(text, whom)))
}

// odd are spellings of addresses for forms and programs that accept no dots or colons. A match
// ends with the pattern's group; isAddr reports whether the group is an address.
var odd = []struct {
	found  *regexp.Regexp
	isAddr func(string) bool
}{
	{regexp.MustCompile(`((?:0[xX][0-9A-Fa-f]+|\d+)(?:\.(?:0[xX][0-9A-Fa-f]+|\d+))*)`), isOldAddr},
	{regexp.MustCompile(`(?i)(?:\b(?:ip|ipv4|ip-?add?resse?|add?resse?|host)[:=_ -]{1,3}|://)(\d+)`), isNumberAddr},
	{regexp.MustCompile(`(?i)(\b[0-9a-f]{1,4}(?:\s*:\s*(?:[0-9a-f]{1,4}\b)?){3,})`), isSpacedAddr},
	{regexp.MustCompile(`(?i)(\b[0-9a-f]{1,4}(?:[-_ ][0-9a-f]{1,4}){7,}\b)`), isGroupsAddr},
	{regexp.MustCompile(`(?i)(\b(?:[23][0-9a-f]{3}|f[cd][0-9a-f]{2}|fe[89ab][0-9a-f])(?:[-_/;.,|]{1,2}[0-9a-f]{1,4})+)`), isMarkedAddr},
	{regexp.MustCompile(`(?i)(\b(?:[23][0-9a-f]{3}|f[cd][0-9a-f]{2})(?::[0-9a-f]{1,4}){2,6}\b)`), isPrefix},
	{regexp.MustCompile(`(?i)(\b[0-9a-f]{2}(?:[ :._-][0-9a-f]{2}){3,}\b)`), isMixedHex},
	{regexp.MustCompile(`(\b[01]{8}(?:[ .:_-][01]{8}){3}\b)`), func(string) bool { return true }},
	{regexp.MustCompile(`(?i)(\b(?:[0-9a-f]\.){4,}ip6\.arpa\b)`), func(string) bool { return true }},
}

// isOldAddr reports whether inet_aton(3) reads a text as an address: in octal, as 0300.0.02.07,
// or in hexadecimal.
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

// isGroupsAddr reports whether a text is the eight groups of an IPv6 address. One of them must
// have both digits and letters, since numbers or words alone are no address.
func isGroupsAddr(text string) bool {
	groups := strings.FieldsFunc(text, func(r rune) bool { return r == '-' || r == '_' || r == ' ' })
	return len(groups) == 8 && slices.ContainsFunc(groups, func(g string) bool {
		return strings.ContainsAny(g, "0123456789") && strings.ContainsAny(g, "abcdefABCDEF")
	})
}

// isMarkedAddr reports whether a text is an IPv6 address with another mark in place of its
// colons, as in a path or a file name: 2001-db8--5.
func isMarkedAddr(text string) bool {
	mark := text[4:5]
	colons := strings.ReplaceAll(text, mark, ":")
	_, ok := pseudonym.ParseAddr([]byte(colons))
	return ok && !strings.Contains(colons, ".") && (isMixedHex(strings.ReplaceAll(text, mark, "")) || strings.Count(colons, ":") > 2)
}

// isPrefix reports whether a text is the beginning of an IPv6 address, which identifies a
// household.
func isPrefix(text string) bool { return isMixedHex(strings.ReplaceAll(text, ":", "")) }

// base64Text matches what may be the base64 of an address, which has at least 7 bytes.
var base64Text = regexp.MustCompile(`[A-Za-z0-9+/_-]{10,}={0,2}`)

// decode64 decodes base64. It returns "" unless the result is visible ASCII.
func decode64(text string) string {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	plain, err := base64.RawStdEncoding.DecodeString(text)
	out := strings.TrimSpace(string(plain))
	if err != nil || !isVisible(out) {
		return ""
	}
	return out
}
