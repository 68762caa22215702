package store

import (
	"fmt"
	"sync/atomic"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// secrets holds the keys of pseudonyms and the secret that hashes room names. Any
// goroutine may call its methods.
type secrets struct {
	keys   *keyring.Ring
	hasher atomic.Pointer[rooms.Hasher]
}

// Hasher returns the hasher of room names, nil while its secret cannot be read.
func (s *secrets) Hasher() *rooms.Hasher { return s.hasher.Load() }

// Key returns the day's key, see keyring.Ring.Key.
func (s *secrets) Key(day civil.Day, placement calendar.Placement) *pseudonym.Key {
	return s.keys.Key(day, placement)
}

// withKeyDir runs work on the key directory, which may be on a disk that hangs: it
// waits at most patience, and work continues in the background.
func (s *Store) withKeyDir(d *place, work func()) {
	done, ok := d.Use()
	if !ok {
		return
	}
	dir.WaitFor(patience, func() {
		defer done()
		work()
	})
}

// saveKeys writes new keys to the disk, and reads the secret of the room hashes if that
// failed before.
func (s *Store) saveKeys(d *place) error {
	var err error
	if s.Hasher() == nil {
		err = s.readSecret(d)
	}
	return dir.Join(err, s.keys.Save(d.Dir))
}

// readSecret reads the secret of the room hashes, if they are made with one.
func (s *Store) readSecret(d *place) error {
	if !s.cfg.Secret {
		return nil
	}
	secret, err := keyring.RoomSecret(d.Dir)
	if err != nil {
		err = fmt.Errorf("%w; rooms are not counted", err)
		s.report.Log("secret", err.Error())
		return err
	}
	s.hasher.Store(rooms.NewHasher(secret[:]))
	s.changed()
	return nil
}

// roomSecret identifies the secret in the settings that journals record: under another
// secret rooms have other hashes, and would silently be counted twice.
func (s *Store) roomSecret() string {
	if h := s.Hasher(); h != nil && s.cfg.Secret {
		return "room-secret=" + h.ID() + ";"
	}
	return ""
}

// saveKeysBriefly is saveKeys, waiting at most patience.
func (s *Store) saveKeysBriefly(d *place) { s.withKeyDir(d, func() { s.saveKeys(d) }) }
