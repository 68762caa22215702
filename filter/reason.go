package filter

import (
	"crypto/rand"
	"regexp"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
)

// Reason returns the reason that somebody gives for what they do with lines, without whom
// it may name: addresses and secrets go as in lines, and so do mail addresses and host
// names of three labels or more.
func Reason(text string) string {
	mode, _ := pseudonym.ParseMode("drop")
	var key pseudonym.Key
	rand.Read(key[:])
	redact, err := treatment.NewRedact()
	if err != nil {
		panic(err) // of the names that are built in
	}
	g := guard{cipher: newDayCipher(&key, mode)}
	g.begin(len(text), true)
	out := g.appendRedacted(nil, []byte(text), redact, plainText, true)
	return named.ReplaceAllString(string(out), redacted)
}

// named is a mail address, or a host name such as client.example.org.
var named = regexp.MustCompile(`[^\s"'<>(),;:]+@[^\s"'<>(),;:]+|\b(?:[\pL\d](?:[\pL\d_-]*[\pL\d])?\.){2,}[\pL][\pL\d-]*\pL\b\.?`)
