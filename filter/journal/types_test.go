package journal_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/journal"
)

// TestTypes: a payload begins with its type, and readers of other types skip it.
func TestTypes(t *testing.T) {
	payload := journal.AppendTyped([]byte("x"), journal.Groups, []byte("abc"))[1:]
	assert.Equal(t, "gabc", string(payload))
	records, ok := journal.Groups.Records(payload)
	assert.True(t, ok)
	assert.Equal(t, "abc", string(records))
	for _, other := range []string{"", "tabc", "\x00"} {
		_, ok := journal.Groups.Records([]byte(other))
		assert.False(t, ok, "%q", other)
	}
	assert.True(t, journal.Groups.Joinable())
	assert.False(t, journal.Type('t').Joinable(), "whose records need their payload, for all that is known")
}
