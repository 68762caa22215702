package counts

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A large journal is not copied again for each small one that comes.
func TestFoldOfLargeJournals(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		sizes []int64 // MiB/4
		want  int     // parts that are folded
	}{
		{[]int64{1, 1, 1}, 3},
		{[]int64{0, 1, 400}, 2},
		{[]int64{100, 400}, 2},
		{[]int64{99, 400}, 0},
		{[]int64{1, 1, 1, 100, 400}, 5},
		{[]int64{1, 1, 80, 400}, 2},
		{[]int64{400}, 0},
		{[]int64{1}, 0},
	} {
		_, s, _ := New(Config{})
		var parts []*part
		for i, size := range tt.sizes {
			parts = append(parts, &part{name: fmt.Sprint(i), size: size * mib / 4})
		}
		assert.Len(t, s.worthFolding(parts), tt.want, "%v", tt.sizes)
		s.flawed["0"] = ""
		assert.Positive(t, len(s.worthFolding(parts[:1])), "one that is damaged is always dealt with")
	}
}
