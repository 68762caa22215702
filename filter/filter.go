// Package filter implements what happens to a log line between the web server
// and the disk: its addresses become pseudonyms, its secrets are struck out,
// its room is counted, and it is sorted to its day. It fails closed: what it
// does not understand it replaces.
package filter

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"hushpipe/filter/calendar"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// Calendar knows the days. Its methods may be called while a Sink works.
type Calendar interface {
	// Place says to which day a line with that date goes; dated is false for a
	// line with no readable time stamp.
	Place(date format.Day, dated bool) (format.Day, calendar.Placement)
	// Key returns the day's key; for an expired day a throw-away one, always
	// the same.
	Key(day format.Day, placement calendar.Placement) *pseudonym.Key
	// Epoch changes when an earlier answer may no longer hold; it is never 0.
	Epoch() uint64
	// Hasher makes the hashes of room names; nil while its secret is out of
	// reach, and then nothing is counted.
	Hasher() *rooms.Hasher
}

// Config is what shapes the treatment of a line.
type Config struct {
	Parser  format.Parser
	Proxies *Proxies // nil: none; else Parser was made with format.Options.Proxies
	Mode    pseudonym.Mode
	Redact  *Redact
	Rooms   *rooms.Matcher // nil: no rooms are counted
	Limits  rooms.Limits
	CountV6 int  // prefix length that counts as one IPv6 client, 1…128
	Single  bool // one stream for all days, in the order of input, expired or not

	// Untold leaves it to a tally to tell which pairs of room and address are
	// new: a pair becomes a record, perhaps again and again, those of expired days
	// in a part too.
	Untold bool
}

// Stats counts lines since the start.
type Stats struct {
	Lines     uint64 // treated
	Malformed uint64 // of these, in no known format
	Late      uint64 // of these, written to the file of a day before today
	Adjusted  uint64 // of these, with no readable time or dated after tomorrow: written to today
	Expired   uint64 // of these, past the retention: not written
	Glued     uint64 // of these, made of several that were written into each other
	Cut       uint64 // of the malformed, longer than 1 MiB: the end is left out
	Failed    uint64 // not treated because of an error in hushpipe: left out
	// Of the lines below status 400, while rooms are counted:
	WithoutClient  uint64 // no client can be told
	WithoutRequest uint64 // no request can be told
	RoomUnseen     uint64 // of a room's URL, whose name is in a query that is not logged

	Overflow uint64 // whose pair of room and address was not counted, past the bound
	Fault    string // where the first error in hushpipe was: function, file and line; "" for none
}

func (s Stats) plus(o Stats) Stats {
	return Stats{
		Lines: s.Lines + o.Lines, Malformed: s.Malformed + o.Malformed, Late: s.Late + o.Late,
		Adjusted: s.Adjusted + o.Adjusted, Expired: s.Expired + o.Expired, Cut: s.Cut + o.Cut,
		Glued:         s.Glued + o.Glued,
		WithoutClient: s.WithoutClient + o.WithoutClient, WithoutRequest: s.WithoutRequest + o.WithoutRequest,
		RoomUnseen: s.RoomUnseen + o.RoomUnseen,
		Failed:     s.Failed + o.Failed, Overflow: s.Overflow + o.Overflow,
		Fault: cmp.Or(s.Fault, o.Fault),
	}
}

// Filter treats lines. It serves one goroutine.
type Filter struct {
	cfg      Config
	cal      Calendar
	stats    Stats
	guard    guard
	match    rooms.Match
	clean    cleanTexts
	line     format.Line    // that is treated
	marks    machine.Marks  // of it
	glancer  format.Glancer // the parser, where it is one
	pathOnly bool           // the format has no queries
	hasNUL   bool           // the lines that are treated may have NUL bytes
	scratch  []byte         // of format.Target
	begin    ahead          // the client of the line
	next     ahead          // of the one behind it

	// Who is counted by the current line, nil for nobody; who may be another
	// address's later in the line.
	who     *client
	addr    pseudonym.Addr
	request *cleanText // what is known of its request, nil for nothing
	doubt   doubt      // whether it is one line
	wrote   *day       // where it is written, nil: it is not, or not yet
	pieces  pieces

	hasher *rooms.Hasher // nil: no rooms are counted
	source *rooms.Hasher // the calendar's, which hasher is a clone of

	epoch uint64
	dates map[format.Day]slot // by the date that lines bear
	last  slot                // of the line before
	none  slot                // of lines without a date
	days  map[format.Day]*day // by the day that lines go to
	void  Part                // takes the lines of expired days
	ample *atomic.Bool        // the tally has room for every pair that is under way

	mu     sync.Mutex
	shared Stats // for Snapshot
	read   atomic.Uint64

	noteKey noteKey

	excess *day // stands for expired days past maxDays; nil: there is none
}

// slot says where lines of one date go.
type slot struct {
	date      format.Day
	placement calendar.Placement
	late      bool // they go to a day before today
	day       *day // nil: not asked yet
}

// day is what the lines of one day need.
type day struct {
	day     format.Day
	expired bool // since its first line
	met     bool // it is expired, and a line of it could be read
	keyID   [8]byte
	cipher  *dayCipher    // nil: to be made
	counts  *rooms.Counts // nil: no room yet
	batch   *Batch        // the last one with lines of this day,
	seq     uint64        // in which of its uses,
	part    int           // and at which index
}

func (d *day) overflow() uint64 {
	if d.counts == nil {
		return 0
	}
	return d.counts.Overflow()
}

// New returns a Filter for lines of cal's days.
func New(cfg Config, cal Calendar) *Filter {
	f := &Filter{cfg: cfg, cal: cal, clean: newCleanTexts(), dates: map[format.Day]slot{}, days: map[format.Day]*day{}}
	f.glancer, _ = cfg.Parser.(format.Glancer)
	f.pathOnly = !format.ToldBy(cfg.Parser).Query
	f.noteKey = newNoteKey()
	f.guard.names.keys = format.ClientKeysOf(cfg.Parser)
	if cfg.Proxies != nil {
		f.cfg.Parser = &viaProxies{cfg.Parser, cfg.Proxies}
	}
	return f
}

// noteKey is the random key of what is noted of rooms beside a client, where
// there is no room for whole hashes. Names whose SHA-1 share any 64 bits can be
// made within hours, and a client of both would count in the first alone.
type noteKey [4]uint64

func newNoteKey() (k noteKey) {
	var random [32]byte
	rand.Read(random[:])
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(random[8*i:])
	}
	return k
}

// of returns what is noted of a room, never 0: the upper half of the sum of two
// words of its hash, each times 128 bits of the key. For a key that nobody knows,
// two hashes have the same note in one of 2^64 cases, whatever they are (Lemire
// and Kaser, Strongly universal string hashing is fast, 2014). The last 4 bytes
// are left out, as in pseudonym.Cipher's Fingerprint.
func (k *noteKey) of(room *[20]byte) uint64 {
	a, b := binary.LittleEndian.Uint64(room[:]), binary.LittleEndian.Uint64(room[8:])
	hi, lo := bits.Mul64(k[0], a)
	hi2, lo2 := bits.Mul64(k[2], b)
	_, carry := bits.Add64(lo, lo2, 0)
	return max(hi+hi2+k[1]*a+k[3]*b+carry, 1)
}

// Stats returns the counts so far.
func (f *Filter) Stats() Stats {
	s := f.stats
	for _, d := range f.days {
		s.Overflow += d.overflow()
	}
	if f.excess != nil {
		s.Overflow += f.excess.overflow()
	}
	return s
}

// Snapshot returns the counts as of the last batch. It may be called from any
// goroutine.
func (f *Filter) Snapshot() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shared
}

// Read returns how many bytes Run has read. It may be called from any goroutine.
func (f *Filter) Read() uint64 { return f.read.Load() }

// share makes the counts so far known to Snapshot.
func (f *Filter) share() {
	s := f.Stats()
	f.mu.Lock()
	f.shared = s
	f.mu.Unlock()
}

// Expired returns the room counts of the expired days of which a line could be read.
func (f *Filter) Expired() map[format.Day]rooms.Sum {
	sums := map[format.Day]rooms.Sum{}
	for _, d := range f.days {
		if d.met {
			sums[d.day] = rooms.Sum{}
			if d.counts != nil {
				sums[d.day] = d.counts.Sum()
			}
		}
	}
	return sums
}

// glance finds the fields of the line that marks.Cut returned, if it is a usual one.
func (f *Filter) glance(line []byte, out *format.Line) bool {
	return f.glancer != nil && !f.hasNUL && len(line) <= maxLine && f.glancer.Glance(line, &f.marks, out)
}

// parse finds the fields of a line, or at least its date. It returns what is left of
// a line that is too long, and of one with NUL bytes, which is malformed, the others.
func (f *Filter) parse(line []byte, out *format.Line) (known bool, kept []byte) {
	text := line
	if f.guard.raw = nil; f.hasNUL {
		text = f.guard.withoutNUL(line)
	}
	if len(line) <= maxLine && len(text) == len(line) && f.cfg.Parser.Parse(line, out) && !straddles(line, out.Fields) {
		return true, line
	}
	if line = text; len(line) > maxLine {
		f.stats.Cut++
		line = cutLine(line)
	}
	out.Day, out.HasDay = StampDay(line)
	return false, line
}

// treat appends one line to its day's part of b.
func (f *Filter) treat(b *Batch, line []byte) {
	f.stats.Lines++
	l := &f.line
	usual := false
	if len(line) >= len(format.ByteOrderMark) && string(line[:len(format.ByteOrderMark)]) == format.ByteOrderMark {
		line = line[len(format.ByteOrderMark):] // it is no part of a line
	} else {
		usual = f.glance(line, l)
	}
	known := usual
	if !usual {
		if len(line) == 0 || len(line) == 1 && line[0] == '\r' {
			f.keepEmpty(b, line)
			return
		}
		known, line = f.parse(line, l)
	}
	if !known {
		f.stats.Malformed++
		if _, placement := f.cal.Place(l.Day, l.HasDay); placement == calendar.Expired {
			f.stats.Expired++
			f.guard.begin(len(line), known)
			f.treatGlued(b, line, slot{}, noDoubt)
			return // its date proves nothing: that day gets no room file
		}
	}
	s := f.last // most lines bear the date of the line before
	if s.day == nil || s.date != l.Day || !l.HasDay {
		s = f.slot(l.Day, l.HasDay)
	}
	d, part := s.day, &f.void
	if s.late {
		f.stats.Late++
	}
	switch s.placement {
	case calendar.Expired:
		f.stats.Expired++
		part.Lines = part.Lines[:0]
		f.meet(b, s)
	case calendar.Adjusted:
		f.stats.Adjusted++
		fallthrough
	default:
		part = b.part(d, f.cfg.Single)
	}
	if d.cipher == nil {
		d.cipher = newDayCipher(f.cal.Key(d.day, s.placement), f.cfg.Mode)
	}
	f.guard.cipher = d.cipher
	f.guard.begin(len(line), known)
	if !known {
		part.Lines = append(f.guard.appendMalformed(part.Lines, line, f.cfg.Redact), '\n')
		f.wrote = d
		f.treatGlued(b, line, s, noDoubt)
		return
	}
	part.Lines = f.appendLine(part.Lines, line)
	f.wrote = d
	if !usual {
		f.doubtUser(line)
	}
	if f.doubt != noDoubt && f.isGlued(b, line, s) {
		return
	}
	if f.hasher != nil && l.Status < 400 {
		if f.who == nil {
			f.noteNobody(usual)
		} else if hash := f.room(line); hash != nil {
			f.count(f.records(b, s), d, hash)
		}
	}
}

// noteNobody notes that nobody is counted by the current line.
func (f *Filter) noteNobody(usual bool) {
	if !usual && f.line.Error {
		return
	}
	f.stats.WithoutClient++
	if f.line.Request < 0 && len(f.line.Target) == 0 {
		f.stats.WithoutRequest++
	}
}

// noteNoTarget notes that the current line has no request.
func (f *Filter) noteNoTarget() {
	if f.line.Request >= 0 || !f.line.Error {
		f.stats.WithoutRequest++
	}
}

// keepEmpty appends a line with nothing in it, which is neither malformed nor counted
// as undated, to today's.
func (f *Filter) keepEmpty(b *Batch, line []byte) {
	if s := f.slot(0, false); s.placement != calendar.Expired {
		part := b.part(s.day, f.cfg.Single)
		part.Lines = append(append(part.Lines, line...), '\n')
	}
}

// appendLine appends a line of a known format with its newline, field by field,
// and notes who is counted, and what is known of the request.
func (f *Filter) appendLine(dst, line []byte) []byte {
	f.who, f.request, f.doubt = nil, nil, noDoubt
	line, at := line[:len(line)+1], 0
	fields, counted := f.line.Fields, f.line.Client
	for i := range fields {
		field := &fields[i]
		text := line[field.Start:field.End]
		switch field.Kind {
		case format.Plain:
			continue // it goes with the next literal
		case format.Client:
			if field.Start > at {
				dst = append(dst, line[at:field.Start]...)
			}
			at = field.End
			sum := f.begin.sum
			if field.Start > 0 || field.End != f.begin.end {
				sum = machine.Sum(text)
			}
			who := f.guard.cipher.find(text, sum)
			switch {
			case i != counted && !f.guard.spares(field):
				dst, who = appendStruckField(dst, field), nil
			case who != nil && !field.Bare:
				dst = who.appendTo(dst)
			default:
				if dst, who = f.appendClient(dst, field, text, i == counted); i == counted && who == &f.guard.named {
					f.doubtClient(text)
				}
			}
			if i == counted {
				f.counts(who)
			}
			continue
		case format.UserAgent:
			if f.who != nil && f.clean.isAt(f.who.agent, format.UserAgent, text) {
				continue // it goes as well
			}
		case format.URL, format.Text:
			if machine.IsSimple(text, '=') {
				continue // no run has more than all of it: nextStop finds nothing
			}
		}
		if len(text) == 1 && text[0] == '-' {
			continue // and so does it
		}
		t, sum := f.clean.find(field.Kind, text)
		if t != nil {
			f.note(t)
			continue
		}
		dst = append(dst, line[at:field.Start]...)
		at = field.End
		start := len(dst)
		dst = f.appendField(dst, field, text, i == counted)
		if sum != 0 && bytes.Equal(dst[start:], text) {
			t := f.clean.put(field.Kind, text, sum)
			if f.request == t {
				f.request = nil // it had to make room
			}
			f.note(t)
		}
	}
	return append(dst, line[at:]...)
}

// note notes where a text of the line lies: the request for its room, and the user
// agent of a client, which sends the same one the next time.
func (f *Filter) note(t *cleanText) {
	switch t.kind {
	case format.Request:
		f.request = t
	case format.UserAgent:
		if f.who != nil {
			f.who.agent = t.place
		}
	}
}

// appendClient appends a field that holds one client, or a forwarded list in the
// place of one, as behind a proxy whose header is logged for %h.
func (f *Filter) appendClient(dst []byte, field *format.Field, text []byte, counted bool) ([]byte, *client) {
	if !field.Bare {
		if counted && bytes.IndexByte(text, ',') >= 0 {
			return f.guard.appendClientList(dst, text, true)
		}
		return f.guard.appendClient(dst, text)
	}
	dst, who := f.guard.appendClient(append(dst, '"'), text)
	return append(dst, '"'), who
}

// appendField appends a field of another kind.
func (f *Filter) appendField(dst []byte, field *format.Field, text []byte, counted bool) []byte {
	g := &f.guard
	var who *client
	switch field.Kind {
	case format.ClientList:
		dst, who = g.appendClientList(dst, text, counted)
	case format.Forwarded:
		dst, who = g.appendForwarded(dst, text, f.cfg.Redact, counted)
	case format.Request:
		return g.appendRequest(dst, text, f.cfg.Redact)
	case format.URL:
		return g.appendURL(dst, text, f.cfg.Redact)
	case format.UserAgent:
		return g.appendText(dst, text, agentText)
	default:
		return g.appendText(dst, text, plainText)
	}
	if counted {
		f.counts(who)
	}
	return dst
}

// counts notes who is counted by the current line, nil for nobody.
func (f *Filter) counts(who *client) {
	if f.who = who; who != nil {
		f.addr = who.addr
	}
}

// room returns the hash of the room that a line's target names, valid until the
// next call; nil for none.
func (f *Filter) room(line []byte) (hash *[20]byte) {
	l := &f.line
	target, request := l.Target, f.request
	if l.Request >= 0 {
		if request != nil && request.alone {
			return request.hashOf()
		}
		r := &l.Fields[l.Request]
		target, f.scratch = format.Target(line[r.Start:r.End], f.scratch)
	}
	if len(target) == 0 {
		f.noteNoTarget()
		return nil
	}
	if request != nil {
		if hash, known := request.roomIn(target); known {
			request.alone = l.Request >= 0
			return hash
		}
	}
	if f.cfg.Rooms.Match(target, l.Status, &f.match) {
		hash = f.hasher.Sum(&f.match)
	} else if f.pathOnly && f.cfg.Rooms.NeedsQuery(target) {
		f.stats.RoomUnseen++
	}
	if request != nil {
		request.putRoom(target, hash, l.Request >= 0)
	}
	return hash
}

// records returns the part that takes the records of the day at s. Those of an expired
// day are of use to a tally only.
func (f *Filter) records(b *Batch, s slot) *Part {
	switch {
	case s.placement != calendar.Expired:
		return b.part(s.day, f.cfg.Single)
	case !f.cfg.Untold:
		f.void.Records = f.void.Records[:0]
		return &f.void
	}
	p := b.part(s.day, false)
	p.Expired = true
	return p
}

// meet notes that a line of the expired day at s could be read.
func (f *Filter) meet(b *Batch, s slot) {
	s.day.met = true
	if f.cfg.Untold {
		f.records(b, s).Met = true
	}
}

// count notes that the current line's client used a room.
func (f *Filter) count(p *Part, d *day, room *[20]byte) {
	// The rooms of a client are few, and most of its lines are of one that was
	// counted just before.
	key := f.noteKey.of(room)
	note := f.who.addr == f.addr // else the entry is another's by now
	if notes := &f.who.notes; note && (notes[0] == key || notes[1] == key || notes[2] == key) {
		return
	}
	fp := d.cipher.Fingerprint(room, f.addr.Prefix6(f.cfg.CountV6))
	if f.cfg.Untold {
		p.Records = rooms.AppendRecord(p.Records, room, fp)
		note = note && f.ample.Load() && *room != rooms.TooLong
	} else {
		if d.counts == nil {
			d.counts = rooms.NewCounts(f.cfg.Limits)
		}
		before := d.counts.Overflow()
		p.Records = d.counts.AppendNew(p.Records, room, fp)
		note = note && d.counts.Overflow() == before // what is left out is told each time
	}
	if note {
		notes := &f.who.notes
		copy(notes[1:], notes[:])
		notes[0] = key
	}
}

// slot returns where a line goes.
func (f *Filter) slot(date format.Day, dated bool) slot {
	if !dated {
		if f.none.day == nil {
			f.none = f.place(date, false)
		}
		return f.none
	}
	s, known := f.dates[date]
	if !known {
		if len(f.dates) == maxDays {
			clear(f.dates)
		}
		s = f.place(date, true)
		f.dates[date] = s
	}
	f.last = s
	return s
}

const (
	// manyDays is more days than are open at a time; only archives have more.
	manyDays = 32
	// maxDays bounds the memory that dates take. An archive of eleven years has
	// as many; the rooms of further expired days are not counted.
	maxDays = 4096
)

func (f *Filter) place(date format.Day, dated bool) slot {
	to, placement := f.cal.Place(date, dated)
	key := f.cal.Key(to, placement)
	d := f.days[to]
	if d == nil || d.keyID != key.ID() {
		f.forget(d)
		if len(f.days) >= maxDays {
			if f.cfg.Single || f.cfg.Untold {
				clear(f.days) // the calendar keeps the keys
			} else if placement == calendar.Expired {
				if f.excess == nil {
					f.excess = &day{day: to, keyID: key.ID(), counts: rooms.NewCounts(rooms.Limits{})}
				}
				return slot{date: date, placement: placement, day: f.excess}
			}
		}
		if len(f.days)%manyDays == manyDays-1 {
			for _, other := range f.days {
				other.cipher = nil // and its cache of up to 4 MiB; made anew if needed
			}
		}
		d = &day{day: to, expired: placement == calendar.Expired, keyID: key.ID()}
		f.days[to] = d
	}
	today, _ := f.cal.Place(0, false)
	return slot{date: date, placement: placement, late: placement == calendar.Open && to < today, day: d}
}

// renew asks the calendar anew once its answers may have changed: at midnight,
// or when a key could be read at last. Days of which lines are expected go on;
// what is known of earlier ones is in the journals already, and a pair that
// comes again may be written there again.
func (f *Filter) renew() {
	epoch := f.cal.Epoch()
	if epoch == f.epoch {
		return
	}
	f.epoch = epoch
	if f.cfg.Rooms != nil {
		if h := f.cal.Hasher(); h != f.source {
			f.source, f.hasher, f.clean = h, nil, newCleanTexts() // with the hashes of the old one
			if h != nil {
				f.hasher = h.Clone()
			}
		}
	}
	f.last, f.none = slot{}, slot{}
	clear(f.dates)
	if len(f.days) == 0 {
		return
	}
	today, _ := f.cal.Place(0, false)
	for _, d := range f.days {
		if to, placement := f.cal.Place(d.day, true); !d.expired && (placement == calendar.Expired || to != d.day || d.day < today-1) {
			f.forget(d)
		}
	}
}

// forget lets go of a day, nil for none, but for its part in the Stats.
func (f *Filter) forget(d *day) {
	if d != nil {
		f.stats.Overflow += d.overflow()
		delete(f.days, d.day)
	}
}
