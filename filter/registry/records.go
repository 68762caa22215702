package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"

	"golang.org/x/sys/unix"
)

// foundRecord is a record in DIR/status.
type foundRecord struct {
	id     string
	record processRecord
	live   bool
	folded bool  // it is included in ended.json
	err    error // why the record, or its lock, cannot be read
}

// needsFold reports whether the record's process has ended and is not folded yet.
func (r foundRecord) needsFold() bool {
	return !r.live && !r.folded && (r.err == nil || errors.Is(r.err, ErrRecord))
}

// findRecords reads DIR/status.
func findRecords(d *dir.Dir) (t totals, list []foundRecord, err error) {
	names, err := d.Names(dir.Status)
	if err != nil {
		return t, nil, err
	}
	for _, name := range names {
		id, ok := strings.CutSuffix(name, dir.RecordSuffix)
		if !ok || name == dir.EndedName {
			continue
		}
		// Check the lock first: then the record of an ended process is its last one.
		r := foundRecord{id: id}
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
	if err = dir.IfExists(readJSON(d, dir.EndedName, &t)); err != nil {
		t = totals{}
	}
	for i := range list {
		r := &list[i]
		r.folded = slices.Contains(t.Folded, r.id)
		r.live = r.live && !r.folded // the process that deletes it may hold its lock
	}
	return t, list, err
}

// ErrRecord is returned for a file that is damaged.
var ErrRecord = errors.New("is not a record of hushpipe")

func readJSON(d *dir.Dir, name string, to any) error {
	f, err := d.OpenFile(dir.Status, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err == nil && json.Unmarshal(text, to) != nil {
		err = fmt.Errorf("%s: %w", f.Name(), ErrRecord) // the error of package json would quote the contents
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

// Fold adds the records of ended processes to ended.json and deletes them. If another
// process is doing that, it returns at once.
func (r *Registry) Fold(d *dir.Dir, now time.Time) error {
	unlock, err := d.LockStatus()
	if errors.Is(err, dir.ErrLocked) {
		return nil
	} else if err != nil {
		return err
	}
	defer unlock()
	t, list, err := findRecords(d)
	changed := errors.Is(err, ErrRecord)
	if changed {
		t.NamedFrom = (civil.DayOf(now) + 1).String()
		r.cfg.Report.Log("ended", err.Error()+"; the counts of ended processes start again at zero")
	} else if err != nil {
		return err
	}
	t.Folded = slices.DeleteFunc(t.Folded, func(id string) bool {
		return !slices.ContainsFunc(list, func(f foundRecord) bool { return f.id == id })
	})
	for _, f := range list {
		if f.needsFold() {
			t.add(f.id, f.record, now)
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

// removeEnded deletes the files of folded records, and locks of processes that were killed
// before they had a record. The caller holds the lock.
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
	return dir.Join(errs...)
}

// removeUnlocked deletes the files of an ended process: record and lock if the record is
// folded, else the lock if there is no record.
func removeUnlocked(d *dir.Dir, id string, folded bool) error {
	f, err := d.OpenFile(dir.Status, id+dir.LockSuffix, os.O_RDONLY)
	switch {
	case err == nil:
		defer f.Close()
		// Locked until it is deleted: so a process that has just created it sees that it has
		// to create another.
		if !tryLock(f, unix.LOCK_EX) {
			return nil
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if folded {
		if err := dir.IfExists(d.Remove(dir.Status, id+dir.RecordSuffix)); err != nil {
			return err
		}
	} else if f, err := d.OpenFile(dir.Status, id+dir.RecordSuffix, os.O_RDONLY); err == nil {
		return f.Close() // it has a record by now, which the next fold takes
	}
	return dir.IfExists(d.Remove(dir.Status, id+dir.LockSuffix))
}

// KilledRecently reports whether a process on DIR may have been killed within the last
// minute.
func KilledRecently(d *dir.Dir, now time.Time) bool {
	t, list, err := findRecords(d)
	return err == nil && (now.Sub(t.LastKill) < time.Minute ||
		slices.ContainsFunc(list, func(r foundRecord) bool { return r.needsFold() && !r.record.Ended }))
}

// Earlier returns the live processes of earlier versions on DIR, which take no leases and
// ignore the marks of deleted days. An unreadable record counts as one of them.
func Earlier(d *dir.Dir) (processes []Process, err error) {
	_, list, err := findRecords(d)
	for _, f := range list {
		if f.live && f.record.Layout < layout {
			processes = append(processes, f.record.Process)
		}
	}
	return processes, err
}

// silentFor is how long a process of an earlier version may write no record, normally
// written once a minute, and still counts. There is a limit because other users can open its
// lock file, and hold the lock forever.
const silentFor = time.Hour

// KeptByEarlier returns the longest period of the processes that Earlier returns, 0 if there
// are none. It ignores those silent for longer than silentFor.
func KeptByEarlier(d *dir.Dir, now time.Time) (longest calendar.Period) {
	processes, _ := Earlier(d) // the writing of records reports the error
	for _, p := range processes {
		if !p.Written.IsZero() && now.Sub(p.Written) >= silentFor {
			continue
		}
		keep, err := calendar.ParsePeriod(p.Keep)
		if err != nil {
			keep = 1 // unreadable, but alive
		}
		longest = max(longest, keep)
	}
	return longest
}
