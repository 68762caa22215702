package main

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

// messageLog is all that the program writes to stderr, which Apache appends to its
// error log: at most once a minute on one topic, one line each,
//
//	hushpipe: SEVERITY: WHAT: FILE: WHY; hint: WHAT TO DO
//
// The hint is missing where there is nothing to do. Nobody waits for stderr: where it
// is stuck, messages are dropped.
type messageLog struct {
	w     io.Writer
	lines chan string
	done  chan struct{}

	mu         sync.Mutex
	lastLogged map[string]time.Time
	closed     bool

	redacted []string // is not repeated; set before anything is said

	terminal *os.File // stderr, if it is one
	bar      bool     // a progress bar stands in its last line
}

// severity begins a message.
type severity string

const (
	// failure: something was lost, is wrong, or could not be done, and stays so.
	failure severity = "error"
	// warning: hushpipe copes with it for now, or somebody should look.
	warning severity = "warning"
	// note: all is as it should be, and somebody may want to know.
	note severity = "note"
)

// severities are those of the topics of package store that are no warnings.
var severities = map[string]severity{
	"bug":              failure,
	"expired":          failure, // lines are left out
	"expired-rooms":    note,
	"journal-lost":     failure,
	"pending":          failure, // not all is counted
	"purge":            failure,
	"delete keys":      failure,
	"delete lines":     failure,
	"delete leftovers": failure,
	"delete journals":  failure,
	"fleet-seed":       failure, // it is not taken in
	"fleet-state":      failure, // some keys may not be made
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

// close waits a second for what is still to be said.
func (l *messageLog) close() {
	l.mu.Lock()
	l.closed = true // a call of a hanging disk may still have something to say
	close(l.lines)
	l.mu.Unlock()
	select {
	case <-l.done:
	case <-time.After(time.Second):
	}
}

// report is for package store: it writes a line unless the topic came up within the
// last minute.
func (l *messageLog) report(topic, line string) {
	l.limited(topic, cmp.Or(severities[topic], warning), line)
}

// limited writes a line unless the topic came up within the last minute.
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

// errorfWait writes one of many failures, none of which may be dropped: it waits for
// stderr, as only a command may that keeps nobody waiting.
func (l *messageLog) errorfWait(text string, args ...any) {
	l.lines <- formatMessage(failure, text, args...)
}

// formatMessage returns the line, with hints behind all else: an error that has one may be
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

// hintFor says what to do about an error of the system that whoever starts hushpipe can
// mend; "" for others.
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

// send takes what is to be written. The caller holds m.mu.
func (l *messageLog) send(text string) {
	if l.closed {
		return
	}
	select {
	case l.lines <- text:
	default:
	}
}

// printable is for text with file names and records in it: those may be anybody's,
// and a terminal obeys them.
func printable(r rune) rune {
	if r == '\n' || unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// error says an error, joined ones line by line and none of them twice.
func (l *messageLog) error(err error) {
	said := map[string]bool{"": true} // as errReported
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !said[line] {
			said[line] = true
			l.errorf("%s", line)
		}
	}
}

// exitCode says why a command failed and returns what the process exits with.
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

// caret shows the place in a LogFormat string.
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

// addressesIn returns the arguments that are addresses, or nearly: who gives one in the
// place of another word does not want it in a journal.
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
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) }) // one may begin as another does
	return found
}

// likeAddress is all of an address and a port, and of nothing else that is an argument.
var likeAddress = regexp.MustCompile(`^[\[\].:%0-9A-Fa-f]+$`)
