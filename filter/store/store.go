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
	// patience is how long Open and Close wait for a disk that does not answer.
	// A first key takes a few fsyncs.
	patience = time.Second
	// glance is how often Open looks whether the input can wait.
	glance = 5 * time.Millisecond
	// retryOpen is how soon DIR, or a lock that another process has, is tried
	// again.
	retryOpen = time.Second
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
	Confined string // how the process is confined, or why not; recorded for status
	Now      func() time.Time
	// Replays tells that the input is a pipe in which a batch stands until it is
	// written: after a kill the next process may write it a second time.
	Replays bool
	Version string // hushpipe's; this and the next two are recorded for status
	IP      string // what becomes of addresses

	// Urgent tells whether the input has to be read now; nil: never. Until then
	// Open waits for keys from the disk, at most a second.
	Urgent func() bool

	// Say takes one line for the operator, from any goroutine. A topic is said
	// again at most once a minute.
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
	inUse sync.RWMutex               // held for reading where dir is used by the reader's side

	window atomic.Pointer[rotate.Window]
	turn   atomic.Uint64 // counts what makes earlier answers stale, apart from the date

	keyPatience time.Duration

	mu     sync.Mutex // guards what follows
	keys   map[format.Day]*pseudonym.Key
	thrown map[format.Day]*pseudonym.Key // throw-away keys of expired days
	fresh  map[format.Day]*pseudonym.Key // what becomes a day's key if it has none
	unsure map[format.Day]bool           // their keys are in memory only
	hasher *rooms.Hasher

	work     chan struct{}  // full while a method uses what follows
	openErr  error          // why there is no dir
	broke    bool           // lines were refused
	ails     atomic.Uintptr // the error number that lines are refused for; 0 for none, or another error
	recorded bool           // the retention is in the key directory
	journals map[journalID]*ownJournal
	opened   int // of the journals' files
	unions   map[format.Day]*union
	dirty    map[format.Day]bool // days whose room file may be behind
	busy     bool                // another process had the lock of the room files
	rebuilt  bool                // what earlier processes left has been counted
	flawed   map[string]string   // what was said of journals of which not all could be read

	purged, refreshed, folded time.Time
	purgedOn                  format.Day

	own      own
	suspect  bool   // a process was killed just before this one started
	appended bool   // lines were written
	repeated uint64 // batches written a second time

	observed  atomic.Pointer[observed]
	lastFault atomic.Pointer[Fault]
}

// Open returns the Store of cfg.Path. Where DIR cannot be used it says so.
func Open(cfg Config) *Store { return openWithin(patience, cfg) }

func openWithin(patience time.Duration, cfg Config) *Store {
	s := newStore(cfg)
	if !cfg.Secret {
		s.hasher = rooms.NewHasher(nil)
	}
	// The reader has to begin, also where the disk hangs or much is to be
	// rebuilt.
	ready := make(chan struct{})
	go func() {
		s.Tick()
		close(ready)
	}()
	look := time.NewTicker(glance)
	defer look.Stop()
	end := time.After(patience)
	for {
		select {
		case <-ready:
			return s
		case <-end:
			return s
		case <-look.C:
			if cfg.Urgent != nil && cfg.Urgent() {
				return s
			}
		}
	}
}

func newStore(cfg Config) *Store {
	s := &Store{cfg: cfg, work: make(chan struct{}, 1),
		keys: map[format.Day]*pseudonym.Key{}, thrown: map[format.Day]*pseudonym.Key{},
		fresh: map[format.Day]*pseudonym.Key{}, unsure: map[format.Day]bool{}, keyPatience: keyPatience,
		journals: map[journalID]*ownJournal{}, unions: map[format.Day]*union{}, dirty: map[format.Day]bool{},
		flawed: map[string]string{}}
	s.cfg.Say = s.keeping(cfg.Say)
	today := format.DayOf(cfg.Now())
	s.window.Store(&rotate.Window{First: s.firstDay(today), Today: today})
	s.turn.Store(1)
	return s
}

// firstDay is the oldest day that is kept when it is today.
func (s *Store) firstDay(today format.Day) format.Day { return today - format.Day(s.cfg.Keep) + 1 }

// Append writes whole lines to the file of day, see rotate.Dir.Append.
func (s *Store) Append(day format.Day, lines []byte) (int, error) {
	s.lock()
	defer s.unlock()
	dir := s.usable()
	if dir == nil {
		s.broke = true
		return 0, s.openErr
	}
	// The file of a day that only a clock just put forward can know would vouch
	// for that clock, so it is questioned before the file is there.
	if day > s.window.Load().Today+1 {
		s.purge(dir, s.cfg.Now())
		s.saveKeys(dir)
	}
	if !s.appended {
		s.appended = true
		if s.suspect && s.cfg.Replays && isRepeated(dir, day, lines) {
			s.noteRepeated(dir, day)
		}
	}
	n, err := dir.Append(day, lines)
	switch {
	case err == nil:
		if s.broke {
			s.broke = false
			s.ails.Store(0)
			s.cfg.Say("recovered", fmt.Sprintf("%s: lines are written again", s.cfg.Path))
		}
	case errors.Is(err, rotate.ErrExpired):
		s.cfg.Say("expired", fmt.Sprintf("%s: lines of %s waited until their day had outlived the retention and are left out", s.cfg.Path, day))
		return len(lines), nil
	default:
		s.broke = true
		s.ails.Store(uintptr(cause(err)))
		s.cfg.Say("append", err.Error()+"; lines wait in memory")
		if errors.Is(err, rotate.ErrRemoved) || dir.Moved() {
			s.reopen(dir)
		}
	}
	return n, err
}

// Tick does what is due: it opens DIR if that failed, renews the room files
// once a minute, purges at each day change and hourly, and folds the journals of
// ended processes. It returns when to
// come again.
func (s *Store) Tick() time.Duration {
	s.lock()
	defer s.unlock()
	dir := s.usable()
	if dir == nil {
		return retryOpen
	}
	if !s.recorded {
		s.recordKeep(dir)
	}
	now := s.cfg.Now()
	today := format.DayOf(now)
	purging := due(now, s.purged, time.Hour) || today != s.purgedOn
	switch {
	case !s.rebuilt:
		s.rebuilt = s.mark(dir, anyDay, lastDay)
	case purging: // a process may have been killed since
		s.mark(dir, today-1, today+1)
	}
	looking := purging || due(now, s.refreshed, minute)
	if looking || s.busy {
		s.refreshed = now
		err := join(s.flushJournals(dir), s.refresh(dir, false))
		if errors.Is(err, rotate.ErrRemoved) {
			if dir = s.reopen(dir); dir == nil {
				return retryOpen
			}
		}
		if dir.Moved() {
			s.cfg.Say("moved", fmt.Sprintf("%s: was renamed or replaced; lines still go to the directory that was there before", s.cfg.Path))
		}
	}
	if purging {
		s.purge(dir, now)
	}
	if s.rebuilt && due(now, s.folded, time.Hour) {
		s.folded = now
		s.foldJournals(dir)
	}
	if looking { // after the purge, which may come first in another process
		s.missKeys(dir)
		s.status(dir, now, purging)
	}
	if err := s.saveKeys(dir); errors.Is(err, rotate.ErrRemoved) {
		s.reopen(dir)
	}
	if s.busy {
		return retryOpen
	}
	return minute
}

// due reports whether something is to be done that was done at last; a clock
// that was put back makes it due, too.
func due(now, last time.Time, every time.Duration) bool {
	since := now.Sub(last)
	return since >= every || since < 0
}

// Close brings the room files up to date. It reports whether something is left
// that did not reach the disk, or was not counted for want of the secret.
func (s *Store) Close() error {
	if err := s.lockSoon(); err != nil {
		return err
	}
	defer s.unlock()
	dir := s.usable()
	if dir == nil {
		return s.openErr
	}
	if !dir.Moved() {
		s.missKeys(dir)
	}
	err := s.saveKeys(dir)
	err = join(err, s.flushJournals(dir))
	err = join(err, s.refresh(dir, true))
	for _, j := range s.journals {
		s.closeJournal(j)
	}
	s.endRecord(dir)
	return join(err, dir.Close())
}

// lock waits until no other method works on the disk: Open may still, and when
// the process ends the one that waits for a disk that hangs.
func (s *Store) lock() { s.work <- struct{}{} }

func (s *Store) unlock() { <-s.work }

func (s *Store) lockSoon() error {
	select {
	case s.work <- struct{}{}:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s: the disk does not answer; the next start brings the room files up to date", s.cfg.Path)
	}
}

// usable returns DIR, opened now if need be, or nil.
func (s *Store) usable() *rotate.Dir {
	if dir := s.dir.Load(); dir != nil {
		return dir
	}
	return s.open()
}

// open opens DIR and purges it before a line is written there.
func (s *Store) open() *rotate.Dir {
	dir, err := rotate.Open(s.cfg.Path, rotate.Options{Keys: s.cfg.Keys, Create: true,
		Notify: func(msg string) { s.cfg.Say(msg, msg) }})
	if err != nil {
		s.openErr = err
		s.ails.Store(uintptr(cause(err)))
		s.cfg.Say("open", err.Error()+"; lines wait in memory")
		return nil
	}
	s.loadKeys(dir)
	if s.Hasher() == nil {
		s.readSecret(dir) // lines that are read before it has come are not counted
	}
	s.dir.Store(dir)
	s.recordKeep(dir)
	s.purge(dir, s.cfg.Now())
	s.saveKeys(dir)
	return dir
}

// recordKeep records the retention, without which a purge by another process
// would delete by its own.
func (s *Store) recordKeep(dir *rotate.Dir) {
	err := dir.RecordKeep(s.cfg.Keep)
	if err == nil {
		err = dir.CheckKeep(s.cfg.Keep)
	}
	if err != nil {
		s.fault("keep", err, "")
	}
	s.recorded = err == nil
}

// reopen is for a DIR that was deleted, or that refuses lines after another
// took its place: the next one is made if need be, and gets the keys and the
// journals of this process.
func (s *Store) reopen(old *rotate.Dir) *rotate.Dir {
	dir := s.open()
	if dir == nil {
		return nil
	}
	s.mu.Lock()
	for day := range s.keys {
		s.unsure[day] = true
	}
	s.mu.Unlock()
	s.readSecret(dir)
	s.saveKeys(dir)
	s.flushJournals(dir)
	s.refresh(dir, false)
	go func() {
		s.inUse.Lock()
		defer s.inUse.Unlock()
		old.Close()
	}()
	return dir
}

// purge deletes what is past the retention, in memory as well, and sets the
// window that lines are placed by. What expires is counted first.
func (s *Store) purge(dir *rotate.Dir, now time.Time) {
	s.mark(dir, anyDay, s.firstDay(format.DayOf(now))-1)
	s.refresh(dir, false)
	p := dir.Purge(now, s.cfg.Keep, false)
	for _, err := range p.Errs {
		s.fault("purge", err, "")
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
			s.closeJournal(j)
			delete(s.journals, id)
		}
	}
	s.turn.Add(1)
}
