package audit

import (
	"bytes"
	"os"

	"hushpipe/filter/groups"
	"hushpipe/format/civil"
)

// held counts the lines of a file of held lines, which are deleted an hour after midnight.
func (v *survey) held(path string, day civil.Day) {
	f, err := os.Open(path)
	if err != nil {
		return // it was released, or its mode has been reported
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		v.day(day).HeldLines += bytes.Count(buf[:n], []byte("\n"))
		if err != nil {
			break
		}
	}
	if v.now.After(groups.Deadline(day, v.now.Location()).Add(purgeGrace)) {
		v.broken(path, "holds lines that had to be deleted an hour after midnight", v.purge(v.Dir)).of = group
	}
}
