// Package filter implements what happens to a log line between the web server
// and the disk: its addresses become pseudonyms, its secrets are struck out,
// its room is counted, and it is sorted to its day. It fails closed: what it
// does not understand it replaces.
package filter

import (
	"bytes"
	"sync"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format"
)

// Fate is what becomes of a line, by its day.
type Fate uint8

const (
	Keep   Fate = iota // written to the file of the day that it bears
	Adjust             // written to today's: no readable time, or dated after tomorrow
	Expire             // past the retention: counted in memory, not written
)

// Calendar knows the days. Its methods may be called while a Sink works.
type Calendar interface {
	// Place says to which day a line with that date goes; dated is false for a
	// line with no readable time stamp.
	Place(date format.Day, dated bool) (format.Day, Fate)
	// Key returns the day's key; for an expired day a throw-away one, always
	// the same.
	Key(day format.Day, fate Fate) *pseudonym.Key
	// Epoch changes when an earlier answer may no longer hold; it is never 0.
	Epoch() uint64
	// Hasher makes the hashes of room names; nil while its secret is out of
	// reach, and then nothing is counted.
	Hasher() *rooms.Hasher
}

// Config is what shapes the treatment of a line.
type Config struct {
	Parser  format.Parser
	Mode    pseudonym.Mode
	Redact  *Redact
	Rooms   *rooms.Matcher // nil: no rooms are counted
	Limits  rooms.Limits
	CountV6 int  // prefix length that counts as one IPv6 client, 1…128
	Single  bool // one stream for all days, in the order of input, expired or not

	// Untold leaves it to a tally to tell which pairs of room and address are
	// new: every pair becomes a record, those of expired days in a part too.
	Untold bool
}

// Stats counts lines since the start.
type Stats struct {
	Lines     uint64 // treated
	Malformed uint64 // of these, in no known format
	Late      uint64 // of these, written to the file of a day before today
	Adjusted  uint64 // of these, with no readable time or dated after tomorrow: written to today
	Expired   uint64 // of these, past the retention: not written
	Cut       uint64 // of the malformed, longer than 1 MiB: the end is left out
	Failed    uint64 // not treated because of an error in hushpipe: left out
	Overflow  uint64 // whose pair of room and address was not counted, past the bound
}

func (s Stats) plus(o Stats) Stats {
	return Stats{
		Lines: s.Lines + o.Lines, Malformed: s.Malformed + o.Malformed, Late: s.Late + o.Late,
		Adjusted: s.Adjusted + o.Adjusted, Expired: s.Expired + o.Expired, Cut: s.Cut + o.Cut,
		Failed: s.Failed + o.Failed, Overflow: s.Overflow + o.Overflow,
	}
}

// Filter treats lines. It serves one goroutine.
type Filter struct {
	cfg   Config
	cal   Calendar
	stats Stats
	guard guard
	line  format.Line
	match rooms.Match
	clean cleanTexts
	seen  *cleanText // the request of the current line, nil where it is new

	hasher *rooms.Hasher // nil: no rooms are counted
	source *rooms.Hasher // the calendar's, which hasher is a clone of

	epoch uint64
	dates map[format.Day]slot // by the date that lines bear
	last  slot                // of the line before
	none  slot                // of lines without a date
	days  map[format.Day]*day // by the day that lines go to
	void  Part                // takes the lines of expired days

	mu     sync.Mutex
	shared Stats // for Snapshot

	excess *day // stands for expired days past maxDays; nil: there is none
}

// slot says where lines of one date go.
type slot struct {
	date format.Day
	fate Fate
	late bool // they go to a day before today
	day  *day // nil: not asked yet
}

// day is what the lines of one day need.
type day struct {
	day     format.Day
	expired bool // since its first line
	keyID   [8]byte
	cipher  *pseudonym.Cipher // nil: to be made
	counts  *rooms.Counts     // nil: no room yet
	batch   *Batch            // the last one with lines of this day,
	seq     uint64            // in which of its uses,
	part    int               // and at which index
}

func (d *day) overflow() uint64 {
	if d.counts == nil {
		return 0
	}
	return d.counts.Overflow()
}

// New returns a Filter for lines of cal's days.
func New(cfg Config, cal Calendar) *Filter {
	return &Filter{cfg: cfg, cal: cal, clean: newCleanTexts(), dates: map[format.Day]slot{}, days: map[format.Day]*day{}}
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

// share makes the counts so far known to Snapshot.
func (f *Filter) share() {
	s := f.Stats()
	f.mu.Lock()
	f.shared = s
	f.mu.Unlock()
}

// Expired returns the room counts of the expired days that were seen.
func (f *Filter) Expired() map[format.Day][]rooms.Room {
	sums := map[format.Day][]rooms.Room{}
	for _, d := range f.days {
		if d.expired {
			sums[d.day] = nil
			if d.counts != nil {
				sums[d.day] = d.counts.Summary()
			}
		}
	}
	return sums
}

// parse finds the fields of a line, or at least its date. What is left of a line
// that is too long is returned.
func (f *Filter) parse(line []byte) (known bool, kept []byte) {
	if len(line) <= maxLine && f.cfg.Parser.Parse(line, &f.line) && !straddles(line, f.line.Fields) {
		return true, line
	}
	if len(line) > maxLine {
		f.stats.Cut++
		line = cutLine(line)
	}
	f.line.Day, f.line.HasDay = StampDay(line)
	return false, line
}

// treat appends one line, without its newline, to its day's part of b.
func (f *Filter) treat(b *Batch, line []byte) {
	f.stats.Lines++
	known, line := f.parse(line)
	if !known {
		f.stats.Malformed++
		if _, fate := f.cal.Place(f.line.Day, f.line.HasDay); fate == Expire {
			f.stats.Expired++
			return // its date proves nothing: that day gets no room file
		}
	}
	s := f.slot(f.line.Day, f.line.HasDay)
	d, part := s.day, &f.void
	if s.late {
		f.stats.Late++
	}
	switch s.fate {
	case Expire:
		f.stats.Expired++
		part.Lines = part.Lines[:0]
		part.Records = part.Records[:0]
		if f.cfg.Untold {
			b.part(d, false).Expired = true
		}
	case Adjust:
		f.stats.Adjusted++
		fallthrough
	default:
		part = b.part(d, f.cfg.Single)
	}
	if d.cipher == nil {
		d.cipher = pseudonym.New(f.cal.Key(d.day, s.fate), f.cfg.Mode)
	}
	f.guard.cipher = d.cipher
	var who client
	lines := part.Lines
	if known {
		lines, who = f.appendLine(lines, line)
	} else {
		lines = f.guard.appendRedacted(lines, line, f.cfg.Redact, brokenText, true)
	}
	part.Lines = append(lines, '\n')
	if known && f.hasher != nil && who.ok && f.line.Target != nil && f.line.Status < 400 {
		if hash := f.room(); hash != nil {
			if f.cfg.Untold {
				part = b.part(d, false) // also of an expired day
			}
			f.count(part, d, hash, who)
		}
	}
}

// appendLine appends a line of a known format, field by field, and returns the
// client who is counted.
func (f *Filter) appendLine(dst, line []byte) ([]byte, client) {
	g := &f.guard
	f.seen = nil
	var counted client
	at := 0
	for i := range f.line.Fields {
		field := &f.line.Fields[i]
		if field.Kind == format.Plain {
			continue // it goes with the next literal
		}
		text := line[field.Start:field.End]
		if len(text) == 1 && text[0] == '-' {
			continue
		}
		slot, sum := f.clean.slot(field.Kind, text)
		if slot != nil && slot.holds(sum, text) {
			if field.Kind == format.Request {
				f.seen = slot
			}
			continue // it goes as well
		}
		dst = append(dst, line[at:field.Start]...)
		at = field.End
		start := len(dst)
		var who client
		switch field.Kind {
		case format.Client:
			if field.Bare {
				dst = append(dst, '"')
			}
			dst, who = g.appendClient(dst, text)
			if field.Bare {
				dst = append(dst, '"')
			}
		case format.ClientList:
			dst, who = g.appendClientList(dst, text)
		case format.Forwarded:
			dst, who = g.appendForwarded(dst, text, f.cfg.Redact)
		case format.Request:
			dst = g.appendRequest(dst, text, f.cfg.Redact)
		case format.URL:
			dst = g.appendURL(dst, text, f.cfg.Redact)
		case format.UserAgent:
			dst = g.appendText(dst, text, agentText)
		default:
			dst = g.appendText(dst, text, plainText)
		}
		if slot != nil && bytes.Equal(dst[start:], text) {
			slot.put(sum, text)
		}
		if i == f.line.Client {
			counted = who
		}
	}
	return append(dst, line[at:]...), counted
}

// room returns the hash of the room that the current line's target names, valid
// until the next line; nil for none.
func (f *Filter) room() (hash *[20]byte) {
	if f.seen != nil {
		if hash, known := f.seen.roomIn(f.line.Target); known {
			return hash
		}
	}
	if f.cfg.Rooms.Match(f.line.Target, f.line.Status, &f.match) {
		hash = f.hasher.Sum(&f.match)
	}
	if f.seen != nil {
		f.seen.putRoom(f.line.Target, hash)
	}
	return hash
}

// count notes that who used a room.
func (f *Filter) count(p *Part, d *day, room *[20]byte, who client) {
	fp := d.cipher.Fingerprint(room, who.addr.Prefix6(f.cfg.CountV6))
	if f.cfg.Untold {
		p.Records = rooms.AppendRecord(p.Records, room, fp)
		return
	}
	if d.counts == nil {
		d.counts = rooms.NewCounts(f.cfg.Limits)
	}
	p.Records = d.counts.AppendNew(p.Records, room, fp)
}

// slot returns where a line goes. Most lines bear the date of the line before.
func (f *Filter) slot(date format.Day, dated bool) slot {
	if dated && f.last.day != nil && f.last.date == date {
		return f.last
	}
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
	to, fate := f.cal.Place(date, dated)
	key := f.cal.Key(to, fate)
	d := f.days[to]
	if d == nil || d.keyID != key.ID() {
		f.forget(d)
		if len(f.days) >= maxDays {
			if f.cfg.Single || f.cfg.Untold {
				clear(f.days) // the calendar keeps the keys
			} else if fate == Expire {
				if f.excess == nil {
					f.excess = &day{day: to, keyID: key.ID(), counts: rooms.NewCounts(rooms.Limits{})}
				}
				return slot{date: date, fate: fate, day: f.excess}
			}
		}
		if len(f.days)%manyDays == manyDays-1 {
			for _, other := range f.days {
				other.cipher = nil // and its cache of up to 2 MiB; made anew if needed
			}
		}
		d = &day{day: to, expired: fate == Expire, keyID: key.ID()}
		f.days[to] = d
	}
	today, _ := f.cal.Place(0, false)
	return slot{date: date, fate: fate, late: fate == Keep && to < today, day: d}
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
		if to, fate := f.cal.Place(d.day, true); !d.expired && (fate == Expire || to != d.day || d.day < today-1) {
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
