package store

import (
	"errors"
	"fmt"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// lineState is how the writing of lines goes.
type lineState struct {
	openErr   error // why there is no DIR
	refused   bool  // lines are refused, as was said
	afterKill bool  // a process was killed just before this one started
	appended  bool  // lines were written
}

// Append writes whole lines to the file of day, see daylog.Log.Append.
func (s *Store) Append(day civil.Day, lines []byte) (int, error) {
	return s.append(dir.Log{Day: day, Hour: dir.AllDay}, lines)
}

// AppendHour writes whole lines to the file of an hour of day, as PlaceHour has it.
func (s *Store) AppendHour(day civil.Day, hour int, lines []byte) (int, error) {
	return s.append(dir.Log{Day: day, Hour: hour}, lines)
}

func (s *Store) append(at dir.Log, lines []byte) (int, error) {
	day := at.Day
	s.lock()
	defer s.unlock()
	d := s.usable()
	if d == nil {
		return 0, s.lines.openErr
	}
	// The file of a day that only a clock just put forward can know would vouch
	// for that clock, so it is questioned before the file is there.
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
		s.report.Say("expired", fmt.Sprintf("%s: lines of %s waited past the retention of their day and were dropped", s.cfg.Path, day))
		return len(lines), nil
	}
	s.noteWritten(d, n, err)
	return n, err
}

// beginLines notes that lines are about to be written, and reports whether they are the
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

// noteWritten notes how the writing of n bytes of lines went.
func (s *Store) noteWritten(d *place, n int, err error) {
	if n > 0 {
		s.gauges.Wrote(s.cfg.Now())
	}
	switch {
	case err == nil:
		if s.lines.refused {
			s.lines.refused = false
			s.report.Refuse(nil)
			s.report.Say("recovered", fmt.Sprintf("%s: writing lines again", s.cfg.Path))
		}
	default:
		s.lines.refused = true
		s.report.Refuse(err)
		s.report.Say("append", err.Error()+"; lines wait in memory")
		if errors.Is(err, dir.ErrRemoved) || d.Moved() {
			s.reopen(d)
		}
	}
}
