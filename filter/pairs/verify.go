package pairs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// Verifier compares the engine's counts with those in the hosts' journals.
type Verifier struct {
	*Collector
	d *dir.Dir
}

// Difference is the result for one day.
type Difference struct {
	Has         bool   // some host has sent pairs
	Fewer, More int    // rooms with fewer addresses in the engine than in the journals, or more
	Later       []Late // hosts that joined after that day, so their journals may have more
}

// Late is a host that joined later than others.
type Late struct {
	Host  string
	Since civil.Day // the first day whose pairs it sends
}

// NewVerifier connects to the engine and reads the hosts' records. cfg.Keys has the keys of
// the days.
func NewVerifier(cfg CollectorConfig) (*Verifier, error) {
	v := &Verifier{Collector: NewCollector(cfg)}
	var err error
	if v.d, err = dir.Open(cfg.Path, dir.Options{Keys: cfg.Keys}); err != nil {
		return nil, err
	}
	if v.engine, err = cfg.Open(); err != nil {
		v.d.Close()
		return nil, err
	}
	if err = v.loadHosts(); err != nil {
		v.d.Close()
		return nil, err
	}
	return v, nil
}

// loadHosts reads the records of all hosts.
func (v *Verifier) loadHosts() error {
	keep, err := keptFor(v.d)
	if err != nil {
		return err
	}
	today := civil.DayOf(v.cfg.Now())
	days, err := v.days(v.d, keep.First(today), today+1)
	for _, day := range days {
		hosts, err := v.hosts(v.codes[day], day)
		if err != nil && !errors.Is(err, errSeal) { // Compare reports it
			return err
		}
		v.updateNewest(hosts)
	}
	return err
}

// Close closes the directory.
func (v *Verifier) Close() { v.d.Close() }

// Compare compares a day. It needs no key for a day without data in the engine: the fleet
// may not have had one yet.
func (v *Verifier) Compare(day civil.Day, journals []roomfile.Entry) (diff Difference, err error) {
	key, err := fleetKey(v.d, day)
	if err != nil {
		sent, engineErr := v.engine.Fields(newCode(v.cfg.Fleet, day, key).roster()) // the key is in no name
		if len(sent) == 0 || engineErr != nil {
			return diff, engineErr
		}
		return diff, fmt.Errorf("%w; hint: give the keys of a host, or of hushpipe fleet collect, by --keys", err)
	}
	of := newCode(v.cfg.Fleet, day, key)
	hosts, err := v.hosts(of, day)
	if len(hosts) == 0 || err != nil {
		return diff, err
	}
	entries, err := v.rooms(of, day)
	if err != nil {
		return diff, err
	}
	diff.Has = true
	for name, h := range v.newest {
		if since, ok := civil.ParseDay(h.Since); ok && day < since && !slices.ContainsFunc(hosts, func(h hostRecord) bool { return h.Name == name }) {
			diff.Later = append(diff.Later, Late{name, since})
		}
	}
	slices.SortFunc(diff.Later, func(a, b Late) int { return cmp.Compare(a.Host, b.Host) })
	engine := make(map[[20]byte]uint64, len(entries))
	for _, e := range entries {
		engine[e.Hash] = e.Count
	}
	for _, e := range journals {
		switch n := engine[e.Hash]; {
		case n < e.Count:
			diff.Fewer++
		case n > e.Count:
			diff.More++
		}
		delete(engine, e.Hash)
	}
	diff.More += len(engine)
	return diff, nil
}
