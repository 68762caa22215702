package rooms

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"hash"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

const (
	maxSpellings = 8192 // remembered by a Hasher: 3 MiB at most, usually a third of it
	maxSpelling  = 256  // bytes; a longer one is worked out each time
)

// Hasher turns the rooms that a Matcher finds into hashes of their canonical
// names. It remembers the spellings of late, keeps scratch buffers, and serves
// one goroutine.
//
// The canonical name is what jitsi-meet makes of a name before it sends it
// (getBackendSafeRoomName): percent-decoded, in Unicode's NFKC, lower-cased as
// JavaScript does it. Decoding is repeated, up to three times in all, until
// nothing changes, since lib-jitsi-meet encodes twice. A plus sign stays: it is
// no space in encodeURIComponent. Bytes that are not UTF-8 stay as they are.
type Hasher struct {
	secret []byte // nil: none

	hash  hash.Hash
	lower cases.Caser
	known map[string][sha1.Size]byte // by spelling

	spelling, name, folded []byte
	sum                    [sha1.Size]byte
}

// NewHasher returns a Hasher of SHA-1 over the canonical name, as printf %s
// name | sha1sum gives it, or of HMAC-SHA-1 under secret where that is not
// nil.
func NewHasher(secret []byte) *Hasher {
	h := &Hasher{
		secret: secret,

		hash:  sha1.New(),
		lower: cases.Lower(language.Und),
		known: map[string][sha1.Size]byte{},
	}
	if secret != nil {
		h.hash = hmac.New(sha1.New, secret)
	}
	return h
}

// Clone returns a Hasher that makes the same hashes, for another goroutine. It
// may be called from any, at any time.
func (h *Hasher) Clone() *Hasher { return NewHasher(h.secret) }

// Sum returns the hash of the room's canonical name, valid until the next
// call. It allocates nothing for a spelling that it remembers.
func (h *Hasher) Sum(m *Match) *[sha1.Size]byte {
	// The mark of KeepCase goes first, then the raw name as tenant/room.
	h.spelling = append(h.spelling[:0], 'l')
	if m.KeepCase {
		h.spelling[0] = 'k'
	}
	if m.Tenant != nil {
		h.spelling = append(append(h.spelling, m.Tenant...), '/')
	}
	h.spelling = append(h.spelling, m.Room...)

	var ok bool
	if h.sum, ok = h.known[string(h.spelling)]; ok {
		return &h.sum
	}
	h.name = h.appendName(h.name[:0], h.spelling[1:], m.KeepCase)
	h.hash.Reset()
	h.hash.Write(h.name)
	h.hash.Sum(h.sum[:0])
	switch {
	case len(h.spelling) > maxSpelling:
		h.spelling, h.name, h.folded = nil, nil, nil // they can be as long as a line
	case len(h.known) == maxSpellings:
		clear(h.known) // invented names; the others are soon back
		fallthrough
	default:
		h.known[string(h.spelling)] = h.sum
	}
	return &h.sum
}

// appendName appends the canonical form of a name as a request target has it.
func (h *Hasher) appendName(dst, raw []byte, keepCase bool) []byte {
	start := len(dst)
	dst = append(dst, raw...)
	for range 3 {
		n := len(dst)
		dst = dst[:start+percentDecode(dst[start:])]
		if len(dst) == n {
			break
		}
	}
	if isFolded(dst[start:], keepCase) {
		return dst
	}
	h.folded = norm.NFKC.Append(h.folded[:0], dst[start:]...)
	if keepCase {
		return append(dst[:start], h.folded...)
	}
	return append(dst[:start], h.lower.Bytes(h.folded)...)
}

// isFolded reports whether name is ASCII and needs no change.
func isFolded(name []byte, keepCase bool) bool {
	for _, c := range name {
		if c >= 0x80 || !keepCase && 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// percentDecode decodes each %hh of b once, in place, and returns the new
// length. A percent sign without two digits stays.
func percentDecode(b []byte) int {
	n := bytes.IndexByte(b, '%')
	if n < 0 {
		return len(b)
	}
	for i := n; i < len(b); i++ {
		b[n] = b[i]
		if b[i] == '%' {
			if c, ok := hexByte(b[i+1:]); ok {
				b[n] = c
				i += 2
			}
		}
		n++
	}
	return n
}

// hexByte reads the two hexadecimal digits that b begins with.
func hexByte(b []byte) (byte, bool) {
	if len(b) < 2 {
		return 0, false
	}
	hi, lo := hexDigit(b[0]), hexDigit(b[1])
	return hi<<4 | lo, hi < 16 && lo < 16
}

// hexDigit returns the digit's value, or 16 for another character.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}
