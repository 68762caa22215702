package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTrafficBesideOthers: the process that writes the room files may be one that counts
// no traffic; another then writes the files of the traffic.
func TestTrafficBesideOthers(t *testing.T) {
	b := newBed(t)
	other := b.open()
	b.process(line(today, "192.0.2.1", "a")) // the other has the lock of the room files
	b.pass(other, time.Minute)
	b.countTraffic()
	s := b.open()
	f := b.hitFilter(s)
	b.feedHits(f, s, hitLine(today, 36000, 1, 1))
	b.pass(s, time.Minute)
	assert.Contains(t, b.figures(today), "total 1 1 101 1 1 people\n")
	b.feedHits(f, s, hitLine(today, 36001, 2, 2))
	require.NoError(t, s.Close())
	assert.Contains(t, b.figures(today), "total 2 2 203 2 2 people\n", "at the end")
	require.NoError(t, other.Close())
}

// TestTrafficOfAnEndedWriter: who ends leaves its figures to the process that writes the
// files, and that looks once more when it ends itself.
func TestTrafficOfAnEndedWriter(t *testing.T) {
	b := newTrafficBed(t)
	writer, s := b.open(), b.open()
	b.pass(writer, time.Minute)
	b.feedHits(b.hitFilter(s), s, hitLine(today, 36000, 1, 1))
	require.NoError(t, s.Close())
	assert.Equal(t, none, b.figures(today))
	require.NoError(t, writer.Close())
	assert.Contains(t, b.figures(today), "total 1 1 101 1 1 people\n")

	b.cfg.Finish = true // somebody waits for the figures
	writer = b.open()
	b.pass(writer, time.Minute)
	b.hits(hitLine(today, 36001, 2, 2))
	assert.Contains(t, b.figures(today), "total 2 2 203 2 2 people\n")
	require.NoError(t, writer.Close())
}
