package pairs

import (
	"errors"
	"time"

	"hushpipe/filter/engine"
)

// Trial is an engine with all operations of hosts and collectors.
type Trial interface {
	Engine
	Counter
}

// trialExpiry is when a trial's data expires: longer than the tolerated difference of
// clocks.
const trialExpiry = 2 * time.Hour

var errTrial = errors.New("the engine does not return what it was given; hint: is there a proxy in front of it?")

// Try performs each operation of hosts and collectors once, under names that no day uses and
// in as many hash slots as a day. It returns the servers that write to a disk.
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

// orErrTrial returns err, or errTrial for a wrong answer without an error.
func orErrTrial(err error) error {
	if err != nil {
		return err
	}
	return errTrial
}
