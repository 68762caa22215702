package retention

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"hushpipe/filter/acts"
	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/entries"
	"hushpipe/filter/fleet/ratchet"
	"hushpipe/filter/registry"
	"hushpipe/format/civil"
)

// Purged is what was deleted.
type Purged struct {
	Deleted []string // paths below DIR, or below the parent of another key directory
	Errs    []error  // what could not be done
}

// Kind is what is deleted together, each kind apart from the others: they may lie
// on different disks, one of which hangs.
type Kind uint8

const (
	// Keys are the keys of the days: without them copies of the lines are
	// unreadable.
	Keys Kind = iota
	// Lines are the log files.
	Lines
	// Journals are those of the days.
	Journals
	// Leftovers are damaged files that were kept aside, and temporary files that
	// crashed processes left.
	Leftovers
)

// Kinds are all of them, the most urgent first.
var Kinds = []Kind{Keys, Lines, Journals, Leftovers}

func (k Kind) String() string {
	return [...]string{"keys", "lines", "journals", "leftovers"}[k]
}

// Delete deletes the files of one kind that are past the rule. The date in a
// file's name decides, unless it is after tomorrow: see seenBefore. It takes no lock
// that anybody else could hold. Then it sets the modes right of what is left of secrets,
// and reports the others.
func Delete(d *dir.Dir, kind Kind, v Verdict, rule calendar.Period) Purged {
	var p Purged
	j, err := v.limits(d, rule)
	if err != nil && kind == Lines { // once for all kinds
		p.Errs = append(p.Errs, err)
	}
	expired := func(sub string) { p.deleteExpired(d, sub, j) }
	switch kind {
	case Keys:
		expired(dir.Keys)
		p.advanceFleet(d, v)
		d.Tighten(dir.Keys, "key")
		d.Shut(dir.KeyLocks)
	case Lines:
		expired("")
		expired(dir.Held)
		if j.Entries > 0 {
			trimmed, err := entries.Trim(d, j.Entries)
			p.Deleted = append(p.Deleted, trimmed...)
			if err != nil {
				p.Errs = append(p.Errs, err)
			}
		}
		d.WarnLoose("", unix.S_IRWXO, "read")
		d.Shut(dir.Held)
		d.Tighten(dir.Held, "file of held lines")
	case Journals:
		expired(dir.Journal)
		d.Tighten(dir.Journal, "journal")
	case Leftovers:
		d.Shut(dir.Locks)
		d.TightenRoomSecret()
		d.WarnLoose(dir.Rooms, unix.S_IWOTH, "write")
		if err := d.CheckOpen(); err != nil {
			d.Notify(err.Error())
		}
		expired(dir.Rooms)
		expired(dir.Status)
		expired(dir.Erased)
		p.expireActs(d, v)
		p.expireFlags(d, j)
	}
	return p
}

// DeleteDay deletes the key, the lines and the journals of one day, and leaves a
// mark with that text, for the processes that live, to forget them. Damaged files that were kept
// aside go, too.
func DeleteDay(d *dir.Dir, day civil.Day, mark []byte) (p Purged) {
	if err := d.ReplaceFile(dir.Erased, day.String(), mark); err != nil {
		p.Errs = append(p.Errs, err)
	}
	for _, sub := range []string{dir.Keys, "", dir.Held, dir.Journal, dir.Rooms} {
		p.deleteDay(d, sub, day)
	}
	deleted, err := ratchet.Advance(d, day+1)
	p.Deleted = append(p.Deleted, deleted...)
	if err != nil {
		p.Errs = append(p.Errs, err)
	}
	return p
}

// DeleteLines deletes the lines of one day alone, those that wait for their group as well.
// Those that are written go to a new file, and are dated for whoever writes them.
func DeleteLines(d *dir.Dir, day civil.Day) (p Purged) {
	p.deleteIf(d, "", func(s dir.Sub, name string, of civil.Day) bool {
		if of == day {
			_ = s.Touch(name, dir.ErasedTime)
		}
		return of == day
	})
	p.deleteDay(d, dir.Held, day)
	return p
}

// DeleteKey deletes the key of one day, where it lies.
func DeleteKey(d *dir.Dir, day civil.Day) (p Purged) {
	p.deleteDay(d, dir.Keys, day)
	return p
}

func (p *Purged) deleteDay(d *dir.Dir, sub string, day civil.Day) {
	p.deleteIf(d, sub, func(_ dir.Sub, _ string, of civil.Day) bool { return of == day })
}

// deleteExpired deletes the files of sub that are past the bounds, and
// temporary files that crashed processes left. A key is overwritten first.
func (p *Purged) deleteExpired(d *dir.Dir, sub string, j limits) {
	over := j.dayOver(d, sub)
	p.deleteIf(d, sub, func(s dir.Sub, name string, day civil.Day) bool {
		if log, _, ok := dir.ParseLog(name); ok && sub == "" && j.logPast(log) {
			return true
		}
		if to, _, _, ok := dir.ParseHeld(name); ok && sub == dir.Held && j.v.Past(j.Bounds, to) {
			return true
		}
		return day < j.first || over(day) || j.first != never && j.v.seenBefore(s, name, day, j.first)
	})
}

// seenBefore reports whether a file that is dated after tomorrow was there before
// first already. A clock that was far ahead has dated it, and the file's own time as
// well: so the first purge after that sets the time of the file to now, from which
// its period runs. Once the date in its name is none to come, the name decides
// again, and a time that is before that date is set anew: a clock that was far
// behind has set it, and must not be taken for evidence when a clock is behind again.
func (v Verdict) seenBefore(s dir.Sub, name string, day, first civil.Day) bool {
	modified, err := s.Modified(name)
	if err != nil {
		return false
	}
	changed := modified.In(v.now.Location())
	ahead := day > civil.DayOf(v.now)+1
	if ahead && changed.After(v.now) || !ahead && civil.DayOf(changed) < day-1 {
		_ = s.Touch(name, v.now) // else the next purge does
		return false
	}
	return ahead && civil.DayOf(changed) < first
}

// advanceFleet moves on what makes the keys of a fleet: it opens the days from its own on.
func (p *Purged) advanceFleet(d *dir.Dir, v Verdict) {
	if !v.Window.DoubtUntil.IsZero() {
		return
	}
	deleted, err := ratchet.Advance(d, civil.DayOf(v.now))
	p.Deleted = append(p.Deleted, deleted...)
	if err != nil {
		p.Errs = append(p.Errs, err)
	}
	d.Shut(dir.Fleet)
	p.deleteIf(d, dir.Fleet, func(dir.Sub, string, civil.Day) bool { return false }) // sweeps
}

// expireActs removes what is in the log of acts for longer than its own period.
func (p *Purged) expireActs(d *dir.Dir, v Verdict) {
	deleted, err := acts.Expire(d, v.First(acts.Period))
	p.Deleted = append(p.Deleted, deleted...)
	if err != nil && !errors.Is(err, dir.ErrLocked) { // else another process is at it
		p.Errs = append(p.Errs, err)
	}
}

// expireFlags removes from the log of flags what no line is treated by that is there, or may
// still come.
func (p *Purged) expireFlags(d *dir.Dir, j limits) {
	if j.first == never {
		return
	}
	names, err := d.Names("")
	oldest := j.first
	for _, name := range names {
		if day, ok := dir.ExpiryDay("", name); ok {
			oldest = min(oldest, day)
		}
	}
	if err == nil {
		err = registry.ExpireFlags(d, oldest)
	}
	if err != nil && !errors.Is(err, dir.ErrLocked) { // else another process is at it
		p.Errs = append(p.Errs, err)
	}
}

func (p *Purged) deleteIf(d *dir.Dir, sub string, gone func(s dir.Sub, name string, day civil.Day) bool) {
	names, err := d.Names(sub)
	if err != nil {
		p.Errs = append(p.Errs, err)
		return
	}
	s, err := d.OpenSub(sub)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.Errs = append(p.Errs, err)
		}
		return
	}
	defer s.Close()
	for _, name := range names {
		removed := false
		if day, ok := dir.ExpiryDay(sub, name); ok && gone(s, name, day) {
			err = s.Remove(name)
			removed = err == nil
		} else if dir.IsTemp(name) {
			removed, err = s.Sweep(name)
		}
		switch {
		case removed:
			p.Deleted = append(p.Deleted, strings.TrimPrefix(sub+"/"+name, "/"))
		case err != nil && err != unix.ENOENT: // another process was faster
			p.Errs = append(p.Errs, d.Error("delete", sub, name, err))
		}
		err = nil
	}
}
