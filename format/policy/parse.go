package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hushpipe/format/spelling"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Parse parses and checks a policy. If it has mistakes, Parse returns nil and all of them. It
// does not check what a policy requires of a format or a directory, nor the decisions on gates,
// see Gates.
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

// decoder makes a Policy from the tree.
type decoder struct {
	builder
	damaged bool // syntax errors: a missing key may be in the part that was not read
}

// entry is a key that a table may have, or must have.
type entry struct {
	name string
	read func(n *node, path string)
	must bool
}

// table reads the keys of a table. It reports missing keys at the offset at.
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

// missing holds the hints for required keys.
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
		{name: "workdays", read: d.checked(&p.Workdays, calendarHint)},
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

// calendars are those of package rickar/cal for the German Länder and Norway.
var calendars = []string{"de-BB", "de-BE", "de-BW", "de-BY", "de-HB", "de-HE", "de-HH", "de-MV", "de-NI",
	"de-NW", "de-RP", "de-SH", "de-SL", "de-SN", "de-ST", "de-TH", "no"}

// calendarHint suggests a calendar; it returns "" for a valid name.
func calendarHint(name string) string {
	if slices.Contains(calendars, name) {
		return ""
	}
	var lower []string
	for _, c := range calendars {
		lower = append(lower, strings.ToLower(c))
	}
	if i := slices.Index(lower, spelling.Nearest(name, lower)); i >= 0 {
		return fmt.Sprintf("did you mean %q?", calendars[i])
	}
	return "give " + alternatives(calendars)
}

func (d *decoder) tables(n *node, path, head string, each func(n *node, path string)) {
	if !n.isTables() && (n.kind != unstable.Array || slices.ContainsFunc(n.list, func(n *node) bool { return !n.isTable() })) {
		d.add(n.at, "this is not a list of tables", "begin each with "+head)
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
	for _, name := range TrafficOptions {
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

// TrafficOptions are the keys for traffic figures, without their prefix "traffic-".
var TrafficOptions = []string{"own", "visitor", "visit-timeout", "country", "group", "ignore", "min-group", "sitemap", "max-visits", "max-names"}

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
						d.add(o.at, fmt.Sprintf("%q is not a field", o.name), `give a directive, as in "%{X}i", or a key of JSON lines`)
						continue
					}
					d.field(list, Field{Name: o.name, Other: true}, "user", o.value)
				}
			case k.name == "other":
				d.add(k.value.at, "this is not a table", `give other = { "%{X}i" = "keep" }`)
			case allowed(k.name) == nil:
				d.add(k.at, fmt.Sprintf("unknown field %q", k.name), hintOf(k.name, append(slices.Clone(FieldNames), "other")))
			default:
				d.field(list, Field{Name: k.name}, k.name, k.value)
			}
		}
	}
}

// field reads the treatment of f, which may be any that the field like allows.
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

func (d *decoder) sets(list *[]string) func(*node, string) {
	return each(d, list, func(n *node, _ string) (list []string) {
		var set string
		if d.oneOf(&set, SetNames())(n, ""); set != "" {
			list = append(list, set)
		}
		return list
	})
}

func (d *decoder) group(n *node, _ string) []string {
	var field string
	if d.oneOf(&field, []string{"client", "user"})(n, ""); field == "" {
		return nil
	}
	return []string{field}
}
