package store

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter"
	"hushpipe/filter/dir"
	"hushpipe/format"
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
	// faultSize bounds the last error in a record, in bytes.
	faultSize = 400
)

// Counters count lines, if not said otherwise.
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

func (c Counters) plus(o Counters) Counters {
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

// Fault is the last message about one.
type Fault struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// Process is what a process says of itself.
type Process struct {
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	IP       string    `json:"ip"`                 // --ip
	Keep     string    `json:"keep"`               // --keep
	Confined string    `json:"confined"`           // how, or why not
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
	Layout    int                 `json:"layout"`
	Ended     bool                `json:"ended"`
	LastError Fault               `json:"last_error,omitzero"`
	Days      map[string]Counters `json:"days"` // by the date on which they were counted
}

// totals is ended.json.
type totals struct {
	// Folded are the records that are in Days and whose files may still be
	// there: a crash between writing this file and deleting theirs counts
	// nothing twice.
	Folded    []string            `json:"folded"`
	LastKill  time.Time           `json:"last_kill,omitzero"` // when it was found out
	LastError Fault               `json:"last_error,omitzero"`
	Days      map[string]Counters `json:"days"`
	// NamedFrom is the date from which on no malformed line with a name in clear was
	// counted on a day that is forgotten. An earlier version leaves it out.
	NamedFrom string `json:"named_from,omitempty"`
}

// settleNames sets NamedFrom where an earlier version had the file, and sees to it
// that no day is forgotten without it.
func (t *totals) settleNames() {
	dates := slices.Sorted(maps.Keys(t.Days))
	if t.NamedFrom == "" {
		t.NamedFrom = "0000-01-01" // nothing is forgotten
		if len(dates) >= countedDays {
			t.NamedFrom = dates[0]
		}
	}
	for _, date := range dates[:max(0, len(dates)-countedDays)] {
		if day, ok := format.ParseDay(date); ok && t.Days[date].unnamed() > 0 {
			t.NamedFrom = max(t.NamedFrom, (day + 1).String())
		}
	}
}

// unnamed is how many malformed lines may have a client's name in clear.
func (c Counters) unnamed() uint64 { return c.Malformed - min(c.Named, c.Malformed) }

// add takes in the record of a process that ended, once.
func (t *totals) add(id string, r processRecord, now time.Time) {
	if slices.Contains(t.Folded, id) {
		return
	}
	t.Folded = append(t.Folded, id)
	t.settleNames()
	if t.Days == nil {
		t.Days = map[string]Counters{}
	}
	for day, c := range r.Days {
		t.Days[day] = t.Days[day].plus(c)
	}
	if r.Written.IsZero() {
		r.Written = now // it cannot be read
	}
	ended := Counters{Ended: 1}
	if !r.Ended {
		ended = Counters{Killed: 1}
		t.LastKill = now
	}
	day := format.DayOf(r.Written).String()
	t.Days[day] = t.Days[day].plus(ended)
	t.settleNames()
	forgetDays(t.Days)
	if r.LastError.Time.After(t.LastError.Time) {
		t.LastError = r.LastError
	}
}

// forgetDays leaves the newest days. It counts them, since the clock may be
// wrong.
func forgetDays(days map[string]Counters) {
	if excess := len(days) - countedDays; excess > 0 {
		for _, day := range slices.Sorted(maps.Keys(days))[:excess] {
			delete(days, day)
		}
	}
}

// own is the record of this process.
type own struct {
	processRecord
	id      string
	lock    *os.File // nil: it has no place in DIR yet
	counted Counters // what is in Days

	begun      time.Time // when the process was
	recordedIn *dir.Dir  // whose settings are those of this process, or of a later one
}

// Observe tells the Store where the counts of this process come from. Both
// functions may be called from any goroutine.
func (s *Store) Observe(stats func() filter.Stats, dropped func() uint64) {
	s.observed.Store(&observed{stats, dropped})
}

type observed struct {
	stats   func() filter.Stats
	dropped func() uint64
}

func (s *Store) counters() Counters {
	c := Counters{Repeated: s.repeated.Load()}
	if o := s.observed.Load(); o != nil {
		f := o.stats()
		c.Lines, c.Malformed, c.Late, c.Adjusted, c.Expired = f.Lines, f.Malformed, f.Late, f.Adjusted, f.Expired
		c.Named, c.Glued = f.Malformed, f.Glued
		c.WithoutClient, c.WithoutRequest, c.RoomUnseen = f.WithoutClient, f.WithoutRequest, f.RoomUnseen
		c.Cut, c.Failed, c.Overflow, c.Dropped = f.Cut, f.Failed, f.Overflow, o.dropped()
		if f.Fault != "" {
			s.faultSaid.Do(func() {
				s.cfg.Say("bug", fmt.Sprintf("%s: an error in hushpipe, at %s: what was treated there is left out or not counted; hint: please report it", s.cfg.Path, f.Fault))
			})
		}
	}
	return c
}

// keeping returns a Say that keeps the line as the last error, unless it is good
// news.
func (s *Store) keeping(say func(topic, line string)) func(topic, line string) {
	return func(topic, line string) {
		if topic != "recovered" && topic != "expired-rooms" {
			s.lastFault.Store(&Fault{s.cfg.Now().Truncate(time.Second), line[:min(len(line), faultSize)]})
		}
		say(topic, line)
	}
}

// writeRecord brings what there is to say of this process to DIR.
func (s *Store) writeRecord(d *dir.Dir, now time.Time) error {
	s.recording.Lock()
	defer s.recording.Unlock()
	o := &s.own
	s.recordSettings(d, now)
	today := format.DayOf(now).String()
	if o.Days == nil {
		o.Process = Process{PID: os.Getpid(), Version: s.cfg.Version, IP: s.cfg.IP, Keep: s.cfg.Keep.String(),
			Confined: s.cfg.Confined, Memory: s.cfg.Memory, Fallback: s.cfg.Fallback, Started: now.Truncate(time.Second)}
		o.Layout = layout
		o.Days = map[string]Counters{}
	}
	c := s.counters()
	o.Days[today] = o.Days[today].plus(c.minus(o.counted))
	o.counted = c
	forgetDays(o.Days)
	o.Written = now.Truncate(time.Second)
	if f := s.lastFault.Load(); f != nil {
		o.LastError = *f
	}
	if o.lock == nil || !leadsTo(d, dir.Status, o.id+dir.LockSuffix, o.lock) {
		if err := o.register(d); err != nil {
			return err
		}
	}
	text, err := json.Marshal(&o.processRecord)
	if err != nil {
		return err
	}
	return d.ReplaceFile(dir.Status, o.id+dir.RecordSuffix, append(text, '\n'))
}

// register takes a place in DIR/status.
func (o *own) register(d *dir.Dir) error {
	o.release()
	for range 8 {
		var random [8]byte
		rand.Read(random[:])
		id := hex.EncodeToString(random[:])
		f, err := d.OpenFile(dir.Status, id+dir.LockSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		// Between the two calls another process may have taken it for one whose
		// owner is gone.
		if tryLock(f, unix.LOCK_EX) && leadsTo(d, dir.Status, id+dir.LockSuffix, f) {
			o.id, o.lock = id, f
			return nil
		}
		d.Remove(dir.Status, id+dir.LockSuffix)
		f.Close()
	}
	return errNoPlace
}

var errNoPlace = errors.New(dir.Status + ": other processes have every lock that is made")

func (o *own) release() {
	if o.lock != nil {
		o.lock.Close()
		o.lock = nil
	}
}

func tryLock(f *os.File, how int) bool {
	for {
		if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != unix.EINTR {
			return err == nil
		}
	}
}

// leadsTo reports whether a name in DIR leads to the file held. It does not
// know where that cannot be told, and says yes.
func leadsTo(d *dir.Dir, sub, name string, held *os.File) bool {
	f, err := d.OpenFile(sub, name, os.O_RDONLY)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, dir.ErrRemoved)
	}
	defer f.Close()
	there, err := f.Stat()
	here, err2 := held.Stat()
	return err == nil && err2 == nil && os.SameFile(there, here)
}

// status does what is due in DIR/status once a minute; fold says whether the
// records of processes that ended are looked at as well.
func (s *Store) status(d *dir.Dir, now time.Time, fold bool) {
	err := s.writeRecord(d, now)
	if fold {
		err = join(err, s.foldRecords(d, now))
	}
	s.sayStatus(err)
}

// endRecord is the last word of this process.
func (s *Store) endRecord(d *dir.Dir) {
	s.own.Ended = true
	now := s.cfg.Now()
	err := s.writeRecord(d, now)
	s.own.release()
	s.sayStatus(join(err, s.foldRecords(d, now)))
}

func (s *Store) sayStatus(err error) {
	if err != nil {
		s.fault("status", err, "; status is out of date")
	}
}

// found is a record in DIR/status.
type found struct {
	id     string
	record processRecord
	live   bool
	folded bool
	err    error // why the record, or its lock, cannot be read
}

// gone reports whether the record is to be folded.
func (r found) gone() bool {
	return !r.live && !r.folded && (r.err == nil || errors.Is(r.err, errRecord))
}

// findRecords reads DIR/status.
func findRecords(d *dir.Dir) (t totals, list []found, err error) {
	names, err := d.Names(dir.Status)
	if err != nil {
		return t, nil, err
	}
	for _, name := range names {
		id, ok := strings.CutSuffix(name, dir.RecordSuffix)
		if !ok || name == dir.EndedName {
			continue
		}
		// In this order: the record of a process that has ended is its last.
		r := found{id: id}
		if r.live, r.err = isLive(d, id); r.err == nil {
			r.err = readJSON(d, name, &r.record)
		}
		if errors.Is(r.err, fs.ErrNotExist) {
			continue
		} else if r.err != nil {
			r.record = processRecord{}
		}
		list = append(list, r)
	}
	if err = ifExists(readJSON(d, dir.EndedName, &t)); err != nil {
		t = totals{}
	}
	for i := range list {
		list[i].folded = slices.Contains(t.Folded, list[i].id)
	}
	return t, list, err
}

var errRecord = errors.New("is no record of hushpipe")

func readJSON(d *dir.Dir, name string, to any) error {
	f, err := d.OpenFile(dir.Status, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err == nil && json.Unmarshal(text, to) != nil {
		err = fmt.Errorf("%s: %w", f.Name(), errRecord) // package json would quote what is in it
	}
	return err
}

// isLive reports whether the process with that record runs.
func isLive(d *dir.Dir, id string) (bool, error) {
	f, err := d.OpenFile(dir.Status, id+dir.LockSuffix, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	return !tryLock(f, unix.LOCK_SH), nil
}

// foldRecords adds the records of processes that ended to ended.json and deletes them.
// Where another process is at it, there is nothing to do.
func (s *Store) foldRecords(d *dir.Dir, now time.Time) error {
	unlock, err := d.LockStatus()
	if errors.Is(err, dir.ErrLocked) {
		return nil
	} else if err != nil {
		return err
	}
	defer unlock()
	t, list, err := findRecords(d)
	changed := errors.Is(err, errRecord)
	if changed {
		t.NamedFrom = (format.DayOf(now) + 1).String()
		s.cfg.Say("ended", err.Error()+"; the counts of ended processes start again at zero")
	} else if err != nil {
		return err
	}
	t.Folded = slices.DeleteFunc(t.Folded, func(id string) bool {
		return !slices.ContainsFunc(list, func(r found) bool { return r.id == id })
	})
	for _, r := range list {
		if r.gone() {
			t.add(r.id, r.record, now)
			changed = true
		}
	}
	if changed {
		text, err := json.Marshal(&t)
		if err == nil {
			err = d.ReplaceFile(dir.Status, dir.EndedName, append(text, '\n'))
		}
		if err != nil {
			return err
		}
	}
	return removeEnded(d, t.Folded)
}

// removeEnded deletes the files of records that are folded, and locks whose
// process was killed before it had a record. The caller has the lock.
func removeEnded(d *dir.Dir, folded []string) error {
	names, err := d.Names(dir.Status)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range folded {
		errs = append(errs, removeUnlocked(d, id, true))
	}
	for _, name := range names {
		if id, ok := strings.CutSuffix(name, dir.LockSuffix); ok && !slices.Contains(names, id+dir.RecordSuffix) {
			errs = append(errs, removeUnlocked(d, id, false))
		}
	}
	return join(errs...)
}

// removeUnlocked deletes the files of a process that is gone: both once its
// record is folded, else its lock if there is no record.
func removeUnlocked(d *dir.Dir, id string, folded bool) error {
	f, err := d.OpenFile(dir.Status, id+dir.LockSuffix, os.O_RDONLY)
	switch {
	case err == nil:
		defer f.Close()
		// Held until it is deleted: a process that has just made it sees then that
		// it has to make another.
		if !tryLock(f, unix.LOCK_EX) {
			return nil
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if folded {
		if err := ifExists(d.Remove(dir.Status, id+dir.RecordSuffix)); err != nil {
			return err
		}
	} else if f, err := d.OpenFile(dir.Status, id+dir.RecordSuffix, os.O_RDONLY); err == nil {
		return f.Close() // it has one by now: the next fold's
	}
	return ifExists(d.Remove(dir.Status, id+dir.LockSuffix))
}

// killedLately reports whether a process on DIR was killed within the last
// minute, for all that is known.
func killedLately(d *dir.Dir, now time.Time) bool {
	t, list, err := findRecords(d)
	return err == nil && (now.Sub(t.LastKill) < minute ||
		slices.ContainsFunc(list, func(r found) bool { return r.gone() && !r.record.Ended }))
}

// tailSize is how far back a batch is looked for: the largest one, of 64 KiB
// before it was treated, and what other processes may have written behind it.
const tailSize = 256 << 10

// isRepeated reports whether the first of these lines stands at the end of the
// day's file already. Pseudonyms are the same each time, so a batch that a
// killed process wrote and did not commit looks the same when it comes again.
func isRepeated(d *dir.Dir, day format.Day, lines []byte) bool {
	f, err := d.OpenFile("", dir.LogFile(day), os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return false
	}
	from := max(0, st.Size()-tailSize)
	tail, err := io.ReadAll(io.NewSectionReader(f, from, st.Size()-from))
	line := lines[:bytes.IndexByte(lines, '\n')+1]
	return err == nil && (from == 0 && bytes.HasPrefix(tail, line) || bytes.Contains(tail, append([]byte{'\n'}, line...)))
}

// noteRepeated counts a batch that is about to be written a second time. The
// count goes to the disk at once: who was killed once is soon killed again.
func (s *Store) noteRepeated(d *dir.Dir, day format.Day) {
	s.repeated.Add(1)
	s.cfg.Say("repeated", fmt.Sprintf("%s: a process was killed while writing; one batch of lines is twice in the file of %s", s.cfg.Path, day))
	s.status(d, s.cfg.Now(), false)
}
