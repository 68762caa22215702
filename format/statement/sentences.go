package statement

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"hushpipe/format/civil"
	"hushpipe/format/policy"
	"hushpipe/format/prose"
)

func (m *maker) number(n int) string { return m.Language.Number(uint64(n)) }

func (m *maker) or(list []string) string  { return prose.List(list, m.w.Or) }
func (m *maker) and(list []string) string { return prose.List(list, m.w.And) }

func (m *maker) quote(text string) string { return fmt.Sprintf(m.w.Quote, text) }

func (m *maker) quoted(list []string) []string { return mapped(list, m.quote) }

func (m *maker) names(fields []string) []string {
	return mapped(fields, func(name string) string { return m.w.Fields[name] })
}

func (m *maker) dates(days []civil.Day) string {
	return strings.Join(mapped(days, m.Language.Date), ", ")
}

func mapped[T any](list []T, to func(T) string) (texts []string) {
	for _, v := range list {
		texts = append(texts, to(v))
	}
	return texts
}

func isAny(list []string) bool { return slices.Equal(list, []string{"*"}) }

func isPseudonym(k policy.Kind) bool { return k == policy.Ipcrypt || k == policy.Pfx }

func (m *maker) lines(l Lines) []string {
	text := m.w.Every
	if !l.Where.IsZero() {
		text = m.w.Only + m.condition(&l.Where, l.Events)
	} else if !l.Unless.IsZero() {
		text = strings.TrimSuffix(text, ".")
	}
	if !l.Unless.IsZero() {
		text += m.w.But + m.condition(&l.Unless, l.Events)
	}
	list := []string{sentence(text)}
	if systems := systemsOf(l.Events); len(systems) > 0 {
		list = append(list, fmt.Sprintf(m.w.Answers, m.and(systems)))
	}
	globs := slices.Concat(l.Where.URLs, l.Unless.URLs)
	for _, e := range l.Events {
		for _, c := range e.Own {
			globs = append(globs, c.URLs...)
		}
	}
	if strings.Contains(strings.Join(globs, ""), "*") {
		list = append(list, m.w.Star)
	}
	return list
}

// systemsOf returns the systems that have ready-made events here.
func systemsOf(events []Event) (systems []string) {
	for _, e := range events {
		for _, set := range e.Sets {
			if brand := brandNames[set]; brand != "" && !slices.Contains(systems, brand) { // http is every server's
				systems = append(systems, brand)
			}
		}
	}
	return systems
}

// condition describes a condition, to follow the noun request.
func (m *maker) condition(c *policy.Condition, events []Event) string {
	w := &m.w.Conditions
	var parts []string
	add := func(text string, values []string) {
		if len(values) > 0 {
			parts = append(parts, fmt.Sprintf(text, m.or(values)))
		}
	}
	add(w.Host, c.Hosts)
	add(w.Path, m.quoted(c.URLs))
	add(w.Parameter, m.quoted(mapped(c.Queries, policy.Query.String)))
	add(w.Method, c.Methods)
	add(w.Status, mapped(c.Status, policy.StatusRange.String))
	if isAny(c.Users) {
		parts = append(parts, w.AnyUser)
	} else {
		add(w.User, m.quoted(c.Users))
	}
	add(w.Network, mapped(c.Clients, network))
	if len(c.Events) > 0 {
		parts = append(parts, fmt.Sprintf(w.Event, m.events(c.Events, events)))
	}
	text := ""
	for i, part := range parts {
		switch {
		case strings.HasPrefix(part, ","):
		case i > 0:
			text += ", "
		default:
			text += " "
		}
		text += part
	}
	return text
}

// network writes a network as people do: a single address without a length.
func network(n netip.Prefix) string {
	if n.IsSingleIP() {
		return n.Addr().String()
	}
	return n.String()
}

// events describes the events with these names, all of them for "*".
func (m *maker) events(names []string, events []Event) string {
	var list []string
	for _, e := range events {
		if !isAny(names) && !slices.Contains(names, e.Name) {
			continue
		}
		text := m.event(e)
		ways := mapped(e.Own, func(c policy.Condition) string { return strings.TrimLeft(m.condition(&c, nil), " ,") })
		if len(ways) > 0 {
			text += " (" + m.or(ways) + ")"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// event returns what people call an event.
func (m *maker) event(e Event) string {
	text := m.in(e.Title)
	if text == "" && len(e.Sets) > 0 {
		text = m.w.Events[e.Name]
	}
	if text == "" {
		text = m.quote(e.Name)
	}
	return text
}

// fields returns the table of fields, with the text before and after it.
func (m *maker) fields(f Fields) []Block {
	table := Block{order: labelFields, Label: m.w.Labels[labelFields], Heads: [2]string{m.w.Labels[labelField], m.w.Labels[labelHow]}}
	after := Block{order: labelFields, Text: m.w.NothingElse}
	switch {
	case f.Whole && len(f.List) == 0:
		table.Text, after.Text = m.w.WholeUnknown, m.w.OtherForms
	case f.Whole && f.Known:
		table.Text, after.Text = m.w.Whole, m.w.OtherForms
	case f.Whole:
		table.Text, after.Text = m.w.Whole, m.w.OtherAll
	}
	for _, field := range f.List {
		name := m.w.Fields[field.Name]
		if field.Other {
			name = m.quote(field.Name)
		}
		table.Rows = append(table.Rows, [2]string{name, m.how(f, field)})
	}
	return []Block{table, after}
}

// how describes the treatment of a field.
func (m *maker) how(of Fields, f Field) string {
	w := &m.w.How
	not401 := ""
	if f.Name == "user" && !f.Other && !of.Whole {
		not401 = w.Not401
	}
	switch f.Kind {
	case policy.Whole:
		switch {
		case f.Other:
		case f.Name == "time":
			return w.Second
		case f.Name == "event":
			if of.Events != nil {
				return fmt.Sprintf(w.OneOf, strings.Join(mapped(of.Events, m.event), ", "))
			}
		}
		return w.Full + not401
	case policy.Ipcrypt:
		return w.Pseudonym
	case policy.Pfx:
		return w.Prefix
	case policy.Mask:
		whole := netip.AddrFrom4([4]byte{192, 0, 2, 115}) // reserved for examples, RFC 5737
		cut, _ := whole.Prefix(f.Bits4)
		return fmt.Sprintf(w.Mask, f.Bits4, f.Bits6) + fmt.Sprintf(w.Example, cut.Addr(), whole)
	case policy.OnlyNets:
		return fmt.Sprintf(w.Nets, m.or(mapped(f.Nets, network)))
	case policy.Words:
		if f.N == 1 {
			return w.Word + not401
		}
		return fmt.Sprintf(w.Words, m.number(f.N)) + not401
	case policy.Hash:
		return w.Hash + not401
	case policy.Hour:
		return w.Hour
	case policy.Midnight:
		return w.Date
	case policy.Path:
		return w.Path
	case policy.Site:
		return w.Site
	case policy.OnlyParams:
		return fmt.Sprintf(w.Params, strings.Join(f.Params, ", "))
	case policy.Round:
		return fmt.Sprintf(w.Round, m.number(f.N))
	}
	panic("hushpipe: a treatment without words")
}

// elsewhere describes the treatment of addresses and secrets within fields that hold text.
func (m *maker) elsewhere(f Fields) (list []string) {
	var a Addresses
	for _, c := range m.claims {
		if c, ok := c.(Addresses); ok && c.Of() == f.Of() {
			a = c
		}
	}
	texts, urls := f.Whole, f.Whole
	for _, field := range f.List {
		shown := field.Kind != policy.Hash
		texts = texts || shown && (field.Other || slices.Contains([]string{"user", "url", "referer", "agent", "message"}, field.Name))
		params := field.Kind == policy.Whole || field.Kind == policy.OnlyParams
		urls = urls || params && (field.Other || slices.Contains([]string{"url", "referer", "message"}, field.Name))
	}
	if texts {
		kind := a.Client.Kind
		if kind == policy.Pfx {
			kind = policy.Ipcrypt
		}
		list = append(list, m.w.Elsewhere[kind])
		if kind != policy.Whole {
			list = append(list, m.w.Spelling)
		}
	}
	if urls {
		names, replaced := redacted(a.Redact)
		if !replaced {
			list = append(list, m.w.Secrets)
		}
		switch {
		case len(names) == 0:
		case replaced:
			list = append(list, fmt.Sprintf(m.w.OnlySecrets, m.and(names)))
		default:
			list = append(list, fmt.Sprintf(m.w.MoreSecrets, m.and(names)))
		}
	}
	return list
}

// redacted returns the parameters of --redact, and whether they replace the built-in ones.
func redacted(lists []string) (names []string, replaced bool) {
	for _, list := range lists {
		own, anew := strings.CutPrefix(list, "=")
		if anew {
			names, replaced = nil, true
		}
		for name := range strings.SplitSeq(own, ",") {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	return names, replaced
}

func (m *maker) period(p Period) (list []string) {
	var bounds, ends []string
	end := func(text string) {
		if !slices.Contains(ends, text) {
			ends = append(ends, text)
		}
	}
	for _, b := range p.Keep {
		text := map[policy.BoundKind]string{policy.Days: m.w.Days, policy.Workdays: m.w.Hours, policy.Entries: m.w.Entries, policy.Settling: m.w.Settling}[b.Kind]
		if b.Kind == policy.Days && b.N == 1 {
			bounds = append(bounds, m.w.Day)
		} else {
			bounds = append(bounds, fmt.Sprintf(text, m.number(b.N)))
		}
		end(map[policy.BoundKind]string{policy.Days: m.w.AtMidnight, policy.Settling: m.w.AtMidnight, policy.Workdays: m.w.ByHour, policy.Entries: m.w.ByEntries}[b.Kind])
	}
	text := strings.Join(bounds, "; ")
	if len(bounds) > 1 {
		text += "; " + m.w.First
	}
	list = append(append(list, text+"."), ends...)
	if _, hours := p.Keep.Of(policy.Workdays); hours {
		list = append(list, fmt.Sprintf(m.w.DaysOff, p.Workdays))
		if len(p.Holidays) > 0 {
			list = append(list, fmt.Sprintf(m.w.FurtherDaysOff, m.dates(p.Holidays)))
		}
	}
	if _, settling := p.Keep.Of(policy.Settling); settling {
		if len(p.Settled) == 0 {
			return append(list, m.w.NotSettled)
		}
		list = append(list, fmt.Sprintf(m.w.Settled, m.dates(p.Settled)))
	}
	return list
}

func (m *maker) figures(f Figures) (list []string) {
	if !f.Lines {
		list = append(list, m.w.NoLine)
	}
	if f.Traffic != nil {
		list = append(list, m.traffic(f.Traffic)...)
		if f.Whole || f.Lines && f.Left != nil { // Left is for rooms only
			list = append(list, m.w.WholeAddress)
		}
	}
	if len(f.Rooms)+len(f.URLs) == 0 {
		return list
	}
	of := brands(slices.DeleteFunc(slices.Clone(f.Rooms), func(s string) bool { return s == "none" }))
	list = append(list, fmt.Sprintf(m.w.Rooms, m.and(append(of, m.quoted(f.URLs)...))))
	if f.Hash == "hmac" {
		list = append(list, m.w.HMAC)
	} else {
		list = append(list, m.w.SHA1)
	}
	if f.CountV6 < 128 {
		list = append(list, fmt.Sprintf(m.w.V6, f.CountV6))
	}
	switch {
	case f.Whole:
		list = append(list, m.w.WholeAddress)
	case f.Left != nil && f.Left.Kind == policy.Drop:
		list = append(list, m.w.NoAddress)
	case f.Left != nil:
		list = append(list, fmt.Sprintf(m.w.LeftAddress, m.how(Fields{}, Field{Name: "client", Treatment: *f.Left})))
	}
	return list
}

func (m *maker) traffic(t *Traffic) (list []string) {
	list = append(list, fmt.Sprintf(m.w.Traffic, m.number(t.Least)))
	if t.Sitemap {
		list = append(list, m.w.Sitemap)
	}
	if t.Countries {
		list = append(list, m.w.Countries)
	}
	if len(t.Groups) > 0 {
		list = append(list, fmt.Sprintf(m.w.Groups, strings.Join(m.quoted(t.Groups), ", ")))
	}
	if t.ByAddress {
		list = append(list, m.w.ByAddressAlone)
	}
	if minutes := int(t.Timeout / time.Minute); t.Timeout%time.Minute == 0 && minutes > 1 {
		list = append(list, fmt.Sprintf(m.w.VisitMinutes, m.number(minutes)))
	} else {
		list = append(list, fmt.Sprintf(m.w.VisitSeconds, m.number(int(t.Timeout/time.Second))))
	}
	if len(t.Own) > 0 {
		list = append(list, fmt.Sprintf(m.w.Own, m.and(t.Own)))
	}
	if len(t.Ignore) > 0 {
		list = append(list, fmt.Sprintf(m.w.Ignored, strings.Join(m.quoted(t.Ignore), ", ")))
	}
	if t.MaxVisits > 0 {
		list = append(list, fmt.Sprintf(m.w.MaxVisits, m.number(t.MaxVisits)))
	}
	if t.MaxNames > 0 {
		list = append(list, fmt.Sprintf(m.w.MaxNames, m.number(t.MaxNames)))
	}
	return list
}

// brandNames are the names of the systems that rooms and events belong to.
var brandNames = map[string]string{
	"wordpress": "WordPress", "drupal": "Drupal", "typo3": "TYPO3", "jitsi": "Jitsi Meet", "jitsi-pages": "Jitsi Meet (pages)", "greenlight": "Greenlight",
	"bigbluebutton": "BigBlueButton", "nextcloud-talk": "Nextcloud Talk", "etherpad": "Etherpad",
}

func brands(names []string) []string {
	return mapped(names, func(name string) string {
		if brand, ok := brandNames[name]; ok {
			return brand
		}
		return name
	})
}

func (m *maker) keys(k Keys) (list []string) {
	if isPseudonym(k.Client) {
		list = append(list, m.w.Encrypts)
	}
	if k.Client == policy.Pfx {
		list = append(list, m.w.Prefixes)
	}
	if len(k.Hashes) > 0 {
		list = append(list, m.w.Hashes)
	}
	if k.Counts {
		list = append(list, m.w.Fingerprints)
	}
	if k.Hits {
		list = append(list, m.w.HitRecords)
	}
	if len(list) == 0 {
		return nil
	}
	if k.Linked != "" {
		list = append(list, fmt.Sprintf(m.w.LinkedKeys, k.Linked))
	}
	switch {
	case !k.Lines:
		list = append(list, m.w.KeyNextDay)
	case k.Days == 1:
		list = append(list, m.w.KeyDay)
	case k.Days > 1:
		list = append(list, fmt.Sprintf(m.w.KeyDays, m.number(k.Days)))
	default:
		list = append(list, m.w.KeyWithLines)
	}
	if isPseudonym(k.Client) {
		return append(list, m.w.AfterKey, m.w.Personal)
	}
	if k.Hits && !k.Counts && len(k.Hashes) == 0 {
		return append(list, m.w.AfterHits)
	}
	return append(list, m.w.AfterHash)
}

func (m *maker) disclosure(list *[]Block, d Disclosure) {
	under := func(at label, purpose policy.Text) {
		m.add(list, at, sentence(fmt.Sprintf(m.w.Under, m.in(purpose))), m.w.Recorded)
	}
	switch {
	case d.Flags:
		m.given(list, labelReveal, "")
		m.add(list, labelAccess, m.w.RecordedAll)
		return
	case d.Reveal != nil && d.Pseudonyms:
		under(labelReveal, d.Reveal)
	case d.Reveal != nil:
		under(labelAccess, d.Reveal)
	case d.Pseudonyms:
		m.add(list, labelReveal, m.w.Refused)
	}
	if d.Access != nil {
		under(labelAccess, d.Access)
	}
}

func (m *maker) gate(g Gate) (list []string) {
	if a := g.Active; a == nil {
		list = append(list, m.w.Closed)
	} else {
		list = append(list, fmt.Sprintf(m.w.Open, m.Language.Date(a.From), m.Language.Date(a.Until)))
		if a.IsAnnounced {
			list = append(list, fmt.Sprintf(m.w.Announced, m.Language.Date(a.Announced)))
		}
	}
	var terms []string
	if g.Announce > 0 {
		terms = append(terms, fmt.Sprintf(m.w.Announce, m.number(g.Announce)))
	}
	if g.Longest > 0 {
		terms = append(terms, fmt.Sprintf(m.w.Longest, m.number(g.Longest)))
	}
	if g.After != "" {
		terms = append(terms, fmt.Sprintf(m.w.After, g.After))
	}
	if g.Names != "" {
		terms = append(terms, m.w.One)
	}
	if len(terms) > 0 {
		list = append(list, fmt.Sprintf(m.w.Terms, strings.Join(terms, ", ")))
	}
	return list
}

// joining appends the table of streams whose lines can be joined with those of stream.
func (m *maker) joining(list *[]Block, stream string) {
	table := Block{order: labelJoining, Label: m.w.Labels[labelJoining], Text: m.w.Join, Heads: [2]string{m.w.Labels[labelWith], m.w.Labels[labelBy]}}
	for _, c := range m.claims {
		j, ok := c.(Joining)
		if !ok || j.Of() != stream && j.With != stream {
			continue
		}
		with, by := j.With, m.w.Order
		if with == stream {
			with = j.Of()
		}
		switch {
		case j.Linked:
			by = m.w.JoinLinked
		case len(j.By) > 0:
			by = strings.Join(m.names(j.By), ", ")
		}
		table.Rows = append(table.Rows, [2]string{m.quote(with), by})
	}
	if len(table.Rows) > 0 {
		*list = append(*list, table)
	}
}

func (m *maker) backups(b Backups) string {
	switch {
	case b.Tagged:
		return m.w.Tagged
	case b.Lines:
		return m.w.Untagged
	}
	return m.w.FiguresUntagged
}

func (m *maker) input(in Input) (list []string) {
	list = append(list, m.w.Log)
	if in.Format != "auto" {
		list[0] = fmt.Sprintf(m.w.LogFormat, in.Format)
	}
	if in.Client != "" {
		list = append(list, fmt.Sprintf(m.w.Client, m.quote(in.Client)))
	}
	if len(in.Proxies) > 0 {
		list = append(list, fmt.Sprintf(m.w.Proxies, m.and(in.Proxies)))
	}
	if in.UserField != "" {
		list = append(list, fmt.Sprintf(m.w.User, in.UserField))
	}
	if len(in.JSONKeys) > 0 {
		list = append(list, fmt.Sprintf(m.w.Keys, strings.Join(in.JSONKeys, ", ")))
	}
	return list
}

func (m *maker) rights(r Rights) Section {
	s := Section{Title: m.w.Labels[labelRights]}
	m.paragraph(&s, m.w.Rights)
	m.add(&s.Blocks, labelObject, m.w.Object)
	var more []string
	if strings.Contains(r.Letters, "a") {
		more = append(more, m.w.Withdraw)
	}
	if strings.ContainsAny(r.Letters, "ab") {
		more = append(more, m.w.Portable)
	}
	if len(more) > 0 {
		m.paragraph(&s, more...)
	}
	if r.Lines {
		text := m.w.ByNothing
		switch {
		case r.ByAddress && r.ByUser:
			text = m.w.ByEither
		case r.ByAddress:
			text = m.w.ByAddress
		case r.ByUser:
			text = m.w.ByUser
		}
		m.paragraph(&s, text)
	}
	text := m.w.Errors
	if r.FromBrowser {
		text = m.w.Browser
	}
	m.paragraph(&s, text)
	return s
}
