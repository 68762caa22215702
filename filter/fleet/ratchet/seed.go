package ratchet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"hushpipe/format/civil"
)

// Seed is what a host needs to join a fleet. As text:
//
//	hushpipe-fleet 1 meet
//	state 2026-11-22 64 hexadecimal digits
//	rooms 64 hexadecimal digits
//	check 8 hexadecimal digits of the SHA-256 of the lines above
//
// It has at least one state, each of a later day than the one before; rooms is optional.
type Seed struct {
	Fleet  string // see CheckName
	States Chain
	Rooms  [32]byte // the secret of --room-hash hmac; zero: none
}

const seedHead = "hushpipe-fleet 1 "

// maxSeed bounds the text of a seed, in bytes.
const maxSeed = 4096

// AppendText appends the seed as text.
func (s Seed) AppendText(dst []byte) []byte {
	begin := len(dst)
	dst = fmt.Appendf(dst, "%s%s\n", seedHead, s.Fleet)
	for _, state := range s.States {
		dst = fmt.Appendf(dst, "state %s %x\n", state.Day, state.Secret)
	}
	if s.Rooms != ([32]byte{}) {
		dst = fmt.Appendf(dst, "rooms %x\n", s.Rooms)
	}
	return fmt.Appendf(dst, "check %s\n", checkOf(dst[begin:]))
}

func checkOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:4])
}

var errSeed = errors.New("is not a seed of a fleet, or not all of one; hint: make it with hushpipe fleet invite")

// ParseSeed parses the text of a seed. Its error reveals nothing of the text.
func ParseSeed(text []byte) (s Seed, err error) {
	at := bytes.LastIndex(text, []byte("check "))
	if at < 1 || text[at-1] != '\n' || len(text) > maxSeed || string(text[at:]) != "check "+checkOf(text[:at])+"\n" {
		return Seed{}, errSeed
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(text[:at]), "\n"), "\n") {
		name, head := strings.CutPrefix(line, seedHead)
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case i == 0 && head && CheckName(name) == nil:
			s.Fleet = name
		case i == 0:
			return Seed{}, errSeed
		case word == "state" && s.Rooms == ([32]byte{}):
			date, secret, _ := strings.Cut(rest, " ")
			day, ok := civil.ParseDay(date)
			state := State{Day: day}
			if n := len(s.States); !ok || !parseSecret(&state.Secret, secret) || n > 0 && s.States[n-1].Day >= day {
				return Seed{}, errSeed
			}
			s.States = append(s.States, state)
		case word == "rooms" && s.Rooms == ([32]byte{}):
			if !parseSecret(&s.Rooms, rest) {
				return Seed{}, errSeed
			}
		default:
			return Seed{}, errSeed
		}
	}
	if len(s.States) == 0 {
		return Seed{}, errSeed
	}
	return s, nil
}

// parseSecret parses a secret, which is never zero.
func parseSecret(secret *[32]byte, digits string) bool {
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != len(secret) || hex.EncodeToString(b) != digits {
		return false
	}
	*secret = [32]byte(b)
	return *secret != [32]byte{}
}

// CheckName returns an error for an invalid name of a fleet: letters, digits and . _ - are
// allowed, at most 64.
func CheckName(name string) error {
	valid := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("._-", c)
	}
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, func(c rune) bool { return !valid(c) }) {
		return errors.New("a fleet's name has letters, digits and . _ - only, at most 64")
	}
	return nil
}
