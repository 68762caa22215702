package claims

import (
	"slices"
	"strings"

	"hushpipe/format"
	"hushpipe/format/policy"
	"hushpipe/format/statement"
)

// fields returns the fields that are written of a stream's lines.
func (m *maker) fields(s *policy.Stream, client policy.Treatment) statement.Fields {
	f := statement.Fields{InStream: statement.InStream(s.Name), Format: s.Format}
	if s.Fields == nil {
		f.Whole = true
		f.List, f.Known = wholeLine(m.policy.Format, m.parser, client)
		return f
	}
	out := writtenBy(s.Format)
	known, _ := m.parser.(*format.LogFormat)
	if s.Format == "" && known != nil {
		out = writtenInput(known)
	}
	add := func(name string, other bool, t policy.Treatment) {
		if t.Kind != policy.Drop {
			f.List = append(f.List, statement.Field{Name: name, Other: other, Treatment: t})
		}
	}
	for _, name := range policy.FieldNames {
		t := s.Treatment(name)
		switch name {
		case "time":
			// The file belongs to a day, and a line without its time gets the beginning of
			// that day.
			if t.Kind == policy.Drop || !out.has("time") {
				t = policy.Treatment{Kind: policy.Midnight}
			}
			add(name, false, t)
		case "url":
			if out.has("path") || out.has("query") {
				if !out.has("query") && (t.Kind == policy.Whole || t.Kind == policy.OnlyParams) {
					t = policy.Treatment{Kind: policy.Path}
				}
				add(name, false, t)
			}
			if t.Kind != policy.Drop && (out.has("method") || out.has("protocol")) {
				add("method", false, policy.Treatment{Kind: policy.Whole})
			}
		case "event": // no input format has it
			if t.Kind != policy.Drop && s.Format != "" && out.has(name) {
				add(name, false, t)
				if !slices.Contains(s.Where.Events, "*") { // otherwise the claim about lines lists them
					f.Events = m.events([]string{"*"})
				}
			}
		default:
			if out.has(name) {
				add(name, false, t)
			}
		}
	}
	for _, field := range s.Fields {
		if field.Other && out.has(field.Name) {
			add(field.Name, true, field.Treatment)
		}
	}
	return f
}

// written lists the parts of a line that a format has; nil means all.
type written []string

func (w written) has(part string) bool { return w == nil || slices.Contains(w, part) }

// parts are the parts that belong to each role.
var parts = map[format.Role][]string{
	format.RoleClient: {"client"}, format.RoleUser: {"user"}, format.RoleTime: {"time"},
	format.RoleRequest: {"method", "path", "query", "protocol"}, format.RoleMethod: {"method"}, format.RoleURL: {"path"},
	format.RoleQuery: {"query"}, format.RoleProtocol: {"protocol"}, format.RoleStatus: {"status"}, format.RoleSize: {"size"},
	format.RoleDuration: {"duration"}, format.RoleReferer: {"referer"}, format.RoleAgent: {"agent"}, format.RoleHost: {"host"},
	format.RoleLevel: {"level"}, format.RoleModule: {"module"}, format.RoleMessage: {"message"}, format.RoleIdentity: {"identity"},
}

// writtenBy returns the parts in a LogFormat for output.
func writtenBy(logFormat string) written {
	if logFormat == "" {
		return nil
	}
	pieces, _ := format.Pieces(logFormat)
	list := written{}
	for _, p := range pieces {
		switch {
		case p.Directive == "%{event}e":
			list = append(list, "event")
		case p.Role == format.RoleOther:
			list = append(list, p.Directive)
		default:
			list = append(list, parts[p.Role]...)
		}
	}
	return list
}

// writtenInput returns the parts of the input's lines.
func writtenInput(known *format.LogFormat) written {
	list := written{}
	roles := known.Roles()
	for i, directive := range known.Directives() {
		switch {
		case roles[i] == format.RoleOther:
			list = append(list, directive)
		case roles[i] == format.RoleURL && strings.Contains(directive, "%q"):
			list = append(list, "path", "query")
		default:
			list = append(list, parts[roles[i]]...)
		}
	}
	return list
}

// wholeLine returns the fields of a line that is written whole; known reports that the
// format has no others.
func wholeLine(spec string, p format.Parser, client policy.Treatment) (list []statement.Field, known bool) {
	out := written{"client", "user", "time", "path", "query", "method", "status", "size", "referer", "agent"} // combined
	lf, known := p.(*format.LogFormat)
	switch {
	case known:
		out = writtenInput(lf)
	case format.IsError(spec):
		out = written{"client", "time", "level", "module", "message"}
	case spec == "json":
		return nil, false
	}
	add := func(name string, t policy.Treatment) {
		list = append(list, statement.Field{Name: name, Treatment: t})
	}
	whole := policy.Treatment{Kind: policy.Whole}
	for _, name := range append(slices.Clone(policy.FieldNames), "identity") {
		switch {
		case name == "client" && client.Kind == policy.Drop:
		case name == "client" && out.has(name):
			add(name, client)
		case name == "url" && (out.has("path") || out.has("query")):
			if add(name, whole); !out.has("query") {
				list[len(list)-1].Treatment = policy.Treatment{Kind: policy.Path}
			}
		case out.has(name):
			add(name, whole)
		}
		if name == "url" && (out.has("method") || out.has("protocol")) {
			add("method", whole)
		}
	}
	if known {
		roles := lf.Roles()
		for i, directive := range lf.Directives() {
			if roles[i] == format.RoleOther {
				list = append(list, statement.Field{Name: directive, Other: true, Treatment: whole})
			}
		}
	}
	return list, known
}
