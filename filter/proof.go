package filter

import (
	"bytes"
	"slices"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/machine"
)

// Proof treats lines once more that were written, and tells those in which something is
// left to do: an address in clear, a parameter to strike out, a field to shorten. It
// reads what a Filter writes as that does, of whatever format, and leaves pseudonyms
// alone. It serves one goroutine.
type Proof struct {
	f     *Filter
	day   civil.Day
	batch Batch
	late  format.Parser
	plain format.Parser    // that of the lines, without proxies
	line  format.Line      // scratch
	named []byte           // scratch
	found []pseudonym.Addr // scratch
	left  []pseudonym.Addr // scratch
}

// NewProof returns a Proof for the file of a day. Of cfg it takes the Parser, Redact and
// Plan that the lines were treated by, and proxies; cipher is one of pseudonym.NewProof.
// late is the same Parser in the zone UTC+14, in which an epoch has the latest date that
// it can have had where it was written.
func NewProof(cfg Config, late format.Parser, cipher *pseudonym.Cipher, day civil.Day) *Proof {
	cfg.Rooms, cfg.NoLines = nil, false
	cfg.Groups, cfg.Traffic, cfg.Hours = nil, nil, false // the lines were released, and lie in the file of their hour
	if cfg.Plan != nil {
		cfg.Plan = cfg.Plan.Again(cfg.Parser)
	}
	p := &Proof{f: newFilter(cfg, proofDay(day), &direct{}), day: day, late: late, plain: cfg.Parser}
	if cfg.Plan != nil { // which says something of each field
		all, ok := p.f.glancer.(format.AllGlancer)
		if p.f.glancer = nil; ok {
			p.f.glancer = glanceAll{all}
		}
	}
	p.f.common = &dayCipher{Cipher: cipher, recent: newRing[client](maxClients)}
	return p
}

// glanceAll is a Glancer that leaves no field out.
type glanceAll struct{ format.AllGlancer }

// Glance implements format.Glancer.
func (g glanceAll) Glance(line []byte, m *machine.Marks, out *format.Line) bool {
	return g.GlanceAll(line, m, out)
}

// LatestZone is the zone whose dates are the latest of all.
var LatestZone = time.FixedZone("", 14*60*60)

// AllFit reports whether nothing is left to do in any of the lines, each with its newline.
// malformed is how many of them have no known format.
func (p *Proof) AllFit(lines []byte) (fit bool, malformed int) {
	was := p.f.stats
	b := p.treat(lines)
	malformed = int(p.f.stats.Malformed - was.Malformed)
	return p.f.stats.Omitted == was.Omitted && len(b.Parts) == 1 && b.Parts[0].Day == p.day && bytes.Equal(b.Parts[0].Lines, lines), malformed
}

// Look returns what is left to do in one line, which has its newline.
func (p *Proof) Look(line []byte) treatment.Doubt {
	line = p.withClient(line)
	was := p.f.stats
	b := p.treat(line)
	is := p.f.stats
	if is.Failed > was.Failed {
		return treatment.NoDoubt // nobody knows
	}
	broken := is.Malformed > was.Malformed || is.Cut > was.Cut
	var out []byte
	old := false
	for i := range b.Parts {
		out = append(out, b.Parts[i].Lines...)
		old = old || b.Parts[i].Day < p.day && len(b.Parts[i].Lines) > 0
	}
	if old && !broken && !p.isLate(line) {
		return treatment.OldLine
	}
	if bytes.Equal(out, line) {
		return treatment.NoDoubt
	}
	if len(out) == 0 && is.Omitted > was.Omitted {
		return treatment.Unfit
	}
	switch {
	case adds(line, out, pseudonym.Mark4):
		return treatment.Address4
	case adds(line, out, pseudonym.Mark6):
		return treatment.Address6
	case broken: // read anew, other words may stand where names do
		return treatment.NoDoubt
	}
	switch {
	case adds(line, out, pseudonym.MarkName):
		return treatment.HostName
	case adds(line, out, pseudonym.MarkHash):
		return treatment.NoHash
	}
	if left := p.missing(line, out); len(left) > 0 { // where clients are left out, nothing stands for them
		if left[0].Is4() {
			return treatment.Address4
		}
		return treatment.Address6
	}
	return treatment.Untreated
}

// withClient puts a client in the place of one that was left out: in a line without one,
// the filter believes no server's name.
func (p *Proof) withClient(line []byte) []byte {
	l := &p.line
	if !p.plain.Parse(bytes.TrimSuffix(line, newline), l) {
		return line
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

func (p *Proof) treat(lines []byte) *Batch {
	b := &p.batch
	b.Reset()
	b.room = len(lines) + len(lines)/4
	p.f.renew()
	p.f.treatLines(b, lines)
	return b
}

// isLate reports whether a line can be of the day in some zone.
func (p *Proof) isLate(line []byte) bool {
	return p.late != nil && p.late.Parse(bytes.TrimSuffix(line, newline), &p.line) && p.line.HasDay && p.line.Day >= p.day
}

func adds(line, out []byte, mark string) bool {
	return bytes.Contains(out, []byte(mark)) && !bytes.Contains(line, []byte(mark))
}

// missing returns the addresses of a line that are not in what became of it.
func (p *Proof) missing(line, out []byte) (list []pseudonym.Addr) {
	p.found, p.left = p.found[:0], p.left[:0]
	Pseudonyms(line, func(a pseudonym.Addr) { p.found = append(p.found, a) })
	Pseudonyms(out, func(a pseudonym.Addr) { p.left = append(p.left, a) })
	for _, a := range p.found {
		switch i := slices.Index(p.left, a); {
		case i >= 0:
			p.left = slices.Delete(p.left, i, i+1)
		case !a.IsName():
			list = append(list, a)
		}
	}
	return list
}

// proofDay is the Calendar of a Proof: lines go to the day, but those that are older.
type proofDay civil.Day

// Place implements Calendar.
func (d proofDay) Place(date civil.Day, dated bool) (civil.Day, calendar.Placement) {
	if dated && date < civil.Day(d) {
		return date, calendar.Open
	}
	return civil.Day(d), calendar.Open
}

// Key implements Calendar. It tells days apart, and no pseudonym is made with it.
func (d proofDay) Key(civil.Day, calendar.Placement) *pseudonym.Key { return &pseudonym.Key{} }

// Epoch implements Calendar.
func (d proofDay) Epoch() uint64 { return 1 }

// Hasher implements Calendar.
func (d proofDay) Hasher() *rooms.Hasher { return nil }
