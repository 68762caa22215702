package dir

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// faultSize bounds the last fault that a Reporter stores, in bytes.
const faultSize = 400

// Reporter reports faults to the operator, and stores the last one. All packages that work
// on DIR for one process share it. Any goroutine may call its methods.
type Reporter struct {
	say     func(topic, line string)
	now     func() time.Time
	refused atomic.Uintptr         // the errno for which lines are refused; 0: none, or another error
	why     atomic.Pointer[string] // the text of that error; nil: none
	last    atomic.Pointer[fault]
}

type fault struct {
	at   time.Time
	line string
}

// NewReporter returns a Reporter that prints with say, one line at a time, which prints a
// topic at most once a minute.
func NewReporter(say func(topic, line string), now func() time.Time) *Reporter {
	return &Reporter{say: say, now: now}
}

// Log reports a line, and stores it as the last fault unless it is good news.
func (r *Reporter) Log(topic, line string) {
	if topic != "recovered" && topic != "expired-rooms" {
		r.last.Store(&fault{r.now().Truncate(time.Second), line[:min(len(line), faultSize)]})
	}
	r.say(topic, line)
}

// Fault reports an error, followed by its outcome. One disk fault affects many files: errors
// with the same errno are reported once, and not at all while lines are refused for it.
func (r *Reporter) Fault(topic string, err error, outcome string) {
	if number := Cause(err); number != 0 {
		if uintptr(number) == r.refused.Load() {
			return
		}
		topic = number.Error()
	}
	r.Log(topic, err.Error()+outcome)
}

// Refuse sets the reason why lines are refused, nil once they are written again.
func (r *Reporter) Refuse(err error) {
	r.refused.Store(uintptr(Cause(err)))
	if err == nil {
		r.why.Store(nil)
		return
	}
	text := err.Error()
	r.why.Store(&text)
}

// Refused returns why lines are refused, "" if they are not.
func (r *Reporter) Refused() string {
	if why := r.why.Load(); why != nil {
		return *why
	}
	return ""
}

// Last returns the last fault, and a zero time if there is none.
func (r *Reporter) Last() (at time.Time, line string) {
	if f := r.last.Load(); f != nil {
		return f.at, f.line
	}
	return time.Time{}, ""
}

// Cause returns the errno in err, 0 if there is none.
func Cause(err error) (number syscall.Errno) {
	errors.As(err, &number)
	return number
}

// faults is a list of errors that formats as one line.
type faults []error

// Join is errors.Join for messages: it formats as one line, in which equal texts appear
// once.
func Join(errs ...error) error {
	var all faults
	for _, err := range errs {
		parts, ok := err.(faults)
		if !ok {
			parts = faults{err}
		}
		for _, err := range parts {
			if err != nil && !slices.ContainsFunc(all, func(e error) bool { return e.Error() == err.Error() }) {
				all = append(all, err)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// shownFaults bounds a message: an archive can have thousands of days.
const shownFaults = 8

func (f faults) Error() string {
	shown := f[:min(len(f), shownFaults)]
	texts := make([]string, len(shown))
	for i, err := range shown {
		texts[i] = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	if more := len(f) - len(shown); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}

func (f faults) Unwrap() []error { return f }
