package agent

import (
	"bytes"
	"slices"
	"strings"
)

// shapes are the patterns of isbot that no set of texts can express. hasShape matches them.
var shapes = []string{
	"(?:^|[^g])news(?!sapphire)",
	"(?<! channel/|google/)google(?!(?:wv|app|/google| pixel))",
	"(?<! cu)bots?(?:\\b|_)",
	"(?<!cam)scan",
	"(?<!lib)http",
	"java(?!;)",
	";\\s\\w+;$",
	"@[a-z][\\w-]+\\.",
	"\\b\\w+\\.ai",
	"^[<\\(;]",
	"^[^ ]{50,}$",
	"^\\d+\\b",
	"^\\w*search\\b",
	"^[\\w \\.\\-\\(?:\\):%]+(?:/v?\\d+(?:\\.\\d+)?(?:\\.\\d{1,10})*?)?(?:,|$)",
	"^[\\w\\-]+/[\\w]+$",
	"^\\w+/[\\w\\(\\)]*$",
	"^\\w+/\\d\\.\\d\\s\\([\\w@]+\\)$",
	"^mozilla/\\d\\.\\d\\s[\\w\\.-]+$",
	"^mozilla/\\d\\.\\d\\s\\((?:compatible;)?(?:\\s?[\\w\\d-.]+\\/\\d+\\.\\d+)?\\)$",
}

// IsShape reports whether this package matches a pattern of isbot as a shape. Command
// renew/robots skips these.
func IsShape(pattern string) bool { return slices.Contains(shapes, pattern) }

// hasShape reports whether text, which is not empty, has one of the shapes, in their order.
func hasShape(text []byte) bool {
	return shapeNews(text) || shapeGoogle(text) || shapeBot(text) || notAfter(text, "scan", "cam") || notAfter(text, "http", "lib") ||
		shapeJava(text) || shapeLastWord(text) || shapeMail(text) || shapeAI(text) ||
		text[0] == '<' || text[0] == '(' || text[0] == ';' ||
		len(text) >= 50 && bytes.IndexByte(text, ' ') < 0 ||
		shapeNumber(text) || shapeSearch(text) || shapeProduct(text) ||
		wordSlashWord(text, "-", "", 1) || wordSlashWord(text, "", "()", 0) ||
		shapeWordVersionName(text) || shapeMozillaWord(text) || shapeMozillaProduct(text)
}

// notRobots are texts in people's user agents that a list takes for a robot's: televisions that
// send a name without spaces, the browser of a search engine, phones.
var notRobots = [][]byte{
	[]byte("smarttv_"), []byte("pr(ucbrowser"), []byte("sogoumobilebrowser"), []byte("sogoumse"), []byte("; discovery"), []byte("gm discovery"),
	[]byte("opera/9.80,"), []byte(".catcher"), []byte("bot tab"),
}

func isPerson(text []byte) bool {
	for _, has := range notRobots {
		if bytes.Contains(text, has) {
			return true
		}
	}
	return false
}

// shaped reports whether a user agent, which is not empty, has the shape of a robot's.
func shaped(text []byte) (Class, bool) {
	switch {
	case !hasShape(text):
		return Person, false
	case shapeProduct(text) || wordSlashWord(text, "-", "", 1):
		return Tool, true // a name and a version, typical of libraries
	}
	return Scanner, true
}

// notAfter reports whether word occurs anywhere without before in front of it.
func notAfter(text []byte, word, before string) bool {
	for i := index(text, word, 0); i >= 0; i = index(text, word, i+1) {
		if !endsWith(text[:i], before) {
			return true
		}
	}
	return false
}

// index returns the first index of word in text, from from on, or -1.
func index(text []byte, word string, from int) int {
	for {
		n := bytes.IndexByte(text[from:], word[0])
		if n < 0 {
			return -1
		}
		if from += n; startsWith(text[from:], word) {
			return from
		}
		from++
	}
}

func endsWith(text []byte, word string) bool {
	return len(text) >= len(word) && string(text[len(text)-len(word):]) == word
}

func startsWith(text []byte, word string) bool {
	return len(text) >= len(word) && string(text[:len(word)]) == word
}

func shapeNews(text []byte) bool {
	for i := index(text, "news", 0); i >= 0; i = index(text, "news", i+1) {
		if (i == 0 || text[i-1] != 'g') && !startsWith(text[i+4:], "sapphire") {
			return true
		}
	}
	return false
}

func shapeGoogle(text []byte) bool {
	for i := index(text, "google", 0); i >= 0; i = index(text, "google", i+1) {
		behind := endsWith(text[:i], " channel/") || endsWith(text[:i], "google/")
		rest := text[i+6:]
		if !behind && !startsWith(rest, "wv") && !startsWith(rest, "app") && !startsWith(rest, "/google") && !startsWith(rest, " pixel") {
			return true
		}
	}
	return false
}

func shapeBot(text []byte) bool {
	for i := index(text, "bot", 0); i >= 0; i = index(text, "bot", i+1) {
		if endsWith(text[:i], " cu") {
			continue
		}
		rest := text[i+3:]
		if len(rest) == 0 || !isWord(rest[0]) || rest[0] == '_' ||
			rest[0] == 's' && (len(rest) == 1 || !isWord(rest[1]) || rest[1] == '_') {
			return true
		}
	}
	return false
}

func shapeJava(text []byte) bool {
	for i := index(text, "java", 0); i >= 0; i = index(text, "java", i+1) {
		if !startsWith(text[i+4:], ";") {
			return true
		}
	}
	return false
}

// shapeLastWord matches "; word;" at the end.
func shapeLastWord(text []byte) bool {
	rest, ok := bytes.CutSuffix(text, []byte(";"))
	word := trimWordRight(rest)
	return ok && len(word) < len(rest) && len(word) >= 2 && isSpace(word[len(word)-1]) && word[len(word)-2] == ';'
}

func trimWordRight(text []byte) []byte {
	n := len(text)
	for n > 0 && isWord(text[n-1]) {
		n--
	}
	return text[:n]
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// skip returns how many bytes at the start of text are word characters or in more.
func skip(text []byte, more string) (n int) {
	for n < len(text) && (isWord(text[n]) || strings.IndexByte(more, text[n]) >= 0) {
		n++
	}
	return n
}

func skipDigits(text []byte) (n int) {
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}

// shapeMail matches a host name behind @.
func shapeMail(text []byte) bool {
	for i := index(text, "@", 0); i >= 0; i = index(text, "@", i+1) {
		rest := text[i+1:]
		n := skip(rest, "-")
		if n >= 2 && 'a' <= rest[0] && rest[0] <= 'z' && n < len(rest) && rest[n] == '.' {
			return true
		}
	}
	return false
}

func shapeAI(text []byte) bool {
	for i := index(text, ".ai", 0); i >= 0; i = index(text, ".ai", i+1) {
		if i > 0 && isWord(text[i-1]) {
			return true
		}
	}
	return false
}

func shapeNumber(text []byte) bool {
	n := skipDigits(text)
	return n > 0 && (n == len(text) || !isWord(text[n]))
}

func shapeSearch(text []byte) bool {
	n := skip(text, "")
	return endsWith(text[:n], "search")
}

// shapeProduct matches a single name, perhaps with a version, up to the end or a comma.
func shapeProduct(text []byte) bool {
	n := skip(text, " .-(?:)%")
	if n == 0 {
		return false
	}
	ends := func(rest []byte) bool { return len(rest) == 0 || rest[0] == ',' }
	if ends(text[n:]) {
		return true
	}
	if text[n] != '/' {
		return false
	}
	rest := text[n+1:]
	rest = bytes.TrimPrefix(rest, []byte("v"))
	d := skipDigits(rest)
	if d == 0 {
		return false
	}
	rest = rest[d:]
	for first := true; len(rest) > 0 && rest[0] == '.'; first = false {
		if d = skipDigits(rest[1:]); d == 0 || d > 10 && !first {
			return false
		}
		rest = rest[1+d:]
	}
	return ends(rest)
}

func wordSlashWord(text []byte, moreBefore, moreBehind string, least int) bool {
	n := skip(text, moreBefore)
	if n == 0 || n == len(text) || text[n] != '/' {
		return false
	}
	m := skip(text[n+1:], moreBehind)
	return m >= least && n+1+m == len(text)
}

// version1 returns what follows a two-digit version such as 5.0 and a space.
func version1(text []byte) ([]byte, bool) {
	if len(text) < 4 || skipDigits(text[:1]) == 0 || text[1] != '.' || skipDigits(text[2:3]) == 0 || !isSpace(text[3]) {
		return nil, false
	}
	return text[4:], true
}

func shapeWordVersionName(text []byte) bool {
	n := skip(text, "")
	if n == 0 || n == len(text) || text[n] != '/' {
		return false
	}
	rest, ok := version1(text[n+1:])
	if !ok || len(rest) < 3 || rest[0] != '(' || rest[len(rest)-1] != ')' {
		return false
	}
	return skip(rest[1:], "@") == len(rest)-2
}

func shapeMozillaWord(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("mozilla/"))
	if !ok {
		return false
	}
	rest, ok = version1(rest)
	return ok && len(rest) > 0 && skip(rest, ".-") == len(rest)
}

func shapeMozillaProduct(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("mozilla/"))
	if !ok {
		return false
	}
	if rest, ok = version1(rest); !ok || len(rest) < 2 || rest[0] != '(' || rest[len(rest)-1] != ')' {
		return false
	}
	rest = bytes.TrimPrefix(rest[1:len(rest)-1], []byte("compatible;"))
	if len(rest) == 0 {
		return true
	}
	if isSpace(rest[0]) {
		rest = rest[1:]
	}
	n := skip(rest, ".-")
	if n == 0 || n == len(rest) || rest[n] != '/' {
		return false
	}
	rest = rest[n+1:]
	d := skipDigits(rest)
	if d == 0 || d == len(rest) || rest[d] != '.' {
		return false
	}
	rest = rest[d+1:]
	d = skipDigits(rest)
	return d > 0 && d == len(rest)
}
