package groups

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/daylog"
	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/format/civil"
)

const (
	// lockPatience is how long a round waits for another process that releases lines.
	lockPatience = 5 * time.Second
	// diskPatience is how long a round tries to release lines of a day that is over.
	diskPatience = 10 * time.Minute
	// chunk is how many bytes of lines are released at a time, at least.
	chunk = 64 << 10
)

// Round reads what the journals have got, releases the lines of groups that are open by
// that, and deletes what is left of days that are over.
func (g *Groups) Round(d *dir.Dir) error {
	g.round.Lock()
	defer g.round.Unlock()
	defer g.forget()
	g.deleted = nil
	held, err := heldNames(d)
	if err != nil {
		g.cfg.Report.Fault("held", err, "")
		return err
	}
	typed, err := counts.TypedNames(d)
	if err != nil { // without journals nothing is open
		g.cfg.Report.Fault("journal", err, "; lines of groups stay held")
	}
	errs := []error{err}
	days := maps.Clone(typed)
	if days == nil {
		days = map[civil.Day][]string{}
	}
	maps.Copy(days, held)
	for _, day := range slices.Sorted(maps.Keys(days)) {
		switch {
		case day < g.cfg.Window().First:
			continue // it is deleted with its day
		case g.isOver(day):
			err = g.finish(d, day, held[day])
		default:
			err = g.release(d, day, typed[day])
		}
		if err != nil && !errors.Is(err, dir.ErrLocked) {
			g.cfg.Report.Fault("held", err, "; held lines are not released yet")
		}
		errs = append(errs, err)
	}
	return dir.Join(errs...)
}

// End deletes what is left of days that are over, as Round does, and returns the names of
// the files. It opens no groups of other days: it is for who does not know the policy.
func (g *Groups) End(d *dir.Dir) (deleted []string, err error) {
	g.round.Lock()
	defer g.round.Unlock()
	held, err := heldNames(d)
	errs := []error{err}
	g.deleted = nil
	for day, names := range held {
		if g.isOver(day) {
			errs = append(errs, g.finish(d, day, names))
		}
	}
	return g.deleted, dir.Join(errs...)
}

// heldNames lists the held files of each day.
func heldNames(d *dir.Dir) (map[civil.Day][]string, error) {
	all, err := d.Names(dir.Held)
	names := map[civil.Day][]string{}
	for _, name := range all {
		if day, _, _, ok := dir.ParseHeld(name); ok {
			names[day] = append(names[day], name)
		}
	}
	return names, err
}

// release opens the groups of a day that have their people, and releases their lines.
func (g *Groups) release(d *dir.Dir, day civil.Day, typed []string) error {
	u := g.unions[day]
	if u == nil {
		u = newUnion(g.cfg.Limits)
		g.unions[day] = u
	}
	err := g.openBy(d, day, u, typed)
	if u.counts.Recorded()+u.counts.Overflow() > 0 && !g.said[day] {
		g.said[day] = true
		g.cfg.Report.Say("people"+day.String(), fmt.Sprintf("%s: too many groups or people on %s; those past the bound open nothing; hint: give more with --max-rooms and --max-pairs", g.cfg.Path, day))
	}
	g.mu.Lock()
	of := g.of(day)
	var firsts [256]bool
	for _, group := range of.list[of.done:] {
		firsts[group[0]] = true
	}
	all, done := !of.seen, len(of.list)
	nothing := !all && of.done == done
	of.seen = true // unless lookAgain says otherwise meanwhile
	g.mu.Unlock()
	if nothing {
		return err
	}
	moveErr := g.move(d, day, func(first byte) bool { return all || firsts[first] })
	g.mu.Lock()
	if moveErr == nil {
		of.done = max(of.done, done)
	} else if all {
		of.seen = false
	}
	g.mu.Unlock()
	return dir.Join(err, moveErr)
}

// openBy opens the groups that have their people by the journals.
func (g *Groups) openBy(d *dir.Dir, day civil.Day, u *union, typed []string) error {
	met := map[pseudonym.Group]bool{}
	err := u.follow(d, day, typed, func(group pseudonym.Group) { met[group] = true })
	least := max(g.cfg.Least, u.least) // of lines that came under another bound as well
	var list []pseudonym.Group
	for group := range met {
		if least > 0 && u.people(group) >= least {
			list = append(list, group)
		}
	}
	g.open(day, list)
	return err
}

// load reads the open groups of a day that is over, unless that was done.
func (g *Groups) load(d *dir.Dir, day civil.Day) error {
	g.mu.Lock()
	done := g.days[day] != nil && g.days[day].all
	g.mu.Unlock()
	if done {
		return nil
	}
	names, err := counts.TypedNames(d)
	if err == nil {
		err = g.openBy(d, day, newUnion(g.cfg.Limits), names[day])
	}
	if err == nil {
		g.end(day)
	}
	return err
}

// move releases the lines of open groups that lie in the files of a day whose groups
// begin with a byte that is wanted.
func (g *Groups) move(d *dir.Dir, day civil.Day, wanted func(first byte) bool) error {
	unlock, err := d.LockHeld(lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	held, err := heldNames(d)
	if err != nil {
		return err
	}
	log := g.log(d)
	defer log.Close()
	for _, name := range held[day] {
		if _, first, _, _ := dir.ParseHeld(name); wanted(first) {
			if err := g.moveFile(d, log, day, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *Groups) log(d *dir.Dir) *daylog.Log {
	log := daylog.New(d)
	log.SetWindow(g.cfg.Window())
	return log
}

// moveFile releases the lines of open groups in one file, and takes the others to the
// file of their groups. Until that is done the file has another name, by which the next
// process knows that some lines may be released already. The caller has the lock.
func (g *Groups) moveFile(d *dir.Dir, log Appender, day civil.Day, name string) error {
	some, err := g.hasOpen(d, day, name)
	if err != nil || !some {
		return dir.IfExists(err)
	}
	moving, base, err := setAside(d, name)
	if err != nil {
		return err
	}
	f, err := d.OpenFile(dir.Held, moving, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	if !g.moved[moving] {
		out := &outlet{log: log, day: day}
		if _, err := g.releaseLines(f, out, day); err != nil {
			if out.written == 0 { // nothing has happened
				_ = d.Rename(dir.Held, moving, name)
			}
			return err
		}
		g.moved[moving] = true
		if moving == name {
			g.cfg.Repeated(d, day)
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	kept := &outlet{log: heldFile{d, base}}
	err = eachLine(f, func(line []byte) error {
		if group, ok := parseHeld(line); ok && g.isOpen(day, group) {
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
		delete(g.moved, moving)
	}
	return err
}

// heldFile appends to a file of held lines.
type heldFile struct {
	d    *dir.Dir
	name string
}

func (h heldFile) Append(_ civil.Day, lines []byte) (int, error) {
	return len(lines), appendHeldFile(h.d, h.name, lines)
}

// releaseLines releases the lines of open groups, and counts the others.
func (g *Groups) releaseLines(f io.Reader, out *outlet, day civil.Day) (closed uint64, err error) {
	err = eachLine(f, func(line []byte) error {
		if group, ok := parseHeld(line); ok && g.isOpen(day, group) {
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

// outlet appends lines to a day's file.
type outlet struct {
	log     Appender
	day     civil.Day
	buf     []byte
	written int
}

func (o *outlet) add(line []byte) error {
	o.buf = append(o.buf, line...)
	return o.flush(chunk)
}

// flush writes the lines if they have so many bytes.
func (o *outlet) flush(least int) error {
	if len(o.buf) < least {
		return nil
	}
	n, err := o.log.Append(o.day, o.buf)
	if errors.Is(err, calendar.ErrExpired) {
		n, err = len(o.buf), nil // it is deleted with its day
	}
	o.written += n
	o.buf = o.buf[:0]
	return err
}

// hasOpen reports whether a line in a file is of an open group.
func (g *Groups) hasOpen(d *dir.Dir, day civil.Day, name string) (some bool, err error) {
	f, err := d.OpenFile(dir.Held, name, os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = eachLine(f, func(line []byte) error {
		if group, ok := parseHeld(line); ok && g.isOpen(day, group) {
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

// setAside gives a file the name that says that its lines are being released, and returns
// that and the name before. One that has it was left by a process that was killed, or by
// a disk that refused lines.
func setAside(d *dir.Dir, name string) (moving, base string, err error) {
	if base, left := strings.CutSuffix(name, dir.MovingSuffix); left {
		return name, base, nil
	}
	return name + dir.MovingSuffix, name, d.Rename(dir.Held, name, name+dir.MovingSuffix)
}

// finish releases what is left of a day that is over, and deletes the rest. A lock that
// another process has, or a disk that refuses lines, delays it for some minutes only.
func (g *Groups) finish(d *dir.Dir, day civil.Day, held []string) error {
	if delete(g.unions, day); len(held) == 0 {
		return nil
	}
	last := !g.cfg.Now().Before(Deadline(day, g.cfg.Now().Location()).Add(diskPatience))
	unlock, err := d.LockHeld(lockPatience)
	if err != nil && !last {
		return err
	} else if err == nil {
		defer unlock()
	}
	if names, err := heldNames(d); err == nil {
		held = names[day]
	}
	if err := g.load(d, day); err != nil && !last {
		return err
	}
	log := g.log(d)
	defer log.Close()
	var errs []error
	for _, name := range held {
		errs = append(errs, g.endFile(d, log, day, name, last))
	}
	return dir.Join(errs...)
}

// endFile releases the lines of open groups in one file, and deletes it.
func (g *Groups) endFile(d *dir.Dir, log Appender, day civil.Day, name string, last bool) error {
	some, err := g.hasOpen(d, day, name)
	moving := name
	if err == nil && some {
		moving, _, err = setAside(d, name)
	}
	f, openErr := d.OpenFile(dir.Held, moving, os.O_RDONLY)
	if openErr != nil {
		return dir.Join(err, dir.IfExists(openErr))
	}
	defer f.Close()
	out := &outlet{log: log, day: day}
	var closed uint64
	if err == nil {
		closed, err = g.releaseLines(f, out, day)
	}
	switch {
	case err != nil && !last:
		if out.written == 0 && moving != name {
			_ = d.Rename(dir.Held, moving, name)
		}
		return err
	case err != nil:
		err = fmt.Errorf("%w; lines that were to be released are lost", err)
	case some && moving == name && !g.moved[moving]:
		g.cfg.Repeated(d, day)
	}
	delete(g.moved, moving)
	if gone := d.Remove(dir.Held, moving); gone != nil {
		return dir.Join(err, dir.IfExists(gone))
	}
	g.deleted = append(g.deleted, name)
	if closed > 0 {
		g.cfg.Withheld(closed)
	}
	return err
}
