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

// LockPatience bounds the wait for the lock of the room files, where somebody waits for
// the end.
const LockPatience = 3 * time.Second

// Files are the room files of DIR, as this process keeps them. They serve one goroutine
// at a time, which waits for the disk.
type Files struct {
	cfg    *Config
	ledger *Ledger
	unions map[civil.Day]*union // of days near, in the room writer; in any, of expired days that are not in their room files yet
	writer roomWriter
	flawed map[string]string // what was said of journals of which not all could be read
}

// Refresh renews the room files of the days that changed. A day of which
// something could not be read or written stays marked. So do the days whose room files
// another process is at for longer than patience, and then the error is ErrLocked.
func (f *Files) Refresh(d *dir.Dir, patience time.Duration) error {
	f.ledger.deliver(f.unions)
	return f.refreshDays(d, f.ledger.takeDirty(nil), patience)
}

// refreshExpired is Refresh for the expired days whose journals this process has read.
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
		if locked { // the other days' journals need not be read to find that out
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
			delete(f.unions, day) // an archive has many days
		}
	}
	return dir.Join(errs...)
}

// dropUnions forgets the unions that are not needed for the next round. An expired
// day's that is not in its room file yet is all that is left of the day, and so are
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

// keepsUnion reports whether the union of a day stays in memory between two rounds:
// in the process that writes the room files, of a day that more lines are expected of.
func (f *Files) keepsUnion(day civil.Day) bool {
	return f.writer.active && f.cfg.Window().IsNear(day) && day >= f.cfg.Window().First
}

// refreshDay replaces the room file of one day by the larger, hash by hash, of
// what it holds and what its journals hold, under one lock.
func (f *Files) refreshDay(d *dir.Dir, day civil.Day, names []string, patience time.Duration) error {
	u := f.unions[day]
	if u == nil {
		u = newUnion(day, f.cfg.Limits)
		f.unions[day] = u
	}
	// Most is read before the lock, which is then held for a moment only.
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
			f.cfg.Report.Say(flaw.topic+day.String(), fmt.Sprintf(flaw.text, f.cfg.Path, day))
		}
	}
	if lateErr := f.checkLate(d, u); lateErr != nil {
		return dir.Join(err, lateErr)
	}
	return dir.Join(err, f.writeRooms(d, day, u.counts.Summary()), f.markPartial(d, u))
}

// markPartial marks the room file of a day whose counts lack pairs:
// the file outlives the journals, which tell how many, and has no room for it.
func (f *Files) markPartial(d *dir.Dir, u *union) error {
	if u.partial || u.counts.Recorded() == 0 && u.counts.Overflow() == 0 && !u.lowerBound {
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

// countsRooms reports whether some process counted rooms on the union's day.
func (f *Files) countsRooms(u *union) bool {
	return u.counted() || (len(u.settings) == 0 && len(u.read) > 0 || u.hasLate) && f.cfg.Counting
}

// writeRooms merges the counts of a day into its room file.
func (f *Files) writeRooms(d *dir.Dir, day civil.Day, counted []roomfile.Entry) error {
	_, _, err := writeRooms(d, f.cfg.Path, day, counted, f.cfg.Report.Say)
	return err
}

// writeRooms replaces the room file of a day by the larger, hash by hash, of what it
// holds and of counted, and reports whether that made it another one, and whether it is
// now what was counted. It says where the file of the DIR at path could not be read. The
// caller has the lock of the room files.
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

// checkLate looks whether late records make a whole count. They do not where other
// processes counted on that day what this one has not read: the sets cannot be united
// any more, and the larger number is only a lower bound. The caller has the lock of
// the room files.
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
		f.cfg.Report.Say("late"+u.day.String(), fmt.Sprintf("%s: room counts of %s waited in memory until its journals were deleted; they are a lower bound", f.cfg.Path, u.day))
	}
	return nil
}

// CountExpired makes the room files of days past the retention whose lines came
// in: only where there is none, since an existing one was counted with lines that are
// gone. Those of the days before anew are made of all lines of their day: they take the
// place of what is there.
func (f *Files) CountExpired(d *dir.Dir, days map[civil.Day]rooms.Sum, anew civil.Day) error {
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
		f.cfg.Report.Say("expired-rooms", f.cfg.Path+": one expired day has a room file already; it was left alone")
	case left > 1:
		f.cfg.Report.Say("expired-rooms", fmt.Sprintf("%s: %d expired days have room files already; they were left alone", f.cfg.Path, left))
	}
	return dir.Join(errs...)
}
