package pseudonym

import (
	"bytes"
	"encoding/binary"
	"slices"
)

const (
	maxText  = 39 // ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, the longest output of AppendTo
	maxInput = 45 // ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255, the longest input of ParseAddr
)

// Addr is an IP address without a zone. An IPv4 address a.b.c.d is
// ::ffff:a.b.c.d, and the two are one address.
type Addr [16]byte

// ParseAddr accepts exactly what netip.ParseAddr accepts, except zones. It rejects input
// longer than 45 bytes, the longest possible address, without reading it.
func ParseAddr(b []byte) (a Addr, ok bool) {
	if len(b) < 2 || len(b) > maxInput {
		return a, false
	}
	var hi, lo uint64
	// A dot this early, and not after a leading "::", does not occur in IPv6.
	if len(b) >= 7 && b[0] != ':' && (b[1] == '.' || b[2] == '.' || b[3] == '.') {
		var v uint32
		v, ok = parse4(b)
		lo = mapped | uint64(v)
	} else {
		hi, lo, ok = parse6(b)
	}
	if ok {
		a.put(hi, lo)
	}
	return a, ok
}

// mapped is the upper part of the lower half of every IPv4 address.
const mapped = 0xffff << 32

func (a *Addr) put(hi, lo uint64) {
	binary.BigEndian.PutUint64(a[:8], hi)
	binary.BigEndian.PutUint64(a[8:], lo)
}

// parse4 parses a dotted quad. It rejects leading zeros, which some programs read as octal
// (RFC 6943, section 3.1.1).
func parse4(b []byte) (v uint32, ok bool) {
	i := 0
	for octet := range 4 {
		if octet > 0 {
			if i >= len(b) || b[i] != '.' {
				return 0, false
			}
			i++
		}
		if i >= len(b) {
			return 0, false
		}
		n := uint32(b[i] - '0')
		if n > 9 {
			return 0, false
		}
		i++
		if i < len(b) && n > 0 {
			if d := uint32(b[i] - '0'); d <= 9 {
				n = n*10 + d
				i++
				if i < len(b) {
					if d := uint32(b[i] - '0'); d <= 9 {
						n = n*10 + d
						i++
					}
				}
			}
		}
		if n > 255 {
			return 0, false
		}
		v = v<<8 | n
	}
	return v, i == len(b)
}

// notHex is the value of non-digits in hexDigit: all bits set, so that it shows in an OR.
const notHex = 0xff

// hexDigit maps each hexadecimal digit to its value.
var hexDigit = func() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case '0' <= c && c <= '9':
			t[i] = c - '0'
		case 'a' <= c && c <= 'f':
			t[i] = c - 'a' + 10
		case 'A' <= c && c <= 'F':
			t[i] = c - 'A' + 10
		default:
			t[i] = notHex
		}
	}
	return t
}()

// parse6 parses the text forms of RFC 4291, section 2.2. As in netip, a "::" must replace at
// least one group. It uses integers since they are faster than an Addr, which the compiler
// keeps in memory.
func parse6(b []byte) (hi, lo uint64, ok bool) {
	var frontHi, frontLo uint64 // the groups before the "::"
	front := -1                 // their number, -1 while there is no "::"
	i := 0
	if b[0] == ':' && b[1] == ':' {
		if len(b) == 2 {
			return 0, 0, true
		}
		front, i = 0, 2
	}
	n := 0 // groups read, including those in front
	for n < 8 {
		start := i
		if i == len(b) {
			return 0, 0, false
		}
		group := uint64(hexDigit[b[i]])
		if group == notHex {
			return 0, 0, false
		}
		i++
		if i+3 <= len(b) {
			d1, d2, d3 := uint64(hexDigit[b[i]]), uint64(hexDigit[b[i+1]]), uint64(hexDigit[b[i+2]])
			switch {
			case d1|d2|d3 != notHex:
				group = group<<12 | d1<<8 | d2<<4 | d3
				i += 3
			case d1|d2 != notHex:
				group = group<<8 | d1<<4 | d2
				i += 2
			case d1 != notHex:
				group = group<<4 | d1
				i++
			}
		} else {
			for i < len(b) && hexDigit[b[i]] != notHex {
				group = group<<4 | uint64(hexDigit[b[i]])
				i++
			}
		}
		if i < len(b) && b[i] == '.' {
			if n > 6 || n < 6 && front < 0 {
				return 0, 0, false
			}
			v, ok := parse4(b[start:])
			if !ok {
				return 0, 0, false
			}
			hi, lo = hi<<32|lo>>32, lo<<32|uint64(v)
			n += 2
			i = len(b)
			break
		}
		hi, lo = hi<<16|lo>>48, lo<<16|group
		n++
		if i == len(b) {
			break
		}
		if b[i] != ':' || i+1 == len(b) {
			return 0, 0, false
		}
		i++
		if b[i] == ':' {
			if front >= 0 {
				return 0, 0, false
			}
			front, frontHi, frontLo = n, hi, lo
			hi, lo = 0, 0
			i++
			if i == len(b) {
				break
			}
		}
	}
	if i != len(b) || (n == 8) != (front < 0) {
		return 0, 0, false
	}
	switch shift := 128 - 16*front; {
	case front < 0:
	case shift >= 64:
		hi |= frontLo << (shift - 64)
	default:
		hi |= frontHi<<shift | frontLo>>(64-shift)
		lo |= frontLo << shift
	}
	return hi, lo, true
}

// Is4 reports whether a is an IPv4 address.
func (a Addr) Is4() bool {
	return binary.BigEndian.Uint64(a[:8]) == 0 && binary.BigEndian.Uint32(a[8:12]) == 0xffff
}

// IsClient reports whether a client can have the address: any IPv4 address; in IPv6, global
// unicast (2000::/3), unique local (fc00::/7), link-local (fe80::/10), the loopback address,
// and those that contain an IPv4 address for a translator (64:ff9b::/96 and 64:ff9b:1::/48,
// RFC 6052 and 8215). That is about one in seven of all IPv6 addresses.
func (a Addr) IsClient() bool {
	hi, lo := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	switch {
	case a.Is4(), a[0]>>5 == 1, a[0]>>1 == 0xfc>>1, a[0] == 0xfe && a[1]>>6 == 2:
		return true
	case hi == 0:
		return lo == 1
	}
	return hi == 0x0064_ff9b<<32 && lo>>32 == 0 || hi>>16 == 0x0064_ff9b_0001
}

// IsAllocated reports whether a is in a block from which providers assign addresses to
// customers: IPv4 except for networks without any, and the /12 of each regional registry.
func (a Addr) IsAllocated() bool {
	if a.Is4() {
		return a[12] != 0 && a[12] != 10 && a[12] != 127 && a[12] < 224
	}
	switch a[0] {
	case 0x24, 0x26, 0x28, 0x2a, 0x2c:
		return a[1]>>4 == 0
	}
	return false
}

// IsReserved reports whether a is never used on the internet: in 0.0.0.0/8, 10.0.0.0/8,
// 240.0.0.0/4 or fd00::/8.
func (a Addr) IsReserved() bool {
	if a.Is4() {
		return a[12] == 0 || a[12] == 10 || a[12] >= 240
	}
	return a[0] == 0xfd
}

// Prefix6 returns an IPv6 address with all but the first n bits (0…128) zeroed. It returns
// IPv4 addresses unchanged, and also the pseudonyms of host names, which all have the same
// prefix.
func (a Addr) Prefix6(n int) Addr {
	if a.Is4() || a.IsName() {
		return a
	}
	return a.prefix(n)
}

// prefix returns a with all but the first n of its 128 bits zeroed. The result is IPv4 only
// if a is, since ::ffff: ends with ones.
func (a Addr) prefix(n int) Addr {
	hi, lo := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	if n <= 64 {
		hi &= ^uint64(0) << (64 - n)
		lo = 0
	} else {
		lo &= ^uint64(0) << (128 - n)
	}
	a.put(hi, lo)
	return a
}

// AppendTo appends the text of RFC 5952: 192.0.2.1 or 2001:db8::1, at most 39
// bytes.
func (a Addr) AppendTo(dst []byte) []byte {
	n := len(dst)
	dst = slices.Grow(dst, maxText)
	buf := (*[maxText]byte)(dst[n : n+maxText])
	if a.Is4() {
		return dst[:n+a.put4(buf)]
	}
	return dst[:n+a.put6(buf)]
}

func (a *Addr) put4(buf *[maxText]byte) int {
	i := 0
	for k, c := range a[12:] {
		if k > 0 {
			buf[i] = '.'
			i++
		}
		if c >= 100 {
			buf[i] = '0' + c/100
			i++
		}
		if c >= 10 {
			buf[i] = '0' + c/10%10
			i++
		}
		buf[i] = '0' + c%10
		i++
	}
	return i
}

func (a *Addr) put6(buf *[maxText]byte) int {
	const digits = "0123456789abcdef"
	var group [8]uint16
	gap, gapLen := -1, 1 // a single zero group is not shortened (section 4.2.2)
	for k, run := 0, 0; k < 8; k++ {
		group[k] = binary.BigEndian.Uint16(a[2*k:])
		if group[k] != 0 {
			run = 0
			continue
		}
		run++
		if run > gapLen { // of equal runs the first (section 4.2.3)
			gap, gapLen = k-run+1, run
		}
	}
	i := 0
	for k := 0; k < 8; k++ {
		if k == gap {
			buf[i], buf[i+1] = ':', ':'
			i += 2
			k += gapLen - 1
			continue
		}
		if i > 0 && buf[i-1] != ':' {
			buf[i] = ':'
			i++
		}
		g := group[k]
		switch {
		case g >= 0x1000:
			buf[i] = digits[g>>12]
			i++
			fallthrough
		case g >= 0x100:
			buf[i] = digits[g>>8&15]
			i++
			fallthrough
		case g >= 0x10:
			buf[i] = digits[g>>4&15]
			i++
		}
		buf[i] = digits[g&15]
		i++
	}
	return i
}

// IsGlued reports whether text begins with the text of a pseudonym, plain, that is complete:
// it has eight groups, and any letters that follow do not belong to it, as in the name that
// a provider makes from an address: ec2-PSEUDONYM.compute.example. Under pfx, one more digit
// after it makes it the pseudonym of another address; for one before it, the chance is one
// in 2^112.
func IsGlued(text, plain []byte) bool {
	if bytes.Count(plain, []byte(":")) != 7 || bytes.Contains(plain, []byte("::")) {
		return false
	}
	rest := text[len(plain):]
	return len(rest) == 0 || rest[0] == '.' || rest[0] == ':' || hexDigit[rest[0]] == notHex
}
