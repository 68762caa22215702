// Package store implements the directory that a filter writes to as a whole:
// it places lines by the clock, hands out the keys of the days, brings lines
// and journal records to the disk, keeps the daily room files true, and deletes
// what has outlived the retention.
package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/rotate"
	"hushpipe/format"
)

const (
	minute = time.Minute
	// keyPatience is how long the reader waits for a key that it meets for the
	// first time, before it goes on with one in memory.
	keyPatience = 50 * time.Millisecond
)

// Config is what a Store needs to know.
type Config struct {
	Path     string // DIR
	Keys     string // key directory, "" for DIR/keys
	Keep     rotate.Retention
	Limits   rooms.Limits
	Counting bool   // rooms are counted: days get a room file
	Secret   bool   // room hashes are made under a secret
	Settings string // what shapes pseudonyms and counts; recorded in journals
	Now      func() time.Time

	// Say takes one line for the operator. A topic is said again at most once
	// a minute.
	Say func(topic, line string)
}

// Store is DIR. It is always usable: while DIR is not, it hands out keys from
// memory and refuses lines, and it recovers by itself.
//
// Place, Key, Epoch and Hasher may be called from the reader's goroutine, all
// other methods from one other.
type Store struct {
	cfg   Config
	dir   atomic.Pointer[rotate.Dir] // nil while it cannot be opened
	broke atomic.Bool                // lines were refused

	window atomic.Pointer[rotate.Window]
	turn   atomic.Uint64 // counts what makes earlier answers stale, apart from the date

	mu     sync.Mutex
	keys   map[format.Day]*pseudonym.Key
	unsure map[format.Day]bool // their keys are in memory only
	hasher *rooms.Hasher

	journals map[journalID]*ownJournal
	unions   map[format.Day]*union
	dirty    map[format.Day]bool // days whose room file may be behind
	rebuilt  bool                // what earlier processes left has been counted

	purged, refreshed time.Time
	purgedOn          format.Day
}

// Open returns the Store of cfg.Path. Where DIR cannot be used it says so.
func Open(cfg Config) *Store {
	s := &Store{cfg: cfg,
		keys: map[format.Day]*pseudonym.Key{}, unsure: map[format.Day]bool{},
		journals: map[journalID]*ownJournal{}, unions: map[format.Day]*union{}, dirty: map[format.Day]bool{}}
	today := format.DayOf(cfg.Now())
	s.window.Store(&rotate.Window{First: today - format.Day(cfg.Keep) + 1, Today: today})
	s.turn.Store(1)
	if !cfg.Secret {
		s.hasher = rooms.NewHasher(nil)
	}
	s.Tick()
	return s
}

// Append writes whole lines to the file of day, see rotate.Dir.Append.
func (s *Store) Append(day format.Day, lines []byte) (int, error) {
	dir := s.dir.Load()
	if dir == nil {
		if dir = s.open(); dir == nil {
			s.broke.Store(true)
			return 0, rotate.ErrRemoved
		}
	}
	n, err := dir.Append(day, lines)
	switch {
	case err == nil:
		if s.broke.Swap(false) {
			s.cfg.Say("recovered", fmt.Sprintf("%s: lines are written again", s.cfg.Path))
		}
	case errors.Is(err, rotate.ErrExpired):
		s.cfg.Say("expired", fmt.Sprintf("%s: lines of %s waited until their day had outlived the retention and are left out", s.cfg.Path, day))
		return len(lines), nil
	default:
		s.broke.Store(true)
		s.cfg.Say("append", err.Error()+"; lines wait in memory")
		if errors.Is(err, rotate.ErrRemoved) || dir.Moved() {
			s.reopen(dir)
		}
	}
	return n, err
}

// Tick does what is due: it opens DIR if that failed, renews the room files
// once a minute, and purges at each day change and hourly. It returns when to
// come again.
func (s *Store) Tick() time.Duration {
	dir := s.dir.Load()
	if dir == nil {
		dir = s.open()
	}
	if dir == nil {
		return retryOpen
	}
	now := s.cfg.Now()
	today := format.DayOf(now)
	if !s.rebuilt {
		s.rebuilt = s.rebuild(dir)
	}
	newDay := today != s.purgedOn
	if due(now, s.refreshed, minute) || newDay {
		s.refreshed = now
		s.flushJournals(dir)
		s.refresh(dir)
		if dir.Moved() {
			s.cfg.Say("moved", fmt.Sprintf("%s: was renamed or replaced; lines still go to the directory that was there before", s.cfg.Path))
		}
	}
	if due(now, s.purged, time.Hour) || newDay {
		s.purge(dir, now)
	}
	s.saveKeys(dir)
	return minute
}

const retryOpen = time.Second

// due reports whether something is to be done that was done at last; a clock
// that was put back makes it due, too.
func due(now, last time.Time, every time.Duration) bool {
	since := now.Sub(last)
	return since >= every || since < 0
}

// Close brings the room files up to date. It reports whether something is left
// that did not reach the disk.
func (s *Store) Close() error {
	dir := s.dir.Load()
	if dir == nil {
		return rotate.ErrRemoved
	}
	err := s.flushJournals(dir)
	err = errors.Join(err, s.refresh(dir))
	for _, j := range s.journals {
		j.file.Close()
	}
	return errors.Join(err, dir.Close())
}

// open opens DIR, and purges it before anything else is done there.
func (s *Store) open() *rotate.Dir {
	dir, err := rotate.Open(s.cfg.Path, rotate.Options{Keys: s.cfg.Keys, Create: true,
		Notify: func(msg string) { s.cfg.Say(msg, msg) }})
	if err != nil {
		s.cfg.Say("open", err.Error()+"; lines wait in memory")
		return nil
	}
	if err := dir.RecordKeep(s.cfg.Keep); err != nil {
		s.cfg.Say("keep", err.Error())
	}
	s.dir.Store(dir)
	s.rebuilt = s.rebuild(dir)
	s.purge(dir, s.cfg.Now())
	s.loadKeys(dir)
	s.saveKeys(dir)
	return dir
}

// reopen is for a DIR that was deleted: what it held is gone, the next one is
// made anew.
func (s *Store) reopen(old *rotate.Dir) {
	dir, err := rotate.Open(s.cfg.Path, rotate.Options{Keys: s.cfg.Keys, Create: true,
		Notify: func(msg string) { s.cfg.Say(msg, msg) }})
	if err != nil {
		return
	}
	s.closeJournals()
	s.mu.Lock()
	for day := range s.keys {
		s.unsure[day] = true
	}
	s.mu.Unlock()
	s.dir.Store(dir)
	old.Close()
	s.saveKeys(dir)
}

// purge deletes what is past the retention, in memory as well, and sets the
// window that lines are placed by.
func (s *Store) purge(dir *rotate.Dir, now time.Time) {
	p := dir.Purge(now, s.cfg.Keep, false)
	for _, err := range p.Errs {
		s.cfg.Say("purge", err.Error())
	}
	if !p.Window.DoubtUntil.IsZero() {
		s.cfg.Say("doubt", fmt.Sprintf("%s: the clock is far ahead of the last time seen; nothing is deleted before %s", s.cfg.Path, p.Window.DoubtUntil.Format(time.RFC3339)))
	}
	s.purged, s.purgedOn = now, format.DayOf(now)
	s.window.Store(&p.Window)
	s.mu.Lock()
	for day := range s.keys {
		if day < p.Window.First {
			delete(s.keys, day)
			delete(s.unsure, day)
		}
	}
	s.mu.Unlock()
	for id, j := range s.journals {
		if id.day < p.Window.First {
			j.file.Close()
			delete(s.journals, id)
		}
	}
	for day := range s.unions {
		if day < p.Window.First || day > p.Window.Today+1 {
			delete(s.unions, day)
		}
	}
	s.turn.Add(1)
}
