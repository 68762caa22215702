package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestJoin: several errors are one line, none is reported twice, and of many some
// are.
func TestJoin(t *testing.T) {
	a, b := errors.New("a"), errors.New("b\nc")
	assert.NoError(t, Join(nil, nil))
	assert.EqualError(t, Join(a, nil, Join(b, a)), "a; b; c")
	assert.ErrorIs(t, Join(a, fs.ErrNotExist), fs.ErrNotExist)
	var many []error
	for i := range 20 {
		many = append(many, fmt.Errorf("%d", i))
	}
	assert.EqualError(t, Join(many...), "0; 1; 2; 3; 4; 5; 6; 7; and 12 more")
	assert.ErrorIs(t, Join(append(many, fs.ErrNotExist)...), fs.ErrNotExist)
}
