package serverconf

import (
	"regexp"
	"strings"
)

// logDirective is one of a LogFormat string (parse_log_item in mod_log_config.c).
var logDirective = regexp.MustCompile(`%[<>!,0-9]*(?:\{([^}]*)\})?[<>!,0-9]*(%|\^?[a-zA-Z]{1,3})`)

// values are what httpd writes for a directive; those of other letters are numbers.
var values = map[string]string{
	"a": "192.0.2.1", "h": "192.0.2.1", "A": "192.0.2.2", "l": "-", "u": "-", "v": "www.example.org", "V": "www.example.org",
	"t": "[22/Nov/2026:06:46:00 +0000]", "r": "GET / HTTP/1.1", "U": "/", "q": "", "m": "GET", "H": "HTTP/1.1", "s": "200",
	"X": "+", "f": "/srv/index.html", "R": "-", "L": "-", "C": "-", "e": "-", "i": "-", "o": "-", "n": "-", "x": "-", "c": "-", "%": "%",
}

// Sample returns a line as httpd may write it in a format, of the client 192.0.2.1. It
// reports false for a format with times of another form, or what it does not know.
func Sample(logFormat string) (line string, ok bool) {
	ok = true
	logFormat = strings.NewReplacer(`\"`, `"`, `\t`, "\t", `\\`, `\`).Replace(logFormat)
	rest := logFormat
	line = logDirective.ReplaceAllStringFunc(logFormat, func(found string) string {
		m := logDirective.FindStringSubmatch(found)
		arg, letter := m[1], m[2]
		more := ""
		if letter[0] != '^' { // a letter, and what stands behind it
			letter, more = letter[:1], letter[1:]
		}
		value, known := values[letter]
		switch {
		case letter == "t" && arg != "":
			ok = false
		case letter == "i" && strings.EqualFold(arg, "User-Agent"):
			value = "Mozilla/5.0"
		case letter == "i" && strings.Contains(strings.ToLower(arg), "forwarded-for"):
			value = "192.0.2.1"
		case !known && strings.Contains("bBDIOPSTkp", letter):
			value = "80"
		case !known:
			ok = false
		}
		return value + more
	})
	return line, ok && strings.Contains(rest, "%")
}
