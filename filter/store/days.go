package store

import (
	"sync/atomic"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// days tell by the clock where a line goes. Any goroutine may ask.
type days struct {
	now        func() time.Time
	began      civil.Day // the oldest day that was kept then
	window     atomic.Pointer[calendar.Window]
	dayPast    atomic.Pointer[func(civil.Day) bool] // of days whose lines are past another bound; nil: none are
	logPast    atomic.Pointer[func(dir.Log) bool]   // of files, as over is of days
	firstKept  atomic.Int64                         // the first day whose lines are not past that
	hours      bool                                 // lines go to the files of their hours
	generation atomic.Uint64                        // counts what makes earlier answers stale, apart from the date
}

// init places days by the clock alone, until it is judged.
func (d *days) init(now func() time.Time, keep calendar.Period) {
	today := civil.DayOf(now())
	d.now, d.began = now, keep.First(today)
	d.window.Store(&calendar.Window{First: d.began, Today: today})
	d.firstKept.Store(int64(d.began))
	d.changed()
}

func (d *days) changed() { d.generation.Add(1) }

// span is that of the open days, as of the last judgement of the clock.
func (d *days) span() calendar.Window { return *d.window.Load() }

// counted is span without the days that are past another bound: their journals are gone.
func (d *days) counted() calendar.Window {
	w := d.span()
	w.First = max(w.First, civil.Day(d.firstKept.Load()))
	return w
}

// Place says to which day a line goes. Between two judgements of the clock the
// window follows it across midnight.
func (d *days) Place(date civil.Day, dated bool) (civil.Day, calendar.Placement) {
	day, placement := d.window.Load().At(civil.DayOf(d.now())).Place(date, dated)
	if over := d.dayPast.Load(); placement == calendar.Open && over != nil && (*over)(day) {
		placement = calendar.Expired
	}
	return day, placement
}

// PlaceHour says to which day and hour a line goes that bears a time, in seconds since
// 1970. One that is to come has the hour of now.
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

// isPast reports whether the lines of a file are past another bound.
func (d *days) isPast(l dir.Log) bool {
	past := d.logPast.Load()
	return past != nil && (*past)(l)
}

// Zone is that of the clock.
func (d *days) Zone() *time.Location { return d.now().Location() }

// Epoch changes with the date and with each purge and each key that turns out
// to be another. Where lines go by the hour, it changes with the hour.
func (d *days) Epoch() uint64 {
	now := d.now()
	at := uint64(civil.DayOf(now))
	if d.hours {
		at = 24*at + uint64(now.Hour())
	}
	return at<<32 | d.generation.Load()
}
