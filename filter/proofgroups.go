package filter

import (
	"bytes"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
)

// groupProof checks whether the groups of released lines are open.
type groupProof struct {
	open  func(pseudonym.Group) bool
	known map[string]*provenGroup // by the values
	key   []byte                  // scratch, for known
	met   provenLine              // the current line
	lines []provenLine            // all lines of one call of Proof.treat
}

// provenGroup is a group that has lines. Once open, it stays open.
type provenGroup struct {
	pseudonym.Group
	open bool
}

// provenLine is the result for one line.
type provenLine struct {
	of    *provenGroup // nil: the line has several clients or users, and must never be released
	vague bool         // its user was struck out, or may differ from the user before treatment
}

// maxProven bounds the number of groups in groupProof.known.
const maxProven = 1 << 15

// Grouped makes the Proof also check the groups of lines, for a stream that holds lines back.
// A group may be open at a later call of open, but never closes again.
func (p *Proof) Grouped(by *Groups, open func(pseudonym.Group) bool) {
	p.f.grouped = newGrouped(by, p.cfg.Limits)
	p.f.grouped.proxied = p.cfg.Proxies != nil
	p.f.grouped.proof = &groupProof{open: open, known: map[string]*provenGroup{}}
	p.Under(nil)
}

// IsGrouped reports whether groups are checked.
func (p *Proof) IsGrouped() bool { return p.f.grouped != nil }

// Group checks the group of one line, with its newline. It returns Closed if the group is not
// open, and Groupless if the group is unknown: the line does not have the format of the
// others, was falsified, or may have been parsed differently before its treatment.
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

// isClosed reports whether the group of a line is not open; line is an index in g.lines.
func (g *groupProof) isClosed(line int) bool {
	of := g.lines[line].of
	if of != nil && !of.open {
		of.open = g.open(of.Group)
	}
	return of == nil || !of.open
}

// provenGroup returns the group of the values of a line, and records it in the groupProof.
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

// proveGroup is the end of writeGrouped for a line that was released.
func (f *Filter) proveGroup(b *Batch, d *day, line []byte) {
	g := f.grouped.proof
	g.met = provenLine{}
	f.groupOf(line)
	g.lines = append(g.lines, g.met)
	part := b.part(d, f.rec)
	part.Lines = append(part.Lines, f.grouped.part.Lines...)
	f.wrote = d
}

// hasDash reports whether one of several words is a dash. It may stand for a preceding field
// that was left out.
func hasDash(text []byte) bool {
	for word := range bytes.FieldsSeq(text) {
		if isDash(word) && len(word) < len(text) {
			return true
		}
	}
	return false
}
