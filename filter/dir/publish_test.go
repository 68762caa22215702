package dir_test

import (
	. "hushpipe/filter/dir"

	"golang.org/x/sys/unix"

	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUpdate(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	path := filepath.Join(t.TempDir(), "x.prom")
	add := func(old []byte) ([]byte, error) { return append(old, 'x'), nil }
	for _, want := range []string{"x", "xx"} {
		require.NoError(t, Update(path, add))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
		st, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o644), st.Mode(), "whoever wants to can read it")
	}
	before, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, CheckUpdate(path, func(old []byte) error { require.Equal(t, "xx", string(old)); return nil }))
	wrong := errors.New("wrong")
	require.ErrorIs(t, Update(path, func([]byte) ([]byte, error) { return []byte("y"), wrong }), wrong)
	require.ErrorIs(t, Update(path, func([]byte) ([]byte, error) { return []byte("y"), Update(path, add) }), ErrLocked)
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "it was left alone")
	names, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, names, 1, "nothing is left behind")
}

// TestUpdateIsHeldUpByNobody: whoever can read the file and its directory can lock
// both.
func TestUpdateIsHeldUpByNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.prom")
	add := func(old []byte) ([]byte, error) { return append(old, 'x'), nil }
	require.NoError(t, Update(path, add))
	for _, name := range []string{path, filepath.Dir(path)} {
		f, err := os.Open(name)
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	}
	require.NoError(t, Update(path, add))
	lock := filepath.Join(filepath.Dir(path), ".x.prom.lock")
	require.NoError(t, Update(path, func(old []byte) ([]byte, error) {
		st, err := os.Stat(lock)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), st.Mode())
		return add(old)
	}))
	require.NoFileExists(t, lock)
	require.NoError(t, os.WriteFile(lock, nil, 0o600))
	require.NoError(t, Update(path, add), "of a process that was killed")
}

// TestUpdateIsOneStep: of many at once, none is lost.
func TestUpdateIsOneStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.prom")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				for {
					err := Update(path, func(old []byte) ([]byte, error) { return append(old, 'x'), nil })
					if !errors.Is(err, ErrLocked) {
						assert.NoError(t, err)
						break
					}
				}
			}
		})
	}
	all.Wait()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Len(t, text, 400)
}

func TestUpdateRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		plant func(path string) error
		want  string
	}{
		{"link", func(path string) error { return os.Symlink("victim", path) }, "is a symbolic link"},
		{"dangling link", func(path string) error { return os.Symlink("nowhere", path) }, "is a symbolic link"},
		{"FIFO", func(path string) error { return unix.Mkfifo(path, 0o644) }, "is not a regular file"},
		{"directory", func(path string) error { return os.Mkdir(path, 0o755) }, "is not a regular file"},
		{"large file", func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("x", 65<<10)), 0o644) }, "is too large"},
		{"no directory", func(path string) error { return os.Remove(filepath.Dir(path)) }, "no such file or directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := t.TempDir()
			victim := filepath.Join(base, "victim")
			require.NoError(t, os.WriteFile(victim, []byte("mine"), 0o600))
			path := filepath.Join(base, "folder", "x.prom")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o755))
			require.NoError(t, tt.plant(path))
			err := Update(path, func([]byte) ([]byte, error) { return []byte("x"), nil })
			require.ErrorContains(t, err, tt.want)
			assert.Contains(t, err.Error(), filepath.Dir(path))
			got, err := os.ReadFile(victim)
			require.NoError(t, err)
			require.Equal(t, "mine", string(got))
		})
	}
}
