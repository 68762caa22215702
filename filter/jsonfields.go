package filter

import (
	"bytes"
	"time"

	"hushpipe/format"
	"hushpipe/format/policy"
)

// jsonFields is the state of a rewriter for a JSON line in a stream that lists its fields. The
// values are copied to a text like a line of httpd's, escaped as httpd does, whose fields they
// are.
type jsonFields struct {
	nodes  []format.JSONNode // of the line; nil: it is not JSON
	text   []byte            // the copied values
	fields []format.Field    // of text, one for each value, in the order of the nodes
	value  []byte            // scratch: the JSON value to write
	piece  []byte            // scratch: a treated value
	open   [64]openNode      // the objects and arrays around the current node
}

// openNode is an object or array. Its bracket is written before the first of its values.
type openNode struct {
	node    *format.JSONNode
	written bool
	filled  bool // a comma is due
}

// spread fills text and fields, and returns the index of the client who is counted, -1 for
// none. A value that is neither listed nor needed to treat the others has an empty field.
func (w *rewriter) spread(line []byte) (client int) {
	j := &w.json
	j.text, j.fields, client = j.text[:0], j.fields[:0], -1
	counted := -1
	if c := w.line.Client; c >= 0 {
		counted = w.line.Fields[c].Start
	}
	for i := range j.nodes {
		n := &j.nodes[i]
		if n.Bracket != 0 {
			continue
		}
		f := format.Field{Kind: n.Kind, Role: n.Role, Start: len(j.text)}
		if n.Start == counted && n.Start < n.End {
			client, f.Role = len(j.fields), format.RoleClient
			if f.Kind == format.Plain || f.Kind == format.Text {
				f.Kind = format.Client
			}
		}
		if f.Role == format.RoleOther {
			f.Directive = w.plan.Key(line[n.KeyStart:n.KeyEnd])
		}
		if n.Literal {
			// It has an empty field.
		} else if w.plan.Of(&f) != nil || f.Role == format.RoleStatus || f.Role == format.RoleClient {
			v := line[n.Start:n.End]
			if f.Role == format.RoleQuery && len(v) > 0 && v[0] != '?' && !isDash(v) {
				j.text = append(j.text, '?')
			}
			j.text = format.AppendLogText(j.text, v)
		}
		f.End = len(j.text)
		j.text = append(j.text, ' ')
		j.fields = append(j.fields, f)
	}
	return client
}

func isDash(v []byte) bool { return len(v) == 1 && v[0] == '-' }

// appendJSON is appendPlanned for a JSON line. It appends either JSON with the listed keys, in
// the order of the input, or a line in the stream's own format.
func (w *rewriter) appendJSON(dst, line []byte) []byte {
	fields, client := w.line.Fields, w.line.Client
	w.line.Client = w.spread(line)
	w.line.Fields = w.json.fields
	if w.plan.Pieces != nil {
		w.chooseFields()
		dst = w.appendPieces(dst, w.json.text)
	} else {
		dst = w.appendNodes(dst, line)
		w.seeClient(w.json.text)
	}
	w.json.fields = w.line.Fields
	w.line.Fields, w.line.Client = fields, client
	return dst
}

// appendNodes appends the line as JSON with the listed values.
func (w *rewriter) appendNodes(dst, line []byte) []byte {
	j := &w.json
	depth, value := 0, 0
	for i := range j.nodes {
		n := &j.nodes[i]
		switch n.Bracket {
		case '{', '[':
			j.open[depth] = openNode{node: n}
			if depth++; depth == 1 {
				j.open[0].written = true
				dst = append(dst, n.Bracket)
			}
			continue
		case '}', ']':
			if depth--; j.open[depth].written {
				dst = append(dst, n.Bracket)
			}
			continue
		}
		if w.treatNode(n, value, line) {
			dst = w.appendName(w.appendOpen(dst, line, depth), line, n)
			dst = append(dst, j.value...)
		}
		value++
	}
	return append(dst, '\n')
}

// appendOpen appends the opening brackets of the objects and arrays around a value that are
// not written yet, and the comma before the value.
func (w *rewriter) appendOpen(dst, line []byte, depth int) []byte {
	for i := 1; i < depth; i++ {
		if o := &w.json.open[i]; !o.written {
			dst = append(w.appendName(w.json.appendComma(dst, i-1), line, o.node), o.node.Bracket)
			o.written = true
		}
	}
	return w.json.appendComma(dst, depth-1)
}

// appendComma appends a comma unless the next value is the first one at this depth.
func (j *jsonFields) appendComma(dst []byte, depth int) []byte {
	if j.open[depth].filled {
		return append(dst, ',')
	}
	j.open[depth].filled = true
	return dst
}

// appendName appends the name of a member.
func (w *rewriter) appendName(dst, line []byte, n *format.JSONNode) []byte {
	if !n.Named {
		return dst
	}
	name := line[n.KeyStart:n.KeyEnd]
	if dst = append(dst, '"'); n.Plain {
		dst = append(dst, name...)
	} else {
		dst = w.guard.AppendText(dst, name)
	}
	return append(dst, `":`...)
}

// treatNode sets j.value to the JSON value that is kept of a node, and reports whether one is
// kept. at is the index of its field.
func (w *rewriter) treatNode(n *format.JSONNode, at int, line []byte) bool {
	j := &w.json
	f := &w.line.Fields[at]
	t := w.plan.Of(f)
	raw := line[n.Start:n.End]
	switch {
	case t == nil || t.Kind == policy.Drop:
		return false
	case n.Literal:
		j.value = append(j.value[:0], raw...)
		return t.IsWhole() && f.Kind != format.Client && f.Kind != format.ClientList
	case len(raw) == 0:
		j.value = append(j.value[:0], `""`...)
		return true
	case n.User && w.plan.TellsUsers() && w.hidesUser(t, j.text):
		j.value = append(j.value[:0], `"-"`...)
		return true
	}
	j.piece = w.appendTreated(j.piece[:0], j.text, at)
	text := j.piece
	if f.Role == format.RoleQuery && len(text) > 0 && text[0] == '?' && raw[0] != '?' {
		text = text[1:]
	}
	if !n.Quoted && format.IsJSONNumber(text) {
		j.value = append(j.value[:0], text...)
		return true
	}
	j.value = append(format.AppendJSONString(append(j.value[:0], '"'), text), '"')
	return true
}

// chooseFields leaves one field of each role, for a line in the stream's own format: among
// several, the one that the line was parsed by, or else the first. If there is no request
// line, chooseFields composes one of its parts. It converts times to the format of %t.
func (w *rewriter) chooseFields() {
	j := &w.json
	l := &w.line
	var seen [format.NumRoles]bool
	request := -1
	for i := range l.Fields {
		f := &l.Fields[i]
		v := j.text[f.Start:f.End]
		switch {
		case f.Role == format.RoleOther || i == l.Client:
		case f.Role == format.RoleClient || len(v) == 0 || seen[f.Role]:
			f.Role, f.Directive = format.RoleOther, 0
		case f.Role == format.RoleStatus && !isStatus(v, l.Status):
			f.Role = format.RoleOther
		case f.Role == format.RoleRequest:
			if bytes.IndexByte(v, ' ') > 0 {
				request, seen[f.Role] = i, true
			}
			f.Role = format.RoleOther
		default:
			seen[f.Role] = true
		}
	}
	if w.plan.Of(&format.Field{Role: format.RoleRequest}) != nil {
		if request >= 0 {
			l.Fields[request].Role = format.RoleRequest
		} else if len(l.Target) > 0 {
			j.composeRequest(l)
		}
	}
	for i := range l.Fields {
		if f := &l.Fields[i]; f.Role == format.RoleTime {
			start := len(j.text)
			text, ok := format.AppendCLFTime(j.text, j.text[f.Start:f.End], time.Local)
			if j.text = text; !ok {
				j.text = append(j.text[:start], '-')
			}
			f.Kind, f.Start, f.End = format.Plain, start, len(j.text)
		}
	}
}

func isStatus(v []byte, status int) bool {
	return len(v) == 3 && int(v[0]-'0')*100+int(v[1]-'0')*10+int(v[2]-'0') == status
}

// composeRequest adds a field with a request line, composed of the parts that the line has.
func (j *jsonFields) composeRequest(l *format.Line) {
	var method, protocol []byte
	for i := range l.Fields {
		f := &l.Fields[i]
		switch f.Role {
		case format.RoleMethod:
			method = j.text[f.Start:f.End]
			f.Role = format.RoleOther
		case format.RoleProtocol:
			protocol = j.text[f.Start:f.End]
			f.Role = format.RoleOther
		case format.RoleQuery, format.RoleURL:
			f.Role = format.RoleOther
		}
	}
	start := len(j.text)
	if len(method) > 0 && !isDash(method) {
		j.text = append(append(j.text, method...), ' ')
	}
	j.text = format.AppendLogged(j.text, l.Target)
	if bytes.HasPrefix(protocol, []byte("HTTP/")) && len(method) > 0 {
		j.text = append(append(j.text, ' '), protocol...)
	}
	l.Fields = append(l.Fields, format.Field{Kind: format.Request, Role: format.RoleRequest, Start: start, End: len(j.text)})
}
