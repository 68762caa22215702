// Package registry maintains the records and counters of the processes on DIR, in
// DIR/status: each process writes its own record, and adds those of ended processes to one
// sum. It also maintains the settings of the last good start.
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

// Each process keeps a record in DIR/status, ID.json, and holds the lock of ID.lock all its
// life: so live processes are told from ended ones. A process id would not do, since the
// kernel reuses them. The records of ended processes are added up in ended.json and deleted.
// There is no ID.json without its ID.lock.
const (
	// maxRecord bounds the size of a record to read: 31 days take about 8 KiB.
	maxRecord = 1 << 20
	// countedDays is for how many days counters are kept by day.
	countedDays = 31
)

// Fault is the last message about a fault, for status.
type Fault struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// Process describes a process, for status.
type Process struct {
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	IP       string    `json:"ip"`                 // --ip
	Keep     string    `json:"keep"`               // --keep
	Bounds   string    `json:"bounds,omitempty"`   // all bounds on lines, if there are others than Keep
	Confined string    `json:"confined"`           // by which means, or why not
	Policy   string    `json:"policy,omitempty"`   // digest of the policy that it runs
	Memory   string    `json:"memory"`             // how its memory is protected, or that it is not; "" in records of earlier versions
	Fallback bool      `json:"fallback,omitempty"` // its own flags are wrong, so it uses those that DIR records
	Started  time.Time `json:"started"`
	Written  time.Time `json:"written"` // time of this record
}

// layout is the version of a process's behavior on DIR: 2 takes the locks and leases in
// .lock, and respects the marks of deleted days. Records of earlier versions have none.
const layout = 2

// processRecord is the file of a process.
type processRecord struct {
	Process
	Layout    int                        `json:"layout"`
	Ended     bool                       `json:"ended"`
	LastError Fault                      `json:"last_error,omitzero"`
	Days      map[string]counters.Values `json:"days"` // by the date of counting
}

// Config configures a Registry.
type Config struct {
	Path    string   // DIR
	Process Process  // description of the process; the Registry adds PID and times
	Flags   []string // the flags to record in DIR, see Settings and FlagsLog; nil: none
	Replays bool     // the process is no logger, so its flags do not become Settings
	Now     func() time.Time
	Report  *dir.Reporter // the record has its last fault
}

// Registry maintains the record of this process. Any goroutine may call its methods; those
// with a Dir wait for its disk.
type Registry struct {
	cfg      Config
	observed atomic.Pointer[observed]
	panicked sync.Once
	repeated atomic.Uint64 // batches written a second time
	withheld atomic.Uint64 // lines of groups that were deleted

	mu      sync.Mutex // guards the fields below, and the files
	record  processRecord
	id      string
	lock    *os.File        // nil: not registered in DIR yet
	counted counters.Values // the part of the counters that is in the record

	flags flagsRecorded
}

// flagsRecorded is which flags of this process DIR has recorded.
type flagsRecorded struct {
	begun    time.Time          // start of the process
	in       *dir.Dir           // the DIR whose settings are those of this process, or of a later one
	replayed map[civil.Day]bool // days whose replay flags are recorded
}

// New returns the Registry of a process that starts.
func New(cfg Config) *Registry { return &Registry{cfg: cfg} }

// Observe sets the functions that return this process's counters, and the place of its last
// panic, "" for none. Any goroutine may call them.
func (r *Registry) Observe(counted func() counters.Values, fault func() string) {
	r.observed.Store(&observed{counted, fault})
}

type observed struct {
	counted func() counters.Values
	fault   func() string
}

// SetKeep records a new period of this process.
func (r *Registry) SetKeep(keep string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.Process.Keep, r.record.Keep = keep, keep
}

// Counters returns the counters of this process, and reports a panic once.
func (r *Registry) Counters() (c counters.Values) {
	if o := r.observed.Load(); o != nil {
		c = o.counted()
		if fault := o.fault(); fault != "" {
			r.panicked.Do(func() {
				r.cfg.Report.Log("bug", fmt.Sprintf("%s: an error in hushpipe, at %s: what was treated there is left out or not counted; hint: please report it", r.cfg.Path, fault))
			})
		}
	}
	c.Repeated += r.repeated.Load()
	c.Withheld += r.withheld.Load()
	return c
}

// writeRecord writes the record of this process. ended marks it as the last one.
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

// register creates and locks a lock file in DIR/status.
func (r *Registry) register(d *dir.Dir) error {
	r.release()
	for range 8 {
		id := dir.RandomHex()
		f, err := d.OpenFile(dir.Status, id+dir.LockSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		// Between the two calls, another process may have taken it for the lock of an ended
		// process.
		if tryLock(f, unix.LOCK_EX) && d.LeadsTo(dir.Status, id+dir.LockSuffix, f) {
			r.id, r.lock = id, f
			return nil
		}
		d.Remove(dir.Status, id+dir.LockSuffix)
		f.Close()
	}
	return errNoPlace
}

var errNoPlace = errors.New(dir.Status + ": other processes hold all locks")

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

// Update does the once-a-minute work in DIR/status: it writes the record of this process
// and, with fold, folds those of ended ones.
func (r *Registry) Update(d *dir.Dir, now time.Time, fold bool) {
	err := r.writeRecord(d, now, false)
	if fold {
		err = dir.Join(err, r.Fold(d, now))
	}
	r.fault(err)
}

// NoteRepeated counts a batch that is about to be written a second time. The count is
// written at once, since a process that was killed once may soon be killed again.
func (r *Registry) NoteRepeated(d *dir.Dir, day civil.Day) {
	r.repeated.Add(1)
	r.cfg.Report.Log("repeated", fmt.Sprintf("%s: a process was killed while writing; one batch of lines is twice in the file of %s", r.cfg.Path, day))
	r.Update(d, r.cfg.Now(), false)
}

// End writes the last record of this process and releases its lock.
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

// Release releases the lock of the record, as the end of the process would.
func (r *Registry) Release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.release()
}

// OthersLive reports whether other processes run on DIR.
func (r *Registry) OthersLive(d *dir.Dir) (bool, error) {
	r.mu.Lock()
	own := r.id
	r.mu.Unlock()
	_, list, err := findRecords(d)
	return slices.ContainsFunc(list, func(f foundRecord) bool { return f.live && f.id != own }), err
}
