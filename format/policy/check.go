package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// check finds mistakes that no single value shows.
func (d *decoder) check(p *Policy) {
	clean := len(d.errs) == 0
	events := p.eventNames()
	if len(p.Holidays) > 0 && p.Workdays == "" && d.get("workdays") == nil {
		d.fault("holidays", "there are holidays and no workdays", `give workdays = "de-BE"`)
	}
	seen := map[string]int{}
	for i := range p.Streams {
		s, path := &p.Streams[i], fmt.Sprintf("stream[%d]", i)
		if first, twice := seen[s.Name]; twice && s.Name != "" {
			where := d.source.fault(fmt.Sprintf("stream[%d].name", first), "", "")
			d.fault(path+".name", fmt.Sprintf("two streams have the name %q", s.Name), fmt.Sprintf("the other one is in line %d", where.Line))
		} else {
			seen[s.Name] = i
		}
		d.checkEvents(s.Where.Events, path+".where.event", events)
		d.checkEvents(s.Unless.Events, path+".unless.event", events)
		d.checkFields(s, path, events)
		d.checkKeep(p, s, path)
		d.checkGate(p, s, path)
		d.checkFigures(s, path)
		d.checkLink(p, s, path)
		if clean {
			d.checkCondition(p, s, path)
		}
	}
}

func (d *decoder) get(key string) *key { return d.root.get(key) }

func (d *decoder) fault(path, what, hint string) {
	d.errs = append(d.errs, d.source.fault(path, what, hint))
}

// has reports whether the file has a key or value at path.
func (d *decoder) has(path string) bool {
	_, ok := d.source.places[path]
	return ok
}

// isWrong reports whether a mistake has already been found at path.
func (d *decoder) isWrong(path string) bool {
	if !d.has(path) {
		return false
	}
	at := d.source.fault(path, "", "")
	return slices.ContainsFunc(d.errs, func(e *Error) bool { return e.Line == at.Line && e.Column == at.Column })
}

func (d *decoder) checkEvents(list []string, path string, events []string) {
	for i, name := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case name == "*" && len(events) > 0 || slices.Contains(events, name) || d.isWrong("events") || d.isWrong("events[0]"):
		case len(events) == 0:
			d.fault(at, fmt.Sprintf("the policy has no event, and so none %q", name), `give events = ["http"], or an [[event]]`)
		default:
			d.fault(at, fmt.Sprintf("unknown event %q", name), hintOf(name, events))
		}
	}
}

func (d *decoder) checkFields(s *Stream, path string, events []string) {
	if s.Format != "" && s.Fields == nil && !d.has(path+".fields") {
		d.fault(path+".format", "format without fields: what of them may be written?", `give fields = { client = "ipcrypt", time = "keep" }`)
	}
	if s.Treatment("event").Kind != Drop && len(events) == 0 {
		d.fault(path+".fields.event", "the policy has no event", `give events = ["http"], or an [[event]]`)
	}
}

func (d *decoder) checkKeep(p *Policy, s *Stream, path string) {
	if _, hours := s.Keep.Of(Workdays); hours && p.Workdays == "" && d.get("workdays") == nil {
		d.fault(path+".keep", fmt.Sprintf("%q of the stream %q counts workdays, and the policy has none", s.Keep, s.Name), `give workdays = "de-BE", or another calendar, at the top of the file`)
	}
	if _, settling := s.Keep.Of(Settling); len(s.Settled) > 0 && !settling && !d.isWrong(path+".keep") {
		d.fault(path+".settled", "settled without a bound that follows it", `give keep = "90d after settling, 400d", or leave it out`)
	}
}

func (d *decoder) checkGate(p *Policy, s *Stream, path string) {
	switch {
	case d.has(path+".group") && !d.has(path+".least"):
		d.fault(path+".group", `group without "least"`, "least = 7 says how many people share what is left of it")
	case !d.has(path+".group") && d.has(path+".least"):
		d.fault(path+".least", `least without "group"`, `group = "user" says of what`)
	case len(s.Group) > 0 && s.Keep.None() && !d.isWrong(path+".keep"):
		d.fault(path+".group", "a group releases lines, and this stream keeps none", "leave it out")
	}
	for i, field := range s.Group {
		if s.Treatment(field).Kind == Drop && d.has(path+".fields") == (s.Fields != nil) && !d.isWrong(path+".fields."+field) {
			d.fault(fmt.Sprintf("%s.group[%d]", path, i), fmt.Sprintf("the stream has no field %q to group by", field), fmt.Sprintf(`give fields = { %s = "…" }`, field))
		}
	}
	if s.Gate == nil {
		if s.Active != nil && !d.has(path+".gate") {
			d.fault(path+".active", "active without a gate: the stream is always active", `leave it out, or give gate = { announce = "14d" }`)
		}
		return
	}
	if after := s.Gate.After; after != "" {
		other := p.Stream(after)
		switch {
		case after == s.Name:
			d.fault(path+".gate.after", "a stream cannot come after itself", "")
		case other == nil:
			d.fault(path+".gate.after", fmt.Sprintf("no stream has the name %q", after), p.hintOfStream(after, s))
		case other.Gate == nil:
			d.fault(path+".gate.after", fmt.Sprintf("%q has no gate: it is always active", after), "leave it out")
		case p.comesAfter(other, s, len(p.Streams)):
			d.fault(path+".gate.after", fmt.Sprintf("%q comes after %q itself", after, s.Name), "")
		}
	}
	if a := s.Active; a != nil {
		switch {
		case a.Until < a.From && !d.isWrong(path+".active.until"):
			d.fault(path+".active.until", "until is before from", "")
		case a.IsAnnounced && a.Announced > a.From && s.Gate.Announce == 0 && !d.isWrong(path+".active.announced"):
			d.fault(path+".active.announced", "announced after it begins", "")
		}
		switch names, given := s.Gate.Names != "", d.has(path+".active.for"); {
		case names && !given:
			d.fault(path+".active", "the gate opens for one user, and none is named", `give for = "USER"`)
		case !names && given && !d.has(path+".gate.names"):
			d.fault(path+".active.for", "for without a gate that names somebody", `give gate = { names = "user" }, or leave it out`)
		}
	}
}

// comesAfter reports whether a's gate requires b, directly or in at most that many steps.
func (p *Policy) comesAfter(a, b *Stream, steps int) bool {
	for ; steps > 0 && a != nil && a.Gate != nil && a.Gate.After != ""; steps-- {
		if a.Gate.After == b.Name {
			return true
		}
		a = p.Stream(a.Gate.After)
	}
	return false
}

// hintOfStream suggests another stream for an unknown name.
func (p *Policy) hintOfStream(name string, s *Stream) string {
	var names []string
	for _, other := range p.Streams {
		if other.Name != s.Name && other.Name != "" {
			names = append(names, other.Name)
		}
	}
	if len(names) == 0 {
		return "there is no other stream: leave it out"
	}
	return hintOf(name, names)
}

func (d *decoder) checkFigures(s *Stream, path string) {
	f := &s.Figures
	for _, key := range []string{"room-hash", "count-v6"} {
		if d.has(path+"."+key) && !f.CountsRooms() && !d.has(path+".rooms") && !d.has(path+".room-url") {
			d.fault(path+"."+key, key+" without rooms to count", `give rooms = ["jitsi"], or leave it out`)
		}
	}
	if f.Full && !f.Any() && !d.has(path+".rooms") && !d.has(path+".room-url") {
		d.fault(path+".count", "count without figures", `give rooms = ["jitsi"], or leave it out`)
	}
	for _, name := range TrafficOptions {
		if d.has(path+".traffic-"+name) && !f.Traffic {
			d.fault(path+".traffic-"+name, "traffic-"+name+" without traffic", "give traffic = true")
		}
	}
}

func (d *decoder) checkLink(p *Policy, s *Stream, path string) {
	if s.Linked == "" {
		return
	}
	other := p.Stream(s.Linked)
	switch {
	case s.Linked == s.Name:
		d.fault(path+".linked", "a stream cannot be linked with itself", "")
	case other == nil:
		d.fault(path+".linked", fmt.Sprintf("no stream has the name %q", s.Linked), p.hintOfStream(s.Linked, s))
	case other.Linked != "":
		d.fault(path+".linked", fmt.Sprintf("%q has the keys of %q itself", s.Linked, other.Linked), "name the stream that has keys of its own")
	}
}

// checkCondition reports conditions that no line can fit.
func (d *decoder) checkCondition(p *Policy, s *Stream, path string) {
	if covers(&s.Unless, &s.Where) {
		d.fault(path+".unless", "unless takes all that where lets in: no line can go to this stream", "leave one of them out")
		return
	}
	if len(s.Where.Events) == 0 || slices.Contains(s.Where.Events, "*") {
		return
	}
	for _, e := range p.Events() {
		if slices.Contains(s.Where.Events, e.Name) && !e.Condition.excludes(&s.Where) {
			return
		}
	}
	d.fault(path+".where", fmt.Sprintf("no line can be %s and fit the other keys", strings.Join(s.Where.Events, " or ")), "compare status, method and user with the event's")
}

// covers reports whether c is certain to fit each line that o fits.
func (c *Condition) covers(o *Condition) bool {
	return coversKey(c.Status, o.Status, func(a, b StatusRange) bool { return a.From <= b.From && b.To <= a.To }) &&
		coversKey(c.Methods, o.Methods, equal) &&
		coversKey(c.URLs, o.URLs, func(a, b string) bool { return a == b || a == "*" || a == "/*" && b[0] == '/' }) &&
		coversKey(c.Queries, o.Queries, func(a, b Query) bool { return a == b || !a.HasValue && a.Name == b.Name }) &&
		coversKey(c.Hosts, o.Hosts, equal) &&
		coversKey(c.Users, o.Users, func(a, b string) bool { return a == b || a == "*" }) &&
		coversKey(c.Clients, o.Clients, func(a, b netip.Prefix) bool { return a.Bits() <= b.Bits() && a.Contains(b.Addr()) }) &&
		coversKey(c.Events, o.Events, func(a, b string) bool { return a == b || a == "*" })
}

func equal(a, b string) bool { return a == b }

// coversKey reports whether each value of narrow is within one of wide.
func coversKey[T any](wide, narrow []T, within func(wide, narrow T) bool) bool {
	if len(wide) == 0 {
		return true
	}
	return len(narrow) > 0 && !slices.ContainsFunc(narrow, func(n T) bool {
		return !slices.ContainsFunc(wide, func(w T) bool { return within(w, n) })
	})
}

// excludes reports whether no line can fit both c and o. It considers the keys with a single
// value per line: status, method, host, user, client.
func (c *Condition) excludes(o *Condition) bool {
	return disjoint(c.Status, o.Status, func(a, b StatusRange) bool { return a.From <= b.To && b.From <= a.To }) ||
		disjoint(c.Methods, o.Methods, equal) ||
		disjoint(c.Hosts, o.Hosts, equal) ||
		disjoint(c.Users, o.Users, func(a, b string) bool { return a == b || a == "*" || b == "*" }) ||
		disjoint(c.Clients, o.Clients, func(a, b netip.Prefix) bool { return a.Overlaps(b) })
}

// disjoint reports whether both keys are given and no two values meet.
func disjoint[T any](a, b []T, meet func(a, b T) bool) bool {
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(x T) bool {
		return slices.ContainsFunc(b, func(y T) bool { return meet(x, y) })
	})
}
