package registry

import (
	"bufio"
	"io/fs"
	"os"
	"strings"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
)

// visitFigures are the visits in a day's traffic file, which is read again when it was
// replaced.
type visitFigures struct {
	file   fs.FileInfo // nil: nothing read yet
	visits uint64
}

// read returns the visits of people on day.
func (v *visitFigures) read(d *dir.Dir, day civil.Day) uint64 {
	f, err := d.OpenFile(dir.Traffic, dir.TrafficFile(day), os.O_RDONLY)
	if err != nil {
		*v = visitFigures{}
		return 0
	}
	defer f.Close()
	now, same := statFile(f, v.file)
	if same {
		return v.visits
	}
	*v = visitFigures{file: now}
	for lines := bufio.NewScanner(f); lines.Scan(); { // by line: it can have 50,000 names
		if line := lines.Text(); strings.HasPrefix(line, "total ") {
			if c, ok := trafficfile.ParseCell(line); ok && c.Key == "people" {
				v.visits = c.Numbers[3]
			}
		}
	}
	return v.visits
}
