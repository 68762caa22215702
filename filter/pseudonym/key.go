package pseudonym

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

// The info strings of HKDF-Expand, one per use of the day's key. The first two
// are those of draft-denis-ipcrypt, section 8.4.
const (
	labelDeterministic = "ipcrypt-deterministic"
	labelPfx           = "ipcrypt-pfx"
	labelName          = "hushpipe-name"
	labelCount         = "hushpipe-count"
	labelField         = "hushpipe-field"
	labelGroup         = "hushpipe-group"
	labelTraffic       = "hushpipe-traffic"
	labelTrafficRank   = "hushpipe-traffic-rank"
	labelKeyID         = "hushpipe-key-id"
)

// Key is the key of one day: 32 bytes from a cryptographic random source.
// fmt, log and the text encoders print it as Key(secret). As fmt cannot call
// the methods of an unexported field, a struct holds a *Key, not a Key.
type Key [32]byte

// ID returns the public identifier of the key, which reveals nothing about its bytes.
func (k *Key) ID() [8]byte { return [8]byte(k.expand(labelKeyID, 8)) }

// TrafficAEAD returns AES-256-GCM under the sub-key for records of traffic figures, which
// contain who saw what: they can be read as long as the day's key exists.
func (k *Key) TrafficAEAD() cipher.AEAD {
	block, err := aes.NewCipher(k.expand(labelTraffic, 32))
	if err != nil {
		panic(err) // only for another size
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only for another size of block
	}
	return aead
}

// TrafficRank returns a number that nobody knows without the key. It selects which of too
// many strings are shown by name in the traffic figures.
func (k *Key) TrafficRank() uint64 { return binary.LittleEndian.Uint64(k.expand(labelTrafficRank, 8)) }

// expand derives the sub-key of n bytes for one use. The key is uniformly random, so it
// already is a PRK and needs no HKDF-Extract (RFC 5869, section 3.3).
func (k *Key) expand(label string, n int) []byte {
	sub, err := hkdf.Expand(sha256.New, k[:], label, n)
	if err != nil {
		panic(err) // only for n > 255*32
	}
	return sub
}

const secret = "Key(secret)"

// String returns "Key(secret)".
func (Key) String() string { return secret }

// Format prints "Key(secret)" for every verb, since %x would hex-encode the result of
// String.
func (Key) Format(s fmt.State, _ rune) { io.WriteString(s, secret) }

// MarshalText returns "Key(secret)", for encoding/json and log/slog.
func (Key) MarshalText() ([]byte, error) { return []byte(secret), nil }
