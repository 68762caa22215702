package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"hushpipe/format/civil"
	"hushpipe/format/spelling"
)

func (d *decoder) isTable(n *node, example string) bool {
	if !n.isTable() {
		d.add(n.at, "this is not a table", "give "+example)
	}
	return n.isTable()
}

// string reads a string, which must have printable characters and no others.
func (d *decoder) string(n *node) (string, bool) {
	switch {
	case n.kind != unstable.String:
		d.add(n.at, "this is not text", "put it in quotation marks")
	case strings.TrimSpace(n.text) == "":
		d.add(n.at, "the text is empty", "leave the key out, or say it")
	case strings.ContainsFunc(n.text, isControl):
		d.add(n.at, "the text has a control character", "")
	default:
		return n.text, true
	}
	return "", false
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

func (d *decoder) text(value *string) func(*node, string) {
	return d.checked(value, func(string) string { return "" })
}

// checked reads a string. It is valid if wrong returns no hint for it.
func (d *decoder) checked(value *string, wrong func(string) string) func(*node, string) {
	return func(n *node, path string) {
		text, ok := d.string(n)
		if !ok {
			return
		}
		if hint := wrong(text); hint != "" {
			d.add(n.at, fmt.Sprintf("%q is not valid", text), hint)
			return
		}
		*value = text
	}
}

func (d *decoder) oneOf(value *string, values []string) func(*node, string) {
	return d.checked(value, func(text string) string {
		if slices.Contains(values, text) {
			return ""
		}
		return hintOf(text, values)
	})
}

func (d *decoder) bool(value *bool) func(*node, string) {
	return func(n *node, _ string) {
		if n.kind != unstable.Bool {
			d.add(n.at, "this is neither true nor false", "give true, without quotation marks")
			return
		}
		*value = n.text == "true"
	}
}

func (d *decoder) number(value *int, least, most int) func(*node, string) {
	return func(n *node, _ string) {
		number, err := strconv.Atoi(n.text)
		switch {
		case n.kind != unstable.Integer:
			d.add(n.at, "this is not a whole number", fmt.Sprintf("give %d to %d, without quotation marks", least, most))
		case err != nil || number < least || number > most:
			d.add(n.at, "this number is out of range", fmt.Sprintf("give %d to %d", least, most))
		default:
			*value = number
		}
	}
}

// days reads a number of days such as "14d".
func (d *decoder) days(value *int) func(*node, string) {
	return func(n *node, _ string) {
		text, ok := d.string(n)
		if !ok {
			return
		}
		b, wrong := parseBound(text)
		if wrong != nil || b.Kind != Days {
			d.add(n.at, fmt.Sprintf("%q is not a number of days", text), fmt.Sprintf("give 1d to %dd", maxDays))
			return
		}
		*value = b.N
	}
}

func (d *decoder) date(value *civil.Day) func(*node, string) {
	return func(n *node, _ string) {
		day, ok := civil.ParseDay(n.text)
		if n.kind != unstable.LocalDate || !ok {
			d.add(n.at, "this is not a date", "give it as 2026-11-20, without quotation marks")
			return
		}
		*value = day
	}
}

func (d *decoder) dates(list *[]civil.Day) func(*node, string) {
	return func(n *node, path string) {
		each(d, list, func(n *node, _ string) (days []civil.Day) {
			mistakes := len(d.errs)
			var day civil.Day
			if d.date(&day)(n, ""); len(d.errs) == mistakes {
				days = append(days, day)
			}
			return days
		})(n, path)
		slices.Sort(*list)
	}
}

// each reads a value or a list of them, in which no value may occur twice.
func each[T any](d *decoder, list *[]T, read func(n *node, path string) []T) func(*node, string) {
	return func(n *node, path string) {
		values := []*node{n}
		if n.kind == unstable.Array {
			if values = n.list; len(values) == 0 {
				d.add(n.at, "the list is empty", "leave the key out, or give a value")
			}
		}
		seen := map[string]bool{}
		for i, v := range values {
			if v.text != "" && seen[v.text] {
				d.add(v.at, fmt.Sprintf("%q is in the list twice", v.text), "")
				continue
			}
			seen[v.text] = true
			sub := fmt.Sprintf("%s[%d]", path, i)
			d.source.places[sub] = v.at
			*list = append(*list, read(v, sub)...)
		}
	}
}

func (d *decoder) texts(list *[]string) func(*node, string) {
	return each(d, list, func(n *node, _ string) (list []string) {
		if text, ok := d.string(n); ok {
			list = append(list, text)
		}
		return list
	})
}

var language = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// byLanguage reads a text, which is a string or a table of strings by language.
func (d *decoder) byLanguage(text *Text) func(*node, string) {
	return func(n *node, path string) {
		t := Text{}
		if !n.isTable() {
			if s, ok := d.paragraph(n); ok {
				t[""] = s
			}
			*text = t
			return
		}
		if len(n.keys) == 0 {
			d.add(n.at, "the text is empty", `give a string, or { de = "…", en = "…" }`)
		}
		for _, k := range n.keys {
			if !language.MatchString(k.name) {
				d.add(k.at, fmt.Sprintf("%q is not a language", k.name), "give its code, as in de, en or nb")
			}
			if s, ok := d.paragraph(k.value); ok {
				t[k.name] = s
			}
		}
		*text = t
	}
}

// paragraph reads a string that may have line breaks.
func (d *decoder) paragraph(n *node) (string, bool) {
	if n.kind != unstable.String {
		return d.string(n)
	}
	plain := *n
	plain.text = strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(n.text)
	_, ok := d.string(&plain)
	return strings.TrimSpace(strings.ReplaceAll(n.text, "\r\n", "\n")), ok
}

func (d *decoder) recipients(list *[]Text) func(*node, string) {
	return each(d, list, func(n *node, path string) []Text {
		var t Text
		d.byLanguage(&t)(n, path)
		return []Text{t}
	})
}

// maxName is the longest name of an event or a stream, which is also a directory's, in bytes.
const maxName = 64

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

func (d *decoder) name(value *string) func(*node, string) {
	return d.checked(value, func(text string) string {
		switch lower := strings.ToLower(text); {
		case len(text) > maxName:
			return fmt.Sprintf("give at most %d characters", maxName)
		case nameForm.MatchString(text):
			return ""
		case nameForm.MatchString(lower):
			return fmt.Sprintf("write %q", lower)
		}
		return "a name has a-z, 0-9, - and _, and begins with a letter or a digit"
	})
}

// isDirective reports whether text has the form %{NAME}x.
func isDirective(text string) bool {
	name, ok := strings.CutPrefix(text, "%{")
	name, letter, closed := strings.Cut(name, "}")
	return ok && closed && name != "" && len(letter) == 1 && letter[0]|0x20 >= 'a' && letter[0]|0x20 <= 'z'
}

// hintOf suggests the word that may be meant, or else lists all words.
func hintOf(word string, words []string) string {
	if near := spelling.Nearest(word, words); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "give " + alternatives(words)
}

func alternatives(words []string) string {
	if len(words) == 1 {
		return strconv.Quote(words[0])
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
