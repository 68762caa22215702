package format

import (
	"bytes"

	"hushpipe/format/machine"
)

// The lines of one logger differ only in their values: its format fixes keys, order and spaces.
// A jsonShape is a line that jsonParser.Parse has read, without its values. A line with the same
// bytes, and values of the same types between them, means the same, so it needs neither parsing
// nor a look into the table of keys.

// jsonShapes is how many shapes a parser remembers: those of a server that omits unknown values,
// or of two servers.
const jsonShapes = 4

// Bounds of a line with a shape, in bytes, and in arrays plus objects and in keys plus values.
// They keep every line that fits the shape within the bounds of appendJSONTokens.
const (
	maxShape       = 4 << 10
	maxShapeArrays = 32
	maxShapeTokens = fewJSONTokens - maxShapeArrays
)

type jsonShape struct {
	text   []byte // the bytes before, between and behind the values
	values []jsonValue
	keys   []span // in text, keys that may hold an address
	names  []byte // of the values' keys, concatenated, see jsonParser.name
}

// jsonValue is a string or a number.
type jsonValue struct {
	key    key
	quoted bool
	text   int // end of the bytes before it, in the shape's text
	keys   int // number of shape.keys before it
	name   int // end of its name in shape.names
	start  int // in the current line
	end    int
}

type span struct{ start, end int }

// note records a value that Parse has read, for the shape of its line.
func (j *jsonParser) note(k key, t jsonToken) {
	if len(j.tokens) > maxShapeTokens {
		return
	}
	s := &j.shape
	s.names = append(s.names, j.name...)
	s.values = append(s.values, jsonValue{key: k, quoted: t.kind == '"', name: len(s.names), start: t.start, end: t.end})
}

// learn makes the shape of the line that Parse has read the latest one. Lines that needed
// patching (odd) or that have escapes have no shape.
func (j *jsonParser) learn(odd bool) {
	line, s := j.line, &j.shape
	if odd || j.inner.read || j.unfit || !j.mayParseFast(line) || len(j.tokens) > maxShapeTokens || bytes.IndexByte(line, '\\') >= 0 || j.shapeOf(line) != nil {
		return
	}
	s.text, s.keys = s.text[:0], s.keys[:0]
	at, next := 0, 0
	for i := range s.values {
		v := &s.values[i]
		for ; j.tokens[next].start < v.start; next++ {
			j.learnKey(j.tokens[next], at)
		}
		next++ // the value
		s.text = append(s.text, line[at:v.start]...)
		v.text, v.keys = len(s.text), len(s.keys)
		at = v.end
	}
	for ; next < len(j.tokens); next++ {
		j.learnKey(j.tokens[next], at)
	}
	s.text = append(s.text, line[at:]...)
	if bytes.Count(s.text, []byte{'{'})+bytes.Count(s.text, []byte{'['}) > maxShapeArrays {
		return
	}
	j.latest = (j.latest + 1) % jsonShapes
	j.shapes[j.latest], *s = *s, j.shapes[j.latest]
}

// learnKey records a key behind line[at], where the text begins that is learned next, unless the
// key consists of characters that make up no address.
func (j *jsonParser) learnKey(t jsonToken, at int) {
	if t.kind == '"' && !isPlainKey(j.line[t.start:t.end]) {
		n := len(j.shape.text) - at
		j.shape.keys = append(j.shape.keys, span{t.start + n, t.end + n})
	}
}

// isPlainKey reports whether a key consists of letters, '_' and '-': without digits, dots,
// colons and escapes, it has nothing to replace.
func isPlainKey(name []byte) bool {
	for _, c := range name {
		if (c|0x20 < 'a' || c|0x20 > 'z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// ParseFast implements FastParser.
func (j *jsonParser) ParseFast(line []byte, _ *machine.Delimiters, out *Line) bool {
	if !j.mayParseFast(line) {
		return false
	}
	s := j.shapeOf(line)
	return s != nil && j.takeShape(s, line, out)
}

func (j *jsonParser) mayParseFast(line []byte) bool {
	return len(line) <= maxShape && !j.opt.Proxies && !j.inner.wrapper
}

// shapeOf returns the shape that a line fits, nil for none, trying the latest first.
func (j *jsonParser) shapeOf(line []byte) *jsonShape {
	for i := range jsonShapes {
		if s := &j.shapes[(j.latest+jsonShapes-i)%jsonShapes]; len(s.text) > 0 && s.fits(line) {
			return s
		}
	}
	return nil
}

// fits reports whether a line has the shape, and records where its values are.
func (s *jsonShape) fits(line []byte) bool {
	at, text := 0, 0
	for i := range s.values {
		v := &s.values[i]
		n := v.text - text
		if len(line)-at <= n || string(line[at:at+n]) != string(s.text[text:v.text]) {
			return false
		}
		at, text = at+n, v.text
		v.start = at
		if v.quoted {
			if n = bytes.IndexByte(line[at:], '"'); n < 0 {
				return false
			}
		} else if n = jsonNumber(line[at:]); n == 0 {
			return false
		}
		at += n
		v.end = at
	}
	return string(line[at:]) == string(s.text[text:]) && bytes.IndexByte(line, '\\') < 0
}

// takeShape is Parse for a line that fits the shape.
func (j *jsonParser) takeShape(s *jsonShape, line []byte, out *Line) bool {
	out.reset()
	j.begin(line, out)
	text, at, key := 0, 0, 0 // where the bytes before the next value begin, in the shape and in the line
	name := 0
	for i := range s.values {
		v := &s.values[i]
		key = s.addKeys(key, v.keys, at-text, out)
		j.name = append(j.name[:0], s.names[name:v.name]...)
		t := jsonToken{'0', v.start, v.end}
		if v.quoted {
			t.kind = '"'
			j.str(line[v.start:v.end], v.key, t)
		} else {
			j.number(v.key, t)
		}
		text, at, name = v.text, v.end, v.name
	}
	s.addKeys(key, len(s.keys), at-text, out)
	return j.finish() && !j.inner.read
}

// addKeys adds fields for keys, which are that many bytes (by) further on in the line than in
// the shape's text.
func (s *jsonShape) addKeys(from, to, by int, out *Line) int {
	for _, k := range s.keys[from:to] {
		out.add(Text, k.start+by, k.end+by)
	}
	return to
}
