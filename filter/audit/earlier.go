package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// Earlier lists the files that DIR had before a replay: paths, by day.
type Earlier struct{ lines, counts, traffic map[civil.Day]string }

// FindEarlier finds the lines, room counts and traffic figures of earlier processes in the
// DIR at path, which may be missing. It writes nothing.
func FindEarlier(path string) (*Earlier, error) {
	e := &Earlier{map[civil.Day]string{}, map[civil.Day]string{}, map[civil.Day]string{}}
	d, err := dir.Open(path, dir.Options{})
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil
	} else if err != nil {
		return nil, err
	}
	defer d.Close()
	for _, look := range []struct {
		sub   string
		found map[civil.Day]string
	}{
		{dir.Journal, e.counts}, // room files are made from them
		{dir.Rooms, e.counts},
		{"", e.lines},
		{dir.Traffic, e.traffic},
	} {
		names, err := d.Names(look.sub)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if day, ok := dir.OwnDay(look.sub, name); ok {
				look.found[day] = filepath.Join(path, look.sub, name)
			}
		}
	}
	return e, nil
}

// Days returns the days with any file.
func (e *Earlier) Days() map[civil.Day]string {
	all := maps.Clone(e.lines)
	maps.Copy(all, e.counts)
	maps.Copy(all, e.traffic)
	return all
}

// Lines returns the path of the day's lines, "" if there are none.
func (e *Earlier) Lines(day civil.Day) string { return e.lines[day] }

// Counts returns the path of the day's room file, else of a journal, "" if there is none.
func (e *Earlier) Counts(day civil.Day) string { return e.counts[day] }

// Traffic returns the path of the day's traffic figures, "" if there are none.
func (e *Earlier) Traffic(day civil.Day) string { return e.traffic[day] }

// missing is the path of a DIR that does not exist.
type missing string

func (m missing) Error() string {
	return string(m) + " does not exist; hint: give the DIR that hushpipe filter writes to"
}

func (missing) Is(target error) bool { return target == fs.ErrNotExist }

// CheckUsed returns an error for a path to which hushpipe has written nothing,
// fs.ErrNotExist if it does not exist. Usually it is mistyped, and would look like a DIR
// without problems.
func CheckUsed(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return missing(path)
	} else if err != nil {
		return err
	}
	for _, e := range entries {
		if _, dated := dir.OwnDay("", e.Name()); dated || e.Name() != dir.LinkName && dir.IsUndated("", e.Name()) {
			return nil
		}
	}
	return fmt.Errorf("%s: hushpipe has written nothing here; hint: give the DIR that hushpipe filter writes to", path)
}
