package pairs

import (
	"fmt"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// Verifier compares what the engine has with what the journals of the hosts count.
type Verifier struct {
	*Collector
	d *dir.Dir
}

// Difference is of how many rooms the engine has fewer addresses than the journals, and of
// how many more.
type Difference struct{ Fewer, More int }

// NewVerifier connects. cfg.Keys has the keys of the days.
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
	return v, nil
}

// Close closes the directory.
func (v *Verifier) Close() { v.d.Close() }

// Compare compares a day. has is false where no host has sent anything of it, which takes no
// key: the fleet may not have had any yet.
func (v *Verifier) Compare(day civil.Day, journals []roomfile.Entry) (diff Difference, has bool, err error) {
	key, err := fleetKey(v.d, day)
	if err != nil {
		sent, engineErr := v.engine.Fields(newCode(v.cfg.Fleet, day, key).roster()) // the key is in no name
		if len(sent) == 0 || engineErr != nil {
			return diff, false, engineErr
		}
		return diff, false, fmt.Errorf("%w; hint: give the keys of a host, or of hushpipe fleet collect, by --keys", err)
	}
	of := newCode(v.cfg.Fleet, day, key)
	hosts, err := v.hosts(of, day)
	if len(hosts) == 0 || err != nil {
		return diff, false, err
	}
	entries, err := v.rooms(of, day)
	if err != nil {
		return diff, false, err
	}
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
	return diff, true, nil
}
