package main

// The gates of a policy while it runs: when they open, and how a process follows
// policies that start after it.

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// closedGates returns the gates of a policy before it is known which policies ran
// earlier.
func closedGates(p *policy.Policy) (gates []*filter.Gate) {
	for _, open := range p.Openings(nil) {
		gates = append(gates, filter.NewGate(open))
	}
	return gates
}

// openGates opens the gates according to the policies that ran on DIR before. A gate
// whose decision breaks it stays closed, and openGates logs a warning.
func (j *policyPipeline) openGates(d *dir.Dir, log *messageLog) error {
	ran, err := policies.ReadLog(d)
	if err != nil && dir.Cause(err) != 0 {
		return err
	} else if err != nil {
		log.limited("policies", warning, err.Error()+"; gates that need an earlier stage stay closed")
	}
	open := j.policy.Openings(ran.Earlier)
	for i, o := range open {
		j.gates[i].Set(o)
	}
	j.follower = policies.Follow(j.policy, open)
	if !j.reported {
		j.reported = true
		for _, wrong := range j.policy.Gates(ran.Earlier) {
			log.warnf("--policy %s:%d:%d: %s stays closed: %s; hint: %s", j.path, wrong.Line, wrong.Column, wrong.Stream, wrong.What, wrong.Hint)
		}
	}
	return nil
}

// followPolicies retries once a minute to record the policy, and then follows the
// policies that start later.
func (j *policyPipeline) followPolicies(first <-chan error, all []*runningStream, quit <-chan struct{}, log *messageLog) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	var err error
	select {
	case err = <-first:
	case <-quit:
		return
	}
	for {
		select {
		case <-tick.C:
		case <-quit:
			return
		}
		if err != nil {
			err = j.record(log)
			continue
		}
		if err := j.follow(all); err != nil {
			log.limited("policies", warning, err.Error())
		}
	}
}

// follow closes the gates that the newest policy closes, and applies its shorter
// retention.
func (j *policyPipeline) follow(all []*runningStream) error {
	d, err := dir.Open(j.dir, dir.Options{})
	if err != nil {
		return nil // reported where lines are written
	}
	defer d.Close()
	allowed, err := j.follower.Update(d)
	for i, open := range allowed.Open {
		j.gates[i].Set(open)
		if days := allowed.Days[i]; days > 0 && all[i] != nil {
			all[i].store.Shorten(calendar.Period(days))
		}
	}
	if at := now().Round(0); at.Sub(j.noted) >= time.Hour || at.Before(j.noted) {
		j.noted = at
		err = errors.Join(err, policies.MarkRunning(d, j.policy.Digest()))
	}
	return err
}

// policyLogOf returns the log of policies that ran on a DIR, nil if there is no DIR.
func policyLogOf(path string) (policies.Log, error) {
	if path == "" {
		return nil, nil
	}
	d, err := dir.Open(path, dir.Options{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer d.Close()
	return policies.ReadLog(d)
}

// gateInWords explains when a stream with a gate writes.
func gateInWords(s *policy.Stream, today civil.Day) string {
	a := s.Active
	if a == nil {
		return "the gate is closed: nothing is written"
	}
	text := fmt.Sprintf("the gate is open until %v", a.Until)
	switch {
	case today < a.From:
		text = fmt.Sprintf("the gate opens on %v, until %v", a.From, a.Until)
	case today > a.Until:
		return fmt.Sprintf("the gate was open until %v: nothing is written any more", a.Until)
	}
	if a.For != "" {
		text += ", for one user alone"
	}
	return text
}

// sampleGate returns the gate of a stream for --sample: open at any time, but only for
// the user that a decision names.
func sampleGate(s *policy.Stream) *filter.Gate {
	open := policy.Opening{Span: policy.Always}
	switch {
	case s.Gate == nil || s.Gate.Names == "":
	case s.Active == nil:
		open.Span = policy.Never // the policy names nobody
	default:
		open.User = s.Active.For
	}
	return filter.NewGate(open)
}
