package counts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// LockPatience bounds the wait for the lock of the room files if somebody waits for
// this process to end.
const LockPatience = 3 * time.Second

// Files maintains the room files of DIR. One goroutine uses it at a time, and waits for
// the disk.
type Files struct {
	cfg    *Config
	ledger *Ledger
	// unions holds, in the room writer, the open days near today; in every process, the
	// expired days that their room files lack.
	unions map[civil.Day]*union
	writer roomWriter
	flawed map[string]string // by name, the last problem reported about a journal
}

// Refresh rewrites the room files of the dirty days. A day stays dirty if something
// could not be read or written, or if another process holds the lock of the room files
// for longer than patience; then the error is ErrLocked.
func (f *Files) Refresh(d *dir.Dir, patience time.Duration) error {
	f.ledger.deliver(f.unions)
	return f.refreshDays(d, f.ledger.takeDirty(nil), patience)
}

// refreshExpired is Refresh for only the expired days whose journals this process has
// read.
func (f *Files) refreshExpired(d *dir.Dir, patience time.Duration) error {
	f.ledger.deliver(f.unions)
	return f.refreshDays(d, f.ledger.takeDirty(f.unions), patience)
}

func (f *Files) refreshDays(d *dir.Dir, days []civil.Day, patience time.Duration) error {
	defer f.dropUnions()
	if len(days) == 0 {
		return nil
	}
	names, err := journalNames(d)
	if err != nil {
		for _, day := range days {
			f.ledger.markDay(day)
		}
		f.cfg.Report.Fault("journal", err, "")
		return err
	}
	var errs []error
	locked := false
	for _, day := range days {
		if locked { // no need to read the other days' journals to find that out
			f.ledger.markDay(day)
			continue
		}
		if err := f.refreshDay(d, day, names[day], patience); err != nil {
			f.ledger.markDay(day)
			if locked = errors.Is(err, dir.ErrLocked); !locked {
				f.cfg.Report.Fault("rooms", err, "")
			}
			errs = append(errs, err)
		} else if !f.keepsUnion(day) {
			delete(f.unions, day) // an archive has too many days to keep them all
		}
	}
	return dir.Join(errs...)
}

// dropUnions drops the unions that the next round does not need. The union of an
// expired day that its room file lacks is the only copy of that day's counts, as are
// late records.
func (f *Files) dropUnions() {
	first := f.cfg.Window().First
	for day := range f.unions {
		only := day < first || f.unions[day].hasLate
		if !f.keepsUnion(day) && !(only && f.ledger.isDirty(day)) {
			delete(f.unions, day)
		}
	}
}

// keepsUnion reports whether a day's union stays in memory between two rounds: only the
// process that writes the room files keeps it, for days that still get lines.
func (f *Files) keepsUnion(day civil.Day) bool {
	return f.writer.active && f.cfg.Window().ExpectsLines(day) && day >= f.cfg.Window().First
}

// refreshDay replaces a day's room file: for each hash it writes the larger of the
// numbers in the old file and in the journals, under one lock.
func (f *Files) refreshDay(d *dir.Dir, day civil.Day, names []string, patience time.Duration) error {
	u := f.unions[day]
	if u == nil {
		u = newUnion(day, f.cfg.Limits)
		f.unions[day] = u
	}
	// Most is read before the lock is taken, so that it is held only for a moment.
	if err := u.follow(d, names); !f.countsRooms(u) {
		return err
	}
	unlock, err := d.LockRooms(patience)
	if err != nil {
		return err
	}
	defer unlock()
	err = u.follow(d, names)
	f.noteFlaws(u)
	for _, flaw := range []struct {
		is    bool
		topic string
		text  string
	}{
		{len(u.settings) > 1, "settings", "%s: the settings changed on %s; its room counts mix both"},
		{len(u.keys) > 1, "keys", "%s: the rooms of %s were counted under several keys; an address may be counted more than once"},
		{u.counts.Overflow() > 0, "overflow", "%s: the journals of %s hold too many rooms or addresses; not all are counted"},
	} {
		if flaw.is && !u.reported[flaw.topic] {
			u.reported[flaw.topic] = true
			f.cfg.Report.Log(flaw.topic+day.String(), fmt.Sprintf(flaw.text, f.cfg.Path, day))
		}
	}
	if lateErr := f.checkLate(d, u); lateErr != nil {
		return dir.Join(err, lateErr)
	}
	return dir.Join(err, f.writeRooms(d, day, u.counts.Summary()), f.markPartial(d, u))
}

// markPartial marks the room file of a day whose counts lack pairs. The mark is needed
// because the file outlives the journals, which record how many pairs are missing, and
// its format has no place for that.
func (f *Files) markPartial(d *dir.Dir, u *union) error {
	if u.partial || u.counts.RecordedOverflow() == 0 && u.counts.Overflow() == 0 && !u.lowerBound {
		return nil
	}
	name := dir.PartialMark(u.day)
	_, err := d.ReadFile(dir.Rooms, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = d.ReplaceFile(dir.Rooms, name, nil)
	}
	u.partial = err == nil
	return err
}

// countsRooms reports whether any process counted rooms on the union's day.
func (f *Files) countsRooms(u *union) bool {
	return u.counted() || (len(u.settings) == 0 && len(u.read) > 0 || u.hasLate) && f.cfg.Counting
}

// writeRooms merges a day's counts into its room file.
func (f *Files) writeRooms(d *dir.Dir, day civil.Day, counted []roomfile.Entry) error {
	_, _, err := writeRooms(d, f.cfg.Path, day, counted, f.cfg.Report.Log)
	return err
}

// writeRooms replaces a day's room file: for each hash it writes the larger of the
// numbers in the old file and in counted. changed reports whether the file differs from
// before, whole whether it now equals counted. A file that cannot be parsed is set
// aside and reported with say; path is that of DIR. The caller holds the lock of the
// room files.
func writeRooms(d *dir.Dir, path string, day civil.Day, counted []roomfile.Entry, say func(topic, line string)) (changed, whole bool, err error) {
	name := dir.RoomFile(day)
	old, err := d.ReadFile(dir.Rooms, name)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return false, false, err
	}
	had, err := roomfile.Parse(old)
	if err != nil {
		path := filepath.Join(path, dir.Rooms, name)
		say("roomfile", fmt.Sprintf("%s: %v; set aside as %s", path, firstLine(err), name+dir.DamagedSuffix))
		if err := d.ReplaceFile(dir.Rooms, name+dir.DamagedSuffix, old); err != nil {
			return false, false, err
		}
	}
	entries := roomfile.Merge(had, counted)
	whole = slices.Equal(entries, counted)
	text := roomfile.Append(nil, entries)
	if !missing && bytes.Equal(text, old) {
		return false, whole, nil
	}
	return true, whole, d.ReplaceFile(dir.Rooms, name, text)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// checkLate decides whether late records complete the count. They do not if other
// processes counted, on that day, something that this one has not read: then the sets
// can no longer be united, and the larger number is only a lower bound. The caller
// holds the lock of the room files.
func (f *Files) checkLate(d *dir.Dir, u *union) error {
	if len(u.late) == 0 || u.lowerBound {
		return nil
	}
	_, err := d.ReadFile(dir.Rooms, dir.RoomFile(u.day))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	unread := err == nil && len(u.read) == 0
	others, err := f.cfg.OthersLive(d)
	if err != nil {
		return err
	}
	unread = unread || others
	if unread {
		u.lowerBound = true
		f.cfg.Report.Log("late"+u.day.String(), fmt.Sprintf("%s: room counts of %s waited in memory until its journals were deleted; they are a lower bound", f.cfg.Path, u.day))
	}
	return nil
}

// CountExpired writes the room files of days past the retention for which late lines
// arrived. An existing file stays, since it also counted lines that are gone. The
// counts of days before anew come from all lines of their day, and replace it.
func (f *Files) CountExpired(d *dir.Dir, days map[civil.Day]rooms.DayCounts, anew civil.Day) error {
	unlock, err := d.LockRooms(LockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	var errs []error
	left := 0
	for day, counted := range days {
		name := dir.RoomFile(day)
		if _, err := d.ReadFile(dir.Rooms, name); !errors.Is(err, fs.ErrNotExist) && day >= anew {
			left++
			continue
		}
		mark := dir.PartialMark(day)
		if err = nil; counted.Partial {
			err = d.ReplaceFile(dir.Rooms, mark, nil)
		} else if day < anew {
			err = dir.IfExists(d.Remove(dir.Rooms, mark))
		}
		if err == nil {
			err = d.ReplaceFile(dir.Rooms, name, roomfile.Append(nil, counted.Rooms))
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	switch {
	case left == 1:
		f.cfg.Report.Log("expired-rooms", f.cfg.Path+": one expired day has a room file already; it was left alone")
	case left > 1:
		f.cfg.Report.Log("expired-rooms", fmt.Sprintf("%s: %d expired days have room files already; they were left alone", f.cfg.Path, left))
	}
	return dir.Join(errs...)
}
