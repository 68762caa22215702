package filter

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/machine"
)

// TestPrefetch: lines are treated the same one after the other as each alone, whatever they
// begin with.
func TestPrefetch(t *testing.T) {
	var lines []string
	for _, name := range []string{"combined", "common", "vhost_combined", "json"} {
		log, err := os.ReadFile("../testdata/httpd/" + name + ".log")
		require.NoError(t, err)
		lines = slices.AppendSeq(lines, strings.Lines(string(log)))
	}
	usual := combinedLine + "\n"
	for _, odd := range []string{"", " ", "192.0.2.1", " 192.0.2.1", "192.0.2.1x", "192.0.2.1 192.0.2.1", "2001:db8::1", "host", strings.Repeat("x", 63), strings.Repeat("x", 64)} {
		lines = append(lines, odd+" "+usual, odd+"\n", usual, strings.Replace(usual, "192.0.2.1", odd, 1), usual)
	}
	lines = slices.Concat(lines, lines)
	cfg := newConfig(t, "auto")
	var want []string
	alone := New(cfg, newCalendar())
	for _, line := range lines {
		want, _ = treatOne(alone, line, want, nil)
	}
	got, _ := treated(t, cfg, newCalendar(), strings.Join(lines, ""))
	together := slices.Collect(strings.Lines(got))
	require.Len(t, together, len(want))
	for i, line := range together {
		require.Equal(t, want[i], line, "of %q", lines[i])
	}
}

// TestPrefetchedHash: the hash that is computed ahead is the one that finds the client.
func TestPrefetchedHash(t *testing.T) {
	f := New(newConfig(t, "auto"), newCalendar())
	f.guard.Cipher = testCipher(t, "ipcrypt")
	rest := []byte(strings.Repeat(combinedLine+"\n", 5))
	want := clientHash{}
	for range 3 {
		_, rest = f.delims.Cut(rest)
		f.prefetch(rest)
		assert.Equal(t, want, f.hash)
		if f.delims.Ahead >= 0 { // not on a processor without vectors
			want = clientHash{machine.Sum([]byte("192.0.2.1")), len("192.0.2.1")}
		}
		assert.Equal(t, want.end, f.nextHash.end)
	}
}
