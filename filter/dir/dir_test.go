package dir_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/loggertest"
	"hushpipe/filter/retention"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestModesDoNotDependOnTheUmask(t *testing.T) {
	want := map[string]fs.FileMode{
		".":                            fs.ModeDir | 0o750,
		"access-2026-11-22.log":        0o640,
		"access.log":                   fs.ModeSymlink | 0o777,
		"clock":                        0o640,
		"room-secret":                  0o600,
		".lock":                        fs.ModeDir | 0o700,
		"keep":                         0o640,
		"keys/.lock":                   fs.ModeDir | 0o700,
		"rooms":                        fs.ModeDir | 0o750,
		"rooms/rooms-2026-11-22.log":   0o640,
		"status":                       fs.ModeDir | 0o750,
		"status/0011223344556677.json": 0o640,
		"keys":                         fs.ModeDir | 0o750,
		"keys/2026-11-22.key":          0o600,
		"keys/keep":                    0o640,
		"keys/CACHEDIR.TAG":            0o640,
		"journal":                      fs.ModeDir | 0o750,
		"journal/2026-11-22.1.journal": 0o600,
		"journal/CACHEDIR.TAG":         0o640,
	}
	for _, umask := range []int{0o022, 0o077, 0o000} {
		t.Run(fmt.Sprintf("umask=%03o", umask), func(t *testing.T) {
			defer syscall.Umask(syscall.Umask(umask))
			d, said := loggertest.New(t)
			d.UseAll(t)
			got := map[string]fs.FileMode{}
			require.NoError(t, filepath.WalkDir(d.Path, func(path string, e fs.DirEntry, err error) error {
				require.NoError(t, err)
				name, _ := filepath.Rel(d.Path, path)
				st, err := os.Lstat(path)
				if filepath.Base(filepath.Dir(path)) != Locks {
					got[name] = st.Mode()
				}
				return err
			}))
			assert.Equal(t, want, got)
			assert.Empty(t, *said)
			assert.True(t, strings.HasPrefix(d.Read(t, "keys/CACHEDIR.TAG"),
				"Signature: 8a477f597d28d172789f06886806bc55"))
		})
	}
}

func TestGroupSetgidAndTightenedModesStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.Mkdir(path, 0o750))
	group := os.Getegid()
	if os.Geteuid() == 0 {
		group = 12345 // any will do
	}
	require.NoError(t, os.Chown(path, -1, group))
	require.NoError(t, os.Chmod(path, fs.ModeSetgid|0o770))
	d, _ := loggertest.OpenTest(t, path, Options{})
	d.UseAll(t)

	groupOf := func(name string) int {
		st, err := os.Lstat(filepath.Join(path, name))
		require.NoError(t, err)
		return int(st.Sys().(*syscall.Stat_t).Gid)
	}
	modeOf := func(name string) fs.FileMode {
		st, err := os.Lstat(filepath.Join(path, name))
		require.NoError(t, err)
		return st.Mode()
	}
	assert.Equal(t, fs.ModeDir|fs.ModeSetgid|0o770, modeOf("."))
	for _, sub := range []string{Keys, Journal, Rooms} {
		assert.Equal(t, fs.ModeDir|fs.ModeSetgid|0o750, modeOf(sub), sub)
	}
	for _, name := range append(d.Tree(t), ".", Keys, Journal, Rooms) {
		assert.Equal(t, group, groupOf(name), name)
	}

	// A file that is replaced keeps what its owner did to it, without setgid too.
	room := "rooms/rooms-2026-11-22.log"
	require.NoError(t, os.Chmod(filepath.Join(path, Rooms), 0o750))
	require.NoError(t, os.Chmod(filepath.Join(path, room), 0o600))
	require.NoError(t, os.Chown(filepath.Join(path, Rooms), -1, os.Getegid()))
	require.NoError(t, d.ReplaceFile(Rooms, "rooms-2026-11-22.log", []byte("3 x\n")))
	assert.Equal(t, fs.FileMode(0o600), modeOf(room))
	assert.Equal(t, group, groupOf(room))
}

func TestOpen(t *testing.T) {
	tmp := t.TempDir()
	_, err := loggertest.Open(filepath.Join(tmp, "log"), Options{})
	assert.ErrorIs(t, err, fs.ErrNotExist, "without Create")
	assert.NoDirExists(t, filepath.Join(tmp, "log"))
	_, err = loggertest.Open(filepath.Join(tmp, "no/log"), Options{Create: true})
	assert.ErrorIs(t, err, fs.ErrNotExist, "parents are not made")

	file := filepath.Join(tmp, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = loggertest.Open(file, Options{Create: true})
	assert.EqualError(t, err, "open "+file+": not a directory")

	d, _ := loggertest.OpenTest(t, filepath.Join(tmp, "real"), Options{})
	d.UseAll(t)
	link := filepath.Join(tmp, "link")
	require.NoError(t, os.Symlink(d.Path, link))
	viaLink, _ := loggertest.OpenTest(t, link, Options{})
	got, err := keyring.ReadKey(viaLink.Dir, day("2026-11-22"))
	require.NoError(t, err, "DIR itself may be a link")
	key, err := keyring.ReadKey(d.Dir, day("2026-11-22"))
	require.NoError(t, err)
	assert.Equal(t, key, got)
}

func TestWithoutCreateNothingIsMade(t *testing.T) {
	path := t.TempDir()
	d, err := loggertest.Open(path, Options{})
	require.NoError(t, err)
	defer d.Close()
	_, err = d.Append(day("2026-11-22"), []byte("line\n"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = d.Key(day("2026-11-22"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = d.LockRooms(0)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	keep, err := retention.Rule(d.Dir, retention.OfKeys)
	assert.NoError(t, err)
	assert.Zero(t, keep)
	names, err := d.Names(Journal)
	assert.NoError(t, err)
	assert.Empty(t, names)
	assert.Empty(t, d.Tree(t))
}

func TestKeysApart(t *testing.T) {
	tmp := t.TempDir()
	apart := filepath.Join(tmp, "apart")
	require.NoError(t, os.Symlink(filepath.Join(tmp, "disk"), apart))
	d, _ := loggertest.OpenTest(t, filepath.Join(tmp, "log"), Options{Keys: apart})
	_, err := d.Key(day("2026-11-22"))
	require.Error(t, err, "the link leads nowhere yet")
	require.NoError(t, os.Mkdir(filepath.Join(tmp, "disk"), 0o700))
	_, err = d.Key(day("2026-11-22"))
	require.NoError(t, err, "and is used as soon as it leads somewhere")
	assert.FileExists(t, filepath.Join(tmp, "disk/2026-11-22.key"))
	assert.FileExists(t, filepath.Join(tmp, "disk/CACHEDIR.TAG"))
	assert.NoDirExists(t, filepath.Join(d.Path, Keys))
	require.Len(t, d.Purge(at("2026-12-06 12:00"), 14, true).Deleted, 1)
	assert.NoFileExists(t, filepath.Join(tmp, "disk/2026-11-22.key"))
}

// Files that an attacker who may write to DIR can plant: they are refused with an error that
// names them, not followed, not waited for, and left as they are.
func TestPlanted(t *testing.T) {
	uses := []struct {
		name string
		use  func(*loggertest.Dir) error
	}{
		{"access-2026-11-22.log", func(d *loggertest.Dir) error { _, err := d.Append(day("2026-11-22"), []byte("line\n")); return err }},
		{"keys/2026-11-22.key", func(d *loggertest.Dir) error { _, err := d.Key(day("2026-11-22")); return err }},
		{"keys/2026-11-22.key", func(d *loggertest.Dir) error { _, err := keyring.ReadKey(d.Dir, day("2026-11-22")); return err }},
		{"keys/2026-11-22.key", func(d *loggertest.Dir) error {
			_, err := keyring.PutKey(d.Dir, day("2026-11-22"), [32]byte{})
			return err
		}},
		{"keys/keep", func(d *loggertest.Dir) error {
			l, _, err := retention.TakeLease(d.Dir, retention.OfKeys, 14, 0)
			l.Release()
			return err
		}},
		{"keys/keep", func(d *loggertest.Dir) error { _, err := retention.Rule(d.Dir, retention.OfKeys); return err }},
		{"room-secret", func(d *loggertest.Dir) error { _, err := keyring.RoomSecret(d.Dir); return err }},
		{"rooms/rooms-2026-11-22.log", func(d *loggertest.Dir) error { return d.ReplaceFile(Rooms, "rooms-2026-11-22.log", nil) }},
		{"rooms/rooms-2026-11-22.log", func(d *loggertest.Dir) error { _, err := d.ReadFile(Rooms, "rooms-2026-11-22.log"); return err }},
		{"journal/2026-11-22.1.journal", func(d *loggertest.Dir) error {
			_, err := d.OpenFile(Journal, "2026-11-22.1.journal", os.O_RDONLY)
			return err
		}},
		{"journal/2026-11-22.1.journal", func(d *loggertest.Dir) error {
			_, err := d.OpenFile(Journal, "2026-11-22.1.journal", os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL)
			return err
		}},
		{"clock", func(d *loggertest.Dir) error { return errors.Join(d.Purge(at("2026-11-22 12:00"), 14, false).Errs...) }},
		{"keys", func(d *loggertest.Dir) error { _, err := d.Key(day("2026-11-22")); return err }},
		{"journal", func(d *loggertest.Dir) error { _, err := d.Names(Journal); return err }},
		{"rooms", func(d *loggertest.Dir) error { _, err := d.Names(Rooms); return err }},
		{".lock", func(d *loggertest.Dir) error { _, err := d.OpenLock(Locks, "rooms"); return err }},
		{".lock/rooms", func(d *loggertest.Dir) error { _, err := d.OpenLock(Locks, "rooms"); return err }},
		{".lock/writer", func(d *loggertest.Dir) error { _, err := d.LockWriter(); return err }},
		{".lock/traffic", func(d *loggertest.Dir) error { _, err := d.LockTraffic(); return err }},
		{".lock/expiring", func(d *loggertest.Dir) error { _, err := d.LockExpiring(0); return err }},
		{"keys/.lock/keep", func(d *loggertest.Dir) error { _, err := d.OpenLock(KeyLocks, RuleLock); return err }},
	}
	plants := []struct {
		what  string
		plant func(path, victim string) error
	}{
		{"a symbolic link", func(path, victim string) error { return os.Symlink(victim, path) }},
		{"a symbolic link", func(path, victim string) error { return os.Symlink("nowhere", path) }},
		{"no", func(path, _ string) error { return unix.Mkfifo(path, 0o600) }},
	}
	for i, u := range uses {
		for k, p := range plants {
			t.Run(fmt.Sprintf("%d/%s/%d", i, u.name, k), func(t *testing.T) {
				d, _ := loggertest.New(t)
				victim := filepath.Join(t.TempDir(), "victim")
				if filepath.Dir(u.name) == "." && (u.name == Locks || !strings.Contains(u.name, ".")) && u.name != "clock" {
					require.NoError(t, os.Mkdir(victim, 0o700))
				} else {
					require.NoError(t, os.WriteFile(victim, []byte("0123456789abcdef0123456789abcdef"), 0o644))
				}
				path := filepath.Join(d.Path, u.name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
				require.NoError(t, p.plant(path, victim))
				before, err := os.Lstat(path)
				require.NoError(t, err)
				victimBefore, err := os.Stat(victim)
				require.NoError(t, err)

				err = u.use(d)
				require.Error(t, err)
				assert.Contains(t, err.Error(), path+": is "+p.what)
				assert.NotContains(t, err.Error(), "\n")
				assert.Equal(t, 1, strings.Count(err.Error(), d.Path), "one file, named once")

				after, err := os.Lstat(path)
				require.NoError(t, err)
				assert.True(t, os.SameFile(before, after))
				victimAfter, err := os.Stat(victim)
				require.NoError(t, err)
				assert.Equal(t, victimBefore, victimAfter)
			})
		}
	}
}

func TestMovedAndRemoved(t *testing.T) {
	d, _ := loggertest.New(t)
	d.UseAll(t)
	assert.False(t, d.Moved())
	require.NoError(t, os.Rename(d.Path, d.Path+".away"))
	assert.True(t, d.Moved())
	require.NoError(t, os.Mkdir(d.Path, 0o750))
	assert.True(t, d.Moved(), "another directory in its place")

	_, err := d.Append(day("2026-11-22"), []byte("more\n"))
	require.NoError(t, err)
	_, err = d.Key(day("2026-11-23"))
	require.NoError(t, err)
	got, err := os.ReadFile(d.Path + ".away/access-2026-11-22.log")
	require.NoError(t, err)
	assert.Equal(t, "line\nmore\n", string(got))
	assert.FileExists(t, d.Path+".away/keys/2026-11-23.key")
	assert.Empty(t, d.Tree(t), "nothing goes to the new one")

	require.NoError(t, os.RemoveAll(d.Path+".away"))
	_, err = d.Append(day("2026-11-22"), []byte("more\n"))
	assert.ErrorIs(t, err, ErrRemoved)
	_, err = d.Key(day("2026-11-22"))
	assert.ErrorIs(t, err, ErrRemoved)
	p := d.Purge(at("2026-11-22 12:00"), 14, false)
	require.NotEmpty(t, p.Errs)
	assert.ErrorIs(t, p.Errs[0], ErrRemoved)
}

func TestDirectoriesInItAreMadeAgain(t *testing.T) {
	d, _ := loggertest.New(t)
	d.UseAll(t)
	for _, sub := range []string{Keys, Journal, Rooms} {
		require.NoError(t, os.RemoveAll(filepath.Join(d.Path, sub)))
	}
	d.UseAll(t)
}

func TestReplaceFile(t *testing.T) {
	d, _ := loggertest.New(t)
	for i := range 3 {
		want := strings.Repeat("2 x\n", 3-i)
		require.NoError(t, d.ReplaceFile(Rooms, "rooms-2026-11-22.log", []byte(want)))
		got, err := d.ReadFile(Rooms, "rooms-2026-11-22.log")
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	names, err := d.Names(Rooms)
	require.NoError(t, err)
	assert.Equal(t, []string{"rooms-2026-11-22.log"}, names)
	require.NoError(t, d.Remove(Rooms, names[0]))
	assert.ErrorIs(t, d.Remove(Rooms, names[0]), fs.ErrNotExist)
}

func TestPublish(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "usage.html")
	mode := func() fs.FileMode {
		st, err := os.Stat(path)
		require.NoError(t, err)
		return st.Mode()
	}
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	require.NoError(t, Publish(path, []byte("one")))
	assert.Equal(t, fs.FileMode(0o644), mode())
	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, Publish(path, []byte("two")))
	assert.Equal(t, fs.FileMode(0o640), mode(), "what its owner took away stays away")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "two", string(text))

	require.NoError(t, os.Symlink("usage.html", dir+"/link"))
	assert.EqualError(t, Publish(dir+"/link", nil), "write "+dir+"/link: is not a regular file; hint: name another")
	assert.EqualError(t, Publish(dir, nil), "write "+dir+": is not a regular file; hint: name another")
	assert.ErrorIs(t, Publish(dir+"/nowhere/usage.html", nil), fs.ErrNotExist)
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, names, 2, "no temporary file is left")
}

func TestLockRooms(t *testing.T) {
	d, _ := loggertest.New(t)
	other, _ := loggertest.OpenTest(t, d.Path, Options{})
	unlock, err := d.LockRooms(time.Minute)
	require.NoError(t, err)
	_, err = other.LockRooms(0)
	assert.ErrorIs(t, err, ErrLocked)
	require.NoError(t, d.ReplaceFile(Rooms, "rooms-2026-11-22.log", nil), "under the lock")
	unlock()
	unlock, err = other.LockRooms(0)
	require.NoError(t, err)
	unlock()
}

// TestTooLarge: a file that would fill the memory is not read; a clock is rewritten.
func TestTooLarge(t *testing.T) {
	d, said := loggertest.New(t)
	d.UseAll(t)
	for _, name := range []string{ClockName, "keys/" + RuleName, "rooms/rooms-2026-11-22.log"} {
		require.NoError(t, os.Truncate(filepath.Join(d.Path, name), 1<<40))
	}
	_, err := retention.Rule(d.Dir, retention.OfKeys)
	assert.ErrorIs(t, err, ErrTooLarge)
	p := d.Purge(at("2026-11-22 12:00"), 14, false)
	require.Empty(t, p.Errs)
	assert.Contains(t, (*said)[0], "clock: not used: is too large")
	assert.Equal(t, "seen 2026-11-22T12:00:00Z\n", d.Read(t, ClockName))
}

// A key directory below DIR is not a DIR of its own.
func TestNested(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	d, _ := loggertest.OpenTest(t, path, Options{Keys: filepath.Join(path, "secret")})
	d.UseAll(t)
	d.Put(t, "stream/keep", "7d\n")
	names, err := d.Nested()
	require.NoError(t, err)
	assert.Equal(t, []string{"stream"}, names)
}
