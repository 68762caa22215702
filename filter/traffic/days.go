package traffic

import (
	"iter"
	"maps"
	"slices"

	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
)

// Days holds the days of an archive. Only the most recently used ones are open; the others
// are stored as records, which take a third of the memory.
type Days struct {
	opt    Options
	open   map[civil.Day]*Day
	parked map[civil.Day][]byte
	used   []civil.Day // keys of open, least recently used first
}

// openDays is the number of open days.
const openDays = 8

// NewDays returns empty Days.
func NewDays(opt Options) *Days {
	return &Days{opt: opt, open: map[civil.Day]*Day{}, parked: map[civil.Day][]byte{}}
}

// Add adds a record of a day, see Day.Add.
func (a *Days) Add(day civil.Day, record []byte) error { return a.at(day).Add(record) }

func (a *Days) at(day civil.Day) *Day {
	if n := len(a.used); n > 0 && a.used[n-1] == day {
		return a.open[day]
	}
	if at := slices.Index(a.used, day); at >= 0 {
		a.used = append(slices.Delete(a.used, at, at+1), day)
		return a.open[day]
	}
	if len(a.used) >= openDays {
		first := a.used[0]
		a.used = slices.Delete(a.used, 0, 1)
		a.parked[first] = a.open[first].record()
		delete(a.open, first)
	}
	d := NewDay(a.opt)
	if record, ok := a.parked[day]; ok {
		d.Add(record) // no error: a Day made the record
		delete(a.parked, day)
	}
	a.open[day] = d
	a.used = append(a.used, day)
	return d
}

// All returns the days, sorted.
func (a *Days) All() []civil.Day {
	return slices.Sorted(concat(maps.Keys(a.open), maps.Keys(a.parked)))
}

func concat[T any](all ...iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, seq := range all {
			for v := range seq {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// Figures returns the figures of a day, see Day.Figures. Call it in the order of the days,
// since names carry over.
func (a *Days) Figures(day civil.Day, names Names) trafficfile.Day {
	return a.at(day).Figures(day, names)
}

// Record returns a whole day as a record.
func (a *Days) Record(day civil.Day) []byte { return a.at(day).record() }
