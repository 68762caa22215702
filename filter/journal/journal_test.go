package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var testKey = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}

const testSettings = "count-v6=128"

// file returns a journal of the payloads and the offset of each frame. The last offset is the
// length of the file.
func file(t testing.TB, payloads ...string) ([]byte, []int) {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, testKey, []byte(testSettings))
	require.NoError(t, err)
	offsets := []int{buf.Len()}
	for _, p := range payloads {
		require.NoError(t, w.Append([]byte(p)))
		offsets = append(offsets, buf.Len())
	}
	return buf.Bytes(), offsets
}

// read reads data from off on and returns the payloads as strings.
func read(data []byte, off int64) ([]string, Info, error) {
	var got []string
	info, err := Read(bytes.NewReader(data), off, func(p []byte) error {
		got = append(got, string(p))
		return nil
	})
	return got, info, err
}

func repeat(b byte, n int) string { return strings.Repeat(string(rune(b)), n) }

func TestRoundTrip(t *testing.T) {
	for _, settings := range []string{"", "x", strings.Repeat("s", MaxSettings)} {
		payloads := []string{"a", repeat('b', 28), repeat('c', MaxPayload), repeat('d', MaxPayload), "e"}
		var buf bytes.Buffer
		w, err := NewWriter(&buf, testKey, []byte(settings))
		require.NoError(t, err)
		for _, p := range payloads {
			require.NoError(t, w.Append([]byte(p)))
		}
		got, info, err := read(buf.Bytes(), 0)
		require.NoError(t, err)
		assert.Equal(t, payloads, got)
		assert.Equal(t, settings, string(info.Settings))
		info.Settings = nil
		assert.Equal(t, Info{HeaderOK: true, KeyID: testKey, Frames: 5, Offset: int64(buf.Len())}, info)
	}
}

// TestLayout pins the format, which other versions read.
func TestLayout(t *testing.T) {
	data, _ := file(t, "ab")
	assert.Equal(t, "HPJ\x01\x01\x02\x03\x04\x05\x06\x07\x08\x0ccount-v6=128\xc7\x07\xc4\x68"+
		"\xf1\xa7\x00\x00\x00\x02\x0b\x86\x70\x63ab", string(data))
}

func TestSizes(t *testing.T) {
	_, err := NewWriter(io.Discard, testKey, make([]byte, MaxSettings+1))
	assert.EqualError(t, err, "journal settings of 256 bytes exceed 255")
	w, err := NewWriter(io.Discard, testKey, nil)
	require.NoError(t, err)
	assert.EqualError(t, w.Append(nil), "journal payload of 0 bytes is not within 1 to 65536")
	assert.EqualError(t, w.Append(make([]byte, MaxPayload+1)), "journal payload of 65537 bytes is not within 1 to 65536")
}

func TestOtherVersion(t *testing.T) {
	data, _ := file(t, "one", "two")
	other := appendHeader(nil, testKey, []byte(testSettings))
	other = other[:len(other)-4]
	other[3] = 2
	other = binary.BigEndian.AppendUint32(other, crc32.Checksum(other, castagnoli))
	data = append(other, data[len(other):]...)
	got, _, err := read(data, 0)
	assert.ErrorIs(t, err, ErrVersion)
	assert.EqualError(t, err, "journal has another version: 2, this program reads 1")
	assert.Empty(t, got)
}

// TestDamage is a table of ways to damage a file of the frames one, two and three.
func TestDamage(t *testing.T) {
	good, at := file(t, "one", "two", "three")
	header := at[0]
	frame := func(i int) []byte { return good[at[i]:at[i+1]] }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name string
		data []byte
		want string // payloads
		info Info   // without Offset, KeyID and Settings
	}{
		{"intact", good, "one two three", Info{HeaderOK: true}},
		{"empty file", nil, "", Info{Torn: true}},
		{"header only", good[:header], "", Info{HeaderOK: true}},
		{"header cut", good[:header-1], "", Info{Torn: true}},
		{"header cut, then frames", join(good[:header-1], good[header:]), "one two three", Info{Damaged: 1}},
		{"no header", good[header:], "one two three", Info{Damaged: 1}},
		{"no journal", []byte("#!/bin/sh\necho HPJ\n"), "", Info{Damaged: 1}},
		{"frame torn at the end", good[:len(good)-1], "one two", Info{HeaderOK: true, Torn: true}},
		{"frame torn within its magic", good[:at[2]+1], "one two", Info{HeaderOK: true, Torn: true}},
		{"frame torn, then repeated", join(good[:at[2]], frame(2)[:9], frame(2)), "one two three", Info{HeaderOK: true, Damaged: 1}},
		{"frame torn, then another torn", join(good[:at[2]], frame(2)[:9], frame(2)[:11]), "one two", Info{HeaderOK: true, Damaged: 1}},
		{"frame torn before each frame", join(good[:header], frame(0)[:1], frame(0), frame(1)[:8], frame(1), frame(2)[:12], frame(2)), "one two three", Info{HeaderOK: true, Damaged: 3}},
		{"frame twice", join(good[:at[2]], frame(1), frame(2)), "one two two three", Info{HeaderOK: true}},
		{"frame missing", join(good[:at[1]], frame(2)), "one three", Info{HeaderOK: true}},
		{"zeros between", join(good[:at[1]], make([]byte, 4096), good[at[1]:]), "one two three", Info{HeaderOK: true, Damaged: 1}},
		{"zeros at the end", join(good, make([]byte, 4096)), "one two three", Info{HeaderOK: true, Damaged: 1}},
		{"two journals in one", join(good, good), "one two three one two three", Info{HeaderOK: true, Damaged: 1}},
		{"length 0", join(good, []byte(frameMagic), make([]byte, 8), frame(0)), "one two three one", Info{HeaderOK: true, Damaged: 1}},
		{"length beyond the end", join(good[:at[1]], []byte(frameMagic+"\x00\x00\xff\xffcccc"), frame(1)), "one two", Info{HeaderOK: true, Damaged: 1}},
		{"length 4 GiB", join(good[:at[1]], []byte(frameMagic+"\xff\xff\xff\xffcccc"), frame(1)), "one two", Info{HeaderOK: true, Damaged: 1}},
		{"magic again and again", join(good[:at[1]], bytes.Repeat([]byte(frameMagic), 50000), frame(1)), "one two", Info{HeaderOK: true, Damaged: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, info, err := read(tt.data, 0)
			require.NoError(t, err)
			assert.Equal(t, tt.want, strings.Join(got, " "))
			tt.info.Frames = len(got)
			if tt.info.HeaderOK {
				tt.info.KeyID, tt.info.Settings = testKey, []byte(testSettings)
			}
			tt.info.Offset = info.Offset
			assert.Equal(t, tt.info, info)
		})
	}
}

func TestTruncatedAtEveryByte(t *testing.T) {
	good, at := file(t, "one", repeat('x', 300), "three")
	for n := range good {
		got, info, err := read(good[:n], 0)
		require.NoError(t, err)
		whole := 0
		for whole < 3 && at[whole+1] <= n {
			whole++
		}
		require.Len(t, got, whole, "cut at %d", n)
		require.Equal(t, n >= at[0], info.HeaderOK, "cut at %d", n)
		require.Zero(t, info.Damaged, "cut at %d", n)
		boundary := n == at[0] || n == at[1] || n == at[2]
		require.Equal(t, !boundary, info.Torn, "cut at %d", n)
		if n >= at[0] {
			require.EqualValues(t, at[whole], info.Offset, "cut at %d", n)
		}

		// A torn frame is completed later: reading from Offset returns the rest.
		rest, info, err := read(good, info.Offset)
		require.NoError(t, err)
		require.Len(t, rest, 3-whole)
		require.Zero(t, info.Damaged)
		require.EqualValues(t, len(good), info.Offset)
	}
}

func TestEveryBitFlipped(t *testing.T) {
	payloads := []string{"one", repeat('x', 300), "three"}
	good, at := file(t, payloads...)
	data := make([]byte, len(good))
	for bit := range 8 * len(good) {
		copy(data, good)
		data[bit/8] ^= 1 << (bit % 8)
		var want []string
		for i, p := range payloads {
			if bit/8 < at[i] || bit/8 >= at[i+1] {
				want = append(want, p)
			}
		}
		got, info, err := read(data, 0)
		require.NoError(t, err)
		require.Equal(t, want, got, "bit %d", bit)
		require.Equal(t, bit/8 >= at[0], info.HeaderOK, "bit %d", bit)
		// With a flipped length, the last frame can look torn.
		require.True(t, info.Damaged == 1 != info.Torn, "bit %d", bit)
	}
}

// TestRandomDamage overwrites, removes and inserts runs of bytes in files whose frames
// cross the ends of the reader's buffer.
func TestRandomDamage(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var payloads []string
		for i := range 30 {
			payloads = append(payloads, fmt.Sprintf("%d:", i)+repeat(byte('a'+i%26), rnd.IntN(MaxPayload-3)))
		}
		good, at := file(t, payloads...)
		from := at[0] + rnd.IntN(len(good)-at[0])
		to := min(len(good), from+1+rnd.IntN(3*MaxPayload))
		noise := make([]byte, rnd.IntN(2*MaxPayload))
		for i := range noise {
			noise[i] = byte(rnd.Uint32())
		}
		data := bytes.Join([][]byte{good[:from], noise, good[to:]}, nil)
		var want []string
		for i, p := range payloads {
			if at[i+1] <= from || at[i] >= to {
				want = append(want, p)
			}
		}
		got, _, err := read(data, 0)
		require.NoError(t, err)
		require.Equal(t, len(want), len(got), "seed %d", seed)
		require.Equal(t, want, got, "seed %d", seed)
	}
}

// TestFollow keeps reading a journal that is written one byte at a time.
func TestFollow(t *testing.T) {
	good, _ := file(t, "one", "two", "three")
	var got []string
	off := int64(0)
	for n := range len(good) + 1 {
		more, info, err := read(good[:n], off)
		require.NoError(t, err)
		require.GreaterOrEqual(t, info.Offset, off)
		got, off = append(got, more...), info.Offset
	}
	assert.Equal(t, []string{"one", "two", "three"}, got)
	assert.EqualValues(t, len(good), off)
}

// failing lets n bytes through and then returns err.
type failing struct {
	io.Writer
	n   int
	err error
}

func (f *failing) Write(p []byte) (int, error) {
	if len(p) <= f.n {
		f.n -= len(p)
		return f.Writer.Write(p)
	}
	n, _ := f.Writer.Write(p[:f.n])
	f.n = 0
	return n, f.err
}

func TestWriterGoesOnAfterAFailedWrite(t *testing.T) {
	failure := errors.New("no space left")
	for _, err := range []error{failure, nil} { // nil: a short write without an error
		for room := range 14 {
			var buf bytes.Buffer
			f := &failing{Writer: &buf, n: 1 << 20, err: err}
			w, err := NewWriter(f, testKey, []byte(testSettings))
			require.NoError(t, err)
			require.NoError(t, w.Append([]byte("one")))
			f.n = room
			err = w.Append([]byte("four"))
			if f.err == nil {
				require.ErrorIs(t, err, io.ErrShortWrite)
			} else {
				require.EqualError(t, err, "write journal frame: no space left")
			}
			f.n = 1 << 20
			require.NoError(t, w.Append([]byte("four")))
			got, info, err := read(buf.Bytes(), 0)
			require.NoError(t, err)
			require.Equal(t, []string{"one", "four"}, got)
			require.Equal(t, min(room, 1), info.Damaged)
		}
	}
	_, err := NewWriter(&failing{Writer: io.Discard, err: failure}, testKey, nil)
	assert.EqualError(t, err, "write journal header: no space left")
}

func TestReadErrors(t *testing.T) {
	good, at := file(t, "one", "two")
	stop := errors.New("stop")
	info, err := Read(bytes.NewReader(good), 0, func(p []byte) error {
		if string(p) == "two" {
			return stop
		}
		return nil
	})
	assert.ErrorIs(t, err, stop)
	assert.Equal(t, 1, info.Frames)
	assert.EqualValues(t, at[1], info.Offset)

	_, err = Read(brokenDisk{}, 0, nil)
	assert.ErrorIs(t, err, iotest.ErrTimeout)
	assert.EqualError(t, err, "read journal at offset 0: timeout")
	_, err = Read(brokenDisk{}, 77, nil)
	assert.EqualError(t, err, "read journal at offset 77: timeout")
}

type brokenDisk struct{}

func (brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, iotest.ErrTimeout }

func TestAppendDoesNotAllocate(t *testing.T) {
	var buf bytes.Buffer
	buf.Grow(1 << 20)
	w, err := NewWriter(&buf, testKey, nil)
	require.NoError(t, err)
	payload := []byte(repeat('x', 280))
	runs := 0
	allocs := testing.AllocsPerRun(100, func() {
		runs++
		if err := w.Append(payload); err != nil {
			t.Fatal(err)
		}
	})
	assert.Zero(t, allocs)
	got, _, err := read(buf.Bytes(), 0)
	require.NoError(t, err)
	assert.Len(t, got, runs)
	assert.Equal(t, string(payload), got[len(got)-1])
}

// FuzzRead compares Read with reference, which looks for a frame at every position, and
// reading in two parts with reading at once.
func FuzzRead(f *testing.F) {
	good, at := file(f, "one", "two\xf1\xa7\x00\x00\x00\x03", "three")
	f.Add(good, uint16(0))
	f.Add(good[:len(good)-2], uint16(at[1]))
	f.Add(append(bytes.Clone(good[:at[1]+5]), good...), uint16(40))
	f.Add(bytes.Repeat([]byte(frameMagic), 20), uint16(3))
	// Log lines, which are no journal at all.
	paths, err := filepath.Glob("../../testdata/*/*.log")
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	for _, path := range paths {
		log, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(log[:min(len(log), 2000)], uint16(100))
	}
	f.Fuzz(func(t *testing.T, data []byte, split uint16) {
		got, info, err := read(data, 0)
		if err != nil {
			require.ErrorIs(t, err, ErrVersion)
			require.Empty(t, got)
			return
		}
		want, end := reference(data)
		require.Equal(t, want, got)
		require.Equal(t, end, info.Offset)
		require.Equal(t, len(got), info.Frames)

		first, info, err := read(data[:min(int(split), len(data))], 0)
		require.NoError(t, err)
		second, info, err := read(data, info.Offset)
		require.NoError(t, err)
		require.Equal(t, end, info.Offset)
		require.Equal(t, got, append(first, second...))
	})
}

// reference finds the frames of a file, and the end of the last one.
func reference(data []byte) (payloads []string, end int64) {
	i := 0
	if n, part := parseHeader(data); part == whole {
		i, end = n, int64(n)
	}
	for i < len(data) {
		if p, part := parseFrame(data[i:]); part == whole {
			payloads = append(payloads, string(p))
			i += len(appendFrame(nil, p))
			end = int64(i)
		} else {
			i++
		}
	}
	return payloads, end
}

// go test ./filter/journal -run '^$' -bench .
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{28, 2800} {
		b.Run(fmt.Sprintf("payload=%d", size), func(b *testing.B) {
			w, err := NewWriter(io.Discard, testKey, nil)
			require.NoError(b, err)
			payload := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Append(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{28, 2800} {
		b.Run(fmt.Sprintf("payload=%d", size), func(b *testing.B) {
			payloads := make([]string, (4<<20)/size)
			for i := range payloads {
				payloads[i] = repeat('x', size)
			}
			data, _ := file(b, payloads...)
			frames := 0
			count := func([]byte) error { frames++; return nil }
			_, err := Read(bytes.NewReader(data), 0, count)
			require.NoError(b, err)
			require.Equal(b, len(payloads), frames)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(bytes.NewReader(data), 0, count); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
