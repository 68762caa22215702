package filter

import (
	"bytes"
	"reflect"

	"hushpipe/filter/guard"
	"hushpipe/format"
)

// sameLine is a line as one stream wrote it. Streams that are alike copy it, and replace only
// the client's pseudonym. If the line has another pseudonym, which depends on the stream's
// key, each of them treats the line by itself.
type sameLine struct {
	by      *Filter // the stream that wrote it, nil if none has written the current line
	text    []byte  // what it wrote, with the newline
	planned bool    // by its plan
	looked  bool    // serves is set
	serves  bool
	client  span // in text, where it does
}

// isAlike reports whether two streams of one input write the same lines, except for what
// depends on their keys.
func isAlike(f, g *Filter) bool {
	if f.mode != g.mode || !reflect.DeepEqual(f.redact, g.redact) || f.noLines || g.noLines || f.grouped != nil || g.grouped != nil {
		return false
	}
	if f.plan == nil || g.plan == nil {
		return f.plan == g.plan
	}
	return f.plan.IsAlike(g.plan)
}

// take records the line that a stream wrote, which is lines[start:].
func (s *sameLine) take(by *Filter, lines []byte, start int, planned bool) {
	s.by, s.text, s.planned, s.looked = by, lines[start:], planned, false
	if planned {
		s.client = span{by.counted.start - start, by.counted.end - start}
	}
}

// isFor reports whether other streams can copy the line.
func (s *sameLine) isFor(line []byte) bool {
	if s.by == nil {
		return false
	}
	if !s.looked {
		s.looked = true
		w := &s.by.rewriter
		s.serves = w.isKeyless(line) && (s.planned && w.clients == 1 || !s.planned && s.findClient(line))
	}
	return s.serves
}

// findClient sets s.client for a line that appendLine wrote. It reports false if anything
// else was replaced, or if the line does not begin with the client.
func (s *sameLine) findClient(line []byte) bool {
	l := &s.by.line
	if l.Client < 0 {
		return false
	}
	field := &l.Fields[l.Client]
	rest := line[field.End : len(line)+1]
	// No pseudonym has a blank.
	end := len(s.text) - len(rest)
	s.client = span{0, end}
	return field.Kind == format.Client && field.Start == 0 && end >= 0 && rest[0] == ' ' &&
		bytes.IndexByte(s.text, ' ') == end && bytes.Equal(s.text[end:], rest)
}

// isKeyless reports whether the line that was appended last has no pseudonym except the
// client's: any other would have used up some of the guard's bounds.
func (w *rewriter) isKeyless(line []byte) bool {
	return w.doubt == noDoubt && w.guard.IsUnused(len(line))
}

// appendSame appends the line of a stream that is alike, with the client's pseudonym under
// this stream's key.
func (f *Filter) appendSame(dst, line []byte) []byte {
	f.newLine()
	s, field := f.same, &f.line.Fields[f.line.Client]
	dst = append(dst, s.text[:s.client.start]...)
	dst = f.appendCounted(dst, field, line[field.Start:field.End])
	return append(dst, s.text[s.client.end:]...)
}

// copyClient copies what appendSame needs of a line.
func (f *Filter) copyClient(other *format.Line) {
	l := &f.line
	l.Fields = append(l.Fields[:0], other.Fields[other.Client])
	l.Client, l.Request, l.Peer, l.Through = 0, -1, -1, -1
	l.Day, l.HasDay, l.Status = other.Day, other.HasDay, other.Status
	l.Error, l.Start, l.Inside, l.Target = false, 0, false, nil
}

// appendCounted appends the client who is counted.
func (f *Filter) appendCounted(dst []byte, field *format.Field, text []byte) []byte {
	if f.plan != nil {
		return f.appendPlannedClient(dst, field, text, true)
	}
	dst, who := f.appendKnown(dst, field, text, true)
	f.counts(who)
	return dst
}

// see reads a usual line of a stream that writes no lines: it finds the client who is
// counted, and the cached request.
func (f *Filter) see(line []byte) {
	f.newLine()
	l := &f.line
	if l.Client >= 0 {
		field := &l.Fields[l.Client]
		text := line[field.Start:field.End]
		switch field.Kind {
		case format.Client:
			var who *guard.Client
			if f.treated, who = f.appendKnown(f.treated[:0], field, text, true); f.guard.IsNamed(who) {
				f.doubtClient(text)
			}
			f.counts(who)
		default:
			f.treated = f.appendField(f.treated[:0], field, text, true)
		}
	}
	if l.Request < 0 || f.hasher == nil {
		return
	}
	field := &l.Fields[l.Request]
	text := line[field.Start:field.End]
	known, sum := f.unchanged.find(field.Kind, text)
	if known == nil && sum != 0 {
		known = f.unchanged.put(field.Kind, text, sum) // nothing is written of it
	}
	f.request = known
}
