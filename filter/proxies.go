package filter

import (
	"bytes"
	"slices"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

// viaProxies is a Parser that finds the client of a line by mod_remoteip's rules. The client
// is the peer of the server. If the peer is a trusted proxy, the client is the last element
// of the forwarded list; if that is a trusted proxy too, the one before it, and so on. The
// search ends at an element that is not an address, and at a private address that a public
// proxy names (RemoteIPTrustedProxy).
//
// A client that is found in a list becomes a field of its own.
type viaProxies struct {
	format.Parser
	proxies *pseudonym.Networks
	again   bool // see Config
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

// findLeft finds the client in a list that was treated before: the other elements are dashes.
// Because of the dashes, a parser may not recognise the field as a list.
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

// hopAddr parses an address with or without a port.
func hopAddr(text []byte) (pseudonym.Addr, bool) {
	if len(text) == 0 {
		return pseudonym.Addr{}, false
	}
	return pseudonym.ParseAddr(guard.BareAddr(text))
}

// isPrivate reports whether mod_remoteip accepts the address only from an internal proxy, see
// remoteip_modify_request.
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

// hop is one element of a forwarded list: line[start:end], in a field; end is 0 for none.
type hop struct{ field, start, end int }

// hops iterates over the elements of lists, from the last one back.
type hops struct {
	line   []byte
	fields []format.Field
	first  int // the first field with a list
	field  int // the current field
	rest   int // end of its elements that are not read yet, -1: none
	hop
}

// next moves to the next element, and reports whether there is one.
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

// forwardedFor returns the position of the value of for= in an element of a Forwarded header
// (RFC 7239), which is line[start:end]; an empty range if there is none.
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

// splitOff makes an element of a list a field of its own, and the client who is counted.
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
