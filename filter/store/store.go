// Package store implements the directory that a filter writes to as a whole:
// it places lines by the clock, hands out the keys of the days, brings lines
// and journal records to the disk, keeps the daily room files true, and deletes
// what has outlived the retention.
package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter/calendar"
	"hushpipe/filter/daylog"
	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/retention"
	"hushpipe/filter/rooms"
	"hushpipe/format"
)

const (
	minute = time.Minute
	// keyPatience is how long the reader waits for a key that it meets for the
	// first time, and for those that Open reads while its input cannot wait,
	// before it goes on with one in memory.
	keyPatience = 50 * time.Millisecond
	// patience is how long Open and Close wait for a disk that does not answer.
	// A first key takes a few fsyncs.
	patience = time.Second
	// retryOpen is how soon DIR, or a lock that another process has, is tried
	// again.
	retryOpen = time.Second
	// roundPatience is how long Tick waits for a round: the counts of a usual
	// day take less, and lines must not wait longer.
	roundPatience = 10 * time.Millisecond
)

// Config is what a Store needs to know.
type Config struct {
	Path     string // DIR
	Keys     string // key directory, "" for DIR/keys
	Keep     calendar.Period
	Limits   rooms.Limits
	Counting bool   // rooms are counted: days get a room file
	Secret   bool   // room hashes are made under a secret
	Settings string // what shapes pseudonyms and counts; recorded in journals
	Confined string // how the process is confined, or why not; recorded for status
	Memory   string // how its memory is hidden, or that it is not; recorded for status
	Now      func() time.Time
	// Replays tells that the input is a pipe in which a batch stands until it is
	// written: after a kill the next process may write it a second time.
	Replays bool
	// Finish has Close bring the room files up to date also where another process
	// writes them, which does so within a minute: somebody waits for them.
	Finish  bool
	Version string // hushpipe's; this and the next two are recorded for status
	IP      string // what becomes of addresses

	// Flags are those that shape what is written to DIR, as --name=value. DIR
	// records them, see Settings; nil: it does not. Fallback tells that they come
	// from there, since those of the process are wrong.
	Flags    []string
	Fallback bool

	// Urgent tells whether the input has to be read now; nil: never. Until then
	// Open waits for keys from the disk, 50 ms at least and a second at most: what
	// is read before they have come cannot be counted with what was there.
	Urgent func() bool

	// Say takes one line for the operator, from any goroutine. A topic is reported
	// again at most once a minute.
	Say func(topic, line string)
}

// Store is DIR. It is always usable: while DIR is not, it hands out keys from
// memory and refuses lines, and it recovers by itself.
//
// Place, Key, Epoch and Hasher may be called from the goroutines that treat
// lines, all other methods from one other.
type Store struct {
	cfg Config
	dir atomic.Pointer[place] // nil while it cannot be opened

	expiry *expiry

	began  format.Day // the oldest day that was kept then
	window atomic.Pointer[calendar.Window]
	turn   atomic.Uint64 // counts what makes earlier answers stale, apart from the date

	keyPatience, roundPatience time.Duration

	fetching sync.Mutex // held while a key is asked for that is not in memory

	mu        sync.Mutex                 // guards what follows
	dirty     map[format.Day]bool        // days whose room file may be behind
	expiring  map[format.Day]*union      // of days that were deleted, for their room files
	late      map[journalID]*lateRecords // of days that have no journals any more
	readTo    format.Day                 // the journals of earlier days were read before they were deleted
	forgotten map[format.Day]bool        // days that were deleted on purpose; their keys are dropped
	erased    map[string]time.Time       // marks of such days that were heeded
	keys      map[format.Day]*pseudonym.Key
	thrown    map[format.Day]*pseudonym.Key // throw-away keys of expired days
	fresh     map[format.Day]*pseudonym.Key // what becomes a day's key if it has none
	unsure    map[format.Day]bool           // their keys are in memory only
	hasher    *rooms.Hasher

	work     chan struct{} // full while a method uses what follows
	openErr  error         // why there is no dir
	broke    bool          // lines are refused, as was said
	journals map[journalID]*ownJournal
	opened   int           // of the journals' files
	round    chan struct{} // closed when the round under way has ended, nil for none
	last     roundDone     // of the round before, or the one that has ended

	refreshed, looked time.Time // of the last round, and of the last that looked at everything
	lookedOn          format.Day

	counting chan struct{}         // full while somebody uses what follows
	unions   map[format.Day]*union // of days near, in the room writer; in any, of expired days that are not in their room files yet
	writer   roomWriter
	flawed   map[string]string          // what was said of journals of which not all could be read
	seen     map[format.Day]unix.Stat_t // the lines that missKeys found last

	registry *registry.Registry
	gauges   registry.Gauges
	report   *dir.Reporter
	suspect  bool // a process was killed just before this one started
	appended bool // lines were written

}

// Open returns the Store of cfg.Path. Where DIR cannot be used it says so.
func Open(cfg Config) *Store {
	s := newStore(cfg)
	go s.expiry.run()
	return s.openWithin(patience, roundPatience)
}

func (s *Store) openWithin(patience, roundPatience time.Duration) *Store {
	s.roundPatience = roundPatience
	// The reader has to begin, also where the disk hangs or much is to be
	// rebuilt.
	ready := make(chan struct{})
	go func() {
		s.Tick()
		close(ready)
	}()
	look := time.NewTicker(s.keyPatience)
	defer look.Stop()
	end := time.After(patience)
	for {
		select {
		case <-ready:
			return s
		case <-end:
			return s
		case <-look.C:
			if s.cfg.Urgent != nil && s.cfg.Urgent() {
				return s
			}
		}
	}
}

func newStore(cfg Config) *Store {
	s := &Store{cfg: cfg, work: make(chan struct{}, 1),
		keys: map[format.Day]*pseudonym.Key{}, thrown: map[format.Day]*pseudonym.Key{},
		fresh: map[format.Day]*pseudonym.Key{}, unsure: map[format.Day]bool{}, keyPatience: keyPatience,
		journals: map[journalID]*ownJournal{}, dirty: map[format.Day]bool{},
		expiring: map[format.Day]*union{}, late: map[journalID]*lateRecords{}, readTo: anyDay, forgotten: map[format.Day]bool{}, erased: map[string]time.Time{},
		counting: make(chan struct{}, 1), unions: map[format.Day]*union{}, flawed: map[string]string{}}
	s.report = dir.NewReporter(cfg.Say, cfg.Now)
	s.registry = registry.New(registry.Config{Path: cfg.Path, Flags: cfg.Flags, Now: cfg.Now, Report: s.report,
		Process: registry.Process{Version: cfg.Version, IP: cfg.IP, Keep: cfg.Keep.String(), Confined: cfg.Confined, Memory: cfg.Memory, Fallback: cfg.Fallback}})
	if !cfg.Secret {
		s.hasher = rooms.NewHasher(nil)
	}
	s.expiry = newRetention(s)
	today := format.DayOf(cfg.Now())
	s.began = cfg.Keep.First(today)
	s.window.Store(&calendar.Window{First: s.began, Today: today})
	s.turn.Store(1)
	return s
}

// Append writes whole lines to the file of day, see daylog.Log.Append.
func (s *Store) Append(day format.Day, lines []byte) (int, error) {
	s.lock()
	defer s.unlock()
	d := s.usable()
	if d == nil {
		return 0, s.openErr
	}
	// The file of a day that only a clock just put forward can know would vouch
	// for that clock, so it is questioned before the file is there.
	if day > s.window.Load().Today+1 {
		s.judge(d, s.cfg.Now().Round(0), s.cfg.Keep)
		s.expiry.hurry()
		s.saveKeysSoon(d)
	}
	if !s.appended {
		s.appended = true
		if s.suspect && s.cfg.Replays && d.log.Holds(day, lines) {
			s.registry.NoteRepeated(d.Dir, day)
		}
	}
	n, err := d.log.Append(day, lines)
	if n > 0 {
		s.gauges.Wrote(s.cfg.Now())
	}
	switch {
	case err == nil:
		if s.broke {
			s.broke = false
			s.report.Refuse(nil)
			s.report.Say("recovered", fmt.Sprintf("%s: writing lines again", s.cfg.Path))
		}
	case errors.Is(err, calendar.ErrExpired):
		s.report.Say("expired", fmt.Sprintf("%s: lines of %s waited past the retention of their day and were dropped", s.cfg.Path, day))
		return len(lines), nil
	default:
		s.broke = true
		s.report.Refuse(err)
		s.report.Say("append", err.Error()+"; lines wait in memory")
		if errors.Is(err, dir.ErrRemoved) || d.Moved() {
			s.reopen(d)
		}
	}
	return n, err
}

// Tick does what is due: it opens DIR if that failed, and starts a round (see
// there) once a minute, which goes on while lines are written. It returns when
// to come again.
func (s *Store) Tick() time.Duration {
	s.lock()
	defer s.unlock()
	d := s.usable()
	if d == nil {
		return retryOpen
	}
	now := s.cfg.Now().Round(0)
	today := format.DayOf(now)
	hourly := due(now, s.looked, time.Hour) || today != s.lookedOn
	if s.round == nil && (hourly || s.last.busy || due(now, s.refreshed, minute)) {
		r := round{d: d, now: now, hourly: hourly}
		s.refreshed = now
		if hourly {
			s.looked, s.lookedOn = now, today
		}
		s.forget(d)
		// What this process has to say is in its journals before they are listed:
		// of two processes the one that lists later sees the journals of both.
		flushed := s.flushJournals(d.Dir)
		s.round = make(chan struct{})
		done, _ := d.Use()
		go func(ended chan<- struct{}) {
			defer done()
			s.last = s.run(r)
			s.last.err = dir.Join(flushed, s.last.err)
			close(ended)
		}(s.round)
		if d.Moved() {
			s.report.Say("moved", fmt.Sprintf("%s: was renamed or replaced; lines still go to the old directory", s.cfg.Path))
		}
	}
	if !s.awaitRound(s.roundPatience) {
		return retryOpen
	}
	if errors.Is(s.last.err, dir.ErrRemoved) {
		s.last.err = nil
		s.reopen(d)
	}
	if s.last.busy {
		return retryOpen
	}
	return minute
}

// awaitRound reports whether no round is under way any more.
func (s *Store) awaitRound(patience time.Duration) bool {
	if s.round == nil {
		return true
	}
	select {
	case <-s.round:
		s.round = nil
		return true
	case <-time.After(patience):
		return false
	}
}

// round is what has to be done once a minute, beside the writing of lines: to
// read the journals of millions of pairs, and to write a large room file, takes
// seconds.
type round struct {
	d      *place
	now    time.Time
	hourly bool
}

type roundDone struct {
	err  error
	busy bool // another process had the lock of the room files
}

func (s *Store) run(r round) roundDone {
	s.counting <- struct{}{}
	defer func() { <-s.counting }()
	s.registry.Update(r.d.Dir, r.now, r.hourly)
	if r.hourly && s.writer.active { // a room file may have been deleted
		today := format.DayOf(r.now)
		s.mark(r.d.Dir, today-1, today+1)
	}
	err := s.keepRooms(r.d.Dir, 0)
	done := roundDone{busy: errors.Is(err, dir.ErrLocked)}
	if r.hourly {
		s.foldJournals(r.d.Dir)
	}
	s.gauges.Notice(r.d.Dir, s.cfg.Now())
	s.missKeys(r.d)
	done.err = dir.Join(err, s.saveKeys(r.d))
	return done
}

// due reports whether something is to be done that was done at last; a clock
// that was put back makes it due, too. Neither time has a monotonic reading.
func due(now, last time.Time, every time.Duration) bool {
	since := now.Sub(last)
	return since >= every || since < 0
}

// Settle waits until the journals have all that was counted, or until ctx ends:
// where only they are refused, their records are all that still waits in memory.
// An error that is not the system's will not pass, and is not waited for.
func (s *Store) Settle(ctx context.Context) {
	for s.lockSoon() == nil {
		d := s.usable()
		var err error
		if d != nil {
			err = s.flushJournals(d.Dir)
		}
		s.unlock()
		if d != nil && dir.Cause(err) == 0 {
			return // settled, or never to be
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryOpen):
		}
	}
}

// Close brings the room files up to date, or leaves that to the process that writes
// them, see roomWriter. It reports whether something is left
// that did not reach the disk, or was not counted for want of the secret. It
// waits for a round under way, for the lock of the room files and for the disk:
// the caller bounds that.
func (s *Store) Close() error {
	if err := s.lockSoon(); err != nil {
		return err
	}
	defer s.unlock()
	d := s.usable()
	if d == nil {
		return s.openErr
	}
	s.forget(d)
	flushed := s.flushJournals(d.Dir) // the next process reads them, should the round hang
	if s.round != nil {
		<-s.round
	}
	if !d.Moved() {
		s.missKeys(d)
	}
	s.readUntil(lastDay) // nobody takes late records after this
	err := dir.Join(s.saveKeys(d), flushed, s.finishRooms(d.Dir))
	s.gauges.Notice(d.Dir, s.cfg.Now())
	for _, j := range s.journals {
		s.closeJournal(j)
	}
	s.registry.End(d.Dir)
	s.expiry.end()
	return dir.Join(err, d.close())
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
		return errSlow(s.cfg.Path)
	}
}

func errSlow(path string) error {
	return fmt.Errorf("%s: the disk does not answer; the next start brings the room files up to date", path)
}

// place is DIR as it was opened, and what belongs to that.
type place struct {
	*dir.Dir
	log   *daylog.Log
	clock *retention.Clock
}

func (p *place) close() error {
	p.log.Close()
	return p.Close()
}

// usable returns DIR, opened now if need be, or nil.
func (s *Store) usable() *place {
	if d := s.dir.Load(); d != nil {
		return d
	}
	return s.open()
}

// open opens DIR and purges it before a line is written there.
func (s *Store) open() *place {
	opened, err := dir.Open(s.cfg.Path, dir.Options{Keys: s.cfg.Keys, Create: true,
		Notify: func(msg string) { s.report.Say(msg, msg) }})
	if err != nil {
		s.openErr, s.broke = err, true
		s.report.Refuse(err)
		s.report.Say("open", err.Error()+"; lines wait in memory")
		return nil
	}
	d := &place{opened, daylog.New(opened), retention.NewClock(opened)}
	s.dir.Store(d)
	s.judge(d, s.cfg.Now().Round(0), s.cfg.Keep)
	s.expiry.hurry()
	if s.Hasher() == nil {
		s.readSecret(d) // lines that are read before it has come are not counted
	}
	s.suspect = registry.KilledLately(d.Dir, s.cfg.Now())
	d.ShareWithEarlier(true) // until expiry knows
	s.keysSoon(d, func() {
		s.loadKeys(d)
		s.saveKeys(d)
	})
	return d
}

// keysSoon works on the key directory, which may lie on a disk that hangs: the
// lines wait for it no longer than a moment.
func (s *Store) keysSoon(d *place, work func()) {
	done, ok := d.Use()
	if !ok {
		return
	}
	waitFor(patience, func() {
		defer done()
		work()
	})
}

func (s *Store) saveKeysSoon(d *place) { s.keysSoon(d, func() { s.saveKeys(d) }) }

// reopen is for a DIR that was deleted, or that refuses lines after another
// took its place: the next one is made if need be, and gets the keys and the
// journals of this process.
func (s *Store) reopen(old *place) *place {
	d := s.open()
	if d == nil {
		return nil
	}
	s.mu.Lock()
	for day := range s.keys {
		s.unsure[day] = true
	}
	s.mu.Unlock()
	s.readSecret(d)
	s.saveKeysSoon(d)
	s.flushJournals(d.Dir)
	s.counting <- struct{}{}
	s.keepRooms(d.Dir, 0)
	<-s.counting
	old.close()
	return d
}

// Observe is registry.Registry.Observe.
func (s *Store) Observe(counters func() (c registry.Counters, panicked string)) {
	s.registry.Observe(counters)
}

// Figures is what is known of DIR without waiting for its disk, for metrics. It may be
// called from any goroutine.
func (s *Store) Figures() registry.Figures {
	return s.gauges.Figures(s.registry.Counters(), s.cfg.Now())
}

// Forecast places lines as a Store of cfg will, going by the clock alone. It
// touches no disk.
func Forecast(cfg Config) *Store { return newStore(cfg) }
