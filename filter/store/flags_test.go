package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
)

// TestPurgeShortensFlags: the log of flags goes with the lines that were treated by them.
func TestPurgeShortensFlags(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 30
	b.process(users(today, "a", 1, 1))
	const (
		old    = "2026-10-01T12:00:00Z filter --redact=\"a\"\n"
		next   = "2026-10-10T12:00:00Z filter --redact=\"b\"\n"
		newest = "2026-11-01T12:00:00Z filter --redact=\"c\"\n"
	)
	dirtest.Put(t, b.dir, dir.FlagsLogName, old+next+newest)
	purge := func(keep calendar.Period) string {
		_, err := Purge(b.cfg.Directory, keep, false)
		require.NoError(t, err)
		return b.read(dir.FlagsLogName)
	}
	assert.Equal(t, next+newest, purge(0), "lines of 30 days may come")
	assert.Equal(t, newest, purge(14))
	b.heard()
}
