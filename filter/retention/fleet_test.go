package retention_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hushpipe/filter/loggertest"
	. "hushpipe/filter/retention"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/fleet/ratchet"
)

// TestFleet: what makes the keys of a fleet opens no day that a purge has deleted, whether
// or not anything else runs. A clock in doubt moves nothing on.
func TestFleet(t *testing.T) {
	d, said := loggertest.New(t)
	begin := ratchet.New(day("2026-11-22"))
	d.Put(t, "fleet/2026-11-22.state", string(begin.Secret[:]))
	d.Put(t, "fleet/name", "meet\n")
	d.Put(t, "access-2026-11-22.log", "")
	left := d.Put(t, "fleet/.hushpipe-0123456789abcdef", string(begin.Secret[:]))
	p := d.Purge(at("2026-11-22 12:00"), 14, false)
	require.Empty(t, p.Errs)
	assert.NoFileExists(t, left, "of a process that was killed")

	p = d.Purge(at("2026-12-30 12:00"), 14, false)
	require.NotZero(t, p.Window.DoubtUntil)
	assert.FileExists(t, filepath.Join(d.Path, "fleet/2026-11-22.state"))

	p = d.Purge(at("2026-11-23 12:00"), 14, false)
	require.Empty(t, p.Errs)
	assert.Equal(t, []string{"fleet/2026-11-22.state"}, p.Deleted)
	chain, err := ratchet.Read(d.Dir)
	require.NoError(t, err)
	want, err := ratchet.Chain{begin}.At(day("2026-11-23"))
	require.NoError(t, err)
	assert.Equal(t, ratchet.Chain{want}, chain)

	p.Purged = DeleteDay(d.Dir, day("2026-11-23"), nil)
	require.Empty(t, p.Errs)
	assert.Equal(t, []string{"fleet/2026-11-23.state"}, p.Deleted, "it would open the day")
	assert.Subset(t, []string{d.Path + "/fleet: others could read this directory (mode 0750): set to 0700"}, *said)
}

// TestKeysOfComingDays: the keys that a fleet makes ahead do not vouch for a clock that is
// ahead as well.
func TestKeysOfComingDays(t *testing.T) {
	d, _ := loggertest.New(t)
	made := at("2026-11-22 12:00")
	for _, name := range []string{"2026-11-10", "2026-11-22", "2026-11-23", "2026-11-24"} {
		path := d.Put(t, "keys/"+name+".key", "0123456789abcdef0123456789abcdef")
		when := made
		if name == "2026-11-10" {
			when = made.Add(time.Hour) // copied
		}
		require.NoError(t, os.Chtimes(path, when, when))
	}
	assert.True(t, made.Equal(NewestKey(d.Dir, time.UTC)))
	p := d.Purge(at("2026-11-25 11:00"), 14, false) // 47 hours after 24 November began
	assert.NotZero(t, p.Window.DoubtUntil)
	assert.Equal(t, 4, len(d.Tree(t)))
}
