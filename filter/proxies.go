package filter

import (
	"bytes"
	"slices"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

// viaProxies is a Parser that tells the client of a line by mod_remoteip's rules: who
// asked the server is the client. If that is a trusted proxy, it asked for the last
// one in the list; if that is one, too, for the one before, and so on. What is no
// address ends that, and so does an address of a private network that a proxy
// outside of those names (RemoteIPTrustedProxy).
//
// The element of a list that is counted becomes a field of its own.
type viaProxies struct {
	format.Parser
	proxies *pseudonym.Networks
	again   bool // as in Config
}

// Parse implements format.Parser.
func (v *viaProxies) Parse(line []byte, out *format.Line) bool {
	if !v.Parser.Parse(line, out) {
		return false
	}
	if v.again {
		findLeft(line, out)
	} else if out.Peer >= 0 {
		v.tellClient(line, out)
	}
	return true
}

// findLeft finds the client that was left of a list, beside dashes for the others: those make
// of it what a parser of any format takes for no list.
func findLeft(line []byte, out *format.Line) {
	first, last := out.Client, out.Through
	if out.Peer >= 0 {
		out.Client, out.Peer = out.Peer, -1
	} else if first, last = out.Client+1, len(out.Fields)-1; first == 0 {
		return
	}
	for i := last; i >= first; i-- {
		f := &out.Fields[i]
		text := line[f.Start:f.End]
		start := f.End - len(bytes.TrimLeft(text, "-"))
		end := max(start, f.Start+len(bytes.TrimRight(text, "-")))
		isList := f.Kind == format.ClientList || f.Kind == format.Forwarded || f.Kind == format.Client || end-start < len(text)
		if _, ok := hopAddr(line[start:end]); ok && isList {
			splitOff(out, hop{i, start, end})
			return
		}
	}
}

func (v *viaProxies) tellClient(line []byte, out *format.Line) {
	peer := out.Fields[out.Peer]
	hops := hops{line: line, fields: out.Fields, first: out.Client, field: out.Through + 1, rest: -1}
	out.Client, out.Peer = out.Peer, -1
	addr, ok := hopAddr(line[peer.Start:peer.End])
	var named hop
	for ok && v.proxies.Has(addr) && hops.next() {
		next, isAddr := hopAddr(line[hops.start:hops.end])
		if !isAddr || isPrivate(next) && !isPrivate(addr) {
			break
		}
		addr, named = next, hops.hop
	}
	if named.end > 0 {
		splitOff(out, named)
	}
}

// hopAddr reads an address with or without a port.
func hopAddr(text []byte) (pseudonym.Addr, bool) {
	if len(text) == 0 {
		return pseudonym.Addr{}, false
	}
	return pseudonym.ParseAddr(guard.BareAddr(text))
}

// isPrivate reports whether an address is of a network that mod_remoteip believes internal
// proxies only, in remoteip_modify_request.
func isPrivate(a pseudonym.Addr) bool {
	if !a.Is4() {
		return a[0]&0xe0 != 0x20
	}
	switch b := a[12:]; b[0] {
	case 10, 127:
		return true
	case 169:
		return b[1] == 254
	case 172:
		return b[1]&0xf0 == 16
	case 192:
		return b[1] == 168
	}
	return false
}

// hop is one client in a list, line[start:end], in a field; end is 0 for none.
type hop struct{ field, start, end int }

// hops reads the clients of lists from the last one on.
type hops struct {
	line   []byte
	fields []format.Field
	first  int // field of a list
	field  int // that is being read
	rest   int // its elements up to there are to be read, -1: none
	hop
}

// next reports whether there is another one.
func (h *hops) next() bool {
	for h.rest < 0 {
		h.field--
		if h.field < h.first {
			return false
		}
		f := &h.fields[h.field]
		if h.rest = f.End; f.Bare {
			return false
		}
	}
	f := &h.fields[h.field]
	start, end := f.Start, h.rest
	h.rest = -1
	if at := bytes.LastIndexByte(h.line[start:end], ','); at >= 0 && f.Kind != format.Client {
		h.rest = start + at
		start += at + 1
	}
	if f.Kind == format.Forwarded {
		start, end = forwardedFor(h.line, start, end)
	}
	from, to := guard.Unwrap(h.line[start:end])
	h.hop = hop{h.field, start + from, start + to}
	return true
}

// forwardedFor returns where in an element of a Forwarded header (RFC 7239), which is
// line[start:end], the value of for= stands; nothing where it has none.
func forwardedFor(line []byte, start, end int) (int, int) {
	for start < end {
		stop := end
		if n := bytes.IndexByte(line[start:end], ';'); n >= 0 {
			stop = start + n
		}
		name, _, ok := bytes.Cut(line[start:stop], []byte("="))
		if ok && bytes.EqualFold(bytes.Trim(name, " \t"), []byte("for")) {
			return start + len(name) + 1, stop
		}
		start = min(stop+1, end)
	}
	return end, end
}

// splitOff makes a client in a list a field of its own, the one who is counted.
func splitOff(out *format.Line, h hop) {
	whole := out.Fields[h.field]
	out.Client = h.field
	before, behind := whole, whole
	before.End, behind.Start = h.start, h.end
	out.Fields[h.field] = format.Field{Kind: format.Client, Role: format.RoleClient, Start: h.start, End: h.end}
	if behind.Start < behind.End {
		out.Fields = slices.Insert(out.Fields, h.field+1, behind)
	}
	if before.Start < before.End {
		out.Fields = slices.Insert(out.Fields, h.field, before)
		out.Client++
	}
}
