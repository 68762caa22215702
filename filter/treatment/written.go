package treatment

import (
	"slices"

	"hushpipe/filter/pseudonym"
	"hushpipe/format"
	"hushpipe/format/policy"
)

// Doubt is what is wrong with a written line.
type Doubt uint8

const (
	NoDoubt   Doubt = iota
	Address4        // an IPv4 address that is not a pseudonym
	Address6        // an IPv6 address that is not a pseudonym
	HostName        // a client that is neither an address nor redacted
	NoHash          // a field that should be a hash
	Untreated       // a treatment, done again, changes it
	Unfit           // not in the format of a stream that lists its fields
	Unchosen        // does not match the conditions
	Vague           // unknown whether it matches the conditions: what they test was replaced
	OldLine         // from an earlier day than its file
	Unclear         // unknown: it has words chosen by a client, among which a pseudonym cannot be recognized
	Closed          // in a group with too few people
	Groupless       // in an unknown group
)

// Written returns the Plan that checks lines written in a stream's own format: treating them
// again does not change them. written is that format.
func Written(s *policy.Stream, written *format.LogFormat) *Plan {
	directives, kinds := written.Directives(), written.Roles()
	plan := &Plan{other: make([]*Treatment, len(directives)+1), users: make([]bool, len(directives)+1)}
	plan.Mode, _ = pseudonym.ParseMode("drop")
	for _, f := range s.Fields {
		t := New(f.Name, f.Treatment)
		if f.Name == "url" && !f.Other {
			t.spareConnect()
		}
		name := f.Name
		switch {
		case f.Other:
		case name == "event":
			name = "%{event}e"
		case name == "client" && t.Kind == policy.OnlyNets:
			plan.Nets = &t.Treatment
		case name == "client":
			plan.Mode, _ = pseudonym.ParseMode(t.String()) // Compile has checked it
		}
		if at := slices.Index(directives, name); at >= 0 && kinds[at] == format.RoleOther {
			plan.other[at+1] = t
		}
		if !f.Other {
			plan.take(f.Name, t)
		}
	}
	return plan
}

// spareConnect keeps the target of a CONNECT, which is separate if the request line was
// split into its parts.
func (t *Treatment) spareConnect() {
	do := t.do
	if do == nil {
		return // dropped
	}
	t.do = func(t *Treatment, h Hasher, dst, v []byte) []byte {
		if isHostPort(v) {
			return append(dst, v...)
		}
		return do(t, h, dst, v)
	}
}

// Again returns the Plan for lines that were written by it: users were distinguished from
// passwords then, which can no longer be done if the status was dropped.
func (p *Plan) Again(written format.Parser) *Plan {
	again := *p
	again.Pieces = nil
	known, _ := written.(*format.LogFormat)
	again.treated = !p.roles[format.RoleStatus].IsWhole() || known != nil && !slices.Contains(known.Roles(), format.RoleStatus)
	return &again
}
