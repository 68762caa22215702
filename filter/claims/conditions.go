package claims

import (
	"slices"
	"strings"

	"hushpipe/format/policy"
	"hushpipe/format/statement"
)

// Conditions returns a policy of one stream whose conditions every line written by that
// stream of p satisfies: those conditions of the stream that can be checked from what is
// kept of a line. untold lists the keys of the others.
func Conditions(p *policy.Policy, stream string) (told *policy.Policy, untold []string) {
	c := conditions{}
	for _, claim := range OfPolicy(p) {
		if f, ok := claim.(statement.Fields); ok && f.Of() == stream {
			c.fields = f
		}
	}
	s := p.Stream(stream)
	out := policy.Stream{Name: s.Name, Where: c.atLeast(s.Where)}
	told = &policy.Policy{}
	unless, all := c.atMost(s.Unless)
	for _, e := range p.Events() {
		one := policy.Event{Name: e.Name, Condition: c.atLeast(e.Condition)}
		if one.Unless, _ = c.atMost(e.Unless); one.Condition.IsZero() { // it may match any line
			if slices.Contains(out.Where.Events, e.Name) || slices.Contains(out.Where.Events, "*") {
				out.Where.Events = nil
				c.untold = append(c.untold, "event")
			}
			continue
		}
		told.Own = append(told.Own, one)
	}
	if all {
		out.Unless = unless
	}
	told.Streams = []policy.Stream{out}
	slices.Sort(c.untold)
	return told, slices.Compact(c.untold)
}

// conditions selects keys of conditions.
type conditions struct {
	fields statement.Fields
	untold []string
}

// atLeast removes the keys that cannot be checked from a condition.
func (c *conditions) atLeast(in policy.Condition) (out policy.Condition) {
	out = c.told(in, func(glob string) bool {
		star := strings.IndexByte(glob, '*')
		return (star < 0 || star == len(glob)-1) && !strings.ContainsAny(glob, ";#%?")
	})
	out.Events = in.Events
	return out
}

// atMost is told for a condition that excludes lines; all is false if a key had to be
// removed, so that more lines would match.
func (c *conditions) atMost(in policy.Condition) (out policy.Condition, all bool) {
	before := len(c.untold)
	out = c.told(in, func(glob string) bool {
		return strings.IndexByte(glob, '*') == len(glob)-1 && !strings.ContainsAny(glob, ";#%?")
	})
	if len(in.Events) > 0 { // some of them match more lines than before
		c.untold = append(c.untold, "event")
	}
	return out, len(c.untold) == before
}

// told returns the keys that can be checked from lines. prefix reports whether a URL pattern
// can be checked from the beginning of a path, which is all that is kept.
func (c *conditions) told(in policy.Condition, prefix func(string) bool) (out policy.Condition) {
	key := func(name string, given, ok bool) bool {
		if given && !ok {
			c.untold = append(c.untold, name)
		}
		return given && ok
	}
	if key("status", len(in.Status) > 0, c.keeps("status")) {
		out.Status = in.Status
	}
	if key("method", len(in.Methods) > 0, c.has("method")) {
		out.Methods = in.Methods
	}
	if key("host", len(in.Hosts) > 0, c.keeps("host")) {
		out.Hosts = in.Hosts
	}
	if key("user", len(in.Users) > 0, c.keeps("user") && c.keeps("status")) {
		out.Users = in.Users
	}
	hasPath := c.has("url", policy.Whole, policy.Path, policy.OnlyParams)
	if key("url", len(in.URLs) > 0, hasPath && !slices.ContainsFunc(in.URLs, func(g string) bool { return !prefix(g) })) {
		out.URLs = in.URLs
	}
	plain := !slices.ContainsFunc(in.Queries, func(q policy.Query) bool { return q.HasValue })
	if key("query", len(in.Queries) > 0, c.keeps("url") && plain) {
		out.Queries = in.Queries
	}
	key("client", len(in.Clients) > 0, false)
	return out
}

func (c *conditions) keeps(field string) bool { return c.has(field, policy.Whole) }

// has reports whether a field is written, with one of the treatments if any are given.
func (c *conditions) has(field string, kinds ...policy.Kind) bool {
	if c.fields.Whole && !c.fields.Known && field != "host" {
		return true
	}
	return slices.ContainsFunc(c.fields.List, func(f statement.Field) bool {
		return f.Name == field && !f.Other && (len(kinds) == 0 || slices.Contains(kinds, f.Kind))
	})
}
