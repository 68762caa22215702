package store

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/filter/registry"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var someFlags = []string{"--ip=mask=20/44", "--format=%h \"%r\"\n=", "--user="}

// TestSettings: the next process can read what a process records; the file is only rewritten
// if it changes, and a process that uses recorded settings leaves it alone.
func TestSettings(t *testing.T) {
	b := newBed(t)
	_, err := registry.ReadSettings(b.dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, b.open().Close()) // that of replay records none
	_, err = registry.ReadSettings(b.dir)
	require.ErrorIs(t, err, fs.ErrNotExist)

	b.cfg.Flags = someFlags
	s1 := b.open()
	got, err := registry.ReadSettings(b.dir)
	require.NoError(t, err)
	assert.Equal(t, registry.Settings{Started: noon, Flags: someFlags, Owner: os.Getuid()}, got)
	info, err := os.Stat(registry.SettingsPath(b.dir))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o640), info.Mode())
	assert.Equal(t, `hushpipe settings 1
started 2026-11-22T12:00:00Z
--ip="mask=20/44"
--format="%h \"%r\"\n="
--user=""
sha256 `, string(b.read(dir.SettingsName))[:len(b.read(dir.SettingsName))-65])

	b.set(noon.Add(time.Hour))
	s2 := b.open()
	again, err := os.Stat(registry.SettingsPath(b.dir))
	require.NoError(t, err)
	assert.True(t, os.SameFile(info, again), "the same flags: it is not written")
	b.cfg.Flags = []string{"--ip=drop"}
	s3 := b.open()
	b.cfg.Flags, b.cfg.Process.Fallback = nil, true
	s4 := b.open()
	for _, s := range []*Store{s1, s2, s4} {
		b.pass(s, time.Minute)
		require.NoError(t, s.Close())
	}
	got, err = registry.ReadSettings(b.dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"--ip=drop"}, got.Flags, "those of the process that started last")
	require.NoError(t, s3.Close())
	b.heard()
}

// TestSettingsOfNewDIR: in a DIR that was deleted and made again, the process that
// started last has the last word, whichever finds it first.
func TestSettingsOfNewDIR(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		b := newBed(t)
		var stores []*Store
		for _, ip := range []string{"--ip=keep", "--ip=drop"} {
			b.cfg.Flags = []string{ip}
			stores = append(stores, b.open())
			b.set(b.cfg.Now().Add(time.Second))
		}
		require.NoError(t, os.RemoveAll(b.dir))
		for _, i := range order {
			b.pass(stores[i], time.Minute)
			stores[i].Append(today, []byte("line\n")) // finds that DIR is gone
			b.pass(stores[i], time.Minute)
		}
		got, err := registry.ReadSettings(b.dir)
		require.NoError(t, err)
		assert.Equal(t, []string{"--ip=drop"}, got.Flags, order)
		b.heard()
	}
}

// TestSettingsFaults: settings that cannot be trusted are none; a start without a
// fault puts good ones in their place where it can.
func TestSettingsFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		harm   func(t *testing.T, path string)
		err    string
		stands bool // also after the next start
	}{
		{"cut", func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 60)) }, "is damaged", false},
		{"empty", func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) }, "is damaged", false},
		{"changed", func(t *testing.T, path string) { edit(t, path, "drop", "keep") }, "is damaged", false},
		{"longer", func(t *testing.T, path string) { edit(t, path, "sha256", strings.Repeat("x", 1<<20)) }, "is damaged", false},
		{"newer", func(t *testing.T, path string) { edit(t, path, "settings 1", "settings 2") }, "by a newer version", false},
		{"of everybody", func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o642)) }, "others can write it", false},
		{"of a group", func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o660)) }, "others can write it", false},
		{"link", func(t *testing.T, path string) {
			require.NoError(t, os.Rename(path, path+"2"))
			require.NoError(t, os.Symlink(path+"2", path))
		}, "is a symbolic link", true},
		{"directory", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o750))
		}, "is not a regular file", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			b.cfg.Flags = []string{"--ip=drop"}
			require.NoError(t, b.open().Close())
			c.harm(t, registry.SettingsPath(b.dir))
			_, err := registry.ReadSettings(b.dir)
			require.ErrorContains(t, err, c.err)
			require.ErrorContains(t, err, registry.SettingsPath(b.dir))
			require.NoError(t, b.open().Close())
			_, err = registry.ReadSettings(b.dir)
			assert.Equal(t, c.stands, err != nil, "%v", err)
			said := b.heard()
			assert.Equal(t, c.stands, strings.Contains(said, "with wrong flags nothing would be written"), said)
		})
	}
}

// TestSettingsTooLong: what cannot be recorded leaves nothing in its place that was
// recorded before.
func TestSettingsTooLong(t *testing.T) {
	b := newBed(t)
	b.cfg.Flags = []string{"--ip=keep"}
	require.NoError(t, b.open().Close())
	b.cfg.Flags = []string{"--ip=drop", "--redact=" + strings.Repeat("x", 64<<10)}
	require.NoError(t, b.open().Close())
	assert.NoFileExists(t, registry.SettingsPath(b.dir))
	assert.Contains(t, b.heard(), "longer than")
}

// TestFallbackInStatus: status knows which process runs on recorded settings.
func TestFallbackInStatus(t *testing.T) {
	b := newBed(t)
	b.cfg.Process.Fallback = true
	s := b.open()
	st := b.status()
	require.Len(t, st.Processes, 1)
	assert.True(t, st.Processes[0].Fallback)
	require.Len(t, st.Notes, 1)
	assert.Contains(t, st.Notes[0].What, "runs on the settings recorded here, since its flags are wrong")
	assert.Empty(t, st.Broken)
	assert.NotContains(t, b.read(dir.Status, b.statusNames()[0]), "--")
	require.NoError(t, s.Close())
}

func edit(t *testing.T, path, old, new string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), old, new, 1)), 0o640))
}
