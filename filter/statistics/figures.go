package statistics

import (
	"fmt"
	"maps"
	"slices"

	"hushpipe/format/civil"
	"hushpipe/format/report"
)

// Report computes the figures of the days from first to last, inclusive, in steps of by.
// Conferences are the rooms of each day with a count of at least least, 1 or above. The same
// hash in two streams on one day is two conferences, since two servers do not know each
// other's rooms. Among the recurring rooms it is one room on one day, since a room can move
// between servers.
func (a *Archive) Report(first, last civil.Day, by report.By, least uint64) *report.Report {
	r := &report.Report{From: first, To: last, By: by, Min: least}
	for _, s := range a.streams {
		if s.path != "" && !s.has(first, last) {
			a.fault(fmt.Errorf("%s: no room file of a day from %s to %s", s.path, first, last))
		}
	}
	rooms := map[[20]byte]appearances{}
	total, step := newTally(), newTally()
	begin := first
	for day := first; day <= last; day++ {
		t := a.tally(day, least, rooms)
		r.Days = append(r.Days, report.Step{From: day, To: day, Figures: t.figures()})
		total.merge(t)
		step.merge(t)
		if day == last || by.Of(day+1) != by.Of(day) {
			r.Steps = append(r.Steps, report.Step{From: begin, To: day, Figures: step.figures()})
			begin, step = day+1, newTally()
		}
	}
	r.Total = total.figures()
	r.Recurring = recurrences(rooms)
	return r
}

// has reports whether the stream has a file in the period.
func (s *stream) has(first, last civil.Day) bool {
	for day := range s.files {
		if first <= day && day <= last {
			return true
		}
	}
	return false
}

// lacks reports whether the stream has files of earlier and later days, but none of this
// day.
func (s *stream) lacks(day civil.Day) bool {
	return len(s.files[day]) == 0 && s.first < day && day < s.last
}

// appearances counts the days on which a room held a conference. Rooms are identified by a
// hash of their hash: for the millions of rooms of ten years this takes half the memory, and
// a collision of two of five million 64-bit hashes is less likely than one in a million.
type appearances struct{ last, days uint16 } // LastDay fits

func recurrences(rooms map[[20]byte]appearances) []report.Recurrence {
	by := map[uint16]uint64{}
	for _, seen := range rooms {
		by[seen.days]++
	}
	var list []report.Recurrence
	for _, days := range slices.Sorted(maps.Keys(by)) {
		list = append(list, report.Recurrence{Days: int(days), Rooms: by[days]})
	}
	return list
}

// tally counts the conferences of each size.
type tally struct {
	sizes                   map[uint64]uint64
	known, missing, partial int
}

func newTally() *tally { return &tally{sizes: map[uint64]uint64{}} }

// tally reads one day.
func (a *Archive) tally(day civil.Day, least uint64, rooms map[[20]byte]appearances) *tally {
	t := newTally()
	read := 0
	for _, s := range a.streams {
		entries, ok := a.read(s, day)
		switch {
		case ok:
			read++
			if s.partial[day] {
				t.partial = 1
			}
		case len(s.files[day]) > 0 || s.lacks(day):
			t.partial = 1
		}
		for _, e := range entries {
			if e.Count < least {
				continue
			}
			t.sizes[e.Count]++
			if seen := rooms[e.Hash]; seen.days == 0 || seen.last != uint16(day) {
				rooms[e.Hash] = appearances{uint16(day), seen.days + 1}
			}
		}
	}
	if t.known = min(read, 1); t.known == 0 {
		t.missing, t.partial = 1, 0
	}
	return t
}

func (t *tally) merge(other *tally) {
	t.known += other.known
	t.missing += other.missing
	t.partial += other.partial
	for size, n := range other.sizes {
		t.sizes[size] += n
	}
}

func (t *tally) figures() report.Figures {
	f := report.Figures{Known: t.known, Missing: t.missing, Partial: t.partial}
	sizes := slices.Sorted(maps.Keys(t.sizes))
	for _, size := range sizes {
		n := t.sizes[size]
		f.Conferences += n
		f.Participants += n * size
		f.Largest = size
		for i, class := range report.SizeClasses {
			if class.From <= size && (size <= class.To || class.To == 0) {
				f.Sizes[i] += n
			}
		}
	}
	if f.Conferences == 0 {
		return f
	}
	f.Mean = float64(f.Participants) / float64(f.Conferences)
	// For an even number, the median is the mean of the two in the middle.
	low, high := t.nth(sizes, (f.Conferences-1)/2), t.nth(sizes, f.Conferences/2)
	f.Median = float64(low+high) / 2
	return f
}

// nth returns the size of the conference at index n in the order of sizes.
func (t *tally) nth(sizes []uint64, n uint64) uint64 {
	i := slices.IndexFunc(sizes, func(size uint64) bool {
		if n < t.sizes[size] {
			return true
		}
		n -= t.sizes[size]
		return false
	})
	return sizes[i]
}

// Covering returns the default step for a period: short enough to show a rhythm, long enough
// for the result to fit a screen or two.
func Covering(first, last civil.Day) report.By {
	switch days := last - first + 1; {
	case days <= 31:
		return report.ByDay
	case days <= 184:
		return report.ByWeek
	case days <= 5*366:
		return report.ByMonth
	}
	return report.ByYear
}
