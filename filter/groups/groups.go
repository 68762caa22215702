// Package groups implements the lines that wait until enough people stand behind what is
// left of them. Lines that have the same values in some fields are a group. It is open
// once the journals of all processes on DIR have so many different people of it, that
// day; until then its lines lie in DIR/held, and one hour after midnight those of groups
// that are not open are deleted.
//
// A journal tells of people before a line is released on account of them: so every group
// in a day's file has its people in the day's journals.
//
// Tell and Hold are for the goroutine that writes the lines, Round for one that comes now
// and then; Turn and Since are for any.
package groups

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Config is what is to be known of the process.
type Config struct {
	Path   string // DIR
	Least  int    // people who open a group; 0: as many as the journals of the day say
	Limits rooms.Limits
	Now    func() time.Time
	Window func() calendar.Window // the days that are kept
	Report *dir.Reporter

	// Withheld is told how many lines were deleted, or not written: too few people stand
	// behind them.
	Withheld func(n uint64)
	// Repeated is told of a day of which lines may have been released twice: a process
	// was killed meanwhile.
	Repeated func(d *dir.Dir, day civil.Day)
}

// Groups are those of DIR, as this process knows them.
type Groups struct {
	cfg  Config
	turn atomic.Uint64 // counts what opens groups

	mu   sync.Mutex // guards what follows; held for moments only
	days map[civil.Day]*dayGroups

	writing writing

	round   sync.Mutex // one at a time; guards what follows
	unions  map[civil.Day]*union
	said    map[civil.Day]bool // that not all people are counted
	deleted []string           // held files
	moved   map[string]bool    // files of which all is released that is to be
}

// dayGroups are the open groups of a day.
type dayGroups struct {
	open map[pseudonym.Group]bool
	list []pseudonym.Group // all of them, as they were opened
	done int               // of list: their held lines were released
	seen bool              // the held lines that were there before were looked at
	all  bool              // the day is over, and list is complete
}

// New returns the groups of a process.
func New(cfg Config) *Groups {
	g := &Groups{cfg: cfg, days: map[civil.Day]*dayGroups{}, unions: map[civil.Day]*union{}, said: map[civil.Day]bool{}, moved: map[string]bool{}}
	g.writing.journals = counts.NewTyped(counts.Config{Path: cfg.Path, Limits: cfg.Limits, Settings: settings(cfg.Least),
		Window: cfg.Window, Report: cfg.Report}, journal.Groups)
	return g
}

// settings are those of the journals.
func settings(least int) string { return fmt.Sprintf("least=%d;", least) }

// hour is how long after midnight a day's lines may be released.
const hour = time.Hour

// Deadline returns when the held lines of a day are deleted, in a place on earth.
func Deadline(day civil.Day, at *time.Location) time.Time {
	year, month, mday := (day + 1).Date()
	return time.Date(year, time.Month(month), mday, 0, 0, 0, 0, at).Add(hour)
}

// isOver reports whether the groups of a day that are not open will never be. While the
// clock is in doubt, no day ends.
func (g *Groups) isOver(day civil.Day) bool {
	now := g.cfg.Now()
	return !now.Before(Deadline(day, now.Location())) && g.cfg.Window().DoubtUntil.IsZero()
}

// Turn changes whenever groups were opened.
func (g *Groups) Turn() uint64 { return g.turn.Load() }

// Since returns the open groups of a day, but for the first n.
func (g *Groups) Since(day civil.Day, n int) []pseudonym.Group {
	g.mu.Lock()
	defer g.mu.Unlock()
	if of := g.days[day]; of != nil && n < len(of.list) {
		return of.list[n:len(of.list):len(of.list)]
	}
	return nil
}

// of returns what is known of a day. The caller holds g.mu.
func (g *Groups) of(day civil.Day) *dayGroups {
	if g.days[day] == nil {
		g.days[day] = &dayGroups{open: map[pseudonym.Group]bool{}}
	}
	return g.days[day]
}

// isOpen reports whether a group is open.
func (g *Groups) isOpen(day civil.Day, group pseudonym.Group) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.days[day] != nil && g.days[day].open[group]
}

// open notes groups that have their people.
func (g *Groups) open(day civil.Day, list []pseudonym.Group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	of := g.of(day)
	for _, group := range list {
		if !of.open[group] {
			of.open[group] = true
			of.list = append(of.list, group)
		}
	}
	if len(list) > 0 {
		g.turn.Add(1)
	}
}

// end notes of a day that is over that all its open groups are known.
func (g *Groups) end(day civil.Day) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.of(day).all = true
}

// maxOver bounds the days that are over of which the open groups stay in memory. Late
// lines come for few.
const maxOver = 16

// forget lets go of days that are past the retention, and of those that are over but for
// the newest.
func (g *Groups) forget() {
	first := g.cfg.Window().First
	g.mu.Lock()
	defer g.mu.Unlock()
	var over []civil.Day
	for day, of := range g.days {
		switch {
		case day < first:
			delete(g.days, day)
		case of.all:
			over = append(over, day)
		}
	}
	slices.SortFunc(over, func(a, b civil.Day) int { return cmp.Compare(b, a) })
	for _, day := range over[min(len(over), maxOver):] {
		delete(g.days, day)
	}
	for day := range g.unions {
		if day < first {
			delete(g.unions, day)
		}
	}
}
