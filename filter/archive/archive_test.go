package archive

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func gzipOf(t *testing.T, text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	io.WriteString(w, text)
	require.NoError(t, w.Close())
	return out.String()
}

func zstdOf(t *testing.T, text string, options ...zstd.EOption) string {
	w, err := zstd.NewWriter(nil, options...)
	require.NoError(t, err)
	return string(w.EncodeAll([]byte(text), nil))
}

// save writes a file and opens it.
func save(t *testing.T, name, data string) (*File, error) {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
	return Open(path, nil)
}

// readAll returns what a Reader reads, and the error of each file that has one.
func readAll(t *testing.T, r *Reader) (text string, faults []string) {
	var all strings.Builder
	for {
		b, err := r.Next()
		if err == io.EOF {
			return all.String(), faults
		}
		require.NoError(t, err)
		all.Write(b.Bytes())
		if b.Err != nil {
			faults = append(faults, filepath.Base(b.Err.Error()))
		}
		r.Free(b)
	}
}

// long is more than is read ahead of a plain file, and no block long.
var long = func() string {
	rnd, b := rand.New(rand.NewPCG(1, 1)), make([]byte, 5*BlockSize/2)
	for i := range b {
		b[i] = "0123456789 abcdefghijklm\n"[rnd.IntN(25)]
	}
	return string(b)
}()

// TestKinds: the compression of a file is detected from its contents.
func TestKinds(t *testing.T) {
	skippable := "\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
	for _, test := range []struct{ name, data, want string }{
		{"empty", "", ""},
		{"short", "a", "a"},
		{"log", long, long},
		{"misnamed.gz", "192.0.2.1 - -\n", "192.0.2.1 - -\n"},
		{"gzip.log", gzipOf(t, long), long},
		{"two members", gzipOf(t, "a\nb") + gzipOf(t, "") + gzipOf(t, "c\n"), "a\nbc\n"},
		{"zstd.log", zstdOf(t, long), long},
		{"two frames", zstdOf(t, "a\n") + skippable + zstdOf(t, "b\n"), "a\nb\n"},
		{"skippable frame first", skippable + zstdOf(t, "a\n"), "a\n"},
		{"largest window", zstdOf(t, long, zstd.WithWindowSize(maxWindow)), long},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := save(t, test.name, test.data)
			require.NoError(t, err)
			defer f.Close()
			assert.EqualValues(t, len(test.data), f.Size())
			for range 2 {
				r := NewReader([]*File{f}, 1)
				got, faults := readAll(t, r)
				assert.True(t, test.want == got, "the text differs")
				assert.Empty(t, faults)
				assert.EqualValues(t, len(test.data), r.Progress())
				require.NoError(t, f.Rewind())
			}

			// The same from a pipe.
			in, w, err := os.Pipe()
			require.NoError(t, err)
			go func() {
				io.WriteString(w, test.data)
				w.Close()
			}()
			f, err = Open("-", in)
			require.NoError(t, err)
			defer f.Close()
			assert.EqualValues(t, -1, f.Size())
			got, faults := readAll(t, NewReader([]*File{f}, 1))
			assert.True(t, test.want == got, "the text differs")
			assert.Empty(t, faults)
		})
	}
}

// TestStandsWithin: of a file of which another program has read the beginning,
// as of stdin, the rest is read, also a second time.
func TestStandsWithin(t *testing.T) {
	for _, rest := range []string{"b\n", gzipOf(t, "b\n"), ""} {
		file, err := os.Create(filepath.Join(t.TempDir(), "log"))
		require.NoError(t, err)
		_, err = file.WriteString("a\n" + rest)
		require.NoError(t, err)
		_, err = file.Seek(2, io.SeekStart)
		require.NoError(t, err)
		f, err := Open("-", file)
		require.NoError(t, err)
		defer f.Close()
		assert.EqualValues(t, len(rest), f.Size())
		for range 2 {
			got, faults := readAll(t, NewReader([]*File{f}, 1))
			assert.True(t, got == "b\n" || rest == "" && got == "", got)
			assert.Empty(t, faults)
			require.NoError(t, f.Rewind())
		}
	}
}

// TestRefused: what cannot be read is reported before anything is.
func TestRefused(t *testing.T) {
	for magic, program := range map[string]string{
		"\xfd7zXZ\x00\x00": "xzcat", "BZh91AY&SY\x00": "bzcat", "\x04\x22\x4d\x18d": "lz4cat", "\x1f\x9d\x90": "zcat",
	} {
		_, err := save(t, "log", magic)
		require.ErrorContains(t, err, "/log: is compressed in an unknown format; hint: unpack it with "+program)
	}
	_, err := Open(t.TempDir(), nil)
	require.ErrorContains(t, err, ": is a directory; hint: name its files")
	_, err = Open("missing", nil)
	require.EqualError(t, err, "open missing: no such file or directory")
}

// TestRefusedEncodings: what was written in UTF-16 or UTF-32 is refused before
// anything is read, compressed or not, and from a pipe where it is read.
func TestRefusedEncodings(t *testing.T) {
	encoded := func(text, mark string, size, low int) string {
		for _, c := range []byte(text) {
			unit := make([]byte, size)
			unit[low] = c
			mark += string(unit)
		}
		return mark
	}
	for _, test := range []struct {
		name, mark, advice string
		size, low          int
	}{
		{"UTF-16LE", "", "UTF-16LE", 2, 0},
		{"UTF-16BE", "", "UTF-16BE", 2, 1},
		{"UTF-32LE", "", "UTF-32LE", 4, 0},
		{"UTF-32BE", "", "UTF-32BE", 4, 3},
		{"UTF-16LE with a mark", "\xff\xfe", "UTF-16", 2, 0},
		{"UTF-16BE with a mark", "\xfe\xff", "UTF-16", 2, 1},
		{"UTF-32LE with a mark", "\xff\xfe\x00\x00", "UTF-32", 4, 0},
		{"UTF-32BE with a mark", "\x00\x00\xfe\xff", "UTF-32", 4, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := "is " + test.advice + "; hint: convert it with iconv -f " + test.advice + " -t UTF-8"
			text := encoded("192.0.2.1 - -\n", test.mark, test.size, test.low)
			for _, data := range []string{text, gzipOf(t, text), zstdOf(t, text), encoded("1", test.mark, test.size, test.low)} {
				_, err := save(t, "log", data)
				require.ErrorContains(t, err, "/log: "+want)

				in, w, err := os.Pipe()
				require.NoError(t, err)
				io.WriteString(w, data)
				w.Close()
				f, err := Open("-", in)
				require.NoError(t, err)
				defer f.Close()
				got, faults := readAll(t, NewReader([]*File{f}, 1))
				assert.Empty(t, got)
				assert.Equal(t, []string{"read stdin: " + want}, faults)
			}
		})
	}
	for _, text := range []string{"\x00\x00\x00\x00\x00\x00192.0.2.1", "1\x0092.0.2.1", "\xef\xbb\xbf192.0.2.1", "\xff192.0.2.1"} {
		f, err := save(t, "log", text)
		require.NoError(t, err)
		f.Close()
	}
}

// TestFaults: a file that is damaged gives what is before the damage, and an
// error that names it; the next one follows.
func TestFaults(t *testing.T) {
	gz, zst := gzipOf(t, long), zstdOf(t, long)
	wide := "\x28\xb5\x2f\xfd\x00\xa8" // RFC 8878, section 3.1.1.1.2: 2^31 bytes
	for _, test := range []struct{ name, data, want, fault string }{
		{"cut.gz", gz[:len(gz)-1], long, "its end is missing"},
		{"half.gz", gz[:len(gz)/2], "", "its end is missing"},
		{"header.gz", gz[:3], "", "its end is missing"},
		{"checksum.gz", gz[:len(gz)-8] + "12345678", long, "gzip: invalid checksum"},
		{"garbage.gz", gz + "garbage", long, "its end is missing"},
		{"cut.zst", zst[:len(zst)/2], "", "its end is missing"},
		{"header.zst", zst[:4], "", "its end is missing"},
		{"garbage.zst", zst + "garbage", long, "invalid input: magic number mismatch"},
		{"window.zst", wide, "", "window size exceeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := save(t, test.name, test.data)
			require.NoError(t, err)
			next, err := save(t, "next", "next")
			require.NoError(t, err)
			defer f.Close()
			defer next.Close()
			got, faults := readAll(t, NewReader([]*File{f, next}, 2))
			assert.Equal(t, []string{test.name + ": " + test.fault}, faults)
			before, found := strings.CutSuffix(got, "next")
			assert.True(t, found)
			assert.True(t, strings.HasPrefix(long, before))
			assert.True(t, strings.HasPrefix(before, test.want))
		})
	}
}

// TestOrder: files are read ahead, and come in the order given.
func TestOrder(t *testing.T) {
	var files []*File
	want := ""
	for i := range 40 {
		text := strings.Repeat(string(rune('a'+i)), i*10_000)
		want += text
		if i%2 == 0 {
			text = gzipOf(t, text)
		}
		f, err := save(t, "log", text)
		require.NoError(t, err)
		defer f.Close()
		files = append(files, f)
	}
	for _, ahead := range []int{1, 2, 7} {
		got, faults := readAll(t, NewReader(files, ahead))
		assert.True(t, want == got, ahead)
		assert.Empty(t, faults)
		for _, f := range files {
			require.NoError(t, f.Rewind())
		}
	}
}

// TestClose ends Next also where nothing comes.
func TestClose(t *testing.T) {
	in, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	f, err := Open("-", in)
	require.NoError(t, err)
	r := NewReader([]*File{f, f}, 1)
	r.Close()
	_, err = r.Next()
	require.Error(t, err)
}

// TestPrepend: the beginning of a line finds room in front, however long it is.
func TestPrepend(t *testing.T) {
	r := NewReader(nil, 1)
	for _, n := range []int{0, 1, headroom, headroom + 1, 3 * BlockSize} {
		b := r.block()
		b.end += copy(b.buf[b.start:], "the end")
		text := strings.Repeat("x", n)
		b.Prepend([]byte(text))
		assert.True(t, text+"the end" == string(b.Bytes()), n)
		assert.Greater(t, cap(b.Bytes()), len(b.Bytes()), "a newline fits")
		r.Free(b)
	}
	assert.Len(t, r.block().buf, bufSize)
}
