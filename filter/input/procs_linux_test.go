package input

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestProcs: one processor is used after a second in which more were not useful, until they
// are useful again.
func TestProcs(t *testing.T) {
	const ms = time.Millisecond
	var set []int
	p := procs{all: 4, set: func(n int) { set = append(set, n) }}
	p.useless(999 * ms)
	assert.Empty(t, set, "the start needs all")
	p.useless(time.Second)
	p.useless(2 * time.Second)
	assert.Equal(t, []int{1}, set)
	p.useful(3 * time.Second)
	p.useful(3500 * ms)
	p.useless(4 * time.Second)
	assert.Equal(t, []int{1, 4}, set)
	p.useless(4500 * ms)
	assert.Equal(t, []int{1, 4, 1}, set)
	for _, took := range []time.Duration{ms, ms, 0, 9 * ms, 9 * ms} {
		p.ran(took, 5*time.Second)
	}
	assert.Equal(t, []int{1, 4, 1}, set, "another process ran")
	p.ran(9*ms, 5*time.Second)
	assert.Equal(t, []int{1, 4, 1, 4}, set)

	p = procs{all: 1, set: func(int) { t.Error("there is one only") }}
	p.useless(time.Hour)
	p.useful(time.Hour)
}
