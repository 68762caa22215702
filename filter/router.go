package filter

import (
	"hushpipe/filter/calendar"
	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// router tells by the calendar to which day a line goes, and has what the lines of each
// day need.
type router struct {
	cal    Calendar
	rec    recorder
	mode   pseudonym.Mode
	common *guard.Cipher // that of all days; nil: each has its own

	epoch uint64
	dates map[civil.Day]slot // by the date that lines bear
	last  slot               // of the line before
	none  slot               // of lines without a date

	hours hours // of lines that go to the files of their hours

	days      map[civil.Day]*day // by the day that lines go to
	excess    *day               // stands for expired days past maxDays; nil: there is none
	forgotten uint64             // pairs that days left out which are in days no more
}

// slot says where lines of one date go.
type slot struct {
	date      civil.Day
	placement calendar.Placement
	late      bool  // they go to a day before today
	hour      uint8 // of an Hourly calendar: from 1 on
	day       *day  // nil: not asked yet
}

// day is what the lines of one day need.
type day struct {
	day     civil.Day
	expired bool // since its first line
	met     bool // it is expired, and a line of it could be read
	keyID   [8]byte
	cipher  *guard.Cipher // nil: to be made
	counts  *rooms.Counts // nil: no room yet
	groups  *groupsOfDay  // nil: no group yet
	hitsOfDay
	inBatch
}

// inBatch is where the lines of a day stand.
type inBatch struct {
	batch *Batch // the last one with lines of this day,
	seq   uint64 // in which of its uses,
	part  int    // and at which index
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

// overflow is how many lines had a pair that is not counted.
func (r *router) overflow() uint64 {
	n := r.forgotten
	for _, d := range r.days {
		n += d.overflow()
	}
	if r.excess != nil {
		n += r.excess.overflow()
	}
	return n
}

// Expired returns the room counts of the expired days of which a line could be read.
func (r *router) Expired() map[civil.Day]rooms.Sum {
	sums := map[civil.Day]rooms.Sum{}
	for _, d := range r.days {
		if d.met {
			sums[d.day] = rooms.Sum{}
			if d.counts != nil {
				sums[d.day] = d.counts.Sum()
			}
		}
	}
	return sums
}

// slot returns where a line goes.
func (r *router) slot(date civil.Day, dated bool) slot {
	if !dated {
		if r.none.day == nil {
			r.none = r.place(date, false)
		}
		return r.none
	}
	s, known := r.dates[date]
	if !known {
		if len(r.dates) == maxDays {
			clear(r.dates)
		}
		s = r.place(date, true)
		r.dates[date] = s
	}
	r.last = s
	return s
}

const (
	// manyDays is more days than are open at a time; only archives have more.
	manyDays = 32
	// maxDays bounds the memory that dates take. An archive of eleven years has
	// as many; the rooms of further expired days are not counted.
	maxDays = 4096
)

func (r *router) place(date civil.Day, dated bool) slot {
	to, placement := r.cal.Place(date, dated)
	return r.placed(date, to, placement)
}

// placed returns the slot of lines that go to a day.
func (r *router) placed(date, to civil.Day, placement calendar.Placement) slot {
	key := r.cal.Key(to, placement)
	d := r.days[to]
	if d == nil || d.keyID != key.ID() {
		r.forget(d)
		if len(r.days) >= maxDays {
			if !r.rec.needsDays() {
				clear(r.days) // the calendar keeps the keys
			} else if placement == calendar.Expired {
				if r.excess == nil {
					r.excess = &day{day: to, expired: true, keyID: key.ID(), counts: rooms.NewCounts(rooms.Limits{})}
				}
				return slot{date: date, placement: placement, day: r.excess}
			}
		}
		if len(r.days)%manyDays == manyDays-1 {
			for _, other := range r.days {
				other.cipher, other.visitors = nil, nil // and their caches of up to 6 MiB; made anew if needed
			}
		}
		d = &day{day: to, expired: placement == calendar.Expired, keyID: key.ID()}
		r.days[to] = d
	}
	today, _ := r.cal.Place(0, false)
	return slot{date: date, placement: placement, late: placement == calendar.Open && to < today, day: d}
}

// renew asks the calendar anew once its answers may have changed: at midnight,
// or when a key could be read at last. Days of which lines are expected go on;
// what is known of earlier ones is in the journals already, and a pair that
// comes again may be written there again. It reports whether they may have changed.
func (r *router) renew() bool {
	epoch := r.cal.Epoch()
	if epoch == r.epoch {
		return false
	}
	r.epoch = epoch
	r.last, r.none, r.hours.last = slot{}, slot{}, slot{}
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

// forget lets go of a day, nil for none, but for what it left out.
func (r *router) forget(d *day) {
	if d != nil {
		r.forgotten += d.overflow()
		delete(r.days, d.day)
	}
}
