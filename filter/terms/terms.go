// Package terms checks whether the log's format, DIR and this version support what a policy
// requests.
package terms

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/policy"
)

// Check returns everything in p that is not possible, sorted by position.
func Check(p *policy.Policy) policy.Errors {
	c := checker{Policy: p}
	c.format()
	for i := range p.Redact {
		if _, err := treatment.NewRedact(p.Redact[i]); err != nil {
			c.wrong(fmt.Sprintf("redact[%d]", i), err)
		}
	}
	for i, set := range p.Sets {
		c.set(set, fmt.Sprintf("events[%d]", i))
	}
	for i := range p.Own {
		c.condition(&p.Own[i].Condition, fmt.Sprintf("event[%d]", i))
	}
	for i := range p.Streams {
		c.stream(&p.Streams[i], fmt.Sprintf("stream[%d]", i))
	}
	return c.Sorted()
}

type checker struct {
	*policy.Policy
	policy.Errors
	parser format.Parser // nil: the format is invalid
	known  *format.LogFormat
}

// wrong adds an error; the text after "; hint: " becomes its hint.
func (c *checker) wrong(path string, err error) {
	what, hint, _ := strings.Cut(err.Error(), "; hint: ")
	c.add(path, what, hint)
}

func (c *checker) add(path, what, hint string) {
	c.Errors = append(c.Errors, c.Fault(path, what, hint))
}

// format compiles the format of the input.
func (c *checker) format() {
	var keys []string
	for _, list := range c.JSONKeys {
		keys = append(keys, strings.Split(list, ",")...)
	}
	if len(c.TrustedProxies) > 0 {
		if _, err := pseudonym.ParseNetworks(c.TrustedProxies...); err != nil {
			c.wrong("trusted-proxies", err)
			return
		}
	}
	opt := format.Options{JSONKeys: keys, Client: c.Client, User: c.UserField, Proxies: len(c.TrustedProxies) > 0}
	parser, err := format.NewWith(c.Format, time.UTC, opt)
	if err != nil {
		var key *format.JSONKeyError
		var client *format.ClientError
		var proxies *format.ProxiesError
		path := "format"
		switch {
		case errors.As(err, &key):
			path = "json-keys"
		case errors.As(err, &client):
			path = "client"
		case errors.As(err, &proxies):
			path = "trusted-proxies"
		}
		c.wrong(path, err)
		if proxies == nil {
			return
		}
		opt.Proxies = false // check the rest
		if parser, err = format.NewWith(c.Format, time.UTC, opt); err != nil {
			return
		}
	}
	c.parser = parser
	c.known, _ = parser.(*format.LogFormat)
	if c.UserField != "" && (!c.has(format.RoleUser) || format.IsError(c.Format)) {
		c.add("user-field", fmt.Sprintf("the format has no %s", c.UserField), "log it")
	}
}

// has reports whether lines have a field with one of the roles. It returns true if the format
// does not define the fields.
func (c *checker) has(roles ...format.Role) bool {
	return c.known == nil || slices.ContainsFunc(roles, func(r format.Role) bool { return slices.Contains(c.known.Roles(), r) })
}

// set checks a set of predefined events: each needs a status, most need a request.
func (c *checker) set(name, path string) {
	requests := c.has(format.RoleRequest) || c.has(format.RoleMethod) && c.has(format.RoleURL)
	switch {
	case c.parser == nil:
	case format.IsError(c.Format):
		c.add(path, fmt.Sprintf("an error log has none of the events of %s", name), "leave it out")
	case !c.has(format.RoleStatus) || name != "http" && !requests:
		c.add(path, fmt.Sprintf("the format cannot show events of %s: it has no status or no request", name), "log both, or leave it out")
	}
}

func (c *checker) condition(cond *policy.Condition, path string) {
	for _, key := range []struct {
		name  string
		given int
		roles []format.Role
	}{
		{"status", len(cond.Status), []format.Role{format.RoleStatus}},
		{"method", len(cond.Methods), []format.Role{format.RoleRequest, format.RoleMethod}},
		{"url", len(cond.URLs), []format.Role{format.RoleRequest, format.RoleURL}},
		{"query", len(cond.Queries), []format.Role{format.RoleRequest, format.RoleURL, format.RoleQuery}},
		{"host", len(cond.Hosts), []format.Role{format.RoleHost}},
		{"user", len(cond.Users), []format.Role{format.RoleUser}},
		{"client", len(cond.Clients), []format.Role{format.RoleClient}},
	} {
		switch {
		case key.given == 0 || c.parser == nil:
		case format.IsError(c.Format) && key.name != "client":
			c.add(path+"."+key.name, fmt.Sprintf("an error log has no %s", key.name), "leave it out")
		case !c.has(key.roles...):
			c.add(path+"."+key.name, fmt.Sprintf("the format has no %s, and no line fits", key.name), "log it, or leave it out")
		}
	}
}

// later are names reserved for DIR.
var later = []string{"traffic", "acts"}

func (c *checker) stream(s *policy.Stream, path string) {
	if dir.IsUndated("", s.Name) || slices.Contains(later, s.Name) {
		c.add(path+".name", fmt.Sprintf("%q is a name that hushpipe gives in DIR", s.Name), "give another")
	}
	c.condition(&s.Where, path+".where")
	c.condition(&s.Unless, path+".unless")
	c.fields(s, path)
	for i, preset := range s.Figures.Rooms {
		if _, err := rooms.NewMatcher([]string{preset}, nil); err != nil {
			c.wrong(fmt.Sprintf("%s.rooms[%d]", path, i), err)
		} else if preset == "none" && len(s.Figures.Rooms) > 1 {
			c.wrong(fmt.Sprintf("%s.rooms[%d]", path, i), &rooms.PresetError{Preset: preset})
		}
	}
	for i, pattern := range s.Figures.RoomURLs {
		if _, err := rooms.NewMatcher(nil, []string{pattern}); err != nil {
			c.wrong(fmt.Sprintf("%s.room-url[%d]", path, i), err)
		}
	}
	if format.IsError(c.Format) && s.Figures.CountsRooms() {
		c.add(path+".rooms", "an error log has no rooms", "leave it out")
	}
	if format.IsError(c.Format) && s.Figures.Traffic {
		c.add(path+".traffic", "an error log has no requests", "leave it out")
	}
	if linked := c.Stream(s.Linked); linked != nil && linked.Keep.None() && !linked.Figures.Any() {
		c.add(path+".linked", fmt.Sprintf("%q writes nothing, and has no keys", s.Linked), "name a stream that has keys")
	}
	c.keep(s, path)
	c.gate(s, path)
	c.group(s, path)
}

// gate checks that the format has what a gate compares.
func (c *checker) gate(s *policy.Stream, path string) {
	if s.Gate == nil || c.parser == nil {
		return
	}
	if !c.has(format.RoleTime) {
		c.add(path+".gate", "the format has no time, and the gate opens for days", "log %t")
	}
	if s.Gate.Names == "" {
		return
	}
	switch {
	case format.IsError(c.Format) || !c.has(format.RoleUser):
		c.add(path+".gate.names", "the format has no user, and no line fits", "log it, or leave it out")
	case !c.has(format.RoleStatus):
		c.add(path+".gate.names", "the format has no status: who is refused may call himself anything", "log %>s")
	}
}

// group checks that the groups of a stream can open, and only for the right people.
func (c *checker) group(s *policy.Stream, path string) {
	for i, field := range s.Group {
		at := fmt.Sprintf("%s.group[%d]", path, i)
		t := s.Treatment(field)
		whole := t.Kind == policy.Mask && t.Bits4 == 32 && t.Bits6 >= 64
		switch roles := fieldRoles[field]; {
		case t.Kind == policy.Drop:
		case !t.Merges() || whole:
			c.add(at, fmt.Sprintf("under %q each %s is a group of its own, and no line would be released", t, field), mergeHints[field])
		case c.known == nil:
		case field == "user" && !c.has(format.RoleStatus):
			c.add(at, "the format has no status, and with status 401 anybody can give any name", "log %>s")
		case countRoles(c.known.Roles(), roles[0]) > 1:
			c.add(at, fmt.Sprintf("the format has several fields of %ss, and a group one", field), "log one of them")
		}
	}
	// Held lines would be entries as well. If they counted, they would displace readable
	// lines, which would reveal how many wait; if not, the bound would not hold.
	for _, b := range s.Keep {
		if len(s.Group) > 0 && b.Kind == policy.Entries {
			c.add(path+".keep", fmt.Sprintf("%q with a group: lines that wait would be entries as well", b), `give days: "30d"`)
		}
	}
	if len(s.Group) > 0 && s.Figures.Any() {
		c.add(path+".group", "figures count people of groups that are not released", "give the figures a stream of their own")
	}
}

// mergeHints explain how several people come to look alike.
var mergeHints = map[string]string{"client": `give client = "mask=24/48"`, "user": `give user = "words=2"`}

func countRoles(roles []format.Role, role format.Role) (n int) {
	for _, r := range roles {
		if r == role {
			n++
		}
	}
	return n
}

// fieldRoles maps the fields in a policy to roles.
var fieldRoles = map[string][]format.Role{
	"client": {format.RoleClient}, "user": {format.RoleUser}, "time": {format.RoleTime},
	"url":    {format.RoleRequest, format.RoleURL, format.RoleQuery, format.RoleMethod, format.RoleProtocol},
	"status": {format.RoleStatus}, "size": {format.RoleSize}, "duration": {format.RoleDuration},
	"referer": {format.RoleReferer}, "agent": {format.RoleAgent}, "host": {format.RoleHost},
	"level": {format.RoleLevel}, "module": {format.RoleModule}, "message": {format.RoleMessage},
}

func (c *checker) fields(s *policy.Stream, path string) {
	if c.parser == nil {
		return
	}
	mistakes := len(c.Errors)
	for _, f := range s.Fields {
		ofErrors := !f.Other && slices.Contains([]string{"level", "module", "message"}, f.Name)
		switch {
		case ofErrors && c.Format == "json":
			c.add(path+".fields."+f.Name, fmt.Sprintf("lines of an access log have no %s", f.Name), "leave it out, or list the key under other")
		case format.IsError(c.Format) && (f.Other || !ofErrors && !slices.Contains([]string{"client", "time", "event"}, f.Name)):
			at := path + ".fields." + f.Name
			if f.Other {
				at = fmt.Sprintf("%s.fields.other.%q", path, f.Name)
			}
			c.add(at, fmt.Sprintf("an error log has no %s", f.Name), "leave it out")
		case c.known == nil || f.Name == "event" && !f.Other:
		case f.Other && !slices.Contains(c.known.Directives(), f.Name):
			c.add(fmt.Sprintf("%s.fields.other.%q", path, f.Name), fmt.Sprintf("the format has no %s", f.Name), "log it, or leave it out")
		case !f.Other && !c.has(fieldRoles[f.Name]...):
			c.add(path+".fields."+f.Name, fmt.Sprintf("the format has no %s", f.Name), "log it, or leave it out")
		}
	}
	if len(c.Errors) > mistakes {
		return
	}
	if _, err := treatment.Compile(s, c.parser); err != nil {
		at := path + ".fields"
		if strings.HasPrefix(err.Error(), "format:") {
			at = path + ".format"
		} else if strings.HasPrefix(err.Error(), "time:") {
			at += ".time"
		} else if strings.HasPrefix(err.Error(), "user:") && s.Treatment("user").Kind != policy.Drop {
			at += ".user"
		}
		c.wrong(at, err)
	}
}
