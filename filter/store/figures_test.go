package store

import (
	"testing"
	"time"

	"hushpipe/filter/registry"

	"github.com/stretchr/testify/require"
)

// TestFigures: rooms are those of all processes on DIR, and of today.
func TestFigures(t *testing.T) {
	b := newBed(t)
	s := b.open()
	require.Equal(t, registry.Figures{Known: true}, s.Figures(), "there is nothing in an empty DIR")
	f := b.newFilter(s)
	b.feed(f, s, users(today, "a", 1, 3)+users(today-2, "a", 1, 1))
	require.Equal(t, noon.Unix(), s.Figures().LastWrite.Unix())
	b.process(users(today, "a", 3, 4) + users(today, "b", 4, 4))
	b.pass(s, time.Minute)
	b.feed(f, s, users(today, "a", 1, 1))
	b.pass(s, time.Hour)
	got := s.Figures()
	require.Equal(t, 2, got.Rooms)
	require.Equal(t, 5, got.Pairs, "a of 1 to 4, b of 4")
	require.Equal(t, noon.AddDate(0, 0, -2).Truncate(24*time.Hour), got.Oldest)
	require.Equal(t, noon.Add(time.Minute).Unix(), got.LastWrite.Unix())

	b.set(noon.AddDate(0, 0, 1))
	require.Zero(t, s.Figures().Pairs, "of the next day nothing is known yet")
	b.pass(s, time.Hour)
	require.Zero(t, s.Figures().Pairs)
	require.NoError(t, s.Close())
}
