package filter

import (
	"bytes"
	"io"
	"slices"

	"hushpipe/filter/counters"
	"hushpipe/filter/where"
	"hushpipe/format"
	"hushpipe/format/machine"
	"hushpipe/format/policy"
)

// Streams treats the lines of one input for several purposes. It parses each line once. Each
// Stream whose conditions the line meets writes the fields that it keeps, with pseudonyms
// under its own keys. Only one goroutine may use a Streams.
//
// A malformed line has no fields. It goes to the streams that keep whole lines, and is counted
// as malformed.
type Streams struct {
	reader *Filter              // parses lines, and writes none
	fast   format.FastAllParser // nil: the format has no fast parser
	brief  bool                 // ParseFast, which leaves fields out, is enough for most lines
	parsed *format.Line         // the current line
	hash   clientHash           // of the current line
	sole   bool                 // see isSole
	all    []Stream
	kinds
	conditions
	atHand
}

// kinds groups the streams that write a line alike.
type kinds struct {
	same  []sameLine // one for each kind of two or more streams
	alike []int      // by stream: the index in same, -1 for a stream that is like no other
}

// atHand is the progress with the current line, from which treatSome continues after a panic.
type atHand struct {
	line  []byte // without its byte order mark
	whole []byte // with its byte order mark
	known bool   // it has the format
	usual bool   // a fast parser parsed it
	next  int    // the next stream
	went  bool   // a stream takes it
}

// Stream is one purpose.
type Stream struct {
	Filter *Filter       // nil: the stream takes no lines
	Get    func() *Batch // returns an empty batch of the stream's Queue
	Gate   *Gate         // nil: the stream takes all lines, or none if the policy demands a gate

	batch   *Batch
	opening policy.Opening // of the Gate
	bounded bool           // the Gate does not let all lines through
	chosen  bool           // the stream has a condition
}

// NewStreams returns Streams for lines that cfg's Parser parses. all has the order of the
// policy whose conditions match has. Each Filter needs a Parser of its own.
func NewStreams(cfg Config, match *where.Matcher, all []Stream) *Streams {
	s := &Streams{reader: newFilter(Config{Parser: cfg.Parser, Proxies: cfg.Proxies, again: cfg.again}, nil, nil), conditions: conditions{match: match}, all: all, atHand: atHand{next: len(all)}}
	for i := range all {
		f := all[i].Filter
		all[i].chosen = match.Chooses(i)
		if f != nil {
			f.fast = nil // usual lines are parsed by the reader
		}
		if match.Looks() || match.HasGate(i) || f != nil && (f.plan != nil || f.hours.cal != nil) {
			s.json = format.NewJSONNodes(cfg.Parser)
		}
	}
	s.parsed = &s.reader.line
	if len(all) == 1 && all[0].Filter != nil {
		s.parsed = &all[0].Filter.line // saves a copy
	}
	s.findAlike()
	s.fast, _ = cfg.Parser.(format.FastAllParser)
	s.brief = s.keepAll() && !match.LooksAtHost()
	s.renewGates()
	return s
}

// fastRequest is the index of the request in the fields that ParseFast finds, if the line has
// no user.
const fastRequest = 1

// keepAll reports whether all streams keep all fields and need none by its role, so that
// ParseFast is enough for lines without a user.
func (s *Streams) keepAll() bool {
	if _, fixed := s.reader.parser.(*format.LogFormat); !fixed {
		return false
	}
	for i := range s.all {
		if f := s.all[i].Filter; f != nil && (f.plan != nil && !f.plan.KeepsAll || f.grouped != nil || f.traffic.counter != nil || f.hours.cal != nil) {
			return false
		}
	}
	return true
}

// findAlike finds the streams that write lines alike.
func (s *Streams) findAlike() {
	s.alike = slices.Repeat([]int{-1}, len(s.all))
	for i := range s.all {
		f := s.all[i].Filter
		if f == nil || s.alike[i] >= 0 {
			continue
		}
		for k := i + 1; k < len(s.all); k++ {
			if g := s.all[k].Filter; g != nil && isAlike(f, g) {
				if s.alike[i] < 0 {
					s.alike[i] = len(s.same)
					s.same = append(s.same, sameLine{})
				}
				s.alike[k] = s.alike[i]
			}
		}
	}
}

// Run is Filter.Run. out is the Fan of the streams' queues.
func (s *Streams) Run(in io.Reader, out *Fan) error { return run(s, in, out) }

// Stats returns the counts of the input so far.
func (s *Streams) Stats() counters.Values { return s.reader.Stats() }

// Snapshot is Filter.Snapshot, of the input.
func (s *Streams) Snapshot() counters.Values { return s.reader.Snapshot() }

// Read is Filter.Read.
func (s *Streams) Read() uint64 { return s.reader.Read() }

// Fault is Filter.Fault.
func (s *Streams) Fault() string { return s.reader.Fault() }

func (s *Streams) noteRead(n int) { s.reader.noteRead(n) }

func (s *Streams) renew() {
	s.renewGates()
	for i := range s.all {
		if f := s.all[i].Filter; f != nil {
			f.renew()
		}
	}
}

func (s *Streams) share() {
	s.reader.share()
	for i := range s.all {
		if f := s.all[i].Filter; f != nil {
			f.share()
		}
	}
}

// treatLines implements treater.
func (s *Streams) treatLines(b *Batch, lines []byte) {
	f := s.reader
	f.hasNUL = machine.HasNUL(lines)
	room := len(lines) + len(lines)/4
	for i := range s.all {
		s.all[i].batch = nil
	}
	for len(lines) > 0 || s.next < len(s.all) {
		lines = s.treatSome(b, lines, room)
	}
	for i := range s.all {
		if of := &s.all[i]; of.batch != nil {
			of.Filter.recordHits(of.batch)
		}
	}
}

// waits implements treater.
func (s *Streams) waits() bool {
	return slices.ContainsFunc(s.all, func(of Stream) bool { return of.Filter != nil && of.Filter.waits() })
}

// end implements treater.
func (s *Streams) end(b *Batch) {
	for i := range s.all {
		of := &s.all[i]
		if of.Filter == nil || !of.Filter.waits() {
			continue
		}
		if b.streams[i] == nil {
			b.streams[i] = of.Get()
		}
		of.Filter.endHits(b.streams[i])
	}
}

// treatSome is Filter.treatSome. If a stream panics, only that stream leaves the line out.
func (s *Streams) treatSome(b *Batch, lines []byte, room int) (rest []byte) {
	rest = lines
	f := s.reader
	reading := true
	defer func() {
		if recover() == nil {
			return
		}
		of := f
		if !reading {
			of = s.all[s.next].Filter
			s.next++
		}
		of.stats.Failed++
		place := panicPlace()
		of.noteFault(place)
		of.dropLine()
		switch {
		case reading && s.line == nil: // Cut itself panicked
			if end := bytes.IndexByte(rest, '\n'); end >= 0 {
				rest = rest[end+1:]
			} else {
				rest = nil
			}
			s.next = len(s.all)
		case reading:
			s.next = len(s.all) // its streams are unknown: no stream gets it
		default:
			f.stats.Failed++
			f.noteFault(place)
			if of.wrote != nil && of.hasher != nil {
				of.leaveOutAfterPanic(s.all[s.next-1].batch)
			}
		}
	}()
	for {
		if reading = false; s.next < len(s.all) {
			s.write(b, room)
		}
		if len(rest) == 0 {
			return rest
		}
		reading, s.line = true, nil
		s.line, rest = f.delims.Cut(rest)
		if !s.read() {
			continue
		}
		reading, s.next = false, 0
		s.writePlain(b, room)
		s.next = 1
	}
}

// parseFast finds the fields of the line that delims.Cut returned, if it has the usual layout.
func (s *Streams) parseFast(line []byte) bool {
	f, l := s.reader, s.parsed
	if s.brief {
		if !f.parseFast(line, l) {
			return false
		}
		if l.Error, l.Start, l.Inside = false, 0, false; l.Request == fastRequest {
			return true
		}
	}
	return s.fast != nil && !f.hasNUL && len(line) <= MaxLine && s.fast.ParseFastAll(line, &f.delims, l)
}

// read parses s.line, and evaluates the conditions. It does not evaluate them for a plain
// line, which the only stream keeps whole.
func (s *Streams) read() (plain bool) {
	f := s.reader
	f.stats.Lines++
	marked := len(s.line) >= len(format.ByteOrderMark) && string(s.line[:len(format.ByteOrderMark)]) == format.ByteOrderMark
	s.usual = !marked && s.parseFast(s.line)
	if s.sole && s.usual && s.parsed.Request == fastRequest {
		return true
	}
	s.whole, s.next, s.went = s.line, 0, false
	for i := range s.same {
		s.same[i].by = nil
	}
	if marked {
		s.line = s.line[len(format.ByteOrderMark):]
	}
	if s.known = s.usual; !s.usual {
		if len(s.line) == 0 || len(s.line) == 1 && s.line[0] == '\r' {
			s.went = true // an empty line does not count as unfit
		} else if s.known, _ = f.parse(s.line, s.parsed); !s.known {
			f.stats.Malformed++
		}
	}
	if s.json != nil {
		s.nodes = nil
	}
	if l := s.parsed; s.json != nil && s.known && !l.Error && !l.Inside && l.Start < len(s.line) && s.line[l.Start] == '{' {
		s.nodes = s.json.Of(s.line, l.Start)
	}
	s.hash.end = -1
	if c := s.parsed.Client; s.usual && c >= 0 && s.parsed.Fields[c].Start == 0 {
		end := s.parsed.Fields[c].End
		s.hash = clientHash{machine.Sum(s.line[:end]), end}
	}
	if s.looks {
		s.facts = where.Facts{Unknown: !s.known}
		if s.known {
			s.look(s.parsed, s.line, s.usual && s.parsed.Request == fastRequest)
		}
		s.match.Look(&s.facts)
	}
	return false
}

// write writes the line to the streams that take it, from s.next on.
func (s *Streams) write(b *Batch, room int) {
	for ; s.next < len(s.all); s.next++ {
		of := &s.all[s.next]
		f := of.Filter
		if of.chosen && !s.match.Fits(s.next) || of.bounded && !s.isThrough(&of.opening) {
			continue
		}
		if !s.known && f != nil && f.plan != nil && f.rooms == nil {
			f.stats.Lines++
			f.stats.Omitted++
			continue
		}
		s.went = true
		if f == nil {
			continue
		}
		if of.batch == nil {
			of.begin(b, s.next, room)
		}
		f.some, f.wrote, f.same, f.copies, f.hash = true, nil, nil, false, s.hash
		if s.json != nil {
			f.json.nodes = s.nodes
		}
		if at := s.alike[s.next]; at >= 0 && s.usual {
			f.same = &s.same[at]
			f.copies = f.rooms == nil && f.traffic.counter == nil && f.hours.cal == nil && f.same.isFor(s.line)
		}
		if !s.known {
			f.hasNUL, f.delims.N = s.reader.hasNUL, -1 // the delimiters are the reader's
			f.treat(of.batch, s.whole)
			continue
		}
		f.stats.Lines++
		if s.looks {
			f.event = s.match.Event()
		}
		switch {
		case f.copies:
			f.copyClient(s.parsed)
		case s.parsed != &f.line:
			f.line.Copy(s.parsed)
		}
		f.write(of.batch, s.line, true, s.usual)
	}
	if !s.went && s.known {
		s.reader.stats.Unfit++
	}
}

// writePlain writes a plain line.
func (s *Streams) writePlain(b *Batch, room int) {
	of := &s.all[0]
	if of.batch == nil {
		of.begin(b, 0, room)
	}
	f := of.Filter
	f.some, f.wrote, f.hash.end = false, nil, -1
	f.stats.Lines++
	f.write(of.batch, s.line, true, true)
}

// begin gets a stream's share of b.
func (of *Stream) begin(b *Batch, stream, room int) {
	of.batch = of.Get()
	of.batch.room = room
	b.streams[stream] = of.batch
}

// Sample returns what each stream writes for one line, without its newline: nil for a stream
// that does not take the line, "" for one that writes no lines. event is the name of the
// line's event, "" for none. It must not be called while Run runs.
func (s *Streams) Sample(line []byte) (written [][]byte, event string) {
	b := &Batch{streams: make([]*Batch, len(s.all))}
	s.treatLines(b, append(bytes.Clone(line), '\n'))
	written = make([][]byte, len(s.all))
	for i, of := range b.streams {
		if of == nil {
			continue
		}
		written[i] = []byte{}
		for _, part := range of.Parts {
			text := part.Lines
			if len(part.Held) > 0 {
				text = part.Held[groupPrefix:]
			}
			written[i] = append(written[i], bytes.TrimSuffix(text, []byte("\n"))...)
		}
	}
	return written, s.match.Event()
}
