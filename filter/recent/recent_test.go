package recent_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/recent"
)

// entry has its own key, which is not 0.
type entry struct{ key, value int }

// sum is a poor hash: eight keys share it, so that they contend for its two places.
func sum(key int) uint64 { return uint64(key/8) * 0x9e3779b97f4a7c15 }

// TestTable: an entry is found at one of its two places or not at all, and only while it is
// among the newest.
func TestTable(t *testing.T) {
	const most = 1024
	table := recent.New[entry](most)
	find := func(key int) *entry {
		for _, e := range []*entry{table.First(sum(key)), table.Second(sum(key))} {
			if e.key == key {
				return e
			}
		}
		return nil
	}
	for key := 1; key <= 5*most; key++ {
		e, at := table.Put(sum(key))
		*e = entry{key, 3 * key}
		assert.Same(t, e, table.At(uint16(at)))
		assert.Same(t, e, find(key), "the last one is found")
		assert.LessOrEqual(t, table.Len(), most)
	}
	assert.Equal(t, most, table.Len())
	found := 0
	for key := 1; key <= 5*most; key++ {
		if e := find(key); e != nil {
			found++
			assert.Equal(t, 3*key, e.value)
			assert.Greater(t, key, 4*most, "an old one made room")
		}
	}
	assert.GreaterOrEqual(t, found, most/8, "at least the last one of each hash")
}
