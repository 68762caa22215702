// Package counts brings the room counts of all processes on DIR together. Each process
// writes the pairs of room and address that are new to it to a journal of its own for
// each day and key, DATE.RANDOM.journal, which it keeps locked while it is open. The
// room file of a day is the union of all its journals.
//
// Journals are for the goroutine that writes the lines, Files for that of a round, which
// comes once a minute; both meet in the Ledger, as does the goroutine that deletes what
// has expired. A Reader is for who only looks.
package counts

import (
	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Config is what is to be known of the process.
type Config struct {
	Path     string // DIR
	Limits   rooms.Limits
	Counting bool   // rooms are counted: days get a room file
	Settings string // what shapes pseudonyms and counts; recorded in journals
	// Secret tells the secret of room names apart from others; settings of who counts rooms
	// end with it. nil: there is none.
	Secret func() string
	Finish bool // see Files.Finish
	// Window is the days that are kept.
	Window func() calendar.Window
	// OthersLive reports whether other processes work on DIR.
	OthersLive func(*dir.Dir) (bool, error)
	Report     *dir.Reporter
	// Copied returns a payload with a type as it is to be copied from one journal of day to
	// another; nil: as it is.
	Reseal func(d *dir.Dir, day civil.Day, payload []byte) []byte
}

// NewTyped returns the journals of records with types that a process writes: those of
// one type, of the same form as those of rooms.
func NewTyped(cfg Config, t journal.Type) *Journals {
	cfg.Counting = false // there is no room file for what comes too late
	return &Journals{cfg: &cfg, ledger: newLedger(&cfg), own: map[journalID]*ownJournal{}, typ: t}
}

// New returns the counts of a process.
func New(cfg Config) (*Journals, *Files, *Ledger) {
	l := newLedger(&cfg)
	return &Journals{cfg: &cfg, ledger: l, own: map[journalID]*ownJournal{}},
		&Files{cfg: &cfg, ledger: l, unions: map[civil.Day]*union{}, flawed: map[string]string{}}, l
}
