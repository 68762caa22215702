package store

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/filter/rotate"
	"hushpipe/format"
	"hushpipe/format/roomfile"
)

// Each process writes the pairs of room and address that are new to it to a
// journal of its own for each day and key, DATE.RANDOM.journal. The room file
// is the union of all journals of its day.

const journalSuffix = ".journal"

type journalID struct {
	day   format.Day
	keyID [8]byte
}

// ownJournal is one that this process writes.
type ownJournal struct {
	file    *os.File
	name    string
	writer  *journal.Writer
	pending []byte // records that are not in the file yet
}

// Count takes the records of lines that are written.
func (s *Store) Count(day format.Day, keyID [8]byte, records []byte) {
	id := journalID{day, keyID}
	j := s.journals[id]
	if j == nil {
		j = &ownJournal{}
		s.journals[id] = j
		s.dirty[day] = true
	}
	if len(records) == 0 && j.writer != nil {
		return
	}
	s.dirty[day] = true
	j.pending = append(j.pending, records...)
	if dir := s.dir.Load(); dir != nil {
		if err := s.flush(dir, id, j); err != nil {
			s.cfg.Say("journal", err.Error()+"; room counts wait in memory")
		}
	}
}

// flushJournals writes what waits.
func (s *Store) flushJournals(dir *rotate.Dir) error {
	var errs []error
	for id, j := range s.journals {
		if err := s.flush(dir, id, j); err != nil {
			s.cfg.Say("journal", err.Error()+"; room counts wait in memory")
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// flush makes the journal if there is none, and appends what is pending.
func (s *Store) flush(dir *rotate.Dir, id journalID, j *ownJournal) error {
	if j.writer == nil {
		var random [8]byte
		rand.Read(random[:])
		name := id.day.String() + "." + hex.EncodeToString(random[:]) + journalSuffix
		file, err := dir.OpenFile(rotate.Journal, name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND)
		if err != nil {
			return err
		}
		w, err := journal.NewWriter(file, id.keyID, []byte(s.cfg.Settings))
		if err != nil {
			file.Close()
			dir.Remove(rotate.Journal, name)
			return err
		}
		j.file, j.name, j.writer = file, name, w
	}
	const most = journal.MaxPayload / rooms.RecordSize * rooms.RecordSize
	for len(j.pending) > 0 {
		n := min(len(j.pending), most)
		if err := j.writer.Append(j.pending[:n]); err != nil {
			return err
		}
		j.pending = j.pending[:copy(j.pending, j.pending[n:])]
	}
	return nil
}

func (s *Store) closeJournals() {
	for _, j := range s.journals {
		if j.file != nil {
			j.file.Close()
		}
		j.file, j.writer = nil, nil
	}
	clear(s.unions)
}

// union is what the journals of one day hold together, and how far each has
// been read.
type union struct {
	counts   *rooms.Counts
	read     map[string]int64
	keys     map[[8]byte]bool
	settings map[string]bool
	damaged  []string // journals in which something had to be skipped
}

func newUnion(limits rooms.Limits) *union {
	return &union{counts: rooms.NewCounts(limits), read: map[string]int64{},
		keys: map[[8]byte]bool{}, settings: map[string]bool{}}
}

// follow reads what the journals of day have got since the last time.
func (u *union) follow(dir *rotate.Dir, day format.Day) error {
	names, err := dir.Names(rotate.Journal)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if d, ok := journalDay(name); !ok || d != day {
			continue
		}
		if err := u.followOne(dir, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (u *union) followOne(dir *rotate.Dir, name string) error {
	f, err := dir.OpenFile(rotate.Journal, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	from := u.read[name]
	info, err := journal.Read(f, from, u.counts.Apply)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if from == 0 && info.HeaderOK {
		u.keys[info.KeyID] = true
		u.settings[string(info.Settings)] = true
	}
	u.read[name] = info.Offset
	if info.Damaged > 0 {
		u.damaged = append(u.damaged, f.Name())
	}
	return nil
}

// journalDay returns the day of a journal by its name.
func journalDay(name string) (format.Day, bool) {
	if !strings.HasSuffix(name, journalSuffix) || len(name) < len("2026-11-22.") || name[10] != '.' {
		return 0, false
	}
	return format.ParseDay(name[:10])
}

// rebuild marks every day that has journals, lines or keys left by earlier
// processes, and brings their room files up to date: a server stop can kill a
// logger before its last write.
func (s *Store) rebuild(dir *rotate.Dir) bool {
	names, err := dir.Names(rotate.Journal)
	if err != nil {
		s.cfg.Say("rebuild", err.Error())
		return false
	}
	for _, name := range names {
		if day, ok := journalDay(name); ok {
			s.dirty[day] = true
		}
	}
	return s.refresh(dir) == nil
}

// refresh renews the room files of the days that changed.
func (s *Store) refresh(dir *rotate.Dir) error {
	var errs []error
	for day := range s.dirty {
		if err := s.refreshDay(dir, day); err != nil {
			s.cfg.Say("rooms", err.Error())
			errs = append(errs, err)
			continue
		}
		delete(s.dirty, day)
		if today := s.window.Load().Today; day < today-1 || day > today+1 {
			delete(s.unions, day)
		}
	}
	return errors.Join(errs...)
}

// refreshDay replaces the room file of one day by the larger, hash by hash, of
// what it holds and what the journals hold, under one lock: of two processes
// the later one has read the journals of both.
func (s *Store) refreshDay(dir *rotate.Dir, day format.Day) error {
	u := s.unions[day]
	if u == nil {
		u = newUnion(s.cfg.Limits)
		s.unions[day] = u
	}
	if err := u.follow(dir, day); err != nil {
		s.cfg.Say("journal-read", err.Error())
	}
	if !s.counts(u) {
		return nil
	}
	unlock, err := dir.LockRooms(true)
	if err != nil {
		return err
	}
	defer unlock()
	if err := u.follow(dir, day); err != nil {
		s.cfg.Say("journal-read", err.Error())
	}
	for _, name := range u.damaged {
		s.cfg.Say("damaged "+name, name+": damaged in part; what is intact is counted")
	}
	u.damaged = nil
	if len(u.settings) > 1 {
		s.cfg.Say("settings", fmt.Sprintf("%s: the settings changed on %s; its room counts mix both", s.cfg.Path, day))
	}
	return writeRooms(dir, day, u.counts.Summary(), s.cfg.Say)
}

// counts reports whether some process counted rooms on the union's day.
func (s *Store) counts(u *union) bool {
	return u.counted() || len(u.settings) == 0 && s.cfg.Counting
}

// counted reports whether one of the journals says that rooms were counted.
func (u *union) counted() bool {
	for settings := range u.settings {
		if !strings.Contains(settings, NoRooms) {
			return true
		}
	}
	return false
}

// NoRooms stands in the settings of a process that counts no rooms.
const NoRooms = "rooms=none;"

// writeRooms merges the counts of a day into its room file.
func writeRooms(dir *rotate.Dir, day format.Day, counted []rooms.Room, say func(topic, line string)) error {
	name := roomfile.Name(day)
	old, err := dir.ReadFile(rotate.Rooms, name)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	had, err := roomfile.Parse(old)
	if err != nil {
		say("roomfile", fmt.Sprintf("rooms/%s: %v; kept aside as %s.damaged", name, firstLine(err), name))
		if err := dir.ReplaceFile(rotate.Rooms, name+".damaged", old); err != nil {
			return err
		}
	}
	text := roomfile.Append(nil, roomfile.Merge(had, entries(counted)))
	if !missing && bytes.Equal(text, old) {
		return nil
	}
	return dir.ReplaceFile(rotate.Rooms, name, text)
}

func entries(counted []rooms.Room) []roomfile.Entry {
	list := make([]roomfile.Entry, len(counted))
	for i, r := range counted {
		list[i] = roomfile.Entry{Hash: r.Hash, Count: r.Count}
	}
	return list
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// Expired makes the room files of days past the retention, of which lines came
// in: only where there is none, since an existing one was counted with lines
// that are gone.
func (s *Store) Expired(days map[format.Day][]rooms.Room) error {
	dir := s.dir.Load()
	if dir == nil || !s.cfg.Counting || len(days) == 0 {
		return nil
	}
	unlock, err := dir.LockRooms(true)
	if err != nil {
		return err
	}
	defer unlock()
	var errs []error
	left := 0
	for day, counted := range days {
		if _, err := dir.ReadFile(rotate.Rooms, roomfile.Name(day)); !errors.Is(err, fs.ErrNotExist) {
			left++
			continue
		}
		if err := writeRooms(dir, day, counted, s.cfg.Say); err != nil {
			errs = append(errs, err)
		}
	}
	if left > 0 {
		s.cfg.Say("expired-rooms", fmt.Sprintf("%s: %d expired days have a room file already; it was left alone", s.cfg.Path, left))
	}
	return errors.Join(errs...)
}
