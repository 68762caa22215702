// Package ratchet implements the state that the hosts of a fleet share and make the keys
// of their days from. It goes forward with the days by a hash, and never back.
package ratchet

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"hushpipe/format/civil"
)

// Ahead is for how many days after today their keys lie ready. A filter makes tomorrow's
// by itself where there is none, right after midnight: that of the day after must have
// come before.
const Ahead = 2

// State is what the hosts of a fleet share of one day. Who has that of a day can make
// those of later days, and none of an earlier day. Whoever moves on overwrites the state
// before.
//
// Days have no zone, so that hosts from UTC-12 to UTC+14 have the same state of a date,
// each in its own time.
type State struct {
	Day    civil.Day
	Secret [32]byte
}

// New returns a state that nobody has yet.
func New(day civil.Day) State {
	s := State{Day: day}
	rand.Read(s.Secret[:])
	return s
}

// Key returns the key of the day.
func (s State) Key() [32]byte { return s.derive("hushpipe-fleet-key") }

// advanceTo returns the state of a later day.
func (s State) advanceTo(day civil.Day) State {
	for s.Day < day {
		s = State{s.Day + 1, s.derive("hushpipe-fleet-next")}
	}
	return s
}

func (s State) derive(purpose string) [32]byte {
	b, err := hkdf.Expand(sha256.New, s.Secret[:], purpose, 32)
	if err != nil {
		panic(err) // only a length makes one
	}
	return [32]byte(b)
}

// Chain has the states of a fleet, by day. Each holds from its day on, until that of the
// next: a later one does not follow from an earlier one, but was drawn anew. So nothing is
// known of the days of one that cannot be read.
type Chain []State

// unread is the secret of a state that cannot be read. No other is zero.
var unread [32]byte

var errUnread = errors.New("the state of the fleet cannot be read; hint: invite this host anew")

// errPast says that a state is of a later day.
var errPast = errors.New("the fleet's keys are for later days; hint: set the clock, or invite this host anew")

// At returns the state of a day.
func (c Chain) At(day civil.Day) (State, error) {
	for i := len(c) - 1; i >= 0; i-- {
		if c[i].Day <= day && c[i].Secret == unread {
			return State{}, fmt.Errorf("%s: %w", day, errUnread)
		}
		if c[i].Day <= day {
			return c[i].advanceTo(day), nil
		}
	}
	return State{}, fmt.Errorf("%s: %w", day, errPast)
}

// From returns the states that a host needs from a day on.
func (c Chain) From(day civil.Day) (from Chain) {
	if s, err := c.At(day); err == nil {
		from = append(from, s)
	}
	for _, s := range c {
		if s.Day > day && s.Secret != unread {
			from = append(from, s)
		}
	}
	return from
}
