package format

import (
	"bytes"
	"unicode"
)

// Overlap is a pair of fields of a LogFormat, by index, with no clear border: words of From's
// value may be taken for To's, since the text between them can occur in values too. The privacy
// statement and the plan of treatments use it.
type Overlap struct{ From, To int }

// Overlaps returns the pairs of fields with no clear border, by From in the order of the format.
// A value ends at a quote or a control character of the format, which httpd escapes in values,
// and at a date. Fields whose values have no spaces, addresses and hosts, are never From.
func (p *LogFormat) Overlaps() (list []Overlap) {
	for s := range p.segments {
		elems := p.segments[s].elems
		for i := range elems {
			e := &elems[i]
			if e.next == 0 || p.fields[e.field].Joined || e.own || isClient(e.kind) || p.fields[e.field].Role == RoleHost {
				continue
			}
			for at := i; elems[at].next > 0; at = elems[at].next {
				next := elems[at].next
				if endsValue(elems[at+1 : next]) {
					break
				}
				for k := at + 1; k <= next; k++ {
					if f := elems[k].field; f >= 0 && elems[k].closes && !p.fields[f].Joined {
						list = append(list, Overlap{e.field, f})
					}
				}
			}
		}
	}
	return list
}

// endsValue reports whether elems contain something that no value does: a control character, or
// a date with its punctuation.
func endsValue(elems []element) bool {
	literals, parts := 0, 0
	for i := range elems {
		e := &elems[i]
		switch {
		case e.op == opCLF && !e.dash:
			return true
		case e.op == opLiteral && bytes.ContainsFunc(e.lit, unicode.IsControl):
			return true
		case e.op == opLiteral:
			literals++
		case e.part != partNone:
			parts++
		}
	}
	return parts >= 3 && literals >= 4
}
