package pseudonym

import (
	"bytes"
	"encoding/binary"
)

// What a Cipher of NewProof writes in place of anything that is not a pseudonym.
const (
	Mark4    = "100:0:0:1::4"  // for an IPv4 address
	Mark6    = "100:0:0:1::6"  // for an IPv6 address
	MarkName = "100:0:0:1::17" // for a name, or for an address among other digits
	MarkHash = "100:0:0:1::18" // for something that should be a hash
)

// NoClient is left unchanged by NewProof in every mode: it can replace a client that was
// removed from a text.
const NoClient = "100::"

// NewProof returns a Cipher that checks texts in which addresses were replaced in one of the
// modes. It leaves possible pseudonyms unchanged, and replaces any other address, name or
// hash by a mark.
//
// Under a reversible mode it inverts a pseudonym, which must yield an address that a client
// can have. About one in a hundred IPv6 addresses in clear passes for a pseudonym. Under pfx
// any IPv4 address passes, under mask any network. If key is nil, because it was deleted,
// any IPv6 address passes under a reversible mode.
func NewProof(key *Key, modes []Mode) *Cipher {
	p := &proof{}
	some := key
	if some == nil {
		some = &Key{}
	}
	for _, m := range modes {
		p.ciphers = append(p.ciphers, New(some, m))
	}
	p.hasKey = key != nil
	c := New(some, Mode{kind: proving})
	c.perm = p
	return c
}

// proof is the permutation of NewProof, which maps each pseudonym to itself.
type proof struct {
	ciphers []*Cipher // one per mode
	hasKey  bool
}

func (p *proof) encrypt(a Addr) Addr {
	for _, c := range p.ciphers {
		if p.isBy(c, a) {
			return a
		}
	}
	return markOf(a)
}

var noClient = Addr{0: 1}

func (p *proof) decrypt(a Addr) Addr { return a }

func markOf(a Addr) (mark Addr) {
	text := Mark6
	if a.Is4() {
		text = Mark4
	}
	mark, _ = ParseAddr([]byte(text))
	return mark
}

// isBy reports whether a may be a pseudonym produced by c.
func (p *proof) isBy(c *Cipher, a Addr) bool {
	switch m := c.mode; {
	case a == noClient: // NoClient
		return true
	case m.kind == drop:
		return false
	case m.kind == keep, binary.BigEndian.Uint32(a[:4]) == 0x0100<<16: // the pseudonym of a name, perhaps with a port
		return true
	case m.kind == mask:
		return string(c.AppendAddr(nil, a)) == string(a.AppendTo(nil))
	case a.Is4():
		return m.kind == pfx
	case !p.hasKey:
		return true
	}
	// An unassigned address is usually the pseudonym of an address that somebody made up.
	return c.perm.decrypt(a).isPlausible() || !a.isAllocated()
}

// appendName appends a name, or a run of digits that may contain an address.
func (p *proof) appendName(dst, name []byte) []byte {
	if len(bytes.Trim(name, "-.: ")) == 0 {
		return append(dst, name...) // no name
	}
	for word := range bytes.FieldsFuncSeq(name, func(r rune) bool { return r == ' ' || r == ',' || r == '[' || r == ']' }) {
		if a, ok := ParseAddr(word); ok && len(word) < len(name) && p.encrypt(a) == a {
			return append(dst, name...) // a line that is parsed differently than before it was pseudonymized
		}
	}
	for _, c := range p.ciphers {
		switch c.mode.kind {
		case keep:
			return append(dst, name...)
		case drop:
			// The dash of a dropped client, perhaps with a port, or with dots around it.
			if port, ok := bytes.CutPrefix(bytes.Trim(name, ".:"), []byte("-")); ok && len(bytes.Trim(port, ":0123456789")) == 0 {
				return append(dst, name...)
			}
		case mask:
			if bytes.IndexByte(name, ':') >= 0 && len(bytes.Trim(name, "0123456789abcdef:.")) == 0 {
				return append(dst, name...) // a network and its neighbors
			}
		case ipcrypt, pfx:
			if p.occursIn(c, name) {
				return append(dst, name...)
			}
		}
	}
	return append(dst, MarkName...)
}

// groups is the number of groups in a pseudonym without "::", as are all but one in 2^29.
const groups = 8

// occursIn reports whether a run of digits contains a pseudonym: between other groups, such
// as a port, or with digits attached to its ends.
func (p *proof) occursIn(c *Cipher, run []byte) bool {
	if at := bytes.Index(run, []byte(NoClient)); at >= 0 {
		return true // the pseudonym of a name
	}
	for part := range bytes.FieldsFuncSeq(run, func(r rune) bool { return r == '.' }) {
		words := bytes.Split(part, []byte(":"))
		for i := 0; i+groups <= len(words); i++ {
			first, last := words[i], words[i+groups-1]
			middle := bytes.Join(words[i+1:i+groups-1], []byte(":"))
			for from := 0; from < len(first); from++ {
				for to := 1; to <= min(len(last), 4); to++ {
					text := bytes.Join([][]byte{first[from:], middle, last[:to]}, []byte(":"))
					a, ok := ParseAddr(text)
					whole := i == 0 && from == 0 && to == len(last)
					if ok && (a.IsName() || !p.hasKey || c.perm.decrypt(a).isPlausible() || whole && !a.isAllocated()) {
						return true
					}
				}
			}
		}
	}
	return false
}

func (p *proof) appendHash(dst, value []byte) []byte {
	if len(value) == 17 && value[0] == 'h' && len(bytes.Trim(value[1:], "0123456789abcdef")) == 0 {
		return append(dst, value...)
	}
	return append(dst, MarkHash...)
}

// allocated are the IPv6 networks that registries have assigned so far, or that hosts
// configure themselves: the first bits and their number. See IANA's IPv6 Global Unicast
// Address Assignments; in 2001::/16 there are many.
var allocated = []struct {
	bits uint32
	n    int
}{
	{0x2001 << 16, 16}, {0x2002 << 16, 16}, {0x2003 << 16, 18},
	{0x2400 << 16, 12}, {0x2410 << 16, 12}, {0x2600 << 16, 12}, {0x2610 << 16, 23}, {0x2620 << 16, 23}, {0x2630 << 16, 12},
	{0x2800 << 16, 12}, {0x2a00 << 16, 12}, {0x2a10 << 16, 12}, {0x2c00 << 16, 12},
	{0xfc00 << 16, 7}, {0xfe80 << 16, 10},
}

var loopback = Addr{15: 1}

// isAllocated reports whether a is an IPv4 address, ::1, or an IPv6 address in an assigned
// network. About one in a hundred random addresses is.
func (a Addr) isAllocated() bool {
	if a.Is4() || a == loopback {
		return true
	}
	head := binary.BigEndian.Uint32(a[:4])
	for _, net := range allocated {
		if (head^net.bits)>>(32-net.n) == 0 {
			return true
		}
	}
	return false
}

// isPlausible reports whether an inverted pseudonym can have been in a line: an assigned
// address, or one of small numbers, such as ::1 or the address in Foo::ba.
func (a Addr) isPlausible() bool {
	small := 0
	for i := 0; i < len(a); i += 2 {
		if a[i] == 0 {
			small++
		}
	}
	return small >= 4 || a.isAllocated()
}
