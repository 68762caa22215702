package machine

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// beforeNothing returns a copy of b that ends at an unreadable page.
func beforeNothing(t *testing.T, b []byte) []byte {
	size := unix.Getpagesize()
	mem, err := unix.Mmap(-1, 0, 2*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(mem)) })
	require.NoError(t, unix.Mprotect(mem[size:], unix.PROT_NONE))
	end := mem[size-len(b) : size : size]
	copy(end, b)
	return end
}

// TestBounds: nothing is read beyond the capacity of a slice.
func TestBounds(t *testing.T) {
	all := beforeNothing(t, make([]byte, 700))
	for n := range 700 {
		for behind := range min(70, n) {
			text := all[700-n : 700-behind]
			require.Equal(t, Sum(bytes.Clone(text)), Sum(text))
			require.Equal(t, len(text) > 0, HasNUL(text))
			require.Equal(t, (len(text) >= 16 || cap(text) >= 64) && hasVectors, CannotHoldAddress(text, '='))
		}
	}
	line := `192.0.2.1 - - "GET /" "-"` + "\n"
	for n := range 700 {
		data := []byte(strings.Repeat(line, 30)[:n] + "\n")
		data = beforeNothing(t, data)
		for len(data) > 0 {
			var m Delimiters
			_, data = m.Cut(data)
		}
	}
}
