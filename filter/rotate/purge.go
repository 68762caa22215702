package rotate

import (
	"errors"
	"io/fs"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/format"
)

// Purged is what a Purge did.
type Purged struct {
	Window  Window
	Deleted []string // paths below DIR, or below the parent of another key directory
	Ahead   []string // log files dated after tomorrow: a clock was wrong, they stay
	Errs    []error  // what could not be done
}

// Purge deletes what is past the retention keep at the time now: the keys, so
// that copies of the lines become unreadable first, then the lines, then the
// journals and what was kept aside as damaged. The date in a file's name decides,
// in now's time zone; a key lives as long as the longest retention that its
// directory records.
//
// Call it at start, hourly, and before lines are placed in a new day: the
// Window that it returns is the one to place them by. While the clock is in
// doubt (Window.DoubtUntil) nothing expires; force believes it.
func (d *Dir) Purge(now time.Time, keep Retention, force bool) Purged {
	today := format.DayOf(now)
	p := Purged{Window: Window{First: keep.first(today), Today: today}}
	if err := d.CheckOpen(); err != nil {
		d.notify(err.Error())
	}

	names, err := d.Names("")
	if err != nil {
		p.Errs = append(p.Errs, err)
		return p // nothing is known of the time
	}
	c, doubt, err := d.checkClock(now, d.newest(names, now.Location()), force)
	if err != nil {
		p.Errs = append(p.Errs, err)
	}
	keysFirst, err := d.keysFirst(today, keep)
	if err != nil {
		p.Errs = append(p.Errs, err)
	}
	first := p.Window.First
	if doubt {
		p.Window.DoubtUntil = c.until().In(now.Location())
		p.Window.First = keep.first(format.DayOf(c.seen.In(now.Location())))
		first, keysFirst = never, never
	}
	d.first.Store(int32(p.Window.First))
	d.today.Store(int32(today))

	d.purge(&p, keys, "", "", keysFirst)
	d.purge(&p, "", logPrefix, "", first)
	d.purge(&p, Journal, "", "", first)
	d.purge(&p, Rooms, roomsPrefix, DamagedSuffix, first)
	d.purge(&p, Status, "", "", never)
	for _, name := range names {
		if day, ok := datedName(name, logPrefix); ok && day > today+1 {
			p.Ahead = append(p.Ahead, name)
		}
	}
	d.closeDays()
	return p
}

// never is a first day under which nothing is past the retention.
const never format.Day = math.MinInt32

// DamagedSuffix ends the names of what was kept aside because not all of it
// could be read. It is deleted with its day, also where the file itself is not.
const DamagedSuffix = ".damaged"

const roomsPrefix = "rooms-"

// purge deletes the files of sub that are named for a day before first, and
// temporary files that crashed processes left.
func (d *Dir) purge(p *Purged, sub, prefix, suffix string, first format.Day) {
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
		if day, ok := datedName(name, prefix); ok && day < first && strings.HasSuffix(name, suffix) {
			err = remove(at, name)
			removed = err == nil
		} else if IsTemp(name) {
			removed, err = sweep(at, name)
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

// FileDay returns the day that Purge takes a file of sub to belong to: it deletes
// the file when that day is past the retention.
func FileDay(sub, name string) (format.Day, bool) {
	switch sub {
	case "":
		return datedName(name, logPrefix)
	case keys, Journal:
		return datedName(name, "")
	case Rooms:
		if strings.HasSuffix(name, DamagedSuffix) {
			return datedName(name, roomsPrefix)
		}
	}
	return 0, false
}

// datedName returns the day of a name like access-2026-11-22.log: after prefix
// a date, a dot, and anything. What an operator's tools make of a file, such as
// access-2026-11-22.log.gz, belongs to its day too.
func datedName(name, prefix string) (format.Day, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || len(rest) < len("2026-11-22.x") || rest[10] != '.' {
		return 0, false
	}
	return format.ParseDay(rest[:10])
}

// keysFirst is the oldest day whose key lives. It deletes no key where the
// record cannot be read: that is said, and can be put right.
func (d *Dir) keysFirst(today format.Day, keep Retention) (format.Day, error) {
	recorded, err := d.Keep()
	if err != nil {
		return never, err
	}
	return max(keep, recorded).first(today), nil
}

// newest returns the latest time that the lines in DIR vouch for, or without
// lines the keys, which another DIR may share. A day counts from its beginning:
// of the times that its file can be from, that one shreds no key too early.
func (d *Dir) newest(names []string, zone *time.Location) time.Time {
	last := never
	for _, name := range names {
		if day, ok := datedName(name, logPrefix); ok {
			last = max(last, day)
		}
	}
	if last == never {
		names, _ = d.Names(keys) // an error comes up again where they are deleted
		for _, name := range names {
			if day, ok := datedName(name, ""); ok {
				last = max(last, day)
			}
		}
	}
	if last == never {
		return time.Time{}
	}
	year, month, mday := last.Date()
	return time.Date(year, time.Month(month), mday, 0, 0, 0, 0, zone)
}
