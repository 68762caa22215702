// Package pairs collects the pairs of room and address that the hosts of a fleet have
// counted in an engine (Redis), which holds a set of addresses for each room, and counts
// there.
//
// The counts are exact even if the engine loses data at any time. A day's rooms are spread
// over parts. Next to the sets of a part, the engine stores for each host how far it has
// sent, its position. One transaction adds pairs and advances the position, so that losing
// the pairs also loses the position. A host that finds a position other than its own sends
// that part of the day again, which does not affect sets. The hosts' journals remain the
// source of truth.
//
// Without the day's key, the engine's data looks random: rooms are identified by their
// encrypted hash, addresses by their fingerprint. All of it expires with the day's key.
package pairs

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"hash"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/format/civil"
)

// parts is the number of parts of a day. Each is in one hash slot.
const parts = 16

const (
	nonceSize = 12
	tokenSize = nonceSize + 20
)

// code derives the names and records of a day in the engine.
type code struct {
	name  string // of the fleet and the day
	mac   hash.Hash
	rooms cipher.Block
	hosts cipher.AEAD
}

// newCode returns the code of a day whose key the hosts share.
func newCode(fleet string, day civil.Day, key [32]byte) *code {
	sub := func(purpose string) []byte {
		b, err := hkdf.Expand(sha256.New, key[:], "hushpipe-fleet-"+purpose, 32)
		if err != nil {
			panic(err) // only for an invalid length
		}
		return b
	}
	rooms, err := aes.NewCipher(sub("rooms"))
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(sub("hosts"))
	if err != nil {
		panic(err)
	}
	hosts, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return &code{name: "hp:{" + fleet + ":" + day.String(), mac: hmac.New(sha256.New, sub("tokens")), rooms: rooms, hosts: hosts}
}

// token returns the name of a room in the engine, the same on all hosts: a nonce derived
// from the hash, and the hash encrypted with that nonce.
func (c *code) token(room *[20]byte) string {
	token := append(c.nonce(room), room[:]...)
	c.crypt(token)
	return string(token)
}

func (c *code) nonce(room *[20]byte) []byte {
	c.mac.Reset()
	c.mac.Write(room[:])
	return c.mac.Sum(make([]byte, 0, sha256.Size+tokenSize))[:nonceSize]
}

// crypt encrypts or decrypts the hash in a token.
func (c *code) crypt(token []byte) {
	var iv [aes.BlockSize]byte
	copy(iv[:], token[:nonceSize])
	cipher.NewCTR(c.rooms, iv[:]).XORKeyStream(token[nonceSize:], token[nonceSize:])
}

// room returns the hash of a token's room; false if it is not a token of the day.
func (c *code) room(token string) (room [20]byte, ok bool) {
	if len(token) != tokenSize {
		return room, false
	}
	b := []byte(token)
	c.crypt(b)
	room = [20]byte(b[nonceSize:])
	return room, subtle.ConstantTimeCompare(c.nonce(&room), b[:nonceSize]) == 1
}

// partOf returns the part of a room.
func partOf(token string) int { return int(token[0]) % parts }

// roster returns the key of the hash of all hosts' records.
func (c *code) roster() string { return c.name + "}" }

// index returns the key of the set of a part's tokens, positions that of the hash of its
// positions.
func (c *code) index(part int) string     { return c.name + string(rune('a'+part)) + "}" }
func (c *code) positions(part int) string { return c.index(part) + "h" }

// set returns the key of the set of a room's pairs.
func (c *code) set(token string) string { return c.index(partOf(token)) + token[:nonceSize] }

// seal encrypts a host's record, so that only holders of the day's key can read or create
// it.
func (c *code) seal(host string, record []byte) string {
	return string(c.hosts.Seal(nil, nil, record, []byte(c.name+host)))
}

var errSeal = errors.New("was not made by this fleet")

// open decrypts the output of seal.
func (c *code) open(host, sealed string) ([]byte, error) {
	record, err := c.hosts.Open(nil, nil, []byte(sealed), []byte(c.name+host))
	if err != nil {
		return nil, errSeal
	}
	return record, nil
}

// expiry returns when the engine's data of a day expires: when the day's key is deleted in
// the last time zone.
func expiry(day civil.Day, keep calendar.Period) time.Time {
	year, month, mday := (day + civil.Day(keep)).Date()
	return time.Date(year, time.Month(month), mday, 12, 0, 0, 0, time.UTC)
}
