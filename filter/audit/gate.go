package audit

import (
	"fmt"

	"hushpipe/filter/policies"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
	"hushpipe/format/statement"
)

// gate checks the days of lines against the policies that ran.
func (a *auditor) gate(s *stream, c statement.Claim) *Row {
	r := &Row{Text: "lines are only of days on which the stream was active", Looked: "there is no line yet"}
	files, err := s.lineFiles()
	if s.survey == nil || err != nil {
		return r
	}
	log, err := policies.ReadLogOf(a.Path)
	if err != nil || len(log) == 0 {
		r.Why = "which policies ran cannot be told"
		return r
	}
	began := civil.DayOf(log[0].Began.Local())
	n := 0
	for _, f := range files {
		if f.size == 0 {
			continue
		}
		n++
		if f.day < began {
			s.notProvable(rowFor(statement.KindGate), fmt.Sprintf("%s is before the first policy that is recorded", f.day))
		} else if len(log.For(s.Name, f.day)) == 0 {
			s.fault(rowFor(statement.KindGate), Fault{File: f.path(), What: "has lines of a day on which the stream was closed", Do: "delete it"})
		}
	}
	if n > 0 {
		r.Looked = fmt.Sprintf("the dates of %s, and which policies ran", prose.Plural(n, "file"))
	}
	return r
}
