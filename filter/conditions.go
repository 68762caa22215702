package filter

import (
	"bytes"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/where"
	"hushpipe/format"
)

// conditions extracts from a line the facts that the conditions of a policy need.
type conditions struct {
	match  *where.Matcher
	facts  where.Facts
	target []byte // scratch of format.Target
	looks  bool   // facts are needed
	jsonParts
}

// jsonParts is the parsed parts of a JSON line.
type jsonParts struct {
	json  *format.JSONNodes // nil: no line is JSON, or its parts are not needed
	nodes []format.JSONNode // of the line, nil if it is not JSON
	texts [3][]byte         // scratch for its method, host and user
	user  []byte            // scratch of format.Unescaped
}

// look sets the facts of a line. brief is set if ParseFast parsed the line: its fields have
// no roles.
func (c *conditions) look(l *format.Line, line []byte, brief bool) {
	c.facts.Status = l.Status
	var request, target []byte
	fields := l.Fields
	if brief {
		r := &fields[fastRequest]
		request, fields = line[r.Start:r.End], nil
	}
	for i := range fields {
		field := &fields[i]
		text := line[field.Start:field.End]
		switch field.Role {
		case format.RoleRequest:
			request = text
		case format.RoleURL:
			target = text
		case format.RoleMethod:
			c.facts.Method = text
		case format.RoleHost:
			c.facts.Host = text
		case format.RoleUser:
			c.facts.User = text
		}
	}
	if len(c.nodes) > 0 {
		request = c.lookAtNodes(line, request)
	}
	if l.Client >= 0 && c.match.LooksAtClient() {
		field := &l.Fields[l.Client]
		if text := line[field.Start:field.End]; len(text) > 0 {
			if c.facts.Client, c.facts.HasIP = pseudonym.ParseAddr(text); !c.facts.HasIP {
				c.facts.Client, c.facts.HasIP = pseudonym.ParseAddr(guard.BareAddr(text))
			}
		}
	}
	if !c.match.LooksAtRequest() {
		return
	}
	if request != nil {
		if method, _, _, ok := format.SplitRequest(request); ok && c.facts.Method == nil {
			c.facts.Method = method
		}
	}
	switch {
	case len(l.Target) > 0:
		target = l.Target
	case target == nil && request != nil:
		target, c.target = format.Target(request, c.target)
	case bytes.IndexByte(target, '\\') >= 0:
		target, c.target = format.Unescaped(target, c.target)
	}
	c.facts.Target = target
}

// lookAtNodes sets those facts of a JSON line that are not among the reader's fields. It
// returns the request line, which is request unless that is nil.
func (c *conditions) lookAtNodes(line, request []byte) []byte {
	for i := range c.nodes {
		n := &c.nodes[i]
		if n.Start == n.End || n.Literal {
			continue
		}
		var of *[]byte
		var text []byte
		switch n.Role {
		case format.RoleRequest:
			if v := line[n.Start:n.End]; request == nil && bytes.IndexByte(v, ' ') > 0 {
				request = v // Line.Target is its target
			}
			continue
		case format.RoleMethod:
			of, text = &c.facts.Method, c.texts[0]
		case format.RoleHost:
			of, text = &c.facts.Host, c.texts[1]
		case format.RoleUser:
			of, text = &c.facts.User, c.texts[2]
		default:
			continue
		}
		if *of != nil {
			continue
		}
		text = format.AppendLogText(text[:0], line[n.Start:n.End])
		switch *of = text; n.Role {
		case format.RoleMethod:
			c.texts[0] = text
		case format.RoleHost:
			c.texts[1] = text
		case format.RoleUser:
			c.texts[2] = text
		}
	}
	return request
}
