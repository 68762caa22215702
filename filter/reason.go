package filter

import (
	"crypto/rand"
	"encoding/hex"
	"html"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
)

// Reason returns the reason that somebody gives for what they do with lines, without whom
// it may name: addresses and secrets go as in lines, and so do mail addresses, host names
// of three labels or more, and whom, a user's name, unless that is "".
//
// All that is looked for in the text as it is, and once more as a program would write it:
// people write 192.0.2[.]1, "name at example dot org" or %40 so that no program takes it for
// an address. Where something is found only then, the text is returned as the program has it.
// Numbers are not taken for addresses: a case may have one of ten digits.
func Reason(text, whom string) string {
	out := withoutNames(text, whom)
	plain := plainly(out)
	if again := withoutNames(plain, whom); again != plain {
		return again
	}
	return out
}

func withoutNames(text, whom string) string {
	mode, _ := pseudonym.ParseMode("drop")
	var key pseudonym.Key
	rand.Read(key[:])
	redact, err := treatment.NewRedact()
	if err != nil {
		panic(err) // of the names that are built in
	}
	g := guard{cipher: newDayCipher(&key, mode)}
	g.begin(len(text), true)
	out := string(g.appendRedacted(nil, []byte(text), redact, plainText, true))
	out = named.ReplaceAllString(out, redacted)
	if whom != "" {
		out = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(whom)).ReplaceAllString(out, redacted)
	}
	return out
}

// named is a mail address, or a host name such as client.example.org.
var named = regexp.MustCompile(`[^\s"'<>(),;:]+@[^\s"'<>(),;:]+|\b(?:[\pL\d](?:[\pL\d_-]*[\pL\d])?\.){2,}[\pL][\pL\d-]*\pL\b\.?`)

// plainly returns a text with the marks of addresses as programs write them.
func plainly(text string) string {
	text = norm.NFKC.String(html.UnescapeString(text)) // wide digits and marks, &#64;
	text = strings.Map(plainRune, text)
	for range 3 { // %252540
		text = escaped.ReplaceAllStringFunc(text, func(s string) string {
			b, _ := hex.DecodeString(s[1:])
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

// escaped is a visible character that is percent-encoded.
var escaped = regexp.MustCompile(`%(?:2[1-9A-Fa-f]|[3-6][0-9A-Fa-f]|7[0-9A-Ea-e])`)

// marks are how people write dots, colons and at signs, from the clearest to the least.
var marks = []struct {
	found *regexp.Regexp
	plain string
}{
	{regexp.MustCompile(`(?i)\s*[\[({<]\s*(?:\.|dot|punkt|punktum)\s*[\])}>]\s*`), "."},
	{regexp.MustCompile(`(?i)\s*[\[({<]\s*:\s*[\])}>]\s*`), ":"},
	{regexp.MustCompile(`(?i)\s*[\[({<]\s*(?:@|at|ät|krøllalfa)\s*[\])}>]\s*`), "@"},
	{regexp.MustCompile(`(?i)(\d)\s+(?:dot|punkt|punktum)\s+(\d+)\s+(?:dot|punkt|punktum)\s+(\d+)\s+(?:dot|punkt|punktum)\s+(\d)`), "$1.$2.$3.$4"},
	{regexp.MustCompile(`(\d)\s*\.\s*(\d+)\s*\.\s*(\d+)\s*\.\s*(\d)`), "$1.$2.$3.$4"},
	{regexp.MustCompile(`(?i)(\S)\s+(?:@|at|ät)\s+(\S+?)(?:\.|\s+(?:dot|punkt|punktum)\s+)(\pL)`), "$1@$2.$3"},
	{regexp.MustCompile(`\s*@\s*`), "@"},
}
