package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/fleet/ratchet"
	"hushpipe/filter/keyring"
	"hushpipe/filter/registry"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
)

// ShipConfig configures a Shipper.
type ShipConfig struct {
	Path, Keys string // DIR, and the key directory, "" for DIR/keys
	Fleet      string // the name
	Now        func() time.Time
	Log        func(topic, line string)
}

// Shipper stores the keys that the hosts of a fleet share in DIR. An existing key stays as
// it is.
type Shipper struct {
	cfg      ShipConfig
	reported map[civil.Day]bool // days for which another key was reported
}

// NewShipper returns a Shipper; call Step to make it work.
func NewShipper(cfg ShipConfig) *Shipper { return &Shipper{cfg, map[civil.Day]bool{}} }

var errNoSeed = errors.New("is missing, and this host is not in a fleet; hint: write what hushpipe fleet invite prints into this file")

// Step adopts a seed in DIR, advances the state, deletes keys past their period, and creates
// those of today and the days ahead. It reports failures that do not prevent creating keys.
// Call it at start, each minute and at midnight.
func (s *Shipper) Step() error {
	if err := s.check(); err != nil {
		return err
	}
	d, err := dir.Open(s.cfg.Path, dir.Options{Keys: s.cfg.Keys, Create: true,
		Notify: func(msg string) { s.cfg.Log(msg, msg) }})
	if err != nil {
		return err
	}
	defer d.Close()
	now := s.cfg.Now().Round(0)
	verdict, err := retention.NewClock(d).Judge(now, calendar.DefaultPeriod, false)
	if err != nil {
		return err
	}
	if until := verdict.Window.DoubtUntil; !until.IsZero() {
		return fmt.Errorf("%s: the clock is far ahead of the last time seen, no keys are made; hint: set the clock, or wait until %s", s.cfg.Path, until.Format(time.RFC3339))
	}
	today := verdict.Window.Today
	if err := ratchet.CheckFleet(d, s.cfg.Fleet); err != nil {
		return err
	}
	joinErr := ratchet.Adopt(d, s.cfg.Fleet, today, func(seed ratchet.Seed) error { return s.shareRooms(d, seed.Rooms) })
	purgeErr := purge(d, verdict, now)
	chain, err := ratchet.Read(d)
	if _, none := chain.At(today); len(chain) == 0 || err != nil && none != nil {
		if err = dir.Join(joinErr, purgeErr, err); err == nil {
			err = d.Error("open", "", dir.SeedName, errNoSeed)
		}
		return err
	}
	for topic, err := range map[string]error{"fleet-seed": joinErr, "purge": purgeErr, "fleet-state": err} {
		if err != nil { // keys are created nevertheless
			s.cfg.Log(topic, err.Error())
		}
	}
	if err := registry.CheckKeys(s.cfg.Path, s.cfg.Keys); err != nil {
		s.cfg.Log("fleet-keys", err.Error())
	}
	var errs []error
	for day := today; day <= today+ratchet.Ahead; day++ {
		errs = append(errs, s.key(d, chain, day))
	}
	return dir.Join(errs...)
}

// check returns an error for a DIR that is missing, since a Shipper does not create it, or
// that has streams with their own keys.
func (s *Shipper) check() error {
	d, err := dir.Open(s.cfg.Path, dir.Options{})
	if err != nil {
		return err
	}
	defer d.Close()
	return checkStreams(d, s.cfg.Path)
}

// purge advances the state, and deletes keys by the rule of their directory, since there may
// be no filter that does.
func purge(d *dir.Dir, v retention.Verdict, now time.Time) error {
	rule, err := retention.Settle(d, retention.OfKeys, registry.KeptByEarlier(d, now))
	if rule == 0 { // unknown which keys to keep
		_, advanceErr := ratchet.Advance(d, v.Window.Today)
		return dir.Join(err, advanceErr)
	}
	return dir.Join(append(retention.Delete(d, retention.Keys, v, rule).Errs, err)...)
}

// key creates the key of a day, unless there is one.
func (s *Shipper) key(d *dir.Dir, chain ratchet.Chain, day civil.Day) error {
	other := ""
	if state, err := chain.At(day); err != nil {
		// The key may be stored: the state has advanced, and does not go back with the
		// clock.
		if _, err := keyring.ReadKey(d, day); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		other = "is not known to this host"
	} else {
		key, err := keyring.PutKey(d, day, state.Key())
		if err != nil {
			return err
		}
		if key != state.Key() {
			other = "came after this host had made its own"
		}
	}
	if other != "" && !s.reported[day] {
		s.reported[day] = true
		s.cfg.Log("fleet-key "+day.String(), fmt.Sprintf("%s: the fleet's key of %s %s: the counts of that day are an upper bound", s.cfg.Path, day, other))
	}
	return nil
}

// shareRooms stores the fleet's secret of room names in DIR, unless it has one.
func (s *Shipper) shareRooms(d *dir.Dir, secret [32]byte) error {
	if secret == ([32]byte{}) {
		return nil
	}
	stored, err := keyring.ShareRoomSecret(d, secret)
	if err != nil || stored == secret {
		return err
	}
	settings, err := registry.ReadSettings(s.cfg.Path)
	if err == nil && slices.Contains(settings.Flags, "--room-hash=hmac") {
		s.cfg.Log("fleet-rooms", fmt.Sprintf("%s: differs from the fleet's, so rooms have other hashes here; hint: give all hosts that of one", filepath.Join(s.cfg.Path, dir.RoomSecretName)))
	}
	return nil
}

// Invite returns the seed with which a new host can join from now on.
func Invite(path, fleet string, now time.Time) (seed ratchet.Seed, err error) {
	d, err := dir.Open(path, dir.Options{})
	if err != nil {
		return ratchet.Seed{}, err
	}
	defer d.Close()
	name, err := d.ReadFile(dir.Fleet, dir.FleetName)
	if errors.Is(err, fs.ErrNotExist) {
		return ratchet.Seed{}, fmt.Errorf("%s: is not in a fleet; hint: run hushpipe fleet ship there, or invite from another host", path)
	}
	if err != nil {
		return ratchet.Seed{}, err
	}
	if string(name) != fleet+"\n" {
		return ratchet.Seed{}, fmt.Errorf("%s: is in another fleet than %s; hint: give the DIR of a host of that fleet", path, fleet)
	}
	chain, err := ratchet.Read(d)
	if err != nil {
		return ratchet.Seed{}, err
	}
	seed = ratchet.Seed{Fleet: fleet, States: chain.From(civil.DayOf(now))}
	if len(seed.States) == 0 {
		return ratchet.Seed{}, fmt.Errorf("%s: has no state of its fleet; hint: invite it from another host", path)
	}
	seed.Rooms, err = keyring.KnownRoomSecret(d)
	return seed, err
}

// first is the zone whose days begin first, last the one whose days end last.
var (
	first = time.FixedZone("UTC+14", 14*60*60)
	last  = time.FixedZone("UTC-12", -12*60*60)
)

// NewSeed returns the seed of a new fleet, starting on a day that has begun in all zones.
func NewSeed(fleet string, now time.Time) ratchet.Seed {
	day := civil.DayOf(now.In(last))
	return ratchet.Seed{Fleet: fleet, States: ratchet.Chain{ratchet.New(day)}, Rooms: ratchet.New(day).Secret}
}

// Rekey returns a seed for the days for which no host in any zone has a key yet: nothing
// that a host had before opens them.
func Rekey(fleet string, now time.Time) ratchet.Seed {
	return ratchet.Seed{Fleet: fleet, States: ratchet.Chain{ratchet.New(civil.DayOf(now.In(first)) + ratchet.Ahead + 1)}}
}

// Check returns an error if a Shipper could not work in DIR, and changes nothing.
func (s *Shipper) Check() error {
	if err := s.check(); err != nil {
		return err
	}
	d, err := dir.Open(s.cfg.Path, dir.Options{Keys: s.cfg.Keys, Notify: func(msg string) { s.cfg.Log(msg, msg) }})
	if err != nil {
		return err
	}
	defer d.Close()
	if err := ratchet.CheckFleet(d, s.cfg.Fleet); err != nil {
		return err
	}
	seed, err := ratchet.ReadSeed(d)
	if err == nil && seed.Fleet != s.cfg.Fleet {
		return d.Error("read", "", dir.SeedName, fmt.Errorf("is for another fleet than %s; hint: write what hushpipe fleet invite prints on a host of that one into this file", s.cfg.Fleet))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if chain, err := ratchet.Read(d); len(chain) == 0 {
		if err == nil {
			err = d.Error("open", "", dir.SeedName, errNoSeed)
		}
		return err
	}
	return nil
}
