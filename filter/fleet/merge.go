// Package fleet merges what several hosts have counted, each in its own DIR, into one count.
// Under a common day key, the count is the union of their journals. It opens no network
// connections.
package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/registry"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// silence is after which time a host without activity is reported. For a host whose
// processes have all ended, only the day of the last activity is known.
const silence = 25 * time.Hour

// lateLines is how long after midnight late lines of the day before still arrive.
const lateLines = 10 * time.Minute

// Source is one host: its DIR, or a copy of it.
type Source struct {
	Name string
	Path string
	Keys string // its key directory, "" for DIR/keys; see FindKeys
}

// Name derives the names of hosts from the paths of their DIRs: the last element of each,
// ignoring a common ending of all paths such as the name of a stream.
func Name(paths []string) ([]Source, error) {
	elements := make([][]string, len(paths))
	for i, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		elements[i] = strings.Split(path, string(filepath.Separator))
		for j := range i {
			if slices.Equal(elements[j], elements[i]) {
				return nil, fmt.Errorf("%s: is given twice", paths[i])
			}
		}
	}
	last := func(e []string) string { return e[len(e)-1] }
	for len(paths) > 1 && !slices.ContainsFunc(elements, func(e []string) bool { return len(e) < 3 || last(e) != last(elements[0]) }) {
		for i, e := range elements {
			elements[i] = e[:len(e)-1]
		}
	}
	hosts := make([]Source, len(paths))
	for i, e := range elements {
		hosts[i] = Source{Name: last(e), Path: paths[i]}
		if err := roomfile.CheckHost(hosts[i].Name); err != nil {
			return nil, fmt.Errorf("%s: %w", paths[i], err)
		}
		for _, other := range hosts[:i] {
			if other.Name == hosts[i].Name {
				return nil, fmt.Errorf("%s and %s: both belong to a host %s; hint: name each directory after its host", other.Path, paths[i], other.Name)
			}
		}
	}
	return hosts, nil
}

// Config configures a Merge.
type Config struct {
	Out  string // the DIR to write room files to; no filter writes there
	From []Source
	Now  time.Time
	Log  func(topic, line string)
	// Counted, unless nil, is called with each day's counts from the journals; whole reports
	// that every host has closed the day and still has its journals.
	Counted func(day civil.Day, entries []roomfile.Entry, whole bool)
}

// Result is the outcome of a Merge.
type Result struct {
	UpperBound []civil.Day // counted under several keys
	LowerBound []civil.Day // pairs arrived after those of other hosts had been deleted
	Mixed      []civil.Day // counted under several settings
	Overflow   []civil.Day // limits dropped pairs
	Damaged    []string    // paths of journals
	Silent     []Silent
	Traffic    Traffic
}

// Silent is a host without activity for a day.
type Silent struct {
	Source
	Last time.Time // zero: never
}

// source is a host while its journals are read.
type source struct {
	Source
	d        *dir.Dir // nil: cannot be opened
	activity registry.Activity
	err      error // why its records cannot be read
}

// Merge unites the journals of all hosts, day by day, and writes the counts and the rosters.
// It may be repeated at any time: a room file never shrinks, and a closed host stays closed.
// It needs the memory of one day's pairs, plus those of one host on that day. An error is
// about what could not be read or written; everything else is done.
func Merge(cfg Config) (r Result, err error) {
	if err := checkOut(cfg); err != nil {
		return r, err
	}
	out, err := dir.Open(cfg.Out, dir.Options{Create: true, Notify: func(msg string) { cfg.Log(msg, msg) }})
	if err != nil {
		return r, err
	}
	defer out.Close()
	var errs []error
	var days, traffic []civil.Day
	from := make([]source, len(cfg.From))
	for i, of := range cfg.From {
		s := &from[i]
		s.Source = of
		if s.d, err = dir.Open(of.Path, dir.Options{Keys: of.Keys}); err != nil {
			errs = append(errs, err)
			continue
		}
		defer s.d.Close()
		// Read the records before the journals: then no record is newer than the journals.
		if s.activity, s.err = registry.ReadActivity(s.d); s.err != nil {
			errs = append(errs, s.err)
		}
		if cfg.Now.Sub(s.activity.Last) > silence {
			r.Silent = append(r.Silent, Silent{of, s.activity.Last})
		}
		some, err := counts.Days(s.d)
		if err != nil {
			errs = append(errs, err)
		}
		if len(some) == 0 && err == nil {
			errs = append(errs, checkStreams(s.d, of.Path))
		}
		days = append(days, some...)
		typed, err := counts.TypedNames(s.d)
		errs = append(errs, err)
		traffic = slices.AppendSeq(traffic, maps.Keys(typed))
	}
	slices.Sort(days)
	for _, day := range slices.Compact(days) {
		errs = append(errs, r.mergeDay(cfg, out, from, day))
	}
	slices.Sort(traffic) // the names shown depend on earlier days
	for _, day := range slices.Compact(traffic) {
		errs = append(errs, r.Traffic.mergeDay(cfg, out, from, day))
	}
	return r, dir.Join(errs...)
}

// checkOut returns an error for a directory that a filter writes to, or that belongs to a
// host.
func checkOut(cfg Config) error {
	at, err := os.Stat(cfg.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, of := range cfg.From {
		if st, err := os.Stat(of.Path); err == nil && os.SameFile(st, at) {
			return fmt.Errorf("%s: is the directory of a host; hint: give the counts a directory of their own", cfg.Out)
		}
	}
	for _, sub := range []string{"", dir.Journal, dir.Keys} {
		entries, err := os.ReadDir(filepath.Join(cfg.Out, sub))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if _, _, dated := dir.DayOf(sub, e.Name()); dated {
				return fmt.Errorf("%s: a filter writes there; hint: give the counts a directory of their own", cfg.Out)
			}
		}
	}
	return nil
}

// checkStreams returns an error for a DIR whose journals are in its streams.
func checkStreams(d *dir.Dir, path string) error {
	nested, err := d.Nested()
	if err != nil {
		return err
	}
	for _, name := range nested {
		if names, _ := os.ReadDir(filepath.Join(path, name, dir.Journal)); len(names) > 0 {
			return fmt.Errorf("%s: has no journals, but its streams have; hint: give the directory of a stream of each host, as %s", path, filepath.Join(path, name))
		}
	}
	return nil
}

// mergeDay writes the counts and the roster of one day.
func (r *Result) mergeDay(cfg Config, out *dir.Dir, from []source, day civil.Day) error {
	var errs []error
	all := counts.NewHostUnion(day)
	has := make([]contribution, len(from))
	for i, s := range from {
		if s.d == nil {
			continue
		}
		part, err := all.Add(s.d, s.Path)
		errs = append(errs, err)
		r.Damaged = append(r.Damaged, part.Damaged...)
		has[i] = contribution{any: part.Journals > 0, counted: part.Pairs, whole: err == nil && len(part.Damaged) == 0, gone: s.hadCounts(day)}
	}
	unlock, err := out.LockRooms(counts.LockPatience)
	if err != nil {
		return dir.Join(append(errs, err)...)
	}
	defer unlock()
	before, damaged := counts.ReadHosts(out, day)
	errs = append(errs, damaged) // rebuilt as far as possible
	now, lost, grown := roster(day, from, has, before, all.Keys())
	now.Overflow = max(before.Overflow, all.Overflow())
	if !all.Counted() {
		return dir.Join(errs...)
	}

	entries := all.Rooms()
	if cfg.Counted != nil {
		cfg.Counted(day, slices.Clone(entries), now.IsWhole() && !lost)
	}
	bound, err := counts.WriteHosts(out, cfg.Out, day, counts.Merged{Rooms: entries, Roster: now, Lost: lost, Grown: grown, Damaged: damaged != nil}, cfg.Log)
	errs = append(errs, err)
	for _, found := range []struct {
		is   bool
		days *[]civil.Day
	}{
		{len(now.Keys) > 1, &r.UpperBound},
		{bound, &r.LowerBound},
		{len(all.Settings()) > 1, &r.Mixed},
		{all.Overflow() > 0, &r.Overflow},
	} {
		if found.is {
			*found.days = append(*found.days, day)
		}
	}
	return dir.Join(errs...)
}

// contribution is what a host has of a day.
type contribution struct {
	any     bool // it has journals
	counted int  // number of pairs, or hits
	whole   bool // everything could be read
	gone    bool // it counted, but the journals are gone
}

// roster returns the new roster of a day. lost reports that something a host had before is
// missing, grown that a host has more than before.
func roster(day civil.Day, from []source, has []contribution, before roomfile.Roster, keys []roomfile.KeyID) (now roomfile.Roster, lost, grown bool) {
	now.Keys = roomfile.UniteKeys(before.Keys, keys)
	// A missing key, and a new one, mean that a host started over.
	grown, lost = len(now.Keys) > len(before.Keys), len(now.Keys) > len(keys)
	for _, h := range before.Hosts { // hosts that are no longer merged
		if !slices.ContainsFunc(from, func(s source) bool { return s.Name == h.Name }) {
			now.Hosts = append(now.Hosts, h)
			lost = lost || h.Pairs > 0
		}
	}
	for i, s := range from {
		was, known := before.Find(s.Name)
		h, part := s.rosterLine(day, has[i], was, known)
		if part {
			now.Hosts = append(now.Hosts, h)
		}
		// Less than before, on a day that goes on, means different pairs.
		grown = grown || has[i].counted > was.Pairs || has[i].counted < was.Pairs && has[i].any && was.State != roomfile.Closed
		lost = lost || has[i].counted < was.Pairs
	}
	slices.SortFunc(now.Hosts, func(a, b roomfile.Host) int { return cmp.Compare(a.Name, b.Name) })
	return now, lost, grown
}

// rosterLine returns a host's line in the roster of a day; part is false for a host that
// took no part, such as one that joined later.
func (s source) rosterLine(day civil.Day, has contribution, was roomfile.Host, known bool) (h roomfile.Host, part bool) {
	over := civil.DayOf(s.activity.Last.Add(-lateLines)) > day && !s.activity.Last.IsZero()
	_, lived := s.activity.Days[day]
	h = roomfile.Host{Name: s.Name, Seen: s.activity.Last, Pairs: max(has.counted, was.Pairs)}
	switch {
	case has.counted < was.Pairs:
		h.State = was.State // its journals were deleted
	case has.any && over && has.whole && s.err == nil:
		h.State = roomfile.Closed
	case has.any:
		h.State = roomfile.Open
	case has.gone:
		h.State = roomfile.Missing // deleted before they were merged
	case lived && over && has.whole && s.err == nil:
		h.State = roomfile.Closed // it counted nothing
	case lived:
		h.State = roomfile.Open
	case known:
		h.State = was.State
	case s.activity.Last.IsZero() || civil.DayOf(s.activity.Last) < day:
		h.State = roomfile.Missing
	default:
		return h, false
	}
	if known && (was.State == roomfile.Closed || was.State > h.State) {
		h.State, h.Seen = was.State, was.Seen
	}
	return h, true
}

// hadCounts reports whether a host has counts of a day without journals.
func (s source) hadCounts(day civil.Day) bool {
	if s.d == nil {
		return false
	}
	text, err := s.d.ReadFile(dir.Rooms, dir.RoomFile(day))
	return len(text) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist)
}
