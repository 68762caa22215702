// Package counters declares the counters of lines and processes. Metrics, status and summary
// are derived from the declarations.
package counters

import "hushpipe/format/prose"

// Values are the counters of a process, or the sum of several. They count lines unless
// noted. The keys are those of status --json and of the records of processes.
type Values struct {
	Lines     uint64 `json:"lines"`     // processed
	Malformed uint64 `json:"malformed"` // of these, in an unknown format
	Late      uint64 `json:"late"`      // of these, written to the file of a day before today
	Adjusted  uint64 `json:"adjusted"`  // of these, with no readable time or dated after tomorrow: written to today
	Expired   uint64 `json:"expired"`   // of these, past the retention: not written
	Glued     uint64 `json:"glued"`     // of these, made of several that were written into each other
	Cut       uint64 `json:"cut"`       // of the malformed, longer than 1 MiB: truncated
	Failed    uint64 `json:"failed"`    // dropped because of an error in hushpipe
	Dropped   uint64 `json:"dropped"`   // lost: the buffer was full
	Omitted   uint64 `json:"omitted"`   // in an unknown format, and not written because the stream lists its fields
	Unfit     uint64 `json:"unfit"`     // not written because they match no stream of the policy
	Withheld  uint64 `json:"withheld"`  // deleted unreleased, because their groups had too few people
	Overflow  uint64 `json:"overflow"`  // with a pair of room and address that was not counted, past a limit

	// Of the lines below status 400, while rooms are counted:
	WithoutClient  uint64 `json:"without_client"`  // client unknown
	WithoutRequest uint64 `json:"without_request"` // request unknown
	RoomUnseen     uint64 `json:"room_unseen"`     // the URL of a room whose name is in a query that is not logged

	// Malformed lines whose names were replaced: earlier versions wrote them in clear.
	Named uint64 `json:"malformed_without_names"`

	Repeated uint64 `json:"duplicated_batches"` // batches of lines that were written again after a kill
	Ended    uint64 `json:"processes_ended"`    // processes
	Killed   uint64 `json:"processes_killed"`   // processes that ended without a last record
}

// Weight is how serious it is if a counter grows.
type Weight int

const (
	Usual   Weight = iota // normal
	Doubted               // worth a look
	Lost                  // lines or counts are lost
)

// Counter is the declaration of one counter.
type Counter struct {
	Of     func(*Values) *uint64
	Metric string // name of the metric; "": none
	Help   string // help text of the metric
	Column string // column head in status; "": none
	Weight Weight
	text   string // follows "3 of 1,000 lines" in the summary; "": not shown
	Hint   string // what to do; "": nothing
}

// Describe returns the summary's sentence about the counter, "" if it is zero or not shown.
func (c *Counter) Describe(v Values) string {
	n := *c.Of(&v)
	if n == 0 || c.text == "" {
		return ""
	}
	return prose.Commas(n) + " of " + prose.Plural(v.Lines, "line") + " " + c.text
}

// The counters.
var (
	Lines = &Counter{
		Of: func(v *Values) *uint64 { return &v.Lines }, Metric: "lines_total", Column: "LINES",
		Help: "Lines that were treated.",
	}
	Malformed = &Counter{
		Of: func(v *Values) *uint64 { return &v.Malformed }, Metric: "malformed_lines_total", Column: "MALFORMED",
		Help: "Lines in an unknown format.", Weight: Doubted,
		text: "in an unknown format; all that could be an address or a client's name in them was replaced",
		Hint: "give their format with --format",
	}
	WithoutClient = &Counter{
		Of: func(v *Values) *uint64 { return &v.WithoutClient }, Metric: "without_client_lines_total",
		Help: "Lines without client, whose rooms are not counted.", Weight: Doubted,
		text: "without client: their rooms are not counted",
		Hint: "see --format",
	}
	WithoutRequest = &Counter{
		Of: func(v *Values) *uint64 { return &v.WithoutRequest }, Metric: "without_request_lines_total",
		Help: "Lines without request, whose rooms are not counted.", Weight: Doubted,
		text: "without request: their rooms are not counted",
		Hint: "see --format",
	}
	RoomUnseen = &Counter{
		Of: func(v *Values) *uint64 { return &v.RoomUnseen }, Metric: "room_unseen_lines_total",
		Help: "Lines of rooms whose name cannot be seen: the query is not logged.", Weight: Doubted,
		text: "of rooms whose name cannot be seen",
		Hint: "log the query, by %r or %q",
	}
	Glued = &Counter{
		Of: func(v *Values) *uint64 { return &v.Glued }, Metric: "glued_lines_total",
		Help: "Lines made of several that were written into each other.", Weight: Doubted,
		text: "made of several that were written into each other; the counts of their days are a lower bound",
		Hint: "see 'hushpipe help lines'",
	}
	Cut = &Counter{
		Of: func(v *Values) *uint64 { return &v.Cut }, Metric: "cut_lines_total",
		Help: "Lines longer than 1 MiB, whose end was left out.", Weight: Lost,
		text: "longer than 1 MiB; their ends were dropped",
	}
	Late = &Counter{
		Of: func(v *Values) *uint64 { return &v.Late }, Metric: "late_lines_total", Column: "LATE",
		Help: "Lines written to the file of a day before.",
	}
	Expired = &Counter{
		Of: func(v *Values) *uint64 { return &v.Expired }, Metric: "expired_lines_total", Column: "EXPIRED",
		Help: "Lines past the retention, not written.",
		text: "past the retention: not written",
		Hint: "--keep keeps older days, and 'hushpipe filter --stdout' writes lines of any age",
	}
	Adjusted = &Counter{
		Of: func(v *Values) *uint64 { return &v.Adjusted }, Metric: "adjusted_lines_total",
		Help: "Lines with no readable time or dated after tomorrow, written to today's file.",
		text: "without a readable time or dated after tomorrow: written to today",
	}
	Overflow = &Counter{
		Of: func(v *Values) *uint64 { return &v.Overflow }, Metric: "uncounted_lines_total", Column: "OVERFLOW",
		Help: "Lines whose room or address was not counted: past a bound, or glued.", Weight: Lost,
		text: "not counted in a room: too many rooms or addresses in a day (--max-rooms, --max-pairs), a room name that is too long, or lines written into each other",
	}
	Failed = &Counter{
		Of: func(v *Values) *uint64 { return &v.Failed }, Metric: "failed_lines_total",
		Help: "Lines lost because of an error in hushpipe.", Weight: Lost,
		text: "left out because of an error in hushpipe",
		Hint: "please report it",
	}
	Dropped = &Counter{
		Of: func(v *Values) *uint64 { return &v.Dropped }, Metric: "dropped_lines_total", Column: "DROPPED",
		Help: "Lines lost because the buffer was full.", Weight: Lost,
		text: "lost: DIR could not be written, or not in time",
	}
	Omitted = &Counter{
		Of: func(v *Values) *uint64 { return &v.Omitted }, Weight: Doubted,
		text: "in an unknown format, and not written: the stream lists its fields",
	}
	Unfit = &Counter{
		Of:   func(v *Values) *uint64 { return &v.Unfit },
		text: "that fit no stream of the policy: not written",
	}
	Withheld = &Counter{
		Of:   func(v *Values) *uint64 { return &v.Withheld },
		text: "withheld for good: too few people share what is left of them",
	}
	Repeated = &Counter{
		Of: func(v *Values) *uint64 { return &v.Repeated }, Metric: "duplicated_batches_total", Column: "TWICE",
		Help: "Batches of lines written twice after a kill.",
	}
	Named  = &Counter{Of: func(v *Values) *uint64 { return &v.Named }}
	Ended  = &Counter{Of: func(v *Values) *uint64 { return &v.Ended }}
	Killed = &Counter{Of: func(v *Values) *uint64 { return &v.Killed }}
)

// All lists the counters in the order of display.
var All = [...]*Counter{
	Lines, Malformed, WithoutClient, WithoutRequest, RoomUnseen, Glued, Cut, Late, Expired, Adjusted,
	Omitted, Unfit, Withheld, Overflow, Failed, Dropped, Repeated, Named, Ended, Killed,
}

// Plus returns the sum of v and o.
func (v Values) Plus(o Values) Values {
	for _, c := range All {
		*c.Of(&v) += *c.Of(&o)
	}
	return v
}

// Minus returns v less o.
func (v Values) Minus(o Values) Values {
	for _, c := range All {
		*c.Of(&v) -= *c.Of(&o)
	}
	return v
}

// Lost reports whether lines or counts are lost.
func (v Values) Lost() bool {
	for _, c := range All {
		if c.Weight == Lost && *c.Of(&v) > 0 {
			return true
		}
	}
	return false
}
