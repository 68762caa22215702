package fleet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"hushpipe/format/civil"
)

// State is what the hosts of a fleet share of one day. It goes forward by a hash: who has
// that of a day can make those of later days, and none of an earlier day.
//
// Days have no zone, so that hosts from UTC-12 to UTC+14 have the same state of a date,
// each in its own time. Who moves on overwrites the state before.
type State struct {
	Day    civil.Day
	Secret [32]byte
}

// mostSteps bounds how far a state is moved on: a clock that is years ahead is wrong.
const mostSteps = 400

var errPast = errors.New("is of a later day; hint: invite this host anew")

// At returns the state of a day, that of s or a later one.
func (s State) At(day civil.Day) (State, error) {
	if day < s.Day {
		return State{}, fmt.Errorf("the state of %s: %w", s.Day, errPast)
	}
	if day-s.Day > mostSteps {
		return State{}, fmt.Errorf("the state of %s is older than %d days; hint: set the clock, or invite this host anew", s.Day, mostSteps)
	}
	for s.Day < day {
		s = State{s.Day + 1, s.derive("hushpipe-fleet-next")}
	}
	return s, nil
}

// Alone is the key of the day for hosts that have no engine, or were cut off from it for
// longer than keys are made ahead: all of them have the same.
func (s State) Alone() [32]byte { return s.derive("hushpipe-fleet-alone") }

func (s State) derive(purpose string) (key [32]byte) {
	b, err := hkdf.Expand(sha256.New, s.Secret[:], purpose, len(key))
	if err != nil {
		panic(err) // only a length makes one
	}
	return [32]byte(b)
}

// Seal encrypts a key of the day for the entry of that name in an engine.
func (s State) Seal(entry string, key [32]byte) []byte {
	aead := s.aead()
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, key[:], []byte(entry))
}

var errSealed = errors.New("is no key of this fleet and day")

// Unseal is the way back. What lies in an engine may be anybody's.
func (s State) Unseal(entry string, sealed []byte) (key [32]byte, err error) {
	aead := s.aead()
	n := aead.NonceSize()
	if len(sealed) != n+len(key)+aead.Overhead() {
		return key, errSealed
	}
	plain, err := aead.Open(nil, sealed[:n], sealed[n:], []byte(entry))
	if err != nil || len(plain) != len(key) || [32]byte(plain) == ([32]byte{}) {
		return key, errSealed
	}
	return [32]byte(plain), nil
}

func (s State) aead() cipher.AEAD {
	wrapping := s.derive("hushpipe-fleet-wrap")
	block, err := aes.NewCipher(wrapping[:])
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}
