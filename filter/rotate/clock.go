package rotate

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"time"
)

const (
	clockName = "clock"

	// leap is how far ahead a clock may go without being doubted, and wait how
	// long a doubt lasts.
	leap = 36 * time.Hour
	wait = time.Hour

	// renewal is how old the last time seen may be in the file.
	renewal = time.Hour
)

var errClock = errors.New("is no clock file")

// clock decides whether a clock that shows a later time is believed. Its file
// in DIR, shared by all processes, has up to four lines:
//
//	seen 2026-11-22T10:00:00Z      the last time that was believed
//	doubt 2026-12-07T10:00:00Z     while in doubt: since when, by the clock doubted
//	again 2026-12-20T10:30:00Z     since when anew, after another leap
//	checked 2026-12-20T10:50:00Z   the last time that was doubted
//
// A doubt lasts for an hour of steady time: another leap within it begins the
// hour anew. That happens once only, for a leap cannot be told from a time in
// which nobody looked: where purge runs weekly and nothing else does, each visit
// is a leap, and the third of them must be believed or nothing would ever be
// deleted. A clock that goes back begins another doubt.
//
// A file that is missing or damaged counts as one that has seen nothing.
type clock struct {
	seen, doubt, again, checked time.Time
}

// check takes in the time and reports whether it is in doubt. newest is the
// latest time that the files in DIR vouch for, zero for none.
func (c *clock) check(now, newest time.Time, force bool) (doubt bool) {
	trusted := c.seen
	// What was written while the clock was doubted must not vouch for it, also
	// when it shows the same time again later.
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
		*c = clock{seen: now}
		return false
	}
	c.seen, c.checked = trusted, now
	return true
}

// until is when the doubt ends, if the clock goes on steadily.
func (c *clock) until() time.Time {
	if c.again.IsZero() {
		return c.doubt.Add(wait)
	}
	return c.again.Add(wait)
}

func (c *clock) appendTo(dst []byte) []byte {
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

func parseClock(text []byte) (c clock, err error) {
	for line := range bytes.Lines(text) {
		word, stamp, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		t, err := time.Parse(time.RFC3339, stamp)
		switch {
		case err != nil:
			return clock{}, errClock
		case word == "seen":
			c.seen = t
		case word == "doubt":
			c.doubt = t
		case word == "again":
			c.again = t
		case word == "checked":
			c.checked = t
		default:
			return clock{}, errClock
		}
	}
	return c, nil
}

// checkClock is check on the clock file. What it returns holds also where the
// file could not be written; then the Dir remembers.
func (d *Dir) checkClock(now, newest time.Time, force bool) (c clock, doubt bool, err error) {
	now = now.Truncate(time.Second) // as the file has it
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unsaved != nil {
		c = *d.unsaved
	} else {
		text, err := d.ReadFile("", clockName)
		if err == nil {
			c, err = parseClock(text)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.say("", clockName, "not used: %v", bare(err))
		}
	}
	was := c
	doubt = c.check(now, newest, force)
	if since := now.Sub(was.seen); c == (clock{seen: now}) && was == (clock{seen: was.seen}) && since >= 0 && since < renewal {
		return c, false, nil // a start has no time for a write that waits for the disk
	}
	err = d.ReplaceFile("", clockName, c.appendTo(nil))
	d.unsaved = nil
	if err != nil {
		d.unsaved = &c
	}
	return c, doubt, err
}
