package daylog

import (
	"bytes"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/entries"
)

// A bound of N entries is enforced with segments of N/20 lines: access-2026-11-27.0007.log.
// Their numbers ascend across days, and the oldest is deleted before a line would exceed the
// bound. No file is rewritten, since programs that follow it would send its lines again.
//
// Each day starts a new segment, and the last one of the previous day stays short. So lines
// are counted, not files.

// takeCensus counts the existing lines before the lock is taken: reading a million of them
// takes longer than other processes wait for it.
func (l *Log) takeCensus(most int) error {
	if l.census != nil && l.maxEntries == most {
		return nil
	}
	c := entries.New(l.d, most)
	if err := c.Refresh(); err != nil {
		return err
	}
	l.census, l.maxEntries = c, most
	return nil
}

// appendBounded is append for segments. The caller holds the lock of the lines.
func (l *Log) appendBounded(at dir.Log, lines []byte) (n int, err error) {
	c, size := l.census, calendar.Bounds{Entries: l.maxEntries}.SegmentSize()
	if err := c.Refresh(); err != nil {
		return 0, err
	}
	for n < len(lines) {
		for c.Lines() >= l.maxEntries {
			gone, isGone, err := c.RemoveOldest()
			if err != nil {
				return n, err
			}
			l.files.forget() // open files would stay on the disk
			if isGone && gone != at.Day {
				l.dayEmpty()
			}
		}
		segment, has := c.Segment(at.Day, at.Hour, size)
		part := firstLines(lines[n:], min(size-has, l.maxEntries-c.Lines()))
		m, err := l.append(segment, part, true)
		c.Added(segment, part[:m])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// firstLines returns at most the first most lines of a text.
func firstLines(text []byte, most int) []byte {
	end := 0
	for ; most > 0 && end < len(text); most-- {
		end += bytes.IndexByte(text[end:], '\n') + 1
	}
	return text[:end]
}
