package statistics

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
)

// Traffic is what was found of traffic files: of several servers, the sum of each day.
type Traffic struct {
	days    map[civil.Day][]trafficfile.Cell
	options map[civil.Day]string
}

// ReadTraffic reads the traffic files of paths: of a DIR those in its traffic, of any
// other directory those in it, and files that are named one by one. What is wrong is told
// to fault: one line each, with the file.
func ReadTraffic(paths []string, fault func(error)) *Traffic {
	t := &Traffic{days: map[civil.Day][]trafficfile.Cell{}, options: map[civil.Day]string{}}
	for _, path := range paths {
		files, err := trafficFiles(path)
		if err != nil {
			fault(err)
		}
		for _, file := range files {
			t.read(file, fault)
		}
	}
	return t
}

func trafficFiles(path string) ([]string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, named(path, err)
	}
	if !st.IsDir() {
		return []string{path}, nil
	}
	if in, err := os.Lstat(filepath.Join(path, dir.Traffic)); err == nil && in.IsDir() {
		path = filepath.Join(path, dir.Traffic)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, named(path, err)
	}
	var files []string
	for _, e := range entries {
		if _, ok := dir.OwnDay(dir.Traffic, e.Name()); ok && e.Type().IsRegular() {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	return files, nil
}

// read reads a file. Its cells are added to those of other servers.
func (t *Traffic) read(path string, fault func(error)) {
	text, err := readFile(path)
	if err != nil {
		fault(named(path, err))
		return
	}
	d, err := trafficfile.Parse(text)
	if err != nil {
		fault(fmt.Errorf("%s: %w", path, err))
		if errors.Is(err, trafficfile.ErrVersion) {
			return
		}
	}
	if day, ok := dir.OwnDay(dir.Traffic, filepath.Base(path)); ok && day != d.Day {
		fault(fmt.Errorf("%s: holds the figures of %s; it is left out", path, d.Day))
		return
	}
	if options, ok := t.options[d.Day]; ok && options != d.Options {
		fault(fmt.Errorf("%s: was counted with other options than another file of %s; the sums mean little", path, d.Day))
	}
	t.options[d.Day] = d.Options
	t.days[d.Day] = trafficfile.Add(t.days[d.Day], d.Cells)
}

// Span returns the first and the last day that has a file; ok is false where there is
// none.
func (t *Traffic) Span() (first, last civil.Day, ok bool) {
	days := slices.Collect(maps.Keys(t.days))
	if len(days) == 0 {
		return 0, 0, false
	}
	return slices.Min(days), slices.Max(days), true
}

// Between returns the cells of the days from first to last, both included, by their day.
func (t *Traffic) Between(first, last civil.Day) map[civil.Day][]trafficfile.Cell {
	some := map[civil.Day][]trafficfile.Cell{}
	for day, cells := range t.days {
		if first <= day && day <= last {
			some[day] = cells
		}
	}
	return some
}

// OptionsDiffer reports whether the days from first to last were counted with different
// options.
func (t *Traffic) OptionsDiffer(first, last civil.Day) bool {
	seen := map[string]bool{}
	for day, options := range t.options {
		if first <= day && day <= last {
			seen[options] = true
		}
	}
	return len(seen) > 1
}
