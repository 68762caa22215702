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

// A glued line consists of pieces of several lines. A write of more than 4096 bytes to a pipe
// is not atomic (pipe(7)). If the pipe is full, lines of other children of the server get into
// a long line: a piece of it is followed by another whole line, or by a piece of another long
// line.
//
// A glued line is written like any other: it is treated as one line. Only for counting is it
// cut into pieces. A piece counts if it has the format of a line, and an address that can be
// recognised. For any other piece, the day is marked by a pair that is not counted: a room may
// lack a client, so its counts are a lower bound. An expired day gets a room file only if a
// line of it could be parsed: the date of another piece proves nothing.
//
// A client must not be able to forge a glued line. All servers escape the quotes in what a
// client sends, so a piece with unescaped quotes is not the work of a client. A line that fits
// the format has such quotes only in the right places; it is doubted only for a client or user
// that no server writes.

const (
	// atomicWrite is PIPE_BUF of Linux: a line of at most this length, with its newline, is
	// written in one piece. The end of a longer piece may belong to another line.
	atomicWrite = 4096
	maxPieces   = 16 // per line, counted from its end
	pieceWords  = 5  // most words of a line before its time stamp
	// guessedWords is how many words before the time stamp are assigned to a piece whose
	// beginning is unknown.
	guessedWords = 3
	maxKey       = 48 // the first key of a JSON object must end within so many bytes
)

// piece is line[start:end] of a glued line.
type piece struct {
	start, end int
	isLine     bool // it fits the format and has a client
}

// pieces finds the pieces of one line.
type pieces struct {
	all    [maxPieces + 1]piece // the last one first
	n      int
	stamps [maxPieces]stamp // the last ones, in a ring
	name   []byte           // scratch
}

// stamp is a time stamp: line[start:end], which may include its brackets.
type stamp struct {
	start, end int
	opens      bool // a quote and a letter follow it, as in a request line
}

// doubt is the reason to doubt a line that fits the format.
type doubt uint8

const (
	noDoubt     doubt = iota
	oddUser           // the identity or user may contain another line
	gluedClient       // no server writes such a client
)

// doubtClient doubts the line if no server writes such a name of the client who is counted.
func (w *rewriter) doubtClient(name []byte) {
	if len(name) > guard.MaxName || isCutAddr(name) || hasAddrWord(name) {
		w.doubt = gluedClient
	}
}

// doubtUser doubts a line, not one of the usual layout, if another line may begin in its
// identity (%l) or its user. An identity is "-", since servers do not ask for it; anything
// else that is followed by an identity is another line's client. A user that contains a
// client has the kind format.Client.
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

// opensStamp reports whether a text contains the beginning of a time stamp in brackets.
func opensStamp(text []byte) bool {
	at := bytes.IndexByte(text, '[')
	return at >= 0 && at+1 < len(text) && guard.MayBeginStamp(text[at+1])
}

// isCutAddr reports whether text, which is not an address, consists of an address after the
// beginning of another: it has the bytes of an address, and is not a name.
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

// isIdentity reports whether field i is "-" in the place of an identity, so that the field
// before it is another line's client.
func (w *rewriter) isIdentity(i int, line []byte) bool {
	if i >= len(w.line.Fields) {
		return false
	}
	field := &w.line.Fields[i]
	return field.Kind == format.Client && string(line[field.Start:field.End]) == "-"
}

// hasAddrWord reports whether one of several words is an address. No host name is like that.
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

// isGlued is treatGlued for a line that fits the format but is doubted.
func (f *Filter) isGlued(b *Batch, line []byte, s dayRef) bool {
	// A client that was refused may have sent any name.
	if f.line.Status == http.StatusUnauthorized {
		return false
	}
	f.guard.FindStamps(line)
	if f.treatGlued(b, line, s, f.doubt) {
		return true
	}
	f.parser.Parse(line, &f.line) // again: f.line has the fields of a piece
	return false
}

// treatGlued reports whether a line is glued, and counts its pieces then. The line goes to s;
// s is the zero dayRef if the line is not written.
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

// findPieces finds the pieces of a line, and reports whether it is glued. The guard must have
// found the time stamps of the line.
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
	whole, end := false, len(line) // whole: a whole line follows a piece of another
	for i := stamps - 1; i >= max(stamps-maxPieces, 0); i-- {
		floor := 0
		if i > max(stamps-maxPieces, 0) {
			floor = g.stamps[(i-1)%maxPieces].end
		}
		at := g.stamps[i%maxPieces]
		p := f.cutAt(line, floor, at.start, end, d)
		if !p.isLine && !at.opens {
			continue // the time stamp is part of a text
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

// take copies the time stamps of a line to g.stamps, which keeps the last maxPieces. It returns
// how many there are, and how many are followed by the quote of a request line.
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

// cutAt returns the piece at the end of line[:end] whose time stamp begins at at. The piece
// begins up to pieceWords words before that, but not before floor. If no beginning makes it a
// line, cutAt guesses one.
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
			return piece{0, end, false} // parsed above, or the doubted line itself
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

// pieceStart returns the beginning of an address at the end of the word that begins at start,
// or start if there is none. Digits directly before the address, and letters to f before an
// IPv6 address, count as part of it.
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

// parsePiece parses line[start:end] into f.line, and reports whether it is a line of the
// format with a client.
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
	// Only the text before a host name shows where the name begins.
	if guard.IsObject(text) {
		return len(client) > 0
	}
	return len(client) > 1 && len(client) <= guard.MaxName && isHost(client) && !isCutAddr(client) &&
		(start == 0 || start > 1 && line[start-1] == '"' && line[start-2] != ' ')
}

// isHost reports whether a name has only the bytes of host names.
func isHost(name []byte) bool {
	for _, c := range name {
		if !guard.IsNameByte(c) {
			return false
		}
	}
	return true
}

// clientOf returns the client who is counted, the first one of a list.
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

// cutObjects finds the pieces of a line of JSON objects that all begin with the same key, and
// reports whether the line is glued.
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

// countPiece counts the client and the hit of a piece that parsePiece has parsed into f.line.
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

// leaveOut marks a day by a pair that is not counted: its counts are incomplete. d may be nil.
func (f *Filter) leaveOut(b *Batch, d *day) {
	if d != nil && (f.only == nil || f.only.Has(d.day)) {
		f.rec.record(b, d, &rooms.TooLong, 0)
	}
}
