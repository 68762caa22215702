package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/filter/registry"
	"hushpipe/filter/retention"
	"hushpipe/filter/rooms"
	"hushpipe/filter/trafficlog"
	"hushpipe/format/civil"
)

// Result is the outcome of Purge.
type Result struct {
	retention.Purged
	DoubtUntil time.Time // the clock is in doubt: nothing is deleted before this time; zero: no doubt
}

// Purge deletes what is past the retention, also in the directories below DIR that
// record a rule of their own. keep 0 means the rule that DIR records; any other value
// becomes the rule, as if a logger with it had started and ended. Purge waits for locks
// and disks for a few seconds at most; then it updates the room files of all days. If
// there is no key directory, it deletes nothing.
func Purge(at Directory, keep calendar.Period, force bool) (p Result, err error) {
	return purge(Config{Directory: at, Keep: keep, Counts: Counts{Limits: rooms.NoLimits}}, force)
}

func purge(cfg Config, force bool) (p Result, err error) {
	d, err := openToPurge(cfg.Directory)
	if err != nil {
		return p, err
	}
	defer d.Close()
	s := newPurger(cfg, dir.NewReporter(cfg.Log, cfg.Now))
	now := cfg.Now().Round(0)
	if cfg.Keep > 0 {
		others := keptByEarlier(d, now)
		for _, of := range []retention.Ruled{retention.OfLines, retention.OfKeys} {
			lease, _, err := retention.TakeLease(d, of, cfg.Keep, others)
			defer lease.Release()
			if err != nil {
				p.Errs = append(p.Errs, err)
			}
		}
	}
	var results sync.Mutex
	add := func(some retention.Purged) {
		results.Lock()
		defer results.Unlock()
		p.Deleted, p.Errs = append(p.Deleted, some.Deleted...), append(p.Errs, some.Errs...)
	}
	v := s.purge(d, now, force, add)
	s.ledger.Mark(d, counts.FirstDay, counts.LastDay)
	refreshed := s.files.Refresh(d, counts.LockPatience)
	folded := s.files.Fold(d)
	results.Lock()
	defer results.Unlock()
	slices.Sort(p.Deleted)
	p.DoubtUntil = v.Window.DoubtUntil
	return p, dir.Join(append(p.Errs, refreshed, folded)...)
}

// PurgeDay deletes the key, lines and journals of a day that is over. Its room file
// stays. Live processes forget the day; PurgeDay returns those that cannot be told to.
func PurgeDay(at Directory, day civil.Day) (p retention.Purged, holders []registry.Process, err error) {
	if today := civil.DayOf(at.Now()); day >= today {
		return p, nil, fmt.Errorf("%s is not over, lines come for it; hint: give a day before %s", day, today)
	}
	if err := registry.CheckKeys(at.Path, at.Keys); err != nil {
		return p, nil, err
	}
	d, err := openToPurge(at)
	if err != nil {
		return p, nil, err
	}
	defer d.Close()
	p = deleteDay(d, at, day)
	holders, err = registry.Earlier(d)
	return p, holders, dir.Join(append(p.Errs, err)...)
}

func openToPurge(at Directory) (*dir.Dir, error) {
	d, err := dir.Open(at.Path, dir.Options{}) // fails if there is no DIR
	if err != nil {
		return nil, err
	}
	d.Close()
	d, err = dir.Open(at.Path, dir.Options{Keys: at.Keys, Create: true,
		Notify: func(msg string) { at.Log(msg, msg) }})
	if err != nil {
		return nil, err
	}
	if err := checkKeyDir(d, at); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// checkKeyDir returns an error for a DIR that has lines but no key directory: --keys is
// missing.
func checkKeyDir(d *dir.Dir, at Directory) error {
	path := dir.KeyPath(at.Path, at.Keys)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // any other error will be reported later
	}
	names, err := d.Names("")
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, ok := dir.OwnDay("", name); ok {
			return fmt.Errorf("%s: no key directory at %s; hint: give --keys", at.Path, path)
		}
	}
	return nil
}

// purger purges a directory that this process has no Store for.
type purger struct {
	cfg     Config // only the parts that matter to a purge
	report  *dir.Reporter
	verdict retention.Verdict // set by purge
	files   *counts.Files
	ledger  *counts.Ledger
	hits    *trafficlog.Files
}

func newPurger(cfg Config, report *dir.Reporter) *purger {
	p := &purger{cfg: cfg, report: report}
	others := registry.New(registry.Config{Path: cfg.Path, Now: cfg.Now, Report: report}).OthersLive
	window := func() calendar.Window { return p.verdict.Window }
	_, p.files, p.ledger = counts.New(cfg.counting(counts.Config{Window: window, OthersLive: others, Report: report}, knownOnDisk))
	_, p.hits = trafficlog.New(cfg.traffic(window, report, knownOnDisk))
	return p
}

// purgeNested purges the directories below DIR that record a rule of their own: those
// of other streams, or of loggers that no longer run. A logger running there purges
// too; neither waits for the other.
func (p *purger) purgeNested(d *dir.Dir, now time.Time, force bool, add func(retention.Purged)) {
	names, err := d.Nested()
	if err != nil {
		add(retention.Purged{Errs: []error{err}})
	}
	oldest := counts.LastDay
	for _, name := range names {
		below, err := d.OpenNested(name)
		if err != nil {
			continue
		}
		if retention.HasRule(below) { // else it is not hushpipe's
			cfg := p.cfg
			cfg.Path, cfg.Keys, cfg.Traffic = filepath.Join(p.cfg.Path, name), "", nil
			one := newPurger(cfg, dir.NewReporter(cfg.Log, cfg.Now))
			one.purge(below, now, force, add)
			if err := one.files.Refresh(below, counts.LockPatience); err != nil {
				add(retention.Purged{Errs: []error{err}})
			}
		}
		oldest = min(oldest, oldestLine(below))
		below.Close()
	}
	if err == nil {
		var done retention.Purged
		if done.Deleted, err = policies.PurgeTexts(d, oldest, now); err != nil {
			done.Errs = []error{err}
		}
		add(done)
	}
	p.purgeMovedKeys(d, now, add)
}

// oldestLine returns the oldest day that a directory has lines of, or files derived
// from lines.
func oldestLine(d *dir.Dir) civil.Day {
	oldest := counts.LastDay
	names, err := d.Names("")
	if err != nil {
		return counts.FirstDay // it may have any
	}
	for _, name := range names {
		if day, ok := dir.ExpiryDay("", name); ok {
			oldest = min(oldest, day)
		}
	}
	return oldest
}

// purgeMovedKeys deletes expired keys in key directories that processes used before
// --keys was given or changed. Root never follows a path that another user could have
// recorded; that user's own processes do.
func (p *purger) purgeMovedKeys(d *dir.Dir, now time.Time, add func(retention.Purged)) {
	paths, trusted := registry.KeyDirs(d)
	if !trusted {
		paths = nil
	}
	mine := p.cfg.Keys
	if mine != "" {
		paths = append(paths, "") // DIR/keys
		if path, err := filepath.Abs(mine); err == nil {
			mine = path
		}
	}
	for _, path := range paths {
		if path != mine {
			p.purgeKeysAt(path, now, add)
		}
	}
}

// purgeKeysAt deletes expired keys in the directory keys, "" for DIR/keys.
func (p *purger) purgeKeysAt(keys string, now time.Time, add func(retention.Purged)) {
	d, err := dir.Open(p.cfg.Path, dir.Options{Keys: keys, Notify: func(msg string) { p.report.Log(msg, msg) }})
	if err != nil {
		return // the process that writes lines reports it
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

// purge purges a directory and those below it. It passes results to add, from several
// goroutines, perhaps after purge has returned.
func (p *purger) purge(d *dir.Dir, now time.Time, force bool, add func(retention.Purged)) retention.Verdict {
	others := keptByEarlier(d, now)
	lines, err := retention.Settle(d, retention.OfLines, others)
	v, judgeErr := retention.NewClock(d).Judge(now, cmp.Or(lines, calendar.DefaultPeriod), force)
	if err = dir.Join(err, judgeErr); err != nil {
		add(retention.Purged{Errs: []error{err}})
	}
	p.verdict = v
	if lines > 0 {
		bounds, _, _ := retention.ReadBounds(d) // retention.Delete reports the error
		first := v.FirstKept(bounds, v.First(lines))
		p.verdict.Window.First = max(v.Window.First, first)
		defer p.ledger.ReadExpiring(d, first)()
		expireTraffic(d, p.hits, first, p.report, p.cfg.Path)
	}
	var kinds sync.WaitGroup
	for _, kind := range retention.Kinds {
		if kind != retention.Keys && lines == 0 {
			continue // without a rule, no lines are known to be expired
		}
		kinds.Go(func() {
			p.deleteWithin(d, kind, add, func() retention.Purged {
				rule, err := lines, error(nil)
				if kind == retention.Keys {
					rule, err = retention.Settle(d, retention.OfKeys, others)
				}
				if err != nil && rule == 0 {
					return retention.Purged{Errs: []error{err}}
				}
				done := retention.Delete(d, kind, v, rule)
				if err != nil {
					done.Errs = append(done.Errs, err)
				}
				return done
			})
		})
	}
	kinds.Go(func() { p.deleteWithin(d, retention.Lines, add, func() retention.Purged { return p.endGroups(d) }) })
	kinds.Wait()
	dir.WaitFor(retention.DeletePatience, func() { p.purgeNested(d, now, force, add) })
	return v
}

// deleteWithin runs do, and waits for it at most retention.DeletePatience.
func (p *purger) deleteWithin(d *dir.Dir, kind retention.Kind, add func(retention.Purged), do func() retention.Purged) {
	done, ok := d.Use()
	if !ok {
		return
	}
	if !dir.WaitFor(retention.DeletePatience, func() { defer done(); add(do()) }) {
		add(retention.Purged{Errs: []error{fmt.Errorf("%s: the disk does not answer: expired %s may not be deleted yet", p.cfg.Path, kind)}})
	}
}

// keptByEarlier is registry.KeptByEarlier. It also has DIR share its locks with these
// processes.
func keptByEarlier(d *dir.Dir, now time.Time) calendar.Period {
	longest := registry.KeptByEarlier(d, now)
	d.ShareWithEarlier(longest > 0)
	return longest
}
