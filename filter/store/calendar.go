package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format"
)

// Place says to which day a line goes. Between two judgements of the clock the
// window follows it across midnight.
func (s *Store) Place(date format.Day, dated bool) (format.Day, calendar.Placement) {
	return s.window.Load().At(format.DayOf(s.cfg.Now())).Place(date, dated)
}

// Epoch changes with the date and with each purge and each key that turns out
// to be another.
func (s *Store) Epoch() uint64 {
	return uint64(format.DayOf(s.cfg.Now()))<<32 | s.turn.Load()
}

// Hasher makes the hashes of room names, nil while the secret for that cannot
// be read.
func (s *Store) Hasher() *rooms.Hasher {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hasher
}

// Key returns the day's key. Those of today and tomorrow, and all that are on
// disk, are in memory before they are asked for; any other is waited for a
// moment. Where the disk does not answer, the key is one in memory, which is
// brought to the disk later unless another has come there first.
func (s *Store) Key(day format.Day, placement calendar.Placement) *pseudonym.Key {
	known := s.keys
	if placement == calendar.Expired {
		known = s.thrown
	}
	s.mu.Lock()
	key := known[day]
	s.mu.Unlock()
	if key != nil {
		return key
	}
	if placement == calendar.Expired {
		return s.freshKey(s.thrown, day)
	}
	s.fetching.Lock() // of several that ask, one makes the key
	defer s.fetching.Unlock()
	s.mu.Lock()
	key = known[day]
	s.mu.Unlock()
	if key != nil {
		return key
	}
	if key = s.fetchKey(day); key != nil {
		return s.setKey(day, key, false)
	}
	return s.setKey(day, s.freshKey(s.fresh, day), true)
}

// freshKey returns a random key for day, the same whoever asks first: one that
// is still on its way to the disk can be used.
func (s *Store) freshKey(keys map[format.Day]*pseudonym.Key, day format.Day) *pseudonym.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	if keys[day] == nil {
		keys[day] = new(pseudonym.Key)
		rand.Read(keys[day][:])
	}
	return keys[day]
}

// setKey notes a key, unless there is one by now, and returns the one noted.
func (s *Store) setKey(day format.Day, key *pseudonym.Key, unsure bool) *pseudonym.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.keys[day]; known != nil {
		return known
	}
	s.keys[day] = key
	delete(s.fresh, day)
	if unsure {
		s.unsure[day] = true
	}
	return key
}

// fetchKey returns the key of day from the disk, or nil where it does not come
// in time. If there is none the fresh key becomes it, sooner or later.
func (s *Store) fetchKey(day format.Day) *pseudonym.Key {
	fresh := s.freshKey(s.fresh, day)
	// The key of a day that a clock just put forward has brought would vouch for
	// that clock, as the day's lines would: it waits until they are written.
	vouches := day > s.window.Load().Today+1
	answer := make(chan *pseudonym.Key, 1)
	go func() {
		d := s.dir.Load()
		if d == nil {
			answer <- nil
			return
		}
		done, ok := d.Use()
		if !ok {
			answer <- nil
			return
		}
		defer done()
		key, err := keyring.ReadKey(d.Dir, day)
		if errors.Is(err, fs.ErrNotExist) && !vouches {
			key, err = s.putKey(d, day, *fresh)
		}
		if err != nil {
			if !vouches && !errors.Is(err, calendar.ErrExpired) { // it was open when it was placed
				s.report.Fault("key-file", err, "; using a key in memory")
			}
			answer <- nil
			return
		}
		answer <- (*pseudonym.Key)(&key)
	}()
	select {
	case key := <-answer:
		return key
	case <-time.After(s.keyPatience):
		s.report.Say("key-slow", fmt.Sprintf("%s: the key of %s did not come in time; using one in memory", s.cfg.Path, day))
		return nil
	}
}

// loadKeys reads the keys that are on the disk.
func (s *Store) loadKeys(d *place) {
	names, _ := d.Names(dir.Keys) // an error is reported where keys are saved
	for _, name := range names {
		day, ok := dir.OwnDay(dir.Keys, name)
		if !ok {
			continue
		}
		key, err := keyring.ReadKey(d.Dir, day)
		if err == nil {
			s.setKey(day, (*pseudonym.Key)(&key), false)
		} else if !errors.Is(err, fs.ErrNotExist) {
			s.report.Fault("key-file", err, "")
		}
	}
}

// missKeys looks for keys that are in memory and whose files have gone. Where the
// lines of the day have gone as well, or the day has a mark, that was on purpose: the
// day is forgotten, and never comes back. Else the key is put back: what bears its
// pseudonyms could not be revealed, and the next process would make another. The
// caller has s.seen to itself.
func (s *Store) missKeys(d *place) {
	names, err := d.Names(dir.Keys)
	if err != nil {
		return // it is reported where keys are saved
	}
	s.heed(d) // the mark is there before the key goes
	lines, err := d.Names("")
	if err != nil {
		return
	}
	there, hasLines := map[string]bool{}, map[format.Day]bool{}
	for _, name := range names {
		there[name] = true
	}
	seen := map[format.Day]unix.Stat_t{}
	for _, name := range lines {
		day, ok := dir.OwnDay("", name)
		if !ok {
			continue
		}
		was, known := s.seen[day]
		now := was
		if err := d.Lstat(name, &now); err == unix.ENOENT {
			continue
		}
		seen[day] = now
		// A file that is another, or smaller, has lines that came after the others
		// were removed.
		hasLines[day] = !known || now.Ino == was.Ino && now.Size >= was.Size
	}
	s.seen = seen
	gone, today := 0, format.DayOf(s.cfg.Now())
	s.mu.Lock()
	for day := range s.keys {
		_, known := seen[day]
		switch {
		case s.unsure[day] || there[dir.KeyFile(day)]:
		case hasLines[day] || day > today && !known: // which has no lines yet
			s.unsure[day] = true
			gone++
		default:
			s.dropKey(day)
			s.forgotten[day] = true
		}
	}
	s.mu.Unlock()
	if gone > 0 {
		s.report.Say("key-gone", fmt.Sprintf("%s: %d keys of days that are kept were deleted; hushpipe put them back", s.keyPath(), gone))
	}
}

// heed drops the keys of days that have got a mark in DIR, since they were deleted on
// purpose.
func (s *Store) heed(d *place) {
	names, _ := d.Names(dir.Erased) // without it there are no marks
	for _, name := range names {
		day, dated := format.ParseDay(name)
		f, err := d.OpenFile(dir.Erased, name, os.O_RDONLY)
		if err != nil {
			continue
		}
		st, err := f.Stat()
		f.Close()
		if err != nil || !dated {
			continue
		}
		s.mu.Lock()
		if !st.ModTime().Equal(s.erased[name]) {
			s.erased[name] = st.ModTime()
			s.dropKey(day)
			s.forgotten[day] = true
		}
		s.mu.Unlock()
	}
}

// forget drops what is in memory of days whose files were deleted on purpose: those
// that have a mark in DIR, and those of which missKeys found neither key nor lines.
// Lines that come for such a day from now on get another key. The caller has the journals to itself.
func (s *Store) forget(d *place) {
	s.heed(d)
	s.mu.Lock()
	days := s.forgotten
	s.forgotten = map[format.Day]bool{}
	s.mu.Unlock()
	if len(days) == 0 {
		return
	}
	for id, j := range s.journals {
		if days[id.day] {
			s.countLate(id, j.pending, true)
			s.closeJournal(j)
			delete(s.journals, id)
		}
	}
}

// dropKey takes a key out of memory. The caller holds s.mu.
func (s *Store) dropKey(day format.Day) {
	delete(s.keys, day)
	delete(s.fresh, day)
	delete(s.unsure, day)
	s.turn.Add(1)
}

// keyPath is the path of the key directory.
func (s *Store) keyPath() string { return dir.KeyPath(s.cfg.Path, s.cfg.Keys) }

// readSecret reads the secret of the room hashes, if there is to be one.
func (s *Store) readSecret(d *place) error {
	if !s.cfg.Secret {
		return nil
	}
	secret, err := keyring.RoomSecret(d.Dir)
	if err != nil {
		err = fmt.Errorf("%w; rooms are not counted", err)
		s.report.Say("secret", err.Error())
		return err
	}
	s.mu.Lock()
	s.hasher = rooms.NewHasher(secret[:])
	s.mu.Unlock()
	s.turn.Add(1)
	return nil
}

// putKey makes key the one of day if there is none, and returns the one that there is
// then, or calendar.ErrExpired.
func (s *Store) putKey(d *place, day format.Day, key [32]byte) ([32]byte, error) {
	if day < s.window.Load().First {
		return key, d.Error("create", dir.Keys, dir.KeyFile(day), calendar.ErrExpired)
	}
	return keyring.PutKey(d.Dir, day, key)
}

// saveKeys brings the keys that are in memory only to the disk, makes those of
// today and tomorrow, and reads the secret of the room hashes. Where another
// process has made a day's key meanwhile, that one is used from now on. The
// error is about keys that have been used, and about the secret.
func (s *Store) saveKeys(d *place) error {
	var errs []error
	if s.Hasher() == nil {
		errs = append(errs, s.readSecret(d))
	}
	s.mu.Lock()
	unsure := map[format.Day]pseudonym.Key{}
	for day := range s.unsure {
		unsure[day] = *s.keys[day]
	}
	s.mu.Unlock()
	for day, key := range unsure {
		stored, err := s.putKey(d, day, key)
		if errors.Is(err, calendar.ErrExpired) { // while it was asked for; its lines are left out
			s.mu.Lock()
			delete(s.keys, day)
			delete(s.unsure, day)
			s.mu.Unlock()
			continue
		}
		if err != nil {
			s.report.Fault("key-file", err, "")
			path := filepath.Join(s.keyPath(), dir.KeyFile(day))
			errs = append(errs, fmt.Errorf("%s: was not written, its pseudonyms cannot be revealed: %w", path, err))
			continue
		}
		s.mu.Lock()
		delete(s.unsure, day)
		if stored != key {
			s.keys[day] = (*pseudonym.Key)(&stored)
		}
		s.mu.Unlock()
		if stored != key {
			s.report.Say("key-other", fmt.Sprintf("%s: another process made the key of %s first; pseudonyms of that day made before cannot be revealed", s.cfg.Path, day))
			s.turn.Add(1)
		}
	}
	today := format.DayOf(s.cfg.Now())
	for day := today; day <= today+1; day++ {
		s.mu.Lock()
		known := s.keys[day] != nil
		s.mu.Unlock()
		if known {
			continue
		}
		key, err := keyring.ReadKey(d.Dir, day)
		if errors.Is(err, fs.ErrNotExist) {
			key, err = s.putKey(d, day, *s.freshKey(s.fresh, day))
		}
		if err != nil {
			s.report.Fault("key-file", err, "")
			continue
		}
		s.setKey(day, (*pseudonym.Key)(&key), false)
	}
	return dir.Join(errs...)
}
