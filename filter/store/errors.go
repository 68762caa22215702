package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// fault reports an error. A disk's fault shows on many files at once: it is reported
// of one of them, and of none while lines are refused for it, which Append says.
func (s *Store) fault(topic string, err error, outcome string) {
	if number := cause(err); number != 0 {
		if uintptr(number) == s.ails.Load() {
			return
		}
		topic = number.Error()
	}
	s.cfg.Say(topic, err.Error()+outcome)
}

// cause is the error number behind err, 0 where there is none.
func cause(err error) (number syscall.Errno) {
	errors.As(err, &number)
	return number
}

// faults is several errors in one line.
type faults []error

// join is errors.Join for messages: in one line, and what several things failed
// of is reported once.
func join(errs ...error) error {
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

// shownFaults bounds a message: the days of an archive can be thousands.
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
