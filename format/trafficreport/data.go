package trafficreport

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"

	"hushpipe/format/trafficfile"
)

// CSV writes a row of column names, then one row for each step:
//
//	from,to                     dates as 2026-11-22, inclusive
//	known_days,missing_days     days with a file, and days without
//	pages,hits,bytes            of people
//	visits,visitor_days
//	robot_hits,robot_bytes
//	partial_days                known days for which one of several servers has no file, or that lack a part of a host
//	upper_bound_days            known days whose visits and visitors are an upper bound
//
// A step without any file has empty fields from pages on. Later versions add columns at the end,
// and never rename or drop one.
func CSV(w io.Writer, r *Report) error {
	c := csv.NewWriter(w)
	c.Write([]string{"from", "to", "known_days", "missing_days", "pages", "hits", "bytes", "visits", "visitor_days", "robot_hits", "robot_bytes", "partial_days", "upper_bound_days"})
	for _, s := range r.Steps {
		row := []string{s.From.String(), s.To.String(), strconv.Itoa(s.Known), strconv.Itoa(s.Missing)}
		for _, n := range []uint64{s.Pages, s.Hits, s.Bytes, s.Visits, s.VisitorDays, s.RobotHits, s.RobotBytes} {
			if s.Known == 0 {
				row = append(row, "")
			} else {
				row = append(row, strconv.FormatUint(n, 10))
			}
		}
		c.Write(append(row, strconv.Itoa(s.Partial), strconv.Itoa(s.UpperBound)))
	}
	c.Flush()
	return c.Error()
}

// TableNames returns the kinds that CSVTable accepts.
func TableNames() (names []string) {
	for _, t := range tables {
		names = append(names, t.kind)
	}
	return append(names, "group")
}

// CSVTable writes a row of column names, then one row for each name in a table of the whole
// period: key, and trafficfile.Numbers of that kind. For group these are hits, 4xx and 5xx, then
// timed hits and their mean, p50, p95 and p99 in microseconds, which are empty if no time is
// known.
func CSVTable(w io.Writer, r *Report, kind string) error {
	c := csv.NewWriter(w)
	if kind == "group" {
		c.Write([]string{"key", "hits", "4xx", "5xx", "timed", "mean", "p50", "p95", "p99"})
		for _, g := range r.groups() {
			j := g.json()
			row := append([]string{j.Name}, decimals(j.Hits, j.Errors4, j.Errors5, j.Timed)...)
			for _, n := range []*uint64{j.Mean, j.P50, j.P95, j.P99} {
				if n == nil {
					row = append(row, "")
				} else {
					row = append(row, decimals(*n)...)
				}
			}
			c.Write(row)
		}
	} else {
		c.Write(append([]string{"key"}, trafficfile.Numbers[kind]...))
		for _, cell := range r.rows(tableOf(kind)) {
			c.Write(append([]string{cell.Key}, decimals(cell.Numbers...)...))
		}
	}
	c.Flush()
	return c.Error()
}

func decimals(numbers ...uint64) (texts []string) {
	for _, n := range numbers {
		texts = append(texts, strconv.FormatUint(n, 10))
	}
	return texts
}

// jsonFigures is Figures in JSON.
type jsonFigures struct {
	KnownDays   int    `json:"known_days"`
	MissingDays int    `json:"missing_days"`
	Pages       uint64 `json:"pages"`
	Hits        uint64 `json:"hits"`
	Bytes       uint64 `json:"bytes"`
	Visits      uint64 `json:"visits"`
	VisitorDays uint64 `json:"visitor_days"`
	RobotHits   uint64 `json:"robot_hits"`
	RobotBytes  uint64 `json:"robot_bytes"`
	PartialDays int    `json:"partial_days"`
	UpperBound  int    `json:"upper_bound_days"`
}

func (f Figures) json() jsonFigures {
	return jsonFigures{f.Known, f.Missing, f.Pages, f.Hits, f.Bytes, f.Visits, f.VisitorDays, f.RobotHits, f.RobotBytes, f.Partial, f.UpperBound}
}

// jsonGroup is a group in JSON.
type jsonGroup struct {
	Name    string  `json:"name"`
	Hits    uint64  `json:"hits"`
	Errors4 uint64  `json:"4xx"`
	Errors5 uint64  `json:"5xx"`
	Timed   uint64  `json:"timed"`
	Mean    *uint64 `json:"mean"`
	P50     *uint64 `json:"p50"`
	P95     *uint64 `json:"p95"`
	P99     *uint64 `json:"p99"`
}

func (g *group) json() jsonGroup {
	out := jsonGroup{Name: g.name, Hits: g.cell[0], Errors4: g.cell[2], Errors5: g.cell[3], Timed: g.timed}
	if g.timed > 0 {
		mean := g.cell[1] / g.timed
		out.Mean = &mean
	}
	for i, at := range []**uint64{&out.P50, &out.P95, &out.P99} {
		if n, ok := g.quantile(quantiles[i].part); ok {
			*at = &n
		}
	}
	return out
}

// JSON writes one object. Later versions add members, and never rename or drop one:
//
//	from, to     dates as 2026-11-22, inclusive
//	by           the length of a step: day, week, month or year
//	total        the figures of the whole period, as in CSV: known_days, missing_days, pages …
//	before       those of as many days before
//	busiest_day  "day" and "visitors", or null
//	steps        objects with "from", "to" and the figures of each step
//	hours        for each day of the week, from Monday: the number of "days" with a file, and by hour the "visits" that began
//	counted      objects: days "from" to "to" were counted with "options"
//	missing      objects: the figures of "days", which several hosts made together, have nothing from "host"
//	tables       by kind, a list of objects with "key" and a member for each of trafficfile.Numbers;
//	             for an unknown kind, "numbers"
//	groups       objects: "name", "hits", "4xx", "5xx", and if the time is known, "timed" hits with their
//	             "mean", "p50", "p95" and "p99" in microseconds, else null
//
// Without a known day, figures are 0.
func JSON(w io.Writer, r *Report) error {
	type step struct {
		From string `json:"from"`
		To   string `json:"to"`
		jsonFigures
	}
	type busiest struct {
		Day      string `json:"day"`
		Visitors uint64 `json:"visitors"`
	}
	type weekday struct {
		Days   int        `json:"days"`
		Visits [24]uint64 `json:"visits"`
	}
	type counting struct {
		From    string `json:"from"`
		To      string `json:"to"`
		Options string `json:"options"`
	}
	type absence struct {
		Host string   `json:"host"`
		Days []string `json:"days"`
	}
	out := struct {
		From    string                      `json:"from"`
		To      string                      `json:"to"`
		By      string                      `json:"by"`
		Total   jsonFigures                 `json:"total"`
		Before  jsonFigures                 `json:"before"`
		Busiest *busiest                    `json:"busiest_day"`
		Steps   []step                      `json:"steps"`
		Hours   []weekday                   `json:"hours"`
		Counted []counting                  `json:"counted"`
		Missing []absence                   `json:"missing"`
		Groups  []jsonGroup                 `json:"groups"`
		Tables  map[string][]map[string]any `json:"tables"`
	}{From: r.From.String(), To: r.To.String(), By: r.By.String(), Total: r.Total.json(), Before: r.Before.json(), Counted: []counting{}, Missing: []absence{}, Groups: []jsonGroup{}, Tables: map[string][]map[string]any{}}
	if r.Most > 0 {
		out.Busiest = &busiest{r.Busiest.String(), r.Most}
	}
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, step{s.From.String(), s.To.String(), s.json()})
	}
	for i, visits := range r.Hours {
		out.Hours = append(out.Hours, weekday{r.Weekdays[i], visits})
	}
	for _, c := range r.Counted {
		out.Counted = append(out.Counted, counting{c.From.String(), c.To.String(), c.Options})
	}
	for _, h := range r.Hosts {
		a := absence{Host: h.Host}
		for _, day := range h.Days {
			a.Days = append(a.Days, day.String())
		}
		out.Missing = append(out.Missing, a)
	}
	for _, t := range slices.Concat(tables, r.unknown()) {
		rows := []map[string]any{}
		for _, c := range r.rows(t) {
			row := map[string]any{"key": c.Key}
			names, known := trafficfile.Numbers[t.kind]
			for i, name := range names {
				row[name] = c.Numbers[i]
			}
			if !known {
				row["numbers"] = c.Numbers
			}
			rows = append(rows, row)
		}
		out.Tables[t.kind] = rows
	}
	for _, g := range r.groups() {
		out.Groups = append(out.Groups, g.json())
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
