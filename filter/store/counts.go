package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/format"
	"hushpipe/format/roomfile"
)

// Each process writes the pairs of room and address that are new to it to a
// journal of its own for each day and key, DATE.RANDOM.journal, which it keeps
// locked while it is open. The room file is the union of all journals of its
// day.

type journalID struct {
	day      format.Day
	keyID    [8]byte
	counting bool // its lines have been searched for rooms
}

// journalFile appends to a file that is closed, its File nil, while no lines
// come for it.
type journalFile struct{ *os.File }

// Write leaves nothing of a frame of which the disk took only a part: it is
// written again, and readers would take the part for damage.
func (f *journalFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil && n > 0 {
		end, seekErr := f.Seek(0, io.SeekCurrent)
		st, statErr := f.Stat()
		// Else somebody else writes to it, too.
		if seekErr == nil && statErr == nil && st.Size() == end && f.Truncate(end-int64(n)) == nil {
			n = 0
		}
	}
	return n, err
}

// ownJournal is one that this process writes.
type ownJournal struct {
	file    *journalFile
	name    string
	writer  *journal.Writer
	pending []byte        // records that are not in the file yet
	leftOut *rooms.Counts // past maxPending; nil: none
	lost    bool          // the name leads to the file no more
}

// maxJournals bounds the files that are open: an archive can have many days.
const maxJournals = 64

// Count takes the records of lines that are written.
func (s *Store) Count(day format.Day, keyID [8]byte, records []byte) {
	s.lock()
	defer s.unlock()
	// Without the secret nothing has been counted, which is not the same as zero.
	id := journalID{day, keyID, len(records) > 0 || s.Hasher() != nil}
	if day < s.window.Load().First { // Append has said that the lines came too late
		s.countLate(id, records, false)
		return
	}
	j := s.journals[id]
	if j == nil {
		j = &ownJournal{file: &journalFile{}}
		s.journals[id] = j
	}
	if len(records) == 0 && j.writer != nil && len(j.pending) == 0 {
		return
	}
	waiting := 0
	if len(j.pending) > 0 { // refused before
		for _, other := range s.journals {
			waiting += len(other.pending)
		}
	}
	if j.add(records, waiting) {
		s.report.Say("pending", fmt.Sprintf("%s: more than %d MiB of room counts wait for the journals: not all are counted", s.cfg.Path, maxPending>>20))
	}
	if d := s.dir.Load(); d != nil {
		if err := s.flush(d.Dir, id, j); err != nil {
			s.report.Fault("journal", err, "; room counts wait in memory")
		}
	}
}

// flushJournals writes what waits: of days past the retention to their room files.
func (s *Store) flushJournals(d *dir.Dir) error {
	var errs []error
	for id, j := range s.journals {
		if id.day < s.window.Load().First {
			if len(j.pending) > 0 || j.writer == nil {
				s.countLate(id, j.pending, false)
			}
			s.closeJournal(j)
			delete(s.journals, id)
			continue
		}
		j.lost = j.isLost(d)
		if err := s.flush(d, id, j); err != nil {
			s.report.Fault("journal", err, "; room counts wait in memory")
			errs = append(errs, err)
		}
	}
	return dir.Join(errs...)
}

// flush makes the journal if there is none, and appends what is pending.
func (s *Store) flush(d *dir.Dir, id journalID, j *ownJournal) error {
	if j.writer != nil && j.file.File == nil && len(j.pending) > 0 {
		if err := s.openAgain(d, j); err != nil {
			return err
		}
	}
	if j.writer == nil || j.lost {
		if err := s.begin(d, id, j); err != nil {
			return err
		}
	}
	const most = journal.MaxPayload / rooms.RecordSize * rooms.RecordSize
	all := j.pending
	for len(j.pending) > 0 {
		n := min(len(j.pending), most)
		if err := j.writer.Append(j.pending[:n]); err != nil {
			return err
		}
		j.pending = j.pending[n:] // what is left stays where it is
		s.markDay(id.day)
	}
	if j.pending = all[:0]; cap(all) > keptPending {
		j.pending = nil
	}
	return nil
}

const (
	// maxPending bounds the records that wait in memory while journals are refused,
	// of all days together, in bytes: 2.4 million pairs. Lines have as much.
	maxPending = 64 << 20
	// keptPending is how large a buffer is kept for the next records, in bytes.
	keptPending = 1 << 20
)

// add adds records to those that are to be written, of which so many bytes wait
// already in all journals. Past maxPending pairs are not counted, and a record
// tells how many, as it does past --max-pairs; then add reports true.
func (j *ownJournal) add(records []byte, waiting int) bool {
	room := max(maxPending-waiting, 0) / rooms.RecordSize * rooms.RecordSize
	if len(records) <= room || waiting == 0 {
		j.pending = append(j.pending, records...)
		return false
	}
	if j.leftOut == nil {
		j.leftOut = rooms.NewCounts(rooms.Limits{})
	}
	j.pending = append(j.pending, records[:room]...)
	j.pending = j.leftOut.AppendLeftOut(j.pending, records[room:])
	return true
}

// begin makes the file of a journal. What stands in one that was deleted is
// still within reach, and is written to the next.
func (s *Store) begin(d *dir.Dir, id journalID, j *ownJournal) error {
	name, file, err := createJournal(d, id.day)
	if err != nil {
		return err
	}
	settings := s.cfg.Settings
	if !id.counting {
		ip, _, _ := strings.Cut(settings, ";")
		settings = ip + ";" + NoRooms
	}
	next := &journalFile{file}
	w, err := journal.NewWriter(next, id.keyID, []byte(settings))
	if err == nil && j.lost && j.file.File != nil {
		_, readErr := journal.Read(j.file, 0, func(payload []byte) error {
			err = w.Append(payload)
			return err
		})
		if err == nil && readErr != nil {
			s.report.Say("journal-lost", fmt.Sprintf("%s: was deleted and cannot be read: %v; room counts may be too small", j.file.Name(), readErr))
		}
	}
	if err != nil {
		file.Close()
		d.Remove(dir.Journal, name)
		if dir.Cause(err) == 0 {
			err = fmt.Errorf("%s: %w", file.Name(), err) // the system's errors name it
		}
		return err
	}
	s.closeJournal(j)
	s.closeIdle()
	s.opened++
	j.file, j.name, j.writer, j.lost = next, name, w, false
	s.markDay(id.day)
	return nil
}

// createJournal makes an empty journal. A process that folds can take it for
// that of an ended one before it is locked; then another is made.
func createJournal(d *dir.Dir, day format.Day) (name string, file *os.File, err error) {
	for range 8 {
		name = dir.NewJournal(day)
		file, err = d.OpenOwned(dir.Journal, name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND)
		if !errors.Is(err, dir.ErrLocked) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return name, file, err
}

// openAgain opens the file of a journal that closeIdle closed, and notes it if
// the file is not there any more, or about to be folded.
func (s *Store) openAgain(d *dir.Dir, j *ownJournal) error {
	s.closeIdle()
	file, err := d.OpenOwned(dir.Journal, j.name, os.O_RDWR|os.O_APPEND)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, dir.ErrRemoved) || errors.Is(err, dir.ErrLocked) {
		j.lost = true
		return nil
	}
	if err != nil {
		return err
	}
	s.opened++
	j.file.File = file
	return nil
}

// isLost reports whether the journal was deleted, or moved away.
func (j *ownJournal) isLost(d *dir.Dir) bool {
	if j.file.File == nil {
		return j.lost
	}
	f, err := d.OpenFile(dir.Journal, j.name, os.O_RDONLY)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, dir.ErrRemoved)
	}
	defer f.Close()
	there, err := f.Stat()
	held, err2 := j.file.Stat()
	return err == nil && err2 == nil && !os.SameFile(there, held)
}

func (s *Store) closeJournal(j *ownJournal) {
	if j.file.File != nil {
		j.file.Close()
		j.file.File = nil
		s.opened--
	}
}

// closeIdle makes room for one more open file, where there are many.
func (s *Store) closeIdle() {
	if s.opened < maxJournals {
		return
	}
	for id, j := range s.journals {
		if len(j.pending) == 0 && !s.window.Load().IsNear(id.day) {
			s.closeJournal(j)
		}
	}
}

// union is what the journals of one day hold together, and how far each has
// been read.
type union struct {
	day        format.Day
	counts     *rooms.Counts
	read       map[string]int64
	keys       map[[8]byte]bool
	settings   map[string]bool
	flawed     map[string]string // why not all of a journal could be read, by its name; "" for one that ends within a frame
	partial    bool              // the mark is there
	isLate     bool              // something in it is in no journal
	late       []byte            // which records
	lowerBound bool              // others may have counted what is not in it
	said       map[string]bool   // what is wrong with the counts as a whole, by topic
}

func newUnion(day format.Day, limits rooms.Limits) *union {
	return &union{day: day, counts: rooms.NewCounts(limits), read: map[string]int64{},
		keys: map[[8]byte]bool{}, settings: map[string]bool{}, flawed: map[string]string{}, said: map[string]bool{}}
}

// journalNames lists the journals of each day. A listing that is made while a
// process folds can miss both what is folded and what it becomes; of two that
// are equal, the first has missed nothing.
func journalNames(d *dir.Dir) (map[format.Day][]string, error) {
	all, err := d.Names(dir.Journal)
	for range 8 {
		before := all
		if all, err = d.Names(dir.Journal); slices.Equal(all, before) {
			break
		}
	}
	names := map[format.Day][]string{}
	for _, name := range all {
		if day, ok := dir.OwnDay(dir.Journal, name); ok {
			names[day] = append(names[day], name)
		}
	}
	return names, err
}

// follow reads what the journals of the day have got since the last time. names
// may be out of date: where one has gone, they are listed anew.
func (u *union) follow(d *dir.Dir, names []string) error {
	var errs []error
	for range 8 {
		errs = errs[:0]
		gone := false
		for _, name := range names {
			err := u.followOne(d, name)
			if errors.Is(err, fs.ErrNotExist) {
				gone = true
			} else if err != nil {
				errs = append(errs, err)
			}
		}
		if !gone {
			break
		}
		listed, err := journalNames(d)
		if err != nil {
			return dir.Join(append(errs, err)...)
		}
		names = listed[u.day]
	}
	return dir.Join(errs...)
}

func (u *union) followOne(d *dir.Dir, name string) error {
	f, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	from := u.read[name]
	if st, err := f.Stat(); err == nil && st.Size() < from {
		from = 0 // cut short by somebody: what is in it now is new
	}
	foreign := 0
	info, err := journal.Read(f, from, func(payload []byte) error {
		if u.counts.Apply(payload) != nil {
			foreign++
		}
		return nil
	})
	if errors.Is(err, journal.ErrVersion) {
		u.read[name] = 0
		u.flawed[name] = err.Error() + "; it is not counted"
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if from == 0 && info.HeaderOK && originOf(info) != (origin{}) {
		u.keys[info.KeyID] = true
		u.settings[string(info.Settings)] = true
	}
	u.read[name] = info.Offset
	switch {
	case foreign > 0 || isDamaged(info, from):
		u.flawed[name] = "damaged in part; its intact part is counted"
	case info.Torn && u.flawed[name] == "":
		u.flawed[name] = ""
	}
	return nil
}

// isDamaged reports whether something in a journal, read from that offset on,
// is no journal. One that ends within a frame is not damaged: a kill leaves it
// so.
func isDamaged(info journal.Info, from int64) bool {
	return info.Damaged > 0 || from == 0 && !info.HeaderOK && !info.Torn
}

const (
	anyDay  format.Day = math.MinInt32
	lastDay format.Day = math.MaxInt32
)

// mark notes the days from first to last that have journals: their room files may
// be behind, or have been deleted.
func (s *Store) mark(d *dir.Dir, first, last format.Day) {
	names, err := journalNames(d)
	if err != nil {
		s.report.Fault("journal", err, "")
		return
	}
	for day := range names {
		if first <= day && day <= last {
			s.markDay(day)
		}
	}
}

// markDay notes that a day's room file may be behind.
func (s *Store) markDay(day format.Day) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty[day] = true
}

// isBehind reports whether some day's room file may be.
func (s *Store) isBehind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dirty)+len(s.expiring)+len(s.late) > 0
}

// takeDirty returns the days whose room file may be behind, newest first, which are
// then marked no more; with expired only those that have a union.
func (s *Store) takeDirty(expired bool) (days []format.Day) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for day := range s.dirty {
		if !expired || s.unions[day] != nil {
			days = append(days, day)
			delete(s.dirty, day)
		}
	}
	slices.SortFunc(days, func(a, b format.Day) int { return cmp.Compare(b, a) })
	return days
}

// refresh renews the room files of the days that changed. A day of which
// something could not be read or written stays marked. So do the days whose room files
// another process is at for longer than patience, and then the error is ErrLocked.
func (s *Store) refresh(d *dir.Dir, patience time.Duration) error {
	s.takeExpiring()
	return s.refreshDays(d, s.takeDirty(false), patience)
}

// refreshExpired is refresh for the expired days whose journals this process has read.
func (s *Store) refreshExpired(d *dir.Dir, patience time.Duration) error {
	s.takeExpiring()
	return s.refreshDays(d, s.takeDirty(true), patience)
}

func (s *Store) refreshDays(d *dir.Dir, days []format.Day, patience time.Duration) error {
	defer s.dropUnions()
	if len(days) == 0 {
		return nil
	}
	names, err := journalNames(d)
	if err != nil {
		for _, day := range days {
			s.markDay(day)
		}
		s.report.Fault("journal", err, "")
		return err
	}
	var errs []error
	locked := false
	for _, day := range days {
		if locked { // the other days' journals need not be read to find that out
			s.markDay(day)
			continue
		}
		if err := s.refreshDay(d, day, names[day], patience); err != nil {
			s.markDay(day)
			if locked = errors.Is(err, dir.ErrLocked); !locked {
				s.report.Fault("rooms", err, "")
			}
			errs = append(errs, err)
		} else if !s.keepsUnion(day) {
			delete(s.unions, day) // an archive has many days
		}
	}
	return dir.Join(errs...)
}

// dropUnions forgets the unions that are not needed for the next round. An expired
// day's that is not in its room file yet is all that is left of the day, and so are
// late records.
func (s *Store) dropUnions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.window.Load().First
	for day := range s.unions {
		only := day < first || s.unions[day].isLate
		if !s.keepsUnion(day) && !(only && s.dirty[day]) {
			delete(s.unions, day)
		}
	}
}

// keepsUnion reports whether the union of a day stays in memory between two rounds:
// in the process that writes the room files, of a day that more lines are expected of.
func (s *Store) keepsUnion(day format.Day) bool {
	return s.writer.active && s.window.Load().IsNear(day) && day >= s.window.Load().First
}

// refreshDay replaces the room file of one day by the larger, hash by hash, of
// what it holds and what its journals hold, under one lock.
func (s *Store) refreshDay(d *dir.Dir, day format.Day, names []string, patience time.Duration) error {
	u := s.unions[day]
	if u == nil {
		u = newUnion(day, s.cfg.Limits)
		s.unions[day] = u
	}
	// Most is read before the lock, which is then held for a moment only.
	if err := u.follow(d, names); !s.counts(u) {
		return err
	}
	unlock, err := d.LockRooms(patience)
	if err != nil {
		return err
	}
	defer unlock()
	err = u.follow(d, names)
	s.noteFlaws(u)
	for _, flaw := range []struct {
		is    bool
		topic string
		text  string
	}{
		{len(u.settings) > 1, "settings", "%s: the settings changed on %s; its room counts mix both"},
		{len(u.keys) > 1, "keys", "%s: the rooms of %s were counted under several keys; an address may be counted more than once"},
		{u.counts.Overflow() > 0, "overflow", "%s: the journals of %s hold too many rooms or addresses; not all are counted"},
	} {
		if flaw.is && !u.said[flaw.topic] {
			u.said[flaw.topic] = true
			s.report.Say(flaw.topic+day.String(), fmt.Sprintf(flaw.text, s.cfg.Path, day))
		}
	}
	if lateErr := s.checkLate(d, u); lateErr != nil {
		return dir.Join(err, lateErr)
	}
	return dir.Join(err, s.writeRooms(d, day, u.counts.Summary()), s.markPartial(d, u))
}

// markPartial leaves a mark beside the room file of a day of which pairs were left out:
// the file outlives the journals, which tell how many, and has no room for it.
func (s *Store) markPartial(d *dir.Dir, u *union) error {
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

// counts reports whether some process counted rooms on the union's day.
func (s *Store) counts(u *union) bool {
	return u.counted() || (len(u.settings) == 0 && len(u.read) > 0 || u.isLate) && s.cfg.Counting
}

// counted reports whether one of the journals says that rooms were counted.
func (u *union) counted() bool {
	for settings := range u.settings {
		if !strings.HasSuffix(settings, NoRooms) {
			return true
		}
	}
	return false
}

// NoRooms ends the settings of a process that counts no rooms.
const NoRooms = "rooms=none;"

// writeRooms merges the counts of a day into its room file.
func (s *Store) writeRooms(d *dir.Dir, day format.Day, counted []rooms.Room) error {
	name := dir.RoomFile(day)
	old, err := d.ReadFile(dir.Rooms, name)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	had, err := roomfile.Parse(old)
	if err != nil {
		path := filepath.Join(s.cfg.Path, dir.Rooms, name)
		s.report.Say("roomfile", fmt.Sprintf("%s: %v; set aside as %s", path, firstLine(err), name+dir.DamagedSuffix))
		if err := d.ReplaceFile(dir.Rooms, name+dir.DamagedSuffix, old); err != nil {
			return err
		}
	}
	text := roomfile.Append(nil, roomfile.Merge(had, entries(counted)))
	if !missing && bytes.Equal(text, old) {
		return nil
	}
	return d.ReplaceFile(dir.Rooms, name, text)
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
func (s *Store) Expired(days map[format.Day]rooms.Sum) error { return s.countExpired(days, false) }

// Recount is Expired for counts that are made of all lines of those days: they
// take the place of what is there. Of a day that has expired since Open earlier
// lines were written, and counted in its journal.
func (s *Store) Recount(days map[format.Day]rooms.Sum) error { return s.countExpired(days, true) }

func (s *Store) countExpired(days map[format.Day]rooms.Sum, anew bool) error {
	// Without a hasher nothing was counted, which is not the same as zero.
	if !s.cfg.Counting || len(days) == 0 || s.Hasher() == nil {
		return nil
	}
	if err := s.lockSoon(); err != nil {
		return err
	}
	defer s.unlock()
	d := s.usable()
	if d == nil {
		return s.openErr
	}
	unlock, err := d.LockRooms(lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	var errs []error
	left := 0
	for day, counted := range days {
		name := dir.RoomFile(day)
		if _, err := d.ReadFile(dir.Rooms, name); !errors.Is(err, fs.ErrNotExist) && !(anew && day < s.began) {
			left++
			continue
		}
		mark := dir.PartialMark(day)
		if err = nil; counted.Partial {
			err = d.ReplaceFile(dir.Rooms, mark, nil)
		} else if anew {
			err = dir.IfExists(d.Remove(dir.Rooms, mark))
		}
		if err == nil {
			err = d.ReplaceFile(dir.Rooms, name, roomfile.Append(nil, entries(counted.Rooms)))
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if left > 0 {
		s.report.Say("expired-rooms", fmt.Sprintf("%s: %d expired days have a room file already; it was left alone", s.cfg.Path, left))
	}
	return dir.Join(errs...)
}
