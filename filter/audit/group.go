package audit

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"hushpipe/filter/dir"
	"hushpipe/filter/groups"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
	"hushpipe/format/statement"
)

// knownGroups caches the groups in a stream's journals.
type knownGroups struct {
	mu    sync.Mutex // guards what follows
	dir   *dir.Dir   // nil: not opened yet
	days  map[civil.Day]*dayGroups
	mixed map[civil.Day]bool // some lines may be from a policy without groups
}

// maxGroupDays bounds the days whose people are in memory. Files are read in order, and each
// worker may be at another day.
const maxGroupDays = 4

// dayGroups are the groups of a day.
type dayGroups struct {
	mu     sync.Mutex // guards what follows
	people *groups.Day
	under  *pseudonym.Key
	reads  int
	err    error
}

// groupsOf returns the groups of a day.
func (s *stream) groupsOf(day civil.Day) *dayGroups {
	s.groups.mu.Lock()
	defer s.groups.mu.Unlock()
	k := &s.groups
	if k.days[day] != nil {
		return k.days[day]
	}
	d := &dayGroups{}
	if of := s.keysOfDay(day); of != nil {
		d.under = of.key
	}
	if k.dir == nil {
		k.dir, d.err = dir.Open(s.Path, dir.Options{})
	}
	if k.dir != nil {
		d.people = groups.DayOf(k.dir, day)
		d.read()
	}
	if k.days == nil {
		k.days = map[civil.Day]*dayGroups{}
	}
	if len(k.days) == maxGroupDays {
		delete(k.days, slices.Min(slices.Collect(maps.Keys(k.days))))
	}
	k.days[day] = d
	return d
}

// close closes the directory that groups are read from.
func (k *knownGroups) close() {
	if k.dir != nil {
		k.dir.Close()
	}
}

// noteMixed records that some lines of a day may have no group.
func (k *knownGroups) noteMixed(day civil.Day) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mixed == nil {
		k.mixed = map[civil.Day]bool{}
	}
	k.mixed[day] = true
}

func (k *knownGroups) isMixed(day civil.Day) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mixed[day]
}

// read reads what was appended to the journals. The caller holds d.mu, or nobody else has d.
func (d *dayGroups) read() {
	d.err = d.people.Refresh()
	d.reads++
}

// unknown returns why it is unknown which groups of a day are open, "" if it is known. The
// caller holds d.mu.
func (d *dayGroups) unknown(day civil.Day) string {
	switch {
	case d.err != nil:
		return fmt.Sprintf("the journals of %s cannot be read", day)
	case d.people.Least() == 0:
		return fmt.Sprintf("no journal covers the groups of %s", day)
	case d.under == nil:
		return fmt.Sprintf("no key of %s is left to recognise groups", day)
	case !d.people.IsUnder(d.under.ID()):
		return fmt.Sprintf("some people of %s were counted under a key that is gone", day)
	}
	return ""
}

// since returns the number of reads so far, for isOpen.
func (d *dayGroups) since() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reads
}

// isOpen reports whether a group may be open. If it is not, it reads the journals again,
// unless that was done after since: people are recorded before a line is released.
func (d *dayGroups) isOpen(day civil.Day, group pseudonym.Group, since int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		if d.unknown(day) != "" || d.people.People(group) >= d.people.Least() {
			return true
		}
		if d.reads > since {
			return false
		}
		d.read()
	}
}

// group returns what is wrong with the group of a line, nothing if it is open according to
// one way.
func (l *checker) group(line []byte) (doubt treatment.Doubt) {
	for i, p := range l.proofs {
		if i >= l.own && !p.Suits(line) {
			continue
		}
		got := p.Group(line)
		if got == treatment.NoDoubt || i >= l.own && !p.IsGrouped() {
			return treatment.NoDoubt
		}
		if doubt == treatment.NoDoubt {
			doubt = got
		}
	}
	if doubt != treatment.NoDoubt && !l.known {
		l.stream.notProvable(group, fmt.Sprintf("some lines of %s may have been written under an earlier policy, whose text is gone", l.day))
		return treatment.NoDoubt
	}
	return doubt
}

// checkGroup records what is wrong with the group of a line. Journals are deleted with their
// lines, so a file that is gone is not checked.
func (l *checker) checkGroup(b block, number int, line []byte) {
	doubt := l.group(line)
	if doubt == treatment.NoDoubt {
		return
	}
	if _, err := os.Lstat(b.path()); err == nil {
		b.stream.doubt(b.lineFile, number, doubt)
	}
}

// group checks the groups of lines against the people in the journals.
func (a *auditor) group(s *stream, c statement.Claim) *Row {
	least := c.(statement.Group).Least
	r := &Row{Text: fmt.Sprintf("lines are written once %d people share what is left", least), Looked: "there is no line yet"}
	files, err := s.lineFiles()
	if s.survey == nil || err != nil {
		return r
	}
	days := map[civil.Day]bool{}
	for _, f := range files {
		if f.size == 0 || days[f.day] {
			continue
		}
		days[f.day] = true
		s.readDay(f.day)
		d := s.groupsOf(f.day)
		d.mu.Lock()
		why := d.unknown(f.day)
		switch {
		case s.groups.isMixed(f.day):
			s.notProvable(group, fmt.Sprintf("some lines of %s may date from an earlier policy, under which they show no group", f.day))
		case why != "":
			s.notProvable(group, why)
		case d.people.Least() < least:
			s.notProvable(group, fmt.Sprintf("%s was written under another bound", f.day))
		case len(s.Hidden) > 0 && d.people.Most() < least:
			s.fault(group, Fault{File: f.path(), What: "has lines of a day on which no group had enough people", Do: "delete it"})
		}
		d.mu.Unlock()
	}
	if len(days) == 0 {
		return r
	}
	r.Looked = fmt.Sprintf("the group of each line, and the people in the journals of %s", prose.Plural(len(days), "day"))
	if len(s.Hidden) > 0 {
		r.Looked = fmt.Sprintf("the people in the journals of %s", prose.Plural(len(days), "day"))
		r.Why = "lines do not tell the " + strings.Join(s.Hidden, " and the ") + " that they are grouped by"
	}
	return r
}
