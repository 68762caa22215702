package treatment

import (
	"slices"

	"hushpipe/filter/pseudonym"
	"hushpipe/format"
	"hushpipe/format/policy"
)

// Doubt is what is wrong with a line that was written.
type Doubt uint8

const (
	NoDoubt   Doubt = iota
	Address4        // an IPv4 address that is not a pseudonym
	Address6        // an IPv6 address that is none
	HostName        // a client that is neither an address nor struck out
	NoHash          // a field that should be a hash
	Untreated       // a treatment changes it
	Unfit           // it does not have the format, of a stream that lists its fields
	Unchosen        // it does not fit the conditions
	Vague           // nobody can tell whether it does: what they are about was replaced
	OldLine         // it is of a day before that of its file
	Unclear         // nobody can tell: a pseudonym stands in the midst of other words
	Closed          // it is of a group with too few people
	Groupless       // nobody can tell of which group it is
)

// Written returns the Plan by which lines that a stream wrote in its own format are treated
// once more, which changes none of them. written is that format.
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
			plan.Mode, _ = pseudonym.ParseMode(t.String()) // Compile has looked at it
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

// spareConnect leaves the target of a CONNECT as it is, which stands by itself where the
// request line was split into its parts.
func (t *Treatment) spareConnect() {
	do := t.do
	if do == nil {
		return // it is left out
	}
	t.do = func(t *Treatment, h Hasher, dst, v []byte) []byte {
		if isHostPort(v) {
			return append(dst, v...)
		}
		return do(t, h, dst, v)
	}
}

// Again returns the Plan for lines that were treated by it: which users are passwords was
// told then, and shows no more where the status is left out.
func (p *Plan) Again(written format.Parser) *Plan {
	again := *p
	again.Pieces = nil
	known, _ := written.(*format.LogFormat)
	again.treated = !p.roles[format.RoleStatus].IsWhole() || known != nil && !slices.Contains(known.Roles(), format.RoleStatus)
	return &again
}
