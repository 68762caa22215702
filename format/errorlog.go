package format

import (
	"bytes"

	"hushpipe/format/civil"
)

// errorLog is the Parser of httpd's error log in the default ErrorLogFormat (server/log.c),
//
//	[Sun Nov 22 06:46:00.123456 2026] [proxy:error] [pid 12:tid 34] (111)Connection refused: [client 192.0.2.1:5678] AH00957: …, referer: …
//
// also with the time of %{cu}t, 2026-11-22 06:46:00.123456, and in the format of httpd 2.2,
//
//	[Sun Nov 22 06:46:00 2026] [error] [client 192.0.2.1] …
//
// A message that belongs to no request has no client. Lines of other shapes, such as the output
// of a CGI program, do not match. errorLog also reads nginx's error log, see parseNginxLog, and
// PHP's own,
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
	numbered := false // httpd 2.4 logs the client's port
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

	// Between the process and the client come the source file (LogLevel debug) and the system's
	// error text, each followed by a colon.
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

// parseErrorTime reads a time that %t of an ErrorLogFormat writes and returns its date and
// length, 0 for none.
func parseErrorTime(b []byte) (civil.Day, int) {
	if day, n := parseCtime(b); n > 0 {
		return day, n
	}
	if day, n := parseISO(b); n > len("2026-11-22") && b[4] == '-' {
		return day, n
	}
	return 0, 0
}

// addMessage adds the fields of the message from line[pos] to the end. It reports false if it
// cannot tell whether a part of the message is a client.
func addMessage(line []byte, pos int, numbered bool, out *Line) bool {
	first := len(out.Fields)
	defer func() {
		for i := first; i < len(out.Fields); i++ {
			out.Fields[i].Role = RoleMessage
		}
	}()
	// The message may name more clients: a module's (ModSecurity), or those of a line that was
	// written into this one.
	for {
		start, n, after := nextPeer(line, pos)
		if start < 0 {
			break
		}
		out.add(URL, pos, start)
		if n < 0 { // the line ends inside the peer
			out.add(Client, start, len(line))
			return true
		}
		addPeer(line, start, start+n, numbered, out)
		pos = addRewritePeer(line, start, after, out)
	}
	// A client's name without its beginning, as in a message of mod_rewrite, or the end of a
	// peer whose beginning is before a line that was written into this one: nobody knows what
	// else is misplaced.
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

// LostPeer finds the end of a peer that has lost its beginning: it returns the start of the word
// that the bracket at line[end] closes if the word ends in a port, as in "[client NAME:PORT]",
// and no bracket opens in front of it; otherwise -1. It accepts an opening bracket where no such
// word can follow it: at the start of the line, behind another bracket, ": " or "- ", and in a
// request ID of mod_rewrite. The parser of error logs and the guard of malformed lines use it.
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

// openPeer reports whether text ends in "[client " or "[remote ".
func openPeer(text []byte) bool {
	return bytes.HasSuffix(text, []byte(openClient)) || bytes.HasSuffix(text, []byte("[remote "))
}

// openClient is as long as "[remote ", which nextPeer relies on.
const openClient = "[client "

// nextPeer returns where the first peer in line[pos:] begins, behind "[client " or "[remote ",
// its length, and the offset behind its closing bracket. n is -1 if no bracket closes it; start
// is -1 if there is no peer.
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

// addPeer adds the fields of a peer, with or without a port.
func addPeer(line []byte, start, end int, numbered bool, out *Line) {
	if n := bytes.IndexByte(line[start:end], ']'); n > 0 && line[start] == '[' && (start+n+1 == end || line[start+n+1] == ':') { // IPv6 in its own brackets
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

// RewriteName returns the length of the client's name at the start of a mod_rewrite message
// (mod_rewrite.c, do_rewritelog), as in "localhost - - [localhost/sid#…", and 0 for a message of
// another module. It identifies the module by head, the text before the message, or by what
// follows the name. The name ends at a space, or at the bracket of another line's peer. The
// guard of malformed lines uses it too.
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

// addRewritePeer adds the name that RewriteName finds behind the peer at line[start:end], and
// returns where the rest of the message begins.
func addRewritePeer(line []byte, start, end int, out *Line) int {
	name := min(end+1, len(line))
	n := RewriteName(line[:start], line[name:])
	if n == 0 {
		return end
	}
	out.addAs(RoleMessage, Client, name, name+n)
	return name + n
}

// bracket returns the position of the bracket that closes the " […]" at pos, -1 if there is none
// or if ok rejects its content.
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

// isLevel reports whether b is a level such as "error" or "proxy_http:trace1". With more than
// one colon it could be an IPv6 address; a number behind the colon is the port of a cut peer.
func isLevel(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && c-'0' > 9 && c != '_' && c != ':' && c != '-' {
			return false
		}
	}
	_, level, both := bytes.Cut(b, []byte(":"))
	return len(b) > 0 && (!both || bytes.IndexByte(level, ':') < 0 && !allDigits(level))
}

// isPID reports whether b is "pid 12" or "pid 12:tid 34".
func isPID(b []byte) bool {
	b, ok := bytes.CutPrefix(b, []byte("pid "))
	pid, tid, both := bytes.Cut(b, []byte(":tid "))
	return ok && allDigits(pid) && (!both || allDigits(tid))
}

// portColon returns the position of the colon before the port of a peer, -1 for no port. httpd
// puts no brackets around IPv6 addresses, and httpd 2.2 logs no port (numbered is false).
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
