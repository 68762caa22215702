package retention

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"strings"
	"sync"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

const (
	// leap is how far ahead a clock may jump without being doubted; wait is how long a
	// doubt lasts.
	leap = 36 * time.Hour
	wait = time.Hour

	// renewal is how old the recorded last time may become before it is rewritten.
	renewal = time.Hour
)

var errClock = errors.New("is not a clock file")

// clockFile decides whether to believe a clock that shows a later time. Its file in
// DIR, shared by all processes, has up to four lines:
//
//	seen 2026-11-22T10:00:00Z      the last time that was believed
//	doubt 2026-12-07T10:00:00Z     while in doubt: since when, by the doubted clock
//	again 2026-12-20T10:30:00Z     restart of the doubt, after a second leap
//	checked 2026-12-20T10:50:00Z   the last time that was doubted
//
// A doubt ends after an hour of steady time. A second leap within that hour restarts
// it, but only once, since a leap looks the same as a time without any check: if
// nothing but a weekly purge runs, each check sees a leap, and the third of them must
// be believed or nothing would ever be deleted. A clock that goes back starts a new
// doubt.
//
// A missing or damaged file counts as one that has seen nothing.
type clockFile struct {
	seen, doubt, again, checked time.Time
}

// check updates c with the current time and reports whether that is in doubt. newest is
// the latest time that files in DIR vouch for, zero if there are none.
func (c *clockFile) check(now, newest time.Time, force bool) (doubt bool) {
	trusted := c.seen
	// Files written under a doubted clock must not vouch for it, not even when it shows
	// the same time again later.
	if c.checked.IsZero() && newest.After(trusted) {
		trusted = newest
	}
	if force || trusted.IsZero() || now.Sub(trusted) <= leap {
		c.seen, c.doubt, c.again = now, time.Time{}, time.Time{}
		if force || !now.Before(c.checked) {
			c.checked = time.Time{}
		}
		return false
	}
	leapt := now.Sub(c.checked) > leap
	switch {
	case c.doubt.IsZero() || now.Before(c.checked):
		c.doubt, c.again = now, time.Time{}
	case leapt && c.again.IsZero():
		c.again = now
	case leapt || !now.Before(c.until()):
		*c = clockFile{seen: now}
		return false
	}
	c.seen, c.checked = trusted, now
	return true
}

// until returns when the doubt ends, if the clock runs steadily.
func (c *clockFile) until() time.Time {
	if c.again.IsZero() {
		return c.doubt.Add(wait)
	}
	return c.again.Add(wait)
}

func (c *clockFile) appendTo(dst []byte) []byte {
	for _, line := range []struct {
		word string
		t    time.Time
	}{{"seen ", c.seen}, {"doubt ", c.doubt}, {"again ", c.again}, {"checked ", c.checked}} {
		if !line.t.IsZero() {
			dst = append(dst, line.word...)
			dst = line.t.UTC().AppendFormat(dst, time.RFC3339)
			dst = append(dst, '\n')
		}
	}
	return dst
}

func parseClock(text []byte) (c clockFile, err error) {
	for line := range bytes.Lines(text) {
		word, stamp, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		t, err := time.Parse(time.RFC3339, stamp)
		switch {
		case err != nil:
			return clockFile{}, errClock
		case word == "seen":
			c.seen = t
		case word == "doubt":
			c.doubt = t
		case word == "again":
			c.again = t
		case word == "checked":
			c.checked = t
		default:
			return clockFile{}, errClock
		}
	}
	return c, nil
}

// evidence is what DIR reveals about the time.
type evidence struct {
	clock  clockFile // zero where the file is missing or damaged
	newest time.Time
	err    error // DIR could not be read
}

func evidenceOf(d *dir.Dir, zone *time.Location) (e evidence) {
	names, err := d.Names("")
	if err != nil {
		e.err = err
		return e
	}
	text, err := d.ReadFile("", dir.ClockName)
	if err == nil {
		e.clock, err = parseClock(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.Notifyf("", dir.ClockName, "not used: %v", dir.Bare(err))
	}
	e.newest = newest(names, "", zone)
	return e
}

// newest returns the latest time that dated files vouch for, zero if there are none. A
// file vouches for the beginning of its day: the earliest time it can be from, so that
// no key is shredded too early.
func newest(names []string, sub string, zone *time.Location) time.Time {
	last := never
	for _, name := range names {
		if day, ok := dir.ExpiryDay(sub, name); ok {
			last = max(last, day)
		}
	}
	if last == never {
		return time.Time{}
	}
	year, month, mday := last.Date()
	return time.Date(year, time.Month(month), mday, 0, 0, 0, 0, zone)
}

// newestKey is newest for keys. A fleet makes keys of coming days; such a key vouches
// only for the time at which it was made.
func newestKey(d *dir.Dir, zone *time.Location) (last time.Time) {
	names, _ := d.Names(dir.Keys) // deleteIf reports the error
	sub, err := d.OpenSub(dir.Keys)
	if err != nil {
		return last
	}
	defer sub.Close()
	for _, name := range names {
		t := newest([]string{name}, dir.Keys, zone)
		if !t.After(last) {
			continue
		}
		if made, err := sub.Modified(name); err == nil && made.Before(t) {
			t = made
		}
		if t.After(last) {
			last = t
		}
	}
	return last
}

// Clock judges the time for one DIR. Any goroutine may call Judge.
type Clock struct {
	d                *dir.Dir
	reading, writing dir.Slot

	mu      sync.Mutex // guards the fields below; never held during I/O
	last    clockFile  // as of the last Judge
	unsaved bool       // last could not be written to the clock file
}

// NewClock returns the Clock of d.
func NewClock(d *dir.Dir) *Clock {
	return &Clock{d: d, reading: dir.NewSlot(), writing: dir.NewSlot()}
}

// Verdict is what the current time means for DIR.
type Verdict struct {
	// Window places lines by day. While the clock is in doubt (Window.DoubtUntil is
	// set) nothing expires.
	Window calendar.Window
	// Bounds are those of this process, which apply if DIR records none.
	Bounds calendar.Bounds
	now    time.Time
}

// First returns the oldest day that a rule keeps.
func (v Verdict) First(rule calendar.Period) civil.Day {
	if !v.Window.DoubtUntil.IsZero() {
		return never
	}
	return rule.First(v.Window.Today)
}

// never is a first kept day that lets nothing expire.
const never civil.Day = math.MinInt32

// Judge returns which days are open at the time now, in now's time zone, for lines with
// the period keep. It decides whether to believe the clock from the last time seen and
// the newest line; force believes it unconditionally.
//
// Call it at start, hourly, and before lines are written to a new day. If the disk does
// not respond, it returns after at most three seconds, judging by what it knew before.
func (c *Clock) Judge(now time.Time, keep calendar.Period, force bool) (Verdict, error) {
	today := civil.DayOf(now)
	v := Verdict{Window: calendar.Window{First: keep.First(today), Today: today}, now: now}
	file, doubt, err := c.check(now, force)
	if doubt {
		v.Window.DoubtUntil = file.until().In(now.Location())
		v.Window.First = keep.First(civil.DayOf(file.seen.In(now.Location())))
	}
	return v, err
}

// check is clockFile.check with the evidence in DIR, and saves the result. If that
// fails, or if DIR does not respond, the result still counts and the Clock remembers
// it.
func (c *Clock) check(now time.Time, force bool) (file clockFile, doubt bool, err error) {
	now = now.Truncate(time.Second) // as the file has it
	e, answered := dir.Within(c.d, c.reading, diskPatience, func() evidence { return evidenceOf(c.d, now.Location()) })
	if !answered {
		e = evidence{err: c.d.Error("read", "", dir.ClockName, errNoAnswer)}
	}
	c.mu.Lock()
	was := e.clock
	if c.unsaved || e.err != nil {
		was = c.last
	}
	c.mu.Unlock()
	// Without lines, the keys vouch for the time; another DIR may share them.
	if e.err == nil && e.newest.IsZero() {
		e.newest, _ = dir.Within(c.d, c.reading, diskPatience, func() time.Time { return newestKey(c.d, now.Location()) })
	}
	if e.err != nil && was == (clockFile{}) && !force {
		// Nothing is known about the time yet: a clock far ahead would shred keys.
		return clockFile{seen: now, doubt: now}, true, e.err
	}
	file = was
	doubt = file.check(now, e.newest, force)
	c.mu.Lock()
	c.last = file
	saved := !c.unsaved && e.err == nil
	c.mu.Unlock()
	if since := now.Sub(was.seen); saved && file == (clockFile{seen: now}) && was == (clockFile{seen: was.seen}) && since >= 0 && since < renewal {
		return file, doubt, nil // do not delay a start by a write
	}
	text := file.appendTo(nil)
	err, answered = dir.Within(c.d, c.writing, diskPatience, func() error { return c.d.ReplaceFile("", dir.ClockName, text) })
	if !answered {
		err = c.d.Error("write", "", dir.ClockName, errNoAnswer)
	}
	c.mu.Lock()
	c.unsaved = err != nil
	c.mu.Unlock()
	return file, doubt, errors.Join(e.err, err)
}

// diskPatience bounds each wait for a disk that does not respond.
const diskPatience = time.Second

var errNoAnswer = errors.New("the disk does not answer")
