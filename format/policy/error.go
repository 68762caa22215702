package policy

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Error is one mistake in a policy.
type Error struct {
	Line, Column int    // from 1, the column in characters; 0 for the whole file
	Text         string // of the line, with the values of for and reason masked by x
	What         string // what is wrong, in one line
	Hint         string // what to do about it; "" for none
	Stream       string // whose gate stays closed because of it; "" for none
}

// Error returns position, mistake and hint in one line, without the text of the line.
func (e *Error) Error() string {
	s := e.What
	if e.Line > 0 {
		s = fmt.Sprintf("%d:%d: %s", e.Line, e.Column, s)
	}
	if e.Hint != "" {
		s += "; hint: " + e.Hint
	}
	return s
}

// Errors are the mistakes of a policy.
type Errors []*Error

// Error returns the first mistake and the number of others.
func (e Errors) Error() string {
	switch len(e) {
	case 0:
		return "no mistake"
	case 1:
		return e[0].Error()
	}
	return fmt.Sprintf("%v (and %d more)", e[0], len(e)-1)
}

// Sorted sorts e by position and returns it.
func (e Errors) Sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e
}

// source is the text of a file and the offsets of its keys and values.
type source struct {
	text   []byte
	places map[string]int // offsets by path
}

// at returns a mistake at an offset of the text.
func (s *source) at(offset int, what, hint string) *Error {
	lead := s.text[:min(offset, len(s.text))]
	start := bytes.LastIndexByte(lead, '\n') + 1
	line, _, _ := bytes.Cut(s.text[start:], []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	return &Error{
		Line:   bytes.Count(lead, []byte("\n")) + 1,
		Column: utf8.RuneCount(lead[start:]) + 1,
		Text:   strings.Map(printable, masked(strings.ToValidUTF8(string(line), "\ufffd"), isDecision(s.text[:start+len(line)]))),
		What:   what,
		Hint:   hint,
	}
}

// person matches the value of for or reason in a line, which no message may show.
var person = regexp.MustCompile(`(?:^|[\s{,.])["']?(?:for|reason)["']?\s*=\s*("".*|''.*|[[{].*|"(?:[^"\\]|\\.)*|'[^']*|[^"',}]*)`)

// These find decisions: decision matches the start of one in a line, and decided matches what
// may follow, texts, words and keys.
var (
	decision = regexp.MustCompile(`^\s*["']?active["']?\s*[=.]`)
	anyKey   = regexp.MustCompile(`^\s*["']?[\w-]+["']?\s*[=.]`)
	header   = regexp.MustCompile(`^\s*\[+[^\]=]*?(\bactive)?["'\s]*\]`)
	period   = regexp.MustCompile(`\b(?:announced|from|until)["']?\s*=`)
	decided  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?|'[^']*'?|\pL[\pL\pN_-]*`)
	keys     = []string{"announced", "from", "until", "reason", "for"}
)

// isDecision reports whether text ends within a decision: in a line of its table, in a text of
// several lines, or in a line with a misspelled key that has a decision's dates.
func isDecision(text []byte) bool {
	line := text[bytes.LastIndexByte(text, '\n')+1:]
	if period.Match(line) {
		return true
	}
	for first, keyed := bytes.Index(text, []byte("active")), false; first >= 0 && len(text) > first; {
		start := bytes.LastIndexByte(text, '\n') + 1
		line = text[start:]
		if bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("[")) {
			if at := header.FindSubmatchIndex(line); at != nil {
				return at[2] >= 0
			}
		}
		if !keyed && anyKey.Match(line) {
			if keyed = true; decision.Match(line) {
				return true
			}
		}
		text = text[:max(start-1, 0)]
	}
	return false
}

// masked returns line with these values replaced by as many x. In a decision, it replaces all
// other text too, since a typing error may have separated the values from their keys.
func masked(line string, decides bool) string {
	out := []byte(line)
	for _, at := range slices.Backward(person.FindAllStringSubmatchIndex(line, -1)) {
		out = slices.Replace(out, at[2], at[3], []byte(hidden(line[at[2]:at[3]]))...)
	}
	if !decides || header.Match(out) {
		return string(out)
	}
	begin := decision.FindString(string(out))
	return begin + decided.ReplaceAllStringFunc(string(out[len(begin):]), func(s string) string {
		if slices.Contains(keys, s) {
			return s
		}
		return hidden(s)
	})
}

// hidden returns text with x for each character except quotes.
func hidden(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '"' || r == '\'' {
			return r
		}
		return 'x'
	}, text)
}

func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return utf8.RuneError
	}
	return r
}

// Fault returns a mistake that another package found, at the key or value with that path:
// "format", "notice.place", "event[0].url[1]", "stream[2].fields.client". If the file does not
// have it, the error is at the innermost element of the path that it does have.
func (p *Policy) Fault(path, what, hint string) *Error { return p.source.fault(path, what, hint) }

func (s *source) fault(path, what, hint string) *Error {
	for path != "" {
		if offset, ok := s.places[path]; ok {
			return s.at(offset, what, hint)
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return &Error{What: what, Hint: hint}
}
