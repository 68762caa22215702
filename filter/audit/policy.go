package audit

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/filter/registry"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// Policy is the policy that started last on a DIR of streams.
type Policy struct {
	Digest string    `json:"digest"`
	Since  time.Time `json:"since"`
	// Processes is the number of live ones, Others those that run another policy: a reloaded
	// web server has old processes for hours.
	Processes int                `json:"processes"`
	Others    []registry.Process `json:"others"`

	log     policies.Log
	entry   policies.Entry
	streams []string
	seen    map[int]bool // processes
}

// Gate is the state of a stream's gate in the newest policy.
type Gate struct {
	From  string `json:"from,omitempty"` // first date that is written; "": closed
	Until string `json:"until,omitempty"`
	Open  bool   `json:"open"` // today
}

// policy reads the log of policies.
func (v *survey) policy() {
	log, err := policies.ReadLogOf(v.Dir)
	if err != nil {
		v.note(filepath.Join(v.Dir, dir.PoliciesLogName), "cannot be read: which policies ran is not known", err.Error())
	}
	if len(log) == 0 {
		return
	}
	e := log[len(log)-1]
	v.Policy = &Policy{Digest: e.Digest, Since: e.Began.In(v.now.Location()), Others: []registry.Process{}, log: log, entry: e, seen: map[int]bool{}}
	for _, s := range e.Streams {
		v.Policy.streams = append(v.Policy.streams, s.Name)
	}
	v.decisions(log)
}

// decisions reports decisions that violate their gates, which explains why a stream is
// closed.
func (v *survey) decisions(log policies.Log) {
	_, text, err := policies.Last(v.Dir)
	if err != nil {
		return // the process that runs it reports the error
	}
	p, _ := policy.Parse(text)
	if p == nil {
		return
	}
	for _, wrong := range p.Gates(log.Earlier) {
		v.note(filepath.Join(v.Dir, wrong.Stream), "stays closed: "+wrong.What, wrong.Hint)
	}
}

// outsideGate reports lines of days on which their stream's gate was closed.
func (v *survey) outsideGate(name string, stream Status) {
	log := v.Policy.log
	for _, day := range stream.Days {
		date, ok := civil.ParseDay(day.Day)
		if !ok || day.LogBytes == 0 || date < civil.DayOf(log[0].Began.Local()) || len(log.For(name, date)) > 0 {
			continue // days before the log cannot be checked
		}
		v.broken(stream.Dir, fmt.Sprintf("has lines of %v, when its gate was closed", date), "see "+filepath.Join(v.Dir, dir.PoliciesLogName)+", and delete them")
	}
}

// gate returns the state of a stream's gate, nil if it has none.
func (p *Policy) gate(stream string, today civil.Day) *Gate {
	s := p.entry.Stream(stream)
	switch {
	case !s.Gated:
		return nil
	case s.Active.IsEmpty():
		return &Gate{}
	}
	return &Gate{s.Active.From.String(), s.Active.Until.String(), s.Active.Has(today)}
}

// countProcesses counts the processes of a stream. Each process has a record in every
// stream.
func (v *survey) countProcesses(stream Status) {
	p := v.Policy
	for _, one := range stream.Processes {
		if p.seen[one.PID] {
			continue
		}
		p.seen[one.PID] = true
		p.Processes++
		if one.Policy != p.Digest {
			p.Others = append(p.Others, one)
			runs := "no policy"
			if one.Policy != "" {
				runs = fmt.Sprintf("another policy, sha256:%.8s, as far as the newest one allows", one.Policy)
			}
			v.note(stream.Dir, fmt.Sprintf("process %d runs %s", one.PID, runs), "it exits after its last requests, hours after a reload")
		}
	}
	slices.SortFunc(p.Others, func(a, b registry.Process) int { return a.Started.Compare(b.Started) })
}
