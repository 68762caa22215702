package keyring_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "hushpipe/filter/keyring"
	"hushpipe/filter/loggertest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
)

func TestKey(t *testing.T) {
	d, said := loggertest.New(t)
	_, err := ReadKey(d.Dir, day("2026-11-22"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	key, err := d.Key(day("2026-11-22"))
	require.NoError(t, err)
	assert.NotEqual(t, [32]byte{}, key)
	assert.Equal(t, string(key[:]), d.Read(t, "keys/2026-11-22.key"))

	other, err := d.Key(day("2026-11-23"))
	require.NoError(t, err)
	assert.NotEqual(t, key, other)
	for _, get := range []func() ([32]byte, error){
		func() ([32]byte, error) { return d.Key(day("2026-11-22")) },
		func() ([32]byte, error) { return ReadKey(d.Dir, day("2026-11-22")) },
		func() ([32]byte, error) { return PutKey(d.Dir, day("2026-11-22"), other) },
	} {
		got, err := get()
		require.NoError(t, err)
		assert.Equal(t, key, got)
	}
	mine := [32]byte{1, 2, 3}
	stored, err := PutKey(d.Dir, day("2026-11-24"), mine)
	require.NoError(t, err)
	assert.Equal(t, mine, stored)
	assert.Equal(t, string(mine[:]), d.Read(t, "keys/2026-11-24.key"))
	assert.Equal(t, []string{"keys/2026-11-22.key", "keys/2026-11-23.key", "keys/2026-11-24.key"}, d.Tree(t))
	assert.Empty(t, *said)
}

func TestSecret(t *testing.T) {
	d, _ := loggertest.New(t)
	secret, err := RoomSecret(d.Dir)
	require.NoError(t, err)
	again, err := RoomSecret(d.Dir)
	require.NoError(t, err)
	assert.Equal(t, secret, again)
	assert.Equal(t, string(secret[:]), d.Read(t, "room-secret"))
	assert.Empty(t, d.Purge(at("2099-01-01 00:00"), 1, true).Deleted)
}

func TestKeyExposed(t *testing.T) {
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o620, 0o610, 0o700} {
		t.Run(fmt.Sprintf("%04o", mode), func(t *testing.T) {
			d, said := loggertest.New(t)
			key, err := d.Key(day("2026-11-22"))
			require.NoError(t, err)
			path := filepath.Join(d.Path, "keys/2026-11-22.key")
			require.NoError(t, os.Chmod(path, mode))
			got, err := ReadKey(d.Dir, day("2026-11-22"))
			require.NoError(t, err)
			assert.Equal(t, key, got)
			st, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), st.Mode())
			assert.Equal(t, dirtest.Notes{fmt.Sprintf("%s: others could read this key (mode %04o): set to 0600", path, mode)}, *said)
		})
	}
}

func TestKeyOfWrongSize(t *testing.T) {
	for _, size := range []int{0, 31, 33, 64} {
		d, _ := loggertest.New(t)
		path := d.Put(t, "keys/2026-11-22.key", strings.Repeat("k", size))
		_, err := d.Key(day("2026-11-22"))
		assert.EqualError(t, err, "read "+path+": does not hold 32 bytes; hint: remove it, a new key is made then")
		assert.Len(t, d.Read(t, "keys/2026-11-22.key"), size)
	}
}

func TestKeyRace(t *testing.T) {
	d, _ := loggertest.New(t)
	keys := dirtest.Children(t, "key", d.Path, make([]string, 8)...)
	for _, key := range keys {
		assert.Equal(t, keys[0], key)
	}
	assert.Equal(t, fmt.Sprintf("%x", d.Read(t, "keys/2026-11-22.key")), keys[0])
	assert.Equal(t, []string{"keys/2026-11-22.key"}, d.Tree(t), "no temporary file stays")
}

// The bytes of a key that is deleted are gone from the disk, not only its name:
// another name of the file shows it.
func TestKeyIsOverwritten(t *testing.T) {
	d, _ := loggertest.New(t)
	path := d.Put(t, "keys/2026-11-08.key", "0123456789abcdef0123456789abcdef")
	elsewhere := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Link(path, elsewhere))
	temp := d.Put(t, "keys/"+".hushpipe-"+dir.RandomHex(), "0123456789abcdef0123456789abcdef")
	elsewhere2 := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Link(temp, elsewhere2))
	foreign := d.Put(t, "keys/2026-11-08.tar.gz", "a backup")
	require.Empty(t, d.Purge(at("2026-11-22 12:00"), 14, true).Errs)
	for _, path := range []string{elsewhere, elsewhere2} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, make([]byte, 32), text)
	}
	assert.Equal(t, "a backup", d.Read(t, "keys/"+filepath.Base(foreign)), "no key")

	// A crash between the two steps leaves zeros, which are no key.
	d.Put(t, "keys/2026-11-22.key", string(make([]byte, 32)))
	_, err := ReadKey(d.Dir, day("2026-11-22"))
	assert.ErrorContains(t, err, "was overwritten, to be deleted; hint: remove it")
}

// TestKeyBeingDeleted: a reader that opens a key between its overwriting and the end of
// its file gets "no key", and never an error.
func TestKeyBeingDeleted(t *testing.T) {
	d, said := loggertest.New(t)
	for range 10 {
		_, err := d.Key(day("2026-11-22"))
		require.NoError(t, err)
		deleted := make(chan []error)
		go func() { deleted <- d.Purge(at("2026-12-22 12:00"), 14, true).Errs }()
		for err == nil {
			_, err = ReadKey(d.Dir, day("2026-11-22"))
		}
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.Empty(t, <-deleted)
	}
	assert.Empty(t, *said)
}
