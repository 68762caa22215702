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

// Groups defines which lines of a stream form a group, and when they may be written.
type Groups struct {
	Rule         string // the fields and their treatments; groups of different rules are unrelated
	Client, User bool   // lines of a group have the same treated value in this field
	Least        int    // how many people open a group
	Open         Opened // nil: no group ever opens
}

// Opened lists the groups that are open. Its methods may be called while the Sink works.
type Opened interface {
	// Generation changes whenever groups open.
	Generation() uint64
	// Since returns the open groups of a day, without the first n.
	Since(day civil.Day, n int) []pseudonym.Group
}

// grouped decides which lines of a stream are held back: those of groups that are not known
// to be open.
type grouped struct {
	*Groups
	limits     rooms.Limits
	generation uint64
	part       Part     // the current line
	values     [][]byte // treated values of the fields that define the group
	buf        []byte   // memory of values
	scratch    []byte
	folded     []byte // scratch of foldUser
	person     pseudonym.Addr
	proxied    bool        // trusted proxies are configured
	proof      *groupProof // for lines that were released; nil: lines are held back
}

// groupPrefix is how many bytes precede a held line: its group, and a blank.
const groupPrefix = 2*len(pseudonym.Group{}) + 1

// groupsOfDay is the state of a day's groups. The people in a group are counted until there
// are enough to open it.
type groupsOfDay struct {
	people *rooms.DistinctSet
	open   map[pseudonym.Group]bool
	seen   int // how many groups Opened has returned
}

func newGrouped(cfg *Groups, limits rooms.Limits) *grouped {
	return &grouped{Groups: cfg, limits: limits, values: make([][]byte, 0, 2)}
}

// lookForOpen adopts the groups that were opened since the last batch.
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

// writeGrouped is the end of write for a stream that holds lines back. It appends the line to
// the batch only after it knows whether the line is held: after a panic, a line that should
// be held must not be among those that are written.
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

// groupOf returns the group of a line, and its user, nil for none. ok is false if the line has
// no group, because it has several users, or several clients that differ after treatment. With
// trusted proxies, the client is known, and treated values of the proxies are part of the group.
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

// isFurtherClient reports whether a field may be a client's. Any address in an error message
// that the stream keeps may be one.
func (f *Filter) isFurtherClient(field *format.Field) bool {
	switch {
	case field.Joined:
		return false
	case f.line.Error && format.Client <= field.Kind && field.Kind <= format.Forwarded:
		return f.plan.Of(field) != nil
	}
	return field.Role == format.RoleClient
}

// appendTreatedOf appends the treated value of field i, "-" if i is -1 or the field is empty.
func (f *Filter) appendTreatedOf(dst, text []byte, i int) []byte {
	if i < 0 || f.line.Fields[i].Start == f.line.Fields[i].End {
		return append(dst, '-')
	}
	return f.appendTreated(dst, text, i)
}

// userField returns the field that has the user's name, -1 for none. ok is false if there are
// several names.
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

// userOf returns the user that a field names, nil for none. It returns nil if the request
// failed or has no status: its client may have sent any name without a password.
func (f *Filter) userOf(text []byte, at int) []byte {
	if at < 0 || f.line.Status >= 400 || f.hidesUser(anyTreatment, text) {
		return nil
	}
	return text[f.line.Fields[at].Start:f.line.Fields[at].End]
}

// foldUser returns a form of a user's name that is the same for all its spellings. Few servers
// have names that differ only in case; on servers that ignore case, one person could count
// as many. The result is valid until the next call.
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

// meetPerson counts a person in a group that is not open.
func (f *Filter) meetPerson(part *Part, d *day, field [20]byte, value []byte) {
	people := d.groups.people
	if people.Addresses(&field) < uint64(f.grouped.Least) {
		part.People = people.AppendIfNew(part.People, &field, d.cipher.Person(&field, value))
	}
}
