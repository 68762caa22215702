package pairs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/engine"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
	"hushpipe/format/roomfile"
)

// Counter is the part of an engine that a Collector uses.
type Counter interface {
	Fields(key string) (fields map[string]string, err error)
	Members(key string) (members []string, err error)
	Sizes(keys []string) (sizes []uint64, err error)
	Check(now time.Time) (persists []string, err error)
}

// CollectorConfig configures a Collector.
type CollectorConfig struct {
	Path, Keys string   // DIR, and the key directory, "" for DIR/keys
	Fleet      string   // the name
	Hosts      []string // expected hosts; nil: those of the days before
	Open       func() (Counter, error)
	Now        func() time.Time
	Log        func(topic, line string)
}

// Collector writes the counts in the engine to the room files and rosters of a DIR without a
// filter. One goroutine uses it. Several Collectors can run, each with its own DIR.
type Collector struct {
	cfg        CollectorConfig
	engine     Counter
	codes      map[civil.Day]*code
	checkedAll time.Time // the last step for all days

	newest    map[string]hostRecord   // the latest record of each host, by name
	shown     map[civil.Day]DayStatus // of yesterday to tomorrow
	collected time.Time               // the last step without an error
}

// NewCollector returns a Collector; call Step to make it work.
func NewCollector(cfg CollectorConfig) *Collector {
	return &Collector{cfg: cfg, codes: map[civil.Day]*code{}, newest: map[string]hostRecord{}, shown: map[civil.Day]DayStatus{}}
}

const (
	// missingDays is for how many days a silent host is listed as missing.
	missingDays = 7
	// sameNameWindow is the largest gap between records that shows two live hosts with one
	// name.
	sameNameWindow = 10 * time.Minute
)

// CheckCollect returns an error for a DIR that a filter writes to.
func CheckCollect(path string) error {
	d, err := dir.Open(path, dir.Options{})
	if err != nil {
		return err
	}
	defer d.Close()
	for _, sub := range []string{"", dir.Journal} {
		names, err := d.Names(sub)
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, _, dated := dir.DayOf(sub, name); dated {
				return fmt.Errorf("%s: a filter writes there; hint: give the counts a directory of their own", path)
			}
		}
	}
	return nil
}

// Step updates the files of yesterday to tomorrow, and once a minute those of all days.
func (c *Collector) Step() error {
	now := c.cfg.Now().Round(0)
	if c.engine == nil {
		e, err := c.cfg.Open()
		if err != nil {
			return err
		}
		c.engine, c.checkedAll = e, time.Time{}
	}
	today := civil.DayOf(now)
	d, m, err := openMember(c.cfg.Path, c.cfg.Keys, today, c.cfg.Log)
	if err != nil {
		return err
	}
	defer d.Close()
	all := now.Sub(c.checkedAll).Abs() >= renewal
	if all {
		if _, err := c.engine.Check(now); err != nil {
			return err
		}
	}
	keep, err := keptFor(d)
	if err != nil {
		return err
	}
	first := max(keep.First(today), m.since)
	days, err := c.days(d, first, today+1)
	if err != nil {
		return err
	}
	c.forget(first, today)
	var errs []error
	for _, day := range days {
		if near := today-1 <= day; near || all {
			if err := c.day(d, day, near); err != nil {
				errs = append(errs, err)
				if errors.Is(err, engine.ErrSilent) {
					break // each day would time out
				}
			}
		}
	}
	if all {
		c.checkedAll = now
	}
	if len(errs) == 0 {
		c.collected = now
	}
	return dir.Join(errs...)
}

// days returns the days from first to last that have a key, and creates their codes.
func (c *Collector) days(d *dir.Dir, first, last civil.Day) (days []civil.Day, err error) {
	for day := range c.codes {
		if day < first {
			delete(c.codes, day)
		}
	}
	for day := first; day <= last; day++ {
		if c.codes[day] == nil {
			key, err := fleetKey(d, day)
			if errors.Is(err, fs.ErrNotExist) { // this host did not run that day
				continue
			}
			if err != nil {
				return nil, err
			}
			c.codes[day] = newCode(c.cfg.Fleet, day, key)
		}
		days = append(days, day)
	}
	return days, nil
}

// keptFor returns the period of the keys in DIR.
func keptFor(d *dir.Dir) (calendar.Period, error) {
	keep, err := retention.Rule(d, retention.OfKeys)
	return cmp.Or(keep, calendar.DefaultPeriod), err
}

// hostRecord is the record of a host with its id in the engine.
type hostRecord struct {
	id string
	record
	// stale is set if the engine was wiped after the host saw that it had everything.
	stale bool
}

// day writes the counts of a day.
func (c *Collector) day(d *dir.Dir, day civil.Day, near bool) error {
	of := c.codes[day]
	// Read the records before the sets: then no record is newer than the sets.
	hosts, err := c.hosts(of, day)
	if err != nil {
		return err
	}
	entries, err := c.rooms(of, day)
	if err != nil {
		return err
	}
	unlock, err := d.LockRooms(counts.LockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	before, damaged := counts.ReadHosts(d, day)
	m := counts.Merged{Rooms: entries, Roster: roomfile.Roster{Keys: before.Keys, Overflow: before.Overflow}, Damaged: damaged != nil}
	expected, err := c.expected(d, day)
	if err != nil {
		return err
	}
	m.Lost, m.Grown = unite(&m.Roster, hosts, before, expected)
	c.updateNewest(hosts)
	if near {
		c.shown[day] = dayStatus(day, len(hosts), m.Roster, entries)
	}
	if len(hosts) == 0 && len(before.Hosts) == 0 {
		return damaged // no engine ever had anything of that day
	}
	_, err = counts.WriteHosts(d, c.cfg.Path, day, m, c.cfg.Log)
	return dir.Join(damaged, err)
}

// hosts returns the hosts' records of a day.
func (c *Collector) hosts(of *code, day civil.Day) (hosts []hostRecord, err error) {
	fields, err := c.engine.Fields(of.roster())
	if err != nil {
		return nil, err
	}
	claim, claimed := fields[""]
	if claimed {
		if _, err := of.open("", claim); err != nil {
			return nil, fmt.Errorf("%s: the engine's data of %s %w, or under another key; nothing of that day is collected; hint: is another fleet of this name there?", c.cfg.Path, day, err)
		}
		delete(fields, "")
	}
	unread := 0
	settings := map[string]bool{}
	for id, sealed := range fields {
		text, err := of.open(id, sealed)
		r := record{}
		if err == nil {
			r, err = parseRecord(text)
		}
		if err != nil {
			unread++
			continue
		}
		stale := r.Claim != claimID(claim)
		r.Closed = r.Closed && !stale
		hosts = append(hosts, hostRecord{id, r, stale})
		for _, s := range r.Settings {
			settings[s] = settings[s] || !strings.HasSuffix(s, counts.NoRooms)
		}
	}
	slices.SortFunc(hosts, func(a, b hostRecord) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.id, b.id)) })
	for i, h := range hosts {
		if i > 0 && hosts[i-1].Name == h.Name && hosts[i-1].Seen.Sub(h.Seen).Abs() < sameNameWindow {
			c.cfg.Log("fleet-name "+h.Name, fmt.Sprintf("%s: two hosts are named %s; hint: rename one with hushpipe fleet ship --host", c.cfg.Path, h.Name))
		}
	}
	if unread > 0 {
		c.cfg.Log("fleet-unread", fmt.Sprintf("%s: not read: %s of hosts in the engine, damaged or not made by this fleet; hint: who else can write there?", c.cfg.Path, prose.Plural(unread, "record")))
	}
	counting := 0
	for _, counts := range settings {
		if counts {
			counting++
		}
	}
	if counting > 1 {
		c.cfg.Log("fleet-settings "+day.String(), fmt.Sprintf("%s: %s: counted under several settings: the counts mix them; hint: give all hosts the same flags, and the same room-secret where there is one", c.cfg.Path, day))
	}
	return hosts, nil
}

// rooms returns the engine's counts of a day.
func (c *Collector) rooms(of *code, day civil.Day) (entries []roomfile.Entry, err error) {
	var keys []string
	foreign := 0
	for i := range parts {
		tokens, err := c.engine.Members(of.index(i))
		if err != nil {
			return nil, err
		}
		for _, token := range tokens {
			room, ok := of.room(token)
			if !ok || partOf(token) != i {
				foreign++
				continue
			}
			keys = append(keys, of.set(token))
			entries = append(entries, roomfile.Entry{Hash: room})
		}
	}
	sizes, err := c.engine.Sizes(keys)
	if err != nil {
		return nil, err
	}
	for i, n := range sizes {
		entries[i].Count = n
	}
	entries = slices.DeleteFunc(entries, func(e roomfile.Entry) bool { return e.Count == 0 }) // deleted by somebody
	slices.SortFunc(entries, func(a, b roomfile.Entry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	if foreign > 0 {
		c.cfg.Log("fleet-foreign", fmt.Sprintf("%s: not counted: %s of %s in the engine, which this fleet did not write; hint: who else can write there?", c.cfg.Path, prose.Plural(foreign, "room"), day))
	}
	return entries, nil
}

// expected returns the names of the hosts that a day should have: those in the fleet's file,
// or those of the days before.
func (c *Collector) expected(d *dir.Dir, day civil.Day) (names []string, err error) {
	if c.cfg.Hosts != nil {
		return c.cfg.Hosts, nil
	}
	for before := day - missingDays; before < day; before++ {
		r, err := counts.ReadHosts(d, before)
		if err != nil {
			return nil, err
		}
		for _, h := range r.Hosts {
			if h.State != roomfile.Missing {
				names = append(names, h.Name)
			}
		}
	}
	return names, nil
}

// unite fills the roster of a day. lost reports that pairs may be missing: a host that sent
// some has no record any more, or may not have sent them again to a wiped engine. grown
// reports that a host has sent more. A host that was closed stays closed.
func unite(now *roomfile.Roster, hosts []hostRecord, before roomfile.Roster, expected []string) (lost, grown bool) {
	lines := map[string]roomfile.Host{}
	for _, name := range expected {
		lines[name] = roomfile.Host{Name: name}
	}
	overflow := uint64(0)
	told := map[string]bool{}
	for _, h := range hosts {
		ids, _ := h.keyIDs() // no error: the record was parsed
		now.Keys = roomfile.UniteKeys(now.Keys, ids)
		overflow += h.Overflow
		lost = lost || h.stale
		line := roomfile.Host{Name: h.Name, State: roomfile.Open, Seen: h.Seen, Pairs: h.Pairs}
		if h.Closed {
			line.State = roomfile.Closed
		}
		if other := lines[h.Name]; told[h.Name] { // another host of the same name
			line.State, line.Pairs = min(line.State, other.State), line.Pairs+other.Pairs
			if other.Seen.Before(line.Seen) && line.State == roomfile.Open {
				line.Seen = other.Seen
			}
		}
		lines[h.Name], told[h.Name] = line, true
	}
	for _, was := range before.Hosts {
		line, ok := lines[was.Name]
		lost = lost || !told[was.Name] && was.Pairs > 0
		grown = grown || told[was.Name] && line.Pairs > was.Pairs
		if !ok || line.State < was.State {
			line = was
		}
		lines[was.Name] = line
	}
	now.Overflow = max(now.Overflow, overflow)
	for _, line := range lines {
		now.Hosts = append(now.Hosts, line)
	}
	slices.SortFunc(now.Hosts, func(a, b roomfile.Host) int { return cmp.Compare(a.Name, b.Name) })
	return lost, grown
}
