package filter

import (
	"bytes"
	"net/netip"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/machine"
	"hushpipe/format/policy"
)

// planned is the state of a rewriter for a stream that lists its fields.
type planned struct {
	plan      *treatment.Plan // nil: all of a line is kept
	fixed     bool            // the format is a LogFormat string, so no line is JSON
	unsure    bool            // it is not certain what the texts in quotes are
	event     string          // the name of the line's event, "" for none
	shortened shortenedTexts  // unused without a plan
	treated   []byte          // scratch
	whole     []byte          // scratch, for the request line or URL that is split into parts
	parts     parts           // of the line, once appendPart has split it
	counted   span            // the client who is counted, in the appended line
	clients   int             // how often the appended line has that client
	at        [format.NumRoles]int
	json      jsonFields
}

// parts are the parts of what is left of a request line or a URL.
type parts struct {
	known, none                   bool // none: the line has neither
	method, path, query, protocol []byte
}

// canPlan reports whether the plan covers each byte of the line. A line inside a JSON value
// has no roles, and a line of an error log has no fields of a LogFormat.
func (w *rewriter) canPlan(line []byte) bool {
	l := &w.line
	switch {
	case l.Inside || l.Start >= len(line):
		return false
	case l.Error:
		return w.plan.Pieces == nil
	}
	return w.fixed || line[l.Start] != '{' || w.json.nodes != nil
}

// appendPlanned is appendLine for a stream that lists its fields: it leaves out what the
// plan does not name.
func (w *rewriter) appendPlanned(dst, line []byte) []byte {
	w.newLine()
	w.counted, w.clients = span{}, 0
	if w.json.nodes != nil {
		return w.appendJSON(dst, line)
	}
	if w.line.Error {
		return w.appendErrorLine(dst, line)
	}
	w.unsure = !w.fixed && w.hasFurtherTexts()
	if w.plan.Pieces != nil {
		return w.appendPieces(dst, line)
	}
	line = line[:len(line)+1]
	at := w.line.Start
	for i := range w.line.Fields {
		field := &w.line.Fields[i]
		if field.Joined || field.Kind == format.Plain && w.plan.Of(field).IsWhole() {
			continue // copied with the text around it
		}
		if field.End == field.Start+1 && line[field.Start] == '-' {
			continue
		}
		dst = append(dst, line[at:field.Start]...)
		dst = w.appendTreated(dst, line, i)
		at = field.End
	}
	return append(dst, line[at:]...)
}

// hasFurtherTexts reports whether the last text of the line is one that auto has no name for.
// Then the format is a custom one, whose other texts need not be the referrer and agent of
// combined; or the line ends with the tail of another line, whose request or referrer would be
// taken for the agent.
func (w *rewriter) hasFurtherTexts() bool {
	for i := len(w.line.Fields) - 1; i >= 0; i-- {
		if f := &w.line.Fields[i]; f.Kind != format.Plain {
			return f.Role == format.RoleOther
		}
	}
	return false
}

// appendTreated appends what the plan leaves of a field, with its addresses replaced.
func (w *rewriter) appendTreated(dst, line []byte, i int) []byte {
	field, counted := &w.line.Fields[i], i == w.line.Client
	text := line[field.Start:field.End]
	t := w.plan.Of(field)
	if w.unsure && (field.Role == format.RoleReferer || field.Role == format.RoleAgent) {
		t = nil
	}
	switch {
	case counted || field.Role == format.RoleClient:
		start := len(dst)
		if dst = w.appendPlannedClient(dst, field, text, counted); field.Role != format.RoleClient { // joined
			return append(dst[:start], '-')
		}
		if counted {
			w.counted = span{start, len(dst)}
			w.clients++
		}
		return dst
	case t == nil && field.Role == format.RoleHost && string(text) == leftHost:
		return append(dst, text...)
	case t == nil, w.plan.IsUser(field) && w.hidesUser(t, line):
		return append(dst, '-')
	case len(text) == 0:
		return dst
	case !t.IsWhole():
		return w.appendShortened(dst, field, t, text)
	}
	switch field.Kind {
	case format.Plain:
		return append(dst, text...)
	case format.Client:
		if !w.guard.Spares(field) {
			return guard.AppendStruck(dst, field)
		}
		dst, _ = w.appendClient(dst, field, text, false)
		return dst
	case format.UserAgent:
		if w.client != nil && w.unchanged.at(w.client.Agent).is(format.UserAgent, text) {
			return append(dst, text...)
		}
	case format.URL, format.Text:
		if machine.CannotHoldAddress(text, '=') {
			return append(dst, text...)
		}
	}
	known, sum := w.unchanged.find(field.Kind, text)
	if known != nil {
		w.note(known)
		return append(dst, text...)
	}
	start := len(dst)
	dst = w.appendField(dst, field, text, false)
	if sum != 0 && bytes.Equal(dst[start:], text) {
		w.put(field.Kind, text, sum)
	}
	return dst
}

// leftHost replaces a host and a port that were left out.
const leftHost = "-:-"

// hidesUser reports whether the user is left out because the server refused the request: the
// name is then often a password. Without a status, only a hash of the user is kept.
func (w *rewriter) hidesUser(t *treatment.Treatment, line []byte) bool {
	known := t.Kind == policy.Hash
	for i := range w.line.Fields {
		field := &w.line.Fields[i]
		if field.Role != format.RoleStatus {
			continue
		}
		switch text := line[field.Start:field.End]; {
		case string(text) == "401", string(text) == "407":
			return true
		case len(text) == 3:
			known = true
		}
	}
	return !known
}

// appendShortened appends a field that is not kept as it is.
func (w *rewriter) appendShortened(dst []byte, field *format.Field, t *treatment.Treatment, text []byte) []byte {
	switch {
	case t.Kind == policy.Hash:
		return t.AppendTo(dst, text, w.guard.Cipher)
	case field.Kind == format.Client: // it contains another line
		return append(dst, '-')
	case field.Kind == format.Plain && (field.Role == format.RoleTime || field.Role == format.RoleSize || field.Role == format.RoleDuration):
		return t.AppendTo(dst, text, w.guard.Cipher)
	}
	out, sum := w.shortened.find(field, text)
	if out != nil {
		return append(dst, out...)
	}
	start := len(dst)
	dst = w.shorten(dst, field, t, text)
	if sum != 0 && bytes.Equal(dst[start:], w.treated) {
		w.shortened.put(field, text, w.treated, sum)
	}
	return dst
}

// shorten is appendShortened for a text that is not cached. It leaves in w.treated what the
// treatment made of the text, and appends that with addresses replaced.
func (w *rewriter) shorten(dst []byte, field *format.Field, t *treatment.Treatment, text []byte) []byte {
	w.treated = w.treated[:0]
	switch {
	case field.Role == format.RoleRequest:
		w.treated = t.AppendRequest(w.treated, text, w.guard.Cipher)
	case field.Role == format.RoleQuery:
		w.treated = t.AppendQuery(w.treated, text, w.guard.Cipher)
	case field.Role == format.RoleMethod, field.Role == format.RoleProtocol: // of a URL that is kept
		w.treated = append(w.treated, text...)
	default:
		w.treated = t.AppendTo(w.treated, text, w.guard.Cipher)
	}
	if field.Kind == format.Plain || len(w.treated) <= 1 {
		return append(dst, w.treated...)
	}
	return w.appendField(dst, field, w.treated, false)
}

// appendPlannedClient appends a field of clients, and records the client who is counted.
func (w *rewriter) appendPlannedClient(dst []byte, field *format.Field, text []byte, counted bool) []byte {
	start := len(dst)
	var who *guard.Client
	switch {
	case !counted && !w.guard.Spares(field):
		dst = guard.AppendStruck(dst, field)
	case field.Kind == format.Client:
		if dst, who = w.appendKnown(dst, field, text, counted); counted && w.guard.IsNamed(who) {
			w.doubtClient(text)
		}
		if counted {
			w.counts(who)
		}
	default:
		dst = w.appendField(dst, field, text, counted)
		who = w.client
	}
	if nets := w.plan.Nets; nets != nil && counted && who != nil && field.Kind == format.Client {
		if a, ok := pseudonym.ParseAddr(guard.BareAddr(text)); ok && isWithin(nets.Nets, a) {
			return a.AppendTo(dst[:start])
		}
	}
	if w.plan.Leaves() {
		return append(dst[:start], '-')
	}
	return dst
}

// isWithin reports whether one of nets has the address.
func isWithin(nets []netip.Prefix, a pseudonym.Addr) bool {
	addr := netip.AddrFrom16(a).Unmap()
	for _, net := range nets {
		if net.Contains(addr) {
			return true
		}
	}
	return false
}

// appendPieces appends a line in the stream's own format.
func (w *rewriter) appendPieces(dst, line []byte) []byte {
	fields := w.line.Fields
	clear(w.at[:])
	w.parts.known = false
	for i := range fields {
		if !fields[i].Joined {
			w.at[fields[i].Role] = i + 1
		}
	}
	if c := w.line.Client; c >= 0 {
		w.at[format.RoleClient] = c + 1
	}
	for i := range w.plan.Pieces {
		p := &w.plan.Pieces[i]
		at := w.at[p.Role]
		switch p.Part {
		case treatment.All:
			if p.Text != "" {
				dst = append(dst, p.Text...)
				continue
			}
			if p.At > 0 {
				at = w.directive(p.At)
			}
		case treatment.Event:
			dst = append(dst, orDash(w.event)...)
			continue
		case treatment.Nothing:
			at = 0
		case treatment.Query, treatment.Method, treatment.Protocol:
			if at == 0 {
				dst = w.appendPart(dst, line, p.Part)
				continue
			}
			if p.Part == treatment.Query && fields[at-1].Start == fields[at-1].End {
				continue // httpd writes nothing for an empty query
			}
		case treatment.Path:
			dst = w.appendPart(dst, line, p.Part)
			continue
		}
		if at == 0 || fields[at-1].Start == fields[at-1].End {
			dst = append(dst, '-')
			continue
		}
		dst = w.appendTreated(dst, line, at-1)
	}
	w.seeClient(line)
	return append(dst, '\n')
}

// seeClient records the client who is counted if the pieces have none.
func (w *rewriter) seeClient(line []byte) {
	if c := w.line.Client; w.client == nil && c >= 0 {
		field := &w.line.Fields[c]
		w.treated = w.appendPlannedClient(w.treated[:0], field, line[field.Start:field.End], true)
	}
}

// directive returns the field of a directive, counted from 1; 0 for none.
func (w *rewriter) directive(n uint16) int {
	for i := range w.line.Fields {
		if w.line.Fields[i].Directive == n {
			return i + 1
		}
	}
	return 0
}

// appendPart appends a part of the request line, or of a URL with its query.
func (w *rewriter) appendPart(dst, line []byte, part treatment.Part) []byte {
	p := &w.parts
	if !p.known {
		w.split(line)
	}
	text := p.path
	switch {
	case p.none:
	case part == treatment.Method:
		text = p.method
	case part == treatment.Protocol:
		text = p.protocol
	case part == treatment.Query:
		return append(dst, p.query...) // httpd writes nothing for none
	}
	if len(text) == 0 {
		return append(dst, '-')
	}
	return append(dst, text...)
}

// split sets the parts.
func (w *rewriter) split(line []byte) {
	w.parts = parts{known: true}
	role, at := format.RoleRequest, w.at[format.RoleRequest]
	if at == 0 {
		role, at = format.RoleURL, w.at[format.RoleURL]
	}
	if at == 0 {
		w.parts.none = true
		return
	}
	w.whole = w.appendTreated(w.whole[:0], line, at-1)
	method, target, protocol, ok := format.SplitRequest(w.whole)
	if role == format.RoleURL {
		method, target, protocol, ok = nil, w.whole, nil, len(w.whole) > 1
	}
	if !ok {
		return
	}
	w.parts.method, w.parts.path, w.parts.protocol = method, target, protocol
	if end := bytes.IndexByte(target, '?'); end >= 0 {
		w.parts.path, w.parts.query = target[:end], target[end:]
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
