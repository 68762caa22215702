// Package freetext removes addresses, host names and telephone numbers from a text that a
// person typed, however they are spelled. The commands that look for persons clean the reason
// given for it before they write it to acts.log.
package freetext

import (
	"crypto/rand"
	"regexp"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format"
)

// Clean returns a text that a person typed, such as the reason for a command, without the
// identities in it: addresses and secrets, as in lines; mail addresses; host names of three
// labels or more; and whom, the names of the persons whose lines are concerned.
//
// It searches the text as it is, and once more as a program would write it: people write
// 192.0.2[.]1, "name at example dot org" or %40 so that no program takes it for an address. If
// only the second search finds something, Clean returns the text as a program would write it.
// If disguises are nested too deeply, it returns "-".
func Clean(text string, whom ...string) string {
	for _, name := range whom {
		read, _ := format.Unescaped([]byte(name), nil) // httpd logs ü as \xc3\xbc
		if plain := plainly(string(read)); plain != name && plain != "" {
			whom = append(whom, plain)
		}
	}
	for range 5 { // a disguise can hide another
		out := withoutNames(text, whom)
		again := withoutNames(withoutOdd(plainly(text), whom), whom)
		switch {
		case again != plainly(out):
			text = again
		case out != text: // what is left, put together, may be another
			text = out
		default:
			return text
		}
	}
	return gone
}

// gone replaces what was removed.
const gone = "-"

func withoutNames(text string, whom []string) string {
	mode, _ := pseudonym.ParseMode("drop")
	var key pseudonym.Key
	rand.Read(key[:])
	redact, err := treatment.NewRedact()
	if err != nil {
		panic(err) // the built-in names are valid
	}
	g := guard.Guard{Cipher: guard.NewCipher(pseudonym.New(&key, mode))}
	g.Begin(len(text), true)
	out := string(g.AppendMessage(nil, []byte(text), redact))
	out = named.ReplaceAllString(out, gone)
	for _, name := range whom {
		// A byte that is not UTF-8 is U+FFFD in a pattern, which matches both.
		out = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(string([]rune(name)))).ReplaceAllString(out, gone)
	}
	return out
}

// named matches a mail address, or a host name such as client.example.org.
var named = regexp.MustCompile(`[^\s"'<>(),;:]+@[^\s"'<>(),;:]+|\b(?:[\pL\d](?:[\pL\d_-]*[\pL\d])?\.){2,}[\pL][\pL\d-]*\pL\b\.?`)
