package filter

import (
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// lookahead holds the lines that come next. What is known of their parts lies
// anywhere in some megabytes: a processor that is told of it some lines ahead
// need not wait for it line by line.
type lookahead struct {
	lines   [8]parsed
	n       int // that were looked at
	treated int // of these
}

// parsed is a line and what can be told from it alone.
type parsed struct {
	text  []byte // without its newline, or what is left of a line that is too long
	known bool   // its format is
	format.Line
	parts []part // of the fields
}

// part is what can be told of a field.
type part struct {
	text []byte
	sum  uint64 // pseudonym.Sum of a client, textSum of others
}

func (a *lookahead) isEmpty() bool { return a.treated == a.n }
func (a *lookahead) isFull() bool  { return a.n == len(a.lines) }
func (a *lookahead) reset()        { a.n, a.treated = 0, 0 }

// next returns the next line. It is treated, whatever comes of it.
func (a *lookahead) next() *parsed {
	a.treated++
	return &a.lines[a.treated-1]
}

// lookAt parses a line, and adds it to those ahead.
func (f *Filter) lookAt(line []byte) {
	l := &f.ahead.lines[f.ahead.n]
	l.known, l.text = f.parse(line, &l.Line)
	if l.known {
		if cap(l.parts) < len(l.Fields) {
			l.parts = make([]part, len(l.Fields))
		}
		l.parts = l.parts[:len(l.Fields)]
		for i := range l.parts {
			field, p := &l.Fields[i], &l.parts[i]
			p.text = line[field.Start:field.End]
			if field.Kind == format.Client {
				p.sum = pseudonym.Sum(p.text)
				if d := f.last.day; d != nil && d.cipher != nil {
					d.cipher.Prefetch(p.sum)
				}
			} else if field.Kind == format.UserAgent {
				p.sum = 0 // it is seldom asked for
			} else if p.sum = textSum(field.Kind, p.text); p.sum != 0 {
				machine.Prefetch(f.clean.at(f.clean.first(p.sum)))
			}
		}
	}
	f.ahead.n++
}
