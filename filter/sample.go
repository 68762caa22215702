package filter

import (
	"bytes"

	"hushpipe/filter/rooms"
	"hushpipe/format"
)

// Sample shows people how a line would be treated.
type Sample struct {
	Known  bool   // the line has the format
	Line   []byte // what would be written, without the newline
	Fields []SampleField
	Client int         // index of the client's field, -1 for none
	Counts bool        // a room is counted
	Room   rooms.Match // the room that the request names, if Counts
}

// SampleField is one field of a line.
type SampleField struct {
	Name    string // see format.FieldNames
	Was, Is string // in the line, and as it would be written
}

// Sample treats one line, given without its newline, and writes it nowhere.
func (f *Filter) Sample(line []byte) Sample {
	b := &Batch{}
	b.Reset()
	f.renew()
	f.fast = nil // a fast parser leaves fields out
	was := f.stats.Malformed
	f.treatLines(b, append(bytes.Clone(line), '\n'))
	s := Sample{Client: -1, Known: f.stats.Malformed == was}
	for i := range b.Parts {
		s.Line = append(s.Line, bytes.TrimSuffix(b.Parts[i].Lines, newline)...)
	}
	line = bytes.TrimPrefix(line, []byte(format.ByteOrderMark))
	l := &f.line
	if !s.Known || len(bytes.TrimSuffix(line, []byte("\r"))) == 0 || f.guard.Cipher == nil {
		return s
	}
	parser := f.parser
	if via, ok := parser.(*viaProxies); ok {
		parser = via.Parser
	}
	if !parser.Parse(line, l) {
		return s
	}
	names := format.FieldNames(parser, line, l)
	spans := append([]format.Field(nil), l.Fields...)
	f.parser.Parse(line, l)
	f.guard.Begin(len(line), true)
	from := 0
	for i := range l.Fields {
		field := &l.Fields[i]
		for from < len(spans)-1 && spans[from].End < field.End {
			from++
		}
		text, name := line[field.Start:field.End], names[from]
		if name == "" {
			continue
		}
		var is []byte
		f.client = nil
		switch field.Kind {
		case format.Plain:
			is = text
		case format.Client:
			is, f.client = f.appendClient(nil, field, text, i == l.Client)
		default:
			is = f.appendField(nil, field, text, i == l.Client)
		}
		if i == l.Client && f.client != nil {
			s.Client = len(s.Fields)
		}
		s.Fields = append(s.Fields, SampleField{name, string(text), string(is)})
	}
	if f.rooms != nil && s.Client >= 0 && l.Status < 400 && len(l.Target) > 0 {
		s.Counts = f.rooms.Match(l.Target, l.Status, &s.Room)
	}
	return s
}
