package counts

import (
	"errors"
	"io/fs"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// ReadHosts returns the roster of the hosts that a day's room file is made of, an empty
// one if there is none.
func ReadHosts(d *dir.Dir, day civil.Day) (roomfile.Roster, error) {
	return ReadRoster(d, dir.Rooms, dir.HostsFile(day))
}

// ReadRoster reads a roster in sub, an empty one if there is none.
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

// Merged is what several hosts counted together on a day; the fleet's merge makes it.
type Merged struct {
	Rooms   []roomfile.Entry // sorted by hash
	Roster  roomfile.Roster
	Lost    bool // counts that an earlier merge had of a host are missing
	Grown   bool // it has counts that no earlier merge had
	Damaged bool // the earlier roster could not be read
}

// WriteHosts updates a day's room file, its mark and its roster in the DIR at path. The
// caller holds the lock of the room files. bound reports that the counts are only a
// lower bound: earlier counts are gone, so they cannot be united with new ones, and the
// file has the larger number for each room.
func WriteHosts(d *dir.Dir, path string, day civil.Day, m Merged, say func(topic, line string)) (bound bool, err error) {
	changed, whole, err := writeRooms(d, path, day, m.Rooms, say)
	if err != nil {
		return false, err
	}
	bound = m.Lost && (m.Grown || changed)
	if bound || m.Roster.Overflow > 0 || m.Damaged {
		err = replaceIfChanged(d, dir.PartialMark(day), nil)
	}
	// The roster is written last, since the next merge relies on it.
	if err == nil {
		err = replaceIfChanged(d, dir.HostsFile(day), m.Roster.Append(nil))
	}
	if err == nil && !m.Damaged && !m.Lost && whole && m.Roster.Overflow == 0 { // everything ever counted is in m
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
