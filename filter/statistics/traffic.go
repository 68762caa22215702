package statistics

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
	"hushpipe/format/trafficreport"
)

// Traffic is a set of traffic files; the figures of several servers are added by day.
type Traffic struct {
	days    map[civil.Day]trafficreport.Day
	sources map[string]*trafficSource // by directory
	seen    map[identity]string
	texts   map[string]string // the path of each text
	fault   func(error)
	doubt   func(error)
}

// trafficSource records which days a directory has.
type trafficSource struct {
	days        map[civil.Day]bool
	merged      bool // made from the journals of several hosts
	first, last civil.Day
}

// ReadTraffic reads the traffic files in paths: those in the traffic directory of a DIR,
// those in any other directory, and files named individually. A file that is found twice is
// read once. Problems are passed to fault, possible problems to doubt: one line each, with
// the file.
func ReadTraffic(paths []string, fault, doubt func(error)) *Traffic {
	t := &Traffic{days: map[civil.Day]trafficreport.Day{}, sources: map[string]*trafficSource{},
		seen: map[identity]string{}, texts: map[string]string{}, fault: fault, doubt: doubt}
	for _, path := range paths {
		files, err := trafficFiles(path)
		if err != nil {
			fault(err)
		}
		for _, file := range files {
			t.read(file)
		}
	}
	t.findPartial()
	t.findMerged()
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

// read reads a file, and adds its cells to those of other servers.
func (t *Traffic) read(path string) {
	st, err := os.Stat(path)
	if err != nil {
		t.fault(named(path, err))
		return
	}
	if other, twice := t.twice(path, st); twice {
		t.fault(fmt.Errorf("%s: is the same file as %s; it is read once", path, other))
		return
	}
	text, err := readFile(path)
	if err != nil {
		t.fault(named(path, err))
		return
	}
	d, err := trafficfile.Parse(text)
	if err != nil {
		t.fault(fmt.Errorf("%s: %w", path, err))
		if errors.Is(err, trafficfile.ErrVersion) {
			return
		}
	}
	if day, ok := dir.OwnDay(dir.Traffic, filepath.Base(path)); ok && day != d.Day {
		t.fault(fmt.Errorf("%s: holds the figures of %s; it is left out", path, d.Day))
		return
	}
	if d.Day < FirstDay || d.Day > LastDay {
		t.fault(fmt.Errorf("%s: holds the figures of %s, which is before 1970 or after 2099; it is left out", path, d.Day))
		return
	}
	if other, alike := t.texts[string(text)]; alike && len(d.Cells) > 0 {
		t.doubt(fmt.Errorf("%s: holds the same figures as %s; they are added, as those of two servers; hint: leave out a copy", path, other))
	}
	t.texts[string(text)] = path
	day := t.days[d.Day]
	if len(day.Options) > 0 && !slices.Contains(day.Options, d.Options) {
		t.fault(fmt.Errorf("%s: was counted with other options than another file of %s; the sums mean little", path, d.Day))
	}
	if !slices.Contains(day.Options, d.Options) {
		day.Options = append(day.Options, d.Options)
	}
	day.Cells = trafficfile.Add(day.Cells, d.Cells)
	merged := t.readHosts(path, d.Day, &day)
	t.days[d.Day] = day
	s := t.source(filepath.Dir(path))
	s.add(d.Day)
	s.merged = s.merged || merged
}

// readHosts reads the roster of a file that several hosts have made together, and reports
// whether there is one.
func (t *Traffic) readHosts(path string, at civil.Day, day *trafficreport.Day) bool {
	path, ok := rosterBeside(path)
	if !ok {
		return false
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(path), dir.TrafficMark(at))); err == nil {
		day.Partial = true
	}
	hosts, err := readRoster(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil {
		t.fault(named(path, err))
	}
	day.Partial = day.Partial || err != nil || !hosts.IsWhole()
	day.UpperBound = day.UpperBound || len(hosts.Keys) > 1
	day.Missing = append(day.Missing, hosts.Missing()...)
	return true
}

// rosterBeside returns the path of the roster of a file in DIR/traffic.
func rosterBeside(path string) (string, bool) {
	day, ok := dir.OwnDay(dir.Traffic, filepath.Base(path))
	return filepath.Join(filepath.Dir(path), dir.TrafficHosts(day)), ok
}

// TrafficPaths returns all paths that ReadTraffic reads: paths, and the files next to them.
func TrafficPaths(paths []string) []string {
	all := slices.Clone(paths)
	for _, path := range paths {
		if roster, ok := rosterBeside(path); ok {
			all = append(all, roster)
		}
	}
	return all
}

// twice returns the path by which a file was read before.
func (t *Traffic) twice(path string, st fs.FileInfo) (string, bool) {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return "", false
	}
	id := identity{dev: uint64(sys.Dev), ino: uint64(sys.Ino)}
	other, twice := t.seen[id]
	if !twice {
		t.seen[id] = path
	}
	return other, twice
}

func (t *Traffic) source(path string) *trafficSource {
	s := t.sources[path]
	if s == nil {
		s = &trafficSource{days: map[civil.Day]bool{}, first: LastDay, last: FirstDay}
		t.sources[path] = s
	}
	return s
}

func (s *trafficSource) add(day civil.Day) {
	s.days[day] = true
	s.first, s.last = min(s.first, day), max(s.last, day)
}

// findPartial marks the days for which one of several directories has no file, although it
// has earlier and later ones.
func (t *Traffic) findPartial() {
	for at, day := range t.days {
		for _, s := range t.sources {
			day.Partial = day.Partial || !s.days[at] && s.first < at && at < s.last
		}
		t.days[at] = day
	}
}

// findMerged reports a directory that has days in common with one made from the journals of
// several hosts: it may belong to one of these.
func (t *Traffic) findMerged() {
	for _, path := range slices.Sorted(maps.Keys(t.sources)) {
		for _, other := range slices.Sorted(maps.Keys(t.sources)) {
			s, o := t.sources[path], t.sources[other]
			if !s.merged || o.merged && other <= path {
				continue
			}
			for day := range s.days {
				if o.days[day] {
					t.doubt(fmt.Errorf("%s: is made of the journals of several hosts, and %s has days of it, too; they are added; hint: leave out the directories of these hosts", path, other))
					break
				}
			}
		}
	}
}

// Span returns the first and the last day that has a file; ok is false if there is none.
func (t *Traffic) Span() (first, last civil.Day, ok bool) {
	days := slices.Collect(maps.Keys(t.days))
	if len(days) == 0 {
		return 0, 0, false
	}
	return slices.Min(days), slices.Max(days), true
}

// UpperBound returns the days of a period whose visits and visitors are an upper bound,
// sorted.
func (t *Traffic) UpperBound(first, last civil.Day) (days []civil.Day) {
	for day, known := range t.days {
		if known.UpperBound && first <= day && day <= last {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days
}

// Days returns the figures by day.
func (t *Traffic) Days() map[civil.Day]trafficreport.Day { return t.days }
