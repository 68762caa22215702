package store

import (
	"sync/atomic"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// days decides by the clock which day's file a line belongs to. Any goroutine may call
// its methods.
type days struct {
	now        func() time.Time
	began      civil.Day // the oldest day kept when the Store was made
	window     atomic.Pointer[calendar.Window]
	dayPast    atomic.Pointer[func(civil.Day) bool] // whether a day's lines have passed one of the bounds; nil: none have
	logPast    atomic.Pointer[func(dir.Log) bool]   // the same for one file
	firstKept  atomic.Int64                         // the first day whose lines have not passed them
	hours      bool                                 // lines go into one file per hour
	generation atomic.Uint64                        // changes whenever earlier answers become stale, except by the date
}

// init trusts the clock until Judge has checked it.
func (d *days) init(now func() time.Time, keep calendar.Period) {
	today := civil.DayOf(now())
	d.now, d.began = now, keep.First(today)
	d.window.Store(&calendar.Window{First: d.began, Today: today})
	d.firstKept.Store(int64(d.began))
	d.changed()
}

func (d *days) changed() { d.generation.Add(1) }

// span returns the open days, as of the last Judge.
func (d *days) span() calendar.Window { return *d.window.Load() }

// counted returns the days of span that have journals: those of days past a bound have
// been deleted.
func (d *days) counted() calendar.Window {
	w := d.span()
	w.First = max(w.First, civil.Day(d.firstKept.Load()))
	return w
}

// Place returns the day whose file a line belongs to. Between two calls of Judge the
// window follows the clock across midnight.
func (d *days) Place(date civil.Day, dated bool) (civil.Day, calendar.Placement) {
	day, placement := d.window.Load().At(civil.DayOf(d.now())).Place(date, dated)
	if over := d.dayPast.Load(); placement == calendar.Open && over != nil && (*over)(day) {
		placement = calendar.Expired
	}
	return day, placement
}

// PlaceHour returns the day and hour of a line with the given time, in seconds since
// 1970. A line from the future gets the current hour.
func (d *days) PlaceHour(sec int64, dated bool) (day civil.Day, hour int, placement calendar.Placement) {
	now := d.now()
	t := time.Unix(sec, 0).In(now.Location())
	late := dated && t.Before(now)
	if !late {
		t = now
	}
	day, placement = d.Place(civil.DayOf(t), true)
	if !dated || civil.DayOf(time.Unix(sec, 0).In(now.Location())) > civil.DayOf(now)+1 {
		placement = calendar.Adjusted
	}
	if late && d.isPast(dir.Log{Day: day, Hour: t.Hour()}) {
		placement = calendar.Expired
	}
	return day, t.Hour(), placement
}

// isPast reports whether a file's lines have passed one of the bounds.
func (d *days) isPast(l dir.Log) bool {
	past := d.logPast.Load()
	return past != nil && (*past)(l)
}

// Zone is the clock's time zone.
func (d *days) Zone() *time.Location { return d.now().Location() }

// Epoch changes with the date, with each purge, and when a key is replaced. If lines go
// into hourly files, it also changes with the hour.
func (d *days) Epoch() uint64 {
	now := d.now()
	at := uint64(civil.DayOf(now))
	if d.hours {
		at = 24*at + uint64(now.Hour())
	}
	return at<<32 | d.generation.Load()
}
