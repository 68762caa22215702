package groups

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/daylog"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

const (
	// lockPatience is how long a round waits for another process that releases lines.
	lockPatience = 5 * time.Second
	// diskPatience is how long rounds try to release lines of a finished day.
	diskPatience = 10 * time.Minute
	// chunk is the minimum number of bytes released at a time.
	chunk = 64 << 10
)

// Releaser reads the journals, and releases or deletes held lines: a goroutine of its own
// runs the rounds, and purge ends finished days. Any goroutine may call its methods.
type Releaser struct {
	cfg    *Config
	opened *Opened

	mu       sync.Mutex // held for a whole call; guards the fields below
	unions   map[civil.Day]*union
	reported map[civil.Day]bool // days for which a lack of counts was reported
	deleted  []string           // names of held files
	moved    map[string]bool    // files whose open lines have been released
}

// Round reads what was appended to the journals, releases the lines of groups that are open,
// and deletes the rest for finished days.
func (r *Releaser) Round(d *dir.Dir) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.forgetOld()
	r.deleted = nil
	held, err := heldNames(d)
	if err != nil {
		r.cfg.Report.Fault("held", err, "")
		return err
	}
	typed, err := counts.TypedNames(d)
	if err != nil { // without journals, no group is open
		r.cfg.Report.Fault("journal", err, "; lines of groups stay held")
	}
	errs := []error{err}
	days := maps.Clone(typed)
	if days == nil {
		days = map[civil.Day][]string{}
	}
	maps.Copy(days, held)
	for _, day := range slices.Sorted(maps.Keys(days)) {
		switch {
		case day < r.cfg.Window().First:
			continue // deleted with its day
		case r.opened.isOver(day):
			err = r.finish(d, day, held[day])
		default:
			err = dir.Join(r.endPast(d, held[day], r.cfg.Past), r.release(d, day, typed[day]))
		}
		if err != nil && !errors.Is(err, dir.ErrLocked) {
			r.cfg.Report.Fault("held", err, "; held lines are not released yet")
		}
		errs = append(errs, err)
	}
	return dir.Join(errs...)
}

// EndPast deletes and counts the held lines of days before first, and those past another
// bound. Callers use it before they delete the files without reading them.
func (r *Releaser) EndPast(d *dir.Dir, first civil.Day) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	held, err := heldNames(d)
	errs := []error{err}
	past := func(l dir.Log) bool { return l.Day < first || r.cfg.Past(l) }
	for day, names := range held {
		if r.opened.isOver(day) && slices.ContainsFunc(names, isPast(past)) {
			errs = append(errs, r.opened.load(d, day))
		}
		errs = append(errs, r.endPast(d, names, past))
	}
	return dir.Join(errs...)
}

// endPast deletes the files of a day whose lines are past a bound.
func (r *Releaser) endPast(d *dir.Dir, held []string, past func(dir.Log) bool) error {
	isPast := isPast(past)
	if !slices.ContainsFunc(held, isPast) {
		return nil
	}
	unlock, err := d.LockHeld(lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	log := r.log(d)
	defer log.Close()
	var errs []error
	for _, name := range held {
		if isPast(name) {
			errs = append(errs, r.endFile(d, log, name, true))
		}
	}
	return dir.Join(errs...)
}

// isPast returns a function that reports whether a held file's lines are past a bound.
func isPast(past func(dir.Log) bool) func(name string) bool {
	return func(name string) bool {
		to, _, _, _ := dir.ParseHeld(name)
		return past(to)
	}
}

// forgetOld drops days that are no longer needed.
func (r *Releaser) forgetOld() {
	r.opened.forget()
	maps.DeleteFunc(r.unions, func(day civil.Day, _ *union) bool { return day < r.cfg.Window().First })
}

// End deletes what is left of finished days, like Round, and returns the names of the files.
// It opens no groups of other days: it is for a purge that does not know the policy.
func (r *Releaser) End(d *dir.Dir) (deleted []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held, err := heldNames(d)
	errs := []error{err}
	r.deleted = nil
	for day, names := range held {
		if r.opened.isOver(day) {
			errs = append(errs, r.finish(d, day, names))
		}
	}
	return r.deleted, dir.Join(errs...)
}

// heldNames lists the held files of each day.
func heldNames(d *dir.Dir) (map[civil.Day][]string, error) {
	all, err := d.Names(dir.Held)
	names := map[civil.Day][]string{}
	for _, name := range all {
		if to, _, _, ok := dir.ParseHeld(name); ok {
			names[to.Day] = append(names[to.Day], name)
		}
	}
	return names, err
}

// release opens the groups of a day that have enough people, and releases their lines.
func (r *Releaser) release(d *dir.Dir, day civil.Day, typed []string) error {
	u := r.unions[day]
	if u == nil {
		u = newUnion(r.cfg.Limits)
		r.unions[day] = u
	}
	err := r.opened.openBy(d, day, u, typed)
	if u.counts.RecordedOverflow()+u.counts.Overflow() > 0 && !r.reported[day] {
		r.reported[day] = true
		r.cfg.Report.Log("people"+day.String(), fmt.Sprintf("%s: too many groups or people on %s; those past the bound open nothing; hint: give more with --max-rooms and --max-pairs", r.cfg.Path, day))
	}
	left, some := r.opened.startRelease(day)
	if !some {
		return err
	}
	moveErr := r.move(d, day, func(first byte) bool { return left.all || left.firsts[first] })
	if moveErr == nil {
		r.opened.finishRelease(left)
	} else if left.all {
		r.opened.recheckHeld(day)
	}
	return dir.Join(err, moveErr)
}

// move releases lines of open groups from the held files of a day for which wanted returns
// true.
func (r *Releaser) move(d *dir.Dir, day civil.Day, wanted func(first byte) bool) error {
	unlock, err := d.LockHeld(lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	held, err := heldNames(d)
	if err != nil {
		return err
	}
	log := r.log(d)
	defer log.Close()
	for _, name := range held[day] {
		if to, first, _, _ := dir.ParseHeld(name); wanted(first) && !r.cfg.Past(to) {
			if err := r.moveFile(d, log, to, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Releaser) log(d *dir.Dir) *daylog.Log {
	log := daylog.New(d)
	r.cfg.Bound(log)
	return log
}

// moveFile releases the lines of open groups in one file, and moves the rest to their
// groups' file. Meanwhile the file has another name, which tells the next process that some
// lines may be released already. The caller holds the lock.
func (r *Releaser) moveFile(d *dir.Dir, log Appender, to dir.Log, name string) error {
	day := to.Day
	some, err := r.hasOpen(d, day, name)
	if err != nil || !some {
		return dir.IfExists(err)
	}
	moving, base, err := markMoving(d, name)
	if err != nil {
		return err
	}
	f, err := d.OpenFile(dir.Held, moving, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	if !r.moved[moving] {
		out := &lineBuffer{log: log, to: to}
		if _, err := r.releaseLines(f, out, day); err != nil {
			if out.written == 0 { // nothing was released
				_ = d.Rename(dir.Held, moving, name)
			}
			return err
		}
		r.moved[moving] = true
		if moving == name {
			r.cfg.Repeated(d, day)
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	kept := &lineBuffer{log: heldFile{d, base}}
	err = eachLine(f, func(line []byte) error {
		if group, ok := parseHeld(line); ok && r.opened.isOpen(day, group) {
			return nil
		}
		return kept.add(line)
	})
	if err == nil {
		err = kept.flush(1)
	}
	if err == nil {
		err = d.Remove(dir.Held, moving)
	}
	if err == nil {
		delete(r.moved, moving)
	}
	return err
}

// heldFile is the Appender of a held file.
type heldFile struct {
	d    *dir.Dir
	name string
}

func (h heldFile) AppendTo(_ dir.Log, lines []byte) (int, error) {
	return len(lines), appendHeldFile(h.d, h.name, lines)
}

// releaseLines releases the lines of open groups, and counts the rest.
func (r *Releaser) releaseLines(f io.Reader, out *lineBuffer, day civil.Day) (closed uint64, err error) {
	err = eachLine(f, func(line []byte) error {
		if group, ok := parseHeld(line); ok && r.opened.isOpen(day, group) {
			return out.add(line[PrefixSize:])
		}
		closed++
		return nil
	})
	if err == nil {
		err = out.flush(1)
	}
	return closed, err
}

// lineBuffer appends lines to a file in chunks.
type lineBuffer struct {
	log     Appender
	to      dir.Log
	buf     []byte
	written int
}

func (o *lineBuffer) add(line []byte) error {
	o.buf = append(o.buf, line...)
	return o.flush(chunk)
}

// flush writes the lines if there are at least that many bytes.
func (o *lineBuffer) flush(least int) error {
	if len(o.buf) < least {
		return nil
	}
	n, err := o.log.AppendTo(o.to, o.buf)
	if errors.Is(err, calendar.ErrExpired) {
		n, err = len(o.buf), nil // deleted with its day
	}
	o.written += n
	o.buf = o.buf[:0]
	return err
}

// hasOpen reports whether a file has a line of an open group.
func (r *Releaser) hasOpen(d *dir.Dir, day civil.Day, name string) (some bool, err error) {
	f, err := d.OpenFile(dir.Held, name, os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = eachLine(f, func(line []byte) error {
		if group, ok := parseHeld(line); ok && r.opened.isOpen(day, group) {
			some = true
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return some, err
}

var errEnough = errors.New("enough")

// markMoving renames a file to mark its lines as being released, and returns the new name
// and the one without the mark. A file that has the mark already was left by a killed
// process, or by a disk that refused lines.
func markMoving(d *dir.Dir, name string) (moving, base string, err error) {
	if base, left := strings.CutSuffix(name, dir.MovingSuffix); left {
		return name, base, nil
	}
	return name + dir.MovingSuffix, name, d.Rename(dir.Held, name, name+dir.MovingSuffix)
}

// finish releases the remaining lines of open groups of a finished day, and deletes the
// rest. A lock of another process, or a disk that refuses lines, delays that for some
// minutes only.
func (r *Releaser) finish(d *dir.Dir, day civil.Day, held []string) error {
	if delete(r.unions, day); len(held) == 0 {
		return nil
	}
	last := !r.cfg.Now().Before(Deadline(day, r.cfg.Now().Location()).Add(diskPatience))
	unlock, err := d.LockHeld(lockPatience)
	if err != nil && !last {
		return err
	} else if err == nil {
		defer unlock()
	}
	if names, err := heldNames(d); err == nil {
		held = names[day]
	}
	if err := r.opened.load(d, day); err != nil && !last {
		return err
	}
	log := r.log(d)
	defer log.Close()
	var errs []error
	for _, name := range held {
		errs = append(errs, r.endFile(d, log, name, last))
	}
	return dir.Join(errs...)
}

// endFile releases the lines of open groups in one file, and deletes the file.
func (r *Releaser) endFile(d *dir.Dir, log Appender, name string, last bool) error {
	to, _, _, _ := dir.ParseHeld(name)
	day := to.Day
	some, err := r.hasOpen(d, day, name)
	moving := name
	if err == nil && some {
		moving, _, err = markMoving(d, name)
	}
	f, openErr := d.OpenFile(dir.Held, moving, os.O_RDONLY)
	if openErr != nil {
		return dir.Join(dir.IfExists(err), dir.IfExists(openErr)) // a purge may have been faster
	}
	defer f.Close()
	out := &lineBuffer{log: log, to: to}
	var closed uint64
	if err == nil {
		closed, err = r.releaseLines(f, out, day)
	}
	switch {
	case err != nil && !last:
		if out.written == 0 && moving != name {
			_ = d.Rename(dir.Held, moving, name)
		}
		return err
	case err != nil:
		err = fmt.Errorf("%w; lines that were to be released are lost", err)
	case some && moving == name && !r.moved[moving]:
		r.cfg.Repeated(d, day)
	}
	delete(r.moved, moving)
	if gone := d.Remove(dir.Held, moving); gone != nil {
		return dir.Join(err, dir.IfExists(gone))
	}
	r.deleted = append(r.deleted, name)
	if closed > 0 {
		r.cfg.Withheld(closed)
	}
	return err
}
