package store

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"

	"hushpipe/filter"
	"hushpipe/filter/rotate"
	"hushpipe/format"
	"hushpipe/format/roomfile"
)

// Earlier is what lay in DIR before.
type Earlier struct {
	path         string
	lines, rooms map[format.Day]bool
}

// FindEarlier looks for the lines and room counts of earlier processes in the
// DIR at path, which may be missing. It writes nothing.
func FindEarlier(path string) (*Earlier, error) {
	e := &Earlier{path, map[format.Day]bool{}, map[format.Day]bool{}}
	dir, err := rotate.Open(path, rotate.Options{})
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil
	} else if err != nil {
		return nil, err
	}
	defer dir.Close()
	lines, err := dir.Names("")
	if err != nil {
		return nil, err
	}
	for _, name := range lines {
		if day, ok := logDay(name); ok {
			e.lines[day] = true
		}
	}
	counts, err := dir.Names(rotate.Rooms)
	if err != nil {
		return nil, err
	}
	for _, name := range counts {
		if day, ok := roomsDay(name); ok {
			e.rooms[day] = true
		}
	}
	return e, nil
}

// Days returns the days of which there is something.
func (e *Earlier) Days() map[format.Day]bool {
	all := maps.Clone(e.lines)
	maps.Copy(all, e.rooms)
	return all
}

// Lines returns the path of the day's lines, "" where there were none.
func (e *Earlier) Lines(day format.Day) string {
	if !e.lines[day] {
		return ""
	}
	return filepath.Join(e.path, logName(day))
}

// Rooms returns the path of the day's room file, "" where there was none.
func (e *Earlier) Rooms(day format.Day) string {
	if !e.rooms[day] {
		return ""
	}
	return filepath.Join(e.path, rotate.Rooms, roomfile.Name(day))
}

// Forecast places lines as a Store of cfg will, going by the clock alone. It
// touches no disk.
func Forecast(cfg Config) filter.Calendar { return newStore(cfg) }
