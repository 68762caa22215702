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

// Purged is the result of deleting.
type Purged struct {
	Deleted []string // paths relative to DIR, or to the parent of another key directory
	Errs    []error  // what could not be deleted
}

// Kind is a group of files. Each kind is deleted on its own: they may be on different
// disks, one of which hangs.
type Kind uint8

const (
	// Keys are the keys of the days. Without them, copies of the lines cannot be
	// re-identified.
	Keys Kind = iota
	// Lines are the log files.
	Lines
	// Journals are the journals of all types.
	Journals
	// Leftovers are damaged files that were set aside, temporary files of crashed
	// processes, and expired records.
	Leftovers
)

// Kinds lists all kinds, the most urgent first.
var Kinds = []Kind{Keys, Lines, Journals, Leftovers}

func (k Kind) String() string {
	return [...]string{"keys", "lines", "journals", "leftovers"}[k]
}

// Delete deletes the files of one kind that are past the rule. The date in a file's
// name decides, unless it is after tomorrow: see seenBefore. It takes no lock that
// another process could hold for long. Then it corrects the modes of the remaining
// secret files, and reports other files with loose modes.
func Delete(d *dir.Dir, kind Kind, v Verdict, rule calendar.Period) Purged {
	var p Purged
	j, err := v.limits(d, rule)
	if err != nil && kind == Lines { // report it once, not for each kind
		p.Errs = append(p.Errs, err)
	}
	expired := func(sub string) { p.deleteExpired(d, sub, j) }
	switch kind {
	case Keys:
		expired(dir.Keys)
		p.advanceFleet(d, v)
		d.Tighten(dir.Keys, "key")
		d.MakePrivate(dir.KeyLocks)
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
		d.MakePrivate(dir.Held)
		d.Tighten(dir.Held, "file of held lines")
	case Journals:
		expired(dir.Journal)
		d.Tighten(dir.Journal, "journal")
	case Leftovers:
		d.MakePrivate(dir.Locks)
		d.TightenRoomSecret()
		d.WarnLoose(dir.Rooms, unix.S_IWOTH, "write")
		if err := d.CheckWorldWritable(); err != nil {
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

// DeleteDay deletes the key, lines and journals of one day, including damaged files
// that were set aside. It leaves a mark with the given contents, which makes live
// processes forget the day.
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

// DeleteLines deletes only the lines of one day, including held ones. A process that
// has a file open notices by its time that it was erased, and starts a new one.
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

// DeleteKey deletes the key of one day in d's key directory.
func DeleteKey(d *dir.Dir, day civil.Day) (p Purged) {
	p.deleteDay(d, dir.Keys, day)
	return p
}

func (p *Purged) deleteDay(d *dir.Dir, sub string, day civil.Day) {
	p.deleteIf(d, sub, func(_ dir.Sub, _ string, of civil.Day) bool { return of == day })
}

// deleteExpired deletes the files of sub that are past the bounds, and temporary files
// of crashed processes. Keys are overwritten first.
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

// seenBefore reports whether a file dated after tomorrow already existed before first.
// A clock that was far ahead has set both the date in its name and its modification
// time. So the first purge sets that time to now, and the file's period runs from
// there. Once the date in the name is no longer in the future, the name decides again.
// A modification time before that date was set by a clock far behind; it is reset, so
// that it is not taken for evidence when a clock is behind again.
func (v Verdict) seenBefore(s dir.Sub, name string, day, first civil.Day) bool {
	modified, err := s.Modified(name)
	if err != nil {
		return false
	}
	changed := modified.In(v.now.Location())
	ahead := day > civil.DayOf(v.now)+1
	if ahead && changed.After(v.now) || !ahead && civil.DayOf(changed) < day-1 {
		_ = s.Touch(name, v.now) // if it fails, the next purge tries again
		return false
	}
	return ahead && civil.DayOf(changed) < first
}

// advanceFleet advances the state that a fleet's keys are derived from, so that keys of
// past days can no longer be derived.
func (p *Purged) advanceFleet(d *dir.Dir, v Verdict) {
	if !v.Window.DoubtUntil.IsZero() {
		return
	}
	deleted, err := ratchet.Advance(d, civil.DayOf(v.now))
	p.Deleted = append(p.Deleted, deleted...)
	if err != nil {
		p.Errs = append(p.Errs, err)
	}
	d.MakePrivate(dir.Fleet)
	p.deleteIf(d, dir.Fleet, func(dir.Sub, string, civil.Day) bool { return false }) // only sweeps temporary files
}

// expireActs removes entries of the log of acts that are past its own period.
func (p *Purged) expireActs(d *dir.Dir, v Verdict) {
	deleted, err := acts.Expire(d, v.First(acts.Period))
	p.Deleted = append(p.Deleted, deleted...)
	if err != nil && !errors.Is(err, dir.ErrLocked) { // locked: another process does it
		p.Errs = append(p.Errs, err)
	}
}

// expireFlags removes flags from the log of flags that shaped neither existing lines
// nor lines that may still come.
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
	if err != nil && !errors.Is(err, dir.ErrLocked) { // locked: another process does it
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
