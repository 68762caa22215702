package groups

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/format/civil"
)

// Opened has the open groups. The reader polls it with Generation and Since; any goroutine may
// call its methods.
type Opened struct {
	cfg        *Config
	generation atomic.Uint64 // incremented when groups open

	mu   sync.Mutex // guards days; never held during I/O
	days map[civil.Day]*dayGroups
}

// dayGroups are the open groups of a day.
type dayGroups struct {
	open        map[pseudonym.Group]bool
	list        []pseudonym.Group // all of them, in the order of opening
	released    int               // how many of list have had their held lines released
	heldChecked bool              // held lines from before were checked
	complete    bool              // the day is over, and list is final
}

// isOver reports whether no more groups of a day can open. While the clock is in doubt, no
// day ends.
func (o *Opened) isOver(day civil.Day) bool {
	now := o.cfg.Now()
	return !now.Before(Deadline(day, now.Location())) && o.cfg.Window().DoubtUntil.IsZero()
}

// Generation changes whenever groups open.
func (o *Opened) Generation() uint64 { return o.generation.Load() }

// Since returns the open groups of a day, without the first n.
func (o *Opened) Since(day civil.Day, n int) []pseudonym.Group {
	o.mu.Lock()
	defer o.mu.Unlock()
	if of := o.days[day]; of != nil && n < len(of.list) {
		return of.list[n:len(of.list):len(of.list)]
	}
	return nil
}

// day returns the groups of a day, creating them. The caller holds o.mu.
func (o *Opened) day(day civil.Day) *dayGroups {
	if o.days[day] == nil {
		o.days[day] = &dayGroups{open: map[pseudonym.Group]bool{}}
	}
	return o.days[day]
}

// isOpen reports whether a group is open.
func (o *Opened) isOpen(day civil.Day, group pseudonym.Group) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.days[day] != nil && o.days[day].open[group]
}

// mark sets for each line whether its group is open.
func (o *Opened) mark(day civil.Day, lines []heldLine) {
	o.mu.Lock()
	defer o.mu.Unlock()
	of := o.days[day]
	for i := range lines {
		lines[i].open = of != nil && of.open[lines[i].group]
	}
}

// open adds groups that have enough people.
func (o *Opened) open(day civil.Day, list []pseudonym.Group) {
	o.mu.Lock()
	defer o.mu.Unlock()
	of := o.day(day)
	for _, group := range list {
		if !of.open[group] {
			of.open[group] = true
			of.list = append(of.list, group)
		}
	}
	if len(list) > 0 {
		o.generation.Add(1)
	}
}

// setComplete marks all open groups of a finished day as known.
func (o *Opened) setComplete(day civil.Day) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.day(day).complete = true
}

// maxOver bounds the finished days whose open groups stay in memory. Late lines only affect
// a few.
const maxOver = 16

// forget drops days past the retention, and finished days except the newest.
func (o *Opened) forget() {
	first := o.cfg.Window().First
	o.mu.Lock()
	defer o.mu.Unlock()
	var over []civil.Day
	for day, of := range o.days {
		switch {
		case day < first:
			delete(o.days, day)
		case of.complete:
			over = append(over, day)
		}
	}
	slices.SortFunc(over, func(a, b civil.Day) int { return cmp.Compare(b, a) })
	for _, day := range over[min(len(over), maxOver):] {
		delete(o.days, day)
	}
}

// openBy opens the groups that have enough people in the journals.
func (o *Opened) openBy(d *dir.Dir, day civil.Day, u *union, typed []string) error {
	met := map[pseudonym.Group]bool{}
	err := u.follow(d, day, typed, func(group pseudonym.Group) { met[group] = true })
	least := max(o.cfg.Least, u.maxLeast) // the day may have been written under several bounds
	var list []pseudonym.Group
	for group := range met {
		if least > 0 && u.people(group) >= least {
			list = append(list, group)
		}
	}
	o.open(day, list)
	return err
}

// load reads the open groups of a finished day, unless that was done.
func (o *Opened) load(d *dir.Dir, day civil.Day) error {
	o.mu.Lock()
	done := o.days[day] != nil && o.days[day].complete
	o.mu.Unlock()
	if done {
		return nil
	}
	names, err := counts.TypedNames(d)
	if err == nil {
		err = o.openBy(d, day, newUnion(o.cfg.Limits), names[day])
	}
	if err == nil {
		o.setComplete(day)
	}
	return err
}

// unreleased tells which held lines of a day have to be checked: those of groups whose first
// byte is in firsts, or all.
type unreleased struct {
	firsts [256]bool
	all    bool
	of     *dayGroups
	done   int // length of its list
}

// startRelease returns what a round has to release for a day, and whether there is anything.
func (o *Opened) startRelease(day civil.Day) (u unreleased, some bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	of := o.day(day)
	for _, group := range of.list[of.released:] {
		u.firsts[group[0]] = true
	}
	u.all, u.of, u.done = !of.heldChecked, of, len(of.list)
	some = u.all || of.released < u.done
	of.heldChecked = true // recheckHeld may reset it meanwhile
	return u, some
}

// finishRelease records what a round has released.
func (o *Opened) finishRelease(u unreleased) {
	o.mu.Lock()
	defer o.mu.Unlock()
	u.of.released = max(u.of.released, u.done)
}

// recheckHeld makes the next round check all held lines of a day: some may be of groups that
// have opened meanwhile.
func (o *Opened) recheckHeld(day civil.Day) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.day(day).heldChecked = false
}

// drop drops days that were deleted on purpose.
func (o *Opened) drop(days map[civil.Day]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for day := range days {
		delete(o.days, day)
	}
}
