package roomfile

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Lines of a published statement, in the order of the file.
const published = "56 374935dec0d3632a284e67bb45036fd1a0591724\n5 d8dd82b4a3161d0eac8543b4867c2758533643b5\n"

const hash = "d8dd82b4a3161d0eac8543b4867c2758533643b5"

func TestPublished(t *testing.T) {
	entries, err := Parse([]byte(published))
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, uint64(56), entries[0].Count)
	assert.Equal(t, hash, fmt.Sprintf("%x", entries[1].Hash))
	assert.Equal(t, published, string(Append(nil, entries)))
}

// printf %s peterskonferenz | sha1sum
func TestAppend(t *testing.T) {
	e := Entry{sha1.Sum([]byte("peterskonferenz")), math.MaxUint64}
	assert.Equal(t, "x18446744073709551615 f60790df948cb424ba892979dada8baff53f4a1d\n", string(Append([]byte("x"), []Entry{e})))
}

func TestParse(t *testing.T) {
	const one = "1 " + hash
	for _, tt := range []struct {
		name, in string
		want     string // what the good entries append to
		err      string
	}{
		{"empty", "", "", ""},
		{"no last newline", one, one + "\n", ""},
		{"CRLF", one + "\r\n", one + "\n", ""},
		{"another order", "5 " + hash + "\n56 374935dec0d3632a284e67bb45036fd1a0591724\n", published, ""},
		{"largest count", "18446744073709551615 " + hash, "18446744073709551615 " + hash + "\n", ""},
		{"beyond 64 bits", "18446744073709551616 " + hash, "", "line 1: the count is beyond 64 bits"},
		{"count 0", "0 " + hash, "", "line 1: the count is not a positive number"},
		{"leading zero", "01 " + hash, "", "line 1: the count is not a positive number"},
		{"sign", "+1 " + hash, "", "line 1: the count is not a positive number"},
		{"no decimal", "1e3 " + hash, "", "line 1: the count is not a positive number"},
		{"no count", " " + hash, "", "line 1: the count is not a positive number"},
		{"empty line", one + "\n\n", one + "\n", "line 2: not COUNT HASH"},
		{"cut in the count", one + "\n5", one + "\n", "line 2: not COUNT HASH"},
		{"cut in the hash", one + "\n5 3749", one + "\n", "line 2: the hash has not 40 digits"},
		{"two spaces", "1  " + hash, "", "line 1: the hash has not 40 digits"},
		{"more fields", one + " x", "", "line 1: the hash has not 40 digits"},
		{"two returns", one + "\r\r\n", "", "line 1: the hash has not 40 digits"},
		{"upper case", "1 " + strings.ToUpper(hash), "", "line 1: the hash has other signs than 0-9 and a-f"},
		{"no hex", "1 g" + hash[1:], "", "line 1: the hash has other signs than 0-9 and a-f"},
		{"same hash", "2 " + hash + "\n7 " + hash + "\n3 " + hash, "7 " + hash + "\n", "line 2: a hash that stood before\nline 3: a hash that stood before"},
		{"goes on", "x\n" + published + "y\n", published, "line 1: not COUNT HASH\nline 4: not COUNT HASH"},
		{"NUL bytes", "\x00\x00\n", "", "line 1: not COUNT HASH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entries, err := Parse([]byte(tt.in))
			assert.Equal(t, tt.want, string(Append(nil, entries)))
			if tt.err == "" {
				assert.NoError(t, err)
			} else {
				assert.EqualError(t, err, tt.err)
			}
		})
	}
}

func TestParseUpTo(t *testing.T) {
	entries, err := ParseUpTo([]byte(published), 56)
	require.NoError(t, err)
	assert.Len(t, entries, 2)
	entries, err = ParseUpTo([]byte(published), 55)
	assert.EqualError(t, err, "line 1: the count is beyond 55")
	assert.Equal(t, "5 "+hash+"\n", string(Append(nil, entries)))
}

func TestParseErrors(t *testing.T) {
	_, err := Parse([]byte(strings.Repeat("192.0.2.1\n", 13)))
	var line *LineError
	require.True(t, errors.As(err, &line))
	assert.Equal(t, &LineError{1, "not COUNT HASH"}, line)
	assert.Equal(t, maxLineErrors, strings.Count(err.Error(), "line "))
	assert.True(t, strings.HasSuffix(err.Error(), "\nand 3 more"))
	assert.NotContains(t, err.Error(), "192")
}

func TestMerge(t *testing.T) {
	e := func(hash byte, count uint64) Entry { return Entry{[20]byte{hash}, count} }
	for _, tt := range []struct{ a, b, want []Entry }{
		{nil, nil, []Entry{}},
		{[]Entry{e(1, 5)}, nil, []Entry{e(1, 5)}},
		{[]Entry{e(1, 5)}, []Entry{e(1, 4)}, []Entry{e(1, 5)}},
		{[]Entry{e(1, 5), e(3, 1)}, []Entry{e(2, 4), e(3, 9), e(4, 1)}, []Entry{e(1, 5), e(2, 4), e(3, 9), e(4, 1)}},
	} {
		assert.Equal(t, tt.want, Merge(tt.a, tt.b))
		assert.Equal(t, tt.want, Merge(tt.b, tt.a))
	}
}

// FuzzParse compares Parse with Append: entries survive a round trip, and an intact file equals
// what its entries append.
func FuzzParse(f *testing.F) {
	f.Add([]byte(published))
	f.Add([]byte("1 " + hash + "\r\n0 " + hash + "\n1 " + hash))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := Parse(b)
		again, err2 := Parse(Append(nil, entries))
		require.NoError(t, err2)
		require.Equal(t, entries, again)
		if err == nil {
			lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n"), "\n")
			slices.SortFunc(lines, func(a, b string) int {
				_, a, _ = strings.Cut(a, " ")
				_, b, _ = strings.Cut(b, " ")
				return strings.Compare(a, b)
			})
			require.Equal(t, strings.TrimSuffix(strings.Join(lines, "\n"), "\r"),
				strings.TrimSuffix(string(Append(nil, entries)), "\n"))
		}

		// The same bytes as entries: 8 for the count, and 2 for the hash, to get collisions.
		var made []Entry
		for ; len(b) >= 10; b = b[10:] {
			e := Entry{Count: max(1, binary.BigEndian.Uint64(b))}
			copy(e.Hash[:], b[8:10])
			made = Merge(made, []Entry{e})
		}
		back, err := Parse(Append(nil, made))
		require.NoError(t, err)
		require.Equal(t, made, back)
	})
}

// go test ./format/roomfile -run '^$' -bench .
func BenchmarkParse(b *testing.B) {
	var entries []Entry
	for i := range 2000 {
		entries = Merge(entries, []Entry{{sha1.Sum(fmt.Append(nil, i)), uint64(i + 1)}})
	}
	file := Append(nil, entries)
	b.Run(fmt.Sprintf("rooms=%d", len(entries)), func(b *testing.B) {
		got, err := Parse(file)
		require.NoError(b, err)
		require.Equal(b, entries, got)
		b.SetBytes(int64(len(file)))
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Parse(file)
		}
	})
}
