package guard

import (
	"bytes"

	"hushpipe/filter/recent"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// QuotedTexts caches quoted texts of malformed lines, most of which recur. A cached text has no
// time stamp, no escape, and nothing that marks the place of a client's name, whatever is
// around it. Since a quote ends a run, a stamp and a name, the text need not be read again,
// wherever in a line it is. The zero QuotedTexts is empty.
type QuotedTexts struct {
	recent recent.Table[quotedText]
	seen   [1024]uint32 // hashes of texts that came once lately: only a text that recurs is cached
}

const (
	quotedMax  = 1 << 12 // entries, a little more than 1 MiB
	quotedRuns = 3       // a user agent has few, most texts none
	minQuoted  = 16      // bytes: caching shorter texts saves nothing
	maxQuoted  = 224     // bytes: an entry fills four cache lines
)

type quotedText struct {
	len uint8
	textRuns
	text [maxQuoted]byte
}

// textRuns are the runs of a text with two separators or more that may be part of an
// address.
type textRuns struct {
	n    uint8
	runs [quotedRuns]struct{ start, end uint8 }
}

// knownSpan is a cached text in the current line, line[start:end].
type knownSpan struct {
	span
	textRuns
}

// maxKnown is how many texts of a line are looked up.
const maxKnown = 16

// know sets g.known to the cached texts of a malformed line, by position.
func (g *Guard) know(line []byte) {
	g.known = g.known[:0]
	at := bytes.IndexByte(line, '"')
	if at < 0 || g.quoted == nil {
		return
	}
	if g.quoted.recent.Len() == 0 {
		g.quoted.recent = recent.New[quotedText](quotedMax)
	}
	for range maxKnown {
		start := at + 1
		n := bytes.IndexByte(line[min(start, len(line)):], '"')
		if n < 0 {
			n = len(line) - start // the line's end counts as a quote
		}
		if at = start + n; at > len(line) {
			return
		}
		if n < minQuoted || n > maxQuoted {
			continue
		}
		// find compares and keeps the text alone, whatever follows it in the line.
		if t := g.quoted.find(line[start:at:len(line)], &g.names); t != nil {
			g.known = append(g.known, knownSpan{span{start, at}, t.textRuns})
		}
	}
}

// find returns the entry of a text, nil for none. It caches a text when it comes for the second
// time. An entry is valid until the next call.
func (q *QuotedTexts) find(text []byte, names *names) *quotedText {
	sum := machine.Sum(text)
	t := q.recent.First(sum)
	if !t.is(text) {
		if t = q.recent.Second(sum); !t.is(text) {
			if slot := &q.seen[sum%uint64(len(q.seen))]; *slot != uint32(sum>>32) {
				*slot = uint32(sum >> 32)
				return nil
			}
			var found quotedText
			if !found.read(text, names) {
				return nil
			}
			t, _ = q.recent.Put(sum)
			*t = found
		}
	}
	return t
}

func (t *quotedText) is(text []byte) bool { return string(t.text[:t.len]) == string(text) }

// read reports whether a text between quotes can be cached, and finds its runs.
func (t *quotedText) read(text []byte, names *names) bool {
	for i, c := range text {
		switch c {
		case '%', '\\', '[', ']', '{', '}', 0:
			return false
		case ':', '=':
			if !names.isNoKey(text, i) {
				return false
			}
		case ' ', '\t':
			if i > 0 && text[i-1] == ',' && bytes.HasPrefix(text[i+1:], nginxServer) || i+1 < len(text) && text[i+1] == '-' || isPeer(text[:i]) {
				return false
			}
		}
		if MayBeginStamp(c) && beginsStamp(text[i:]) {
			if _, n := format.TimeStamp(text[i:]); n > 0 {
				return false
			}
		}
	}
	t.n = 0
	for s := (runs{text: text, mode: plainRuns}); s.next(); {
		if namesNobody(text, s.start, s.end) {
			continue
		}
		if t.n == quotedRuns {
			return false
		}
		t.runs[t.n].start, t.runs[t.n].end = uint8(s.start), uint8(s.end)
		t.n++
	}
	t.len = uint8(copy(t.text[:], text))
	return true
}

// isNoKey reports whether the colon or '=' at text[i] follows a word of the same text that is
// not a client key.
func (n *names) isNoKey(text []byte, i int) bool {
	start := i
	for start > 0 && isKeyByte(text[start-1]) {
		start--
	}
	if start == i || i-start > maxKeyLen {
		return i > 0 && !isBlank(text[i-1]) && start == i
	}
	is, _ := n.isKey(text[start:i], true)
	return !is
}
