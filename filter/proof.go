package filter

import (
	"bytes"
	"slices"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/reread"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/filter/where"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// Proof checks written lines by treating them again. It finds lines in which treatment still
// changes something: an address in clear, a parameter to strike out, a field to shorten. It
// parses lines of any format like the Filter that wrote them, and leaves pseudonyms unchanged.
// Only one goroutine may use a Proof.
type Proof struct {
	f     *Filter
	input *Streams // f as the only stream of a policy; nil: no fields and no conditions
	whole *Streams // input without conditions
	worst *Filter  // treats any line as malformed; nil: malformed lines are not written
	cfg   Config
	plain format.Parser // parser of the lines, without proxies
	late  format.Parser
	day   civil.Day
	drops bool // "-" can stand for a client
	batch Batch
	all   Batch // of input
	proofScratch
}

// proofScratch is memory that a Proof reuses for each line.
type proofScratch struct {
	line  format.Line
	named []byte
	out   []byte
	found []pseudonym.Addr
	left  []pseudonym.Addr
	unfit []int // result of Unfit

	broken bool // the current line is malformed or was cut
}

// NewProof returns a Proof for the file of a day. cfg has the Parser, Proxies, Redact and Plan
// that the lines were treated with; cipher comes from pseudonym.NewProof. late is the same
// Parser for the zone UTC+14: there a time since 1970 has the latest date that it can have had
// where the line was written.
func NewProof(cfg Config, late format.Parser, cipher *pseudonym.Cipher, day civil.Day) *Proof {
	cfg.Rooms, cfg.NoLines = nil, false
	cfg.Groups, cfg.Traffic, cfg.Hours = nil, nil, false // the lines are in their final files
	if cfg.Plan != nil {
		cfg.Plan, cfg.again = cfg.Plan.Again(cfg.Parser), true
	}
	p := &Proof{f: newFilter(cfg, proofDay(day), &direct{}), day: day, late: late, plain: cfg.Parser, cfg: cfg}
	if cfg.Plan != nil {
		p.Under(nil)
	}
	p.f.common = guard.NewCipher(cipher)
	const left = "-:80"
	p.drops = string(cipher.AppendName(nil, []byte(left))) == left
	if cfg.Plan == nil {
		cfg.Parser = noFormat{}
		p.worst = newFilter(cfg, proofDay(day), &direct{})
		p.worst.common = p.f.common
	}
	return p
}

// Under makes the Proof also check conditions: those of the first stream of a policy, of which
// only conditions and events are used; nil for none. A line that does not meet them is
// Unchosen.
func (p *Proof) Under(conditions *policy.Policy) {
	p.whole = p.inputOf(&policy.Policy{Streams: []policy.Stream{{}}})
	p.input = p.whole
	if conditions != nil {
		p.input = p.inputOf(conditions)
	}
}

func (p *Proof) inputOf(conditions *policy.Policy) *Streams {
	return NewStreams(Config{Parser: p.plain, Proxies: p.cfg.Proxies, again: p.cfg.again}, where.New(conditions), []Stream{{Filter: p.f, Get: func() *Batch { return &p.batch }}})
}

// noFormat is a Parser that rejects all lines.
type noFormat struct{}

// Parse implements format.Parser.
func (noFormat) Parse([]byte, *format.Line) bool { return false }

// LatestZone is the zone in which each date begins first.
var LatestZone = time.FixedZone("", 14*60*60)

// Unfit returns the indexes, from 0, of lines that may be in doubt, see Look. All others are
// unchanged by treatment, and their groups are open. Each line must have its newline. places
// is valid until the next call. malformed is how many of the lines are malformed.
func (p *Proof) Unfit(lines []byte) (places []int, malformed int) {
	p.unfit = p.unfit[:0]
	was := p.stats()
	out, ok := p.inPlace(lines)
	malformed = int(p.stats().Malformed - was.Malformed)
	if ok && bytes.Equal(out, lines) {
		return p.closed(), malformed
	}
	place := 0
	for len(lines) > 0 {
		piece := lines
		if !ok {
			piece = lines[:pieceOf(lines)]
			out, _ = p.inPlace(piece)
		}
		lines = lines[len(piece):]
		first := place
		for line := range bytes.Lines(piece) {
			made := out[:bytes.IndexByte(out, '\n')+1]
			out = out[len(made):]
			if !bytes.Equal(made, line) || p.IsGrouped() && p.f.grouped.proof.isClosed(place-first) {
				p.unfit = append(p.unfit, place)
			}
			place++
		}
	}
	return p.unfit, malformed
}

// inPlace treats lines, and returns the results in the same order. ok is false if some lines
// were left out or have another day, so that results cannot be assigned to lines.
func (p *Proof) inPlace(lines []byte) (out []byte, ok bool) {
	was := p.stats()
	b := p.treat(p.f, lines)
	is := p.stats()
	if is.Omitted != was.Omitted || is.Unfit != was.Unfit || len(b.Parts) != 1 || b.Parts[0].Day != p.day {
		return nil, false
	}
	out = b.Parts[0].Lines
	if n := len(out); n != len(lines) || p.IsGrouped() {
		n = bytes.Count(out, newline)
		if n != bytes.Count(lines, newline) || p.IsGrouped() && n != len(p.f.grouped.proof.lines) {
			return nil, false
		}
	}
	return out, true
}

// closed returns the indexes of the lines whose group is not open.
func (p *Proof) closed() []int {
	if p.IsGrouped() {
		g := p.f.grouped.proof
		for i := range g.lines {
			if g.isClosed(i) {
				p.unfit = append(p.unfit, i)
			}
		}
	}
	return p.unfit
}

// pieceSize is how many bytes of lines are treated at a time if some of many were left out.
const pieceSize = 4 << 10

// pieceOf returns the length of the whole lines that make the first piece.
func pieceOf(lines []byte) int {
	if len(lines) <= pieceSize {
		return len(lines)
	}
	if end := bytes.LastIndexByte(lines[:pieceSize], '\n'); end >= 0 {
		return end + 1
	}
	return bytes.IndexByte(lines, '\n') + 1
}

// Look returns what is in doubt about one line, with its newline. A line may have been malformed
// before its treatment. So, unless it contains an address, it is in doubt only if treating it
// as a malformed line changes it too.
func (p *Proof) Look(line []byte) treatment.Doubt {
	doubt, out := p.look(line)
	switch doubt {
	case treatment.NoDoubt, treatment.OldLine, treatment.Unfit:
		return doubt
	case treatment.Unchosen:
		return p.unchosen(line)
	}
	if p.worst != nil && doubt != treatment.Address4 && doubt != treatment.Address6 {
		if b := p.treat(p.worst, line); len(b.Parts) == 1 && bytes.Equal(b.Parts[0].Lines, line) {
			return treatment.NoDoubt
		}
	}
	switch {
	case doubt == treatment.Untreated && isSame(line, out):
		return treatment.NoDoubt
	case p.isUnclear(line, out, doubt):
		return treatment.Unclear
	}
	return doubt
}

// Suits reports whether this treatment can have written one line, with its newline: treating
// it again changes at most placeholders (see isSame). Unlike Look, it does not accept lines
// because they may be malformed: those can contain a host name or a secret.
func (p *Proof) Suits(line []byte) bool {
	switch doubt, out := p.look(line); doubt {
	case treatment.NoDoubt:
		return bytes.Equal(out, p.withClient(line))
	case treatment.Untreated:
		return isSame(line, out)
	}
	return false
}

// unchosen is Look for a line that does not meet the conditions. It returns a worse doubt
// instead, such as an address, if there is one.
func (p *Proof) unchosen(line []byte) treatment.Doubt {
	vague := p.isVague()
	input := p.input
	p.input = p.whole
	doubt := p.Look(line)
	p.input = input
	switch {
	case doubt != treatment.NoDoubt && doubt != treatment.Unclear:
		return doubt
	case !vague:
		return treatment.Unchosen
	case doubt == treatment.Unclear:
		return doubt
	}
	return treatment.Vague
}

// isVague reports whether facts that the conditions test were replaced, struck out or erased
// in the current line.
func (p *Proof) isVague() bool {
	f := &p.input.facts
	if f.Unknown || f.Status == 401 || f.Status == 407 || len(f.User) > 0 && len(bytes.Trim(f.User, "x")) == 0 {
		return true
	}
	target := f.Target
	return p.input.match.LooksAtRequest() && (len(target) == 0 || leavesDash(target) || bytes.Count(target, []byte{':'}) > 1 ||
		len(target) > 1 && len(bytes.Trim(target, "/x")) == 0)
}

// isSame reports whether two lines differ only in placeholders: "-" for what was left out, and
// x for what was erased. Treatment reduces adjacent ones to one.
func isSame(a, b []byte) bool {
	says := func(list [][]byte) [][]byte {
		return slices.DeleteFunc(list, func(w []byte) bool { return len(bytes.Trim(w, "-")) == 0 || len(bytes.Trim(w, "x")) == 0 })
	}
	return slices.EqualFunc(says(bytes.FieldsFunc(a, isBetween)), says(bytes.FieldsFunc(b, isBetween)), bytes.Equal)
}

// isUnclear reports whether a line may differ from out only because it was treated before: a
// pseudonym within a word can change the meaning of the word, and if a word was left out, the
// next one can be taken for the client.
func (p *Proof) isUnclear(line, out []byte, doubt treatment.Doubt) bool {
	if doubt == treatment.HostName && p.hasClient(line) {
		return true
	}
	was, is := bytes.FieldsFunc(line, isBetween), bytes.FieldsFunc(out, isBetween)
	if len(was) != len(is) {
		return slices.ContainsFunc(was, p.isOdd)
	}
	for i := range was {
		if bytes.Equal(was[i], is[i]) || p.isOdd(was[i]) || string(was[i]) == "-" && string(is[i]) == pseudonym.NoClient {
			continue // withClient put NoClient there
		}
		// In a malformed line, other words can be taken for names the second time.
		if !p.broken || adds(was[i], is[i], pseudonym.Mark4) || adds(was[i], is[i], pseudonym.Mark6) {
			return false
		}
	}
	return true
}

func isBetween(r rune) bool { return r == ' ' || r == '"' || r == '\t' || r == '\n' }

// hasClient reports whether the words before the time and the texts of a line include a
// pseudonym, or "-" followed by two more words.
func (p *Proof) hasClient(line []byte) bool {
	if end := bytes.IndexAny(line, "[\""); end >= 0 {
		line = line[:end]
	}
	words := bytes.FieldsFunc(line, func(r rune) bool { return isBetween(r) || r == ',' })
	for _, word := range words {
		if a, ok := pseudonym.ParseAddr(guard.BareAddr(word)); ok && p.isPseudonym(a) {
			return true
		}
	}
	return len(words) > 3 && slices.ContainsFunc(words[:len(words)-2], func(word []byte) bool { return string(guard.BareAddr(word)) == "-" })
}

// isOdd reports whether a pseudonym is next to letters or digits in a word.
func (p *Proof) isOdd(word []byte) bool {
	if bytes.Contains(word, []byte(pseudonym.NoClient)) || p.drops && leavesDash(word) {
		return true
	}
	for i := 0; i < len(word); {
		if !guard.IsRunByte(word[i]) {
			i++
			continue
		}
		end := i
		for end < len(word) && guard.IsRunByte(word[end]) {
			end++
		}
		run := word[i:end]
		if a, ok := pseudonym.ParseAddr(run); ok && a.Is4() && !p.isPseudonym(a) {
			i = end
			continue // an address like ::ffff:192.0.2.1: no part of it is a pseudonym
		}
		for part := range bytes.SplitSeq(run, dot) {
			a, ok := pseudonym.ParseAddr(part)
			if ok && p.isPseudonym(a) && (len(part) < len(run) || i > 0 && isGlue(word[i-1]) || end < len(word) && isGlue(word[end])) {
				return true
			}
			if p.isGlued(part) {
				return true
			}
		}
		i = end
	}
	return false
}

// isGlued reports whether hexadecimal digits are next to an IPv6 pseudonym, so that its first
// or last group has more than four.
func (p *Proof) isGlued(part []byte) bool {
	first, last := bytes.IndexByte(part, ':'), bytes.LastIndexByte(part, ':')+1
	if first < 0 || first <= 4 && len(part)-last <= 4 {
		return false
	}
	starts, ends := 1, 1 // possible lengths of the group
	if first > 4 {
		starts = 4
	}
	if len(part)-last > 4 {
		ends = 4
	}
	for s := range starts {
		start := max(first-4, 0) + s
		for e := range ends {
			a, ok := pseudonym.ParseAddr(part[start : min(last+4, len(part))-e])
			if ok && p.isPseudonym(a) {
				return true
			}
		}
	}
	return false
}

// leavesDash reports whether a word contains a dash with no name byte next to it, as if it
// replaced a name.
func leavesDash(word []byte) bool {
	for i, c := range word {
		if c == '-' && (i == 0 || !isGlue(word[i-1])) && (i+1 == len(word) || !isGlue(word[i+1])) {
			return true
		}
	}
	return false
}

var dot = []byte{'.'}

func isGlue(c byte) bool { return guard.IsNameByte(c) || c == '%' || c >= 0x80 }

func (p *Proof) isPseudonym(a pseudonym.Addr) bool {
	p.named = p.f.common.AppendAddr(p.named[:0], a)
	is, ok := pseudonym.ParseAddr(p.named)
	return ok && is == a
}

// look is Look without the possibility that the line was malformed. out is the treated line,
// valid until the next call.
func (p *Proof) look(line []byte) (doubt treatment.Doubt, out []byte) {
	line = p.withClient(line)
	was := p.stats()
	b := p.treat(p.f, line)
	is := p.stats()
	if is.Failed > was.Failed {
		return treatment.NoDoubt, nil // a panic: nothing is known
	}
	p.broken = is.Malformed > was.Malformed || is.Cut > was.Cut
	out = p.out[:0]
	old := false
	for i := range b.Parts {
		out = append(out, b.Parts[i].Lines...)
		old = old || b.Parts[i].Day < p.day && len(b.Parts[i].Lines) > 0
	}
	p.out = out
	if old && !p.broken && !p.isLate(line) {
		return treatment.OldLine, out
	}
	if bytes.Equal(out, line) {
		return treatment.NoDoubt, out
	}
	if len(out) == 0 && is.Unfit > was.Unfit {
		return treatment.Unchosen, out
	}
	if len(out) == 0 && is.Omitted > was.Omitted {
		return treatment.Unfit, out
	}
	switch {
	case adds(line, out, pseudonym.Mark4):
		return treatment.Address4, out
	case adds(line, out, pseudonym.Mark6):
		return treatment.Address6, out
	case p.broken: // other words can be taken for names the second time
		return treatment.NoDoubt, out
	}
	switch {
	case adds(line, out, pseudonym.MarkName):
		return treatment.HostName, out
	case adds(line, out, pseudonym.MarkHash):
		return treatment.NoHash, out
	}
	if left := p.missing(line, out); len(left) > 0 { // clients that are left out have no mark
		if left[0].Is4() {
			return treatment.Address4, out
		}
		return treatment.Address6, out
	}
	return treatment.Untreated, out
}

// withClient replaces a client that was left out by pseudonym.NoClient. In a line without a
// client, the Filter trusts no server name, and takes the line for malformed if it has an IPv6
// address with a port. The result is valid until the next call.
func (p *Proof) withClient(line []byte) []byte {
	l := &p.line
	if !p.plain.Parse(bytes.TrimSuffix(line, newline), l) {
		return p.guessClient(line)
	}
	p.named = p.named[:0]
	at := 0
	for i := range l.Fields {
		f := &l.Fields[i]
		if f.Role == format.RoleClient && f.Kind == format.Client && string(line[f.Start:f.End]) == "-" {
			p.named = append(append(p.named, line[at:f.Start]...), pseudonym.NoClient...)
			at = f.End
		}
	}
	p.named = append(p.named, line[at:]...)
	return p.named
}

// maxGuessed bounds how many words of a line guessClient tries.
const maxGuessed = 8

// guessClient is withClient for a malformed line: it replaces the first "-" that makes it a
// line of the format with that client. It returns other lines unchanged.
func (p *Proof) guessClient(line []byte) []byte {
	if !p.drops {
		return line
	}
	at := 0
	for range maxGuessed {
		i := bytes.Index(line[at:], []byte(" - "))
		if i < 0 {
			break
		}
		at += i + 1
		p.named = append(append(append(p.named[:0], line[:at]...), pseudonym.NoClient...), line[at+1:]...)
		if p.plain.Parse(bytes.TrimSuffix(p.named, newline), &p.line) && p.line.Client >= 0 && p.line.Fields[p.line.Client].Start == at {
			return p.named
		}
	}
	return line
}

// stats returns the counts so far, including those of the input.
func (p *Proof) stats() counters.Values {
	v := p.f.stats
	if p.input != nil {
		of := &p.input.reader.stats
		v.Malformed, v.Failed, v.Unfit = of.Malformed, of.Failed, of.Unfit
	}
	return v
}

func (p *Proof) treat(f *Filter, lines []byte) *Batch {
	b := &p.batch
	b.Reset()
	b.room = len(lines) + len(lines)/4
	if p.IsGrouped() {
		p.f.grouped.proof.lines = p.f.grouped.proof.lines[:0]
	}
	f.renew()
	if f == p.f && p.input != nil {
		p.all.streams = append(p.all.streams[:0], nil)
		p.input.treatLines(&p.all, lines)
		return b
	}
	f.treatLines(b, lines)
	return b
}

// isLate reports whether a line can be of the file's day, or later, in some zone.
func (p *Proof) isLate(line []byte) bool {
	return p.late != nil && p.late.Parse(bytes.TrimSuffix(line, newline), &p.line) && p.line.HasDay && p.line.Day >= p.day
}

func adds(line, out []byte, mark string) bool {
	return bytes.Contains(out, []byte(mark)) && !bytes.Contains(line, []byte(mark))
}

// missing returns the addresses in a line, except for pseudonyms, that are not in the treated
// line.
func (p *Proof) missing(line, out []byte) (list []pseudonym.Addr) {
	p.found, p.left = p.found[:0], p.left[:0]
	reread.Pseudonyms(line, func(a pseudonym.Addr) { p.found = append(p.found, a) })
	reread.Pseudonyms(out, func(a pseudonym.Addr) { p.left = append(p.left, a) })
	for _, a := range p.found {
		switch i := slices.Index(p.left, a); {
		case i >= 0:
			p.left = slices.Delete(p.left, i, i+1)
		case !a.IsName() && !p.isPseudonym(a):
			list = append(list, a)
		}
	}
	return list
}

// proofDay is the Calendar of a Proof. Older lines go to their own day, all others to this day.
type proofDay civil.Day

// Place implements Calendar.
func (d proofDay) Place(date civil.Day, dated bool) (civil.Day, calendar.Placement) {
	if dated && date < civil.Day(d) {
		return date, calendar.Open
	}
	return civil.Day(d), calendar.Open
}

// Key implements Calendar. No pseudonym is made with it.
func (d proofDay) Key(civil.Day, calendar.Placement) *pseudonym.Key { return &pseudonym.Key{} }

// Epoch implements Calendar.
func (d proofDay) Epoch() uint64 { return 1 }

// Hasher implements Calendar.
func (d proofDay) Hasher() *rooms.Hasher { return nil }
