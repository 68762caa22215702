package store

import (
	"cmp"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/registry"
	"hushpipe/filter/retention"
	"hushpipe/format"
)

const (
	// lockPatience bounds the wait for the lock of the room files, where somebody
	// waits for the end.
	lockPatience = 3 * time.Second
	// readPatience bounds the reading of journals before they are deleted, and before
	// that the wait for another process that reads them.
	readPatience = 2 * time.Second
	// settlePatience is how long a look waits for the rules. A lock that another
	// process has takes more than a second of it.
	settlePatience = 3 * time.Second
	// deletePatience is how long a look waits for what it deletes. Deleting goes on
	// beyond it, on its own.
	deletePatience = 3 * time.Second
)

// retention deletes what has outlived its period. It runs beside the lines: it
// waits for no goroutine of the Store, for no lock but that of another process that
// reads the expiring journals, two seconds, and for the disk only in goroutines that
// nothing else waits for, one for each kind of file.
type expiry struct {
	s    *Store
	wake chan struct{} // to look at once
	stop chan struct{}
	work chan struct{} // full while a look is under way

	settling dir.Slot
	busy     [4]atomic.Bool // by retention.Kind: it is being deleted
	failed   atomic.Bool    // something could not be deleted: it is tried again soon
	nesting  atomic.Bool    // the directories below DIR are being purged
	reading  atomic.Bool    // expired journals are being read

	// What follows belongs to the goroutine of look.
	d      *place // the one that was looked at last
	lease  *retention.Lease
	rule   calendar.Period // of the lines; 0: not known
	others calendar.Period // the longest of processes that take no leases
	at     time.Time       // of the last purge
	on     format.Day

	keys keyRule
}

// keyRule is what the goroutine that deletes keys knows of their rule.
type keyRule struct {
	d     *place
	lease *retention.Lease
	rule  calendar.Period
}

func newRetention(s *Store) *expiry {
	return &expiry{s: s, settling: dir.NewSlot(), wake: make(chan struct{}, 1), stop: make(chan struct{}),
		work: make(chan struct{}, 1)}
}

// run looks once a minute and at each midnight, until the Store is closed.
func (r *expiry) run() {
	for {
		next := time.NewTimer(r.look())
		select {
		case <-next.C:
		case <-r.wake:
			next.Stop()
		case <-r.stop:
			next.Stop()
			return
		}
	}
}

func (r *expiry) hurry() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// look takes in the rules, purges hourly, at each day change and whenever a period
// has become shorter, and returns when to come again.
func (r *expiry) look() time.Duration {
	r.work <- struct{}{}
	defer func() { <-r.work }()
	d := r.s.dir.Load()
	if d == nil {
		return retryOpen
	}
	done, ok := d.Use()
	if !ok {
		return retryOpen
	}
	defer done()
	// Without the monotonic clock, which stands still while a machine is suspended.
	now := r.s.cfg.Now().Round(0)
	today := format.DayOf(now)
	anew := d != r.d
	rule, others := r.settle(d)
	if anew || rule < r.rule || r.failed.Swap(false) || due(now, r.at, time.Hour) || today != r.on {
		r.at, r.on = now, today
		r.purge(d, now, rule, others)
	} else {
		r.deleteKeys(d, nil, others)
	}
	r.d, r.rule = d, rule
	if rule == 0 {
		r.failed.Store(true)
	}
	return calendar.UntilNextLook(now)
}

// settled is what DIR says of the periods.
type settled struct {
	lease        *retention.Lease
	rule, others calendar.Period
	err          error
}

// settle returns the rule of the lines, and the longest period of processes that
// take no leases. Where DIR does not answer, what it said last holds; the rule is 0
// where that was nothing yet: another process may keep lines for longer than this one.
func (r *expiry) settle(d *place) (rule, others calendar.Period) {
	anew := d != r.d || r.lease == nil
	answer, ok := dir.Within(d.Dir, r.settling, settlePatience, func() (a settled) {
		a.others = r.s.keptByEarlier(d.Dir)
		if anew {
			a.lease, a.rule, a.err = retention.TakeLease(d.Dir, retention.OfLines, r.s.cfg.Keep, a.others)
		} else {
			a.rule, a.err = retention.Settle(d.Dir, retention.OfLines, max(r.s.cfg.Keep, a.others))
		}
		return a
	})
	if !ok && d == r.d {
		return r.rule, r.others
	} else if !ok {
		return 0, 0
	}
	r.others = answer.others
	if answer.err != nil {
		r.s.report.Fault("keep", answer.err, "")
	}
	if anew {
		r.lease.Release()
		r.lease = answer.lease
	}
	return answer.rule, answer.others
}

// shorter returns the shorter of a period and a rule, which 0 says is not known.
func shorter(keep, rule calendar.Period) calendar.Period {
	if 0 < rule && rule < keep {
		return rule
	}
	return keep
}

// purge deletes what is past the rule, and sets the window that lines are placed
// by. Lines stay where the rule is not known. What expires is counted first, as far
// as it can be read in time.
func (r *expiry) purge(d *place, now time.Time, rule, others calendar.Period) {
	v := r.s.judge(d, now, shorter(r.s.cfg.Keep, rule))
	if rule > 0 {
		unlock := r.s.readExpiring(d.Dir, v.First(rule))
		defer unlock()
	}
	r.s.readUntil(v.Window.First)
	var kinds sync.WaitGroup
	for _, kind := range retention.Kinds {
		if kind == retention.Keys {
			kinds.Go(func() { r.deleteKeys(d, &v, others) })
		} else if rule > 0 {
			kinds.Go(func() { r.delete(d, kind, v, rule) })
		}
	}
	if r.nesting.CompareAndSwap(false, true) {
		kinds.Go(func() {
			waitFor(deletePatience, func() {
				defer r.nesting.Store(false)
				r.s.purgeBelow(d.Dir, now, false, r.report)
			})
		})
	}
	kinds.Wait()
}

// delete deletes the files of one kind, unless that is under way.
func (r *expiry) delete(d *place, kind retention.Kind, v retention.Verdict, rule calendar.Period) {
	r.alone(d, kind, func() {
		r.report(retention.Delete(d.Dir, kind, v, rule))
		if kind == retention.Lines {
			d.log.Forget()
		}
	})
}

// deleteKeys deletes keys by the rule of their directory: in any case where v tells
// the time, else if the rule has become shorter.
func (r *expiry) deleteKeys(d *place, v *retention.Verdict, others calendar.Period) {
	keep, lines := r.s.cfg.Keep, r.rule
	r.alone(d, retention.Keys, func() {
		k := &r.keys
		was := k.rule
		var err error
		if k.lease == nil || k.d != d {
			k.lease.Release()
			k.lease, k.rule, err = retention.TakeLease(d.Dir, retention.OfKeys, keep, others)
			k.d = d
		} else {
			k.rule, err = retention.Settle(d.Dir, retention.OfKeys, max(keep, others))
		}
		if err != nil {
			r.s.report.Fault("keep", err, "")
		}
		if v == nil && k.rule < was {
			judged := r.s.judge(d, r.s.cfg.Now().Round(0), shorter(keep, lines))
			v = &judged
		}
		if v != nil && k.rule > 0 {
			r.report(retention.Delete(d.Dir, retention.Keys, *v, k.rule))
		}
	})
}

// alone runs do in a goroutine of its own, unless an earlier one of that kind is
// still at it, and waits for it a moment.
func (r *expiry) alone(d *place, kind retention.Kind, do func()) {
	done, ok := d.Use()
	if !ok {
		return
	}
	if !r.busy[kind].CompareAndSwap(false, true) {
		done()
		r.failed.Store(true)
		r.s.report.Say("delete "+kind.String(), fmt.Sprintf("%s: the disk does not answer: expired %s are not deleted yet", r.s.cfg.Path, kind))
		return
	}
	waitFor(deletePatience, func() {
		defer done()
		defer r.busy[kind].Store(false)
		do()
	})
}

// waitFor runs do in a goroutine, and waits for it for as long as patience. It
// reports whether do has ended.
func waitFor(patience time.Duration, do func()) bool {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		do()
	}()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-ended:
		return true
	case <-timeout.C:
		return false
	}
}

func (r *expiry) report(p retention.Purged) {
	for _, err := range p.Errs {
		r.failed.Store(true)
		r.s.report.Fault("purge", err, "")
	}
}

// end gives the leases up: what this process keeps longer than others need not be
// kept any more.
func (r *expiry) end() {
	close(r.stop)
	select {
	case r.work <- struct{}{}: // for good: there is no other look
	case <-time.After(deletePatience):
		return // a disk hangs: the end of the process does it
	}
	r.lease.Release()
	if r.busy[retention.Keys].CompareAndSwap(false, true) {
		r.keys.lease.Release()
	}
}

// judge takes in the time, and sets the window that lines are placed by.
func (s *Store) judge(d *place, now time.Time, keep calendar.Period) retention.Verdict {
	v, err := d.clock.Judge(now, keep, false)
	if err != nil {
		s.report.Fault("purge", err, "")
	}
	if until := v.Window.DoubtUntil; !until.IsZero() {
		s.report.Say("doubt", fmt.Sprintf("%s: the clock is far ahead of the last time seen; nothing is deleted before %s", s.cfg.Path, until.Format(time.RFC3339)))
	}
	d.log.SetWindow(v.Window)
	s.window.Store(&v.Window)
	s.mu.Lock()
	for day := range s.keys {
		if day < v.Window.First {
			delete(s.keys, day)
			delete(s.unsure, day)
		}
	}
	s.mu.Unlock()
	s.turn.Add(1)
	return v
}

// readExpiring reads the journals of days before first, which are about to be
// deleted. What they hold goes to the room files when these can be written. It
// reads for two seconds, and goes on with what it has open then.
//
// At midnight all processes on DIR come at the same time, and a large day takes much
// memory. So one reads, and the next when the first has deleted what it read: the
// caller calls unlock then.
func (s *Store) readExpiring(d *dir.Dir, first format.Day) (unlock func()) {
	unlock = lockExpiring(d, first)
	done, ok := d.Use()
	if !ok {
		return unlock
	}
	reading := &s.expiry.reading
	if !reading.CompareAndSwap(false, true) {
		done()
		return // what hangs has been reported
	}
	read := waitFor(readPatience, func() {
		defer done()
		defer reading.Store(false)
		names, err := journalNames(d)
		if err != nil {
			s.report.Fault("journal", err, "")
		}
		for day, names := range names {
			if day >= first {
				continue
			}
			u := newUnion(day, s.cfg.Limits)
			if err := u.follow(d, names); err != nil {
				s.report.Fault("journal", err, "; room counts of "+day.String()+" may be too small")
			}
			s.mu.Lock()
			s.expiring[day] = u
			s.mu.Unlock()
		}
	})
	if !read {
		s.report.Say("expiring", fmt.Sprintf("%s: the journals of expired days were not read in time; their room counts may be too small", s.cfg.Path))
	}
	return unlock
}

// lockExpiring waits for its turn to read the journals of days before first, if there
// are any, but not for a process that was stopped, or a disk that hangs.
func lockExpiring(d *dir.Dir, first format.Day) (unlock func()) {
	done, ok := d.Use()
	if !ok {
		return func() {}
	}
	taken := make(chan func(), 1)
	waitFor(readPatience, func() {
		defer done()
		defer close(taken)
		names, _ := journalNames(d)
		for day := range names {
			if day < first {
				if unlock, err := d.LockExpiring(readPatience); err == nil {
					taken <- unlock
				}
				return
			}
		}
	})
	return func() {
		go func() { // the lock may come yet
			if unlock, ok := <-taken; ok {
				unlock()
			}
		}()
	}
}

// takeExpiring moves the unions of expired days to the others, and late records to
// them. The caller has those to itself.
func (s *Store) takeExpiring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for day, u := range s.expiring {
		u.inherit(s.unions[day])
		s.unions[day] = u
		s.dirty[day] = true
		delete(s.expiring, day)
	}
	s.takeLate()
}

// purgeBelow purges the directories below DIR that record a rule of their own: those
// of other streams, or of loggers that are gone. A logger that lives there purges as
// well, and neither waits for the other.
func (s *Store) purgeBelow(d *dir.Dir, now time.Time, force bool, add func(retention.Purged)) {
	names, err := d.Nested()
	if err != nil {
		add(retention.Purged{Errs: []error{err}})
	}
	for _, name := range names {
		below, err := d.OpenNested(name)
		if err != nil {
			continue
		}
		if retention.HoldsLines(below) { // else it is not hushpipe's
			cfg := s.cfg
			cfg.Path, cfg.Keys, cfg.Keep = filepath.Join(s.cfg.Path, name), "", 0
			one := newStore(cfg)
			one.purgeAll(below, now, force, add)
			if err := one.refresh(below, lockPatience); err != nil {
				add(retention.Purged{Errs: []error{err}})
			}
		}
		below.Close()
	}
	s.purgeMoved(d, now, add)
}

// purgeMoved deletes the keys of other directories than this process uses: of a time
// before --keys, or with another one. Root does nothing by a path that another user
// could have written down; that user's processes do it.
func (s *Store) purgeMoved(d *dir.Dir, now time.Time, add func(retention.Purged)) {
	paths, trusted := registry.KeyDirs(d)
	if !trusted {
		paths = nil
	}
	mine := s.cfg.Keys
	if mine != "" {
		paths = append(paths, "") // that in DIR
		if path, err := filepath.Abs(mine); err == nil {
			mine = path
		}
	}
	for _, path := range paths {
		if path != mine {
			s.purgeKeys(path, now, add)
		}
	}
}

// purgeKeys deletes the keys in a directory, "" for that in DIR.
func (s *Store) purgeKeys(keys string, now time.Time, add func(retention.Purged)) {
	d, err := dir.Open(s.cfg.Path, dir.Options{Keys: keys, Notify: func(msg string) { s.report.Say(msg, msg) }})
	if err != nil {
		return // it is reported where lines are written
	}
	defer d.Close()
	rule, err := retention.Settle(d, retention.OfKeys, registry.KeptByEarlier(d, now))
	if err != nil {
		add(retention.Purged{Errs: []error{err}})
		return
	}
	v, err := retention.NewClock(d).Judge(now, rule, false) // as DIR itself was judged before
	if err != nil {
		add(retention.Purged{Errs: []error{err}})
	}
	add(retention.Delete(d, retention.Keys, v, rule))
}

// purgeAll purges a directory for which no process of this Store works, and those
// below it. add takes what came of it, from several goroutines, perhaps after
// purgeAll has returned.
func (s *Store) purgeAll(d *dir.Dir, now time.Time, force bool, add func(retention.Purged)) retention.Verdict {
	others := s.keptByEarlier(d)
	lines, err := retention.Settle(d, retention.OfLines, others)
	v, judgeErr := retention.NewClock(d).Judge(now, cmp.Or(lines, calendar.DefaultPeriod), force)
	if err = dir.Join(err, judgeErr); err != nil {
		add(retention.Purged{Errs: []error{err}})
	}
	if lines > 0 {
		unlock := s.readExpiring(d, v.First(lines))
		defer unlock()
	}
	var kinds sync.WaitGroup
	for _, kind := range retention.Kinds {
		if kind != retention.Keys && lines == 0 {
			continue // who knows which lines are to live
		}
		kinds.Go(func() {
			s.deleteWithin(d, kind, add, func() retention.Purged {
				rule, err := lines, error(nil)
				if kind == retention.Keys {
					rule, err = retention.Settle(d, retention.OfKeys, others)
				}
				if err != nil && rule == 0 {
					return retention.Purged{Errs: []error{err}}
				}
				p := retention.Delete(d, kind, v, rule)
				if err != nil {
					p.Errs = append(p.Errs, err)
				}
				return p
			})
		})
	}
	kinds.Wait()
	waitFor(deletePatience, func() { s.purgeBelow(d, now, force, add) })
	return v
}

// deleteWithin waits a moment for what do deletes.
func (s *Store) deleteWithin(d *dir.Dir, kind retention.Kind, add func(retention.Purged), do func() retention.Purged) {
	done, ok := d.Use()
	if !ok {
		return
	}
	if !waitFor(deletePatience, func() { defer done(); add(do()) }) {
		add(retention.Purged{Errs: []error{fmt.Errorf("%s: the disk does not answer: expired %s may not be deleted yet", s.cfg.Path, kind)}})
	}
}

// keptByEarlier returns what registry.KeptByEarlier does, and has DIR share its
// locks with such processes.
func (s *Store) keptByEarlier(d *dir.Dir) calendar.Period {
	longest := registry.KeptByEarlier(d, s.cfg.Now())
	d.ShareWithEarlier(longest > 0)
	return longest
}
