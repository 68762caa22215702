package keyring

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
)

func TestKey(t *testing.T) {
	d, said := newDir(t)
	_, err := d.ReadKey(day("2026-11-22"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	key, err := d.Key(day("2026-11-22"))
	require.NoError(t, err)
	assert.NotEqual(t, [32]byte{}, key)
	assert.Equal(t, string(key[:]), read(t, d, "keys/2026-11-22.key"))

	other, err := d.Key(day("2026-11-23"))
	require.NoError(t, err)
	assert.NotEqual(t, key, other)
	for _, get := range []func() ([32]byte, error){
		func() ([32]byte, error) { return d.Key(day("2026-11-22")) },
		func() ([32]byte, error) { return d.ReadKey(day("2026-11-22")) },
		func() ([32]byte, error) { return d.PutKey(day("2026-11-22"), other) },
	} {
		got, err := get()
		require.NoError(t, err)
		assert.Equal(t, key, got)
	}
	mine := [32]byte{1, 2, 3}
	stored, err := d.PutKey(day("2026-11-24"), mine)
	require.NoError(t, err)
	assert.Equal(t, mine, stored)
	assert.Equal(t, string(mine[:]), read(t, d, "keys/2026-11-24.key"))
	assert.Equal(t, []string{"keys/2026-11-22.key", "keys/2026-11-23.key", "keys/2026-11-24.key"}, tree(t, d))
	assert.Empty(t, *said)
}

func TestSecret(t *testing.T) {
	d, _ := newDir(t)
	secret, err := d.Secret()
	require.NoError(t, err)
	again, err := d.Secret()
	require.NoError(t, err)
	assert.Equal(t, secret, again)
	assert.Equal(t, string(secret[:]), read(t, d, "room-secret"))
	assert.Empty(t, purge(d, at("2099-01-01 00:00"), 1, true).Deleted)
}

func TestKeyExposed(t *testing.T) {
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o620, 0o610, 0o700} {
		t.Run(fmt.Sprintf("%04o", mode), func(t *testing.T) {
			d, said := newDir(t)
			key, err := d.Key(day("2026-11-22"))
			require.NoError(t, err)
			path := filepath.Join(d.path, "keys/2026-11-22.key")
			require.NoError(t, os.Chmod(path, mode))
			got, err := d.ReadKey(day("2026-11-22"))
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
		d, _ := newDir(t)
		path := put(t, d, "keys/2026-11-22.key", strings.Repeat("k", size))
		_, err := d.Key(day("2026-11-22"))
		assert.EqualError(t, err, "read "+path+": does not hold 32 bytes; hint: remove it, a new key is made then")
		assert.Len(t, read(t, d, "keys/2026-11-22.key"), size)
	}
}

func TestKeyRace(t *testing.T) {
	d, _ := newDir(t)
	keys := dirtest.Children(t, "key", d.path, make([]string, 8)...)
	for _, key := range keys {
		assert.Equal(t, keys[0], key)
	}
	assert.Equal(t, fmt.Sprintf("%x", read(t, d, "keys/2026-11-22.key")), keys[0])
	assert.Equal(t, []string{"keys/2026-11-22.key"}, tree(t, d), "no temporary file stays")
}

// The bytes of a key that is deleted are gone from the disk, not only its name:
// another name of the file shows it.
func TestKeyIsOverwritten(t *testing.T) {
	d, _ := newDir(t)
	path := put(t, d, "keys/2026-11-08.key", "0123456789abcdef0123456789abcdef")
	elsewhere := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Link(path, elsewhere))
	temp := put(t, d, "keys/"+".hushpipe-"+dir.RandomHex(), "0123456789abcdef0123456789abcdef")
	elsewhere2 := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Link(temp, elsewhere2))
	foreign := put(t, d, "keys/2026-11-08.tar.gz", "a backup")
	require.Empty(t, purge(d, at("2026-11-22 12:00"), 14, true).Errs)
	for _, path := range []string{elsewhere, elsewhere2} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, make([]byte, 32), text)
	}
	assert.Equal(t, "a backup", read(t, d, "keys/"+filepath.Base(foreign)), "no key")

	// A crash between the two steps leaves zeros, which are no key.
	put(t, d, "keys/2026-11-22.key", string(make([]byte, 32)))
	_, err := d.ReadKey(day("2026-11-22"))
	assert.ErrorContains(t, err, "was overwritten, to be deleted; hint: remove it")
}

// TestKeyBeingDeleted: whoever comes upon a key between the overwriting and the end of
// its file is told that there is none, and never that something is wrong.
func TestKeyBeingDeleted(t *testing.T) {
	d, said := newDir(t)
	for range 10 {
		_, err := d.Key(day("2026-11-22"))
		require.NoError(t, err)
		deleted := make(chan []error)
		go func() { deleted <- purge(d, at("2026-12-22 12:00"), 14, true).Errs }()
		for err == nil {
			_, err = d.ReadKey(day("2026-11-22"))
		}
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.Empty(t, <-deleted)
	}
	assert.Empty(t, *said)
}
