package report

import (
	"cmp"
	"hushpipe/format/civil"
	"math/rand/v2"
	"slices"
)

// sample makes up the figures of a period: more on weekdays than at weekends, fewer in July.
// Days that gap reports have no file.
func sample(from, to civil.Day, by By, gap func(civil.Day) bool) *Report {
	random := rand.New(rand.NewPCG(1, 2))
	r := &Report{From: from, To: to, By: by, Min: 2}
	var all []uint64
	var parts [][]uint64 // by step
	used := map[int]int{}
	for day := from; day <= to; day++ {
		s := Step{From: day, To: day}
		var counts []uint64
		if gap(day) {
			s.Missing = 1
		} else {
			s.Known = 1
			conferences := 9 + random.IntN(8)
			if weekday := (int(day) + 3) % 7; weekday > 4 {
				conferences /= 4
			}
			if _, m, _ := day.Date(); m == 7 {
				conferences /= 2
			}
			counts = make([]uint64, conferences)
			for i := range counts {
				counts[i] = 2 + uint64(min(random.ExpFloat64()*5, 90))
				used[int(random.ExpFloat64()*60)]++
			}
			s.Figures = figures(s.Figures, counts)
			all = append(all, counts...)
		}
		r.Days = append(r.Days, s)
		if n := len(r.Steps); n == 0 || begins(day, by) {
			r.Steps, parts = append(r.Steps, Step{From: day}), append(parts, nil)
		}
		last := len(r.Steps) - 1
		parts[last] = append(parts[last], counts...)
		step := &r.Steps[last]
		step.To, step.Known, step.Missing = day, step.Known+s.Known, step.Missing+s.Missing
		r.Total.Known, r.Total.Missing = r.Total.Known+s.Known, r.Total.Missing+s.Missing
	}
	r.Total = figures(r.Total, all)
	for i, counts := range parts {
		r.Steps[i].Figures = figures(r.Steps[i].Figures, counts)
	}
	rooms := map[int]uint64{}
	for _, days := range used {
		rooms[days]++
	}
	for days, n := range rooms {
		r.Recurring = append(r.Recurring, Recurrence{days, n})
	}
	slices.SortFunc(r.Recurring, func(a, b Recurrence) int { return cmp.Compare(a.Days, b.Days) })
	return r
}

func begins(d civil.Day, by By) bool {
	_, m, md := d.Date()
	switch by {
	case ByWeek:
		return (int(d)+3)%7 == 0
	case ByMonth:
		return md == 1
	case ByYear:
		return md == 1 && m == 1
	}
	return true
}

func figures(f Figures, counts []uint64) Figures {
	f = Figures{Known: f.Known, Missing: f.Missing, Conferences: uint64(len(counts))}
	for _, n := range counts {
		f.Participants += n
		f.Largest = max(f.Largest, n)
		for i, c := range SizeClasses {
			if n >= c.From && (n <= c.To || c.To == 0) {
				f.Sizes[i]++
			}
		}
	}
	if len(counts) > 0 {
		sorted := slices.Sorted(slices.Values(counts))
		f.Mean = float64(f.Participants) / float64(len(counts))
		f.Median = float64(sorted[(len(sorted)-1)/2]+sorted[len(sorted)/2]) / 2
	}
	return f
}
