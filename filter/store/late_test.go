package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
)

// TestFullDiskAcrossExpiry: journals are refused until their day is deleted. What was
// counted gets into the room file, which is for good; where another process counted
// on that day as well, the file is marked as a lower bound, and that is reported.
func TestFullDiskAcrossExpiry(t *testing.T) {
	const lowerBound = "; they are a lower bound"
	for _, tt := range []struct {
		name    string
		first   string // of a process that has ended
		beside  bool   // another one lives
		midway  bool   // the journals are refused from the middle of the day on
		rooms   string
		partial bool
	}{
		{name: "alone", rooms: "200 c\n"},
		{name: "journals refused later", midway: true, rooms: "200 c\n"},
		{name: "after another", first: users(today, "c", 190, 210), rooms: "210 c\n"},
		{name: "beside another", beside: true, rooms: "200 c\n", partial: true},
		{name: "of a day without rooms", rooms: ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			b.cfg.Keep = 1
			if tt.first != "" {
				b.process(tt.first)
			}
			if tt.beside {
				other := b.open()
				defer other.Close()
			}
			s := b.open()
			lines := users(today, "c", 1, 200)
			if tt.rooms == "" {
				lines = string(bytes.ReplaceAll([]byte(lines), []byte("room="), []byte("x=")))
			}
			if tt.midway {
				b.feed(b.newFilter(s), s, users(today, "c", 1, 10))
			}
			allow := b.refuseJournals()
			b.feed(b.newFilter(s), s, lines)
			b.pass(s, 3*time.Minute)
			allow() // too late: midnight is next
			b.set(noon.Add(12 * time.Hour))
			b.tick(s)
			b.pass(s, 2*time.Minute)
			require.NoError(t, s.Close())
			assert.Equal(t, tt.rooms, b.rooms(today))
			assert.FileExists(t, b.path(dir.Rooms, dir.RoomFile(today)))
			_, err := os.Stat(b.path(dir.Rooms, dir.PartialMark(today)))
			assert.Equal(t, tt.partial, err == nil, "the mark")
			if said := b.heard(); tt.partial {
				assert.Contains(t, said, lowerBound)
			} else {
				assert.NotContains(t, said, lowerBound)
			}
		})
	}
}

// refuseJournals makes it impossible to write journals for a while.
func (b *bed) refuseJournals() (allow func()) {
	path := b.path(dir.Journal)
	err := os.Rename(path, path+".away")
	was := err == nil
	require.True(b, was || errors.Is(err, fs.ErrNotExist), err)
	require.NoError(b, os.WriteFile(path, nil, 0o640))
	return func() {
		require.NoError(b, os.Remove(path))
		if was {
			require.NoError(b, os.Rename(path+".away", path))
		}
	}
}

// What cannot get into the room file is an error at the end.
func TestLateCountsThatCannotBeWritten(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 1
	s := b.open()
	s.Count(today-1, s.Key(today, calendar.Open).ID(), record("a", 1))
	require.NoError(t, os.RemoveAll(b.path(dir.Rooms)))
	require.NoError(t, os.WriteFile(b.path(dir.Rooms), nil, 0o640))
	b.pass(s, time.Minute)
	assert.Contains(t, b.heard(), b.path(dir.Rooms))
	err := s.Close()
	assert.ErrorContains(t, err, b.path(dir.Rooms))
	b.heard()
}

// A day that is deleted on purpose keeps its counts, also those that wait.
func TestPurgeDayWithRefusedJournals(t *testing.T) {
	b := newBed(t)
	s := b.open()
	allow := b.refuseJournals()
	b.feed(b.newFilter(s), s, users(today-3, "a", 1, 4))
	allow()
	_, _, err := PurgeDay(b.cfg.Directory, today-3)
	require.NoError(t, err)
	b.pass(s, 2*time.Minute)
	require.NoError(t, s.Close())
	assert.Equal(t, "4 a\n", b.rooms(today-3))
	assert.NoFileExists(t, b.path(logFile(today-3)))
	b.heard()
}
