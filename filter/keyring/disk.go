// Package keyring manages the keys of the days and the secret of room names, on the disk and
// in memory.
package keyring

import (
	"crypto/rand"
	"errors"
	"io/fs"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// tries bounds how often a key is created again that somebody deletes at once.
const tries = 8

// ReadKey returns the key of day in DIR, or an error that is fs.ErrNotExist. It serves
// commands that only read; a Ring has the keys in memory.
func ReadKey(d *dir.Dir, day civil.Day) ([32]byte, error) {
	return d.ReadSecret(dir.Keys, dir.KeyFile(day))
}

// PutKey stores key as that of day unless there is one, and returns the stored one.
func PutKey(d *dir.Dir, day civil.Day, key [32]byte) (stored [32]byte, err error) {
	return putSecret(d, dir.Keys, dir.KeyFile(day), key)
}

// RoomSecret returns the 32 random bytes that DIR keeps forever to hash room names, creating
// them if necessary.
func RoomSecret(d *dir.Dir) ([32]byte, error) {
	secret, err := d.ReadSecret("", dir.RoomSecretName)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	rand.Read(secret[:])
	return putSecret(d, "", dir.RoomSecretName, secret)
}

// ShareRoomSecret stores secret as that of RoomSecret unless there is one, and returns the
// stored one. A fleet's engine calls it to give its hosts the same secret.
func ShareRoomSecret(d *dir.Dir, secret [32]byte) (stored [32]byte, err error) {
	return putSecret(d, "", dir.RoomSecretName, secret)
}

// KnownRoomSecret is RoomSecret without creating one: it returns zero if there is none.
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
