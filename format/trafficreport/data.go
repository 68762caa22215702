package trafficreport

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"

	"hushpipe/format/trafficfile"
)

// CSV writes one row for each step, below a row of names:
//
//	from,to                     dates as 2026-11-22, both included
//	known_days,missing_days     days that have a file, and that have none
//	pages,hits,bytes            of people
//	visits,visitor_days
//	robot_hits,robot_bytes
//
// A step without any file has empty fields from pages on. Columns are added at the end,
// but not renamed or dropped.
func CSV(w io.Writer, r *Report) error {
	c := csv.NewWriter(w)
	c.Write([]string{"from", "to", "known_days", "missing_days", "pages", "hits", "bytes", "visits", "visitor_days", "robot_hits", "robot_bytes"})
	for _, s := range r.Steps {
		row := []string{s.From.String(), s.To.String(), strconv.Itoa(s.Known), strconv.Itoa(s.Missing)}
		for _, n := range []uint64{s.Pages, s.Hits, s.Bytes, s.Visits, s.VisitorDays, s.RobotHits, s.RobotBytes} {
			if s.Known == 0 {
				row = append(row, "")
			} else {
				row = append(row, strconv.FormatUint(n, 10))
			}
		}
		c.Write(row)
	}
	c.Flush()
	return c.Error()
}

// jsonFigures are Figures in JSON.
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
}

func (f Figures) json() jsonFigures {
	return jsonFigures{f.Known, f.Missing, f.Pages, f.Hits, f.Bytes, f.Visits, f.VisitorDays, f.RobotHits, f.RobotBytes}
}

// JSON writes one object:
//
//	{"from": "2026-11-01", "to": "2026-11-30", "by": "day",
//	 "total":  {"known_days", "missing_days", "pages", "hits", "bytes", "visits", "visitor_days", "robot_hits", "robot_bytes"},
//	 "before": the same of as many days before,
//	 "busiest_day": {"day", "visitors"}, or null,
//	 "steps":  [{"from", "to", and as total}],
//	 "tables": {KIND: [{"key", and a member for each of trafficfile.Numbers}]}}
//
// Members are added, but not renamed or dropped.
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
	out := struct {
		From    string                      `json:"from"`
		To      string                      `json:"to"`
		By      string                      `json:"by"`
		Total   jsonFigures                 `json:"total"`
		Before  jsonFigures                 `json:"before"`
		Busiest *busiest                    `json:"busiest_day"`
		Steps   []step                      `json:"steps"`
		Tables  map[string][]map[string]any `json:"tables"`
	}{From: r.From.String(), To: r.To.String(), By: r.By.String(), Total: r.Total.json(), Before: r.Before.json(), Tables: map[string][]map[string]any{}}
	if r.Most > 0 {
		out.Busiest = &busiest{r.Busiest.String(), r.Most}
	}
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, step{s.From.String(), s.To.String(), s.json()})
	}
	for _, t := range tables {
		rows := []map[string]any{}
		for _, c := range r.rows(t) {
			row := map[string]any{"key": c.Key}
			for i, name := range trafficfile.Numbers[t.kind] {
				row[name] = c.Numbers[i]
			}
			rows = append(rows, row)
		}
		out.Tables[t.kind] = rows
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
