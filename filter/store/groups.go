package store

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/daylog"
	"hushpipe/filter/dir"
	"hushpipe/filter/groups"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
)

// grouping is the groups of lines and the goroutine that maintains them.
type grouping struct {
	*groups.Groups
	wake chan struct{} // lines were held, or people were counted
	stop chan struct{}
	once sync.Once
}

// pause is the shortest time between two rounds over the groups.
const pause = time.Second

// groupsOf returns the groups of the directory in cfg.
func (cfg Config) groupsOf(g groups.Config) *groups.Groups {
	g.Path, g.Least, g.Limits, g.Now = cfg.Path, cfg.Least, cfg.Limits, cfg.Now
	return groups.New(g)
}

func (s *Store) initGroups() {
	if s.cfg.Least == 0 {
		return
	}
	s.groups = &grouping{wake: make(chan struct{}, 1), stop: make(chan struct{}),
		Groups: s.cfg.groupsOf(groups.Config{Window: s.span, Past: s.isPast, Bound: s.bound, Report: s.report,
			Withheld: s.registry.NoteWithheld, Repeated: s.registry.NoteReleasedAgain})}
}

// bound applies the Store's window and bounds to another log.
func (s *Store) bound(l *daylog.Log) {
	l.SetWindow(s.span())
	l.SetPast(s.isPast)
	l.OnDayEmpty(s.keeper.PurgeSoon)
	if d := s.dir.Load(); d != nil {
		l.SetBounds(*d.bounds.Load())
	}
}

// Groups returns the groups of lines, nil if no lines are held back.
func (s *Store) Groups() *groups.Groups {
	if s.groups == nil {
		return nil
	}
	return s.groups.Groups
}

// startGroups releases and deletes what became due while no process ran.
func (s *Store) startGroups(d *place) {
	if done, ok := d.Use(); ok && s.groups != nil {
		dir.WaitFor(patience, func() {
			defer done()
			s.groups.Round(d.Dir)
		})
	}
}

// runGroups runs a round over the groups once a minute, and soon after lines were held.
func (s *Store) runGroups() {
	for {
		now := s.cfg.Now()
		next := time.NewTimer(untilDeadline(now))
		select {
		case <-s.groups.wake:
			next.Stop()
		case <-next.C:
		case <-s.groups.stop:
			next.Stop()
			return
		}
		if d := s.dir.Load(); d != nil {
			if done, ok := d.Use(); ok {
				s.groups.Round(d.Dir)
				done()
			}
		}
		select {
		case <-time.After(pause):
		case <-s.groups.stop:
			return
		}
	}
}

// expireGroups counts the held lines that are about to be deleted, as far as it can
// read them in time.
func (s *Store) expireGroups(d *place, first civil.Day) {
	if s.groups == nil {
		return
	}
	done, ok := d.Use()
	if !ok {
		return
	}
	if !dir.WaitFor(expirePatience, func() {
		defer done()
		if err := s.groups.EndPast(d.Dir, first); err != nil && !errors.Is(err, dir.ErrLocked) {
			s.report.Fault("held", err, "")
		}
	}) {
		s.report.Log("held-expiring", fmt.Sprintf("%s: expired held lines were not read in time; fewer may be counted as withheld", s.cfg.Path))
	}
}

// untilDeadline returns the time to the next round: a minute, or less if yesterday's
// held lines are deleted before that.
func untilDeadline(now time.Time) time.Duration {
	left := groups.Deadline(civil.DayOf(now)-1, now.Location()).Sub(now)
	if left <= 0 || left > minute {
		return minute
	}
	return max(left, time.Millisecond)
}

// CountPeople counts people in groups, from records that the filter made; see filter.Holder.
func (s *Store) CountPeople(day civil.Day, keyID [8]byte, records []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var d *dir.Dir
	if p := s.dir.Load(); p != nil {
		d = p.Dir
	}
	s.groups.CountPeople(d, day, keyID, records)
	s.wakeGroups()
}

// Hold writes held lines, see groups.Groups.Hold.
func (s *Store) Hold(day civil.Day, hour int, lines []byte) (rest []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.usable()
	if d == nil {
		return lines, s.lines.openErr
	}
	s.beginLines()
	all := len(lines)
	rest, err = s.groups.Hold(d.Dir, d.log, dir.Log{Day: day, Hour: hour}, lines)
	s.noteWritten(d, all-len(rest), err)
	s.wakeGroups()
	return rest, err
}

func (s *Store) wakeGroups() {
	select {
	case s.groups.wake <- struct{}{}:
	default:
	}
}

func (s *Store) flushGroups(d *place) error {
	if s.groups == nil {
		return nil
	}
	return s.groups.Flush(d.Dir)
}

// endGroups deletes the held lines of days that are over.
func (p *purger) endGroups(d *dir.Dir) (done retention.Purged) {
	cfg := p.cfg
	cfg.Least = 0 // only the journals know
	window := func() calendar.Window { return p.verdict.Window }
	bounds, _, err := retention.ReadBounds(d)
	if err != nil {
		done.Errs = append(done.Errs, err)
	}
	past := func(l dir.Log) bool { return p.verdict.Past(bounds, l) }
	bound := func(l *daylog.Log) {
		l.SetWindow(window())
		l.SetPast(past)
		l.SetBounds(bounds)
	}
	g := cfg.groupsOf(groups.Config{Window: window, Past: past, Bound: bound, Report: p.report,
		Withheld: func(uint64) {}, Repeated: func(*dir.Dir, civil.Day) {}})
	names, err := g.End(d)
	for _, name := range names {
		done.Deleted = append(done.Deleted, dir.Held+"/"+name)
	}
	if err != nil {
		done.Errs = append(done.Errs, err)
	}
	return done
}

// closeGroups runs the last round and closes the groups.
func (s *Store) closeGroups(d *place) error {
	if s.groups == nil {
		return nil
	}
	s.groups.once.Do(func() { close(s.groups.stop) })
	err := dir.Join(s.groups.Flush(d.Dir), s.groups.Round(d.Dir))
	s.groups.Close()
	return err
}
