package format

import (
	"bytes"

	"hushpipe/format/civil"
)

// errorLog is the Parser of httpd's error log in the default ErrorLogFormat
// (server/log.c),
//
//	[Sun Nov 22 06:46:00.123456 2026] [proxy:error] [pid 12:tid 34] (111)Connection refused: [client 192.0.2.1:5678] AH00957: …, referer: …
//
// also with the time of %{cu}t, 2026-11-22 06:46:00.123456, of that of httpd 2.2,
//
//	[Sun Nov 22 06:46:00 2026] [error] [client 192.0.2.1] …
//
// A line goes without a client where the message is none of a request's. Lines
// of other shapes, such as those of a CGI program, do not match. It also reads
// nginx's error log, see parseNginxLog, and PHP's own,
//
//	[22-Nov-2026 06:46:00 UTC] PHP Warning:  a in /x.php on line 3
type errorLog struct{}

// ReadsErrors reports whether all lines that p parses are of an error log.
func ReadsErrors(p Parser) bool {
	switch w := p.(type) {
	case *errorFormat:
		return true
	case *wrapped:
		return w.json.inner.wrapper
	}
	return false
}

// Parse implements Parser.
func (*errorLog) Parse(line []byte, out *Line) bool {
	out.reset()
	out.Error = true
	line = line[:lineEnd(line)]
	if len(line) == 0 || line[0] != '[' {
		return parseNginxLog(line, out)
	}
	if day, n := parsePHP(line[1:]); n > 0 {
		out.Day, out.HasDay = day, true
		out.addAs(RoleTime, Plain, 1, 1+n)
		return addMessage(line, 1+n+len("]"), false, out)
	}
	day, n := parseErrorTime(line[1:])
	pos := 1 + n
	if n == 0 || pos >= len(line) || line[pos] != ']' {
		return false
	}
	out.Day, out.HasDay = day, true
	out.addAs(RoleTime, Plain, 1, pos)
	pos++

	end := bracket(line, pos, isLevel)
	if end < 0 {
		return false
	}
	level := pos + 2
	if n := bytes.IndexByte(line[level:end], ':'); n >= 0 {
		if n > 0 {
			out.addAs(RoleModule, Plain, level, level+n)
		}
		level += n + 1
	}
	out.addAs(RoleLevel, Plain, level, end)
	pos = end + 1
	numbered := false // 2.4: the client's port is logged
	if end := bracket(line, pos, isPID); end >= 0 {
		out.add(Plain, pos+2, end)
		pos, numbered = end+1, true
	}
	if pos == len(line) {
		return true
	}
	if line[pos] != ' ' {
		return false
	}
	pos++

	// Between the process and the client stand the source file (LogLevel debug)
	// and the error's text, each with a colon behind it.
	start, n, after := nextPeer(line, pos)
	if n >= 0 && (start == pos+len(openClient) || bytes.HasSuffix(line[:start-len(openClient)], []byte(": "))) {
		if at := start - len(openClient); at > pos {
			out.addAs(RoleMessage, URL, pos, at)
		}
		out.Client = len(out.Fields)
		addPeer(line, start, start+n, numbered, out)
		out.Fields[out.Client].Role = RoleClient
		pos = addRewritePeer(line, start, after, out)
	}
	return addMessage(line, pos, numbered, out)
}

// parseErrorTime reads what %t of an ErrorLogFormat writes.
func parseErrorTime(b []byte) (civil.Day, int) {
	if day, n := parseCtime(b); n > 0 {
		return day, n
	}
	if day, n := parseISO(b); n > len("2026-11-22") && b[4] == '-' {
		return day, n
	}
	return 0, 0
}

// addMessage adds the fields of the message from line[pos] to the end. It reports false
// where it cannot be told whose they are.
func addMessage(line []byte, pos int, numbered bool, out *Line) bool {
	first := len(out.Fields)
	defer func() {
		for i := first; i < len(out.Fields); i++ {
			out.Fields[i].Role = RoleMessage
		}
	}()
	// The message may have clients of its own: those of a module (ModSecurity), or
	// of a line that was written into this one.
	for {
		start, n, after := nextPeer(line, pos)
		if start < 0 {
			break
		}
		out.add(URL, pos, start)
		if n < 0 { // the line ends in it
			out.add(Client, start, len(line))
			return true
		}
		addPeer(line, start, start+n, numbered, out)
		pos = addRewritePeer(line, start, after, out)
	}
	// The name that a message of mod_rewrite begins with, without its beginning, and the
	// end of a peer whose beginning stands before a line that was written into
	// this one: it cannot be told what else is in the wrong place.
	if pos < len(line) && bytes.Contains(line[pos+1:], []byte(" - - [")) {
		return false
	}
	for i := pos; i < len(line); i++ {
		n := bytes.IndexByte(line[i:], ']')
		if n < 0 {
			break
		}
		if i += n; LostPeer(line, i) >= 0 {
			return false
		}
	}
	out.add(URL, pos, len(line))
	return true
}

// LostPeer returns where the word begins that the bracket at line[end] closes, if that
// word has a port at its end, as of "[client NAME:PORT]", and no bracket opens before it; -1
// for any other. A bracket may open before it where the line has no such words: at its
// beginning, behind another bracket, ": " or "- ", and of a request of mod_rewrite.
func LostPeer(line []byte, end int) int {
	i := end
	for i > 0 && line[i-1]-'0' <= 9 {
		i--
	}
	if i == end || i < 2 || line[i-1] != ':' {
		return -1
	}
	for i -= 2; i >= 0 && line[i] != ' ' && line[i] != '[' && line[i] != ']'; {
		i--
	}
	if colon := bytes.IndexByte(line[i+1:end], ':'); colon == 0 || openPeer(line[:i+1]) {
		return -1
	}
	if i <= 0 || line[i] != '[' || line[i-1] == ']' || bytes.Contains(line[i:end], []byte("id#")) {
		return i + 1
	}
	if i < 2 || line[i-1] != ' ' || line[i-2] != ']' && line[i-2] != ':' && line[i-2] != '-' {
		return -1
	}
	return i + 1
}

// openPeer reports whether a text ends in "[client " or "[remote ".
func openPeer(text []byte) bool {
	return bytes.HasSuffix(text, []byte(openClient)) || bytes.HasSuffix(text, []byte("[remote "))
}

// openClient is as long as "[remote ".
const openClient = "[client "

// nextPeer returns where in line[pos:] the first peer begins, behind "[client "
// or "[remote ", how long it is, and where its bracket ends. The length is -1
// where there is no such bracket, and start -1 where there is no peer.
func nextPeer(line []byte, pos int) (start, n, after int) {
	for pos < len(line) {
		i := bytes.IndexByte(line[pos:], '[')
		if i < 0 {
			break
		}
		if pos += i; !bytes.HasPrefix(line[pos:], []byte(openClient)) && !bytes.HasPrefix(line[pos:], []byte("[remote ")) {
			pos++
			continue
		}
		start = pos + len(openClient)
		n = bytes.IndexByte(line[start:], ']')
		if start < len(line) && line[start] == '[' && n > 0 { // IPv6, as in [client [2001:db8::1]:443]
			if more := bytes.IndexByte(line[start+n+1:], ']'); more == 0 || more > 1 && line[start+n+1] == ':' && allDigits(line[start+n+2:start+n+1+more]) {
				n += 1 + more
			}
		}
		return start, n, start + n + 1
	}
	return -1, -1, -1
}

// addPeer adds the fields of a peer, with a port or without.
func addPeer(line []byte, start, end int, numbered bool, out *Line) {
	if n := bytes.IndexByte(line[start:end], ']'); n > 0 && line[start] == '[' && (start+n+1 == end || line[start+n+1] == ':') { // IPv6 in brackets of its own
		out.add(Client, start+1, start+n)
		if port := start + n + len("]:"); port < end {
			out.add(Plain, port, end)
		}
		return
	}
	if p := portColon(line[start:end], numbered); p >= 0 {
		out.add(Client, start, start+p)
		out.add(Plain, start+p+1, end)
	} else {
		out.add(Client, start, end)
	}
}

// RewriteName returns the length of the client's name that begins a message of
// mod_rewrite (mod_rewrite.c, do_rewritelog), as of "localhost - - [localhost/sid#…";
// 0 for the message of another module, which head tells, what is before it, or what
// follows the name. A bracket ends it: another line's peer.
func RewriteName(head, message []byte) int {
	near := head[max(0, len(head)-len("[rewrite:trace1] [pid 4194304:tid 140737354104832] mod_rewrite.c(483): ")-64):]
	if !bytes.Contains(near, []byte("rewrite:trace")) && !bytes.Contains(message[:min(len(message), 400)], []byte("/sid#")) {
		return 0
	}
	if n := bytes.IndexAny(message, " ["); n >= 0 {
		return n
	}
	return len(message)
}

// addRewritePeer adds what RewriteName finds behind the peer that starts and ends
// there, and returns where the message goes on.
func addRewritePeer(line []byte, start, end int, out *Line) int {
	name := min(end+1, len(line))
	n := RewriteName(line[:start], line[name:])
	if n == 0 {
		return end
	}
	out.addAs(RoleMessage, Client, name, name+n)
	return name + n
}

// bracket returns where the " […]" at pos ends whose content ok accepts: the
// position of its closing bracket, -1 for none.
func bracket(line []byte, pos int, ok func([]byte) bool) int {
	if !bytes.HasPrefix(line[pos:], []byte(" [")) {
		return -1
	}
	n := bytes.IndexByte(line[pos:], ']')
	if n < 0 || !ok(line[pos+2:pos+n]) {
		return -1
	}
	return pos + n
}

// isLevel accepts "error" and "proxy_http:trace1". With more colons it could hold
// an IPv6 address; a number behind the colon is the port of a peer that was cut.
func isLevel(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && c-'0' > 9 && c != '_' && c != ':' && c != '-' {
			return false
		}
	}
	_, level, both := bytes.Cut(b, []byte(":"))
	return len(b) > 0 && (!both || bytes.IndexByte(level, ':') < 0 && !allDigits(level))
}

// isPID accepts "pid 12" and "pid 12:tid 34".
func isPID(b []byte) bool {
	b, ok := bytes.CutPrefix(b, []byte("pid "))
	pid, tid, both := bytes.Cut(b, []byte(":tid "))
	return ok && allDigits(pid) && (!both || allDigits(tid))
}

// portColon returns the position of the colon before the port in what follows
// "client ", -1 for no port. httpd puts no brackets around IPv6; 2.2 logs no port.
func portColon(b []byte, numbered bool) int {
	i := bytes.LastIndexByte(b, ':')
	if i < 1 || len(b)-i > len(":65535") || !allDigits(b[i+1:]) {
		return -1
	}
	if bytes.IndexByte(b, ':') < i && (!numbered || b[i-1] == ':' && (i < 2 || b[i-2] != ':')) {
		return -1
	}
	return i
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return len(b) > 0 && len(b) <= maxDigits
}
