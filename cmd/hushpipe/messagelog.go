package main

// Messages on stderr, exit codes, and hints for common errors.

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"hushpipe/format"
)

// messageLog writes all of the program's messages to stderr, which Apache appends to
// its error log. A message is one line:
//
//	hushpipe: SEVERITY: WHAT: FILE: WHY; hint: WHAT TO DO
//
// The hint is missing if there is nothing to do. Logging never blocks: if stderr is
// stuck, messages are dropped.
type messageLog struct {
	w     io.Writer
	lines chan string
	done  chan struct{}

	mu         sync.Mutex
	lastLogged map[string]time.Time // by topic, see limited
	closed     bool

	redacted []string // texts to replace by ADDRESS; set before the first message

	terminal *os.File // stderr, if it is one
	bar      bool     // its last line shows a progress bar
}

// severity is the first word of a message.
type severity string

const (
	// failure: something was lost, is wrong, or could not be done.
	failure severity = "error"
	// warning: hushpipe copes for now, but somebody should look.
	warning severity = "warning"
	// note: everything is in order; somebody may want to know.
	note severity = "note"
)

// severities lists the topics of package store whose severity is not warning.
var severities = map[string]severity{
	"bug":              failure,
	"expired":          failure, // lines are left out
	"expired-rooms":    note,
	"journal-lost":     failure,
	"pending":          failure, // the counts are incomplete
	"purge":            failure,
	"delete keys":      failure,
	"delete lines":     failure,
	"delete leftovers": failure,
	"delete journals":  failure,
	"fleet-seed":       failure, // the seed is not used
	"fleet-state":      failure, // some keys may be missing
	"recovered":        note,
}

func newMessageLog(w io.Writer) *messageLog {
	l := &messageLog{w: w, lines: make(chan string, 64), done: make(chan struct{}), lastLogged: map[string]time.Time{}}
	if f, ok := w.(*os.File); ok && hasWidth(f) {
		l.terminal = f
	}
	go func() {
		defer close(l.done)
		for line := range l.lines {
			io.WriteString(w, line)
		}
	}()
	return l
}

// close waits up to a second until the queued messages are written.
func (l *messageLog) close() {
	l.mu.Lock()
	l.closed = true // a system call on a hanging disk may return and log later
	close(l.lines)
	l.mu.Unlock()
	select {
	case <-l.done:
	case <-time.After(time.Second):
	}
}

// report is the callback for package store: it is limited, with the severity of the
// topic.
func (l *messageLog) report(topic, line string) {
	l.limited(topic, cmp.Or(severities[topic], warning), line)
}

// limited logs a line, unless a line on this topic was logged within the last minute.
func (l *messageLog) limited(topic string, s severity, line string) {
	l.mu.Lock()
	now := time.Now()
	last, known := l.lastLogged[topic]
	fresh := known && now.Sub(last) < time.Minute
	if !fresh {
		if len(l.lastLogged) > 1000 {
			clear(l.lastLogged)
		}
		l.lastLogged[topic] = now
	}
	l.mu.Unlock()
	if !fresh {
		l.logf(s, "%s", line)
	}
}

func (l *messageLog) logf(s severity, text string, args ...any) {
	line := formatMessage(s, text, args...)
	for _, address := range l.redacted {
		line = strings.ReplaceAll(line, address, "ADDRESS")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bar {
		line = clearLine + line
	}
	l.send(line)
}

func (l *messageLog) errorf(text string, args ...any) { l.logf(failure, text, args...) }
func (l *messageLog) warnf(text string, args ...any)  { l.logf(warning, text, args...) }
func (l *messageLog) notef(text string, args ...any)  { l.logf(note, text, args...) }

// errorfWait logs one of many failures and drops none: it waits for stderr. Only
// commands that nobody waits for may use it.
func (l *messageLog) errorfWait(text string, args ...any) {
	l.lines <- formatMessage(failure, text, args...)
}

// formatMessage returns the line with the hints at its end: an error with a hint may be
// in the middle of the text.
func formatMessage(s severity, text string, args ...any) string {
	const hint = "hint: "
	var parts, hints []string
	for part := range strings.SplitSeq(strings.ReplaceAll(fmt.Sprintf(text, args...), "\n", "; "), "; ") {
		if !strings.HasPrefix(part, hint) {
			parts = append(parts, part)
		} else if !slices.Contains(hints, part) {
			hints = append(hints, part)
		}
	}
	if len(hints) == 0 {
		if known := hintFor(strings.Join(parts, "; ")); known != "" {
			hints = []string{hint + known}
		}
	}
	line := strings.Join(append(parts, hints...), "; ")
	return fmt.Sprintf("hushpipe: %s: %s\n", s, strings.Map(printable, line))
}

// hintFor returns the hint for a system error that the user can correct, "" for others.
func hintFor(text string) string {
	switch {
	case strings.Contains(text, ": "+unix.ENOTDIR.Error()):
		return "give a directory"
	case strings.Contains(text, ": "+unix.EACCES.Error()) && os.Geteuid() != 0:
		return "run it as root, or as the owner"
	case strings.Contains(text, ": "+unix.ENOENT.Error()):
		return "correct the path, or make what is missing"
	}
	return ""
}

// send queues a text, or drops it if the queue is full. The caller holds l.mu.
func (l *messageLog) send(text string) {
	if l.closed {
		return
	}
	select {
	case l.lines <- text:
	default:
	}
}

// printable replaces control characters: file names and records can come from anybody,
// and a terminal executes escape sequences.
func printable(r rune) rune {
	if r == '\n' || unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// error logs an error: each of its lines once.
func (l *messageLog) error(err error) {
	said := map[string]bool{"": true} // the text of errReported
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !said[line] {
			said[line] = true
			l.errorf("%s", line)
		}
	}
}

// exitCode logs why a command failed and returns the exit code.
func (l *messageLog) exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	l.error(err)
	var wrong usageError
	if !errors.As(err, &wrong) {
		return exitFailure
	}
	var bad *format.FormatError
	if errors.As(err, &bad) {
		l.caret(bad)
	}
	return exitUsage
}

// caret marks the position of an error in a LogFormat string.
func (l *messageLog) caret(bad *format.FormatError) {
	shown := []byte(bad.Format)
	for i, c := range shown {
		if c < ' ' || c > '~' {
			shown[i] = '?'
		}
	}
	l.lines <- "    " + string(shown) + "\n"
	l.lines <- strings.Repeat(" ", 4+bad.Column-1) + "^\n"
}

func usage(text string, args ...any) error { return usageError{fmt.Errorf(text, args...)} }

// addressesIn returns the arguments that look like addresses. Somebody who gives an
// address in place of another argument does not want it in the log.
func addressesIn(args []string) (found []string) {
	for _, arg := range args {
		arg = strings.TrimLeft(arg, "-")
		if _, value, ok := strings.Cut(arg, "="); ok {
			arg = value
		}
		if likeAddress.MatchString(arg) && (strings.Count(arg, ".") >= 3 || strings.Count(arg, ":") >= 2) {
			found = append(found, arg)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) }) // longest first: one may be a prefix of another
	return found
}

// likeAddress matches the characters of an address with a port.
var likeAddress = regexp.MustCompile(`^[\[\].:%0-9A-Fa-f]+$`)
