package audit

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/format/statement"
)

// TestProvers: each claim that a statement can make has a proof here, or is named as one for
// people.
func TestProvers(t *testing.T) {
	for k := range statement.NumKinds {
		assert.Equal(t, k.Provable(), provers[k] != nil, "%s", k)
		assert.Equal(t, k.Provable(), forPeople[k] == "", "%s", k)
	}
	assert.Len(t, doubts, 12)
}
