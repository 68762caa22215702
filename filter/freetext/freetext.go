// Package freetext implements what is kept of a text that a person types: no address, host
// name or telephone number, however it is spelled. The commands that look for persons keep
// the reason given for it in acts.log.
package freetext

import (
	"crypto/rand"
	"regexp"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format"
)

// Clean returns a text that a person typed, as the reason for what they do with lines,
// without whom it may name: addresses and secrets go as in lines, and so do mail addresses, host names
// of three labels or more, and the names of whom the lines are.
//
// All that is looked for in the text as it is, and once more as a program would write it:
// people write 192.0.2[.]1, "name at example dot org" or %40 so that no program takes it for
// an address. Where something is found only then, the text is returned as the program has it.
func Clean(text string, whom ...string) string {
	for _, name := range whom {
		read, _ := format.Unescaped([]byte(name), nil) // httpd logs ü as \xc3\xbc
		if plain := plainly(string(read)); plain != name && plain != "" {
			whom = append(whom, plain)
		}
	}
	for range 5 { // one disguise in another
		out := withoutNames(text, whom)
		again := withoutNames(withoutOdd(plainly(text), whom), whom)
		switch {
		case again != plainly(out):
			text = again
		case out != text: // what is left may be another, put together
			text = out
		default:
			return text
		}
	}
	return gone
}

// gone stands in the place of what was left out.
const gone = "-"

func withoutNames(text string, whom []string) string {
	mode, _ := pseudonym.ParseMode("drop")
	var key pseudonym.Key
	rand.Read(key[:])
	redact, err := treatment.NewRedact()
	if err != nil {
		panic(err) // of the names that are built in
	}
	g := guard.Guard{Cipher: guard.NewCipher(pseudonym.New(&key, mode))}
	g.Begin(len(text), true)
	out := string(g.AppendMessage(nil, []byte(text), redact))
	out = named.ReplaceAllString(out, gone)
	for _, name := range whom {
		// A byte that is not UTF-8 is U+FFFD in a pattern, which finds both.
		out = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(string([]rune(name)))).ReplaceAllString(out, gone)
	}
	return out
}

// named is a mail address, or a host name such as client.example.org.
var named = regexp.MustCompile(`[^\s"'<>(),;:]+@[^\s"'<>(),;:]+|\b(?:[\pL\d](?:[\pL\d_-]*[\pL\d])?\.){2,}[\pL][\pL\d-]*\pL\b\.?`)
