package main

import (
	"fmt"
	"time"

	"hushpipe/filter"
	"hushpipe/filter/rooms"
	"hushpipe/format"
)

// summary says at the end what was not as it should be, and reports whether
// lines were lost.
func summary(s filter.Stats, dropped uint64, counting bool, say *messages) (lost bool) {
	if s.Malformed > 0 {
		say.sayf(warning, "%s", malformed(s))
	}
	for _, what := range uncounted(s) {
		say.sayf(warning, "%s", what)
	}
	if s.Glued > 0 {
		say.sayf(warning, "%s made of several that were written into each other; the counts of their days are a lower bound", several(s.Glued, "line"))
	}
	if s.Cut > 0 {
		say.sayf(failure, "%s longer than 1 MiB; their ends were dropped", several(s.Cut, "line"))
	}
	if s.Expired > 0 {
		counted := ""
		if counting {
			counted = "; their rooms are counted"
		}
		say.sayf(note, "%d of %s past the retention: not written%s", s.Expired, several(s.Lines, "line"), counted)
	}
	if s.Adjusted > 0 {
		say.sayf(note, "%d of %s without a readable time or dated after tomorrow: written to today", s.Adjusted, several(s.Lines, "line"))
	}
	if s.Overflow > 0 {
		say.sayf(failure, "rooms not counted in %s: too many rooms or addresses in a day (--max-rooms, --max-pairs), a room name that is too long, or lines written into each other", several(s.Overflow, "line"))
	}
	if s.Fault != "" {
		say.sayf(failure, "%s left out because of an error in hushpipe, at %s; hint: please report it", several(s.Failed, "line"), s.Fault)
	}
	if dropped > 0 {
		say.sayf(failure, "%s lost: the disk was full or did not answer", several(dropped, "line"))
	}
	return s.Cut+s.Failed+s.Overflow+dropped > 0 || s.Fault != ""
}

func malformed(s filter.Stats) string {
	return fmt.Sprintf("%d of %s in no known format; all that could be an address or a client's name in them was replaced; hint: give their format with --format", s.Malformed, several(s.Lines, "line"))
}

// uncounted says of which lines rooms cannot be counted.
func uncounted(s filter.Stats) (said []string) {
	for _, lines := range []struct {
		n    uint64
		what string
	}{
		{s.WithoutClient, "without client: their rooms are not counted; hint: see --format"},
		{s.WithoutRequest, "without request: their rooms are not counted; hint: see --format"},
		{s.RoomUnseen, "of rooms whose name cannot be seen; hint: log the query, by %r or %q"},
	} {
		if lines.n > 0 {
			said = append(said, fmt.Sprintf("%d of %s %s", lines.n, several(s.Lines, "line"), lines.what))
		}
	}
	return said
}

// untold says of a format what its lines cannot tell, so that no room is counted; ""
// for nothing.
func untold(told format.Told, matcher *rooms.Matcher) string {
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

// losses is what was said before the end: behind Apache that may be weeks away.
type losses struct {
	dir           string
	dropped       uint64
	malformed     uint64
	malformedTime time.Time
	uncounted     uint64
	uncountedTime time.Time
}

const malformedEvery = time.Hour

// finding is a message that is due.
type finding struct {
	severity
	text string
}

// news returns what counts that have grown since the last call are worth saying.
func (l *losses) news(s filter.Stats, dropped uint64, now time.Time) (found []finding) {
	if dropped > l.dropped {
		l.dropped = dropped
		found = append(found, finding{failure, fmt.Sprintf("%s lost so far, the buffer is full; hint: free space on %s or make it writable", several(dropped, "line"), l.dir)})
	}
	if s.Malformed > l.malformed && now.Sub(l.malformedTime) >= malformedEvery {
		l.malformed, l.malformedTime = s.Malformed, now
		found = append(found, finding{warning, malformed(s)})
	}
	if n := s.WithoutClient + s.WithoutRequest + s.RoomUnseen; n > l.uncounted && now.Sub(l.uncountedTime) >= malformedEvery {
		l.uncounted, l.uncountedTime = n, now
		for _, what := range uncounted(s) {
			found = append(found, finding{warning, what})
		}
	}
	return found
}

// watch says at each tick what is being lost, until stop is called.
func watch(tick <-chan time.Time, dir string, f *filter.Filter, q *filter.Queue, say *messages) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		l := losses{dir: dir}
		for {
			select {
			case now := <-tick:
				for _, found := range l.news(f.Snapshot(), q.Dropped(), now) {
					say.sayf(found.severity, "%s", found.text)
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
