package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"hushpipe/format/civil"
)

// Digest returns the SHA-256 of the policy in hexadecimal: of what AppendTo writes, without for
// and reason. It does not depend on comments, the order of keys, the spelling of values, or
// defaults that are given; it does depend on the order of events and streams.
func (p *Policy) Digest() string {
	sum := sha256.Sum256(p.append(nil, false))
	return hex.EncodeToString(sum[:])
}

// AppendTo appends the policy as TOML that Parse reads: the keys whose values are not the
// defaults, in a fixed order.
func (p *Policy) AppendTo(dst []byte) []byte { return p.append(dst, true) }

func (p *Policy) append(dst []byte, people bool) []byte {
	w := writer{dst}
	if p.Format != "auto" {
		w.key("format", quote(p.Format))
	}
	w.text("client", p.Client)
	w.list("trusted-proxies", p.TrustedProxies)
	w.list("json-keys", p.JSONKeys)
	w.list("redact", p.Redact)
	w.text("user-field", p.UserField)
	w.list("events", p.Sets)
	w.text("workdays", p.Workdays)
	w.days("holidays", p.Holidays)
	n := &p.Notice
	w.head("[notice]")
	w.byLanguage("controller", n.Controller)
	w.byLanguage("contact", n.Contact)
	w.byLanguage("officer", n.Officer)
	w.byLanguage("authority", n.Authority)
	w.byLanguage("place", n.Place)
	w.byLanguage("transfer", n.Transfer)
	w.byLanguage("more", n.More)
	for i := range p.Own {
		e := &p.Own[i]
		w.head("[[event]]")
		w.text("name", e.Name)
		w.byLanguage("title", e.Title)
		for _, pair := range e.Condition.pairs() {
			w.key(pair[0], pair[1])
		}
	}
	for i := range p.Streams {
		w.head("[[stream]]")
		w.stream(&p.Streams[i], people)
	}
	return w.dst
}

// writer appends lines of TOML.
type writer struct{ dst []byte }

func (w *writer) key(name, value string) {
	w.dst = fmt.Appendf(w.dst, "%s = %s\n", name, value)
}

func (w *writer) head(head string) { w.dst = fmt.Appendf(w.dst, "\n%s\n", head) }

func (w *writer) text(name, value string) {
	if value != "" {
		w.key(name, quote(value))
	}
}

func (w *writer) list(name string, values []string) {
	if len(values) > 0 {
		w.key(name, quoteAll(values))
	}
}

func (w *writer) number(name string, n, unless int) {
	if n != unless {
		w.key(name, strconv.Itoa(n))
	}
}

func (w *writer) days(name string, days []civil.Day) {
	if len(days) > 0 {
		w.key(name, bracket(days, civil.Day.String))
	}
}

func (w *writer) byLanguage(name string, t Text) {
	if len(t) > 0 {
		w.key(name, t.toml())
	}
}

func (w *writer) condition(name string, c *Condition) {
	if !c.IsZero() {
		w.key(name, inline(c.pairs()))
	}
}

func (w *writer) stream(s *Stream, people bool) {
	w.text("name", s.Name)
	w.byLanguage("purpose", s.Purpose)
	w.byLanguage("basis", s.Basis)
	w.condition("where", &s.Where)
	w.condition("unless", &s.Unless)
	if s.Fields != nil {
		var fields, other [][2]string
		for _, f := range s.Fields {
			if f.Other {
				other = append(other, [2]string{quote(f.Name), quote(f.Treatment.String())})
			} else {
				fields = append(fields, [2]string{f.Name, quote(f.Treatment.String())})
			}
		}
		byName := func(a, b [2]string) int { return strings.Compare(a[0], b[0]) }
		slices.SortFunc(fields, byName)
		slices.SortFunc(other, byName)
		if len(other) > 0 {
			fields = append(fields, [2]string{"other", inline(other)})
		}
		w.key("fields", inline(fields))
	}
	w.text("format", s.Format)
	w.text("keep", s.Keep.String())
	w.days("settled", s.Settled)
	w.list("group", s.Group)
	w.number("least", s.Least, 0)
	if g := s.Gate; g != nil {
		w.key("gate", inline(g.pairs()))
	}
	if a := s.Active; a != nil {
		w.key("active", inline(a.pairs(people)))
	}
	w.text("linked", s.Linked)
	w.byLanguage("reveal", s.Reveal)
	w.byLanguage("access", s.Access)
	if len(s.Recipients) > 0 {
		w.key("recipients", bracket(s.Recipients, Text.toml))
	}
	f := &s.Figures
	w.list("rooms", f.Rooms)
	w.list("room-url", f.RoomURLs)
	if f.RoomHash != "sha1" {
		w.text("room-hash", f.RoomHash)
	}
	w.number("count-v6", f.CountV6, 128)
	if f.Full {
		w.text("count", "full")
	}
	if f.Traffic {
		w.key("traffic", "true")
	}
	for _, name := range TrafficOptions {
		w.list("traffic-"+name, f.TrafficOptions[name])
	}
}

// pairs returns the condition's keys and their values in TOML.
func (c *Condition) pairs() (list [][2]string) {
	add := func(name string, values []string) {
		if len(values) > 0 {
			list = append(list, [2]string{name, quoteAll(values)})
		}
	}
	add("status", mapAll(c.Status, StatusRange.String))
	add("method", c.Methods)
	add("url", c.URLs)
	add("query", mapAll(c.Queries, Query.String))
	add("host", c.Hosts)
	add("user", c.Users)
	add("client", mapAll(c.Clients, netip.Prefix.String))
	add("event", c.Events)
	return list
}

// String returns the codes as 500-599, or 404.
func (r StatusRange) String() string {
	if r.From == r.To {
		return strconv.Itoa(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To)
}

// String returns the parameter in the file's syntax.
func (q Query) String() string {
	if q.HasValue {
		return q.Name + "=" + q.Value
	}
	return q.Name
}

func (g *Gate) pairs() (list [][2]string) {
	if g.Announce > 0 {
		list = append(list, [2]string{"announce", fmt.Sprintf(`"%dd"`, g.Announce)})
	}
	if g.Longest > 0 {
		list = append(list, [2]string{"longest", fmt.Sprintf(`"%dd"`, g.Longest)})
	}
	if g.After != "" {
		list = append(list, [2]string{"after", quote(g.After)})
	}
	if g.Names != "" {
		list = append(list, [2]string{"names", quote(g.Names)})
	}
	return list
}

func (a *Active) pairs(people bool) (list [][2]string) {
	if a.IsAnnounced {
		list = append(list, [2]string{"announced", a.Announced.String()})
	}
	list = append(list, [2]string{"from", a.From.String()}, [2]string{"until", a.Until.String()})
	if people {
		list = append(list, [2]string{"reason", quote(a.Reason)})
		if a.For != "" {
			list = append(list, [2]string{"for", quote(a.For)})
		}
	}
	return list
}

func (t Text) toml() string {
	if s, ok := t[""]; ok {
		return quote(s)
	}
	var pairs [][2]string
	for _, l := range t.langs() {
		pairs = append(pairs, [2]string{l, quote(t[l])})
	}
	return inline(pairs)
}

func mapAll[T any](values []T, text func(T) string) (list []string) {
	for _, v := range values {
		list = append(list, text(v))
	}
	return list
}

func quoteAll(values []string) string { return bracket(values, quote) }

func bracket[T any](values []T, text func(T) string) string {
	return "[" + strings.Join(mapAll(values, text), ", ") + "]"
}

func inline(pairs [][2]string) string {
	return "{ " + strings.Join(mapAll(pairs, func(p [2]string) string { return p[0] + " = " + p[1] }), ", ") + " }"
}

// quote returns a basic string of TOML. Package strconv has escapes that TOML does not know.
func quote(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case isControl(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
