package store

import (
	"fmt"
	"sync/atomic"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/daylog"
	"hushpipe/filter/dir"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
)

// place is one opening of DIR with its log and clock. It is the Target of the Keeper.
type place struct {
	*dir.Dir
	log   *daylog.Log
	clock *retention.Clock
	store *Store

	unrecorded atomic.Bool                     // the bounds of this process are not in DIR yet
	bounds     atomic.Pointer[calendar.Bounds] // the bounds in force
}

func (p *place) close() error {
	p.log.Close()
	return p.Close()
}

func (p *place) At() *dir.Dir { return p.Dir }

func (p *place) Judge(now time.Time, keep calendar.Period) retention.Verdict {
	v, err := p.clock.Judge(now, keep, false)
	s := p.store
	if err != nil {
		s.report.Fault("purge", err, "")
	}
	if until := v.Window.DoubtUntil; !until.IsZero() {
		s.report.Log("doubt", fmt.Sprintf("%s: the clock is far ahead of the last time seen; nothing is deleted before %s", s.cfg.Path, until.Format(time.RFC3339)))
	}
	if s.cfg.Bounds != nil {
		v.Bounds = *s.cfg.Bounds
	}
	bounds := *p.bounds.Load()
	past := func(l dir.Log) bool { return v.Past(bounds, l) }
	p.log.SetWindow(v.Window)
	p.log.SetPast(past)
	s.window.Store(&v.Window)
	s.firstKept.Store(int64(v.FirstKept(bounds, v.Window.First)))
	over := func(day civil.Day) bool { return v.Past(bounds, retention.LastOf(day, bounds)) }
	s.dayPast.Store(&over)
	s.logPast.Store(&past)
	s.keys.Expire(v.Window.First, func(day civil.Day) bool { return !bounds.Shared && over(day) })
	s.changed()
	return v
}

// recordBounds records the bounds of this process in DIR, or reads those recorded
// there.
func (p *place) recordBounds() {
	b := p.store.cfg.Bounds
	if b == nil {
		recorded, _, _ := retention.ReadBounds(p.Dir)
		b = &recorded
	} else if err := retention.RecordBounds(p.Dir, *b, p.store.cfg.Keep); err != nil {
		p.unrecorded.Store(true)
		p.store.report.Fault("keep", err, "")
	} else {
		p.unrecorded.Store(false)
	}
	p.SetBounds(*b)
}

// SetBounds applies the bounds of a newer policy. If that has no bound in entries but
// this process does, lines still go into segments.
func (p *place) SetBounds(b calendar.Bounds) {
	if own := p.store.cfg.Bounds; own != nil && p.unrecorded.Load() {
		b = *own
	} else if own != nil && b.Entries == 0 {
		b.Entries = own.Entries
	}
	p.bounds.Store(&b)
	p.log.SetBounds(b)
}

func (p *place) KeptByOthers() calendar.Period { return keptByEarlier(p.Dir, p.store.cfg.Now()) }

func (p *place) ReadExpiring(v retention.Verdict, rule calendar.Period) (unlock func()) {
	unlock = func() {}
	if rule > 0 {
		first := v.FirstKept(*p.bounds.Load(), v.First(rule))
		unlock = p.store.ledger.ReadExpiring(p.Dir, first)
		p.store.expireTraffic(p, first)
		p.store.expireGroups(p, first)
	}
	p.store.ledger.ReadUntil(p.store.counted().First)
	return unlock
}

func (p *place) CloseDeleted() { p.log.Forget() }

func (p *place) PurgeNested(now time.Time, add func(retention.Purged)) {
	newPurger(p.store.cfg, p.store.report).purgeNested(p.Dir, now, false, add)
}
