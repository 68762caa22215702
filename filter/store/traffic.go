package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/traffic"
	"hushpipe/format/trafficfile"
)

// KeepTraffic writes the traffic figures of days. A day that has a file already is left
// alone, unless anew says that days holds all of its lines.
func (s *Store) KeepTraffic(days *traffic.Days, anew bool) error {
	if err := s.lockSoon(); err != nil {
		return err
	}
	defer s.unlock()
	d := s.usable()
	if d == nil {
		return s.lines.openErr
	}
	unlock, err := d.LockRooms(counts.LockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	names, err := readNames(d.Dir)
	if err != nil {
		return err
	}
	known := len(names)
	var errs []error
	left, open := 0, 0
	for _, day := range days.All() {
		if day >= s.window.Load().Today { // its lines are not all there
			open++
			continue
		}
		name := dir.TrafficFile(day)
		if _, err := d.ReadFile(dir.Traffic, name); !errors.Is(err, fs.ErrNotExist) && !anew {
			left++
			continue
		}
		text := trafficfile.Append(nil, days.Figures(day, names))
		errs = append(errs, d.ReplaceFile(dir.Traffic, name, text))
	}
	if len(names) > known {
		errs = append(errs, d.ReplaceFile(dir.Traffic, dir.NamesName, appendNames(nil, names)))
	}
	if open > 0 {
		s.cfg.Say("traffic-open", fmt.Sprintf("%s: today is not over; its traffic is not counted; hint: replay its lines once it is", s.cfg.Path))
	}
	if left > 0 {
		s.cfg.Say("traffic", fmt.Sprintf("%s: %d days have traffic figures already; they were left alone", s.cfg.Path, left))
	}
	return dir.Join(errs...)
}

// readNames reads the strings that stand by name already: one a line, behind the letter
// of its kind.
func readNames(d *dir.Dir) (traffic.Names, error) {
	text, err := d.ReadFile(dir.Traffic, dir.NamesName)
	if err = dir.IfExists(err); err != nil {
		return nil, err
	}
	names := traffic.Names{}
	for line := range strings.Lines(string(text)) {
		if name := strings.TrimSuffix(line, "\n"); len(name) > 1 {
			names[name] = true
		}
	}
	return names, nil
}

func appendNames(dst []byte, names traffic.Names) []byte {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		dst = append(append(dst, name...), '\n')
	}
	return dst
}
