package rotate

import (
	"errors"
	"io/fs"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter/calendar"
	"hushpipe/format"
)

// Purged is what was deleted.
type Purged struct {
	Deleted []string // paths below DIR, or below the parent of another key directory
	Errs    []error  // what could not be done
}

// Verdict is what the time of day means for DIR.
type Verdict struct {
	// Window is the one to place lines by. While the clock is in doubt
	// (Window.DoubtUntil) nothing expires.
	Window calendar.Window
}

// First is the oldest day that a rule keeps.
func (v Verdict) First(rule calendar.Period) format.Day {
	if !v.Window.DoubtUntil.IsZero() {
		return never
	}
	return rule.First(v.Window.Today)
}

// Judge tells which days are open at the time now, in now's time zone, to lines
// that are kept for keep. It believes a clock, or not, by the last time seen and
// the newest line; force believes it. From then on Append and PutKey refuse days
// before the window.
//
// Call it at start, hourly, and before lines are placed in a new day. It waits for
// a disk that does not answer for three seconds at most, and then judges by what it
// knew before.
func (d *Dir) Judge(now time.Time, keep calendar.Period, force bool) (Verdict, error) {
	today := format.DayOf(now)
	v := Verdict{Window: calendar.Window{First: keep.First(today), Today: today}}
	c, doubt, err := d.checkClock(now, force)
	if doubt {
		v.Window.DoubtUntil = c.until().In(now.Location())
		v.Window.First = keep.First(format.DayOf(c.seen.In(now.Location())))
	}
	d.judged.Store(&now)
	d.first.Store(int32(v.Window.First))
	d.today.Store(int32(today))
	return v, err
}

// Kind is what is deleted together, each kind apart from the others: they may lie
// on different disks, of which one hangs.
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

// Delete deletes the files of one kind that are dated before first. The date in a
// file's name decides, unless it is after tomorrow: see seenBefore. It takes no lock
// that anybody else could hold. Then it sets the modes right of what is left of secrets,
// and reports the others.
func (d *Dir) Delete(kind Kind, first format.Day) Purged {
	var p Purged
	switch kind {
	case Keys:
		d.delete(&p, keys, first)
		d.tighten(keys, "key")
		d.tightenLocks(keyLocks)
	case Lines:
		d.delete(&p, "", first)
		d.closeDays()
		d.warnLoose("", unix.S_IRWXO, "read")
	case Journals:
		d.delete(&p, Journal, first)
		d.tighten(Journal, "journal")
	case Leftovers:
		d.tightenLocks(Locks)
		d.tightenRoomSecret()
		d.warnLoose(Rooms, unix.S_IWOTH, "write")
		if err := d.CheckOpen(); err != nil {
			d.notify(err.Error())
		}
		d.delete(&p, Rooms, first)
		d.delete(&p, Status, first)
		d.delete(&p, Erased, first)
	}
	return p
}

// never is a first day under which nothing is past the retention.
const never format.Day = math.MinInt32

// DamagedSuffix ends the names of what was kept aside because not all of it
// could be read. It is deleted with its day, also where the file itself is not.
const DamagedSuffix = ".damaged"

// JournalSuffix ends the names of journals, DATE.RANDOM.journal.
const JournalSuffix = ".journal"

const (
	roomsPrefix = "rooms-"
	logSuffix   = ".log"
)

// DeleteDay deletes the key, the lines and the journals of one day, and leaves a
// mark, for the processes that live, to forget them. Damaged files that were kept
// aside go, too.
func (d *Dir) DeleteDay(day format.Day) (p Purged) {
	if err := d.ReplaceFile(Erased, day.String(), nil); err != nil {
		p.Errs = append(p.Errs, err)
	}
	for _, sub := range []string{keys, "", Journal, Rooms} {
		d.deleteIf(&p, sub, func(_ int, _ string, of format.Day) bool { return of == day })
	}
	d.closeDays()
	return p
}

// delete deletes the files of sub that belong to a day before first, and
// temporary files that crashed processes left. A key is overwritten first.
func (d *Dir) delete(p *Purged, sub string, first format.Day) {
	d.deleteIf(p, sub, func(at int, name string, day format.Day) bool {
		return day < first || first != never && d.seenBefore(at, name, day, first)
	})
}

// seenBefore reports whether a file that is dated after tomorrow was there before
// first already. A clock that was far ahead has dated it, and the file's own time as
// well: so the first purge after that sets the time of the file to now, from which
// its period runs. Once the date in its name is none to come, the name decides
// again, and a time that is before that date is set anew: a clock that was far
// behind has set it, and must not be taken for evidence when a clock is behind again.
func (d *Dir) seenBefore(at int, name string, day, first format.Day) bool {
	now := d.judged.Load()
	var st unix.Stat_t
	if now == nil || lstat(at, name, &st) != nil {
		return false
	}
	changed := time.Unix(st.Mtim.Unix()).In(now.Location())
	ahead := day > format.DayOf(*now)+1
	if ahead && changed.After(*now) || !ahead && format.DayOf(changed) < day-1 {
		to := unix.NsecToTimespec(now.UnixNano())
		_ = unix.UtimesNanoAt(at, name, []unix.Timespec{to, to}, unix.AT_SYMLINK_NOFOLLOW) // else the next purge does
		return false
	}
	return ahead && format.DayOf(changed) < first
}

func (d *Dir) deleteIf(p *Purged, sub string, gone func(at int, name string, day format.Day) bool) {
	names, err := d.Names(sub)
	if err != nil {
		p.Errs = append(p.Errs, err)
		return
	}
	at, err := d.openSub(sub, false)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.Errs = append(p.Errs, err)
		}
		return
	}
	defer unix.Close(at)
	for _, name := range names {
		removed := false
		if day, ok := FileDay(sub, name); ok && gone(at, name, day) {
			if sub == keys {
				err = shred(at, name)
			} else {
				err = remove(at, name)
			}
			removed = err == nil
		} else if IsTemp(name) {
			removed, err = d.sweep(at, sub, name)
		}
		switch {
		case removed:
			p.Deleted = append(p.Deleted, strings.TrimPrefix(sub+"/"+name, "/"))
		case err != nil && err != unix.ENOENT: // another process was faster
			var st unix.Stat_t // the number for a directory is EISDIR here and EPERM there
			if lstat(at, name, &st) == nil && fileType(&st) == unix.S_IFDIR {
				err = errIsDir
			}
			p.Errs = append(p.Errs, d.fault("delete", sub, name, err))
		}
		err = nil
	}
}

// FileDay returns the day that a file of sub belongs to, if it bears a name that
// hushpipe gives: it is deleted when that day is past the retention. A copy that an
// operator's tools make of such a file, access-2026-11-22.log.gz, belongs to its day
// too. Any other file is somebody else's, access-2026-11-22.tar.gz as well, and is
// never deleted.
func FileDay(sub, name string) (day format.Day, ok bool) {
	switch sub {
	case "":
		return copyOf(name, logPrefix, logSuffix)
	case keys:
		return copyOf(name, "", keySuffix)
	case Journal:
		// DATE.RANDOM.journal
		if rest, dated := strings.CutPrefix(name[min(len(name), len("2026-11-22")):], "."); dated {
			random := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789abcdef"))]
			if random != "" {
				return copyOf(name, "", "."+random+JournalSuffix)
			}
		}
	case Rooms:
		if strings.HasSuffix(name, DamagedSuffix) {
			return copyOf(name, roomsPrefix, logSuffix)
		}
	case Erased:
		return format.ParseDay(name)
	}
	return 0, false
}

// copyOf returns the day of a name like access-2026-11-22.log, prefix and suffix
// around a date, and of one like access-2026-11-22.log.gz, that of a copy.
func copyOf(name, prefix, suffix string) (format.Day, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	const date = len("2026-11-22")
	if !ok || len(rest) < date {
		return 0, false
	}
	tail, ok := strings.CutPrefix(rest[date:], suffix)
	if !ok || tail != "" && isWord(tail[0]) {
		return 0, false
	}
	return format.ParseDay(rest[:date])
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c >= 0x80
}

// datedName returns the day of a name like rooms-2026-11-22.log: after prefix
// a date, a dot, and anything.
func datedName(name, prefix string) (format.Day, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || len(rest) < len("2026-11-22.x") || rest[10] != '.' {
		return 0, false
	}
	return format.ParseDay(rest[:10])
}
