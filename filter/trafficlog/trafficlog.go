// Package trafficlog brings the traffic figures of all processes on DIR together. Each
// process writes what its batches add to the figures of a day to a journal of its own for
// each day, DATE.RANDOM.journal.typed, which it keeps locked while it is open. The file of
// a day, traffic-DATE.txt, is made of the union of all its journals.
//
// The records tell who saw what, so they are encrypted under a key of the day, and die
// with it. Each bears the number of its journal and its own in there, so that one that is
// read twice, since journals were folded or a write failed behind its last byte, counts
// once. It also says of which lines it is: a process that starts finds by that what one
// that was killed has counted, see Killed.
//
// Journals are for the goroutine that writes the lines, Files for that of a round.
package trafficlog

import (
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// Config is what is to be known of the process.
type Config struct {
	Path    string          // DIR
	Options traffic.Options // of a process that counts none only the days are made whose journals say with which they were counted
	Now     func() time.Time
	Window  func() calendar.Window                            // the days that are kept
	Key     func(day civil.Day) *pseudonym.Key                // of lines that are written; nil: the day is past its retention
	Known   func(*dir.Dir, civil.Day) (*pseudonym.Key, error) // of journals that are read
	Forget  func(*dir.Dir)                                    // has Journals.Forget called for days that were deleted on purpose
	Report  *dir.Reporter
}

// settings are those of the journals.
const settings = "traffic=1;"
