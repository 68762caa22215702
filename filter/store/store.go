// Package store implements the directory that a filter writes to as a whole:
// it places lines by the clock, hands out the keys of the days, brings lines
// and journal records to the disk, keeps the daily room files true, and deletes
// what has outlived the retention.
package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/counts"
	"hushpipe/filter/daylog"
	"hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/retention"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

const (
	minute = time.Minute
	// keyPatience is how long Open reads keys while its input cannot wait.
	keyPatience = 50 * time.Millisecond
	// finishPatience is how long a line waits for the key of its day where Finish is set.
	finishPatience = 10 * time.Second
	// patience is how long Open and Close wait for a disk that does not answer.
	// A first key takes a few fsyncs.
	patience = time.Second
	// retryOpen is how soon DIR, or a lock that another process has, is tried
	// again.
	retryOpen = time.Second
	// firstRound is how soon after the first lines a round is due: who starts a logger
	// looks at status and at the room file.
	firstRound = 2 * time.Second
	// roundPatience is how long Tick waits for a round: the counts of a usual
	// day take less, and lines must not wait longer.
	roundPatience = 10 * time.Millisecond
)

// Store is DIR. It is always usable: while DIR is not, it hands out keys from
// memory and refuses lines, and it recovers by itself.
//
// Place, Key, Epoch and Hasher may be called from the goroutines that treat
// lines, all other methods from one other.
type Store struct {
	cfg Config
	dir atomic.Pointer[place] // nil while it cannot be opened
	days
	secrets
	keeper *retention.Keeper
	countWork
	reporting

	groups *grouping // nil: no line is held back

	work   chan struct{} // full while a method uses what follows, and journals
	lines  lineState
	rounds rounds
	hits   hits
}

// countWork is how a Store counts rooms; a round has the files.
type countWork struct {
	ledger   *counts.Ledger
	journals *counts.Journals // of this process
}

// reporting is what a Store tells of itself: to status, to metrics, and to the operator.
type reporting struct {
	registry *registry.Registry
	gauges   registry.Gauges
	report   *dir.Reporter
}

// Open returns the Store of cfg.Path. Where DIR cannot be used it says so.
func Open(cfg Config) *Store {
	s := newStore(cfg)
	go s.keeper.Run()
	if s.groups != nil {
		go s.runGroups()
	}
	return s.openWithin(patience, roundPatience)
}

func (s *Store) openWithin(patience, roundPatience time.Duration) *Store {
	s.rounds.patience = roundPatience
	// The reader has to begin, also where the disk hangs or much is to be
	// rebuilt.
	ready := make(chan struct{})
	go func() {
		s.Tick()
		close(ready)
	}()
	look := time.NewTicker(s.keys.Patience)
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
	s := &Store{cfg: cfg, work: make(chan struct{}, 1)}
	s.days.init(cfg.Now, cfg.Keep)
	s.hours = cfg.Bounds != nil && cfg.Bounds.Hours > 0
	s.report = dir.NewReporter(cfg.Say, cfg.Now)
	bounds := ""
	if b := cfg.Bounds; b != nil && !b.IsZero() {
		bounds = b.With(cfg.Keep)
	}
	self := cfg.Process
	self.Keep, self.Bounds = cfg.Keep.String(), bounds
	s.registry = registry.New(registry.Config{Path: cfg.Path, Flags: cfg.Flags, Replays: cfg.Finish, Now: cfg.Now, Report: s.report, Process: self})
	s.keys = keyring.New(keyring.Config{Path: cfg.Path, Keys: cfg.Keys, Now: cfg.Now, Window: s.span,
		Changed: s.changed, Report: s.report,
		Dir: func() *dir.Dir {
			if d := s.dir.Load(); d != nil {
				return d.Dir
			}
			return nil
		}})
	if cfg.Finish {
		s.keys.Patience = finishPatience
	}
	if !cfg.Secret {
		s.hasher.Store(rooms.NewHasher(nil))
	}
	s.journals, s.rounds.files, s.ledger = counts.New(cfg.counting(counts.Config{Finish: cfg.Finish, Window: s.counted, OthersLive: s.registry.OthersLive, Secret: s.roomSecret, Report: s.report}, s.keys.Known))
	s.rounds.busy = make(chan struct{}, 1)
	s.initGroups()
	s.initTraffic()
	s.keeper = retention.NewKeeper(retention.KeeperConfig{Path: cfg.Path, Keep: cfg.Keep, Now: cfg.Now, Report: s.report,
		Target: func() retention.Target {
			if d := s.dir.Load(); d != nil {
				return d
			}
			return nil
		}})
	return s
}

// counting completes what the counting of rooms needs to know.
func (cfg Config) counting(c counts.Config, known func(*dir.Dir, civil.Day) (*pseudonym.Key, error)) counts.Config {
	c.Path, c.Limits, c.Counting, c.Settings, c.Reseal = cfg.Path, cfg.Limits, cfg.Counting, cfg.Settings, cfg.reseal(known)
	return c
}

// Count takes the records of lines that are written.
func (s *Store) Count(day civil.Day, keyID [8]byte, records []byte) {
	s.lock()
	defer s.unlock()
	var d *dir.Dir
	if p := s.dir.Load(); p != nil {
		d = p.Dir
	}
	s.journals.Count(d, day, keyID, records, s.Hasher() != nil)
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
	today := civil.DayOf(now)
	hourly := due(now, s.rounds.lastHourly, time.Hour) || today != s.rounds.lastHourlyDay
	if s.rounds.running == nil && (hourly || s.rounds.lastDone.busy || due(now, s.rounds.lastRun, minute)) {
		r := round{d: d, now: now, hourly: hourly}
		s.rounds.lastRun = now
		if hourly {
			s.rounds.lastHourly, s.rounds.lastHourlyDay = now, today
		}
		s.forget(d.Dir)
		// What this process has to say is in its journals before they are listed:
		// of two processes the one that lists later sees the journals of both.
		flushed := dir.Join(s.journals.Flush(d.Dir), s.flushGroups(d), s.flushTraffic(d))
		s.rounds.running = make(chan struct{})
		done, _ := d.Use()
		go func(ended chan<- struct{}) {
			defer done()
			s.rounds.lastDone = s.run(r)
			s.rounds.lastDone.err = dir.Join(flushed, s.rounds.lastDone.err)
			close(ended)
		}(s.rounds.running)
		if d.Moved() {
			s.report.Say("moved", fmt.Sprintf("%s: was renamed or replaced; lines still go to the old directory", s.cfg.Path))
		}
	}
	if !s.rounds.await() {
		return retryOpen
	}
	if errors.Is(s.rounds.lastDone.err, dir.ErrRemoved) {
		s.rounds.lastDone.err = nil
		s.reopen(d)
	}
	if s.rounds.lastDone.busy {
		return retryOpen
	}
	return minute
}

// Settle waits until the journals have all that was counted, or until ctx ends:
// where only they are refused, their records are all that still waits in memory.
// An error that is not the system's will not pass, and is not waited for.
func (s *Store) Settle(ctx context.Context) {
	for s.tryLock() == nil {
		d := s.usable()
		var err error
		if d != nil {
			s.forget(d.Dir)
			err = dir.Join(s.journals.Flush(d.Dir), s.flushGroups(d), s.flushTraffic(d))
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
	if err := s.tryLock(); err != nil {
		return err
	}
	defer s.unlock()
	d := s.usable()
	if d == nil {
		return s.lines.openErr
	}
	s.forget(d.Dir)
	flushed := dir.Join(s.flushTraffic(d), s.closeTraffic(), s.journals.Flush(d.Dir), s.closeGroups(d)) // the next process reads them, should the round hang
	if s.rounds.running != nil {
		<-s.rounds.running
	}
	if !d.Moved() {
		s.keys.Restore(d.Dir)
	}
	s.ledger.ReadUntil(counts.LastDay) // nobody takes late records after this
	err := dir.Join(s.saveKeys(d), flushed, s.rounds.files.Finish(d.Dir))
	err = dir.Join(err, s.finishTraffic(d))
	s.gauges.Notice(d.Dir, s.cfg.Now())
	s.rounds.files.Resign()
	s.journals.Close()
	s.registry.End(d.Dir)
	s.keeper.Close()
	return dir.Join(err, d.close())
}

// lock waits until no other method works on the disk: Open may still, and when
// the process ends the one that waits for a disk that hangs.
func (s *Store) lock() { s.work <- struct{}{} }

func (s *Store) unlock() { <-s.work }

func (s *Store) tryLock() error {
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

// usable returns DIR, opened now if need be, or nil.
func (s *Store) usable() *place {
	if d := s.dir.Load(); d != nil {
		return d
	}
	return s.open()
}

// open opens DIR and purges it before a line is written there.
func (s *Store) open() *place {
	opened, err := dir.Open(s.cfg.Path, dir.Options{Keys: s.cfg.Keys, NoFollow: s.cfg.NoFollow, Create: true,
		Notify: func(msg string) { s.report.Say(msg, msg) }})
	if err != nil {
		s.lines.openErr, s.lines.refused = err, true
		s.report.Refuse(err)
		s.report.Say("open", err.Error()+"; lines wait in memory")
		return nil
	}
	d := &place{Dir: opened, log: daylog.New(opened), clock: retention.NewClock(opened), store: s}
	d.WriteVersion()
	if s.groups != nil {
		if err := d.RaiseVersion(); err != nil { // an earlier hushpipe would keep held lines too long
			s.report.Fault("version", err, "")
		}
	}
	if s.cfg.CacheTag != nil {
		d.Tag(*s.cfg.CacheTag)
	}
	d.recordBounds()
	d.log.WhenGone(s.keeper.PurgeSoon)
	s.dir.Store(d)
	d.Judge(s.cfg.Now().Round(0), s.keeper.Keep())
	s.keeper.Wake()
	s.startGroups(d)
	if s.Hasher() == nil {
		s.readSecret(d) // lines that are read before it has come are not counted
	}
	s.lines.afterKill = registry.KilledLately(d.Dir, s.cfg.Now())
	d.ShareWithEarlier(true) // until expiry knows
	s.withKeyDir(d, func() {
		s.keys.Load(d.Dir)
		s.readKilled(d)
		s.saveKeys(d)
	})
	return d
}

// forget drops what is in memory of days whose files were deleted on purpose.
func (s *Store) forget(d *dir.Dir) {
	if days := s.keys.Forgotten(d); len(days) > 0 {
		s.journals.Forget(days)
		if s.groups != nil {
			s.groups.Forget(days)
		}
		s.forgetTraffic(days)
	}
}

// reopen is for a DIR that was deleted, or that refuses lines after another
// took its place: the next one is made if need be, and gets the keys and the
// journals of this process.
func (s *Store) reopen(old *place) *place {
	d := s.open()
	if d == nil {
		return nil
	}
	s.keys.Distrust()
	s.readSecret(d)
	s.saveKeysBriefly(d)
	s.forget(old.Dir)
	s.forget(d.Dir)
	s.journals.Flush(d.Dir)
	s.flushGroups(d)
	s.flushTraffic(d)
	s.rounds.busy <- struct{}{}
	s.rounds.files.Keep(d.Dir, 0)
	<-s.rounds.busy
	old.close()
	return d
}

// Shorten has this Store keep files for a shorter period, from now on; a longer one
// changes nothing. It may be called from any goroutine.
func (s *Store) Shorten(keep calendar.Period) {
	if s.keeper.Shorten(keep) {
		s.registry.SetKeep(keep.String())
	}
}

// Observe is registry.Registry.Observe.
func (s *Store) Observe(counted func() counters.Values, fault func() string) {
	s.registry.Observe(counted, fault)
}

// Refused returns why no lines can be written, "" while they can. It may be called from
// any goroutine.
func (s *Store) Refused() string { return s.report.Refused() }

// Figures is what is known of DIR without waiting for its disk, for metrics. It may be
// called from any goroutine.
func (s *Store) Figures() registry.Figures {
	return s.gauges.Figures(s.registry.Counters(), s.cfg.Now())
}

// Forecast places lines as a Store of cfg will, going by the clock alone. It
// touches no disk.
func Forecast(cfg Config) *Store { return newStore(cfg) }
