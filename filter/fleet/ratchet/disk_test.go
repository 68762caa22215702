package ratchet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/need"
	"hushpipe/format/civil"
)

// host is a DIR of one.
type host struct {
	*testing.T
	*dir.Dir
	path string
	said dirtest.Notes
}

func newHost(t *testing.T) *host {
	h := &host{T: t, path: dirtest.Path(t)}
	var err error
	h.Dir, err = dir.Open(h.path, dir.Options{Create: true, Notify: h.said.Add})
	require.NoError(t, err)
	t.Cleanup(func() { h.Dir.Close() })
	return h
}

// give has a seed lie in DIR.
func (h *host) give(s Seed) {
	dirtest.Put(h.T, h.path, dir.SeedName, string(s.AppendText(nil)))
}

func (h *host) adopt(day civil.Day) {
	h.Helper()
	stored := false
	require.NoError(h, Adopt(h.Dir, "meet", day, func(Seed) error {
		stored = true
		assert.FileExists(h, filepath.Join(h.path, dir.SeedName), "a crash now would lose what is stored next")
		return nil
	}))
	require.True(h, stored)
}

func storeNone(Seed) error { return errors.New("there is nothing to be stored") }

func (h *host) chain() Chain {
	h.Helper()
	c, err := Read(h.Dir)
	require.NoError(h, err)
	return c
}

func (h *host) advance(day civil.Day) []string {
	h.Helper()
	deleted, err := Advance(h.Dir, day)
	require.NoError(h, err)
	return deleted
}

// states are the files of Fleet but the name.
func (h *host) states() (names []string) {
	all, err := h.Names(dir.Fleet)
	require.NoError(h, err)
	for _, name := range all {
		if name != dir.FleetName && name != dir.CacheTagName {
			names = append(names, name)
		}
	}
	return names
}

func seedOf(states ...State) Seed { return Seed{Fleet: "meet", States: states} }

// TestAdopt: the seed is read once, and nobody else can read what is made of it.
func TestAdopt(t *testing.T) {
	h := newHost(t)
	require.NoError(t, Adopt(h.Dir, "meet", today, storeNone))

	old := New(today - 5)
	h.give(seedOf(old))
	seed := filepath.Join(h.path, dir.SeedName)
	other := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Link(seed, other))
	h.adopt(today)
	assert.Equal(t, Chain{old.advanceTo(today)}, h.chain(), "moved on before it is written")
	assert.NoFileExists(t, seed)
	left, err := os.ReadFile(other)
	require.NoError(t, err)
	assert.Equal(t, make([]byte, len(left)), left, "overwritten")
	for name, mode := range map[string]os.FileMode{"fleet": os.ModeDir | 0o700, "fleet/2026-11-22.state": 0o600, "fleet/name": 0o600, "fleet/CACHEDIR.TAG": 0o600} {
		info, err := os.Stat(filepath.Join(h.path, name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode(), name)
	}
	assert.Empty(t, h.said)

	// What an operator gives last holds.
	invited := New(today)
	h.give(seedOf(invited))
	h.adopt(today + 1)
	assert.Equal(t, Chain{invited.advanceTo(today + 1)}, h.chain())
	lost := New(today + 4)
	h.give(seedOf(lost)) // of rekey
	h.adopt(today + 1)
	assert.Equal(t, Chain{invited.advanceTo(today + 1), lost}, h.chain())
	again := New(today + 4)
	h.give(seedOf(again))
	h.adopt(today + 1)
	assert.Equal(t, Chain{invited.advanceTo(today + 1), again}, h.chain())
	h.advance(today + 6)
	assert.Equal(t, Chain{again.advanceTo(today + 6)}, h.chain())
}

// TestForeignSeed: what another user gives is no seed.
func TestForeignSeed(t *testing.T) {
	need.Root(t)
	h := newHost(t)
	h.give(seedOf(New(today)))
	require.NoError(t, os.Chown(filepath.Join(h.path, dir.SeedName), 12345, -1))
	err := Adopt(h.Dir, "meet", today, storeNone)
	assert.EqualError(t, err, "read "+h.path+"/fleet-seed: belongs to another user (12345), who can read it; hint: give a seed to the owner of DIR, or to root")
	assert.Empty(t, h.states())
	require.NoError(t, os.Chown(h.path, 12345, -1))
	h.adopt(today)
}

// TestAdoptAgain: where what a seed brings along could not be stored, the seed stays, and is
// adopted once more.
func TestAdoptAgain(t *testing.T) {
	h := newHost(t)
	s := New(today)
	h.give(seedOf(s))
	full := errors.New("the disk is full")
	assert.ErrorIs(t, Adopt(h.Dir, "meet", today, func(Seed) error { return full }), full)
	assert.FileExists(t, filepath.Join(h.path, dir.SeedName))
	h.adopt(today + 1)
	assert.NoFileExists(t, filepath.Join(h.path, dir.SeedName))
	assert.Equal(t, Chain{s.advanceTo(today + 1)}, h.chain())
}

func TestAdoptRefused(t *testing.T) {
	h := newHost(t)
	other := seedOf(New(today))
	other.Fleet = "other"
	h.give(other)
	err := Adopt(h.Dir, "meet", today, storeNone)
	assert.EqualError(t, err, "read "+h.path+"/fleet-seed: is for the fleet other, not for meet; hint: invite this host to that fleet")
	dirtest.Put(t, h.path, dir.SeedName, seedText[:50])
	err = Adopt(h.Dir, "meet", today, storeNone)
	assert.EqualError(t, err, "read "+h.path+"/fleet-seed: is not a seed of a fleet, or not all of one; hint: make it with hushpipe fleet invite")
	assert.FileExists(t, filepath.Join(h.path, dir.SeedName))
	assert.Empty(t, h.states())

	h.give(seedOf(New(today)))
	h.adopt(today)
	err = Adopt(h.Dir, "other", today, storeNone)
	assert.EqualError(t, err, "read "+h.path+"/fleet/name: it takes part in another fleet than other; hint: to leave that one, remove the directory of this file")
	h.give(other)
	err = Adopt(h.Dir, "other", today, storeNone)
	assert.ErrorContains(t, err, "another fleet")
	assert.Len(t, h.chain(), 1)
}

// TestAdvance: a state is overwritten when its day is over, with copies that an operator
// made, whether or not there is one to go on from.
func TestAdvance(t *testing.T) {
	h := newHost(t)
	assert.Empty(t, h.advance(today), "it is not in a fleet")
	assert.NoDirExists(t, filepath.Join(h.path, dir.Fleet))
	s := New(today)
	h.give(seedOf(s))
	h.adopt(today)
	dirtest.Put(t, h.path, "fleet/2026-11-22.state.bak", "a copy")
	other := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Link(filepath.Join(h.path, "fleet/2026-11-22.state"), other))
	assert.Empty(t, h.advance(today))
	assert.Empty(t, h.advance(today-1))
	assert.Equal(t, []string{"fleet/2026-11-22.state", "fleet/2026-11-22.state.bak"}, h.advance(today+1))
	left, err := os.ReadFile(other)
	require.NoError(t, err)
	assert.Equal(t, make([]byte, 32), left)
	assert.Equal(t, []string{"2026-11-23.state"}, h.states())
	assert.Equal(t, Chain{s.advanceTo(today + 1)}, h.chain())

	// Killed between the steps: both are there, or zeros.
	dirtest.Put(t, h.path, "fleet/2026-11-22.state", string(s.Secret[:]))
	dirtest.Put(t, h.path, "fleet/2026-11-21.state", string(make([]byte, 32)))
	h.advance(today + 2)
	assert.Equal(t, []string{"2026-11-24.state"}, h.states())
	assert.Equal(t, Chain{s.advanceTo(today + 2)}, h.chain())

	// Who has the lock does it.
	unlock, err := h.LockFleet(0)
	require.NoError(t, err)
	assert.Empty(t, h.advance(today+3))
	unlock()
	assert.Len(t, h.advance(today+400), 1, "a machine that was off")
	assert.Equal(t, Chain{s.advanceTo(today + 400)}, h.chain())
}

// TestExposed: what others could read opens the days to come as well.
func TestExposed(t *testing.T) {
	h := newHost(t)
	h.give(seedOf(New(today), New(today+3)))
	require.NoError(t, os.Chmod(filepath.Join(h.path, dir.SeedName), 0o640))
	h.adopt(today)
	assert.Equal(t, dirtest.Notes{h.path + "/fleet-seed: others could read this seed (mode 0640): make a new one by hushpipe fleet rekey"}, h.said)
	assert.Equal(t, []string{"2026-11-22.state", "2026-11-22.state.exposed", "2026-11-25.state", "2026-11-25.state.exposed"}, h.states())
	h.advance(today + 1)
	h.advance(today + 2)
	assert.Contains(t, h.states(), "2026-11-24.state.exposed")
	h.give(seedOf(New(today + 3)))
	h.adopt(today + 2)
	h.advance(today + 3)
	assert.Equal(t, []string{"2026-11-25.state"}, h.states(), "a new seed ends it")

	require.NoError(t, os.Chmod(filepath.Join(h.path, "fleet/2026-11-25.state"), 0o644))
	h.advance(today + 4)
	assert.Contains(t, h.states(), "2026-11-26.state.exposed")
}

// TestPlanted: what somebody put in a state's place is neither read nor followed.
func TestPlanted(t *testing.T) {
	h := newHost(t)
	h.give(seedOf(New(today)))
	h.adopt(today)
	for i, plant := range []func(path string) error{
		func(path string) error { return os.Symlink("/etc/passwd", path) },
		func(path string) error { return os.Mkdir(path, 0o700) },
		func(path string) error { return os.WriteFile(path, []byte("short"), 0o600) },
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			path := filepath.Join(h.path, "fleet/2026-11-23.state")
			require.NoError(t, plant(path))
			c, err := Read(h.Dir)
			assert.ErrorContains(t, err, "2026-11-23.state")
			_, err = c.At(today)
			assert.NoError(t, err, "the other state is good")
			_, err = c.At(today + 1)
			assert.EqualError(t, err, "2026-11-23: the state of the fleet cannot be read; hint: invite this host anew")
			assert.Equal(t, Chain{c[0]}, c.From(today))
			require.NoError(t, os.Remove(path))
		})
	}
	assert.Len(t, h.advance(today+1), 1)
}

// TestUnreadable: a state that cannot be read keeps none of the others beyond its day, nor
// from being used, and is overwritten as well.
func TestUnreadable(t *testing.T) {
	const short = "does not hold 32 bytes"
	h := newHost(t)
	s := New(today)
	h.give(seedOf(s))
	h.adopt(today)
	dirtest.Put(t, h.path, "fleet/2026-11-21.state", "short")
	deleted, err := Advance(h.Dir, today+1)
	assert.ErrorContains(t, err, short)
	assert.Equal(t, []string{"fleet/2026-11-21.state", "fleet/2026-11-22.state"}, deleted)
	assert.Equal(t, Chain{s.advanceTo(today + 1)}, h.chain())

	dirtest.Put(t, h.path, "fleet/2026-11-24.state", "short") // it may be one of rekey
	deleted, err = Advance(h.Dir, today+2)
	assert.ErrorContains(t, err, short)
	assert.Equal(t, []string{"fleet/2026-11-23.state"}, deleted)
	deleted, err = Advance(h.Dir, today+3)
	assert.ErrorContains(t, err, short)
	assert.Equal(t, []string{"fleet/2026-11-24.state"}, deleted)
	assert.Empty(t, h.states())
}
