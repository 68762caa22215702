// Package counts unites the room counts of all processes on DIR. Each process writes
// the pairs of room and address that are new to it to its own journal, one for each day
// and key, DATE.RANDOM.journal, and keeps that locked while it is open. The room file
// of a day is the union of all its journals.
//
// Journals belong to the goroutine that writes lines, Files to that of the
// once-a-minute round. They meet in the Ledger, as does the goroutine that deletes
// expired files. Reader is for commands that only read.
package counts

import (
	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Config configures the counts of a process.
type Config struct {
	Path     string // DIR
	Limits   rooms.Limits
	Counting bool   // count rooms: each day gets a room file
	Settings string // the settings that shape pseudonyms and counts; recorded in journals
	// Secret identifies the secret of the room names in settings; nil: there is none.
	Secret func() string
	Finish bool // see Files.Finish
	// Window returns the days that are kept.
	Window func() calendar.Window
	// OthersLive reports whether other processes work on DIR.
	OthersLive func(*dir.Dir) (bool, error)
	Report     *dir.Reporter
	// Reseal returns a typed payload in the form in which folding copies it to another
	// journal of day; nil: unchanged.
	Reseal func(d *dir.Dir, day civil.Day, payload []byte) []byte
}

// NewTyped returns journals for records of one type, in the same format as those of
// rooms.
func NewTyped(cfg Config, t journal.Type) *Journals {
	cfg.Counting = false // late records have no room file to go to
	return &Journals{cfg: &cfg, ledger: newLedger(&cfg), own: map[journalID]*ownJournal{}, typ: t}
}

// New returns the three parts of a process's counts.
func New(cfg Config) (*Journals, *Files, *Ledger) {
	l := newLedger(&cfg)
	return &Journals{cfg: &cfg, ledger: l, own: map[journalID]*ownJournal{}},
		&Files{cfg: &cfg, ledger: l, unions: map[civil.Day]*union{}, flawed: map[string]string{}}, l
}
