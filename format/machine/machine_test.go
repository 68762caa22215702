package machine

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (m *Marks) found() []int32 { return m.Quotes[:min(m.N, MaxQuotes)] }

func TestMarks(t *testing.T) {
	for _, tt := range []struct {
		line   string
		n      int
		quotes []int32
	}{
		{``, 0, nil},
		{`"`, 1, []int32{0}},
		{`192.0.2.1 - - "GET /" "-"`, 4, []int32{14, 20, 22, 24}},
		{strings.Repeat("x", 200) + `"` + strings.Repeat("x", 200) + `"`, 2, []int32{200, 401}},
		{strings.Repeat(`"`, MaxQuotes), MaxQuotes, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
		{strings.Repeat(`"`, MaxQuotes+1), MaxQuotes + 1, nil},
	} {
		for _, rest := range []string{"", "\"\n", strings.Repeat("\" \n", 80)} {
			var m Marks
			data := []byte(tt.line + "\n" + rest)
			m.Begin(data)
			line, after := m.Cut(data)
			assert.Equal(t, tt.line, string(line))
			assert.Equal(t, rest, string(after))
			assert.Equal(t, wordOf(data), m.First, tt.line)
			assert.Equal(t, wordOf(after), m.Next, tt.line)
			assert.Equal(t, tt.n, m.N, tt.line)
			if m.N <= MaxQuotes {
				assert.True(t, slices.Equal(tt.quotes, m.found()), tt.line)
			}
		}
	}
}

func wordOf(data []byte) (w Word) {
	w.findPlain(data)
	return w
}

func TestWord(t *testing.T) {
	for _, tt := range []struct {
		data string
		n    int
	}{
		{"", 0},
		{" ", 0},
		{"192.0.2.1", 9},
		{"192.0.2.1 - -", 9},
		{"2001:db8::1\n2001:db8::2 - -", 23}, // where the line ends is not known yet
		{strings.Repeat("x", maxWord-1) + " ", maxWord - 1},
		{strings.Repeat("x", maxWord) + " ", maxWord},
		{strings.Repeat("x", 100), maxWord},
	} {
		// Near the end of the data, and far from it.
		for _, behind := range []string{"", strings.Repeat(" y", maxWord)} {
			var w Word
			w.find([]byte(tt.data + behind))
			assert.Equal(t, Word{tt.n, Sum([]byte(tt.data[:tt.n]))}, w, "%q", tt.data)
		}
	}
}

// TestSum: texts that differ in one bit or in their length have different sums, and
// what stands around a text does not matter.
func TestSum(t *testing.T) {
	const most = 300
	text := make([]byte, most+1)
	seen := map[uint64]bool{}
	for n := range most {
		b := append(bytes.Repeat([]byte{'x'}, n%17), text...)[n%17:]
		b[n] = 'y' // behind it
		require.Equal(t, Sum(text[:n]), Sum(b[:n]), n)
		seen[Sum(b[:n])] = true
		for bit := range 8 * n {
			b[bit/8] ^= 1 << (bit % 8)
			seen[Sum(b[:n])] = true
			b[bit/8] = 0
		}
	}
	require.Len(t, seen, most+8*most*(most-1)/2)
}

// TestSumPairs: a difference is not cancelled by one in the next 16 bytes, whatever
// the seed is. After one round of AES, a byte that differs becomes four bytes of
// the form 2d, d, d, 3d, which one among 256 such pairs would meet.
func TestSumPairs(t *testing.T) {
	double := func(d byte) byte { return d<<1 ^ 0x1b*(d>>7) }
	text := make([]byte, 48)
	sum := Sum(text)
	for a := 1; a < 256; a++ {
		for d := 1; d < 256; d++ {
			other := make([]byte, len(text))
			other[0] = byte(a)
			other[16], other[17], other[18], other[19] = double(byte(d)), byte(d), byte(d), double(byte(d))^byte(d)
			require.NotEqual(t, sum, Sum(other), "%x", other)
		}
	}
}

// The low bits of a sum alone find a text's place: they are as good as random.
func TestSumSpreads(t *testing.T) {
	const places = 1 << 14
	for _, shift := range []int{0, 24, 32, 50} {
		taken := map[uint64]bool{}
		for i := range places {
			taken[Sum(fmt.Appendf(nil, "192.0.%d.%d", i/256, i%256))>>shift%places] = true
		}
		// 1-1/e of them, with a standard deviation of 40
		require.InDelta(t, places*(1-1/math.E), len(taken), 300, "bits from %d on", shift)
	}
}

// FuzzWord holds the fast way equal to the plain one.
func FuzzWord(f *testing.F) {
	f.Add([]byte("192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] \"GET / HTTP/1.1\" 200 5"))
	f.Add([]byte("2001:db8:1111:2222:3333:4444:5555:6666 - mary [22/Nov/2026:07:23:55 +0000]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var w Word
		w.find(data)
		require.Equal(t, wordOf(data), w)
		require.Equal(t, Sum(bytes.Clone(data)), Sum(data))
	})
}

// FuzzMarks holds the fast way equal to the plain one.
func FuzzMarks(f *testing.F) {
	log, err := os.ReadFile("../../testdata/httpd/combined.log")
	require.NoError(f, err)
	for line := range bytes.Lines(log) {
		f.Add(append(line[:len(line):len(line)], line...))
	}
	f.Add(bytes.Repeat([]byte(`"-" `), 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append(data, '\n')
		var got, want Marks
		end := got.find(data)
		wantEnd := want.findPlain(data)
		switch end {
		case isNearEnd:
			return
		case hasMany:
			require.Greater(t, bytes.Count(data[:wantEnd], []byte{'"'}), MaxQuotes)
			return
		}
		require.Equal(t, wantEnd, end)
		require.Equal(t, want.N, got.N)
		require.Equal(t, want.found(), got.found())
	})
}

// TestEqual: texts of all lengths that differ in one bit, or nowhere, wherever
// they stand.
func TestEqual(t *testing.T) {
	text := make([]byte, 600)
	for i := range text {
		text[i] = byte(i * 7)
	}
	for n := range 560 {
		a := text[:n]
		b := append(bytes.Repeat([]byte{'x'}, n%17), a...)[n%17:]
		require.True(t, Equal(a, b), n)
		require.False(t, Equal(a, text[:n+1]), n)
		require.False(t, Equal(text[:n+1], a), n)
		for i := range b {
			b[i] ^= 1 << (i % 8)
			require.False(t, Equal(a, b), "%d bytes that differ in byte %d", n, i)
			b[i] = a[i]
		}
	}
}

func FuzzEqual(f *testing.F) {
	f.Add([]byte("https://meet.example.org/a"), []byte("https://meet.example.org/b"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		require.Equal(t, bytes.Equal(a, b), Equal(a, b))
		require.True(t, Equal(a, bytes.Clone(a)))
	})
}
