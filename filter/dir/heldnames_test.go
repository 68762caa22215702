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
	whole, hour := Log{Day: day, Hour: AllDay}, Log{Day: day, Hour: 7}
	for _, test := range []struct {
		name   string
		to     Log
		first  byte
		moving bool
		ok     bool
	}{
		{HeldFile(whole, 0xa7), whole, 0xa7, false, true},
		{NewHeldFile(whole, 0xa7), whole, 0xa7, false, true},
		{HeldFile(whole, 0) + MovingSuffix, whole, 0, true, true},
		{NewHeldFile(whole, 0xff) + MovingSuffix, whole, 0xff, true, true},
		{HeldFile(hour, 0xa7), hour, 0xa7, false, true},
		{NewHeldFile(hour, 0xa7) + MovingSuffix, hour, 0xa7, true, true},
		{"2026-11-22T07.a7.held", hour, 0xa7, false, true},
		{"2026-11-22.a7.held.gz", whole, 0, false, false},
		{"2026-11-22T24.a7.held", whole, 0, false, false},
		{"2026-11-22T7.a7.held", whole, 0, false, false},
		{"2026-11-22T", whole, 0, false, false},
		{"2026-11-22.xx.held", whole, 0, false, false},
		{"2026-11-22.held", whole, 0, false, false},
		{"2026-11-22.a7.0123.held", whole, 0, false, false},
		{"2026-11-22.", whole, 0, false, false},
		{"CACHEDIR.TAG", whole, 0, false, false},
	} {
		of, first, moving, ok := ParseHeld(test.name)
		assert.Equal(t, test.ok, ok, test.name)
		if ok {
			assert.Equal(t, []any{test.to, test.first, test.moving}, []any{of, first, moving}, test.name)
		}
	}
	for _, name := range []string{HeldFile(whole, 1), HeldFile(hour, 1), HeldFile(hour, 1) + MovingSuffix, HeldFile(whole, 1) + ".gz"} {
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
