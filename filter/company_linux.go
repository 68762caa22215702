package filter

import "time"

// longestWait is how long lines wait for others to be treated with.
const longestWait = 5 * time.Millisecond

// company decides when a reader of a pipe looks into it again. To wake up costs
// as much as to treat tens of lines; so lines that come close together are
// awaited and taken together. What comes after silence waits for nothing.
//
// Of a pipe that fills, an eighth may come during a wait, at the rate of the time
// before: whoever writes to it finds room.
type company struct {
	most   time.Duration // that a line waits
	eighth int           // of the pipe, in bytes

	last time.Duration // when something was taken last
	wait time.Duration // from then on
	busy bool          // what was taken then came close to what was taken before

	// Who waits for its line before it sends the next would be alone in each wait. So
	// after a wait in vain none follows for a while, and for longer each time.
	skip, skips int
}

// maxSkips is how many times at most lines are taken at once, before it is tried again
// whether a wait brings several together.
const maxSkips = 64

// newCompany returns the company for a pipe of size bytes. In a small one less comes
// together.
func newCompany(size int) company {
	return company{most: time.Duration(min(int64(longestWait), int64(longestWait)*int64(size)/pipeSize)), eighth: size / 8, last: -time.Hour}
}

// took notes that n bytes were taken.
func (c *company) took(n int, now time.Duration) {
	since := now - c.last
	c.last, c.busy = now, since < 2*c.most
	switch {
	case n >= c.eighth:
		c.wait = 0 // whoever writes has more, and writes fast
	case n > 0:
		c.wait = time.Duration(min(int64(c.most), int64(min(since, c.most))*int64(c.eighth)/int64(n)))
	}
}

// brought notes how many lines came together, after a wait or without.
func (c *company) brought(lines int, waited bool) {
	switch {
	case !waited:
		c.skip = max(0, c.skip-1)
	case lines > 1:
		c.skips = 0
	default:
		c.skips = min(max(1, 2*c.skips), maxSkips)
		c.skip = c.skips
	}
}

// left returns how long what has come now goes on waiting.
func (c *company) left(now time.Duration) time.Duration {
	if c.skip > 0 {
		return 0
	}
	return c.last + c.wait - now
}
