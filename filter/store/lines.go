package store

import (
	"errors"
	"fmt"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// lineState is the state of writing lines.
type lineState struct {
	openErr   error // why DIR cannot be opened
	refused   bool  // lines are refused, and that has been reported
	afterKill bool  // a process was killed just before this one started: its last batch may come again
	appended  bool  // lines were written
}

// Append writes whole lines to the file of day; see daylog.Log.Append.
func (s *Store) Append(day civil.Day, lines []byte) (int, error) {
	return s.append(dir.Log{Day: day, Hour: dir.AllDay}, lines)
}

// AppendHour writes whole lines to the file of an hour of day; see PlaceHour.
func (s *Store) AppendHour(day civil.Day, hour int, lines []byte) (int, error) {
	return s.append(dir.Log{Day: day, Hour: hour}, lines)
}

func (s *Store) append(at dir.Log, lines []byte) (int, error) {
	day := at.Day
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.usable()
	if d == nil {
		return 0, s.lines.openErr
	}
	// A file dated in the future vouches for the clock. If the clock has just jumped
	// ahead, check it before such a file exists.
	if day > s.window.Load().Today+1 {
		d.Judge(s.cfg.Now().Round(0), s.keeper.Keep())
		s.keeper.Wake()
		s.saveKeysBriefly(d)
	}
	if s.beginLines() {
		if s.lines.afterKill && s.cfg.Replays && d.log.Holds(day, lines) {
			s.registry.NoteRepeated(d.Dir, day)
		}
	}
	if s.cfg.Finish {
		s.registry.NoteReplayed(d.Dir, day)
	}
	n, err := d.log.AppendTo(at, lines)
	if errors.Is(err, calendar.ErrExpired) {
		s.report.Log("expired", fmt.Sprintf("%s: lines of %s waited past the retention of their day and were dropped", s.cfg.Path, day))
		return len(lines), nil
	}
	s.noteWritten(d, n, err)
	return n, err
}

// beginLines is called before lines are written, and reports whether they are the
// first.
func (s *Store) beginLines() bool {
	if s.lines.appended {
		return false
	}
	s.lines.appended = true
	if soon := s.cfg.Now().Round(0).Add(firstRound - minute); soon.Before(s.rounds.lastRun) {
		s.rounds.lastRun = soon
	}
	return true
}

// noteWritten records the result of writing n bytes of lines.
func (s *Store) noteWritten(d *place, n int, err error) {
	if n > 0 {
		s.gauges.SetWritten(s.cfg.Now())
	}
	switch {
	case err == nil:
		if s.lines.refused {
			s.lines.refused = false
			s.report.Refuse(nil)
			s.report.Log("recovered", fmt.Sprintf("%s: writing lines again", s.cfg.Path))
		}
	default:
		s.lines.refused = true
		s.report.Refuse(err)
		s.report.Log("append", err.Error()+"; lines wait in memory")
		if errors.Is(err, dir.ErrRemoved) || d.Moved() {
			s.reopen(d)
		}
	}
}
