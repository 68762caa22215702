package trafficlog

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
	"hushpipe/format/trafficfile"
)

// HostUnion unites the journals that several hosts' DIRs have of one day. Under one key, a
// visitor of two hosts is one visitor, and a visit can span both. It reads the journals of
// running processes, and writes nothing to their DIRs. One goroutine uses it.
type HostUnion struct {
	day   civil.Day
	hosts []host
	union *union // nil: nothing read yet
}

// host is one DIR.
type host struct {
	*dir.Dir
	key  *pseudonym.Key
	part Part
}

// Part describes what one DIR has of the day.
type Part struct {
	Any    bool   // it has journals with traffic figures
	Hits   uint64 // in these, including records that another DIR has as well
	File   bool   // it has its own file of the day
	Sealed bool   // no key decrypts its journals
	Flawed bool   // some journals are damaged, or of another key or version
	Copied bool   // another DIR has some of its records, which are counted once
}

// NewHostUnion returns an empty one.
func NewHostUnion(day civil.Day) *HostUnion { return &HostUnion{day: day} }

// Add adds a DIR, to be read later. key is the day's key, nil if there is none.
func (s *HostUnion) Add(d *dir.Dir, key *pseudonym.Key) {
	s.hosts = append(s.hosts, host{Dir: d, key: key})
}

// Read reads the journals of all DIRs, and returns what each has. Names shown on earlier
// days in out stay shown. After an error, everything that could be read is included.
func (s *HostUnion) Read(out *dir.Dir) ([]Part, error) {
	known, err := readNames(out)
	if err != nil {
		return nil, err
	}
	base := traffic.Defaults()
	for i := range s.hosts {
		h := &s.hosts[i]
		text, err := h.ReadFile(dir.Traffic, dir.TrafficFile(s.day))
		h.part.File = !errors.Is(err, fs.ErrNotExist)
		pages, _ := pagesBySitemap(text)
		base.Standing = append(base.Standing, pages...)
	}
	slices.Sort(base.Standing)
	base.Standing = slices.Compact(base.Standing)
	s.union = newUnion(s.day, base, known.before(s.day))
	// The sets of options and keys are known only after reading everything; they only grow.
	var keys []*pseudonym.Key
	for {
		s.begin(keys)
		var errs []error
		parts := make([]Part, len(s.hosts))
		for i := range s.hosts {
			errs = append(errs, s.read(&s.hosts[i]))
			parts[i] = s.hosts[i].part
		}
		if now := s.keys(); len(now) > max(len(keys), 1) {
			keys = now
		} else if !s.union.stale {
			return parts, dir.Join(errs...)
		}
	}
}

// begin starts reading, with the keys known so far.
func (s *HostUnion) begin(keys []*pseudonym.Key) {
	u := s.union
	if u.keys = len(keys); len(keys) == 0 {
		keys = s.keysOf(func(*host) bool { return true })
	}
	if len(keys) > 0 {
		u.seed = keys[0].TrafficRank()
	}
	u.begin(u.counted())
}

// read reads the journals of one DIR.
func (s *HostUnion) read(h *host) error {
	u := s.union
	names, err := counts.TypedNames(h.Dir)
	if err != nil {
		return err
	}
	// Forget the names of the previous host's journals: if a machine was cloned, two hosts
	// have journals of the same name.
	u.read, u.pieces, u.flawed, u.noKey, u.sealer = map[string]int64{}, map[string]*pieces{}, false, false, nil
	if h.key != nil {
		u.sealer = newSealer(h.key.TrafficAEAD(), h.key.ID(), s.day)
	}
	u.oneDir = &oneDir{last: map[journalID]uint64{}, Part: Part{File: h.part.File}}
	defer func() { u.oneDir = nil }()
	err = u.followAll(noKey, h.Dir, names[s.day])
	h.part = u.oneDir.Part
	h.part.Sealed = u.oneDir.Any && u.flawed && h.part.Hits == 0 && !isUnder(h, names[s.day])
	h.part.Flawed = u.flawed && u.oneDir.Any || hasSetAside(h.Dir, s.day)
	return err
}

// noKey is used where the key was given before.
func noKey(*dir.Dir, civil.Day) (*pseudonym.Key, error) { return nil, fs.ErrNotExist }

// isUnder reports whether a journal of a DIR was written under its key.
func isUnder(h *host, names []string) bool {
	return h.key != nil && slices.ContainsFunc(names, func(name string) bool {
		file, err := h.OpenFile(dir.Journal, name, os.O_RDONLY)
		if err != nil {
			return false
		}
		defer file.Close()
		info, err := journal.ReadHeader(file)
		return errors.Is(err, journal.ErrVersion) || err == nil && (!info.HeaderOK || info.KeyID == h.key.ID())
	})
}

// hasSetAside reports whether a damaged journal was set aside.
func hasSetAside(d *dir.Dir, day civil.Day) bool {
	names, _ := d.Names(dir.Journal) // listing has just succeeded
	return slices.ContainsFunc(names, func(name string) bool {
		kept, aside := strings.CutSuffix(name, dir.DamagedSuffix)
		if of, ok := dir.TypedDay(kept); !aside || !ok || of != day {
			return false
		}
		file, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
		if err != nil {
			return false // deleted, or not hushpipe's
		}
		defer file.Close()
		info, err := journal.Read(file, 0, func([]byte) error { return nil })
		return err != nil || info.Damaged > 0
	})
}

// keys returns the keys of the DIRs that have hits, sorted by id.
func (s *HostUnion) keys() []*pseudonym.Key {
	return s.keysOf(func(h *host) bool { return h.part.Hits > 0 })
}

func (s *HostUnion) keysOf(has func(*host) bool) (keys []*pseudonym.Key) {
	for i := range s.hosts {
		if h := &s.hosts[i]; h.key != nil && has(h) {
			keys = append(keys, h.key)
		}
	}
	compare := func(a, b *pseudonym.Key) int {
		x, y := a.ID(), b.ID()
		return bytes.Compare(x[:], y[:])
	}
	slices.SortFunc(keys, compare)
	return slices.CompactFunc(keys, func(a, b *pseudonym.Key) bool { return compare(a, b) == 0 })
}

// KeyIDs returns the ids of the keys that hits were counted under, sorted.
func (s *HostUnion) KeyIDs() (ids []roomfile.KeyID) {
	for _, key := range s.keys() {
		ids = append(ids, key.ID())
	}
	return ids
}

// Options returns the number of different options that the hits were counted with.
func (s *HostUnion) Options() int { return len(s.union.options) }

// oneDir counts what one DIR has by itself. All its methods work on nil, and do nothing.
type oneDir struct {
	last map[journalID]uint64
	Part
}

// see records that there is a record, which may be undecryptable.
func (a *oneDir) see() {
	if a != nil {
		a.Any = true
	}
}

// isNew reports whether a record has not been counted yet.
func (a *oneDir) isNew(h head) bool { return a != nil && h.number > a.last[h.journal] }

// add counts a record.
func (a *oneDir) add(u *union, h head, text []byte) {
	if a == nil {
		return
	}
	a.Copied = a.Copied || h.number <= u.last[h.journal]
	a.last[h.journal] = h.number
	a.Hits += u.figures.Hits(text)
}

// Merged is the state of a day that several hosts have counted together.
type Merged struct {
	Roster  roomfile.Roster // with hits instead of pairs
	Lost    bool            // counts that an earlier merge had of a host are missing
	Grown   bool            // it has counts that no earlier merge had
	Damaged bool            // the earlier roster could not be read
	Open    bool            // the day is not over everywhere: others may not read its file yet
}

// Write updates the day's file, mark and roster in out. The caller holds the lock of the
// room files. bound reports that the figures are only a lower bound: earlier figures are
// gone, so they cannot be united with new ones, and the file with more hits stays.
func (s *HostUnion) Write(out *dir.Dir, m Merged) (bound bool, err error) {
	known, err := readNames(out)
	if err != nil {
		return false, err
	}
	name, mark := dir.TrafficFile(s.day), dir.TrafficMark(s.day)
	figures, named := known.figures(s.day, s.union.figures.Figures)
	old, err := out.ReadFile(dir.Traffic, name)
	if err = dir.IfExists(err); err != nil {
		return false, err
	}
	more := hits(old) > hitsOf(figures.Cells)
	text := trafficfile.Append(nil, figures)
	changed := !more && !bytes.Equal(text, old)
	if changed {
		err = out.ReplaceSecret(dir.Traffic, name, text)
	}
	if err == nil && (named || len(known) == 0) && !more && !m.Open { // without the file, an audit cannot know that there are none
		err = known.write(out, s.union.counted().MaxNames)
	}
	if bound = m.Lost && (m.Grown || changed); err == nil && (bound || m.Damaged || more && !m.Lost) {
		err = out.ReplaceFile(dir.Traffic, mark, nil)
	}
	// The roster is written last, since the next merge relies on it.
	if err == nil {
		err = replaceIfChanged(out, dir.TrafficHosts(s.day), m.Roster.Append(nil))
	}
	if err == nil && !m.Damaged && !m.Lost && !more { // everything ever counted is here
		err = dir.IfExists(out.Remove(dir.Traffic, mark))
	}
	if err == nil && !m.Open {
		err = cmp.Or(out.Widen(dir.Traffic, name), out.Widen(dir.Traffic, dir.TrafficHosts(s.day)))
	}
	return bound, err
}

// replaceIfChanged replaces a file that others cannot read before its day is over.
func replaceIfChanged(d *dir.Dir, name string, text []byte) error {
	old, err := d.ReadFile(dir.Traffic, name)
	if err == nil && bytes.Equal(old, text) {
		return nil
	}
	return d.ReplaceSecret(dir.Traffic, name, text)
}
