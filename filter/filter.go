package filter

import (
	"cmp"
	"sync"
	"sync/atomic"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/traffic"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/machine"
	"hushpipe/format/policy"
)

// Calendar knows the days of a Sink, and their secrets. Its methods may be called while the
// Sink works.
type Calendar interface {
	Days
	Secrets
}

// Days places lines.
type Days interface {
	// Place returns the day to which a line with that date goes; dated is false for a
	// line with no readable time stamp.
	Place(date civil.Day, dated bool) (civil.Day, calendar.Placement)
	// Epoch changes when an earlier answer may no longer hold, including those of Secrets.
	// It is never 0.
	Epoch() uint64
}

// Secrets returns the secrets that pseudonyms and hashes are made with.
type Secrets interface {
	// Key returns the day's key; for an expired day one that is never stored, always the
	// same.
	Key(day civil.Day, placement calendar.Placement) *pseudonym.Key
	// Hasher returns the Hasher of room names, nil while its secret cannot be read; then
	// nothing is counted.
	Hasher() *rooms.Hasher
}

// Config configures how a Filter treats lines.
type Config struct {
	Parser  format.Parser
	Proxies *pseudonym.Networks // nil: none; else Parser was made with format.Options.Proxies
	Mode    pseudonym.Mode
	Redact  *treatment.Redact
	Rooms   *rooms.Matcher // nil: no rooms are counted
	Limits  rooms.Limits
	CountV6 int // prefix length that counts as one IPv6 client, 1…128

	Plan    *treatment.Plan // what is kept of each field; nil: the whole line is kept
	ByLeft  bool            // rooms count what the Plan leaves of addresses, not whole addresses
	NoLines bool            // lines are counted, and not written
	Traffic *Traffic        // nil: no hits are counted
	Groups  *Groups         // whose lines are held back; nil: none
	Hours   bool            // lines go to the files of their hours; the Calendar is Hourly, the Sink a HourSink

	again bool // lines were treated before: of a list of Proxies only the client is left
}

// Filter treats lines: a router finds the day to which a line goes, a rewriter makes what
// may be written of it, and a counter finds the room in which it is counted. It serves one
// goroutine.
type Filter struct {
	router
	rewriter
	counter
	traffic hitCounter

	parsing
	sharing
	output
	pieces  pieces
	grouped *grouped // nil: no line is held back

	stats  counters.Values
	shared snapshot
}

// output is where lines go.
type output struct {
	wrote     *day // the day that the line was written to, nil if it was not, or not yet
	discarded Part // takes the lines of expired days
	noLines   bool // lines are counted, and not written
}

// parsing finds the fields of a line.
type parsing struct {
	parser format.Parser
	fast   format.FastParser  // the parser, if it is one, else nil
	delims machine.Delimiters // of the current line
	hasNUL bool               // the batch may have NUL bytes
}

// sharing is what a Filter shares with those of other streams.
type sharing struct {
	some   bool            // there is a plan, or noLines, or a stream to share the line with
	same   *sameLine       // the line as a stream that is alike writes it, nil for none
	copies bool            // it is to be copied for this stream
	only   *policy.Opening // what the gate of the stream lets through, nil for all lines
}

// snapshot is the state of the Filter that other goroutines may read.
type snapshot struct {
	read    atomic.Uint64 // bytes
	mu      sync.Mutex    // guards what follows
	stats   counters.Values
	traffic traffic.Totals
	fault   string
}

// New returns a Filter that counts rooms, and whose batches have a part for each of cal's
// days.
func New(cfg Config, cal Calendar) *Filter { return newFilter(cfg, cal, &direct{limits: cfg.Limits}) }

// NewStream returns a Filter whose batches have one part, for all days, in the order of
// the input.
func NewStream(cfg Config, cal Calendar) *Filter {
	return newFilter(cfg, cal, &oneStream{direct{limits: cfg.Limits}})
}

func newFilter(cfg Config, cal Calendar, rec recorder) *Filter {
	_, fixed := cfg.Parser.(*format.LogFormat)
	f := &Filter{parsing: parsing{parser: cfg.Parser},
		router:   router{cal: cal, rec: rec, mode: cfg.Mode, dates: map[civil.Day]dayRef{}, days: map[civil.Day]*day{}},
		rewriter: rewriter{planned: planned{plan: cfg.Plan, fixed: fixed}, redact: cfg.Redact, unchanged: newUnchangedTexts(0)},
		output:   output{noLines: cfg.NoLines}, sharing: sharing{some: cfg.Plan != nil || cfg.NoLines},
		counter: counter{rooms: cfg.Rooms, countV6: cfg.CountV6, noteKey: newNoteKey(),
			pathOnly: !format.ContentsOf(cfg.Parser).Query}}
	if cfg.ByLeft {
		f.left = cfg.Plan
	}
	if f.plan != nil {
		f.shortened = newShortenedTexts()
	}
	if cfg.Groups != nil {
		f.grouped = newGrouped(cfg.Groups, cfg.Limits)
		f.grouped.proxied = cfg.Proxies != nil
	}
	f.fast, _ = cfg.Parser.(format.FastParser)
	if f.traffic = newHitCounter(cfg.Traffic, cfg.Redact, cfg.Parser); cfg.Traffic != nil {
		f.fast = f.traffic.fast
	}
	if cfg.Hours {
		f.hours.cal, f.fast = cal.(Hourly), nil // a fast parser may leave out the time
	}
	f.guard = guard.New(format.ClientKeysOf(cfg.Parser), &guard.QuotedTexts{})
	if cfg.Proxies != nil {
		f.parser = &viaProxies{cfg.Parser, cfg.Proxies, cfg.again}
	}
	return f
}

// Stats returns the counts so far.
func (f *Filter) Stats() counters.Values {
	s := f.stats
	s.Overflow += f.overflow()
	return s
}

// Snapshot returns the counts as of the last batch. It may be called from any
// goroutine.
func (f *Filter) Snapshot() counters.Values {
	f.shared.mu.Lock()
	defer f.shared.mu.Unlock()
	return f.shared.stats
}

// Fault returns where the first error in hushpipe was: function, file and line; "" for
// none. It may be called from any goroutine.
func (f *Filter) Fault() string {
	f.shared.mu.Lock()
	defer f.shared.mu.Unlock()
	return f.shared.fault
}

// noteFault records where the program panicked.
func (f *Filter) noteFault(place string) {
	f.shared.mu.Lock()
	defer f.shared.mu.Unlock()
	f.shared.fault = cmp.Or(f.shared.fault, place)
}

// Read returns how many bytes Run has read. It may be called from any goroutine.
func (f *Filter) Read() uint64 { return f.shared.read.Load() }

// noteRead counts bytes that Run has read.
func (f *Filter) noteRead(n int) { f.shared.read.Add(uint64(n)) }

// share publishes the counts so far to Snapshot.
func (f *Filter) share() {
	s := f.Stats()
	f.shared.mu.Lock()
	f.shared.stats = s
	if f.traffic.counter != nil {
		f.shared.traffic = f.traffic.totals
	}
	f.shared.mu.Unlock()
}

// parseFast finds the fields of the line that delims.Cut returned, if it has the usual
// layout.
func (p *parsing) parseFast(line []byte, out *format.Line) bool {
	return p.fast != nil && !p.hasNUL && len(line) <= MaxLine && p.fast.ParseFast(line, &p.delims, out)
}

// parse finds the fields of a line, or at least its date. known is false for a malformed line;
// kept is then the text to write: without NUL bytes, and cut to MaxLine.
func (f *Filter) parse(line []byte, out *format.Line) (known bool, kept []byte) {
	text, raw := line, []byte(nil)
	if f.hasNUL {
		if text = f.guard.WithoutNUL(line); len(text) < len(line) {
			raw = line
		}
	}
	if len(line) <= MaxLine && raw == nil && f.parser.Parse(line, out) && !guard.Straddles(line, out.Fields) {
		return true, line
	}
	if line = text; len(line) > MaxLine {
		f.stats.Cut++
		line = cutLine(line)
	}
	out.Day, out.HasDay = f.guard.ReadMalformed(line, raw)
	return false, line
}

// treat parses one line and appends it to its day's part of b.
func (f *Filter) treat(b *Batch, line []byte) {
	f.stats.Lines++
	l := &f.line
	usual := false
	if len(line) >= len(format.ByteOrderMark) && string(line[:len(format.ByteOrderMark)]) == format.ByteOrderMark {
		line = line[len(format.ByteOrderMark):] // not part of the line
	} else {
		usual = f.parseFast(line, l)
	}
	known := usual
	if !usual {
		if len(line) == 0 || len(line) == 1 && line[0] == '\r' {
			f.keepEmpty(b, line)
			return
		}
		known, line = f.parse(line, l)
	}
	f.write(b, line, known, usual)
}

// write appends a line that was parsed to its day's part of b.
func (f *Filter) write(b *Batch, line []byte, known, usual bool) {
	l := &f.line
	if !known && (f.plan != nil || f.noLines) {
		if f.plan != nil {
			f.stats.Omitted++
		} else {
			f.stats.Malformed++
		}
		f.guard.Begin(len(line), known)
		f.treatGlued(b, line, dayRef{}, noDoubt)
		return
	}
	if !known {
		f.stats.Malformed++
		placement := f.hourOf(line, known).placement
		if f.hours.cal == nil {
			_, placement = f.cal.Place(l.Day, l.HasDay)
		}
		if placement == calendar.Expired {
			f.stats.Expired++
			f.guard.Begin(len(line), known)
			f.treatGlued(b, line, dayRef{}, noDoubt)
			return // the date may be forged, so that day gets no room file
		}
	}
	s := f.last // most lines have the date of the line before
	if f.hours.cal != nil {
		s = f.hourOf(line, known)
	} else if s.day == nil || s.date != l.Day || !l.HasDay {
		s = f.dayOf(l.Day, l.HasDay)
	}
	d, part := s.day, &f.discarded
	if s.late {
		f.stats.Late++
	}
	switch s.placement {
	case calendar.Expired:
		f.stats.Expired++
		part.Lines = part.Lines[:0]
		if d.expired { // else it is an expired hour of a day that is not over
			f.rec.meet(b, d)
		}
	case calendar.Adjusted:
		f.stats.Adjusted++
		fallthrough
	default:
		if part = b.part(d, f.rec); s.hour > 0 {
			part = b.hourPart(part, d, s.hour)
		}
	}
	if d.cipher == nil {
		f.makeCipher(d)
	}
	f.guard.Cipher = d.cipher
	f.guard.Begin(len(line), known)
	if !known {
		part.Lines = append(f.guard.AppendMalformed(part.Lines, line, f.redact), '\n')
		f.wrote = d
		f.treatGlued(b, line, s, noDoubt)
		return
	}
	if f.grouped != nil {
		f.writeGrouped(b, s, line, usual)
		return
	}
	start, omitted := len(part.Lines), false
	if f.some {
		omitted = f.appendSome(part, line, usual)
	} else {
		part.Lines = f.appendLine(part.Lines, line)
	}
	f.wrote = d
	if !usual {
		f.doubtUser(line)
	}
	if f.doubt != noDoubt && f.isGluedAt(b, line, s, start) {
		return
	}
	if omitted {
		f.stats.Omitted++
	}
	if f.traffic.counter != nil {
		f.countHit(d, line, usual)
	}
	if f.hasher != nil && l.Status < 400 {
		if f.client == nil {
			f.noteNobody(usual)
		} else if hash := f.room(line); hash != nil {
			f.count(b, d, hash)
		}
	}
}

// appendSome appends what a stream keeps of a line. It reports whether it omitted the line
// because the plan does not cover all of it; the line's room counts anyway.
func (f *Filter) appendSome(part *Part, line []byte, usual bool) (omitted bool) {
	start := len(part.Lines)
	switch {
	case f.noLines && usual:
		f.see(line)
		return false
	case f.copies:
		part.Lines = f.appendSame(part.Lines, line)
		return false
	case f.plan == nil || f.plan.KeepsAll && usual && f.line.Request == 1:
		part.Lines = f.appendLine(part.Lines, line)
		if f.same != nil {
			f.same.take(f, part.Lines, start, false)
		}
	case f.canPlan(line):
		part.Lines = f.appendPlanned(part.Lines, line)
		if f.same != nil {
			f.same.take(f, part.Lines, start, true)
		}
	default:
		part.Lines = f.appendLine(part.Lines, line)
		omitted = true
	}
	if f.noLines || omitted {
		part.Lines = part.Lines[:start]
	}
	return omitted
}

// isGluedAt is isGlued for a line that was appended at start. It takes back a glued line if
// not all of it may be kept, and so it does if it panics.
func (f *Filter) isGluedAt(b *Batch, line []byte, s dayRef, start int) bool {
	glued := true
	defer func() {
		if glued && (f.plan != nil || f.noLines || f.only != nil) {
			f.takeBack(b, s, start)
		}
	}()
	glued = f.isGlued(b, line, s)
	return glued
}

// takeBack removes the line that was appended last, at start, and counts it as omitted.
func (f *Filter) takeBack(b *Batch, s dayRef, start int) {
	part := &f.discarded
	if s.placement != calendar.Expired {
		part = b.part(s.day, f.rec)
	}
	part.Lines = part.Lines[:start]
	f.stats.Omitted++
}

// keepEmpty appends an empty line to today's. It counts neither as malformed nor as undated.
func (f *Filter) keepEmpty(b *Batch, line []byte) {
	if f.plan != nil || f.noLines {
		return
	}
	f.line.HasDay = false
	s := f.hourOf(line, false)
	if f.hours.cal == nil {
		s = f.dayOf(0, false)
	}
	if s.placement != calendar.Expired {
		part := b.part(s.day, f.rec)
		if s.hour > 0 {
			part = b.hourPart(part, s.day, s.hour)
		}
		part.Lines = append(append(part.Lines, line...), '\n')
	}
}

// noteNobody counts a line without a client.
func (f *Filter) noteNobody(usual bool) {
	if !usual && f.line.Error {
		return
	}
	f.stats.WithoutClient++
	if f.line.Request < 0 && len(f.line.Target) == 0 {
		f.stats.WithoutRequest++
	}
}

// noteNoTarget counts a line without a request.
func (f *Filter) noteNoTarget() {
	if f.line.Request >= 0 || !f.line.Error {
		f.stats.WithoutRequest++
	}
}

// room returns the hash of the room that a line's target names, valid until the
// next call; nil for none.
func (f *Filter) room(line []byte) (hash *[20]byte) {
	l := &f.line
	target, request := l.Target, f.request
	if l.Request >= 0 {
		if request != nil && request.isRequest {
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
			request.isRequest = l.Request >= 0
			return hash
		}
	}
	if f.rooms.Match(target, l.Status, &f.match) {
		hash = f.hasher.Sum(&f.match)
	} else if f.pathOnly && f.rooms.NeedsQuery(target) {
		f.stats.RoomUnseen++
	}
	if request != nil {
		request.putRoom(target, hash, l.Request >= 0)
	}
	return hash
}

// renew adopts what changed since the last batch: the days, and the Hasher of rooms.
func (f *Filter) renew() {
	if f.grouped != nil {
		f.lookForOpen()
	}
	if !f.router.renew() {
		return
	}
	f.traffic.forget()
	if f.rooms != nil {
		if h := f.cal.Hasher(); h != f.source {
			f.source, f.hasher, f.unchanged = h, nil, newUnchangedTexts(f.unchanged.last) // with the hashes of the old one
			if h != nil {
				f.hasher = h.Clone()
			}
		}
	}
}

// count records that the current line's client used a room.
func (f *Filter) count(b *Batch, d *day, room *[20]byte) {
	// A client uses few rooms, so most of its lines are of a room that was counted just
	// before.
	key := f.noteKey.of(room)
	note := f.client.Addr == f.clientAddr // else the entry is another's by now
	if notes := &f.client.Notes; note && (notes[0] == key || notes[1] == key || notes[2] == key) {
		return
	}
	fp := d.cipher.Fingerprint(room, f.toldApartBy(f.clientAddr))
	if f.rec.record(b, d, room, fp) && note {
		notes := &f.client.Notes
		copy(notes[1:], notes[:])
		notes[0] = key
	}
}

// toldApartBy returns the part of a client's address by which clients are told apart. Clients
// of whose addresses nothing is left count as one.
func (f *Filter) toldApartBy(a pseudonym.Addr) pseudonym.Addr {
	switch {
	case f.left == nil:
	case f.left.Leaves() && (f.left.Nets == nil || a.IsName() || !isWithin(f.left.Nets.Nets, a)):
		a = pseudonym.Addr{}
	case !f.left.Leaves() && !a.IsName(): // whose pseudonym stays
		a = f.left.Mode.Remainder(a)
	}
	return a.Prefix6(f.countV6)
}
