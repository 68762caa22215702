package filter

import (
	"bytes"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
)

// groupProof tells of lines that were released whether their groups are open.
type groupProof struct {
	open  func(pseudonym.Group) bool
	known map[string]*provenGroup // by the values
	key   []byte                  // of known
	met   provenLine              // the line at hand
	lines []provenLine            // that were treated together
}

// provenGroup is a group whose lines were met. One that is open stays so.
type provenGroup struct {
	pseudonym.Group
	open bool
}

// provenLine is what is known of a line.
type provenLine struct {
	of    *provenGroup // nil: it has several clients or users, and would wait for ever
	vague bool         // its user was struck out, or may be read otherwise than before it was treated
}

// maxProven bounds the groups that are remembered.
const maxProven = 1 << 15

// Grouped has the groups of lines looked at as well, those of a stream which holds lines
// back. open may know of more when it is asked again.
func (p *Proof) Grouped(by *Groups, open func(pseudonym.Group) bool) {
	p.f.grouped = newGrouped(by, p.cfg.Limits)
	p.f.grouped.proxied = p.cfg.Proxies != nil
	p.f.grouped.proof = &groupProof{open: open, known: map[string]*provenGroup{}}
	p.Under(nil)
}

// IsGrouped reports whether groups are looked at.
func (p *Proof) IsGrouped() bool { return p.f.grouped != nil }

// Group returns Closed for a line, which has its newline, of a group that is not open, and
// Groupless for one of which nobody can tell: it does not have the format of the others, was
// falsified, or is one of an unknown format that may be read otherwise.
func (p *Proof) Group(line []byte) treatment.Doubt {
	if !p.IsGrouped() {
		return treatment.Groupless
	}
	input := p.input
	p.input = p.whole
	p.treat(p.f, line)
	p.input = input
	g := p.f.grouped.proof
	switch {
	case len(g.lines) != 1:
		return treatment.Groupless
	case !g.isClosed(0):
		return treatment.NoDoubt
	case g.lines[0].vague, p.Look(line) == treatment.Unclear:
		return treatment.Groupless
	}
	return treatment.Closed
}

// isClosed reports whether one of the lines that were treated together is of a group that
// is not open.
func (g *groupProof) isClosed(line int) bool {
	of := g.lines[line].of
	if of != nil && !of.open {
		of.open = g.open(of.Group)
	}
	return of == nil || !of.open
}

// provenGroup returns the group of the values of a line, and notes it.
func (f *Filter) provenGroup(text []byte) pseudonym.Group {
	g := f.grouped
	p := g.proof
	if at, ok := f.userField(text); ok && at >= 0 {
		user := text[f.line.Fields[at].Start:f.line.Fields[at].End]
		p.met.vague = len(bytes.Trim(user, "x")) == 0 || !f.fixed && (hasDash(user) || bytes.IndexByte(user, '\\') >= 0)
	}
	p.key = p.key[:0]
	for _, v := range g.values {
		p.key = append(append(p.key, v...), '\n')
	}
	if p.met.of = p.known[string(p.key)]; p.met.of == nil {
		if len(p.known) >= maxProven {
			clear(p.known)
		}
		p.met.of = &provenGroup{}
		p.met.of.Group, g.scratch = f.guard.Cipher.AppendGroup(g.scratch, g.Rule, g.values)
		p.known[string(p.key)] = p.met.of
	}
	return p.met.of.Group
}

// proveGroup is the rest of writeGrouped for a line that was released.
func (f *Filter) proveGroup(b *Batch, d *day, line []byte) {
	g := f.grouped.proof
	g.met = provenLine{}
	f.groupOf(line)
	g.lines = append(g.lines, g.met)
	part := b.part(d, f.rec)
	part.Lines = append(part.Lines, f.grouped.part.Lines...)
	f.wrote = d
}

// hasDash reports whether one of several words is a dash, as of a field before it that was
// left out.
func hasDash(text []byte) bool {
	for word := range bytes.FieldsSeq(text) {
		if isDash(word) && len(word) < len(text) {
			return true
		}
	}
	return false
}
