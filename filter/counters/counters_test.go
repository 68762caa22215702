package counters_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/counters"
)

// Each field of Values is declared once.
func TestAll(t *testing.T) {
	var v counters.Values
	fields := reflect.ValueOf(&v).Elem()
	declared := map[*uint64]bool{}
	names := map[string]bool{}
	for _, c := range counters.All {
		declared[c.Of(&v)] = true
		if c.Metric != "" {
			assert.False(t, names[c.Metric], c.Metric)
			assert.NotEmpty(t, c.Help, c.Metric)
			names[c.Metric] = true
		}
		*c.Of(&v) = 1
		assert.False(t, c.Weight != counters.Usual && c.Describe(v) == "", "%s: a loss without a word", c.Metric)
	}
	assert.Len(t, counters.All, fields.NumField())
	for i := range fields.NumField() {
		assert.True(t, declared[fields.Field(i).Addr().Interface().(*uint64)], fields.Type().Field(i).Name)
	}
}

func TestSums(t *testing.T) {
	a, b := counters.Values{Lines: 5, Cut: 1}, counters.Values{Lines: 2, Killed: 3}
	assert.Equal(t, counters.Values{Lines: 7, Cut: 1, Killed: 3}, a.Plus(b))
	assert.Equal(t, a, a.Plus(b).Minus(b))
	assert.True(t, a.Lost())
	assert.False(t, b.Lost())
}
