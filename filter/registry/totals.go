package registry

import (
	"maps"
	"slices"
	"time"

	"hushpipe/filter/counters"
	"hushpipe/format/civil"
)

// totals is ended.json.
type totals struct {
	// Folded are the records that are in Days and whose files may still be
	// there: a crash between writing this file and deleting theirs counts
	// nothing twice.
	Folded    []string                   `json:"folded"`
	LastKill  time.Time                  `json:"last_kill,omitzero"` // when it was found out
	LastError Fault                      `json:"last_error,omitzero"`
	Days      map[string]counters.Values `json:"days"`
	// NamedFrom is the date from which on no malformed line with a name in clear was
	// counted on a day that is forgotten. An earlier version leaves it out.
	NamedFrom string `json:"named_from,omitempty"`
}

// settleNames sets NamedFrom where an earlier version had the file, and sees to it
// that no day is forgotten without it.
func (t *totals) settleNames() {
	dates := slices.Sorted(maps.Keys(t.Days))
	if t.NamedFrom == "" {
		t.NamedFrom = "0000-01-01" // nothing is forgotten
		if len(dates) >= countedDays {
			t.NamedFrom = dates[0]
		}
	}
	for _, date := range dates[:max(0, len(dates)-countedDays)] {
		if day, ok := civil.ParseDay(date); ok && unnamed(t.Days[date]) > 0 {
			t.NamedFrom = max(t.NamedFrom, (day + 1).String())
		}
	}
}

// unnamed is how many malformed lines may have a client's name in clear.
func unnamed(c counters.Values) uint64 { return c.Malformed - min(c.Named, c.Malformed) }

// add takes in the record of a process that ended, once.
func (t *totals) add(id string, r processRecord, now time.Time) {
	if slices.Contains(t.Folded, id) {
		return
	}
	t.Folded = append(t.Folded, id)
	t.settleNames()
	if t.Days == nil {
		t.Days = map[string]counters.Values{}
	}
	for day, c := range r.Days {
		t.Days[day] = t.Days[day].Plus(c)
	}
	if r.Written.IsZero() {
		r.Written = now // it cannot be read
	}
	ended := counters.Values{Ended: 1}
	if !r.Ended {
		ended = counters.Values{Killed: 1}
		t.LastKill = now
	}
	day := civil.DayOf(r.Written).String()
	t.Days[day] = t.Days[day].Plus(ended)
	t.settleNames()
	forgetDays(t.Days)
	if r.LastError.Time.After(t.LastError.Time) {
		t.LastError = r.LastError
	}
}

// forgetDays leaves the newest days. It counts them, since the clock may be
// wrong.
func forgetDays(days map[string]counters.Values) {
	if excess := len(days) - countedDays; excess > 0 {
		for _, day := range slices.Sorted(maps.Keys(days))[:excess] {
			delete(days, day)
		}
	}
}
