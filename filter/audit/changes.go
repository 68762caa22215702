package audit

import (
	"fmt"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// changes reports days on which a policy changed the fields of a stream's lines: readers
// find both forms.
func (v *survey) changes(d *dir.Dir, name string, stream Status) {
	for _, day := range stream.Days {
		date, ok := civil.ParseDay(day.Day)
		if !ok || day.LogBytes == 0 {
			continue
		}
		form, changed := "", ""
		for _, e := range v.Policy.log.RanOn(name, date) {
			p, err := e.Policy(d)
			if err != nil || p.Stream(name) == nil {
				continue // its text was deleted with its last line
			}
			next := p.Form(p.Stream(name))
			if form != "" && next != form {
				changed = e.Began.In(v.now.Location()).Format("15:04")
			}
			form = next
		}
		if changed != "" {
			v.note(stream.Dir, fmt.Sprintf("the policy changed at %s on %v what is kept of a line, so that lines of that day have different fields", changed, date),
				"let programs that read them expect both")
		}
	}
}
