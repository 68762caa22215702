package policies

import (
	"errors"
	"io/fs"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/format/policy"
)

// Follower restricts a running policy by the policies that started after it: a gate that one
// of them closes stays closed, and a period that one shortens stays shorter. Nothing opens,
// and nothing is kept longer.
type Follower struct {
	policy *policy.Policy
	open   []policy.Opening
	days   []int
	line   string // of the log, applied last
	text   string
}

// Allowed is what a policy may do, by index of the stream.
type Allowed struct {
	Open []policy.Opening
	Days []int // how long files are kept; 0: no bound in days
}

// daysOf returns for how many days the files of a stream are kept: without lines, today and
// yesterday.
func daysOf(s *policy.Stream) int {
	if s.Keep.None() {
		return 2
	}
	days, _ := s.Keep.Of(policy.Days)
	return days
}

// Follow returns a Follower of a policy whose gates are open as given.
func Follow(p *policy.Policy, open []policy.Opening) *Follower {
	f := &Follower{policy: p, open: slices.Clone(open)}
	for i := range p.Streams {
		f.days = append(f.days, daysOf(&p.Streams[i]))
	}
	return f
}

// Update applies the policy that started last on DIR. If that cannot be read, the previous
// Allowed stays in force; if its contents are unknown, because a newer version wrote it,
// gates are closed.
func (f *Follower) Update(d *dir.Dir) (Allowed, error) {
	e, err := lastEntry(d, byOwner)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.allowed(), nil
	case errors.Is(err, errLog):
		shut := f.allowed()
		for i := range shut.Open {
			if f.policy.Streams[i].Gate != nil {
				shut.Open[i].Span = policy.Never
			}
		}
		return shut, err
	case err != nil:
		return f.allowed(), err
	}
	text, err := read(d, dir.Policies, dir.PolicyFile(e.Digest), MaxText, byOwner)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.narrow(e, f.policy) // only the dates
		return f.allowed(), err
	}
	if line := e.String(); f.line != line || f.text != string(text) {
		newest, _ := policy.Parse(text)
		if newest != nil && newest.Digest() != e.Digest {
			newest = nil
		}
		f.narrow(e, newest)
		f.line, f.text = line, string(text)
	}
	return f.allowed(), nil
}

func (f *Follower) allowed() Allowed {
	return Allowed{slices.Clone(f.open), slices.Clone(f.days)}
}

// narrow applies a newer policy. If its text is unknown, gates that may be open for one user
// are closed.
func (f *Follower) narrow(e Entry, newest *policy.Policy) {
	for i := range f.open {
		s, o := &f.policy.Streams[i], &f.open[i]
		now := e.Stream(s.Name)
		o.Span = o.Span.Meet(now.Active)
		var then *policy.Stream
		if newest != nil {
			then = newest.Stream(s.Name)
		}
		switch {
		case then == nil:
			if o.User != "" || now.OneUser {
				o.Span = policy.Never
			}
			continue
		case now.OneUser && then.Active != nil && o.User == "":
			o.User = then.Active.For
		case now.OneUser && then.Active != nil && o.User != then.Active.For:
			o.Span = policy.Never
		}
		if s.KeepsLines() && !then.KeepsLines() {
			o.Span = policy.Never
		}
		if then.Least > s.Least || then.GroupRule() != "" && then.GroupRule() != s.GroupRule() {
			o.Span = policy.Never // this one would release lines with fewer people
		}
		if days := daysOf(then); days > 0 && (f.days[i] == 0 || days < f.days[i]) {
			f.days[i] = days
		}
	}
}
