// Package registry keeps the records and counters of the processes on DIR, in
// DIR/status: each writes its own, and adds those of processes that have ended to one
// sum. It keeps the settings of the last good start, too.
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hushpipe/filter/counters"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"

	"golang.org/x/sys/unix"
)

// Each process keeps a record of itself in DIR/status, ID.json, and for its
// whole life a lock on ID.lock: so a live process is told from one that ended.
// A number would not do, the kernel gives it out again. The records of
// processes that ended are added up in ended.json and deleted. There is no
// ID.json without its ID.lock.
const (
	// maxRecord bounds what is read of a record: 31 days take about 8 KiB.
	maxRecord = 1 << 20
	// countedDays is for how many days counters are kept, apart by day.
	countedDays = 31
)

// Fault is the last message about one, for status.
type Fault struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// Process is what a process says of itself, for status.
type Process struct {
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	IP       string    `json:"ip"`                 // --ip
	Keep     string    `json:"keep"`               // --keep
	Bounds   string    `json:"bounds,omitempty"`   // all that bound the lines, if there are others
	Confined string    `json:"confined"`           // how, or why not
	Policy   string    `json:"policy,omitempty"`   // the digest of the one that it runs
	Memory   string    `json:"memory"`             // how it is hidden, or that it is not; "" before this was recorded
	Fallback bool      `json:"fallback,omitempty"` // its flags are wrong: it runs on those that DIR records
	Started  time.Time `json:"started"`
	Written  time.Time `json:"written"` // when the record was
}

// layout is what this version does with DIR: it takes the locks and leases in .lock,
// and heeds the marks of days that were deleted on purpose. Records of versions
// before have none.
const layout = 2

// processRecord is the file of a process.
type processRecord struct {
	Process
	Layout    int                        `json:"layout"`
	Ended     bool                       `json:"ended"`
	LastError Fault                      `json:"last_error,omitzero"`
	Days      map[string]counters.Values `json:"days"` // by the date on which they were counted
}

// Config is what a Registry needs to know.
type Config struct {
	Path    string   // DIR
	Process Process  // what the process says of itself; PID and the times are added
	Flags   []string // those that DIR records, see Settings and FlagsLog; nil: it does not
	Replays bool     // the process is no logger: its flags are no Settings
	Now     func() time.Time
	Report  *dir.Reporter // whose last fault is in the record
}

// Registry is the record of this process. Its methods may be called from any
// goroutine, and those that take a Dir wait for its disk.
type Registry struct {
	cfg      Config
	observed atomic.Pointer[observed]
	panicked sync.Once
	repeated atomic.Uint64 // batches written a second time
	withheld atomic.Uint64 // lines of groups that were deleted

	mu      sync.Mutex // guards what follows, and the files
	record  processRecord
	id      string
	lock    *os.File        // nil: it has no place in DIR yet
	counted counters.Values // what is in the record

	flags flagsRecorded
}

// flagsRecorded is how far a DIR has the flags of this process.
type flagsRecorded struct {
	begun    time.Time          // when the process was
	in       *dir.Dir           // whose settings are those of this process, or of a later one
	replayed map[civil.Day]bool // whose flags it has, of a replay
}

// New returns the record of a process that starts.
func New(cfg Config) *Registry { return &Registry{cfg: cfg} }

// Observe tells where the counts of this process come from, and where in the program
// it panicked, "" for nowhere. The functions may be called from any goroutine.
func (r *Registry) Observe(counted func() counters.Values, fault func() string) {
	r.observed.Store(&observed{counted, fault})
}

type observed struct {
	counted func() counters.Values
	fault   func() string
}

// SetKeep notes that the process keeps lines for another period.
func (r *Registry) SetKeep(keep string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.Process.Keep, r.record.Keep = keep, keep
}

// Counters returns the counts of this process.
func (r *Registry) Counters() (c counters.Values) {
	if o := r.observed.Load(); o != nil {
		c = o.counted()
		if fault := o.fault(); fault != "" {
			r.panicked.Do(func() {
				r.cfg.Report.Say("bug", fmt.Sprintf("%s: an error in hushpipe, at %s: what was treated there is left out or not counted; hint: please report it", r.cfg.Path, fault))
			})
		}
	}
	c.Repeated += r.repeated.Load()
	c.Withheld += r.withheld.Load()
	return c
}

// writeRecord brings what there is to say of this process to DIR. ended is for its
// last word.
func (r *Registry) writeRecord(d *dir.Dir, now time.Time, ended bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := &r.record
	r.recordSettings(d, now)
	today := civil.DayOf(now).String()
	if o.Days == nil {
		o.Process = r.cfg.Process
		o.PID, o.Started = os.Getpid(), now.Truncate(time.Second)
		o.Layout = layout
		o.Days = map[string]counters.Values{}
	}
	c := r.Counters()
	o.Days[today] = o.Days[today].Plus(c.Minus(r.counted))
	r.counted = c
	forgetDays(o.Days)
	o.Written, o.Ended = now.Truncate(time.Second), ended
	if at, text := r.cfg.Report.Last(); !at.IsZero() {
		o.LastError = Fault{at, text}
	}
	if r.lock == nil || !d.LeadsTo(dir.Status, r.id+dir.LockSuffix, r.lock) {
		if err := r.register(d); err != nil {
			return err
		}
	}
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return d.ReplaceFile(dir.Status, r.id+dir.RecordSuffix, append(text, '\n'))
}

// register takes a place in DIR/status.
func (r *Registry) register(d *dir.Dir) error {
	r.release()
	for range 8 {
		id := dir.RandomHex()
		f, err := d.OpenFile(dir.Status, id+dir.LockSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		// Between the two calls another process may have taken it for one whose
		// owner is gone.
		if tryLock(f, unix.LOCK_EX) && d.LeadsTo(dir.Status, id+dir.LockSuffix, f) {
			r.id, r.lock = id, f
			return nil
		}
		d.Remove(dir.Status, id+dir.LockSuffix)
		f.Close()
	}
	return errNoPlace
}

var errNoPlace = errors.New(dir.Status + ": other processes have every lock that is made")

func (r *Registry) release() {
	if r.lock != nil {
		r.lock.Close()
		r.lock = nil
	}
}

func tryLock(f *os.File, how int) bool {
	for {
		if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != unix.EINTR {
			return err == nil
		}
	}
}

// Update does what is due in DIR/status once a minute; fold says whether the
// records of processes that ended are looked at as well.
func (r *Registry) Update(d *dir.Dir, now time.Time, fold bool) {
	err := r.writeRecord(d, now, false)
	if fold {
		err = dir.Join(err, r.Fold(d, now))
	}
	r.fault(err)
}

// NoteRepeated counts a batch that is about to be written a second time. The count
// goes to the disk at once: who was killed once is soon killed again.
func (r *Registry) NoteRepeated(d *dir.Dir, day civil.Day) {
	r.repeated.Add(1)
	r.cfg.Report.Say("repeated", fmt.Sprintf("%s: a process was killed while writing; one batch of lines is twice in the file of %s", r.cfg.Path, day))
	r.Update(d, r.cfg.Now(), false)
}

// End is the last word of this process.
func (r *Registry) End(d *dir.Dir) {
	now := r.cfg.Now()
	err := r.writeRecord(d, now, true)
	r.Release()
	r.fault(dir.Join(err, r.Fold(d, now)))
}

func (r *Registry) fault(err error) {
	if err != nil {
		r.cfg.Report.Fault("status", err, "; status is out of date")
	}
}

// Release gives the lock of the record up, as the end of a process in any way does.
func (r *Registry) Release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.release()
}

// OthersLive reports whether other processes work on DIR.
func (r *Registry) OthersLive(d *dir.Dir) (bool, error) {
	r.mu.Lock()
	own := r.id
	r.mu.Unlock()
	_, list, err := findRecords(d)
	return slices.ContainsFunc(list, func(f found) bool { return f.live && f.id != own }), err
}
