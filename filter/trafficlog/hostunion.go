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

// HostUnion is what the journals of one day hold together in several DIRs. Under one key, a
// visitor of two hosts is one, and a visit may go over both. It reads journals of running
// processes, and writes nothing to their DIRs. It serves one goroutine.
type HostUnion struct {
	day   civil.Day
	hosts []host
	union *union // nil: nothing was read yet
}

// host is one DIR.
type host struct {
	*dir.Dir
	key  *pseudonym.Key
	part Part
}

// Part is what one DIR has of the day.
type Part struct {
	Any    bool   // it has journals with traffic figures
	Hits   uint64 // in these, also in those records that another DIR has as well
	File   bool   // it has made a file of the day by itself
	Sealed bool   // no key opens its journals
	Flawed bool   // not all could be read: journals are damaged, or of another key or version
	Copied bool   // another DIR has some of its records; they are counted once
}

// NewHostUnion returns an empty one.
func NewHostUnion(day civil.Day) *HostUnion { return &HostUnion{day: day} }

// Add adds a DIR, which is read later. key is that of the day, nil where there is none.
func (s *HostUnion) Add(d *dir.Dir, key *pseudonym.Key) {
	s.hosts = append(s.hosts, host{Dir: d, key: key})
}

// Read reads the journals of all DIRs, and returns what each has. Names that stand on
// earlier days in out go on standing. After an error, what could be read is in.
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
	// Which options and which keys there are is known once all is read. They only become more.
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

// begin begins the reading, of journals under several keys.
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
	// Another host's journals: where a machine was cloned, some have the same names.
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

// noKey is for where the key would have been told before.
func noKey(*dir.Dir, civil.Day) (*pseudonym.Key, error) { return nil, fs.ErrNotExist }

// isUnder reports whether one of the journals of a DIR is under its key.
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

// hasSetAside reports whether a journal was kept aside of which not all could be read.
func hasSetAside(d *dir.Dir, day civil.Day) bool {
	names, _ := d.Names(dir.Journal) // they were listed a moment ago
	return slices.ContainsFunc(names, func(name string) bool {
		kept, aside := strings.CutSuffix(name, dir.DamagedSuffix)
		if of, ok := dir.TypedDay(kept); !aside || !ok || of != day {
			return false
		}
		file, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
		if err != nil {
			return false // deleted, or not what hushpipe kept
		}
		defer file.Close()
		info, err := journal.Read(file, 0, func([]byte) error { return nil })
		return err != nil || info.Damaged > 0
	})
}

// keys returns the keys of those DIRs that have hits, by their ids.
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

// KeyIDs returns the ids of the keys under which hits were counted, in order.
func (s *HostUnion) KeyIDs() (ids []roomfile.KeyID) {
	for _, key := range s.keys() {
		ids = append(ids, key.ID())
	}
	return ids
}

// Options is with how many different options the hits were counted.
func (s *HostUnion) Options() int { return len(s.union.options) }

// oneDir is what one DIR has by itself. A nil one takes nothing.
type oneDir struct {
	last map[journalID]uint64
	Part
}

// see notes a record that may be sealed.
func (a *oneDir) see() {
	if a != nil {
		a.Any = true
	}
}

// isNew reports whether a record is new.
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

// Merged says what is to be known of a day that several hosts have counted together.
type Merged struct {
	Roster  roomfile.Roster // with hits in place of pairs
	Lost    bool            // what was counted of a host before is not in it
	Grown   bool            // something is in it that was not counted before
	Damaged bool            // the roster before could not be read
	Open    bool            // the day is not over everywhere: nobody else may read its file
}

// Write brings the file of the day, its mark and its roster up to date in out, whose lock
// of the room files the caller has. bound says that the figures are only a lower bound,
// since what was counted before and is gone now cannot be united with what is new: the
// file is then the one that has more hits.
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
	if err == nil && (named || len(known) == 0) && !more && !m.Open { // without the file, an audit cannot tell that none stand
		err = known.write(out, s.union.counted().MaxNames)
	}
	if bound = m.Lost && (m.Grown || changed); err == nil && (bound || m.Damaged || more && !m.Lost) {
		err = out.ReplaceFile(dir.Traffic, mark, nil)
	}
	// The roster comes last: after it, the next time takes for granted what it says.
	if err == nil {
		err = replaceIfChanged(out, dir.TrafficHosts(s.day), m.Roster.Append(nil))
	}
	if err == nil && !m.Damaged && !m.Lost && !more { // all that was counted is here again
		err = dir.IfExists(out.Remove(dir.Traffic, mark))
	}
	if err == nil && !m.Open {
		err = cmp.Or(out.Widen(dir.Traffic, name), out.Widen(dir.Traffic, dir.TrafficHosts(s.day)))
	}
	return bound, err
}

// replaceIfChanged replaces a file that nobody else can read before its day is over.
func replaceIfChanged(d *dir.Dir, name string, text []byte) error {
	old, err := d.ReadFile(dir.Traffic, name)
	if err == nil && bytes.Equal(old, text) {
		return nil
	}
	return d.ReplaceSecret(dir.Traffic, name, text)
}
