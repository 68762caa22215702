package audit

import (
	"fmt"

	"hushpipe/filter/dir"
	"hushpipe/filter/groups"
	"hushpipe/filter/policies"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
	"hushpipe/format/statement"
)

// group holds the days of released lines against the journals: a day on which no group
// had enough people has none.
func (a *auditor) group(s *stream, c statement.Claim) *Row {
	least := c.(statement.Group).Least
	r := &Row{Text: fmt.Sprintf("lines are written once %d people stand behind what is left", least), Looked: "there is no line yet"}
	files, err := s.lineFiles()
	if s.survey == nil || err != nil {
		return r
	}
	d, err := dir.Open(s.Path, dir.Options{})
	if err != nil {
		r.Why = err.Error()
		return r
	}
	defer d.Close()
	days := map[civil.Day]bool{}
	for _, f := range files {
		if f.size == 0 || days[f.day] {
			continue
		}
		days[f.day] = true
		known, err := groups.People(d, f.day)
		most := 0
		for _, n := range known.People {
			most = max(most, n)
		}
		switch {
		case err != nil:
			s.notProvable(rowFor(statement.KindGroup), fmt.Sprintf("the journals of %s cannot be read", f.day))
		case known.Least != least:
			s.notProvable(rowFor(statement.KindGroup), fmt.Sprintf("%s was written under another bound", f.day))
		case most < least:
			s.fault(rowFor(statement.KindGroup), Fault{File: f.path(), What: "has lines of a day on which no group had enough people", Do: "delete it"})
		}
	}
	if len(days) > 0 {
		r.Looked = fmt.Sprintf("the people in the journals of %s", prose.Plural(len(days), "day"))
		r.Why = "of which group each line is, is not looked at"
	}
	return r
}

// gate holds the days of lines against the policies that ran.
func (a *auditor) gate(s *stream, c statement.Claim) *Row {
	r := &Row{Text: "lines are of days on which the stream was active alone", Looked: "there is no line yet"}
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
		} else if len(log.Under(s.Name, f.day)) == 0 {
			s.fault(rowFor(statement.KindGate), Fault{File: f.path(), What: "has lines of a day on which the stream was closed", Do: "delete it"})
		}
	}
	if n > 0 {
		r.Looked = fmt.Sprintf("the dates of %s, and which policies ran", prose.Plural(n, "file"))
	}
	return r
}
