package store

import (
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/registry"
	"hushpipe/filter/rooms"
	"hushpipe/filter/traffic"
)

// Config configures a Store. Open reads it once.
type Config struct {
	Directory
	Keep   calendar.Period
	Bounds *calendar.Bounds // limits in addition to Keep; nil: those that DIR records
	Counts
	Traffic *traffic.Options // nil: the Store counts no traffic
	Least   int              // people needed to open a group of lines; 0: there are no groups
	Input
	Process registry.Process // what status shows about the process; the Store adds Keep and Bounds
	// Flags are the flags that shape what is written to DIR, as --name=value. DIR
	// records them, see Settings; nil: it does not. With Process.Fallback they come
	// from that record.
	Flags []string
}

// Directory names DIR for the commands that read, purge, erase or hand it over.
type Directory struct {
	Path     string // DIR
	Keys     string // key directory, "" for DIR/keys
	NoFollow bool   // refuse a DIR that is a symbolic link
	CacheTag *bool  // add (or remove) the cache tag that keeps DIR out of backups; nil leaves it as it is
	Now      func() time.Time
	// Log prints one line for the operator. Any goroutine may call it. A topic is
	// printed at most once a minute.
	Log func(topic, line string)
}

// Counts configures the counting of rooms, and of people in groups of lines.
type Counts struct {
	Limits   rooms.Limits
	Counting bool   // count rooms: each day gets a room file
	Secret   bool   // hash room names with a secret
	Settings string // the settings that shape pseudonyms and counts; journals record them
}

// Input describes where a Store's lines come from.
type Input struct {
	// Replays is set if the input is a pipe that keeps a batch until it is written:
	// after a kill, the next process may write that batch a second time.
	Replays bool
	// Finish makes Close update the room files even if another process is their writer
	// (it would do so within a minute), because somebody is waiting for them. No web
	// server is blocked in this mode, so lines may wait for the keys of their days.
	Finish bool
	// Urgent reports whether the input has to be read now; nil: never. Until then Open
	// waits for keys from the disk, at least 50 ms and at most a second: lines read
	// before the keys are loaded cannot be counted together with earlier ones.
	Urgent func() bool
}
