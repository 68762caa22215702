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
	// Folded are the ids of records included in Days whose files may still exist: so nothing
	// counts twice after a crash between writing this file and deleting theirs.
	Folded    []string                   `json:"folded"`
	LastKill  time.Time                  `json:"last_kill,omitzero"` // when a kill was last detected
	LastError Fault                      `json:"last_error,omitzero"`
	Days      map[string]counters.Values `json:"days"`
	// NamedFrom is the date from which on all malformed lines counted on days that are no
	// longer in Days had their names replaced. Earlier versions omit it.
	NamedFrom string `json:"named_from,omitempty"`
}

// setNamedFrom sets NamedFrom if an earlier version wrote the file, and updates it for days
// that are about to be dropped.
func (t *totals) setNamedFrom() {
	dates := slices.Sorted(maps.Keys(t.Days))
	if t.NamedFrom == "" {
		t.NamedFrom = "0000-01-01" // no day was dropped yet
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

// unnamed returns how many malformed lines may contain a client's name in clear.
func unnamed(c counters.Values) uint64 { return c.Malformed - min(c.Named, c.Malformed) }

// add adds the record of an ended process, once.
func (t *totals) add(id string, r processRecord, now time.Time) {
	if slices.Contains(t.Folded, id) {
		return
	}
	t.Folded = append(t.Folded, id)
	t.setNamedFrom()
	if t.Days == nil {
		t.Days = map[string]counters.Values{}
	}
	for day, c := range r.Days {
		t.Days[day] = t.Days[day].Plus(c)
	}
	if r.Written.IsZero() {
		r.Written = now // unreadable
	}
	ended := counters.Values{Ended: 1}
	if !r.Ended {
		ended = counters.Values{Killed: 1}
		t.LastKill = now
	}
	day := civil.DayOf(r.Written).String()
	t.Days[day] = t.Days[day].Plus(ended)
	t.setNamedFrom()
	forgetDays(t.Days)
	if r.LastError.Time.After(t.LastError.Time) {
		t.LastError = r.LastError
	}
}

// forgetDays drops all but the newest countedDays days. It does not compare them with the
// clock, which may be wrong.
func forgetDays(days map[string]counters.Values) {
	if excess := len(days) - countedDays; excess > 0 {
		for _, day := range slices.Sorted(maps.Keys(days))[:excess] {
			delete(days, day)
		}
	}
}
