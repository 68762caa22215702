package store

import (
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/rooms"
	"hushpipe/filter/traffic"
)

// Config is what a Store needs to know.
type Config struct {
	Path     string // DIR
	NoFollow bool   // DIR must be no symbolic link
	CacheTag *bool  // whether DIR has a cache tag, which keeps it out of backups; nil leaves that alone
	Keys     string // key directory, "" for DIR/keys
	Keep     calendar.Period
	Bounds   *calendar.Bounds // beside Keep; nil: those that DIR records
	Limits   rooms.Limits
	Least    int              // people who open a group of lines; 0: there are no groups
	Counting bool             // rooms are counted: days get a room file
	Traffic  *traffic.Options // days get traffic figures; nil: none
	Secret   bool             // room hashes are made under a secret
	Settings string           // what shapes pseudonyms and counts; recorded in journals
	Confined string           // how the process is confined, or why not; recorded for status
	Memory   string           // how its memory is hidden, or that it is not; recorded for status
	Now      func() time.Time
	// Replays tells that the input is a pipe in which a batch stands until it is
	// written: after a kill the next process may write it a second time.
	Replays bool
	// Finish has Close bring the room files up to date also where another process
	// writes them, which does so within a minute: somebody waits for them. No web server
	// waits, so that lines wait for the keys of their days.
	Finish  bool
	Version string // hushpipe's; this and the next two are recorded for status
	IP      string // what becomes of addresses
	Policy  string // the digest of the policy that it runs; "" for none

	// Flags are those that shape what is written to DIR, as --name=value. DIR
	// records them, see Settings; nil: it does not. Fallback tells that they come
	// from there, since those of the process are wrong.
	Flags    []string
	Fallback bool

	// Urgent tells whether the input has to be read now; nil: never. Until then
	// Open waits for keys from the disk, 50 ms at least and a second at most: what
	// is read before they have come cannot be counted with what was there.
	Urgent func() bool

	// Say takes one line for the operator, from any goroutine. A topic is reported
	// again at most once a minute.
	Say func(topic, line string)
}
