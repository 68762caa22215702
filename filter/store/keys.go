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

// secrets are what pseudonyms and hashes of rooms are made with. Any goroutine may ask.
type secrets struct {
	keys   *keyring.Ring
	hasher atomic.Pointer[rooms.Hasher]
}

// Hasher makes the hashes of room names, nil while the secret for that cannot
// be read.
func (s *secrets) Hasher() *rooms.Hasher { return s.hasher.Load() }

// Key returns the day's key, see keyring.Ring.Key.
func (s *secrets) Key(day civil.Day, placement calendar.Placement) *pseudonym.Key {
	return s.keys.Key(day, placement)
}

// withKeyDir works on the key directory, which may lie on a disk that hangs: the
// lines wait for it no longer than a moment.
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

// saveKeys brings keys to the disk, and reads the secret of the room hashes.
func (s *Store) saveKeys(d *place) error {
	var err error
	if s.Hasher() == nil {
		err = s.readSecret(d)
	}
	return dir.Join(err, s.keys.Save(d.Dir))
}

// readSecret reads the secret of the room hashes, if there is to be one.
func (s *Store) readSecret(d *place) error {
	if !s.cfg.Secret {
		return nil
	}
	secret, err := keyring.RoomSecret(d.Dir)
	if err != nil {
		err = fmt.Errorf("%w; rooms are not counted", err)
		s.report.Say("secret", err.Error())
		return err
	}
	s.hasher.Store(rooms.NewHasher(secret[:]))
	s.changed()
	return nil
}

// roomSecret is what journals record of the secret: under another one, rooms have other
// names, and would be counted twice without a word.
func (s *Store) roomSecret() string {
	if h := s.Hasher(); h != nil && s.cfg.Secret {
		return "room-secret=" + h.ID() + ";"
	}
	return ""
}

func (s *Store) saveKeysBriefly(d *place) { s.withKeyDir(d, func() { s.saveKeys(d) }) }
