package filter

import (
	"hushpipe/filter/calendar"
	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// router assigns each line to a day, according to the calendar, and holds the state of the
// days.
type router struct {
	cal    Calendar
	rec    recorder
	mode   pseudonym.Mode
	common *guard.Cipher // for all days; nil: each day has its own

	epoch uint64
	dates map[civil.Day]dayRef // by the date in the lines
	last  dayRef               // of the previous line
	none  dayRef               // of lines without a date

	hours hours // for lines that go to the files of their hours

	days        map[civil.Day]*day // by the day that lines go to
	overflowDay *day               // for expired days past maxDays, nil for none
	forgotten   uint64             // pairs that forgotten days did not count
}

// dayRef is where the lines of one date go: the day, and how the calendar placed them.
type dayRef struct {
	date      civil.Day
	placement calendar.Placement
	late      bool  // the day is open, and before today
	hour      uint8 // of an Hourly calendar: the hour plus 1; else 0
	day       *day  // nil in the zero dayRef
}

// day is the state of one day.
type day struct {
	day     civil.Day
	expired bool // it was expired at its first line
	met     bool // it is expired, and a line of it could be parsed
	keyID   [8]byte
	cipher  *guard.Cipher      // nil: not made yet
	counts  *rooms.DistinctSet // nil: no room yet
	groups  *groupsOfDay       // nil: no group yet
	hitsOfDay
	inBatch
}

// inBatch is the part of a Batch that the lines of a day go to.
type inBatch struct {
	batch *Batch // the last batch with lines of this day
	seq   uint64 // the use of that batch, as Batch.seq
	part  int    // index in its Parts
}

func (d *day) overflow() uint64 {
	if d.counts == nil {
		return 0
	}
	return d.counts.Overflow()
}

// makeCipher makes the cipher of a day that has none.
func (r *router) makeCipher(d *day) {
	if d.cipher = r.common; d.cipher != nil {
		return
	}
	placement := calendar.Open
	if d.expired {
		placement = calendar.Expired
	}
	d.cipher = guard.NewCipher(pseudonym.New(r.cal.Key(d.day, placement), r.mode))
}

// overflow returns how often, on all days, a pair was not counted.
func (r *router) overflow() uint64 {
	n := r.forgotten
	for _, d := range r.days {
		n += d.overflow()
	}
	if r.overflowDay != nil {
		n += r.overflowDay.overflow()
	}
	return n
}

// Expired returns the room counts of the expired days with a line that could be parsed.
func (r *router) Expired() map[civil.Day]rooms.DayCounts {
	sums := map[civil.Day]rooms.DayCounts{}
	for _, d := range r.days {
		if d.met {
			sums[d.day] = rooms.DayCounts{}
			if d.counts != nil {
				sums[d.day] = d.counts.DayCounts()
			}
		}
	}
	return sums
}

// dayOf returns where a line of a date goes; dated is false for a line without a date.
func (r *router) dayOf(date civil.Day, dated bool) dayRef {
	if !dated {
		if r.none.day == nil {
			r.none = r.placeDay(date, false)
		}
		return r.none
	}
	s, known := r.dates[date]
	if !known {
		if len(r.dates) == maxDays {
			clear(r.dates)
		}
		s = r.placeDay(date, true)
		r.dates[date] = s
	}
	r.last = s
	return s
}

const (
	// manyDays is more than the number of open days. Only archives have lines of more days.
	manyDays = 32
	// maxDays bounds the memory for days: an archive of eleven years has as many. The rooms
	// of further expired days are not counted.
	maxDays = 4096
)

func (r *router) placeDay(date civil.Day, dated bool) dayRef {
	to, placement := r.cal.Place(date, dated)
	return r.refTo(date, to, placement)
}

// refTo returns the dayRef of lines that go to a day.
func (r *router) refTo(date, to civil.Day, placement calendar.Placement) dayRef {
	key := r.cal.Key(to, placement)
	d := r.days[to]
	if d == nil || d.keyID != key.ID() {
		r.forget(d)
		if len(r.days) >= maxDays {
			if !r.rec.needsDays() {
				clear(r.days) // the calendar keeps the keys
			} else if placement == calendar.Expired {
				if r.overflowDay == nil {
					r.overflowDay = &day{day: to, expired: true, keyID: key.ID(), counts: rooms.NewDistinctSet(rooms.Limits{})}
				}
				return dayRef{date: date, placement: placement, day: r.overflowDay}
			}
		}
		if len(r.days)%manyDays == manyDays-1 {
			for _, other := range r.days {
				other.cipher, other.visitors = nil, nil // frees caches of up to 6 MiB; made again if needed
			}
		}
		d = &day{day: to, expired: placement == calendar.Expired, keyID: key.ID()}
		r.days[to] = d
	}
	today, _ := r.cal.Place(0, false)
	return dayRef{date: date, placement: placement, late: placement == calendar.Open && to < today, day: d}
}

// renew drops the calendar's earlier answers when they may no longer hold: at midnight, or
// when a key could be read at last. It keeps the days that may get more lines. Pairs of a
// forgotten day are in its journal; writing a pair there twice does no harm. It reports
// whether anything may have changed.
func (r *router) renew() bool {
	epoch := r.cal.Epoch()
	if epoch == r.epoch {
		return false
	}
	r.epoch = epoch
	r.last, r.none, r.hours.last = dayRef{}, dayRef{}, dayRef{}
	clear(r.dates)
	if len(r.days) == 0 {
		return true
	}
	today, _ := r.cal.Place(0, false)
	for _, d := range r.days {
		if to, placement := r.cal.Place(d.day, true); !d.expired && (placement == calendar.Expired || to != d.day || d.day < today-1) {
			r.forget(d)
		}
	}
	return true
}

// forget drops a day, but keeps the number of pairs that it did not count. d may be nil.
func (r *router) forget(d *day) {
	if d != nil {
		r.forgotten += d.overflow()
		delete(r.days, d.day)
	}
}
