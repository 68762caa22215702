// Package ratchet implements the state that the hosts of a fleet share, and from which they
// derive the keys of their days. A hash advances it day by day; it cannot go back.
package ratchet

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"hushpipe/format/civil"
)

// Ahead is for how many days after today keys are stored. Right after midnight, a filter
// creates tomorrow's key itself if there is none: so the key of the day after tomorrow must
// be there before.
const Ahead = 2

// State is the shared state of one day. From it the states of later days can be derived, but
// none of an earlier day. Whoever advances it overwrites the previous one.
//
// Days have no time zone, so that hosts from UTC-12 to UTC+14 have the same state for a
// date, each in its own time.
type State struct {
	Day    civil.Day
	Secret [32]byte
}

// New returns a random state.
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
		panic(err) // only for an invalid length
	}
	return [32]byte(b)
}

// Chain has the states of a fleet, sorted by day. Each applies from its day until that of
// the next, which was not derived from it but drawn at random. So the days of an unreadable
// state are unknown.
type Chain []State

// unread is the secret of an unreadable state. No real secret is zero.
var unread [32]byte

var errUnread = errors.New("the state of the fleet cannot be read; hint: invite this host anew")

// errPast is returned for days before all states.
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
