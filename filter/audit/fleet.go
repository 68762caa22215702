package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"hushpipe/filter/dir"
	"hushpipe/filter/fleet/ratchet"
	"hushpipe/format/civil"
)

// expected returns how far a file in sub may be dated after today, in days: hushpipe filter
// creates tomorrow's key, and a fleet's keys exist ratchet.Ahead days ahead. States may have
// any date.
func (v *survey) expected(sub string) civil.Day {
	switch {
	case sub == dir.Fleet:
		return math.MaxInt32 - v.today
	case sub == dir.Keys && v.inFleet():
		return ratchet.Ahead
	}
	return 1
}

func (v *survey) inFleet() bool {
	_, err := os.Lstat(filepath.Join(v.Dir, dir.Fleet))
	return err == nil
}

// fleet checks DIR's fleet files.
func (v *survey) fleet(d *dir.Dir) {
	path := filepath.Join(v.Dir, dir.SeedName)
	seed, err := ratchet.ReadSeed(d)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err == nil && seed.States[0].Day < v.firstOf(v.keepKeys):
		v.broken(path, fmt.Sprintf("is still there, and opens the days from %s on", seed.States[0].Day), "run hushpipe fleet ship, which overwrites it, or remove it").of = keyRow
	default:
		v.note(path, "is still there: whoever reads it can make the keys of this fleet", "run hushpipe fleet ship, which overwrites it, or remove it")
	}
	if !v.inFleet() {
		return
	}
	last := v.today + ratchet.Ahead
	if day := v.days[last]; day == nil || !day.Key {
		v.note(filepath.Join(dir.KeyPath(v.Dir, v.keys), dir.KeyFile(last)), "is missing: this host may count a day under a key of its own", "see whether hushpipe fleet ship runs")
	}
}
