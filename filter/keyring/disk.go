// Package keyring keeps the keys of the days and the secret of room names, and
// knows nothing of lines.
package keyring

import (
	"crypto/rand"
	"errors"
	"io/fs"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// tries bounds how often a key is made again that somebody deletes at once.
const tries = 8

// ReadKey returns the key of day in DIR, or an error that is fs.ErrNotExist. It is
// for who reads only; a Ring has the keys in memory.
func ReadKey(d *dir.Dir, day civil.Day) ([32]byte, error) {
	return d.ReadSecret(dir.Keys, dir.KeyFile(day))
}

// PutKey makes key the one of day if there is none, and returns the one that
// there is then.
func PutKey(d *dir.Dir, day civil.Day, key [32]byte) (stored [32]byte, err error) {
	return putSecret(d, dir.Keys, dir.KeyFile(day), key)
}

// RoomSecret returns the 32 random bytes that lie in DIR for good to make the hashes
// of room names, and makes them if there are none.
func RoomSecret(d *dir.Dir) ([32]byte, error) {
	secret, err := d.ReadSecret("", dir.RoomSecretName)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	rand.Read(secret[:])
	return putSecret(d, "", dir.RoomSecretName, secret)
}

// ShareRoomSecret makes secret the one of RoomSecret if there is none, and returns the one
// that there is then.
func ShareRoomSecret(d *dir.Dir, secret [32]byte) (stored [32]byte, err error) {
	return putSecret(d, "", dir.RoomSecretName, secret)
}

// KnownRoomSecret is RoomSecret, but makes none: zero is for none.
func KnownRoomSecret(d *dir.Dir) ([32]byte, error) {
	secret, err := d.ReadSecret("", dir.RoomSecretName)
	return secret, dir.IfExists(err)
}

func putSecret(d *dir.Dir, sub, name string, secret [32]byte) (stored [32]byte, err error) {
	for range tries {
		err = d.CreateSecret(sub, name, secret)
		if err == nil {
			return secret, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return stored, err
		}
		stored, err = d.ReadSecret(sub, name)
		if !errors.Is(err, fs.ErrNotExist) {
			return stored, err
		}
	}
	return stored, err
}
