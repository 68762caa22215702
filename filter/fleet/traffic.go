package fleet

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/trafficlog"
	"hushpipe/format/civil"
)

// Traffic is the outcome of a Merge for traffic figures.
type Traffic struct {
	UpperBound []civil.Day // visits and visitors were counted under several keys
	LowerBound []civil.Day // hits arrived after those of other hosts had been deleted
	Mixed      []civil.Day // counted with several options
	Sealed     []civil.Day // no key decrypts the journals of some host
	Flawed     []Flawed
	Copied     []string // DIRs that have records of another host
}

// Flawed is a day of a host whose journals could not be read completely.
type Flawed struct {
	Path string
	civil.Day
}

// FindKeys sets the key directory of each host: its own, or for a copy without one keys,
// which defaults to the first host's that has one. It returns keys, "" if there are none.
func FindKeys(hosts []Source, keys string) string {
	own := make([]bool, len(hosts))
	for i := range hosts {
		h := &hosts[i]
		h.Keys = registry.StreamKeys(h.Path)
		at := dir.KeyPath(h.Path, h.Keys)
		if st, err := os.Stat(at); err == nil && st.IsDir() {
			if own[i] = true; keys == "" {
				keys = at
			}
		}
	}
	for i := range hosts {
		if !own[i] {
			hosts[i].Keys = keys
		}
	}
	return keys
}

// mergeDay writes the traffic figures and the roster of one day. Days without journals are
// left alone: common visitors of hosts can no longer be determined.
func (t *Traffic) mergeDay(cfg Config, out *dir.Dir, from []source, day civil.Day) error {
	var errs []error
	all := trafficlog.NewHostUnion(day)
	var open []int // indexes in from
	for i, s := range from {
		if s.d == nil {
			continue
		}
		var of *pseudonym.Key
		key, err := keyring.ReadKey(s.d, day)
		if err == nil {
			of = (*pseudonym.Key)(&key)
		} else if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		all.Add(s.d, of)
		open = append(open, i)
	}
	parts, err := all.Read(out)
	errs = append(errs, err)
	has := make([]contribution, len(from))
	hits, sealed := false, false
	for n, i := range open {
		s, part := from[i], parts[n]
		hits, sealed = hits || part.Hits > 0, sealed || part.Sealed
		has[i] = contribution{any: part.Any && !part.Sealed, counted: int(part.Hits), whole: err == nil && !part.Flawed,
			gone: part.File || part.Sealed || s.activity.Days[day]}
		if part.Flawed && !part.Sealed {
			t.Flawed = append(t.Flawed, Flawed{s.Path, day})
		}
		if part.Copied && !slices.Contains(t.Copied, s.Path) {
			t.Copied = append(t.Copied, s.Path)
		}
	}
	if sealed {
		t.Sealed = append(t.Sealed, day)
	}
	if !hits {
		return dir.Join(errs...) // journals of other types, or unreadable here
	}
	unlock, err := out.LockRooms(counts.LockPatience)
	if err != nil {
		return dir.Join(append(errs, err)...)
	}
	defer unlock()
	before, damaged := counts.ReadRoster(out, dir.Traffic, dir.TrafficHosts(day))
	errs = append(errs, damaged) // rebuilt as far as possible
	now, lost, grown := roster(day, from, has, before, all.KeyIDs())
	bound, err := all.Write(out, trafficlog.Merged{Roster: now, Lost: lost, Grown: grown, Damaged: damaged != nil, Open: !isOver(day, cfg.Now)})
	errs = append(errs, err)
	if len(now.Keys) > 1 {
		t.UpperBound = append(t.UpperBound, day)
	}
	if bound {
		t.LowerBound = append(t.LowerBound, day)
	}
	if all.Options() > 1 {
		t.Mixed = append(t.Mixed, day)
	}
	return dir.Join(errs...)
}

// isOver reports whether a day is over in all zones.
func isOver(day civil.Day, now time.Time) bool {
	return day < civil.DayOf(now.UTC().Add(-12*time.Hour))
}
