package retention_test

import (
	"strings"
	"testing"

	"hushpipe/filter/loggertest"
	. "hushpipe/filter/retention"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
)

// TestBoundsOfTheNewestPolicy: what a start records holds, also that there are no bounds.
func TestBoundsOfTheNewestPolicy(t *testing.T) {
	d, _ := loggertest.New(t)
	read := func() calendar.Bounds {
		t.Helper()
		b, _, err := ReadBounds(d.Dir)
		require.NoError(t, err)
		return b
	}
	require.NoError(t, RecordBounds(d.Dir, calendar.Bounds{}, 14))
	assert.NotContains(t, d.Tree(t), dir.BoundsName, "nothing is written where there is nothing to say")
	for _, b := range []calendar.Bounds{{Entries: 10_000}, {Entries: 20, Shared: true}, {Entries: 100, PeriodImplied: true}, {}} {
		require.NoError(t, RecordBounds(d.Dir, b, 30))
		assert.Equal(t, b, read())
	}
	assert.Contains(t, d.Tree(t), dir.BoundsName)
}

func TestDamagedBounds(t *testing.T) {
	for text, want := range map[string]calendar.Bounds{
		"entries 100\nmoons 3\n": {Entries: 100},
		"entries 19\n":           {},
		"entries\nformer 3d\n":   {FormerPeriod: 3},
		"former x\n":             {},
		"\n":                     {},
	} {
		d, _ := loggertest.New(t)
		d.Put(t, dir.BoundsName, text)
		b, recorded, err := ReadBounds(d.Dir)
		assert.True(t, recorded)
		assert.ErrorIs(t, err, calendar.ErrBounds, text)
		assert.Equal(t, want, b, text)
		// What can be read holds, and so does the rule.
		d.Put(t, "access-2026-11-08.log", "x\n")
		p := d.Purge(at("2026-11-22 12:00"), 14, true)
		assert.Contains(t, p.Deleted, "access-2026-11-08.log")
		assert.Len(t, p.Errs, 1, "%v", p.Errs)
		require.NoError(t, RecordBounds(d.Dir, calendar.Bounds{Entries: 20}, 14), "the next start writes it anew")
		_, _, err = ReadBounds(d.Dir)
		assert.NoError(t, err)
	}
}

// TestDaysBeforeEntries: lines that were written for some days go after these days, also
// where a later policy has no bound in days.
func TestDaysBeforeEntries(t *testing.T) {
	d, _ := loggertest.New(t)
	lease, _, err := TakeLease(d.Dir, OfLines, 14, 0)
	require.NoError(t, err)
	lease.Release()
	for _, name := range []string{"access-2026-11-08.log", "access-2026-11-09.log", "access-2026-11-08.log.gz", "access-2026-11-01.0001.log"} {
		d.Put(t, name, "line\n")
	}
	require.NoError(t, RecordBounds(d.Dir, calendar.Bounds{Entries: 100, PeriodImplied: true}, calendar.MaxPeriod))
	p := d.Purge(at("2026-11-22 12:00"), calendar.MaxPeriod, true)
	assert.Empty(t, p.Errs)
	assert.Equal(t, []string{"access-2026-11-08.log", "access-2026-11-08.log.gz"}, p.Deleted)
	// A further start forgets nothing.
	lease, _, err = TakeLease(d.Dir, OfLines, calendar.MaxPeriod, 0)
	require.NoError(t, err)
	lease.Release()
	require.NoError(t, RecordBounds(d.Dir, calendar.Bounds{Entries: 200, PeriodImplied: true}, calendar.MaxPeriod))
	p = d.Purge(at("2026-11-23 12:00"), calendar.MaxPeriod, false)
	assert.Equal(t, []string{"access-2026-11-09.log"}, p.Deleted)
}

// TestKeysOfEntries: a day's key goes with its last line, and so does a journal that
// nothing was counted by. Late lines may come for yesterday.
func TestKeysOfEntries(t *testing.T) {
	d, _ := loggertest.New(t)
	d.Put(t, dir.BoundsName, "entries 100\n")
	for _, day := range []string{"2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"} {
		d.Put(t, "keys/"+day+".key", strings.Repeat("k", 32))
		d.Put(t, "journal/"+day+".0123456789abcdef.journal", "")
	}
	d.Put(t, "access-2026-11-19.0001.log", "line\n")
	d.Put(t, "rooms/rooms-2026-11-18.log", "")
	p := d.Purge(at("2026-11-22 12:00"), 30, true)
	assert.Empty(t, p.Errs)
	assert.Equal(t, []string{"keys/2026-11-18.key", "keys/2026-11-20.key", "journal/2026-11-20.0123456789abcdef.journal"}, p.Deleted)

	d.Put(t, dir.BoundsName, "entries 100\nkeys shared\n")
	require.NoError(t, d.Remove("", "access-2026-11-19.0001.log"))
	assert.Empty(t, d.Purge(at("2026-11-22 12:00"), 30, true).Deleted, "another stream has lines under them")

	// A clock that may be wrong deletes nothing.
	d.Put(t, dir.BoundsName, "entries 100\n")
	p = d.Purge(at("2027-11-22 12:00"), 30, false)
	assert.False(t, p.Window.DoubtUntil.IsZero())
	assert.Empty(t, p.Deleted)
	assert.Len(t, d.Purge(at("2026-11-22 13:00"), 30, false).Deleted, 2)
}

// TestEntriesAreTrimmed: where nobody writes, a purge keeps to the number.
func TestEntriesAreTrimmed(t *testing.T) {
	d, _ := loggertest.New(t)
	d.Put(t, dir.BoundsName, "entries 20\n")
	d.Put(t, "access-2026-11-21.log", strings.Repeat("x\n", 15))
	d.Put(t, "access-2026-11-22.0001.log", strings.Repeat("x\n", 10))
	d.Put(t, "access-2026-11-22.0002.log", strings.Repeat("x\n", 10))
	p := d.Purge(at("2026-11-22 12:00"), 30, true)
	assert.Equal(t, []string{"access-2026-11-21.log"}, p.Deleted)
}
