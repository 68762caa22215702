package retention

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/turn"
	"hushpipe/format/civil"
)

const (
	// settlePatience is how long a check waits for the rules. Waiting for a lock that
	// another process holds takes more than a second of it.
	settlePatience = 3 * time.Second
	// DeletePatience is how long a check waits for deletions. They continue in the
	// background after that.
	DeletePatience = 3 * time.Second
	// retry is the delay before the next attempt while DIR cannot be opened.
	retry = time.Second
)

// Target is one opening of DIR, as a Keeper purges it. The Keeper calls its methods
// from several goroutines.
type Target interface {
	// At returns DIR.
	At() *dir.Dir
	// Judge judges the time, and sets the window by which lines kept for keep are
	// assigned to days.
	Judge(now time.Time, keep calendar.Period) Verdict
	// SetBounds applies the bounds that DIR records to lines written from now on.
	SetBounds(b calendar.Bounds)
	// KeptByOthers returns the longest period of live processes that take no leases, 0
	// if there are none.
	KeptByOthers() calendar.Period
	// ReadExpiring counts the days past the rule, which are deleted next, as far as
	// they can be read in time. Rule 0 deletes nothing. The caller calls unlock after
	// the deletion.
	ReadExpiring(v Verdict, rule calendar.Period) (unlock func())
	// CloseDeleted closes files of lines that were deleted.
	CloseDeleted()
	// PurgeNested purges the directories below DIR.
	PurgeNested(now time.Time, add func(Purged))
}

// KeeperConfig configures a Keeper.
type KeeperConfig struct {
	Path   string          // DIR
	Keep   calendar.Period // of this process
	Now    func() time.Time
	Target func() Target // returns nil while DIR cannot be opened
	Report *dir.Reporter
}

// Keeper deletes what is past its period. It runs independently of the lines: it waits
// for none of their goroutines, and for no lock except that of another process that is
// reading expiring journals, for two seconds. It waits for the disk only in goroutines
// that nothing else waits for, one for each kind of file.
type Keeper struct {
	cfg      KeeperConfig
	wake     chan struct{} // makes Run check at once
	stop     chan struct{}
	keep     atomic.Int64 // days: cfg.Keep, or a shorter period
	settling dir.Slot
	busy     [4]atomic.Bool // by Kind: a deletion is running
	failed   atomic.Bool    // a deletion failed: the next check tries again
	nesting  atomic.Bool    // the directories below DIR are being purged

	checking turn.Mutex // guards what follows
	last     lastCheck

	keys keyRule // belongs to the goroutine that deletes keys
}

// lastCheck is what the previous check found.
type lastCheck struct {
	target Target
	lease  *Lease
	keep   calendar.Period // of the lease
	rule   calendar.Period // of the lines; 0: unknown
	others calendar.Period // the longest of processes that take no leases
	bounds string          // as recorded in DIR
	purged time.Time
	day    civil.Day
	hour   int
}

// keyRule is the state of the goroutine that deletes keys.
type keyRule struct {
	target Target
	lease  *Lease
	keep   calendar.Period // of the lease
	rule   calendar.Period
}

// NewKeeper returns a Keeper; call Run to start it.
func NewKeeper(cfg KeeperConfig) *Keeper {
	r := &Keeper{cfg: cfg, settling: dir.NewSlot(), wake: make(chan struct{}, 1), stop: make(chan struct{}), checking: turn.New()}
	r.keep.Store(int64(cfg.Keep))
	return r
}

// Keep returns the period of this process.
func (r *Keeper) Keep() calendar.Period { return calendar.Period(r.keep.Load()) }

// Shorten makes this process keep files for a shorter period from now on. It reports
// whether keep is shorter.
func (r *Keeper) Shorten(keep calendar.Period) bool {
	for {
		was := r.keep.Load()
		if int64(keep) >= was {
			return false
		}
		if r.keep.CompareAndSwap(was, int64(keep)) {
			r.Wake()
			return true
		}
	}
}

// Run checks once a minute and at each midnight, until Close.
func (r *Keeper) Run() {
	for {
		next := time.NewTimer(r.Check())
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

// Wake makes Run check at once.
func (r *Keeper) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// PurgeSoon makes Run check and purge at once.
func (r *Keeper) PurgeSoon() {
	r.failed.Store(true)
	r.Wake()
}

// Check reads the rules, purges hourly, at each change of day and whenever a period has
// become shorter, and returns the delay until the next check.
func (r *Keeper) Check() time.Duration {
	r.checking.Lock()
	defer r.checking.Unlock()
	t := r.cfg.Target()
	if t == nil {
		return retry
	}
	done, ok := t.At().Use()
	if !ok {
		return retry
	}
	defer done()
	// Drop the monotonic reading, which stands still while a machine is suspended.
	now := r.cfg.Now().Round(0)
	today := civil.DayOf(now)
	last := &r.last
	anew := t != last.target
	bounds := last.bounds
	rule, others := r.settle(t)
	since := now.Sub(last.purged)
	if anew || rule < last.rule || r.failed.Swap(false) || since >= time.Hour || since < 0 || today != last.day || now.Hour() != last.hour || bounds != last.bounds {
		last.purged, last.day, last.hour = now, today, now.Hour()
		r.purge(t, now, rule, others)
	} else {
		r.deleteKeys(t, nil, others)
	}
	last.target, last.rule = t, rule
	if rule == 0 {
		r.failed.Store(true)
	}
	return calendar.UntilNextCheck(now)
}

// settled is the result of settle's reading of DIR.
type settled struct {
	lease        *Lease
	rule, others calendar.Period
	bounds       calendar.Bounds
	err          error
}

// settle returns the rule of the lines, and the longest period of processes that take
// no leases. If DIR does not respond, it returns the previous values; without those,
// the rule is 0, since another process may keep lines for longer than this one.
func (r *Keeper) settle(t Target) (rule, others calendar.Period) {
	last, d, keep := &r.last, t.At(), r.Keep()
	if last.keep != keep { // otherwise the longer lease would count
		last.lease.Release()
		last.lease = nil
	}
	anew := t != last.target || last.lease == nil
	answer, ok := dir.Within(d, r.settling, settlePatience, func() (a settled) {
		a.others = t.KeptByOthers()
		if anew {
			a.lease, a.rule, a.err = TakeLease(d, OfLines, keep, a.others)
		} else {
			a.rule, a.err = Settle(d, OfLines, max(keep, a.others))
		}
		a.bounds, _, _ = ReadBounds(d) // Delete reports the error
		return a
	})
	if !ok && t == last.target {
		return last.rule, last.others
	} else if !ok {
		return 0, 0
	}
	last.others = answer.others
	if text := string(answer.bounds.AppendText(nil)); anew || text != last.bounds {
		last.bounds = text
		t.SetBounds(answer.bounds)
	}
	if answer.err != nil {
		r.cfg.Report.Fault("keep", answer.err, "")
	}
	if anew {
		last.lease.Release()
		last.lease, last.keep = answer.lease, keep
	}
	return answer.rule, answer.others
}

// shorter returns the shorter of a period and a rule; rule 0 is unknown.
func shorter(keep, rule calendar.Period) calendar.Period {
	if 0 < rule && rule < keep {
		return rule
	}
	return keep
}

// purge deletes what is past the rule, and sets the window that assigns lines to days.
// Without a known rule, lines stay. Expiring journals are counted first, as far as they
// can be read in time.
func (r *Keeper) purge(t Target, now time.Time, rule, others calendar.Period) {
	v := t.Judge(now, shorter(r.Keep(), rule))
	defer t.ReadExpiring(v, rule)()
	var kinds sync.WaitGroup
	for _, kind := range Kinds {
		if kind == Keys {
			kinds.Go(func() { r.deleteKeys(t, &v, others) })
		} else if rule > 0 {
			kinds.Go(func() { r.delete(t, kind, v, rule) })
		}
	}
	if r.nesting.CompareAndSwap(false, true) {
		kinds.Go(func() {
			dir.WaitFor(DeletePatience, func() {
				defer r.nesting.Store(false)
				t.PurgeNested(now, r.report)
			})
		})
	}
	kinds.Wait()
}

// delete deletes the files of one kind, unless a deletion of that kind is running.
func (r *Keeper) delete(t Target, kind Kind, v Verdict, rule calendar.Period) {
	r.runAlone(t, kind, func() {
		r.report(Delete(t.At(), kind, v, rule))
		if kind == Lines {
			t.CloseDeleted()
		}
	})
}

// deleteKeys deletes keys by the rule of their directory: always if v is set, otherwise
// only if the rule has become shorter.
func (r *Keeper) deleteKeys(t Target, v *Verdict, others calendar.Period) {
	keep, lines, d := r.Keep(), r.last.rule, t.At()
	r.runAlone(t, Keys, func() {
		k := &r.keys
		was := k.rule
		var err error
		if k.lease == nil || k.target != t || k.keep != keep {
			k.lease.Release()
			k.lease, k.rule, err = TakeLease(d, OfKeys, keep, others)
			k.target, k.keep = t, keep
		} else {
			k.rule, err = Settle(d, OfKeys, max(keep, others))
		}
		if err != nil {
			r.cfg.Report.Fault("keep", err, "")
		}
		if v == nil && k.rule < was {
			judged := t.Judge(r.cfg.Now().Round(0), shorter(keep, lines))
			v = &judged
		}
		if v != nil && k.rule > 0 {
			r.report(Delete(t.At(), Keys, *v, k.rule))
		}
	})
}

// runAlone runs do in its own goroutine, and waits for it at most DeletePatience. If an
// earlier one of that kind is still running, it only reports that.
func (r *Keeper) runAlone(t Target, kind Kind, do func()) {
	done, ok := t.At().Use()
	if !ok {
		return
	}
	if !r.busy[kind].CompareAndSwap(false, true) {
		done()
		r.failed.Store(true)
		r.cfg.Report.Log("delete "+kind.String(), fmt.Sprintf("%s: the disk does not answer: expired %s are not deleted yet", r.cfg.Path, kind))
		return
	}
	dir.WaitFor(DeletePatience, func() {
		defer done()
		defer r.busy[kind].Store(false)
		do()
	})
}

func (r *Keeper) report(p Purged) {
	for _, err := range p.Errs {
		r.failed.Store(true)
		r.cfg.Report.Fault("purge", err, "")
	}
}

// Close stops Run and releases the leases: files that only this process keeps so long
// may expire.
func (r *Keeper) Close() {
	close(r.stop)
	if !r.checking.LockWithin(DeletePatience) { // never unlocked: no check follows
		return // a disk hangs; the leases end with the process
	}
	r.last.lease.Release()
	if r.busy[Keys].CompareAndSwap(false, true) {
		r.keys.lease.Release()
	}
}
