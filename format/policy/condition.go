package policy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// conditionKeys are the keys of an event. A stream's condition also has event.
var conditionKeys = []string{"status", "method", "url", "query", "host", "user", "client"}

func (d *decoder) conditions(c *Condition, events bool) []entry {
	list := []entry{
		{name: "status", read: each(d, &c.Status, d.statuses)},
		{name: "method", read: each(d, &c.Methods, d.method)},
		{name: "url", read: each(d, &c.URLs, d.url)},
		{name: "query", read: each(d, &c.Queries, d.query)},
		{name: "host", read: each(d, &c.Hosts, d.host)},
		{name: "user", read: each(d, &c.Users, d.user)},
		{name: "client", read: each(d, &c.Clients, d.network)},
	}
	if events {
		list = append(list, entry{name: "event", read: each(d, &c.Events, d.eventName)})
	}
	return list
}

func (d *decoder) condition(c *Condition) func(*node, string) {
	return func(n *node, path string) {
		if !d.isTable(n, `{ status = "404", url = "/a/*" }`) {
			return
		}
		if len(n.keys) == 0 && !n.broken {
			d.add(n.at, "the condition is empty", "leave the key out, or give "+strings.Join(conditionKeys, ", ")+", event")
		}
		d.table(n, path, n.at, d.conditions(c, true))
	}
}

func (d *decoder) statuses(n *node, _ string) (list []StatusRange) {
	if n.kind == unstable.Integer {
		n.kind = unstable.String
	}
	text, ok := d.string(n)
	if !ok {
		return nil
	}
	list, wrong := parseStatuses(text)
	if wrong != nil {
		d.add(n.at, wrong.what, wrong.hint)
	}
	return list
}

// parseStatuses parses codes and ranges, separated by commas.
func parseStatuses(text string) (list []StatusRange, wrong *mistake) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		switch {
		case err1 != nil || err2 != nil || len(first) != 3 || len(last) != 3 || from < 100 || to < 100:
			return nil, &mistake{fmt.Sprintf("%q is not a status code or a range of them", part), `give codes and ranges, as in "403,404,500-599"`}
		case from > to:
			return nil, &mistake{fmt.Sprintf("%q ends before it begins", part), fmt.Sprintf("write %d-%d", to, from)}
		}
		list = append(list, StatusRange{from, to})
	}
	return list, nil
}

func (d *decoder) method(n *node, _ string) []string {
	text, ok := d.string(n)
	switch {
	case !ok:
		return nil
	case strings.ContainsFunc(text, func(r rune) bool { return !('A' <= r && r <= 'Z' || r == '-' || r == '_') }):
		d.add(n.at, fmt.Sprintf("no request has the method %q", text), fmt.Sprintf("write it as in %s; a list has several", strings.ToUpper(firstWord(text))))
		return nil
	}
	return []string{text}
}

// firstWord returns the first run of letters in text, for a hint; "POST" if there is none.
func firstWord(text string) string {
	word := strings.FieldsFunc(text, func(r rune) bool { return !('a' <= r|0x20 && r|0x20 <= 'z') })
	if len(word) == 0 {
		return "POST"
	}
	return word[0]
}

// maxGlob is the longest glob in bytes, which bounds the work of matching it.
const maxGlob = 1024

func (d *decoder) url(n *node, _ string) []string {
	text, ok := d.string(n)
	if !ok {
		return nil
	}
	hint := ""
	switch {
	case len(text) > maxGlob:
		hint = fmt.Sprintf("give at most %d bytes", maxGlob)
	case strings.Contains(text, "://"):
		hint = "give the path alone; host = says the host"
	case text[0] != '/' && text[0] != '*':
		hint = fmt.Sprintf("a path begins with a slash: write %q", "/"+text)
	case strings.Contains(text, "?"):
		hint = "give the path alone; query = says a parameter"
	case strings.Contains(text, "#"):
		hint = "no request has a fragment"
	case strings.Contains(text, "//"):
		hint = "slashes are merged before: write one"
	case isEncoded(text):
		hint = "paths are decoded before: write the character itself"
	}
	if hint != "" {
		d.add(n.at, fmt.Sprintf("%q fits no path", text), hint)
		return nil
	}
	return []string{text}
}

// isEncoded reports whether text has a percent sign and two hexadecimal digits.
func isEncoded(text string) bool {
	for i := 0; i+2 < len(text); i++ {
		if text[i] == '%' && isHex(text[i+1]) && isHex(text[i+2]) {
			return true
		}
	}
	return false
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

func (d *decoder) query(n *node, _ string) []Query {
	text, ok := d.string(n)
	if !ok {
		return nil
	}
	q := parseQuery(text)
	switch {
	case q.Name == "" || strings.ContainsAny(text, "&?#"):
		d.add(n.at, fmt.Sprintf("%q is not a parameter", text), `give one, "action", or one and its value, "action=logout"; a list has several`)
		return nil
	case isEncoded(text):
		d.add(n.at, fmt.Sprintf("%q fits no parameter", text), "parameters are decoded before: write the character itself")
		return nil
	}
	return []Query{q}
}

func parseQuery(text string) (q Query) {
	q.Name, q.Value, q.HasValue = strings.Cut(text, "=")
	return q
}

func (d *decoder) host(n *node, _ string) []string {
	text, ok := d.string(n)
	switch {
	case !ok:
		return nil
	case strings.Contains(text, "*"):
		d.add(n.at, fmt.Sprintf("%q is not a host", text), "there is no wildcard for hosts; a list has several")
		return nil
	case strings.ContainsAny(text, "/ ,") || strings.Count(text, ":") == 1:
		d.add(n.at, fmt.Sprintf("%q is not a host", text), "give its name alone, without scheme, port and path")
		return nil
	}
	return []string{strings.ToLower(text)}
}

func (d *decoder) user(n *node, _ string) []string {
	text, ok := d.string(n)
	switch {
	case !ok:
		return nil
	case text == "-":
		d.add(n.at, `"-" means nobody, and is not a user`, `give unless = { user = "*" }`)
		return nil
	case text != "*" && strings.Contains(text, "*"):
		d.add(n.at, fmt.Sprintf("%q is not a user", text), `give a whole name, or "*" for anybody`)
		return nil
	}
	return []string{text}
}

func (d *decoder) network(n *node, _ string) []netip.Prefix {
	text, ok := d.string(n)
	if !ok {
		return nil
	}
	net, err := parseNetwork(text)
	if err != nil {
		what, hint, _ := strings.Cut(err.Error(), "; hint: ")
		d.add(n.at, what, hint)
		return nil
	}
	return []netip.Prefix{net}
}

func (d *decoder) eventName(n *node, _ string) []string {
	if text, ok := d.string(n); ok {
		return []string{text}
	}
	return nil
}
