package traffic_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zeebo/xxh3"

	"hushpipe/filter/traffic"
)

// FuzzDigest compares the digest of lines, which are hashed in place or copied, in one
// batch or in several, against a hash of all of them at once.
func FuzzDigest(f *testing.F) {
	f.Add([]byte("a line\nanother\n\nthe last one"), uint64(1), uint64(0b0101))
	f.Add(bytes.Repeat([]byte("192.0.2.7 - - [22/Nov/2026:06:46:00 +0000]\n"), 1000), uint64(2), uint64(0b0001))
	f.Add(bytes.Repeat([]byte("GET\n"), 9000), uint64(3), uint64(1<<63))
	f.Fuzz(func(t *testing.T, input []byte, seed, choices uint64) {
		d := traffic.NewDigester(seed)
		for range 2 {
			var all, first []byte
			rest := append(bytes.Clone(input), '\n')
			for n := 0; len(rest) > 0; n++ {
				end := bytes.IndexByte(rest, '\n')
				line := rest[:end]
				if rest = rest[end+1:]; n == 0 {
					first = line
				}
				switch choices >> (n % 62) & 3 {
				case 3: // of another day
					if n > 0 {
						continue
					}
					fallthrough
				case 0:
					d.Add(line)
				case 1:
					d.Add(line)
					d.Take() // the end of a batch
				case 2:
					scratch := bytes.Clone(line)
					d.AddCopied(scratch)
					for i := range scratch {
						scratch[i] = 'x'
					}
				}
				all = append(append(all, line...), '\n')
			}
			want := traffic.Digest{Size: uint64(len(all)), First: xxh3.HashSeed(first, seed), All: xxh3.HashSeed(all, seed)}
			require.Equal(t, want, d.Sum())
			d.Reset()
			require.Equal(t, traffic.Digest{}, d.Sum())
		}
	})
}
