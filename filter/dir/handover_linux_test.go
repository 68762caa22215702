package dir_test

import (
	. "hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/loggertest"
	"hushpipe/filter/need"

	"golang.org/x/sys/unix"

	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBeingGiven: between the making of a file by root and its giving away, the user
// of the directory meets a file of root. It waits for it, but not for one that root
// keeps.
func TestBeingGiven(t *testing.T) {
	need.Root(t)
	const name = "2026-11-22.1.journal"
	made := func(t *testing.T) (*loggertest.Dir, string) {
		d, _ := loggertest.New(t)
		path := d.Put(t, filepath.Join(Journal, name), "kept")
		require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755))
		require.NoError(t, os.Chown(filepath.Dir(path), userID, -1))
		require.NoError(t, os.Chmod(path, 0o600))
		require.NoError(t, os.Chown(path, 0, -1)) // as just made
		return d, path
	}
	give := func(t *testing.T, path string) {
		done := make(chan error)
		go func() {
			time.Sleep(20 * time.Millisecond) // the window is what is tested
			done <- os.Chown(path, userID, -1)
		}()
		t.Cleanup(func() { require.NoError(t, <-done) })
	}
	openAsUser := func(d *loggertest.Dir) error {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with this function
			unix.Setfsuid(userID)
			f, err := d.OpenFile(Journal, name, os.O_RDONLY)
			if err == nil {
				f.Close()
			}
			done <- err
		}()
		return <-done
	}
	t.Run("open", func(t *testing.T) {
		d, path := made(t)
		give(t, path)
		assert.NoError(t, openAsUser(d))
	})
	t.Run("hand over", func(t *testing.T) {
		d, path := made(t)
		give(t, path)
		assert.NoError(t, d.HandOver(userID, groupID, false))
		assert.Contains(t, owner(t, path), "user:")
	})
	t.Run("kept", func(t *testing.T) {
		d, path := made(t)
		for i := range 100 { // are waited for together
			d.Put(t, filepath.Join(Journal, fmt.Sprintf("2026-11-22.%d.journal", i)), "")
		}
		began := time.Now()
		assert.ErrorIs(t, openAsUser(d), unix.EACCES)
		assert.ErrorIs(t, d.HandOver(userID, groupID, false), ErrNotGiven)
		assert.Less(t, time.Since(began), time.Second)
		assert.Contains(t, owner(t, path), "root:")
	})
	t.Run("DIR comes last", func(t *testing.T) {
		d, said := loggertest.New(t)
		d.UseAll(t)
		for _, name := range []string{Locks, "keys/2026-11-22.key"} {
			require.NoError(t, os.Chown(filepath.Join(d.Path, name), userID, -1))
		}
		give(t, d.Path)
		unlock, err := d.LockRooms(time.Second)
		require.NoError(t, err)
		unlock()
		_, err = keyring.ReadKey(d.Dir, day("2026-11-22"))
		require.NoError(t, err)
		assert.Empty(t, *said)
		assert.NoFileExists(t, filepath.Join(d.Path, "keys/2026-11-22.key.exposed"))
	})
}

// TestUpdateAfterAnotherUser: the lock that a killed process of root has left is
// removed, once it is old enough to be none that is held.
func TestUpdateAfterAnotherUser(t *testing.T) {
	need.Root(t)
	path := filepath.Join(t.TempDir(), "x.prom")
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o777))
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755))
	lock := filepath.Join(filepath.Dir(path), ".x.prom.lock")
	require.NoError(t, os.WriteFile(lock, nil, 0o600))
	updateAsUser := func() error {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with this function
			unix.Setfsuid(userID)
			done <- Update(path, func([]byte) ([]byte, error) { return []byte("x"), nil })
		}()
		return <-done
	}
	require.ErrorIs(t, updateAsUser(), ErrLocked, "root is at it, for all that is known")
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(lock, old, old))
	require.ErrorIs(t, updateAsUser(), ErrLocked)
	require.NoError(t, updateAsUser(), "it is gone")
}
