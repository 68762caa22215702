package rooms

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

const (
	maxSpellings = 8192 // remembered by a Hasher: at most 3 MiB, usually a third of that
	maxSpelling  = 256  // bytes; longer ones are computed each time
)

// The longest names that are counted, in bytes after decoding. Jitsi has none longer than
// maxName: a room is the local part of an XMPP address (RFC 7622, section 3.3). A name that
// is not ASCII takes a hundred times as long, and normalizing U+FDFA yields eighteen
// characters: so such a name has a lower limit, counted with its characters decomposed.
const (
	maxSent       = maxName * len("%2F") // before decoding
	maxName       = 1023
	maxDecomposed = 255
)

// TooLong replaces the hash of a name that is too long and therefore not counted. It begins
// like overflowMark, and is the hash of no name that can be found.
var TooLong = [sha1.Size]byte{12: 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Hasher computes the hashes of the canonical names of rooms. It caches recent spellings and
// reuses buffers; one goroutine uses it.
//
// The canonical name is the one that jitsi-meet sends (getBackendSafeRoomName):
// percent-decoded, in Unicode's NFKC, lower-cased as in JavaScript. Decoding is repeated
// until nothing changes, at most three times, since lib-jitsi-meet encodes twice. A plus
// sign stays: encodeURIComponent does not use it for a space. Bytes that are not UTF-8 stay
// as they are.
type Hasher struct {
	secret []byte // nil: none

	hash  hash.Hash
	lower cases.Caser
	known map[string][sha1.Size]byte // by spelling

	spelling, name, folded []byte
	sum                    [sha1.Size]byte
}

// NewHasher returns a Hasher that computes SHA-1 over the canonical name, like printf %s
// name | sha1sum, or HMAC-SHA-1 under secret if that is not nil.
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

// Clone returns a Hasher with the same secret, for another goroutine. Any goroutine may call
// it at any time.
func (h *Hasher) Clone() *Hasher { return NewHasher(h.secret) }

// ID identifies the secret, and reveals nothing else about it.
func (h *Hasher) ID() string {
	mac := hmac.New(sha256.New, h.secret)
	mac.Write([]byte("hushpipe room secret")) // no collision with a room name, which is hashed with SHA-1
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Sum returns the hash of the room's canonical name, or TooLong, valid until the next call.
// It does not allocate for a spelling in its cache.
func (h *Hasher) Sum(m *Match) *[sha1.Size]byte {
	if len(m.Tenant)+len(m.Room) > maxSent {
		h.sum = TooLong
		return &h.sum
	}
	// The cache key is a letter for how the name is read, then the raw name as tenant/room.
	h.spelling = append(h.spelling[:0], 'l')
	switch {
	case m.KeepCase:
		h.spelling[0] = 'k'
	case m.Drop:
		h.spelling[0] = 'd'
	}
	if m.Tenant != nil {
		h.spelling = append(append(h.spelling, m.Tenant...), '/')
	}
	h.spelling = append(h.spelling, m.Room...)

	var ok bool
	if h.sum, ok = h.known[string(h.spelling)]; ok {
		return &h.sum
	}
	h.sum = TooLong
	if h.name, ok = h.appendName(h.name[:0], h.spelling[1:], m); ok {
		h.hash.Reset()
		h.hash.Write(h.name)
		h.hash.Sum(h.sum[:0])
	}
	switch {
	case len(h.spelling) > maxSpelling:
		h.spelling, h.name, h.folded = nil, nil, nil // do not keep buffers as long as a line
	case len(h.known) == maxSpellings:
		clear(h.known) // somebody invents names; the real ones soon return
		fallthrough
	default:
		h.known[string(h.spelling)] = h.sum
	}
	return &h.sum
}

// appendName appends the canonical form of a name in a request target. It returns false if
// the name is too long; then the appended bytes are meaningless.
func (h *Hasher) appendName(dst, raw []byte, m *Match) (_ []byte, ok bool) {
	start, keepCase := len(dst), m.KeepCase
	for _, c := range raw {
		if !m.Drop || c == '/' || strings.IndexByte(jitsiStripped, c) < 0 {
			dst = append(dst, c)
		}
	}
	for range 3 {
		n := len(dst)
		dst = dst[:start+percentDecode(dst[start:])]
		if len(dst) == n {
			break
		}
	}
	name := dst[start:]
	switch {
	case len(name) > maxName:
		return dst, false
	case isASCII(name):
		if !keepCase {
			lowerASCII(name)
		}
		return dst, true
	case decomposedLen(name) > maxDecomposed:
		return dst, false
	}
	h.folded = appendNFKC(h.folded[:0], name)
	if keepCase {
		return append(dst[:start], h.folded...), true
	}
	return append(dst[:start], h.lower.Bytes(h.folded)...), true
}

// decomposedLen returns the length of a name with all its characters decomposed, or some
// length greater than maxDecomposed.
func decomposedLen(name []byte) (n int) {
	for len(name) > 0 && n <= maxDecomposed {
		p := norm.NFKC.Properties(name)
		size := max(p.Size(), 1)                                  // 0: no UTF-8
		if decomposed := len(p.Decomposition()); decomposed > 0 { // which may be shorter
			n += decomposed
		} else {
			n += size
		}
		name = name[min(size, len(name)):]
	}
	return n
}

func isASCII(name []byte) bool {
	for _, c := range name {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func lowerASCII(name []byte) {
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			name[i] = c + 'a' - 'A'
		}
	}
}

// percentDecode decodes each %hh in b once, in place, and returns the new length. A percent
// sign without two digits stays.
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

// hexByte parses the two hexadecimal digits at the beginning of b.
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
