package prose_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/format/prose"
)

func TestCommas(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 123_456: "123,456", 123_456_789: "123,456,789",
		1<<64 - 1: "18,446,744,073,709,551,615"} {
		assert.Equal(t, want, prose.Commas(n))
	}
}

func TestPlural(t *testing.T) {
	for want, got := range map[string]string{
		"0 lines":     prose.Plural(0, "line"),
		"1 line":      prose.Plural(1, "line"),
		"2,000 lines": prose.Plural(uint64(2000), "line"),
		"1 process":   prose.Plural(int64(1), "process"),
		"2 processes": prose.Plural(2, "process"),
		"2 batches":   prose.Plural(2, "batch"),
	} {
		assert.Equal(t, want, got)
	}
}

func TestList(t *testing.T) {
	for texts, want := range map[string]string{"": "", "a": "a", "a b": "a and b", "a b c": "a, b and c"} {
		assert.Equal(t, want, prose.List(strings.Fields(texts), "and"))
	}
}
