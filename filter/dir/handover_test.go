package dir_test

import (
	. "hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/loggertest"
	"hushpipe/filter/need"
	"hushpipe/format/civil"

	"golang.org/x/sys/unix"

	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Any user and group but root; none of them needs to exist.
const (
	userID, groupID   = 4242, 4243
	otherID, otherGID = 4244, 4245
)

// owners returns "uid:gid mode" of everything in DIR, DIR itself as ".".
func owners(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		name, _ := filepath.Rel(dir, path)
		all[name] = owner(t, path)
		return nil
	}))
	return all
}

func owner(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	st := info.Sys().(*syscall.Stat_t)
	return strings.Join([]string{id(st.Uid) + ":" + id(st.Gid), info.Mode().String()}, " ")
}

func id(n uint32) string {
	return map[uint32]string{0: "root", userID: "user", groupID: "group", otherID: "other", otherGID: "adm"}[n]
}

// TestHardLinks: a second name is refused where others could have given it.
func TestHardLinks(t *testing.T) {
	need.Root(t)
	const name = "2026-11-22.1.journal"
	for _, c := range []struct {
		mode    fs.FileMode
		uid     int
		refused bool
	}{
		{0o750, 0, false},
		{0o755, 0, false},
		{0o770, 0, true},
		{0o757, 0, true},
		{0o777 | fs.ModeSticky, 0, true}, // sticky: anybody can make a name all the same
		{0o750, otherID, true},
	} {
		d, _ := loggertest.New(t)
		path := d.Put(t, filepath.Join(Journal, name), "kept")
		require.NoError(t, os.Link(path, filepath.Join(t.TempDir(), "backup")))
		require.NoError(t, os.Chmod(filepath.Dir(path), c.mode))
		require.NoError(t, os.Chown(filepath.Dir(path), c.uid, -1))
		for _, flag := range []int{os.O_RDONLY, os.O_RDWR | os.O_APPEND, os.O_WRONLY | os.O_CREATE} {
			f, err := d.OpenFile(Journal, name, flag)
			if c.refused {
				assert.ErrorIs(t, err, ErrLinked, "%v %d", c.mode, c.uid)
			} else if assert.NoError(t, err, "%v %d", c.mode, c.uid) {
				f.Close()
			}
		}
		assert.NoError(t, d.Remove(Journal, name), "it can be deleted with its day")
	}
}

func TestRootGivesToOwner(t *testing.T) {
	need.Root(t)
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.Mkdir(path, 0o750))
	require.NoError(t, os.Chown(path, userID, otherGID))
	require.NoError(t, os.Chmod(path, 0o750|fs.ModeSetgid))
	d, _ := loggertest.OpenTest(t, path, Options{})
	d.UseAll(t)
	d.MarkExposed(Keys, "2026-11-22.key")
	for name, got := range owners(t, path) {
		if name != LinkName {
			assert.Contains(t, got, "user:adm ", name)
		}
		if strings.HasPrefix(got[len("user:adm "):], "d") {
			want := "user:adm dgrwxr-x---"
			if filepath.Base(name) == Locks {
				want = "user:adm dgrwx------"
			}
			assert.Equal(t, want, got, name)
		}
	}
}

func TestHandOver(t *testing.T) {
	need.Root(t)
	base := t.TempDir()
	path, keyDir := filepath.Join(base, "log"), filepath.Join(base, "keys")
	d, _ := loggertest.OpenTest(t, path, Options{Keys: keyDir})
	d.UseAll(t)
	d.Put(t, "access-2026-11-21.log.gz", "an operator's tool made it")
	d.Put(t, ".hushpipe-0123456789abcdef", "in the making")
	require.NoError(t, os.WriteFile(filepath.Join(keyDir, ClockName), nil, 0o640)) // of an earlier version
	require.NoError(t, os.Chown(filepath.Join(path, Rooms), 0, otherGID))
	require.NoError(t, os.Chmod(filepath.Join(path, Rooms), 0o750|fs.ModeSetgid))
	require.NoError(t, os.Link(filepath.Join(path, "access-2026-11-22.log"), filepath.Join(base, "backup")))
	before := owners(t, base)

	require.NoError(t, d.HandOver(userID, groupID, true))
	assert.Equal(t, before, owners(t, base), "dry")
	require.NoError(t, d.HandOver(userID, groupID, false))
	after := owners(t, base)
	for name, was := range before {
		want := strings.Replace(strings.Replace(was, "root:", "user:", 1), ":root", ":group", 1)
		if name == "." || name == "log/access.log" {
			want = was
		}
		assert.Equal(t, want, after[name], name)
	}
	assert.Equal(t, "user:adm dgrwxr-x---", after["log/rooms"])

	require.NoError(t, d.HandOver(userID, groupID, false))
	assert.Equal(t, after, owners(t, base), "once more")
	require.NoError(t, os.Remove(filepath.Join(base, "backup")))
	require.NoError(t, d.HandOver(otherID, groupID, false))
	for name, got := range owners(t, base) {
		if name != "." && name != "log/access.log" {
			assert.Contains(t, got, "other:", "another user: %s", name)
		}
	}
}

// TestHandOverPlanted: what others put into a directory is never given away.
func TestHandOverPlanted(t *testing.T) {
	need.Root(t)
	for _, c := range []struct {
		name  string
		where string
		plant func(path, victim string) error
		owner int // of the directory
		err   string
	}{
		{"symlink", "clock", func(path, victim string) error { return os.Symlink(victim, path) }, 0, "is a symbolic link"},
		{"FIFO", "keys/2026-11-22.key", func(path, _ string) error { return unix.Mkfifo(path, 0o600) }, 0, "is not a regular file"},
		{"symlink for a directory", "rooms", func(path, victim string) error { return os.Symlink(filepath.Dir(victim), path) }, 0, "is a symbolic link"},
		{"somebody's file", "passwd", func(path, victim string) error { return os.WriteFile(path, nil, 0o600) }, 0, "not hushpipe's"},
		{"hard link", "journal/2026-11-22.0.journal", func(path, victim string) error { return os.Link(victim, path) }, userID, "has another name"},
		{"hard link, first name gone", "journal/2026-11-22.0.journal", func(path, victim string) error { return os.Rename(victim, path) }, userID, "others could have put it there"},
		{"hard link of another owner", "journal/2026-11-22.0.journal", func(path, victim string) error { return os.Link(victim, path) }, otherID, "has another name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := t.TempDir()
			victim := filepath.Join(base, "victim")
			require.NoError(t, os.WriteFile(victim, []byte("secret"), 0o600))
			d, _ := loggertest.OpenTest(t, filepath.Join(base, "log"), Options{})
			require.NoError(t, os.Chown(d.Path, c.owner, -1))
			path := filepath.Join(d.Path, c.where)
			if dir := filepath.Dir(path); dir != d.Path {
				require.NoError(t, os.Mkdir(dir, 0o750))
				require.NoError(t, os.Chown(dir, c.owner, -1))
			}
			require.NoError(t, c.plant(path, victim))
			for _, dry := range []bool{true, false} {
				assert.ErrorContains(t, d.HandOver(userID, groupID, dry), c.err)
			}
			assert.Contains(t, owner(t, path), "root:root")
			if _, err := os.Lstat(victim); err == nil {
				assert.Contains(t, owner(t, victim), "root:root")
			}
		})
	}
}

// TestHandOverThroughLinks: a link that others could have made gives away nothing
// that it leads to.
func TestHandOverThroughLinks(t *testing.T) {
	need.Root(t)
	for _, c := range []struct {
		name    string
		mode    fs.FileMode // of the directory with the link
		uid     int
		refused bool
	}{
		{"root's", 0o755, 0, false},
		{"the user's", 0o755, userID, true},
		{"a group's", 0o775, 0, true},
		{"everybody's", 0o777 | fs.ModeSticky, 0, true},
	} {
		for _, path := range []string{"own/absolute", "own/relative/", "own/up/empty", "./own//twice", "BASE/own/absolute"} {
			for _, isKeys := range []bool{false, true} {
				what := []any{"%s %s %v", c.name, path, isKeys}
				base := t.TempDir()
				t.Chdir(base)
				require.NoError(t, os.Mkdir("empty", 0o750))
				require.NoError(t, os.Mkdir("own", 0o750))
				for link, target := range map[string]string{"absolute": base + "/empty", "relative": "../empty", "up": "..", "twice": "up/empty"} {
					require.NoError(t, os.Symlink(target, "own/"+link))
				}
				require.NoError(t, os.Chown("own", c.uid, -1))
				require.NoError(t, os.Chmod("own", c.mode))
				dir, keyDir := strings.Replace(path, "BASE", base, 1), ""
				if isKeys {
					dir, keyDir = "log", dir
				}
				d, _ := loggertest.OpenTest(t, dir, Options{Keys: keyDir})
				for _, dry := range []bool{true, false} {
					err := d.HandOver(userID, groupID, dry)
					if c.refused {
						assert.ErrorIs(t, err, ErrThrough, what...)
					} else {
						assert.NoError(t, err, what...)
					}
				}
				names, err := os.ReadDir("empty")
				require.NoError(t, err)
				if c.refused {
					assert.Contains(t, owner(t, "empty"), "root:root", what...)
					assert.Empty(t, slices.DeleteFunc(names, func(e fs.DirEntry) bool { return e.Name() == "CACHEDIR.TAG" }), what...)
				} else {
					assert.Contains(t, owner(t, "empty"), "user:group", what...)
				}
			}
		}
	}
}

// TestHandOverWhileRootWrites: a root process that makes files meanwhile, as an
// old logger does during a reload, leaves none that the user cannot read.
func TestHandOverWhileRootWrites(t *testing.T) {
	need.Root(t)
	for range 20 {
		d, _ := loggertest.New(t)
		old, _ := loggertest.OpenTest(t, d.Path, Options{})
		var writers sync.WaitGroup
		for i := range 4 {
			writers.Go(func() {
				for n := range 10 {
					_, err := old.Key(day("2026-11-22") + civil.Day(10*i+n))
					assert.NoError(t, err)
					assert.NoError(t, old.ReplaceFile("", ClockName, nil))
				}
			})
		}
		err := d.HandOver(userID, groupID, false)
		writers.Wait()
		require.NoError(t, err)
		for name, got := range owners(t, d.Path) {
			if name != LinkName {
				assert.Contains(t, got, "user:", name)
			}
		}
	}
}

func TestCheckOpen(t *testing.T) {
	d, said := loggertest.New(t)
	d.UseAll(t)
	require.NoError(t, d.CheckWorldWritable())
	require.NoError(t, d.ReplaceFile(Erased, "2026-11-20", nil))
	require.NoError(t, d.ReplaceFile(Policies, PolicyFile("00"), nil))
	require.NoError(t, d.ReplaceFile(Traffic, TrafficFile(day("2026-11-22")), nil))
	require.NoError(t, d.ReplaceFile(Held, HeldFile(Log{Day: 20_000, Hour: AllDay}, 7), nil))
	require.NoError(t, d.ReplaceFile(Fleet, FleetName, nil))
	for _, sub := range Directories {
		path := filepath.Join(d.Path, sub)
		require.NoError(t, os.Chmod(path, 0o777))
		want := "check " + path + ": everybody can write this directory"
		assert.ErrorContains(t, d.CheckWorldWritable(), want)
		*said = nil
		d.Purge(at("2026-11-22 12:00"), 14, false)
		require.Len(t, *said, 1)
		if sub == Locks || sub == KeyLocks {
			assert.Equal(t, path+": others could hold locks in this directory (mode 0777): set to 0700", (*said)[0])
			continue
		}
		if sub == Held || sub == Fleet {
			assert.Equal(t, path+": others could read this directory (mode 0777): set to 0700", (*said)[0])
			continue
		}
		assert.Contains(t, (*said)[0], want)
		require.NoError(t, os.Chmod(path, 0o770))
	}
	require.NoError(t, d.CheckWorldWritable(), "the group is the operator's choice")
}

// TestExposed: that others could read a key is known as long as it lives.
func TestExposed(t *testing.T) {
	d, _ := loggertest.New(t)
	d.UseAll(t)
	marks := func() (names []string) {
		for _, name := range d.Tree(t) {
			if strings.HasSuffix(name, ExposedSuffix) {
				names = append(names, name)
			}
		}
		return names
	}
	assert.Empty(t, marks())
	for _, name := range []string{"keys/2026-11-22.key", "room-secret"} {
		require.NoError(t, os.Chmod(filepath.Join(d.Path, name), 0o644))
	}
	for range 2 {
		_, err := d.Key(day("2026-11-22"))
		require.NoError(t, err)
		_, err = keyring.RoomSecret(d.Dir)
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{"room-secret.exposed", "keys/2026-11-22.key.exposed"}, marks())
	}
	d.Purge(at("2026-12-06 12:00"), 14, true)
	assert.Equal(t, []string{"room-secret.exposed"}, marks())
}

// TestForeignKey: a key that another user put there is known to him.
func TestForeignKey(t *testing.T) {
	need.Root(t)
	for owner, exposed := range map[int]bool{0: false, userID: false, otherID: true} {
		d, said := loggertest.New(t)
		require.NoError(t, os.Chown(d.Path, userID, -1))
		path := d.Put(t, "keys/2026-11-22.key", strings.Repeat("k", 32))
		require.NoError(t, os.Chown(path, owner, -1))
		reader, err := loggertest.Open(d.Path, Options{})
		require.NoError(t, err)
		defer reader.Close()
		_, err = keyring.ReadKey(reader.Dir, day("2026-11-22"))
		require.NoError(t, err)
		assert.NoFileExists(t, path+ExposedSuffix, "who reads only tells nothing")
		_, err = keyring.ReadKey(d.Dir, day("2026-11-22"))
		require.NoError(t, err)
		if exposed {
			assert.FileExists(t, path+ExposedSuffix)
			assert.Contains(t, (*said)[0], "belongs to another user (4244)")
		} else {
			assert.NoFileExists(t, path+ExposedSuffix)
			assert.Empty(t, *said)
		}
	}
}
