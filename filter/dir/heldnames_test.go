package dir_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	. "hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// TestHeldNames: what the names of held lines and of journals with types say, to this
// version and to those that know neither.
func TestHeldNames(t *testing.T) {
	day, _ := civil.ParseDay("2026-11-22")
	for _, test := range []struct {
		name   string
		first  byte
		moving bool
		ok     bool
	}{
		{HeldFile(day, 0xa7), 0xa7, false, true},
		{NewHeldFile(day, 0xa7), 0xa7, false, true},
		{HeldFile(day, 0) + MovingSuffix, 0, true, true},
		{NewHeldFile(day, 0xff) + MovingSuffix, 0xff, true, true},
		{"2026-11-22.a7.held.gz", 0, false, false},
		{"2026-11-22.xx.held", 0, false, false},
		{"2026-11-22.held", 0, false, false},
		{"2026-11-22.a7.0123.held", 0, false, false},
		{"2026-11-22.", 0, false, false},
		{"CACHEDIR.TAG", 0, false, false},
	} {
		of, first, moving, ok := ParseHeld(test.name)
		assert.Equal(t, test.ok, ok, test.name)
		if ok {
			assert.Equal(t, []any{day, test.first, test.moving}, []any{of, first, moving}, test.name)
		}
	}
	for _, name := range []string{HeldFile(day, 1), HeldFile(day, 1) + MovingSuffix, HeldFile(day, 1) + ".gz"} {
		of, dated := ExpiryDay(Held, name)
		assert.True(t, dated && of == day, "%s is deleted with its day", name)
	}
	typed := NewTypedJournal(day)
	of, ok := TypedDay(typed)
	assert.True(t, ok && of == day)
	_, ok = TypedDay(NewJournal(day))
	assert.False(t, ok)
	// An earlier version sees a copy: it does not read the file, and deletes it.
	_, own := OwnDay(Journal, typed)
	assert.False(t, own)
	of, dated := ExpiryDay(Journal, typed)
	assert.True(t, dated && of == day)
}
