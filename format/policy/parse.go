package policy

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"hushpipe/format/civil"
	"hushpipe/format/spelling"
)

// Parse reads a policy. Of one with mistakes it returns all of them, and nil. What a
// Policy asks of a format or of a directory is not looked at, and Gates are not.
func Parse(text []byte) (*Policy, Errors) {
	d := decoder{builder: builder{source: &source{text: text, places: map[string]int{}}}}
	if err := d.source.readable(); err != nil {
		return nil, Errors{err}
	}
	p := &Policy{}
	d.policy(d.read(), p)
	if len(d.errs) == 0 {
		if err := d.source.confirm(); err != nil {
			d.errs = append(d.errs, err)
		}
	}
	if len(d.errs) > 0 {
		return nil, d.errs.Sorted()
	}
	p.source = *d.source
	return p, nil
}

// decoder makes a Policy of the tree.
type decoder struct {
	builder
	damaged bool // syntax errors: what is missing may stand in what was not read
}

// entry is a key that a table may have.
type entry struct {
	name string
	read func(n *node, path string)
	must bool
}

// table reads the keys of a table. Missing ones are reported at the place at.
func (d *decoder) table(n *node, path string, at int, entries []entry) {
	for _, k := range n.keys {
		i := slices.IndexFunc(entries, func(e entry) bool { return e.name == k.name })
		if i < 0 {
			var names []string
			for _, e := range entries {
				names = append(names, e.name)
			}
			d.add(k.at, fmt.Sprintf("unknown key %q", k.name), hintOf(k.name, names))
			continue
		}
		sub := join(path, k.name)
		d.source.places[sub] = k.value.at
		entries[i].read(k.value, sub)
	}
	if n.broken {
		return
	}
	for _, e := range entries {
		if e.must && n.get(e.name) == nil {
			what := fmt.Sprintf("%q is missing", e.name)
			if name := n.get("name"); name != nil && name.value.kind == unstable.String && e.name != "name" {
				what = fmt.Sprintf("%q has no %q", name.value.text, e.name)
			}
			d.add(at, what, missing[e.name])
		}
	}
}

// missing are the hints for keys that have to be there.
var missing = map[string]string{
	"name":    `name = "web": a-z, 0-9, - and _`,
	"purpose": `purpose = "what these lines are for"`,
	"keep":    `keep = "14d", or "none" where no line is kept`,
	"from":    "from = 2026-11-20",
	"until":   "until = 2026-12-10",
	"reason":  `reason = "what was decided, and by whom"`,
	"stream":  "a policy has at least one [[stream]]",
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (d *decoder) policy(root *node, p *Policy) {
	d.damaged = len(d.errs) > 0
	p.Format = "auto"
	d.table(root, "", 0, []entry{
		{name: "format", read: d.text(&p.Format)},
		{name: "client", read: d.text(&p.Client)},
		{name: "trusted-proxies", read: d.texts(&p.TrustedProxies)},
		{name: "json-keys", read: d.texts(&p.JSONKeys)},
		{name: "redact", read: d.texts(&p.Redact)},
		{name: "user-field", read: d.checked(&p.UserField, func(s string) string {
			if !isDirective(s) {
				return "give a directive, as in %{X-User}o"
			}
			return ""
		})},
		{name: "events", read: d.sets(&p.Sets)},
		{name: "workdays", read: d.oneOf(&p.Workdays, calendars)},
		{name: "holidays", read: d.dates(&p.Holidays)},
		{name: "notice", read: func(n *node, path string) {
			if !d.isTable(n, "[notice]") {
				return
			}
			d.table(n, path, n.at, []entry{
				{name: "controller", read: d.byLanguage(&p.Notice.Controller)},
				{name: "contact", read: d.byLanguage(&p.Notice.Contact)},
				{name: "officer", read: d.byLanguage(&p.Notice.Officer)},
				{name: "authority", read: d.byLanguage(&p.Notice.Authority)},
				{name: "place", read: d.byLanguage(&p.Notice.Place)},
				{name: "transfer", read: d.byLanguage(&p.Notice.Transfer)},
				{name: "more", read: d.byLanguage(&p.Notice.More)},
			})
		}},
		{name: "event", read: func(n *node, path string) {
			d.tables(n, path, "[[event]]", func(n *node, path string) {
				var e Event
				d.event(n, path, &e)
				p.Own = append(p.Own, e)
			})
		}},
		{name: "stream", must: !d.damaged, read: func(n *node, path string) {
			d.tables(n, path, "[[stream]]", func(n *node, path string) {
				var s Stream
				d.stream(n, path, &s)
				p.Streams = append(p.Streams, s)
			})
		}},
	})
	d.check(p)
}

// calendars are those that rickar/cal has of the German Länder, and Norway's.
var calendars = []string{"de-BB", "de-BE", "de-BW", "de-BY", "de-HB", "de-HE", "de-HH", "de-MV", "de-NI",
	"de-NW", "de-RP", "de-SH", "de-SL", "de-SN", "de-ST", "de-TH", "no"}

func (d *decoder) tables(n *node, path, head string, each func(n *node, path string)) {
	if !n.isTables() && (n.kind != unstable.Array || slices.ContainsFunc(n.list, func(n *node) bool { return !n.isTable() })) {
		d.add(n.at, "this is no list of tables", "begin each with "+head)
		return
	}
	for i, t := range n.list {
		sub := fmt.Sprintf("%s[%d]", path, i)
		d.source.places[sub] = t.at
		each(t, sub)
	}
}

func (d *decoder) event(n *node, path string, e *Event) {
	d.table(n, path, n.at, append([]entry{
		{name: "name", must: true, read: d.name(&e.Name)},
		{name: "title", read: d.byLanguage(&e.Title)},
	}, d.conditions(&e.Condition, false)...))
	if e.Condition.IsZero() && !slices.ContainsFunc(n.keys, func(k *key) bool { return slices.Contains(conditionKeys, k.name) }) && !n.broken {
		d.add(n.at, "the event has no condition: it would be every line", "give "+strings.Join(conditionKeys, ", "))
	}
}

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

func (d *decoder) stream(n *node, path string, s *Stream) {
	f := &s.Figures
	f.RoomHash, f.CountV6 = "sha1", 128
	entries := []entry{
		{name: "name", must: true, read: d.name(&s.Name)},
		{name: "purpose", must: true, read: d.byLanguage(&s.Purpose)},
		{name: "basis", read: d.byLanguage(&s.Basis)},
		{name: "where", read: d.condition(&s.Where)},
		{name: "unless", read: d.condition(&s.Unless)},
		{name: "fields", read: d.fields(&s.Fields)},
		{name: "format", read: d.checked(&s.Format, func(text string) string {
			if !strings.Contains(text, "%") {
				return `give a LogFormat string, as in '%t %h %u "%U%q"'`
			}
			return ""
		})},
		{name: "keep", must: true, read: func(n *node, path string) {
			text, ok := d.string(n)
			if !ok {
				return
			}
			keep, wrong := parseKeep(text)
			if wrong != nil {
				d.add(n.at, "keep: "+wrong.what, wrong.hint)
			}
			s.Keep = keep
		}},
		{name: "settled", read: d.dates(&s.Settled)},
		{name: "group", read: each(d, &s.Group, d.group)},
		{name: "least", read: d.number(&s.Least, 2, 1_000_000)},
		{name: "gate", read: d.gate(&s.Gate)},
		{name: "active", read: d.active(&s.Active)},
		{name: "linked", read: d.text(&s.Linked)},
		{name: "reveal", read: d.byLanguage(&s.Reveal)},
		{name: "access", read: d.byLanguage(&s.Access)},
		{name: "recipients", read: d.recipients(&s.Recipients)},
		{name: "rooms", read: d.texts(&f.Rooms)},
		{name: "room-url", read: d.texts(&f.RoomURLs)},
		{name: "room-hash", read: d.oneOf(&f.RoomHash, []string{"sha1", "hmac"})},
		{name: "count-v6", read: d.number(&f.CountV6, 1, 128)},
		{name: "count", read: func(n *node, path string) {
			var full string
			d.oneOf(&full, []string{"full"})(n, path)
			f.Full = full != ""
		}},
		{name: "traffic", read: d.bool(&f.Traffic)},
	}
	for _, name := range trafficOptions {
		entries = append(entries, entry{name: "traffic-" + name, read: func(n *node, path string) {
			if f.TrafficOptions == nil {
				f.TrafficOptions = map[string][]string{}
			}
			var list []string
			if n.kind == unstable.Integer {
				list = []string{n.text}
			} else {
				d.texts(&list)(n, path)
			}
			f.TrafficOptions[name] = list
		}})
	}
	d.table(n, path, n.at, entries)
	if n.broken {
		d.damaged = true
	}
}

// trafficOptions are the flags of traffic figures.
var trafficOptions = []string{"own", "visitor", "visit-timeout", "country", "group", "ignore", "min-group", "sitemap", "max-visits", "max-names"}

func (d *decoder) fields(list *[]Field) func(*node, string) {
	return func(n *node, path string) {
		if !d.isTable(n, `{ client = "ipcrypt", time = "keep", url = "path" }`) {
			return
		}
		if len(n.keys) == 0 && !n.broken {
			d.add(n.at, "no field is listed, and each line would be empty", `leave fields out for the whole line, or give keep = "none"`)
		}
		*list = []Field{}
		for _, k := range n.keys {
			sub := join(path, k.name)
			d.source.places[sub] = k.value.at
			switch {
			case k.name == "other" && k.value.isTable():
				for _, o := range k.value.keys {
					d.source.places[join(sub, strconv.Quote(o.name))] = o.value.at
					if o.name == "" || strings.ContainsFunc(o.name, isControl) {
						d.add(o.at, fmt.Sprintf("%q is no field", o.name), `give a directive, as in "%{X}i", or a key of JSON lines`)
						continue
					}
					d.field(list, Field{Name: o.name, Other: true}, "user", o.value)
				}
			case k.name == "other":
				d.add(k.value.at, "this is no table", `give other = { "%{X}i" = "keep" }`)
			case allowed(k.name) == nil:
				d.add(k.at, fmt.Sprintf("unknown field %q", k.name), hintOf(k.name, append(slices.Clone(FieldNames), "other")))
			default:
				d.field(list, Field{Name: k.name}, k.name, k.value)
			}
		}
	}
}

// field reads the treatment of a field, by the words of the field like.
func (d *decoder) field(list *[]Field, f Field, like string, n *node) {
	text, ok := d.string(n)
	if !ok {
		return
	}
	var err error
	if f.Treatment, err = parseTreatment(like, text); err != nil {
		what, hint, _ := strings.Cut(err.Error(), "; hint: ")
		if hint == "" {
			words := allowed(like)
			word, _, _ := strings.Cut(text, "=")
			if hint = hintOf(word, words); strings.Contains(hint, strconv.Quote(word)) {
				hint = "give " + alternatives(words)
			}
		}
		d.add(n.at, what, hint)
		return
	}
	*list = append(*list, f)
}

func (d *decoder) gate(gate **Gate) func(*node, string) {
	return func(n *node, path string) {
		if !d.isTable(n, `{ announce = "14d", longest = "30d" }`) {
			return
		}
		g := &Gate{}
		*gate = g
		d.table(n, path, n.at, []entry{
			{name: "announce", read: d.days(&g.Announce)},
			{name: "longest", read: d.days(&g.Longest)},
			{name: "after", read: d.text(&g.After)},
			{name: "names", read: d.oneOf(&g.Names, []string{"user"})},
		})
		if len(n.keys) == 0 && !n.broken {
			d.add(n.at, "the gate demands nothing", `give announce = "14d", longest = "30d", after = "STREAM" or names = "user"`)
		}
	}
}

func (d *decoder) active(active **Active) func(*node, string) {
	return func(n *node, path string) {
		if !d.isTable(n, `{ announced = 2026-11-05, from = 2026-11-20, until = 2026-12-10, reason = "…" }`) {
			return
		}
		a := &Active{}
		*active = a
		d.table(n, path, n.at, []entry{
			{name: "announced", read: func(n *node, path string) {
				d.date(&a.Announced)(n, path)
				a.IsAnnounced = true
			}},
			{name: "from", must: true, read: d.date(&a.From)},
			{name: "until", must: true, read: d.date(&a.Until)},
			{name: "reason", must: true, read: d.text(&a.Reason)},
			{name: "for", read: d.text(&a.For)},
		})
	}
}

func (d *decoder) isTable(n *node, example string) bool {
	if !n.isTable() {
		d.add(n.at, "this is no table", "give "+example)
	}
	return n.isTable()
}

// string reads one string: not empty, of printable characters.
func (d *decoder) string(n *node) (string, bool) {
	switch {
	case n.kind != unstable.String:
		d.add(n.at, "this is no text", "put it in quotation marks")
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

// checked reads a string that is right if wrong returns no hint for it.
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
			d.add(n.at, "this is no whole number", fmt.Sprintf("give %d to %d, without quotation marks", least, most))
		case err != nil || number < least || number > most:
			d.add(n.at, "this number is out of range", fmt.Sprintf("give %d to %d", least, most))
		default:
			*value = number
		}
	}
}

// days reads a number of days, "14d".
func (d *decoder) days(value *int) func(*node, string) {
	return func(n *node, _ string) {
		text, ok := d.string(n)
		if !ok {
			return
		}
		b, wrong := parseBound(text)
		if wrong != nil || b.Kind != Days {
			d.add(n.at, fmt.Sprintf("%q is no number of days", text), fmt.Sprintf("give 1d to %dd", MaxDays))
			return
		}
		*value = b.N
	}
}

func (d *decoder) date(value *civil.Day) func(*node, string) {
	return func(n *node, _ string) {
		day, ok := civil.ParseDay(n.text)
		if n.kind != unstable.LocalDate || !ok {
			d.add(n.at, "this is no date", "give it as 2026-11-20, without quotation marks")
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

// each reads one value or a list of them. No value stands in it twice.
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
				d.add(v.at, fmt.Sprintf("%q stands in the list twice", v.text), "")
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

// byLanguage reads a text, which is a string or a table of strings.
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
				d.add(k.at, fmt.Sprintf("%q is no language", k.name), "give its code, as in de, en or nb")
			}
			if s, ok := d.paragraph(k.value); ok {
				t[k.name] = s
			}
		}
		*text = t
	}
}

// paragraph reads a string that may have several lines.
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

func (d *decoder) sets(list *[]string) func(*node, string) {
	return each(d, list, func(n *node, _ string) (list []string) {
		var set string
		if d.oneOf(&set, SetNames())(n, ""); set != "" {
			list = append(list, set)
		}
		return list
	})
}

// maxName is the longest name of a stream, which is a directory's, or an event.
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

// parseStatuses reads codes and ranges, separated by commas.
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
			return nil, &mistake{fmt.Sprintf("%q is no status code and no range of them", part), `give codes and ranges, as in "403,404,500-599"`}
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
		d.add(n.at, fmt.Sprintf("no request has the method %q", text), fmt.Sprintf("write it as in %s; a list has several", strings.ToUpper(fold(text))))
		return nil
	}
	return []string{text}
}

// fold keeps of a text the letters of methods.
func fold(text string) string {
	word := strings.FieldsFunc(text, func(r rune) bool { return !('a' <= r|0x20 && r|0x20 <= 'z') })
	if len(word) == 0 {
		return "POST"
	}
	return word[0]
}

// maxGlob and maxStars bound the work of a glob.
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

// isEncoded reports whether a percent sign and two hexadecimal digits stand in text.
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
		d.add(n.at, fmt.Sprintf("%q is no parameter", text), `give one, "action", or one and its value, "action=logout"; a list has several`)
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
		d.add(n.at, fmt.Sprintf("%q is no host", text), "there is no wildcard for hosts; a list has several")
		return nil
	case strings.ContainsAny(text, "/ ,") || strings.Count(text, ":") == 1:
		d.add(n.at, fmt.Sprintf("%q is no host", text), "give its name alone, without scheme, port and path")
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
		d.add(n.at, `"-" stands for nobody, and is no user`, `give unless = { user = "*" }`)
		return nil
	case text != "*" && strings.Contains(text, "*"):
		d.add(n.at, fmt.Sprintf("%q is no user", text), `give a whole name, or "*" for anybody`)
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

func (d *decoder) group(n *node, _ string) []string {
	var field string
	if d.oneOf(&field, []string{"client", "user"})(n, ""); field == "" {
		return nil
	}
	return []string{field}
}

// hintOf says what may be meant by a word, or else what there is.
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
