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

// Policy is the one that began to run last on a DIR of streams.
type Policy struct {
	Digest string    `json:"digest"`
	Since  time.Time `json:"since"`
	// Processes are those that live, Others those of them that run another policy: a web
	// server that was reloaded has old ones for hours.
	Processes int                `json:"processes"`
	Others    []registry.Process `json:"others"`

	log     policies.Log
	entry   policies.Entry
	streams []string
	seen    map[int]bool // processes
}

// Gate is what the newest policy says of a stream with a gate.
type Gate struct {
	From  string `json:"from,omitempty"` // the first date that is written, "" for a closed gate
	Until string `json:"until,omitempty"`
	Open  bool   `json:"open"` // today
}

// policy looks at what is recorded of policies.
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

// decisions notes decisions that break their gates, which tells why a stream is closed.
func (v *survey) decisions(log policies.Log) {
	_, text, err := policies.Last(v.Dir)
	if err != nil {
		return // who runs by it reports it
	}
	p, _ := policy.Parse(text)
	if p == nil {
		return
	}
	for _, wrong := range p.Gates(log.Earlier) {
		v.note(filepath.Join(v.Dir, wrong.Stream), "stays closed: "+wrong.What, wrong.Hint)
	}
}

// outside reports lines of days on which the gate of their stream was closed.
func (v *survey) outside(name string, stream Status) {
	log := v.Policy.log
	for _, day := range stream.Days {
		date, ok := civil.ParseDay(day.Day)
		if !ok || day.LogBytes == 0 || date < civil.DayOf(log[0].Began.Local()) || len(log.Under(name, date)) > 0 {
			continue // of days before the log, nobody can tell
		}
		v.broken(stream.Dir, fmt.Sprintf("has lines of %v, when its gate was closed", date), "see "+filepath.Join(v.Dir, dir.PoliciesLogName)+", and delete them")
	}
}

// gate tells of a stream what the policy says.
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

// countProcesses takes in those of a stream, each of which has a record in every stream.
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
				runs = fmt.Sprintf("another policy, sha256:%.8s, as far as the newest allows it", one.Policy)
			}
			v.note(stream.Dir, fmt.Sprintf("process %d runs %s", one.PID, runs), "it ends with its last requests, hours after a reload")
		}
	}
	slices.SortFunc(p.Others, func(a, b registry.Process) int { return a.Started.Compare(b.Started) })
}
