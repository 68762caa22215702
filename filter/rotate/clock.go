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

// evidence is what DIR tells of the time.
type evidence struct {
	clock  clock // zero where the file is missing or damaged
	newest time.Time
	err    error // nothing is known
}

func (d *Dir) evidence(zone *time.Location) (e evidence) {
	names, err := d.Names("")
	if err != nil {
		e.err = err
		return e
	}
	text, err := d.ReadFile("", clockName)
	if err == nil {
		e.clock, err = parseClock(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.say("", clockName, "not used: %v", bare(err))
	}
	e.newest = newest(names, "", zone)
	return e
}

// newest returns the latest time that dated files vouch for, zero for none. A day
// counts from its beginning: of the times that its file can be from, that one
// shreds no key too early.
func newest(names []string, sub string, zone *time.Location) time.Time {
	last := never
	for _, name := range names {
		if day, ok := FileDay(sub, name); ok {
			last = max(last, day)
		}
	}
	if last == never {
		return time.Time{}
	}
	year, month, mday := last.Date()
	return time.Date(year, time.Month(month), mday, 0, 0, 0, 0, zone)
}

// checkClock is check with what DIR tells of the time, and brings the outcome to
// the clock file. It holds also where the file could not be written; then the Dir
// remembers it, as where the disk does not answer.
func (d *Dir) checkClock(now time.Time, force bool) (c clock, doubt bool, err error) {
	now = now.Truncate(time.Second) // as the file has it
	e, answered := Within(d, d.clocks.reading, diskPatience, func() evidence { return d.evidence(now.Location()) })
	if !answered {
		e = evidence{err: d.fault("read", "", clockName, errNoAnswer)}
	}
	d.clocks.Lock()
	was := e.clock
	if d.clocks.unsaved || e.err != nil {
		was = d.clocks.last
	}
	d.clocks.Unlock()
	// Without lines the keys vouch for the time, which another DIR may share.
	if e.err == nil && e.newest.IsZero() {
		names, _ := Within(d, d.clocks.reading, diskPatience, func() []string {
			names, _ := d.Names(keys) // an error is reported where they are deleted
			return names
		})
		e.newest = newest(names, keys, now.Location())
	}
	if e.err != nil && was == (clock{}) && !force {
		// Nothing is known of the time yet: a clock that is far ahead would shred keys.
		return clock{seen: now, doubt: now}, true, e.err
	}
	c = was
	doubt = c.check(now, e.newest, force)
	d.clocks.Lock()
	d.clocks.last = c
	saved := !d.clocks.unsaved && e.err == nil
	d.clocks.Unlock()
	if since := now.Sub(was.seen); saved && c == (clock{seen: now}) && was == (clock{seen: was.seen}) && since >= 0 && since < renewal {
		return c, doubt, nil // a start has no time for a write that waits for the disk
	}
	text := c.appendTo(nil)
	err, answered = Within(d, d.clocks.writing, diskPatience, func() error { return d.ReplaceFile("", clockName, text) })
	if !answered {
		err = d.fault("write", "", clockName, errNoAnswer)
	}
	d.clocks.Lock()
	d.clocks.unsaved = err != nil
	d.clocks.Unlock()
	return c, doubt, errors.Join(e.err, err)
}

// diskPatience bounds the wait for a disk that does not answer.
const diskPatience = time.Second

var errNoAnswer = errors.New("the disk does not answer")

// Slot is for calls of Within of which one goes on at a time.
type Slot chan struct{}

// NewSlot returns a free Slot.
func NewSlot() Slot { return make(Slot, 1) }

// Within runs do beside the caller, and waits for it for that long. It reports false
// where do has not come back, or an earlier one in the slot has not. do may go on when
// the caller does not wait for it any more: DIR stays open meanwhile.
func Within[T any](d *Dir, slot Slot, patience time.Duration, do func() T) (answer T, answered bool) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case slot <- struct{}{}:
	case <-timeout.C:
		return answer, false
	}
	done, ok := d.Use()
	if !ok {
		<-slot
		return answer, false
	}
	answers := make(chan T, 1)
	go func() {
		defer done()
		answer := do()
		<-slot
		answers <- answer
	}()
	select {
	case answer = <-answers:
		return answer, true
	case <-timeout.C:
		return answer, false
	}
}
