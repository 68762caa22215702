// Package claims derives the list of statements that are true of a log, from a policy or
// from flags. The privacy notice contains these and nothing else.
package claims

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hushpipe/filter/traffic"
	"hushpipe/format"
	"hushpipe/format/policy"
	"hushpipe/format/statement"
)

// OfPolicy returns the claims of a policy without errors in terms.Check: those of the whole
// log, then those of each stream, in order.
func OfPolicy(p *policy.Policy) []statement.Claim {
	return of(p, p.Digest(), policy.Treatment{Kind: policy.Ipcrypt})
}

// OfRun returns the claims of a running policy whose gates are open as given: a gate is
// closed if its decision violates it.
func OfRun(p *policy.Policy, open []policy.Opening) []statement.Claim {
	run := *p
	run.Streams = slices.Clone(p.Streams)
	for i := range run.Streams {
		if s := &run.Streams[i]; s.Gate != nil && open[i].IsEmpty() {
			s.Active = nil
		}
	}
	return of(&run, p.Digest(), policy.Treatment{Kind: policy.Ipcrypt})
}

// of returns the claims of a policy; client is the treatment of addresses in lines that are
// written whole.
func of(p *policy.Policy, digest string, client policy.Treatment) []statement.Claim {
	m := maker{policy: p, parser: parserOf(p), client: client}
	n := &p.Notice
	for _, t := range []statement.Notice{
		{Key: "controller", Text: n.Controller}, {Key: "contact", Text: n.Contact}, {Key: "officer", Text: n.Officer},
		{Key: "authority", Text: n.Authority}, {Key: "place", Text: n.Place}, {Key: "transfer", Text: n.Transfer}, {Key: "more", Text: n.More},
	} {
		m.add(t)
	}
	m.add(statement.Running{Digest: digest})
	m.add(statement.Input{Format: p.Format, Client: p.Client, Proxies: p.TrustedProxies, JSONKeys: p.JSONKeys, UserField: p.UserField})
	for i := range p.Streams {
		m.stream(&p.Streams[i])
	}
	for _, pair := range p.Pairs() {
		m.add(statement.Joining{InStream: statement.InStream(pair.A.Name), With: pair.B.Name, By: pair.By, Linked: pair.Linked})
	}
	m.rights.FromBrowser = !format.IsError(p.Format)
	m.add(m.rights)
	return m.list
}

// maker builds the list.
type maker struct {
	policy *policy.Policy
	parser format.Parser // nil if the format is invalid
	client policy.Treatment
	list   []statement.Claim
	rights statement.Rights // so far
}

func (m *maker) add(c statement.Claim) { m.list = append(m.list, c) }

func parserOf(p *policy.Policy) format.Parser {
	var keys []string
	for _, list := range p.JSONKeys {
		keys = append(keys, strings.Split(list, ",")...)
	}
	parser, err := format.NewWith(p.Format, time.UTC, format.Options{JSONKeys: keys, Client: p.Client, User: p.UserField, Proxies: len(p.TrustedProxies) > 0})
	if err != nil {
		return nil
	}
	return parser
}

func (m *maker) stream(s *policy.Stream) {
	in := statement.InStream(s.Name)
	m.add(statement.Purpose{InStream: in, Text: s.Purpose})
	m.add(statement.Basis{InStream: in, Text: s.Basis})
	for _, text := range s.Basis {
		m.rights.Letters += statement.Letter(text)
	}
	if s.Keep.None() && !s.Figures.Any() {
		m.add(statement.Nothing{InStream: in})
		return
	}
	if s.Gate != nil {
		m.add(gate(s))
	}
	m.add(statement.Lines{InStream: in, Where: s.Where, Unless: s.Unless, Events: m.events(slices.Concat(s.Where.Events, s.Unless.Events))})
	client := m.client
	if s.Fields != nil {
		client = s.Treatment("client")
	}
	m.written(s, client)
}

// written adds the claims about the lines and figures of a stream.
func (m *maker) written(s *policy.Stream, client policy.Treatment) {
	in := statement.InStream(s.Name)
	keys := statement.Keys{InStream: in, Client: policy.Drop, Counts: s.Figures.CountsRooms(), Hits: s.Figures.Traffic, Lines: s.KeepsLines(), Linked: s.Linked}
	home := cmp.Or(m.policy.Stream(s.Linked), s)
	keys.Lines = home.KeepsLines()
	if m.policy.SharesKeys(s) {
		keys.Days, _ = home.Keep.Of(policy.Days)
	}
	if s.KeepsLines() {
		fields := m.fields(s, client)
		keys.Client = client.Kind
		for _, f := range fields.List {
			if f.Kind == policy.Hash {
				keys.Hashes = append(keys.Hashes, f)
			}
			m.rights.ByUser = m.rights.ByUser || f.Name == "user" && (f.Kind == policy.Whole || f.Kind == policy.Hash || f.Kind == policy.Words)
			m.rights.ByAddress = m.rights.ByAddress || f.Name == "client" && f.Kind != policy.Mask
		}
		m.rights.Lines = true
		m.add(fields)
		m.add(statement.Addresses{InStream: in, Client: client, Redact: m.policy.Redact})
		if len(s.Group) > 0 {
			m.add(statement.Group{InStream: in, Fields: s.Group, Least: s.Least})
		}
		m.add(statement.Period{InStream: in, Keep: s.Keep, Workdays: m.policy.Workdays, Holidays: m.policy.Holidays, Settled: s.Settled})
	}
	if f := &s.Figures; f.Any() {
		var left *policy.Treatment
		if s.CountsLeft() {
			left = &client
		}
		m.add(statement.Figures{InStream: in, Traffic: trafficOf(f), Rooms: f.Rooms, URLs: f.RoomURLs, Hash: cmp.Or(f.RoomHash, "sha1"), CountV6: cmp.Or(f.CountV6, 128),
			Lines: s.KeepsLines(), Whole: s.KeepsLines() && client.Merges() && (f.Full || f.Traffic && !f.CountsRooms()), Left: left})
	}
	m.add(keys)
	if s.KeepsLines() {
		if pseudonyms := client.Kind == policy.Ipcrypt || client.Kind == policy.Pfx; pseudonyms || s.Reveal != nil || s.Access != nil {
			m.add(statement.Disclosure{InStream: in, Pseudonyms: pseudonyms, Reveal: s.Reveal, Access: s.Access, Flags: s.Name == ""})
		}
		m.add(statement.Recipients{InStream: in, List: s.Recipients})
	}
	m.add(statement.Backups{InStream: in, Lines: s.KeepsLines(), Tagged: s.Name != "" && s.KeepsLines() && !s.Figures.Any()})
}

// trafficOf returns how traffic is counted, nil if it is not.
func trafficOf(f *policy.Figures) *statement.Traffic {
	if !f.Traffic {
		return nil
	}
	std := traffic.Defaults()
	t := &statement.Traffic{Least: std.MinGroup, Timeout: std.Timeout, Own: f.TrafficOptions["own"], Ignore: f.TrafficOptions["ignore"],
		Sitemap:   len(f.TrafficOptions["sitemap"]) > 0,
		Countries: len(f.TrafficOptions["country"]) > 0, Groups: f.TrafficOptions["group"], ByAddress: slices.Contains(f.TrafficOptions["visitor"], "address")}
	for name, to := range map[string]*int{"min-group": &t.Least, "max-visits": &t.MaxVisits, "max-names": &t.MaxNames} {
		for _, text := range f.TrafficOptions[name] {
			if n, err := strconv.Atoi(text); err == nil {
				*to = n
			}
		}
	}
	for _, text := range f.TrafficOptions["visit-timeout"] {
		if d, err := time.ParseDuration(text); err == nil {
			t.Timeout = d
		}
	}
	return t
}

// gate returns the claim about a stream's gate, without the decision's reason and the person
// that it concerns.
func gate(s *policy.Stream) statement.Gate {
	g := statement.Gate{InStream: statement.InStream(s.Name), Gate: *s.Gate}
	if a := s.Active; a != nil {
		g.Active = &policy.Active{Announced: a.Announced, IsAnnounced: a.IsAnnounced, Span: a.Span}
	}
	return g
}

// events returns the events with these names; "*" means all.
func (m *maker) events(names []string) (list []statement.Event) {
	for _, set := range append(slices.Clone(m.policy.Sets), "") {
		for _, e := range eventsOf(m.policy, set) {
			if !slices.Contains(names, "*") && !slices.Contains(names, e.Name) {
				continue
			}
			i := slices.IndexFunc(list, func(known statement.Event) bool { return known.Name == e.Name })
			if i < 0 {
				i = len(list)
				list = append(list, statement.Event{Name: e.Name})
			}
			of := &list[i]
			switch {
			case set == "":
				of.Own = append(of.Own, e.Condition)
				if of.Title == nil {
					of.Title = e.Title
				}
			case !slices.Contains(of.Sets, set):
				of.Sets = append(of.Sets, set)
			}
		}
	}
	return list
}

// eventsOf returns the events of one set, or with "" the policy's own.
func eventsOf(p *policy.Policy, set string) []policy.Event {
	if set == "" {
		return p.Own
	}
	return (&policy.Policy{Sets: []string{set}}).Events()
}
