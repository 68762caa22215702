package filter

import (
	"bytes"
	"net/http"

	"hushpipe/filter/calendar"
	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format"
)

// A glued line is made of pieces of several. A write of more than 4096 bytes to a
// pipe is not atomic (pipe(7)), and where the pipe is full, what other children of the
// server write comes to stand within it: behind a piece of the long line there is a
// whole other one, or a piece of another long one.
//
// What is written of a glued line is what is written of any other: it is treated as
// one line. Its pieces are only counted, each that is a line of the format with an
// address that can be told. For each other piece the day is marked, by a pair that is
// not counted, since a room may miss a client: its counts are a lower bound. An expired
// day gets a room file only where a line of it could be read: the date of another piece
// proves nothing.
//
// A client must not make such a line by itself. All servers escape the quotes in what
// a client sends, so that a piece with quotes of its own is none of a client's making;
// a line that fits the format has them in the right places only, and is doubted only
// for a client or user that no server writes.

const (
	// atomicWrite is the length of a line with its newline that is not cut: PIPE_BUF of
	// Linux. Of a longer piece, the end may be another line's.
	atomicWrite = 4096
	maxPieces   = 16 // of a line, from its end
	pieceWords  = 5  // before the time stamp
	// guessedWords of these are taken for a piece's where nothing tells its beginning.
	guessedWords = 3
	maxKey       = 48 // bytes of a JSON object in which its first key has to end
)

// piece is line[start:end] of a glued line.
type piece struct {
	start, end int
	isLine     bool // it fits the format, and tells its client
}

// pieces finds those of one line.
type pieces struct {
	all    [maxPieces + 1]piece // from the last on
	n      int
	stamps [maxPieces]stamp // the last ones, in a ring
	name   []byte           // scratch
}

// stamp is a time stamp at line[start:end], its brackets perhaps included.
type stamp struct {
	start, end int
	opens      bool // a quote and a word follow it, as of a request line
}

// doubt says what is odd about a line that fits the format.
type doubt uint8

const (
	noDoubt     doubt = iota
	oddUser           // another line may stand in it
	gluedClient       // no server writes such a client
)

// doubtClient notes that no server writes the name of the client who is counted.
func (w *rewriter) doubtClient(name []byte) {
	if len(name) > guard.MaxName || isCutAddr(name) || hasAddrWord(name) {
		w.doubt = gluedClient
	}
}

// doubtUser notes that another line may begin in the identity (%l) or the user of one
// that is not usual: an identity is "-", since nobody asks for it, and what follows one
// that is not is another; a user that holds a client has the field's kind.
func (w *rewriter) doubtUser(line []byte) {
	l := &w.line
	for i := range l.Fields {
		field := &l.Fields[i]
		if field.Kind != format.Client || i == l.Client {
			continue
		}
		text, rest := line[field.Start:field.End], line[field.End:]
		switch {
		case i == l.Client+1 && bytes.HasPrefix(rest, userless) && !w.isIdentity(i+1, line):
			w.doubt = max(w.doubt, oddUser)
		case !bytes.HasPrefix(rest, userless[len(userless)-2:]) || !bytes.Contains(text, userless[:2]):
		case opensStamp(text):
			w.doubt = gluedClient
		default:
			w.doubt = max(w.doubt, oddUser)
		}
	}
}

var userless = []byte(" - - [")

// opensStamp reports whether a text holds the beginning of a time stamp in brackets.
func opensStamp(text []byte) bool {
	at := bytes.IndexByte(text, '[')
	return at >= 0 && at+1 < len(text) && guard.MayBeginStamp(text[at+1])
}

// isCutAddr reports whether text has the bytes of an address and is none, nor a name:
// an address behind the beginning of another.
func isCutAddr(text []byte) bool {
	dots, colons, letters := 0, 0, false
	for _, c := range text {
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case !isHex(c):
			return false
		case !isDigit(c):
			letters = true
		}
	}
	return dots >= 3 && !letters || colons >= 2
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// isIdentity reports whether the field i is "-" in the place of an identity: what
// stands before it is another host.
func (w *rewriter) isIdentity(i int, line []byte) bool {
	if i >= len(w.line.Fields) {
		return false
	}
	field := &w.line.Fields[i]
	return field.Kind == format.Client && string(line[field.Start:field.End]) == "-"
}

// hasAddrWord reports whether one of several words is an address: no host has such a
// name.
func hasAddrWord(text []byte) bool {
	if bytes.IndexByte(text, ' ') < 0 {
		return false
	}
	for word := range bytes.SplitSeq(text, []byte(" ")) {
		if len(word) == 0 {
			continue
		}
		if _, ok := pseudonym.ParseAddr(guard.BareAddr(word)); ok {
			return true
		}
	}
	return false
}

// isGlued is treatGlued for a line that fits the format, and is doubted.
func (f *Filter) isGlued(b *Batch, line []byte, s dayRef) bool {
	// Who is refused may call himself anything.
	if f.line.Status == http.StatusUnauthorized {
		return false
	}
	f.guard.FindStamps(line)
	if f.treatGlued(b, line, s, f.doubt) {
		return true
	}
	f.parser.Parse(line, &f.line) // the pieces took its place
	return false
}

// treatGlued counts the pieces of a line that goes to s, the zero dayRef for one that goes
// nowhere, if it is glued.
func (f *Filter) treatGlued(b *Batch, line []byte, s dayRef, d doubt) bool {
	if !f.findPieces(line, d) {
		return false
	}
	f.stats.Glued++
	if f.hasher == nil && f.traffic.counter == nil {
		return true
	}
	g := &f.pieces
	for i := range g.all[:g.n] {
		p := &g.all[i]
		if p.isLine && f.parsePiece(line, p.start, p.end) {
			f.countPiece(b, line[p.start:p.end])
			continue
		}
		to := s
		if day, ok := guard.StampDay(line[p.start:p.end]); ok {
			to = f.dayOf(day, true)
		}
		if f.hasher != nil {
			f.leaveOut(b, to.day)
		}
	}
	return true
}

// findPieces finds the pieces of a line, the stamps of which are found, and reports whether it is glued.
func (f *Filter) findPieces(line []byte, d doubt) bool {
	g := &f.pieces
	g.n = 0
	if guard.IsObject(line) || len(line) > guard.MaxName && bytes.Contains(line, object) {
		if f.cutObjects(line) {
			return true
		}
		g.n = 0
	}
	stamps, requests := g.take(line, f.guard.Stamps())
	if stamps == 0 || stamps == 1 && d == noDoubt && len(line) <= guard.MaxName {
		return false
	}
	whole, end := false, len(line) // whether there is a line behind another's piece
	for i := stamps - 1; i >= max(stamps-maxPieces, 0); i-- {
		floor := 0
		if i > max(stamps-maxPieces, 0) {
			floor = g.stamps[(i-1)%maxPieces].end
		}
		at := g.stamps[i%maxPieces]
		p := f.cutAt(line, floor, at.start, end, d)
		if !p.isLine && !at.opens {
			continue // it stands in a text
		}
		whole = whole || p.isLine && p.start > 0 && (stamps > 1 || d != noDoubt || p.start > guard.MaxName)
		g.add(p)
		end = p.start
	}
	if end > 0 {
		g.add(piece{end: end})
	}
	return whole || d == gluedClient || d == noDoubt && requests > 1
}

func (g *pieces) add(p piece) {
	g.all[g.n] = p
	g.n++
}

var (
	object      = []byte(`{"`)
	openRequest = []byte(`] "`)
)

// take takes over the time stamps of a line, the last ones if there are many. It
// returns how many there are, and how many have a quote behind them that opens a
// request line.
func (g *pieces) take(line []byte, found []guard.Stamp) (stamps, requests int) {
	next := 0
	for _, s := range found {
		if s.Start < next || s.Start > 0 && isHex(line[s.Start-1]) {
			continue
		}
		next = s.End + 1
		start := s.Start
		if start > 0 && line[start-1] == '[' {
			start--
		}
		opens := false
		if rest := line[s.End:]; len(rest) > len(openRequest) && bytes.HasPrefix(rest, openRequest) {
			if c := rest[len(openRequest)] | 0x20; 'a' <= c && c <= 'z' {
				opens = true
				requests++
			}
		}
		g.stamps[stamps%maxPieces] = stamp{start, s.End, opens}
		stamps++
	}
	return stamps, requests
}

// cutAt returns the piece of line[:end] that has the time stamp at at. It begins
// there or up to pieceWords before, not before floor. Of one that is no line the
// beginning is guessed.
func (f *Filter) cutAt(line []byte, floor, at, end int, d doubt) piece {
	if floor == 0 && d == noDoubt && f.parsePiece(line, 0, end) {
		return piece{0, end, true}
	}
	guess, start := at, at
	for words := 0; words <= pieceWords; words++ {
		if words > 0 {
			stop := start
			for stop > floor && isSpace(line[stop-1]) {
				stop--
			}
			for start = stop; start > floor && !isSpace(line[start-1]) && line[start-1] != '"'; {
				start--
			}
			if start == stop {
				break
			}
		}
		from := start
		if words > 0 {
			from = pieceStart(line, start)
		}
		if from == 0 {
			return piece{0, end, false} // it was tried, or is the line that is doubted
		}
		if words <= guessedWords {
			guess = from
		}
		if f.parsePiece(line, from, end) {
			return piece{from, end, true}
		}
	}
	return piece{guess, end, false}
}

// pieceStart returns where in the word that begins at start the address begins that
// ends it, start itself for none. Digits before it, and of IPv6 letters to f, are
// taken for its own.
func pieceStart(line []byte, start int) int {
	end := start
	for end < len(line) && !isSpace(line[end]) {
		end++
	}
	run := end
	for run > start && guard.IsRunByte(line[run-1]) {
		run--
	}
	if _, ok := pseudonym.ParseAddr(line[run:end]); ok {
		return run
	}
	quad := end
	for quad > run && (isDigit(line[quad-1]) || line[quad-1] == '.') {
		quad--
	}
	if _, ok := pseudonym.ParseAddr(line[quad:end]); ok {
		return quad
	}
	return start
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// parsePiece reports whether line[start:end] is a line of the format and tells its
// client. f.line is what was found in it.
func (f *Filter) parsePiece(line []byte, start, end int) bool {
	text := line[start:end]
	if len(text) >= atomicWrite {
		return false
	}
	l := &f.line
	if !f.parser.Parse(text, l) || !l.HasDay || l.Client < 0 {
		return false
	}
	client := clientOf(text, l)
	if _, ok := pseudonym.ParseAddr(client); ok {
		return true
	}
	// Of a host name nothing tells where it begins, but for what stands before it.
	if guard.IsObject(text) {
		return len(client) > 0
	}
	return len(client) > 1 && len(client) <= guard.MaxName && isHost(client) && !isCutAddr(client) &&
		(start == 0 || start > 1 && line[start-1] == '"' && line[start-2] != ' ')
}

// isHost reports whether all bytes of a name are those of one.
func isHost(name []byte) bool {
	for _, c := range name {
		if !guard.IsNameByte(c) {
			return false
		}
	}
	return true
}

// clientOf returns the client who is counted, of a list the first.
func clientOf(text []byte, l *format.Line) []byte {
	field := &l.Fields[l.Client]
	client := text[field.Start:field.End]
	switch field.Kind {
	case format.Client, format.ClientList:
		if end := bytes.IndexByte(client, ','); end >= 0 {
			client = client[:end]
		}
	default:
		return nil
	}
	if len(client) > 0 {
		client = guard.BareAddr(client)
	}
	return client
}

// cutObjects finds the pieces of a line of JSON objects, which begin with one key, and
// reports whether it is glued.
func (f *Filter) cutObjects(line []byte) bool {
	g := &f.pieces
	first := bytes.Index(line, object)
	if first < 0 {
		return false
	}
	near := line[first:min(len(line), first+maxKey)]
	end := bytes.Index(near, []byte(`":`))
	if end < 0 {
		return false
	}
	key, whole := near[:end+2], false
	if first > 0 {
		g.add(piece{end: first})
	}
	for start := first; start < len(line); {
		end := len(line)
		if next := bytes.Index(line[start+len(key):], key); next >= 0 && g.n < maxPieces {
			end = start + len(key) + next
		}
		is := f.parsePiece(line, start, end)
		g.add(piece{start, end, is})
		whole = whole || is && (start > first || start > guard.MaxName)
		start = end
	}
	return whole
}

// countPiece counts the client and the hit of a piece, as parsePiece left it in f.line.
func (f *Filter) countPiece(b *Batch, text []byte) {
	l := &f.line
	if f.only != nil && (f.only.User != "" || !f.only.Has(l.Day)) {
		return
	}
	s := f.dayOf(l.Day, true)
	if s.placement == calendar.Expired && f.hasher != nil {
		f.rec.meet(b, s.day)
	}
	f.request = nil
	var hash *[20]byte
	if f.hasher != nil && l.Status < 400 {
		hash = f.room(text)
	}
	if hash == nil && f.traffic.counter == nil {
		return
	}
	d := s.day
	if d.cipher == nil {
		f.makeCipher(d)
	}
	f.guard.Cipher = d.cipher
	var who *guard.Client
	f.pieces.name, who = f.guard.AppendClient(f.pieces.name[:0], clientOf(text, l))
	f.counts(who)
	if f.traffic.counter != nil {
		f.countHit(d, text, false)
	}
	if who != nil && hash != nil {
		f.count(b, d, hash)
	}
}

// leaveOut marks a day, nil for none, by a pair that is not counted.
func (f *Filter) leaveOut(b *Batch, d *day) {
	if d != nil && (f.only == nil || f.only.Has(d.day)) {
		f.rec.record(b, d, &rooms.TooLong, 0)
	}
}
