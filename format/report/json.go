package report

import (
	"encoding/json"
	"io"
)

// JSON writes the report as one object. Later versions add fields, and never rename or drop one:
//
//	from, to       dates as 2026-11-22, inclusive
//	by             the length of a step: day, week, month or year
//	min            the least number of participants of a conference
//	size_classes   participants of each class, "from" and "to" inclusive; the last has no "to"
//	total          the figures of the whole period
//	steps          objects with "from", "to" and the figures of each step
//	recurring      objects: "rooms" held conferences on exactly this number of "days"
//
// The figures:
//
//	known_days     days with data
//	missing_days   days without data
//	partial_days   known days for which one of several sources has no data, or too low counts
//	conferences, participants
//	mean, median   participants of a conference; 0 without one
//	largest        participants of the largest conference
//	sizes          conferences in each of size_classes
//
// Without a known day, those from conferences on are null.
func JSON(w io.Writer, r *Report) error {
	type class struct {
		From uint64  `json:"from"`
		To   *uint64 `json:"to,omitempty"`
	}
	type recurrence struct {
		Days  int    `json:"days"`
		Rooms uint64 `json:"rooms"`
	}
	type step struct {
		From string `json:"from"`
		To   string `json:"to"`
		jsonFigures
	}
	object := struct {
		From      string       `json:"from"`
		To        string       `json:"to"`
		By        string       `json:"by"`
		Min       uint64       `json:"min"`
		Classes   []class      `json:"size_classes"`
		Total     jsonFigures  `json:"total"`
		Steps     []step       `json:"steps"`
		Recurring []recurrence `json:"recurring"`
	}{From: r.From.String(), To: r.To.String(), By: r.By.String(), Min: r.Min,
		Total: asJSON(r.Total), Recurring: []recurrence{}}
	for _, c := range SizeClasses {
		one := class{From: c.From}
		if c.To > 0 {
			one.To = &c.To
		}
		object.Classes = append(object.Classes, one)
	}
	for _, s := range r.Steps {
		object.Steps = append(object.Steps, step{s.From.String(), s.To.String(), asJSON(s.Figures)})
	}
	for _, again := range r.Recurring {
		object.Recurring = append(object.Recurring, recurrence(again))
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(object)
}

// jsonFigures is Figures in JSON, nil from Conferences on if nothing is known.
type jsonFigures struct {
	Known        int      `json:"known_days"`
	Missing      int      `json:"missing_days"`
	Partial      int      `json:"partial_days"`
	Conferences  *uint64  `json:"conferences"`
	Participants *uint64  `json:"participants"`
	Mean         *float64 `json:"mean"`
	Median       *float64 `json:"median"`
	Largest      *uint64  `json:"largest"`
	Sizes        []uint64 `json:"sizes"`
}

func asJSON(f Figures) jsonFigures {
	out := jsonFigures{Known: f.Known, Missing: f.Missing, Partial: f.Partial}
	if f.Known > 0 {
		out.Conferences, out.Participants, out.Largest = &f.Conferences, &f.Participants, &f.Largest
		out.Mean, out.Median, out.Sizes = &f.Mean, &f.Median, f.Sizes[:]
	}
	return out
}
