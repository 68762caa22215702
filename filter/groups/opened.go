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

// Opened are the groups that are open. The reader asks for them by Turn and Since; any goroutine
// may.
type Opened struct {
	cfg  *Config
	turn atomic.Uint64 // counts what opens groups

	mu   sync.Mutex // guards what follows; held for moments only
	days map[civil.Day]*dayGroups
}

// dayGroups are the open groups of a day.
type dayGroups struct {
	open map[pseudonym.Group]bool
	list []pseudonym.Group // all of them, as they were opened
	released int               // of list: their held lines were released
	heldChecked bool              // the held lines that were there before were looked at
	complete  bool              // the day is over, and list is complete
}

// isOver reports whether the groups of a day that are not open will never be. While the
// clock is in doubt, no day ends.
func (o *Opened) isOver(day civil.Day) bool {
	now := o.cfg.Now()
	return !now.Before(Deadline(day, now.Location())) && o.cfg.Window().DoubtUntil.IsZero()
}

// Turn changes whenever groups were opened.
func (o *Opened) Turn() uint64 { return o.turn.Load() }

// Since returns the open groups of a day, but for the first n.
func (o *Opened) Since(day civil.Day, n int) []pseudonym.Group {
	o.mu.Lock()
	defer o.mu.Unlock()
	if of := o.days[day]; of != nil && n < len(of.list) {
		return of.list[n:len(of.list):len(of.list)]
	}
	return nil
}

// day returns what is known of a day. The caller holds o.mu.
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

// mark notes of each line whether its group is open.
func (o *Opened) mark(day civil.Day, lines []heldLine) {
	o.mu.Lock()
	defer o.mu.Unlock()
	of := o.days[day]
	for i := range lines {
		lines[i].open = of != nil && of.open[lines[i].group]
	}
}

// open notes groups that have their people.
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
		o.turn.Add(1)
	}
}

// setComplete notes of a day that is over that all its open groups are known.
func (o *Opened) setComplete(day civil.Day) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.day(day).complete = true
}

// maxOver bounds the days that are over of which the open groups stay in memory. Late
// lines come for few.
const maxOver = 16

// forget lets go of days that are past the retention, and of those that are over but for
// the newest.
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

// openBy opens the groups that have their people by the journals.
func (o *Opened) openBy(d *dir.Dir, day civil.Day, u *union, typed []string) error {
	met := map[pseudonym.Group]bool{}
	err := u.follow(d, day, typed, func(group pseudonym.Group) { met[group] = true })
	least := max(o.cfg.Least, u.maxLeast) // of lines that came under another bound as well
	var list []pseudonym.Group
	for group := range met {
		if least > 0 && u.people(group) >= least {
			list = append(list, group)
		}
	}
	o.open(day, list)
	return err
}

// load reads the open groups of a day that is over, unless that was done.
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

// unreleased is which held lines of a day are to be looked at: those of groups that begin
// with one of the bytes first, or all.
type unreleased struct {
	firsts [256]bool
	all    bool
	of     *dayGroups
	done   int // of its list
}

// startRelease returns what a round has to release of a day, and whether there is something.
func (o *Opened) startRelease(day civil.Day) (u unreleased, some bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	of := o.day(day)
	for _, group := range of.list[of.released:] {
		u.firsts[group[0]] = true
	}
	u.all, u.of, u.done = !of.heldChecked, of, len(of.list)
	some = u.all || of.released < u.done
	of.heldChecked = true // unless lookAgain says otherwise meanwhile
	return u, some
}

// finishRelease notes what a round has released.
func (o *Opened) finishRelease(u unreleased) {
	o.mu.Lock()
	defer o.mu.Unlock()
	u.of.released = max(u.of.released, u.done)
}

// recheckHeld has the next round look at all held lines of a day: some may be of groups
// that were opened meanwhile.
func (o *Opened) recheckHeld(day civil.Day) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.day(day).heldChecked = false
}

// drop lets go of days that were deleted on purpose.
func (o *Opened) drop(days map[civil.Day]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for day := range days {
		delete(o.days, day)
	}
}
