package registry

// Counters are what a process counts, for status and metrics: lines, if not said otherwise.
type Counters struct {
	Lines     uint64 `json:"lines"`     // treated
	Malformed uint64 `json:"malformed"` // in no known format
	Late      uint64 `json:"late"`      // written to the file of a day before
	Adjusted  uint64 `json:"adjusted"`  // with no readable time or dated after tomorrow
	Expired   uint64 `json:"expired"`   // past the retention, not written
	Glued     uint64 `json:"glued"`     // made of several lines that were written into each other
	Cut       uint64 `json:"cut"`       // longer than 1 MiB, the end is left out
	Failed    uint64 `json:"failed"`    // left out because of an error in hushpipe
	Dropped   uint64 `json:"dropped"`   // lost: the buffer was full
	Overflow  uint64 `json:"overflow"`  // whose pair of room and address was not counted

	WithoutClient  uint64 `json:"without_client"`  // whose rooms are not counted: no client,
	WithoutRequest uint64 `json:"without_request"` // no request,
	RoomUnseen     uint64 `json:"room_unseen"`     // or no query, where a room has its name

	// Of the malformed, those whose names were replaced: earlier versions wrote them
	// in clear.
	Named uint64 `json:"malformed_without_names"`

	Repeated uint64 `json:"duplicated_batches"` // written a second time after a kill
	Ended    uint64 `json:"processes_ended"`
	Killed   uint64 `json:"processes_killed"` // ended without a last record
}

func (c *Counters) all() [17]*uint64 {
	return [...]*uint64{&c.Lines, &c.Malformed, &c.Late, &c.Adjusted, &c.Expired, &c.Glued, &c.Cut, &c.Failed, &c.Dropped,
		&c.Overflow, &c.WithoutClient, &c.WithoutRequest, &c.RoomUnseen, &c.Named, &c.Repeated, &c.Ended, &c.Killed}
}

// Plus adds them up.
func (c Counters) Plus(o Counters) Counters {
	other := o.all()
	for i, n := range c.all() {
		*n += *other[i]
	}
	return c
}

func (c Counters) minus(o Counters) Counters {
	other := o.all()
	for i, n := range c.all() {
		*n -= *other[i]
	}
	return c
}
