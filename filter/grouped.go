package filter

import (
	"bytes"

	"golang.org/x/text/unicode/norm"

	"hushpipe/filter/calendar"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
)

// Groups says of a stream which lines are a group, and when they may be written.
type Groups struct {
	Rule         string // the fields and what becomes of them; groups of different rules differ
	Client, User bool   // what is left of the field is the same for all lines of a group
	Least        int    // people who open a group
	Open         Opened // nil: none is ever open
}

// Opened knows which groups are open. Its methods may be called while a Sink works.
type Opened interface {
	// Generation changes whenever groups open.
	Generation() uint64
	// Since returns the open groups of a day, but for the first n.
	Since(day civil.Day, n int) []pseudonym.Group
}

// grouped tells which lines of a stream are to be held back: those of groups that are not
// known to be open.
type grouped struct {
	*Groups
	limits     rooms.Limits
	generation uint64
	part       Part     // of the line at hand
	values     [][]byte // what is left of each field
	buf        []byte   // of values
	scratch    []byte
	folded     []byte // of a user
	person     pseudonym.Addr
	proxied    bool        // the client is found behind trusted proxies
	proof      *groupProof // of lines that were released; nil: lines are held back
}

// groupPrefix is how many bytes precede a held line: its group, and a blank.
const groupPrefix = 2*len(pseudonym.Group{}) + 1

// groupsOfDay is what is known of a day's groups. Of a group, people are counted until
// there are enough.
type groupsOfDay struct {
	people *rooms.DistinctSet
	open   map[pseudonym.Group]bool
	seen   int // of what Opened lists
}

func newGrouped(cfg *Groups, limits rooms.Limits) *grouped {
	return &grouped{Groups: cfg, limits: limits, values: make([][]byte, 0, 2)}
}

// lookForOpen takes in which groups were opened since the last batch.
func (f *Filter) lookForOpen() {
	g := f.grouped
	if g.Open == nil {
		return
	}
	turn := g.Open.Generation()
	if turn == g.generation {
		return
	}
	g.generation = turn
	for _, d := range f.days {
		if d.groups != nil {
			d.groups.look(g.Open, d.day)
		}
	}
}

func (of *groupsOfDay) look(open Opened, day civil.Day) {
	if open == nil {
		return
	}
	for _, group := range open.Since(day, of.seen) {
		of.open[group] = true
		of.seen++
	}
}

// writeGrouped is the rest of write where lines are held back. A line is in no part of
// the batch before it is known which: a panic must not leave it among those that are
// written.
func (f *Filter) writeGrouped(b *Batch, s dayRef, line []byte, usual bool) {
	g, d := f.grouped, s.day
	g.part.Lines = g.part.Lines[:0]
	omitted := f.appendSome(&g.part, line, usual)
	if !usual {
		f.doubtUser(line)
	}
	if f.doubt != noDoubt && f.isGlued(b, line, s) || omitted {
		f.stats.Omitted++
		return
	}
	if s.placement == calendar.Expired {
		return
	}
	if g.proof != nil {
		f.proveGroup(b, d, line)
		return
	}
	if d.groups == nil {
		d.groups = &groupsOfDay{people: rooms.NewDistinctSet(g.limits), open: map[pseudonym.Group]bool{}}
		d.groups.look(g.Open, d.day)
	}
	var client pseudonym.Addr
	hasClient := false
	if f.client != nil {
		client, hasClient = f.clientAddr.Household()
	}
	group, user, ok := f.groupOf(line)
	if !ok {
		f.stats.Withheld++
		return
	}
	part := b.part(d, f.rec)
	if d.groups.open[group] {
		part.Lines = append(part.Lines, g.part.Lines...)
		f.wrote = d
		return
	}
	n := 0
	if g.Client {
		if hasClient {
			g.person = client
			f.meetPerson(part, d, group.Field(n), g.person[:])
		}
		n++
	}
	if user != nil {
		f.meetPerson(part, d, group.Field(n), g.foldUser(user))
	}
	part.Held = append(append(group.AppendTo(part.Held), ' '), g.part.Lines...)
	f.wrote = d
}

// groupOf returns the group of a line, and its user, nil for none. A line has no group
// if something else is left of a further client or user. Behind trusted proxies it is known
// who the client is, and what is left of the proxies belongs to the group.
func (f *Filter) groupOf(line []byte) (group pseudonym.Group, user []byte, ok bool) {
	if f.json.nodes == nil {
		return f.groupOfFields(line)
	}
	fields, client := f.line.Fields, f.line.Client
	f.line.Client = f.spread(line)
	f.line.Fields = f.json.fields
	group, user, ok = f.groupOfFields(f.json.text)
	f.line.Fields, f.line.Client = fields, client
	return group, user, ok
}

// groupOfFields is groupOf for a text that has the fields of f.line.
func (f *Filter) groupOfFields(text []byte) (group pseudonym.Group, user []byte, ok bool) {
	g := f.grouped
	g.buf = g.buf[:0]
	end := 0
	if g.Client {
		g.buf = f.appendTreatedOf(g.buf, text, f.line.Client)
		end = len(g.buf)
		for i := range f.line.Fields {
			if i == f.line.Client || !f.isFurtherClient(&f.line.Fields[i]) {
				continue
			}
			at := len(g.buf)
			g.buf = f.appendTreatedOf(append(g.buf, ' '), text, i)
			if bytes.Equal(g.buf[:end], g.buf[at+1:]) {
				g.buf = g.buf[:at]
			} else if !g.proxied {
				return group, nil, false
			}
		}
		end = len(g.buf)
	}
	if g.User {
		at, ok := f.userField(text)
		if !ok {
			return group, nil, false
		}
		g.buf = f.appendTreatedOf(g.buf, text, at)
		user = f.userOf(text, at)
	}
	g.values = g.values[:0]
	if g.Client {
		g.values = append(g.values, g.buf[:end])
	}
	if g.User {
		g.values = append(g.values, g.buf[end:])
	}
	if g.proof != nil {
		return f.provenGroup(text), user, true
	}
	group, g.scratch = f.guard.Cipher.AppendGroup(g.scratch, g.Rule, g.values)
	return group, user, true
}

// isFurtherClient reports whether a field is a client's. Of the addresses in the message
// of an error, nobody knows whose they are.
func (f *Filter) isFurtherClient(field *format.Field) bool {
	switch {
	case field.Joined:
		return false
	case f.line.Error && format.Client <= field.Kind && field.Kind <= format.Forwarded:
		return f.plan.Of(field) != nil
	}
	return field.Role == format.RoleClient
}

// appendTreatedOf appends what is left of a field, "-" for -1.
func (f *Filter) appendTreatedOf(dst, text []byte, i int) []byte {
	if i < 0 || f.line.Fields[i].Start == f.line.Fields[i].End {
		return append(dst, '-')
	}
	return f.appendTreated(dst, text, i)
}

// userField returns the field that has the user's name, -1 for none. It is not ok if
// there are several names.
func (f *Filter) userField(text []byte) (at int, ok bool) {
	at = -1
	for i := range f.line.Fields {
		field := &f.line.Fields[i]
		value := text[field.Start:field.End]
		if field.Role != format.RoleUser || field.Joined || len(value) == 0 || isDash(value) {
			continue
		}
		if at >= 0 && !bytes.Equal(value, text[f.line.Fields[at].Start:f.line.Fields[at].End]) {
			return -1, false
		}
		at = i
	}
	return at, true
}

// userOf returns the user that a field names, nil for none. Where the server asked for a
// password, and where nobody knows, anybody can call himself anything.
func (f *Filter) userOf(text []byte, at int) []byte {
	if at < 0 || f.line.Status >= 400 || f.hidesUser(anyTreatment, text) {
		return nil
	}
	return text[f.line.Fields[at].Start:f.line.Fields[at].End]
}

// foldUser returns what is the same however a user spells his name: servers with names that
// differ in case alone are rare, and those that do not care let one person have many.
// It is valid until the next call.
func (g *grouped) foldUser(user []byte) []byte {
	g.folded = g.folded[:0]
	for _, c := range bytes.TrimSpace(user) {
		if c >= 0x80 || c == '\\' {
			plain, _ := format.Unescaped(user, nil)
			return bytes.TrimSpace(bytes.ToLower(norm.NFKC.Bytes(plain)))
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		g.folded = append(g.folded, c)
	}
	return g.folded
}

var anyTreatment = &treatment.Treatment{}

// meetPerson counts a person of a group that is not open.
func (f *Filter) meetPerson(part *Part, d *day, field [20]byte, value []byte) {
	people := d.groups.people
	if people.Addresses(&field) < uint64(f.grouped.Least) {
		part.People = people.AppendIfNew(part.People, &field, d.cipher.Person(&field, value))
	}
}
