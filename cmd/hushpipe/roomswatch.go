package main

// rooms --watch.

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter/audit"
	"hushpipe/filter/counts"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
	"hushpipe/format/roomfile"
)

// watchEvery is the interval at which rooms --watch reads the counts.
const watchEvery = 2 * time.Second

// follow is rooms --watch. It returns when a signal ends it.
func (o *roomsFlags) follow() error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
	if !signal.Ignored(unix.SIGHUP) { // nohup(1)
		signal.Notify(signals, unix.SIGHUP)
	}
	draws := !o.json
	s := &display{out: o.out, terminal: o.stdout, utf8: isUTF8()}
	if draws {
		signal.Notify(signals, unix.SIGWINCH, unix.SIGTSTP, unix.SIGCONT)
		defer s.leave()
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	w := &roomsWatch{roomsFlags: o}
	defer w.close()
	changed, err := w.read(now())
	for {
		if err != nil {
			return err
		}
		switch {
		case draws:
			err = s.draw(o.dir, w.seen, w.unknown)
		case changed:
			err = o.writeJSON(w.seen)
		}
		if err != nil {
			return nil // output keeps the error
		}
		select {
		case now := <-tick.C:
			if hasNoReader(o.stdout) {
				return nil
			}
			changed, err = w.read(now)
		case sig := <-signals:
			changed = false
			switch sig {
			case unix.SIGWINCH:
			case unix.SIGTSTP: // give the terminal back to the shell as it was
				s.leave()
				s.stopped = true // this thread may still run for a moment
				unix.Kill(os.Getpid(), unix.SIGSTOP)
			case unix.SIGCONT:
				s.stopped = false
			default:
				if draws {
					s.leave()
				}
				return o.reportFlaws(w.seen.day, w.seen.Day)
			}
		}
	}
}

// roomsWatch reads the counts of a day, and after midnight those of the next.
type roomsWatch struct {
	*roomsFlags
	reader  *counts.Reader // nil before the first read
	seen    roomCounts
	unknown string // why there are no counts for the day, or ""
}

// read reads the counts, and reports whether they have changed.
func (w *roomsWatch) read(now time.Time) (changed bool, err error) {
	day := civil.DayOf(now)
	if w.date != "" {
		if day, err = parseDayFlag(w.date); err != nil {
			return false, err
		}
	}
	if w.reader == nil || w.seen.day != day {
		w.close()
		w.reader, w.unknown = counts.NewReader(w.dir, day), "not read yet"
	}
	counts, err := w.reader.Read()
	before, was := w.seen.Day, w.unknown == ""
	w.seen, w.unknown = roomCounts{counts, day, now}, ""
	if errors.Is(err, fs.ErrNotExist) {
		w.unknown = "nothing is known of this day yet"
		if err := audit.CheckUsed(w.dir); err != nil { // the DIR has gone
			w.unknown = err.Error()
		}
		return false, nil
	}
	return !was || !slices.Equal(before.Rooms, counts.Rooms) || !slices.Equal(before.Damaged, counts.Damaged) ||
		!slices.Equal(before.Hosts.Missing(), counts.Hosts.Missing()) || before.UpperBound != counts.UpperBound || before.LowerBound != counts.LowerBound || before.Overflow != counts.Overflow, err
}

func (w *roomsWatch) close() {
	if w.reader != nil {
		w.reader.Close()
	}
}

// display draws on a terminal with sequences of ECMA-48 and xterm's private modes,
// which every terminal today and the Linux console support or ignore.
type display struct {
	out      io.Writer
	terminal *os.File // the file below out
	utf8     bool
	on       bool
	stopped  bool
}

const (
	enterScreen = "\033[?1049h\033[?25l" + noWrap // the alternate screen, without a cursor
	leaveScreen = wrap + "\033[?25h\033[?1049l"
	home        = "\033[H"
	clearRight  = "\033[K"
	clearBelow  = "\033[J"
)

func (s *display) enter() {
	if !s.on {
		s.on = true
		s.out.Write([]byte(enterScreen))
	}
}

func (s *display) leave() {
	if s.on {
		s.on = false
		s.out.Write([]byte(leaveScreen))
	}
}

// draw draws the whole screen in one write without clearing it first, so nothing
// flickers.
func (s *display) draw(dir string, c roomCounts, unknown string) error {
	front, err := unix.IoctlGetInt(int(s.terminal.Fd()), unix.TIOCGPGRP)
	if s.stopped || err == nil && front != unix.Getpgrp() {
		return nil // in the background
	}
	s.enter()
	width, height := 80, 24
	if size, err := unix.IoctlGetWinsize(int(s.terminal.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 && size.Row > 0 {
		width, height = int(size.Col), int(size.Row)
	}
	text := home
	for i, line := range displayLines(dir, c, unknown, width, height, s.utf8) {
		if i > 0 {
			text += "\r\n"
		}
		text += line + clearRight
	}
	_, err = s.out.Write([]byte(text + clearBelow))
	return err
}

// displayLines returns the text to draw, at most height lines of at most width columns,
// largest rooms first.
func displayLines(dir string, c roomCounts, unknown string, width, height int, utf8 bool) []string {
	conferences, participants := c.totals()
	when := c.time.Format(time.DateTime)
	if date := c.day.String(); !strings.HasPrefix(when, date) {
		when = date + " as of " + when
	}
	lines := []string{
		when + "  " + dir,
		fmt.Sprintf("%s: %s of %d or more, %s", prose.Plural(len(c.Rooms), "room"),
			prose.Plural(conferences, "conference"), minParticipants, prose.Plural(participants, "participant")),
		"",
	}
	if unknown != "" {
		lines[1] = unknown
	}
	foot := flawsOf(c.day, c.Day)
	shown := len(c.Rooms)
	if left := height - len(lines) - len(foot); shown > left {
		shown = max(0, left-1)
		foot = append([]string{"and " + prose.Plural(len(c.Rooms)-shown, "more room")}, foot...)
	}
	lines = append(append(lines, tableOf(c, shown, width, utf8)...), foot...)
	lines = lines[:min(len(lines), height)]
	for i, line := range lines {
		runes := []rune(strings.Map(printable, strings.ReplaceAll(line, "\n", "?")))
		lines[i] = string(runes[:min(len(runes), width)])
	}
	return lines
}

// tableOf returns the lines of the largest rooms, each with a bar for its count.
func tableOf(c roomCounts, shown, width int, utf8 bool) (lines []string) {
	if shown == 0 {
		return nil
	}
	sorted := slices.Clone(c.Rooms)
	slices.SortStableFunc(sorted, func(a, b roomfile.Entry) int { return cmp.Compare(b.Count, a.Count) })
	most := sorted[0].Count
	digits := len(prose.Commas(most))
	space := width - digits - len("  ") - 40 - len("  ")
	for _, room := range sorted[:shown] {
		line := fmt.Sprintf("%*s  %x", digits, prose.Commas(room.Count), room.Hash)
		if space > 0 {
			line += "  " + bar(room.Count, most, space, utf8)
		}
		lines = append(lines, line)
	}
	return lines
}

// bar returns a bar for n. The bar for most has width columns; every bar is visible
// unless n is 0.
func bar(n, most uint64, width int, utf8 bool) string {
	if !utf8 {
		return strings.Repeat("#", max(1, int(float64(n)/float64(most)*float64(width))))
	}
	return prose.Bar(n, most, width)
}

// isUTF8 reports whether the locale uses UTF-8, see setlocale(3).
func isUTF8() bool {
	locale := strings.ToUpper(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")))
	return strings.Contains(locale, "UTF-8") || strings.Contains(locale, "UTF8")
}
