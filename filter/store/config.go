package store

import (
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/registry"
	"hushpipe/filter/rooms"
	"hushpipe/filter/traffic"
)

// Config is what a Store needs to know.
type Config struct {
	Directory
	Keep   calendar.Period
	Bounds *calendar.Bounds // beside Keep; nil: those that DIR records
	Counts
	Traffic *traffic.Options // days get traffic figures; nil: none
	Least   int              // people who open a group of lines; 0: there are no groups
	Input
	Process registry.Process // what status shows of the process; the Store adds Keep and Bounds
	// Flags are those that shape what is written to DIR, as --name=value. DIR records
	// them, see Settings; nil: it does not. With Process.Fallback they come from there.
	Flags []string
}

// Directory is DIR as commands name it, which read, purge, erase or hand it over.
type Directory struct {
	Path     string // DIR
	Keys     string // key directory, "" for DIR/keys
	NoFollow bool   // DIR must be no symbolic link
	CacheTag *bool  // whether a Store gives DIR a cache tag, which keeps it out of backups; nil leaves that alone
	Now      func() time.Time
	// Say takes one line for the operator, from any goroutine. A topic is reported
	// again at most once a minute.
	Say func(topic, line string)
}

// Counts is how rooms are counted, and people in groups of lines.
type Counts struct {
	Limits   rooms.Limits
	Counting bool   // rooms are counted: days get a room file
	Secret   bool   // room hashes are made under a secret
	Settings string // what shapes pseudonyms and counts; recorded in journals
}

// Input is how lines come to a Store.
type Input struct {
	// Replays tells that the input is a pipe in which a batch stands until it is
	// written: after a kill the next process may write it a second time.
	Replays bool
	// Finish has Close bring the room files up to date also where another process
	// writes them, which does so within a minute: somebody waits for them. No web server
	// waits, so that lines wait for the keys of their days.
	Finish bool
	// Urgent tells whether the input has to be read now; nil: never. Until then
	// Open waits for keys from the disk, 50 ms at least and a second at most: what
	// is read before they have come cannot be counted with what was there.
	Urgent func() bool
}
