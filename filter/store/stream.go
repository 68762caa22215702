package store

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/reveal"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Stream is the calendar for lines that go to standard output: every line is kept,
// under the key of its day if that exists, else under a random key that is never
// stored. Nothing is counted.
type Stream struct {
	Keys *reveal.Reader // nil: no DIR
	Log  func(topic, line string)
	Now  func() time.Time

	throwaway map[civil.Day]*pseudonym.Key
}

// Place returns the line's own day, or today for a line without a date.
func (s *Stream) Place(date civil.Day, dated bool) (civil.Day, calendar.Placement) {
	if !dated {
		return civil.DayOf(s.Now()), calendar.Adjusted
	}
	return date, calendar.Open
}

// Key returns the day's key.
func (s *Stream) Key(day civil.Day, _ calendar.Placement) *pseudonym.Key {
	if key := s.throwaway[day]; key != nil {
		return key
	}
	if s.Keys != nil {
		key, err := s.Keys.Key(day)
		if err == nil {
			return key
		}
		if !errors.Is(err, fs.ErrNotExist) {
			s.Log("key-file", err.Error()+"; using a temporary key")
		}
	}
	if s.throwaway == nil {
		s.throwaway = map[civil.Day]*pseudonym.Key{}
	}
	key := new(pseudonym.Key)
	rand.Read(key[:])
	s.throwaway[day] = key
	return key
}

// Epoch never changes.
func (s *Stream) Epoch() uint64 { return 1 }

// Hasher is nil: nothing is counted.
func (s *Stream) Hasher() *rooms.Hasher { return nil }
