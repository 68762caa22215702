package registry

import (
	"fmt"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// NoteWithheld counts n lines that were deleted because their groups had too few people.
func (r *Registry) NoteWithheld(n uint64) { r.withheld.Add(n) }

// NoteReleasedAgain counts a batch of held lines that may have been released twice.
func (r *Registry) NoteReleasedAgain(d *dir.Dir, day civil.Day) {
	r.repeated.Add(1)
	r.cfg.Report.Log("repeated", fmt.Sprintf("%s: a process was killed while it released lines of groups; some may be twice in the file of %s", r.cfg.Path, day))
	r.Update(d, r.cfg.Now(), false)
}
