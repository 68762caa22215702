package filter

import (
	"bytes"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// rewriter makes what may be written of a line, and finds its client.
type rewriter struct {
	planned
	redact    *treatment.Redact
	guard     guard.Guard
	unchanged unchangedTexts
	line      format.Line // the current one
	hash      clientHash  // of the client that the line begins with
	nextHash  clientHash  // of the one that the next line begins with

	// The client who is counted by the current line, nil for none. The entry may hold
	// another address later in the line; clientAddr stays.
	client     *guard.Client
	clientAddr pseudonym.Addr
	request    *unchangedText // the entry of its request, nil for none
	agent      *unchangedText // the entry of its user agent, nil for none
	doubt      doubt          // whether the line may be glued
}

// span is text[start:end].
type span struct{ start, end int }

// appendLine appends a line of a known format with its newline, field by field. It records
// the client who is counted, and the cached request. The byte after line must be its newline
// in the same buffer.
func (w *rewriter) appendLine(dst, line []byte) []byte {
	w.newLine()
	line, at := line[:len(line)+1], 0
	fields, counted := w.line.Fields, w.line.Client
	for i := range fields {
		field := &fields[i]
		text := line[field.Start:field.End]
		switch field.Kind {
		case format.Plain:
			continue // copied with the text around it
		case format.Client:
			if field.Start > at {
				dst = append(dst, line[at:field.Start]...)
			}
			at = field.End
			sum := w.hash.sum
			if field.Start > 0 || field.End != w.hash.end {
				sum = machine.Sum(text)
			}
			who := w.guard.Cipher.Find(text, sum)
			switch {
			case i != counted && !w.guard.Spares(field):
				dst, who = guard.AppendStruck(dst, field), nil
			case who != nil && !field.Bare:
				dst = who.AppendTo(dst)
			default:
				if dst, who = w.appendClient(dst, field, text, i == counted); i == counted && w.guard.IsNamed(who) {
					w.doubtClient(text)
				}
			}
			if i == counted {
				w.counts(who)
			}
			continue
		case format.UserAgent:
			if w.client != nil {
				if t := w.unchanged.at(w.client.Agent); t.is(format.UserAgent, text) {
					w.agent = t
					continue // it is copied too
				}
			}
		case format.URL, format.Text:
			if machine.CannotHoldAddress(text, '=') {
				continue // the guard would find nothing
			}
		}
		if len(text) == 1 && text[0] == '-' {
			continue // nothing to replace
		}
		t, sum := w.unchanged.find(field.Kind, text)
		if t != nil {
			w.note(t)
			continue
		}
		dst = append(dst, line[at:field.Start]...)
		at = field.End
		start := len(dst)
		dst = w.appendField(dst, field, text, i == counted)
		if sum != 0 && bytes.Equal(dst[start:], text) {
			w.put(field.Kind, text, sum)
		}
	}
	return append(dst, line[at:]...)
}

// put caches a text in which nothing was replaced.
func (w *rewriter) put(kind format.Kind, text []byte, sum uint64) {
	t := w.unchanged.put(kind, text, sum)
	switch t { // the entry that was overwritten
	case w.request:
		w.request = nil
	case w.agent:
		w.agent = nil
	}
	w.note(t)
}

// newLine resets what was found in the line before.
func (w *rewriter) newLine() {
	w.client, w.request, w.agent, w.doubt = nil, nil, nil, noDoubt
}

// dropLine drops the line at which the program panicked. Its fields may be those of another
// text, since appendJSON and groupOf swap them for a while.
func (w *rewriter) dropLine() { w.line, w.json = format.Line{}, jsonFields{} }

// note records the cached texts of a line: the request, for its room, and the client's user
// agent, which is nearly always the one of its next line.
func (w *rewriter) note(t *unchangedText) {
	switch t.kind {
	case format.Request:
		w.request = t
	case format.UserAgent:
		if w.agent = t; w.client != nil {
			w.client.Agent = t.index
		}
	}
}

// appendClient appends a field with one client, or with a forwarded list, as behind a proxy
// whose header is logged for %h.
func (w *rewriter) appendClient(dst []byte, field *format.Field, text []byte, counted bool) ([]byte, *guard.Client) {
	if !field.Bare {
		if counted && bytes.IndexByte(text, ',') >= 0 {
			return w.guard.AppendClientList(dst, text, true)
		}
		return w.guard.AppendClient(dst, text)
	}
	dst, who := w.guard.AppendClient(append(dst, '"'), text)
	return append(dst, '"'), who
}

// appendKnown is appendClient, but faster for a client that the line begins with.
func (w *rewriter) appendKnown(dst []byte, field *format.Field, text []byte, counted bool) ([]byte, *guard.Client) {
	if field.Start == 0 && field.End == w.hash.end && !field.Bare {
		if who := w.guard.Cipher.Find(text, w.hash.sum); who != nil {
			return who.AppendTo(dst), who
		}
	}
	return w.appendClient(dst, field, text, counted)
}

// appendField appends a field of another kind.
func (w *rewriter) appendField(dst []byte, field *format.Field, text []byte, counted bool) []byte {
	g := &w.guard
	var who *guard.Client
	switch field.Kind {
	case format.ClientList:
		dst, who = g.AppendClientList(dst, text, counted)
	case format.Forwarded:
		dst, who = g.AppendForwarded(dst, text, w.redact, counted)
	case format.Request:
		return g.AppendRequest(dst, text, w.redact)
	case format.URL:
		return g.AppendURL(dst, text, w.redact)
	case format.UserAgent:
		return g.AppendAgent(dst, text)
	default:
		return g.AppendText(dst, text)
	}
	if counted {
		w.counts(who)
	}
	return dst
}

// counts records the client who is counted by the current line, nil for none.
func (w *rewriter) counts(who *guard.Client) {
	if w.client = who; who != nil {
		w.clientAddr = who.Addr
	}
}
