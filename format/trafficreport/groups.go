package trafficreport

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
)

// group is the figures of requests that are counted together. Times are in microseconds.
type group struct {
	name   string
	cell   []uint64 // hits, microseconds, 4xx, 5xx
	timed  uint64   // hits with a known duration
	within []within // in ascending order of duration
}

// within is the number of hits that took at most so long, in microseconds, and longer than the
// step below.
type within struct{ most, hits uint64 }

// groups returns the groups by falling number of hits, other last.
func (r *Report) groups() (list []*group) {
	by := map[string]*group{}
	at := func(name string) *group {
		g := by[name]
		if g == nil {
			g = &group{name: name, cell: make([]uint64, 4)}
			by[name] = g
			list = append(list, g)
		}
		return g
	}
	for _, c := range r.cells {
		switch c.Kind {
		case "group":
			at(c.Key).cell = c.Numbers
		case "time":
			most, name, _ := strings.Cut(c.Key, " ")
			if n, err := strconv.ParseUint(most, 10, 63); err == nil && name != "" {
				g := at(name)
				g.within = append(g.within, within{n, c.Numbers[0]})
				g.timed += c.Numbers[0]
			}
		}
	}
	for _, g := range list {
		slices.SortFunc(g.within, func(a, b within) int { return cmp.Compare(a.most, b.most) })
	}
	slices.SortStableFunc(list, func(a, b *group) int {
		if a.name == trafficfile.Other || b.name == trafficfile.Other {
			return cmp.Compare(boolInt(a.name == trafficfile.Other), boolInt(b.name == trafficfile.Other))
		}
		return cmp.Or(cmp.Compare(b.cell[0], a.cell[0]), cmp.Compare(a.name, b.name))
	})
	return list
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// quantile returns the time that a part of the hits, 0…1, took at most: the middle of its step,
// which is 19 % wide. It reports false if no time is known.
func (g *group) quantile(part float64) (micros uint64, ok bool) {
	if g.timed == 0 {
		return 0, false
	}
	least := uint64(math.Ceil(part * float64(g.timed)))
	sum := uint64(0)
	for _, w := range g.within {
		if sum += w.hits; sum >= max(1, least) {
			return uint64(math.Round(float64(w.most) / math.Pow(2, 1.0/8))), true
		}
	}
	return 0, false
}

// quantiles are the ones shown.
var quantiles = []struct {
	name string
	part float64
}{{"p50", .5}, {"p95", .95}, {"p99", .99}}

var groupHeads = []string{"Group", "Hits", "Mean", "p50", "p95", "p99", "4xx", "5xx"}

// texts returns the columns of a group as text.
func (g *group) texts(l *report.Language) []string {
	cells := []string{l.Number(g.cell[0])}
	if g.timed > 0 {
		cells = append(cells, duration(g.cell[1]/g.timed, l))
	} else {
		cells = append(cells, dash)
	}
	for _, q := range quantiles {
		if n, ok := g.quantile(q.part); ok {
			cells = append(cells, duration(n, l))
		} else {
			cells = append(cells, dash)
		}
	}
	return append(cells, l.Number(g.cell[2]), l.Number(g.cell[3]))
}

// duration formats microseconds in a suitable unit, with three digits at most.
func duration(micros uint64, l *report.Language) string {
	v, unit := float64(micros), "µs"
	switch {
	case micros >= 1_000_000:
		v, unit = v/1e6, "s"
	case micros >= 1000:
		v, unit = v/1e3, "ms"
	}
	if v >= 100 || unit == "µs" {
		return l.Number(uint64(math.Round(v))) + " " + unit
	}
	return l.Decimal(v) + " " + unit
}

// groupRows returns a row of heads and one for each group.
func groupRows(groups []*group, l *report.Language) [][]string {
	head := []string{}
	for _, h := range groupHeads {
		head = append(head, word(l, h))
	}
	rows := [][]string{head}
	for _, g := range groups {
		name := g.name
		if name == trafficfile.Other {
			name = word(l, "other")
		}
		rows = append(rows, append([]string{name}, g.texts(l)...))
	}
	return rows
}

// Groups returns the table of groups.
func (p *page) Groups() view {
	groups := p.groups()
	if len(groups) == 0 {
		return view{}
	}
	rows := groupRows(groups, p.Language)
	v := view{ID: "table-group", Title: p.Text("Groups"), Many: true, Heads: rows[0],
		About: p.Text("Hits of people and robots by what they asked for; the time that half of them, and 95 and 99 of 100, took at most")}
	largest := uint64(1)
	for _, g := range groups {
		largest = max(largest, g.cell[0])
	}
	for i, g := range groups {
		row := viewRow{Name: rows[i+1][0], Other: g.name == trafficfile.Other, Cells: rows[i+1][1:], Length: length(g.cell[0], largest)}
		switch {
		case i < seenRows || row.Other:
			v.Rows = append(v.Rows, row)
		case i < seenRows+demandedRows:
			if v.Demanded == nil {
				v.Demanded = &view{ID: v.ID + "-more", Heads: v.Heads, Many: true}
			}
			v.Demanded.Rows = append(v.Demanded.Rows, row)
			v.Demanded.Title = p.Text("%s more", len(v.Demanded.Rows))
		}
	}
	return v
}
