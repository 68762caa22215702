package pairs

import (
	"errors"
	"time"

	"hushpipe/filter/engine"
)

// Trial is an engine on which all is tried that hosts and collectors do.
type Trial interface {
	Engine
	Counter
}

// trialExpiry is when what a trial has left in the engine expires: beyond the difference of
// clocks that hosts put up with.
const trialExpiry = 2 * time.Hour

var errTrial = errors.New("the engine does not return what it was given; hint: is there a proxy in front of it?")

// Try does once what hosts and collectors do, under names of the fleet that no day has and
// in as many hash slots as a day. It returns which servers write to a disk.
func Try(e Trial, fleet string, now time.Time) (persists []string, err error) {
	if persists, err = e.Check(now); err != nil {
		return nil, err
	}
	of := &code{name: "hp:{" + fleet + ":check"}
	expire := now.Add(trialExpiry)
	if _, err := e.Claim(of.roster(), "", "check", expire); err != nil {
		return persists, err
	}
	if held, err := e.Put(of.roster(), "check", "check", "", expire); err != nil || held != "check" {
		return persists, orErrTrial(err)
	}
	if fields, err := e.Fields(of.roster()); err != nil || fields["check"] != "check" {
		return persists, orErrTrial(err)
	}
	for i := range parts {
		b := engine.Batch{Positions: of.positions(i), Host: "check", Position: "check", Index: of.index(i), Tokens: []string{"check"},
			Sets: []engine.Set{{Key: of.index(i) + "check", Members: []string{"1", "2"}}}, Expire: expire}
		if _, err := e.Add(b); err != nil {
			return persists, err
		}
		if position, err := e.Field([]string{b.Positions}, b.Host); err != nil || position[0] != b.Position {
			return persists, orErrTrial(err)
		}
		if tokens, err := e.Members(b.Index); err != nil || len(tokens) != 1 {
			return persists, orErrTrial(err)
		}
		if sizes, err := e.Sizes([]string{b.Sets[0].Key}); err != nil || sizes[0] != 2 {
			return persists, orErrTrial(err)
		}
	}
	return persists, nil
}

// orErrTrial is an error, also where an answer was none.
func orErrTrial(err error) error {
	if err != nil {
		return err
	}
	return errTrial
}
