package input

import (
	"bytes"
	"time"
)

// longestWait bounds how long a line waits for others.
const longestWait = 5 * time.Millisecond

// company decides when a reader of a pipe reads it again. One wake-up costs as much
// as treating tens of lines, so the reader collects lines that come close together. It
// reads a line that comes after silence at once.
//
// A wait is so short that at most an eighth of the pipe fills during it, at the rate of
// the time before. So the pipe's writers always have room.
type company struct {
	most   time.Duration // the longest wait
	eighth int           // of the pipe's size, in bytes

	last time.Duration // when bytes were taken last
	wait time.Duration // how long to wait from then on
	busy bool          // those bytes came soon after the ones before

	// A client that waits for its line before it sends the next one is alone in each
	// wait. So after a wait that brought one line, skip reads follow without one. skips is
	// their number, which doubles with each such wait.
	skip, skips int
}

// maxSkips bounds the number of reads without a wait before the next attempt.
const maxSkips = 64

// newCompany returns the company for a pipe of size bytes. A smaller pipe has shorter
// waits.
func newCompany(size int) company {
	return company{most: time.Duration(min(int64(longestWait), int64(longestWait)*int64(size)/pipeSize)), eighth: size / 8, last: -time.Hour}
}

// took records that n bytes were taken at now.
func (c *company) took(n int, now time.Duration) {
	since := now - c.last
	c.last, c.busy = now, since < 2*c.most
	switch {
	case n >= c.eighth:
		c.wait = 0 // the writer is fast and has more
	case n > 0:
		c.wait = time.Duration(min(int64(c.most), int64(min(since, c.most))*int64(c.eighth)/int64(n)))
	}
}

// brought records the bytes of one read, and whether Read slept before it. It searches the
// bytes only after a wait: in a busy log, another pass over all of them would cost 1 to 2 %
// of the work.
func (c *company) brought(p []byte, waited bool) {
	switch {
	case !waited:
		c.skip = max(0, c.skip-1)
	case hasSeveralLines(p):
		c.skips = 0
	default:
		c.skips = min(max(1, 2*c.skips), maxSkips)
		c.skip = c.skips
	}
}

// hasSeveralLines reports whether a second line ends in p.
func hasSeveralLines(p []byte) bool {
	end := bytes.IndexByte(p, '\n')
	return end >= 0 && bytes.IndexByte(p[end+1:], '\n') >= 0
}

// left returns how much of the wait is left.
func (c *company) left(now time.Duration) time.Duration {
	if c.skip > 0 {
		return 0
	}
	return c.last + c.wait - now
}
