package pairs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/engine"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
	"hushpipe/format/roomfile"
)

// Status is the state of a fleet's hosts in the engine, with all problems.
type Status struct {
	Fleet    string       `json:"fleet"`
	Time     time.Time    `json:"time"`
	Persists []string     `json:"persists"` // servers that write to a disk, and how
	Hosts    []HostStatus `json:"hosts"`    // sorted by name; nil: no key to decrypt their records
	Days     []DayStatus  `json:"days"`
	Behind   []Behind     `json:"behind"`
}

// HostStatus is the last report of a host.
type HostStatus struct {
	Name     string    `json:"name"`
	Seen     time.Time `json:"seen,omitzero"`        // zero: never
	Lag      *int64    `json:"lag_seconds"`          // since then; nil: never
	Oldest   string    `json:"oldest_key,omitempty"` // day of its oldest key
	Keep     int       `json:"keep_days,omitempty"`  // for how long it keeps keys
	Resends  int       `json:"resends"`
	Confined string    `json:"confined,omitempty"`
}

// DayStatus is the state of one day.
type DayStatus struct {
	Day     string   `json:"day"`
	Records int      `json:"records"` // number of hosts' records, including undecryptable ones
	Closed  []string `json:"closed"`  // names of hosts
	Open    []string `json:"open"`
	Missing []string `json:"missing"`
	Rooms   int      `json:"rooms"`
	Pairs   uint64   `json:"pairs"`
}

// Behind is a problem of a host or the engine, and what to do.
type Behind struct {
	Of   string `json:"of"`
	What string `json:"what"`
	Do   string `json:"do,omitempty"`
}

// late is how long a host may not report, which it does once a minute.
const late = 3 * renewal

// ReadStatus reads the hosts' state from the engine, and changes nothing. The keys in a DIR
// of the fleet decrypt their records: without a Path, it only counts records.
func ReadStatus(cfg CollectorConfig) (Status, error) {
	now := cfg.Now().Round(0)
	v := &survey{now: now, today: civil.DayOf(now), heardOn: map[string][]civil.Day{}, unclosed: map[string][]civil.Day{},
		Status: Status{Fleet: cfg.Fleet, Time: now.Truncate(time.Second), Persists: []string{}, Days: []DayStatus{}, Behind: []Behind{}}}
	cfg.Log = func(_, line string) { v.behind(theEngine, line, "") }
	v.Collector = NewCollector(cfg)
	var err error
	if v.engine, err = cfg.Open(); err != nil {
		return v.Status, err
	}
	persists, err := v.engine.Check(now)
	if errors.Is(err, engine.ErrSilent) {
		return v.Status, err
	}
	if err != nil {
		v.behind(theEngine, err.Error(), "")
	}
	for _, line := range persists {
		v.Persists = append(v.Persists, line)
		v.behind(theEngine, line+", which may outlive the day's key", "turn that off, since the hosts can send all data again")
	}
	if cfg.Path == "" {
		return v.Status, v.countSealed()
	}
	return v.Status, v.readRecords()
}

// theEngine is the subject of problems that do not belong to a host.
const theEngine = "the engine"

// survey builds a Status.
type survey struct {
	*Collector
	Status
	now      time.Time
	today    civil.Day
	heardOn  map[string][]civil.Day // days with a record of each host, ascending
	unclosed map[string][]civil.Day // past days that a host has not closed
}

// behind adds a problem, once if several days have it.
func (v *survey) behind(of, what, do string) {
	if b := (Behind{of, what, do}); !slices.Contains(v.Behind, b) {
		v.Behind = append(v.Behind, b)
	}
}

// countSealed counts records without a key.
func (v *survey) countSealed() error {
	for day := calendar.DefaultPeriod.First(v.today); day <= v.today+1; day++ {
		fields, err := v.engine.Fields(newCode(v.cfg.Fleet, day, [32]byte{}).roster()) // the key is in no name
		if err != nil {
			return err
		}
		delete(fields, "")
		if len(fields) > 0 {
			v.Days = append(v.Days, DayStatus{Day: day.String(), Records: len(fields)})
		}
	}
	return nil
}

// readRecords decrypts the records with the keys in DIR.
func (v *survey) readRecords() error {
	d, err := dir.Open(v.cfg.Path, dir.Options{Keys: v.cfg.Keys})
	if err != nil {
		return err
	}
	defer d.Close()
	keep, err := keptFor(d)
	if err != nil {
		return err
	}
	first := keep.First(v.today)
	days, err := v.days(d, first, v.today+1)
	if err != nil {
		return err
	}
	if len(days) == 0 {
		return fmt.Errorf("%s: has no key of the fleet; hint: give the DIR of a host that takes part", v.cfg.Path)
	}
	var shown []civil.Day
	for _, day := range days {
		hosts, err := v.hosts(v.codes[day], day)
		if errors.Is(err, engine.ErrSilent) {
			return err
		}
		if err != nil {
			v.behind(theEngine, err.Error(), "")
			continue
		}
		if len(hosts) == 0 && day != v.today {
			continue
		}
		if err := v.day(day, hosts); err != nil {
			return err
		}
		shown = append(shown, day)
	}
	for i, day := range shown {
		if day <= v.today {
			v.Days[i].Missing = v.missing(day)
		}
	}
	v.listProblems()
	return nil
}

// day adds a day that hosts reported.
func (v *survey) day(day civil.Day, hosts []hostRecord) error {
	var roster roomfile.Roster
	unite(&roster, hosts, roomfile.Roster{}, nil)
	for _, h := range roster.Hosts {
		v.heardOn[h.Name] = append(v.heardOn[h.Name], day)
		if h.State != roomfile.Closed && day < v.today-1 {
			v.unclosed[h.Name] = append(v.unclosed[h.Name], day)
		}
	}
	v.updateNewest(hosts)
	entries, err := v.rooms(v.codes[day], day)
	v.Days = append(v.Days, dayStatus(day, len(hosts), roster, entries))
	return err
}

// missing returns the expected hosts without a record of a day.
func (v *survey) missing(day civil.Day) (names []string) {
	names = []string{}
	expected := v.cfg.Hosts
	if expected == nil {
		expected = slices.Collect(maps.Keys(v.heardOn))
	}
	for _, name := range expected {
		on := v.heardOn[name]
		near := func(d civil.Day) bool { return day-missingDays <= d && d < day }
		if !slices.Contains(on, day) && (v.cfg.Hosts != nil || slices.ContainsFunc(on, near)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// listProblems lists the hosts and their problems.
func (v *survey) listProblems() {
	v.Hosts = v.hostStatus(v.now)
	shortest := calendar.MaxPeriod
	for _, h := range v.Hosts {
		if h.Lag != nil {
			shortest = min(shortest, h.Keep)
		}
	}
	expected := v.missing(v.today + 1) // all hosts still expected
	for _, h := range v.Hosts {
		switch {
		case h.Lag == nil:
			v.behind(h.Name, "nothing has come", "is hushpipe fleet ship running there?")
		case time.Duration(*h.Lag)*time.Second > late && (slices.Contains(expected, h.Name) || slices.Contains(v.heardOn[h.Name], v.today+1)):
			v.behind(h.Name, "nothing has come since "+h.Seen.In(v.now.Location()).Format(time.DateTime), "is the host up, and does hushpipe fleet ship run there?")
		}
		for _, day := range v.unclosed[h.Name] {
			v.behind(h.Name, day.String()+" is not closed", "see what hushpipe fleet ship says there")
		}
		if h.Keep > shortest { // its keys decrypt what the others have deleted
			v.behind(h.Name, fmt.Sprintf("keeps keys for %s, and another host for %d", prose.Plural(h.Keep, "day"), shortest), "give all hosts the same --keep")
		}
		// In the last time zone it may still be the day before.
		if oldest, ok := civil.ParseDay(h.Oldest); ok && oldest < calendar.Period(h.Keep).First(v.today)-1 {
			v.behind(h.Name, "still has the key of "+h.Oldest+", past its retention", "run hushpipe purge there")
		}
	}
}
