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
)

var errClock = errors.New("is no clock file")

// clock decides whether a clock that shows a later time is believed. Its file
// in DIR, shared by all processes, has up to three lines:
//
//	seen 2026-11-22T10:00:00Z      the last time that was believed
//	doubt 2026-12-07T10:00:00Z     while in doubt: since when, by the clock doubted
//	checked 2026-12-07T10:20:00Z   the last time that was doubted
//
// A file that is missing or damaged counts as one that has seen nothing.
type clock struct {
	seen, doubt, checked time.Time
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
		c.seen, c.doubt = now, time.Time{}
		if force || !now.Before(c.checked) {
			c.checked = time.Time{}
		}
		return false
	}
	steady := !now.Before(c.checked) && now.Sub(c.checked) <= leap
	if c.doubt.IsZero() || !steady {
		c.doubt = now
	}
	if now.Sub(c.doubt) >= wait {
		*c = clock{seen: now}
		return false
	}
	c.seen, c.checked = trusted, now
	return true
}

func (c *clock) appendTo(dst []byte) []byte {
	for _, line := range []struct {
		word string
		t    time.Time
	}{{"seen ", c.seen}, {"doubt ", c.doubt}, {"checked ", c.checked}} {
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
	doubt = c.check(now, newest, force)
	err = d.ReplaceFile("", clockName, c.appendTo(nil))
	d.unsaved = nil
	if err != nil {
		d.unsaved = &c
	}
	return c, doubt, err
}
