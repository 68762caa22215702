package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDamage overwrites, removes or inserts bytes in a journal, and may truncate it: Read
// delivers each undamaged frame, in order, and nothing but the header and frames of the file.
func FuzzDamage(f *testing.F) {
	f.Add([]byte{3, 200, 5}, uint16(40), uint16(1), []byte{0}, uint16(0))
	f.Add([]byte{255, 254, 1, 1}, uint16(0), uint16(29), []byte(frameMagic), uint16(7))
	f.Add([]byte{9, 8, 7, 6, 5}, uint16(60), uint16(0), []byte(frameMagic+"\x00\x00\xff\xff\x00\x00"), uint16(0))
	// Log lines, as another program may have written them into the file.
	paths, err := filepath.Glob("../../testdata/*/*.log")
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	for i, path := range paths {
		log, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add([]byte{30, 30, 30, 30}, uint16(20*i), uint16(10*i), log[:min(len(log), 100*i)], uint16(i))
	}
	f.Fuzz(func(t *testing.T, sizes []byte, from, remove uint16, noise []byte, cut uint16) {
		var payloads []string
		for i, size := range sizes[:min(len(sizes), 200)] {
			payloads = append(payloads, fmt.Sprintf("%d:%s", i, repeat(size&0x7f, 4*int(size))))
		}
		good, at := file(t, payloads...)
		start := int(from) % (len(good) + 1)
		end := min(len(good), start+int(remove))
		data := slices.Concat(good[:start], noise, good[end:])
		length := len(data) - int(cut)%(len(data)+1)

		got, info, err := read(data[:length], 0)
		require.NoError(t, err)
		require.LessOrEqual(t, info.Offset, int64(length))
		shift := len(noise) - (end - start)
		next := 0
		for i, p := range payloads {
			before, behind := at[i+1] <= start && at[i+1] <= length, at[i] >= end && at[i+1]+shift <= length
			if !before && !behind {
				continue
			}
			n := slices.Index(got[next:], p)
			require.GreaterOrEqual(t, n, 0, "frame %d of %d, damage at %d to %d", i, len(payloads), start, end)
			next += n + 1
		}
		for _, p := range got {
			require.Contains(t, payloads, p)
		}
		if start >= at[0] && length >= at[0] {
			require.True(t, info.HeaderOK)
			require.Equal(t, testKey, info.KeyID)
		}
		if shift == 0 && length == len(good) && start < end && string(data) != string(good) {
			require.True(t, info.Damaged > 0 || info.Torn)
		}
	})
}
