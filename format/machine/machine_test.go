package machine

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (m *Delimiters) found() []int32 { return m.Quotes[:min(m.N, maxQuotes)] }

func TestMarks(t *testing.T) {
	for _, tt := range []struct {
		line   string
		blank  int
		n      int
		quotes []int32
	}{
		{``, -1, 0, nil},
		{`"`, -1, 1, []int32{0}},
		{`192.0.2.1 - - "GET /" "-"`, 9, 4, []int32{14, 20, 22, 24}},
		{strings.Repeat("x", 63) + " ", 63, 0, nil},
		{strings.Repeat("x", 64) + " ", -1, 0, nil},
		{strings.Repeat("x", 200) + `"` + strings.Repeat("x", 200) + `"`, -1, 2, []int32{200, 401}},
		{strings.Repeat(`"`, maxQuotes), -1, maxQuotes, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
		{strings.Repeat(`"`, maxQuotes+1), -1, maxQuotes + 1, nil},
	} {
		for _, rest := range []string{"", "\"\n", strings.Repeat("\" \n", 80)} {
			var m Delimiters
			line, after := m.Cut([]byte(tt.line + "\n" + rest))
			assert.Equal(t, tt.line, string(line))
			assert.Equal(t, rest, string(after))
			assert.Equal(t, tt.n, m.N, tt.line)
			if m.N <= maxQuotes {
				assert.Equal(t, tt.blank, m.Blank, tt.line)
				assert.True(t, slices.Equal(tt.quotes, m.found()), tt.line)
			}
		}
	}
}

// TestMarksAhead: Ahead is found after a line of less than 320 bytes that enough data follows.
func TestMarksAhead(t *testing.T) {
	line := `192.0.2.1 - - "GET /" "-"` + "\n"
	enough := strings.Repeat("x", 320) + "\n"
	for _, tt := range []struct {
		data  string
		ahead int
	}{
		{line + line + enough, 9},
		{line + " " + enough, 0},
		{line + strings.Repeat("x", 63) + " " + enough, 63},
		{line + strings.Repeat("x", 64) + " " + enough, -1},
		{line + line, -1},
		{enough + line + line + enough, -1},
	} {
		m := Delimiters{Ahead: 7}
		m.Cut([]byte(tt.data))
		if !hasVectors {
			tt.ahead = -1
		}
		assert.Equal(t, tt.ahead, m.Ahead, tt.data)
	}
}

// FuzzMarks compares find with findPlain.
func FuzzMarks(f *testing.F) {
	log, err := os.ReadFile("../../testdata/httpd/combined.log")
	require.NoError(f, err)
	for line := range bytes.Lines(log) {
		f.Add(append(line[:len(line):len(line)], line...))
	}
	f.Add(bytes.Repeat([]byte(`"-" `), 40))
	f.Add(bytes.Repeat(append(log[:bytes.IndexByte(log, '\n')+1:len(log)], '"', '\n'), 9))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append(data, '\n')
		var got, want Delimiters
		end := got.find(data)
		wantEnd := want.findPlain(data)
		switch end {
		case isNearEnd:
			return
		case hasMany:
			require.Greater(t, bytes.Count(data[:wantEnd], []byte{'"'}), maxQuotes)
			return
		}
		require.Equal(t, wantEnd, end)
		require.Equal(t, want.Blank, got.Blank)
		require.Equal(t, want.N, got.N)
		if got.Ahead >= 0 {
			require.Equal(t, bytes.IndexByte(data[end+1:], ' '), got.Ahead)
		}
		require.Equal(t, want.found(), got.found())
	})
}

// TestSum: the hash depends on each bit of a text of any length, and on nothing around it.
func TestSum(t *testing.T) {
	for n := range 300 {
		text := make([]byte, n)
		for i := range text {
			text[i] = byte(i * 7)
		}
		want := Sum(slices.Clip(text))
		for _, behind := range []int{1, 10, 63, 64, 100} {
			long := append(bytes.Repeat([]byte{'x'}, n%17), text...)
			long = append(long, bytes.Repeat([]byte{'y'}, behind)...)
			require.Equal(t, want, Sum(long[n%17:][:n]), "%d bytes with %d behind", n, behind)
		}
		seen := map[uint64]bool{want: true}
		for i := range 8 * n {
			text[i/8] ^= 1 << (i % 8)
			sum := Sum(text)
			require.False(t, seen[sum], "%d bytes, bit %d", n, i)
			seen[sum] = true
			text[i/8] ^= 1 << (i % 8)
		}
	}
}

func TestCannotHoldAddress(t *testing.T) {
	for _, tt := range []struct {
		text string
		want bool
	}{
		{"https://meet.example.org/Standup", true},
		{"https://meet.example.org:8443/Standup", false},
		{"https://www.meet.example.org/Standup", false},
		{"https://example.org/?room=a", false},
		{"https://example.org/%41bcdefghij", false},
		{`https://example.org/\x41bcdefghij`, false},
		{"https://joe@example.org/Standup", false},
		{"https://[2001:db8::1]/a/b/c/d", false},
		{"https://192.0.2.1/a/b/c/d/e/f", false},
		{"-", false},
		{"", false},
	} {
		text := slices.Clip([]byte(tt.text))
		assert.Equal(t, tt.want && hasVectors, CannotHoldAddress(text, '='), tt.text)
		short := tt.text == "-" || tt.text == "" // in a line, more bytes follow
		assert.Equal(t, (tt.want || short) && hasVectors, CannotHoldAddress(append(text, strings.Repeat("=", 70)...)[:len(text)], '='), tt.text)
	}

	// Each byte counts once, at any position in a text of any length, whatever follows.
	for n := 1; n < 200 && hasVectors; n++ {
		for at := range n {
			for _, few := range []struct {
				c   byte
				few int
			}{{'.', 2}, {':', 1}, {'-', 2}, {'%', 0}, {'\\', 0}, {'@', 0}, {'=', 0}} {
				text := append(bytes.Repeat([]byte{'x'}, n), ".......:::::------%%%%%\\\\\\\\@@@@======"+strings.Repeat(".", 64)...)[:n]
				alone := bytes.Clone(text)[:n:n]
				for i := range few.few + 1 {
					require.True(t, CannotHoldAddress(text, '='), "%q", text)
					require.Equal(t, n >= 16, CannotHoldAddress(alone, '='), "%q", text)
					text[(at+7*i)%n] = few.c
					alone[(at+7*i)%n] = few.c
				}
				require.Equal(t, cannotHoldAddressPlain(text, '='), CannotHoldAddress(text, '='), "%q", text)
				require.Equal(t, n >= 16 && cannotHoldAddressPlain(text, '='), CannotHoldAddress(alone, '='), "%q", text)
			}
		}
	}
}

// cannotHoldAddressPlain is CannotHoldAddress for a text of any length.
func cannotHoldAddressPlain(text []byte, other byte) bool {
	return bytes.Count(text, []byte{'.'}) < 3 && bytes.Count(text, []byte{':'}) < 2 && bytes.Count(text, []byte{'-'}) < 3 && !bytes.ContainsAny(text, `%\@`) &&
		bytes.IndexByte(text, other) < 0
}

// FuzzCannotHoldAddress compares CannotHoldAddress with cannotHoldAddressPlain.
func FuzzCannotHoldAddress(f *testing.F) {
	f.Add([]byte("https://meet.example.org/Standup"), byte('='))
	f.Add([]byte("https://meet.example.org/Standup?a=b"), byte('%'))
	f.Add([]byte("https://joe@example.org/Standup"), byte('='))
	f.Add([]byte("192.0.2.1 2001:db8::1 %31=b\\x41"), byte('='))
	f.Fuzz(func(t *testing.T, text []byte, other byte) {
		alone := append(make([]byte, 0, len(text)), text...)
		require.Equal(t, len(text) >= 16 && hasVectors && cannotHoldAddressPlain(text, other), CannotHoldAddress(alone, other))
		line := append(append(make([]byte, 0, len(text)+64), text...), '.', ':', other, '%', '\\')[:len(text)]
		require.Equal(t, hasVectors && cannotHoldAddressPlain(text, other), CannotHoldAddress(line, other))
	})
}

// TestHasNUL: a NUL is found at any position in data of any length, but not behind it.
func TestHasNUL(t *testing.T) {
	for n := range 1100 {
		data := append(bytes.Repeat([]byte{byte(n) | 1}, n), 0)[:n]
		require.False(t, HasNUL(data), "%d bytes", n)
		for at := range data {
			c := data[at]
			data[at] = 0
			require.True(t, HasNUL(data), "%d bytes, at %d", n, at)
			data[at] = c
		}
	}
}

// FuzzHasNUL compares HasNUL with hasNULPlain.
func FuzzHasNUL(f *testing.F) {
	f.Add([]byte("192.0.2.1"), []byte{0}, uint16(300))
	f.Fuzz(func(t *testing.T, text, behind []byte, times uint16) {
		data := append(bytes.Repeat(text, int(times%512)), behind...)
		require.Equal(t, hasNULPlain(data), HasNUL(data))
	})
}
