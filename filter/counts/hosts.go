package counts

import (
	"errors"
	"io/fs"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// ReadHosts returns the roster of a day, an empty one where there is none.
func ReadHosts(d *dir.Dir, day civil.Day) (roomfile.Roster, error) {
	return ReadRoster(d, dir.Rooms, dir.HostsFile(day))
}

// ReadRoster reads a roster in sub, an empty one where there is none.
func ReadRoster(d *dir.Dir, sub, name string) (roomfile.Roster, error) {
	text, err := d.ReadFile(sub, name)
	if errors.Is(err, fs.ErrNotExist) {
		return roomfile.Roster{}, nil
	}
	if err != nil {
		return roomfile.Roster{}, err
	}
	r, err := roomfile.ParseRoster(text)
	return r, d.Error("read", sub, name, err)
}

// Merged is what several hosts have counted together on a day.
type Merged struct {
	Rooms   []roomfile.Entry // sorted by hash
	Roster  roomfile.Roster
	Lost    bool // what was counted of a host before is not in it
	Grown   bool // something is in it that was not counted before
	Damaged bool // the roster before could not be read
}

// WriteHosts brings the room file of a day, its mark and its roster up to date in the DIR at
// path. The caller has the lock of the room files. bound says that the counts are only a
// lower bound, since what was counted before and is gone now cannot be united with what is
// new: of each room the larger number is in the file.
func WriteHosts(d *dir.Dir, path string, day civil.Day, m Merged, say func(topic, line string)) (bound bool, err error) {
	changed, whole, err := writeRooms(d, path, day, m.Rooms, say)
	if err != nil {
		return false, err
	}
	bound = m.Lost && (m.Grown || changed)
	if bound || m.Roster.Overflow > 0 || m.Damaged {
		err = replaceIfChanged(d, dir.PartialMark(day), nil)
	}
	// The roster comes last: after it, the next time takes for granted what it says.
	if err == nil {
		err = replaceIfChanged(d, dir.HostsFile(day), m.Roster.Append(nil))
	}
	if err == nil && !m.Damaged && !m.Lost && whole && m.Roster.Overflow == 0 { // all that was counted is here again
		err = dir.IfExists(d.Remove(dir.Rooms, dir.PartialMark(day)))
	}
	return bound, err
}

func replaceIfChanged(d *dir.Dir, name string, text []byte) error {
	old, err := d.ReadFile(dir.Rooms, name)
	if err == nil && string(old) == string(text) {
		return nil
	}
	return d.ReplaceFile(dir.Rooms, name, text)
}
