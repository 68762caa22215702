package input

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestCompany: lines that come close together wait for at most 5 ms, a line after silence is
// read at once, and a pipe that fills is read before it is full.
func TestCompany(t *testing.T) {
	const ms = time.Millisecond
	type look struct {
		at   time.Duration
		took int           // bytes
		next time.Duration // when the pipe is read again
		busy bool
	}
	for name, test := range map[string]struct {
		size  int
		looks []look
	}{
		"silence": {1 << 20, []look{
			{0, 200, 5 * ms, false}, {10 * ms, 200, 15 * ms, false}, {time.Hour, 200, time.Hour + 5*ms, false}}},
		"company": {1 << 20, []look{
			{0, 200, 5 * ms, false}, {5 * ms, 5000, 10 * ms, true}, {10 * ms, 17_000, 15 * ms, true}, {15 * ms, 131_071, 20 * ms, true}}},
		"a pipe that fills": {1 << 20, []look{
			{0, 200, 5 * ms, false}, {5 * ms, 1 << 17, 5 * ms, true}, {6 * ms, 1 << 16, 8 * ms, true}, {8 * ms, 1 << 16, 12 * ms, true}}},
		"a flood after silence": {1 << 20, []look{
			{0, 1 << 20, 0, false}, {ms / 10, 1 << 16, 3 * ms / 10, true}}},
		"a small pipe": {1 << 16, []look{
			{0, 200, 5 * ms / 16, false}, {ms, 200, ms + 5*ms/16, false}, {ms + 5*ms/16, 8192, ms + 5*ms/16, true}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(test.size)
			for _, l := range test.looks {
				c.took(l.took, l.at)
				assert.Equal(t, l.next, l.at+c.left(l.at), "at %s", l.at)
				assert.Equal(t, l.busy, c.busy, "at %s", l.at)
			}
		})
	}
}
