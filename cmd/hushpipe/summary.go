package main

import (
	"cmp"
	"fmt"
	"time"

	"hushpipe/filter/counters"
	"hushpipe/filter/rooms"
	"hushpipe/format"
	"hushpipe/format/prose"
)

// summary logs at the end what was lost or odd, and reports whether lines or counts
// were lost. fault is the place of an internal error, or "".
func summary(v counters.Values, fault string, counting bool, log *messageLog) (lost bool) {
	for _, c := range counters.All {
		text := counterText(v, c)
		if text != "" && counting && c == counters.Expired {
			text += "; their rooms are counted"
		}
		if text != "" {
			log.logf(severityOf[c.Weight], "%s", text)
		}
	}
	if fault != "" {
		log.errorf("an error in hushpipe, at %s; hint: please report it", fault)
	}
	return v.Lost() || fault != ""
}

var severityOf = map[counters.Weight]severity{counters.Usual: note, counters.Doubted: warning, counters.Lost: failure}

// counterText is the message about a counter with its hint, "" if there is nothing to
// report.
func counterText(v counters.Values, c *counters.Counter) string {
	text := c.Describe(v)
	if text != "" && c.Hint != "" {
		text += "; hint: " + c.Hint
	}
	return text
}

// whyNoRooms returns why no room can be counted in lines of a format, "" if rooms can
// be.
func whyNoRooms(told format.Contents, matcher *rooms.Matcher) string {
	switch {
	case matcher == nil:
	case !told.Client:
		return "--format: it has no client (%h, %a, or a header such as X-Forwarded-For), so that no room is counted"
	case !told.Request:
		return "--format: it has no request (%r, or %U and %q), so that no room is counted"
	case !told.Query && matcher.HasQueries():
		return "--format: it has no query (%r or %q), in which rooms have their names, so that none is counted"
	}
	return ""
}

// lossWatch remembers which losses have been logged. Behind Apache the end of the input
// may be weeks away, so they are logged meanwhile.
type lossWatch struct {
	dir           string
	refused       func() string // why DIR cannot be written to, "" if it can
	dropped       uint64
	malformed     uint64
	malformedTime time.Time
	uncounted     uint64
	uncountedTime time.Time
}

const malformedEvery = time.Hour

// finding is a message to log.
type finding struct {
	severity
	text string
}

// newFindings returns messages about the counters that have grown since the last call.
func (l *lossWatch) newFindings(v counters.Values, now time.Time) (found []finding) {
	if v.Dropped > l.dropped {
		l.dropped = v.Dropped
		found = append(found, finding{failure, prose.Plural(v.Dropped, "line") + " lost so far: " + l.why()})
	}
	add := func(list ...*counters.Counter) {
		for _, c := range list {
			if text := counterText(v, c); text != "" {
				found = append(found, finding{warning, text})
			}
		}
	}
	if v.Malformed > l.malformed && now.Sub(l.malformedTime) >= malformedEvery {
		l.malformed, l.malformedTime = v.Malformed, now
		add(counters.Malformed)
	}
	if n := v.WithoutClient + v.WithoutRequest + v.RoomUnseen; n > l.uncounted && now.Sub(l.uncountedTime) >= malformedEvery {
		l.uncounted, l.uncountedTime = n, now
		add(counters.WithoutClient, counters.WithoutRequest, counters.RoomUnseen)
	}
	return found
}

// why explains why lines are lost, as far as it is known, with a hint.
func (l *lossWatch) why() string {
	why := l.refused()
	return cmp.Or(why, l.dir+" could not be written, or not in time") +
		cmp.Or(notRoot(why), fmt.Sprintf("; hint: free space on %s or make it writable", l.dir))
}

// watchLosses logs at each tick what is being lost and the fault of the input, until
// stop is called.
func watchLosses(tick <-chan time.Time, dir string, counted func() counters.Values, refused, trouble func() string, log *messageLog) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		l := lossWatch{dir: dir, refused: refused}
		for {
			select {
			case now := <-tick:
				for _, found := range l.newFindings(counted(), now) {
					log.logf(found.severity, "%s", found.text)
				}
				if text := trouble(); text != "" {
					log.errorf("%s", text)
				}
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}
