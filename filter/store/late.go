package store

import (
	"errors"
	"fmt"
	"io/fs"

	"hushpipe/filter/dir"
	"hushpipe/format"
)

// lateRecords are those that waited in memory until their day was deleted: its
// journals were refused, or its lines came too late. They go to the room file, which
// is for good.
type lateRecords struct {
	records []byte
	erased  bool // the day was deleted on purpose, not by its age
}

// countLate keeps the records of a day that has no journal any more. counting is as
// in journalID.
func (s *Store) countLate(id journalID, records []byte, erased bool) {
	if !s.cfg.Counting || !id.counting {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.late[id]
	if l == nil {
		l = &lateRecords{erased: erased}
		s.late[id] = l
	}
	l.records = append(l.records, records...)
}

// takeLate adds late records to the union of their day, once the journals of that day
// have been read, which are deleted next. The caller holds s.mu and has the unions to
// itself.
func (s *Store) takeLate() {
	for id, l := range s.late {
		if id.day >= s.readTo && !l.erased {
			continue
		}
		u := s.unions[id.day]
		if u == nil {
			u = newUnion(id.day, s.cfg.Limits)
			s.unions[id.day] = u
		}
		u.isLate = true
		u.keys[id.keyID] = true
		u.addLate(l.records)
		s.dirty[id.day] = true
		delete(s.late, id)
	}
}

// addLate counts late records, and keeps them for the union that takes the place of
// this one.
func (u *union) addLate(records []byte) {
	u.late = append(u.late, records...)
	u.counts.Apply(records) // whole ones: they are this process's own
}

// inherit takes over what is only in memory of the union before, nil for none.
func (u *union) inherit(old *union) {
	if old == nil || !old.isLate {
		return
	}
	u.isLate = true
	for id := range old.keys {
		u.keys[id] = true
	}
	u.addLate(old.late)
}

// checkLate looks whether late records make a whole count. They do not where other
// processes counted on that day what this one has not read: the sets cannot be united
// any more, and the larger number is only a lower bound. The caller has the lock of
// the room files.
func (s *Store) checkLate(d *dir.Dir, u *union) error {
	if len(u.late) == 0 || u.lowerBound {
		return nil
	}
	_, err := d.ReadFile(dir.Rooms, dir.RoomFile(u.day))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	unread := err == nil && len(u.read) == 0
	others, err := s.registry.OthersLive(d)
	if err != nil {
		return err
	}
	unread = unread || others
	if unread {
		u.lowerBound = true
		s.report.Say("late"+u.day.String(), fmt.Sprintf("%s: room counts of %s waited in memory until its journals were deleted; they are a lower bound", s.cfg.Path, u.day))
	}
	return nil
}

// readUntil notes that the journals of days before first were read, as far as they
// could be.
func (s *Store) readUntil(first format.Day) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readTo = max(s.readTo, first)
}
