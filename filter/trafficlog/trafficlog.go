// Package trafficlog unites the traffic figures of all processes on DIR. Each process writes
// the contributions of its batches to its own journal for each day,
// DATE.RANDOM.journal.typed, and keeps that locked while it is open. A day's file,
// traffic-DATE.txt, is made from the union of all its journals.
//
// The records show who saw what, so they are encrypted under a key of the day, and become
// unreadable with it. Each contains the number of its journal and its own number, so that a
// record read twice, because journals were folded or a write failed after its last byte,
// counts once. It also identifies its lines, so that a process that starts can find out what
// a killed one has counted, see Killed.
//
// Journals belong to the goroutine that writes lines, Files to that of the once-a-minute
// round.
package trafficlog

import (
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// Config configures the traffic figures of a process.
type Config struct {
	Path    string          // DIR
	Options traffic.Options // zero for a process that counts no traffic: it only updates days whose journals record their options
	Now     func() time.Time
	Window  func() calendar.Window                            // the days that are kept
	Key     func(day civil.Day) *pseudonym.Key                // key for writing; returns nil if the day is past its retention
	Known   func(*dir.Dir, civil.Day) (*pseudonym.Key, error) // key for reading journals
	Forget  func(*dir.Dir)                                    // calls Journals.Forget for days that were deleted on purpose
	Report  *dir.Reporter
}

// settings are recorded in the headers of traffic journals.
const settings = "traffic=1;"
