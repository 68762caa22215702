// Package pairs brings the pairs of room and address that hosts of a fleet have counted
// together in an engine, where a set of each room has each address once, and counts there.
//
// The engine may lose what it has, at any time, and the counts are exact all the same. A
// day's rooms are spread over parts, and beside the sets of a part lies for each host how
// far it has sent, its position. One transaction adds pairs and moves the position: what
// loses the pairs, loses the position as well. A host that finds another position than it
// set sends that part of the day again, which sets do not mind. The journals of the hosts
// stay the truth.
//
// What the engine has looks random to who has no key of the day: a room is told by its hash
// encrypted, an address by its fingerprint. All of it expires with the day's key.
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

// parts is how many a day has. Each lies in one hash slot.
const parts = 16

const (
	nonceSize = 12
	tokenSize = nonceSize + 20
)

// code is how the names and records of a day look in the engine.
type code struct {
	name  string // of the fleet and the day
	mac   hash.Hash
	rooms cipher.Block
	hosts cipher.AEAD
}

// newCode returns that of a day whose key the hosts share.
func newCode(fleet string, day civil.Day, key [32]byte) *code {
	sub := func(purpose string) []byte {
		b, err := hkdf.Expand(sha256.New, key[:], "hushpipe-fleet-"+purpose, 32)
		if err != nil {
			panic(err) // only a length makes one
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

// token returns the name of a room in the engine, the same on all hosts: a nonce that follows from the
// hash, and the hash encrypted under that nonce.
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

// crypt encrypts the hash in a token, or decrypts it.
func (c *code) crypt(token []byte) {
	var iv [aes.BlockSize]byte
	copy(iv[:], token[:nonceSize])
	cipher.NewCTR(c.rooms, iv[:]).XORKeyStream(token[nonceSize:], token[nonceSize:])
}

// room returns the hash of a token's room; false for what is not a token of the day.
func (c *code) room(token string) (room [20]byte, ok bool) {
	if len(token) != tokenSize {
		return room, false
	}
	b := []byte(token)
	c.crypt(b)
	room = [20]byte(b[nonceSize:])
	return room, subtle.ConstantTimeCompare(c.nonce(&room), b[:nonceSize]) == 1
}

// partOf returns in which part a room is.
func partOf(token string) int { return int(token[0]) % parts }

// roster is the name of the hash that has the record of each host.
func (c *code) roster() string { return c.name + "}" }

// index is the name of the set of a part's tokens, positions that of the hash of its
// positions.
func (c *code) index(part int) string     { return c.name + string(rune('a'+part)) + "}" }
func (c *code) positions(part int) string { return c.index(part) + "h" }

// set is the name of the set of a room's pairs.
func (c *code) set(token string) string { return c.index(partOf(token)) + token[:nonceSize] }

// seal returns a record of a host, so that only who has the day's key can read it, or make
// one.
func (c *code) seal(host string, record []byte) string {
	return string(c.hosts.Seal(nil, nil, record, []byte(c.name+host)))
}

var errSeal = errors.New("was not made by this fleet")

// open reads what seal returned.
func (c *code) open(host, sealed string) ([]byte, error) {
	record, err := c.hosts.Open(nil, nil, []byte(sealed), []byte(c.name+host))
	if err != nil {
		return nil, errSeal
	}
	return record, nil
}

// expiry is when all that the engine has of a day goes: when the key of the day has gone in
// the last zone.
func expiry(day civil.Day, keep calendar.Period) time.Time {
	year, month, mday := (day + civil.Day(keep)).Date()
	return time.Date(year, time.Month(month), mday, 12, 0, 0, 0, time.UTC)
}
