package store

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hushpipe/filter/audit"
	"hushpipe/filter/dir"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestCheck(t *testing.T) {
	file := func(parts ...string) func(b *bed) {
		return func(b *bed) {
			path := b.path(parts...)
			require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o750))
			require.NoError(b, os.WriteFile(path, []byte("what"), 0o644))
		}
	}
	link := func(parts ...string) func(b *bed) {
		return func(b *bed) {
			path := b.path(parts...)
			require.NoError(b, os.RemoveAll(path))
			require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o750))
			require.NoError(b, os.Symlink(b.TempDir(), path))
		}
	}
	directory := func(parts ...string) func(b *bed) {
		return func(b *bed) { require.NoError(b, os.MkdirAll(b.path(parts...), 0o750)) }
	}
	fifo := func(name string) func(b *bed) {
		return func(b *bed) {
			directory()(b)
			require.NoError(b, unix.Mkfifo(b.path(name), 0o600))
		}
	}
	keysAt := func(path string) func(b *bed) {
		return func(b *bed) { b.cfg.Keys = filepath.Join(filepath.Dir(b.dir), path) }
	}
	for _, tt := range []struct {
		name string
		make func(b *bed)
		want string // in the error, "" for none
	}{
		{"a missing DIR", func(b *bed) {}, ""},
		{"an empty DIR", func(b *bed) { require.NoError(b, os.Mkdir(b.dir, 0o750)) }, ""},
		{"a DIR in use", func(b *bed) { b.process(users(today, "a", 1, 1)) }, ""},
		{"a DIR in use, with a loose key", func(b *bed) {
			b.process(users(today, "a", 1, 1))
			require.NoError(b, os.Chmod(b.path(dir.Keys, today.String()+".key"), 0o644))
		}, ""},
		{"DIR is a link", func(b *bed) { require.NoError(b, os.Symlink(b.TempDir(), b.dir)) }, ""},
		{"missing keys elsewhere", keysAt("keys"), ""},
		{"keys elsewhere is a link", func(b *bed) {
			keysAt("keys")(b)
			require.NoError(b, os.Symlink(b.TempDir(), b.cfg.Keys))
		}, ""},
		{"a secret that is not used", file(dir.RoomSecretName), ""},

		{"the clock is a link", link("clock"), "clock: is a symbolic link; hint: remove it"},
		{"the clock is a FIFO", fifo("clock"), "clock: is not a regular file; hint: remove it"},
		{"the secret is a directory", func(b *bed) { b.cfg.Secret = true; directory(dir.RoomSecretName)(b) }, "room-secret: is not a regular file; hint: remove it"},
		{"the recorded retention is a link", link(dir.Keys, "keep"), "keep: is a symbolic link; hint: remove it"},
		{"the recorded retention is none", file(dir.Keys, "keep"), "keep: is not a retention; hint: write one, as in 14d"},
		{"the newest file's link is a file", file("access.log"), "access.log: is not a symbolic link; hint: move it away"},
		{"a missing parent", func(b *bed) { b.cfg.Path += "/x/log" }, "log/x: no such file or directory"},
		{"DIR is a file", file(), "log: not a directory"},
		{"DIR lies in a file", func(b *bed) { file()(b); b.cfg.Path += "/x" }, "not a directory"},
		{"keys is a file", file(dir.Keys), "keys: is not a directory; hint: remove it"},
		{"keys is a link", link(dir.Keys), "keys: is a symbolic link; hint: remove it"},
		{"journal is a link", link(dir.Journal), "journal: is a symbolic link; hint: remove it"},
		{"rooms is a link", link(dir.Rooms), "rooms: is a symbolic link; hint: remove it"},
		{"today's log is a link", link(logFile(today)), "access-2026-11-22.log: is a symbolic link; hint: remove it"},
		{"today's room file is a link", link(dir.Rooms, dir.RoomFile(today)), "rooms-2026-11-22.log: is a symbolic link"},
		{"today's key is a link", link(dir.Keys, today.String()+".key"), "2026-11-22.key: is a symbolic link"},
		{"today's key has another size", file(dir.Keys, today.String()+".key"), "2026-11-22.key: does not hold 32 bytes; hint: remove it"},
		{"the secret has another size", func(b *bed) { b.cfg.Secret = true; file(dir.RoomSecretName)(b) }, "room-secret: does not hold 32 bytes"},
		{"the parent of the keys is missing", keysAt("none/keys"), "none: no such file or directory"},
		{"the keys elsewhere are a file", func(b *bed) { file()(b); keysAt("log")(b); b.cfg.Path = b.TempDir() }, "log: not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			tt.make(b)
			b.heard()
			before := tree(t, filepath.Dir(b.dir))
			err := b.check()
			assert.Equal(t, before, tree(t, filepath.Dir(b.dir)), "it changes nothing")
			if tt.want == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, tt.want)
				assert.NotContains(t, err.Error(), "what")
			}
			assert.Empty(t, b.heard())

			// It is right in what it says.
			s := b.open()
			b.feedOnce(s)
			assert.Equal(t, tt.want == "", s.Close() == nil && b.quiet(), b.heard())
		})
	}
}

// TestCheckNamesFilesOfOthers: before anything is deleted. {} means DIR.
func TestCheckNamesFilesOfOthers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		used  bool
		files []string
		want  string
	}{
		{"none", true, nil, ""},
		{"some", true, []string{"access-2026-01-01.tar.gz", "error.log"},
			"{}: these are not hushpipe's, which never deletes them, check whether they contain lines or keys: access-2026-01-01.tar.gz, error.log"},
		{"many, in each directory", true, []string{"a", "b", "c", "d", "e", "keys/id_rsa", "journal/x"},
			"{}: these are not hushpipe's, which never deletes them, check whether they contain lines or keys: a, b, c and 2 more\n" +
				"{}/keys: these are not hushpipe's, which never deletes them, check whether they contain lines or keys: id_rsa\n" +
				"{}/journal: these are not hushpipe's, which never deletes them, check whether they contain lines or keys: x"},
		{"its own, and copies", true, []string{logFile(today), logFile(today-1) + ".gz", "access.log", "keys/2026-11-22.key.exposed", "keys/clock", "room-secret.exposed"}, ""},
		{"rotatelogs' by the same names", false, []string{logFile(today), logFile(today - 30), "keys/keep2"},
			"{}: hushpipe has not worked here before, and takes these for its own: it deletes them with their day, move them away if others made them: access-2026-10-23.log, access-2026-11-22.log\n" +
				"{}/keys: these are not hushpipe's, which never deletes them, check whether they contain lines or keys: keep2"},
		{"rotatelogs' among its own", true, []string{logFile(today), logFile(today - 3), logFile(today-4) + ".gz"},
			"{}: these logs have no key and no journal, another program may have made them, with raw addresses, hushpipe deletes them with their day: access-2026-11-19.log"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			if tt.used {
				require.NoError(t, b.open().Close())
			}
			for _, name := range tt.files {
				require.NoError(t, os.MkdirAll(filepath.Dir(b.path(name)), 0o750))
				if name != "access.log" {
					require.NoError(t, os.WriteFile(b.path(name), nil, 0o600))
				} else {
					require.NoError(t, os.Symlink(logFile(today), b.path(name)))
				}
			}
			b.heard()
			require.NoError(t, b.check())
			assert.Equal(t, tt.want, strings.ReplaceAll(b.heard(), b.dir, "{}"))
		})
	}
}

// The Store does not use it, reveal does.
func TestCheckReveal(t *testing.T) {
	b := newBed(t)
	require.NoError(t, os.MkdirAll(b.path(dir.ActsLogName), 0o750))
	assert.ErrorContains(t, b.check(), b.path(dir.ActsLogName)+": is not a regular file; hint: remove it")
}

// Without it, a purge would delete by a shorter retention.
func TestKeepIsRecordedLater(t *testing.T) {
	b := newBed(t)
	require.NoError(t, os.MkdirAll(b.path(dir.Keys, "keep"), 0o750))
	b.cfg.Keep = 30
	s := b.open()
	assert.Contains(t, b.heard(), b.path(dir.Keys, "keep"))
	b.pass(s, time.Minute)
	require.NoError(t, os.Remove(b.path(dir.Keys, "keep")))
	b.pass(s, time.Minute)
	assert.Equal(t, "30d\n", b.read(dir.Keys, "keep"))
	b.heard()
	require.NoError(t, s.Close())

	b.cfg.Keep = 14
	s = b.open()
	assert.Empty(t, b.heard())
	assert.Equal(t, "14d\n", b.read(dir.Keys, "keep"), "nobody lives who keeps keys for longer")
	require.NoError(t, s.Close())
	require.NoError(t, b.check())
	assert.Empty(t, b.heard())
}

// feedOnce writes a line and a record, if DIR takes them.
func (b *bed) feedOnce(s *Store) {
	key := s.Key(today, 0)
	if _, err := s.Append(today, []byte("x\n")); err == nil {
		s.Count(today, key.ID(), record("a", 1))
	}
}

// quiet reports whether nothing was printed except repairs.
func (b *bed) quiet() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.said {
		path, right := strings.CutSuffix(line, ": others could read this key (mode 0644): set to 0600")
		if !right || path != b.path(dir.Keys, today.String()+".key") && path != b.path(dir.RoomSecretName) {
			return false
		}
	}
	return true
}

// tree describes everything below root.
func tree(t *testing.T, root string) (all []string) {
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		all = append(all, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		return nil
	}))
	return all
}

func (b *bed) check() error {
	return audit.Check(audit.Config{Path: b.cfg.Path, Keys: b.cfg.Keys, Secret: b.cfg.Secret, Now: b.cfg.Now, Log: b.cfg.Log})
}
