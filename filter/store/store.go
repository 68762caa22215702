// Package store implements the directory that a filter writes to: it assigns lines to
// days by the clock, hands out the keys of the days, writes lines and journal records,
// keeps the daily room files current, and deletes what is past the retention.
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
	"hushpipe/filter/trafficlog"
	"hushpipe/filter/turn"
	"hushpipe/format/civil"
)

const (
	minute = time.Minute
	// keyPatience is how long Open waits for keys while its input cannot wait.
	keyPatience = 50 * time.Millisecond
	// finishPatience is how long a line waits for the key of its day if Finish is set.
	finishPatience = 10 * time.Second
	// patience is how long Open and Close wait for a disk that does not respond.
	// Creating the first key takes a few fsyncs.
	patience = time.Second
	// retryOpen is the delay before trying again to open DIR, or to take a lock that
	// another process holds.
	retryOpen = time.Second
	// firstRound is the delay of the first round after the first lines: somebody who
	// has just started a logger looks at status and at the room file.
	firstRound = 2 * time.Second
	// roundPatience is how long Tick waits for a round. Counting a usual day takes
	// less, and lines must not wait longer.
	roundPatience = 10 * time.Millisecond
)

// Store is DIR as a filter writes it. It is always usable: while DIR is not, it hands
// out keys from memory and refuses lines, and it recovers by itself.
//
// The goroutines that process lines may call Place, Key, Epoch and Hasher; one other
// goroutine calls all other methods, unless they say otherwise.
type Store struct {
	cfg Config
	dir atomic.Pointer[place] // nil while DIR cannot be opened
	days
	secrets
	keeper *retention.Keeper
	ledger *counts.Ledger
	hits   hits
	groups *grouping // nil: no lines are held back
	reporting
	work
}

// work is what one method of a Store uses at a time. The method holds mu while it waits for
// the disk, so if the disk hangs, so do the first Tick of Open, which others must not wait
// for, and at the end of the process Append.
type work struct {
	mu          turn.Mutex           // guards what follows
	journals    *counts.Journals     // of this process
	hitJournals *trafficlog.Journals // nil: traffic is not counted
	lines       lineState
	rounds      rounds
}

// reporting is what status, metrics and the operator see of a Store.
type reporting struct {
	registry *registry.Registry
	gauges   registry.Gauges
	report   *dir.Reporter
}

// Open returns the Store of cfg.Path. It never fails: if DIR cannot be used, it reports
// that and keeps trying.
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
	// The input has to be read even if the disk hangs, or if rebuilding the counts
	// takes long.
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
	s := &Store{cfg: cfg}
	s.mu, s.rounds.files.busy = turn.New(), turn.New()
	s.days.init(cfg.Now, cfg.Keep)
	s.hours = cfg.Bounds != nil && cfg.Bounds.Hours > 0
	s.report = dir.NewReporter(cfg.Log, cfg.Now)
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
	s.journals, s.rounds.files.Files, s.ledger = counts.New(cfg.counting(counts.Config{Finish: cfg.Finish, Window: s.counted, OthersLive: s.registry.OthersLive, Secret: s.roomSecret, Report: s.report}, s.keys.Known))
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

// counting completes c for the directory and limits of cfg.
func (cfg Config) counting(c counts.Config, known func(*dir.Dir, civil.Day) (*pseudonym.Key, error)) counts.Config {
	c.Path, c.Limits, c.Counting, c.Settings, c.Reseal = cfg.Path, cfg.Limits, cfg.Counting, cfg.Settings, cfg.reseal(known)
	return c
}

// Count counts room records of lines that have been written.
func (s *Store) Count(day civil.Day, keyID [8]byte, records []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var d *dir.Dir
	if p := s.dir.Load(); p != nil {
		d = p.Dir
	}
	s.journals.Count(d, day, keyID, records, s.Hasher() != nil)
}

// Tick opens DIR if that failed before, and starts a round once a minute; the round
// runs while lines are written. Tick returns the delay until the next call.
func (s *Store) Tick() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
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
		// Journals are flushed before they are listed: of two processes, the one that
		// lists later sees the journals of both.
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
			s.report.Log("moved", fmt.Sprintf("%s: was renamed or replaced; lines still go to the old directory", s.cfg.Path))
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

// Settle waits until the journals hold everything that was counted, or until ctx ends.
// If DIR takes lines but refuses journals, their records are all that is still in
// memory. Settle does not wait for an error that is not the system's, since it will not
// pass.
func (s *Store) Settle(ctx context.Context) {
	for s.tryLock() == nil {
		d := s.usable()
		var err error
		if d != nil {
			s.forget(d.Dir)
			err = dir.Join(s.journals.Flush(d.Dir), s.flushGroups(d), s.flushTraffic(d))
		}
		s.mu.Unlock()
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

// Close updates the room files, or leaves that to the process that writes them (see
// counts.Files). Its error means that something did not reach the disk, or was not
// counted because the secret could not be read. It waits for the current round, for the
// lock of the room files and for the disk without limit: the caller sets one.
func (s *Store) Close() error {
	if err := s.tryLock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	d := s.usable()
	if d == nil {
		return s.lines.openErr
	}
	s.forget(d.Dir)
	flushed := dir.Join(s.flushTraffic(d), s.closeTraffic(), s.journals.Flush(d.Dir), s.closeGroups(d)) // if the round hangs, the next process reads them
	if s.rounds.running != nil {
		<-s.rounds.running
	}
	s.rounds.files.busy.Lock()
	defer s.rounds.files.busy.Unlock()
	if !d.Moved() {
		s.keys.Restore(d.Dir)
	}
	s.ledger.ReadUntil(counts.LastDay) // late records have no later chance
	err := dir.Join(s.saveKeys(d), flushed, s.rounds.files.Finish(d.Dir))
	err = dir.Join(err, s.finishTraffic(d))
	s.gauges.Refresh(d.Dir, s.cfg.Now())
	s.rounds.files.Resign()
	s.journals.Close()
	s.registry.End(d.Dir)
	s.keeper.Close()
	return dir.Join(err, d.close())
}

// tryLock locks s.mu, giving up after patience.
func (s *Store) tryLock() error {
	if !s.mu.LockWithin(patience) {
		return errSlow(s.cfg.Path)
	}
	return nil
}

func errSlow(path string) error {
	return fmt.Errorf("%s: the disk does not answer; the next start brings the room files up to date", path)
}

// usable returns DIR, opening it if necessary, or nil.
func (s *Store) usable() *place {
	if d := s.dir.Load(); d != nil {
		return d
	}
	return s.open()
}

// open opens DIR, and purges it before any line is written there.
func (s *Store) open() *place {
	opened, err := dir.Open(s.cfg.Path, dir.Options{Keys: s.cfg.Keys, NoFollow: s.cfg.NoFollow, Create: true,
		Notify: func(msg string) { s.report.Log(msg, msg) }})
	if err != nil {
		s.lines.openErr, s.lines.refused = err, true
		s.report.Refuse(err)
		s.report.Log("open", err.Error()+"; lines wait in memory")
		return nil
	}
	d := &place{Dir: opened, log: daylog.New(opened), clock: retention.NewClock(opened), store: s}
	d.WriteVersion()
	if s.groups != nil {
		if err := d.RaiseVersion(); err != nil { // an older hushpipe would keep held lines too long
			s.report.Fault("version", err, "")
		}
	}
	if s.cfg.CacheTag != nil {
		d.SetCacheTag(*s.cfg.CacheTag)
	}
	d.recordBounds()
	d.log.OnDayEmpty(s.keeper.PurgeSoon)
	s.dir.Store(d)
	d.Judge(s.cfg.Now().Round(0), s.keeper.Keep())
	s.keeper.Wake()
	s.startGroups(d)
	if s.Hasher() == nil {
		s.readSecret(d) // lines that are read before the secret are not counted
	}
	s.lines.afterKill = registry.KilledRecently(d.Dir, s.cfg.Now())
	d.ShareWithEarlier(true) // until the Keeper knows whether there are any
	s.withKeyDir(d, func() {
		s.keys.Load(d.Dir)
		s.readKilled(d)
		s.saveKeys(d)
	})
	return d
}

// forget drops from memory the days that were erased or purged by name.
func (s *Store) forget(d *dir.Dir) {
	if days := s.keys.Forgotten(d); len(days) > 0 {
		s.journals.Forget(days)
		if s.groups != nil {
			s.groups.Forget(days)
		}
		s.forgetTraffic(days)
	}
}

// reopen opens DIR anew after it was deleted, or after it was replaced and now refuses
// lines. DIR is created if necessary, and gets the keys and journals of this process.
func (s *Store) reopen(old *place) *place {
	d := s.open()
	if d == nil {
		return nil
	}
	s.keys.MarkUnsaved()
	s.readSecret(d)
	s.saveKeysBriefly(d)
	s.forget(old.Dir)
	s.forget(d.Dir)
	s.journals.Flush(d.Dir)
	s.flushGroups(d)
	s.flushTraffic(d)
	s.rounds.files.busy.Lock()
	s.rounds.files.Keep(d.Dir, 0)
	s.rounds.files.busy.Unlock()
	old.close()
	return d
}

// Shorten makes this Store keep files for a shorter period from now on; a longer period
// changes nothing. Any goroutine may call it.
func (s *Store) Shorten(keep calendar.Period) {
	if s.keeper.Shorten(keep) {
		s.registry.SetKeep(keep.String())
	}
}

// Observe sets where the registry gets its counters and faults; see
// registry.Registry.Observe.
func (s *Store) Observe(counted func() counters.Values, fault func() string) {
	s.registry.Observe(counted, fault)
}

// Refused returns why no lines can be written, "" if they can. Any goroutine may call
// it.
func (s *Store) Refused() string { return s.report.Refused() }

// Figures returns the figures of DIR for metrics, without waiting for its disk. Any
// goroutine may call it.
func (s *Store) Figures() registry.Figures {
	return s.gauges.Figures(s.registry.Counters(), s.cfg.Now())
}

// Forecast returns a Store for dry runs: it assigns lines to days as a Store of cfg
// would, trusting the clock, and touches no disk.
func Forecast(cfg Config) *Store { return newStore(cfg) }
