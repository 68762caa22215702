package input

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// eachReader runs a test with each kind of Reader of a pipe.
func eachReader(t *testing.T, test func(t *testing.T, newReader func() (Reader, *os.File))) {
	newReader := func(t *testing.T, kind string) (Reader, *os.File) {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		t.Cleanup(func() {
			r.Close()
			w.Close()
		})
		in, err := New(r)
		require.NoError(t, err)
		if kind == "plain" {
			in = plain(in)
		}
		return in, w
	}
	for _, kind := range []string{"default", "plain"} {
		t.Run("kind="+kind, func(t *testing.T) {
			test(t, func() (Reader, *os.File) { return newReader(t, kind) })
		})
	}
}

func TestReader(t *testing.T) {
	eachReader(t, func(t *testing.T, newReader func() (Reader, *os.File)) {
		in, w := newReader()
		w.WriteString("one")
		buf := make([]byte, 100)
		n, err := in.Read(buf)
		require.NoError(t, err)
		assert.Equal(t, "one", string(buf[:n]))
		w.WriteString("two")
		w.Close()
		rest, err := io.ReadAll(in)
		require.NoError(t, err)
		assert.Equal(t, "two", string(rest))
	})
}

func TestReaderStop(t *testing.T) {
	eachReader(t, func(t *testing.T, newReader func() (Reader, *os.File)) {
		in, w := newReader()
		ended := make(chan error)
		reading := make(chan struct{})
		go func() {
			close(reading)
			_, err := in.Read(make([]byte, 1))
			ended <- err
		}()
		<-reading
		in.Stop(0)
		assert.Equal(t, ErrStopped, <-ended, "a read that waits ends")
		w.WriteString("late")
		_, err := in.Read(make([]byte, 1))
		assert.Equal(t, ErrStopped, err, "at once")
	})
}

func TestReaderStopDrained(t *testing.T) {
	eachReader(t, func(t *testing.T, newReader func() (Reader, *os.File)) {
		in, w := newReader()
		w.WriteString(strings.Repeat("x", 5000))
		in.Stop(time.Hour)
		rest, err := io.ReadAll(in)
		require.NoError(t, err)
		assert.Len(t, rest, 5000, "what is there is read")

		in, _ = newReader()
		ended := make(chan error)
		go func() {
			_, err := in.Read(make([]byte, 1))
			ended <- err
		}()
		in.Stop(time.Hour)
		assert.Equal(t, io.EOF, <-ended, "nothing is there")
	})
}

func TestReaderFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	require.NoError(t, os.WriteFile(name, []byte(strings.Repeat("line\n", 1000)), 0o600))
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	in, err := New(file)
	require.NoError(t, err)
	text, err := io.ReadAll(in)
	require.NoError(t, err)
	assert.Len(t, text, 5000)
}

func TestReaderFault(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	in, err := New(dir)
	require.NoError(t, err)
	_, err = in.Read(make([]byte, 1))
	assert.EqualError(t, err, "read "+dir.Name()+": is a directory")
}

// TestFIFO: a FIFO does not end when its last writer closes it, since the process has a write
// end itself. After Stop, the rest is left for the next process.
func TestFIFO(t *testing.T) {
	for _, kind := range []string{"default", "plain"} {
		t.Run("kind="+kind, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "fifo")
			require.NoError(t, unix.Mkfifo(path, 0o600))
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			defer f.Close()
			in, err := NewFIFO(f)
			require.NoError(t, err)
			if kind == "plain" {
				in = plain(in)
			}
			buf := make([]byte, 5000)
			for _, text := range []string{"one", "two"} {
				w, err := os.OpenFile(path, os.O_WRONLY, 0)
				require.NoError(t, err)
				w.WriteString(text)
				require.NoError(t, w.Close())
				n, err := in.Read(buf)
				require.NoError(t, err)
				assert.Equal(t, text, string(buf[:n]))
			}
			f.WriteString("three")
			in.Stop(time.Hour)
			n, err := in.Read(buf)
			require.NoError(t, err)
			assert.Equal(t, "three", string(buf[:n]), "what is there is read")
			_, err = in.Read(buf)
			assert.Equal(t, ErrStopped, err, "and no end, which would make a line of a half one")
		})
	}
}

// TestRawFile: Commit overwrites lines with zeros, which are not read again. The file ends
// when no process has it open for writing.
func TestRawFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raw")
	big := strings.Repeat("y", 100_000) + "\n"
	require.NoError(t, os.WriteFile(path, []byte("one\ntwo\n"+big), 0o600))
	open := func(used func() bool) *rawFile {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		in, err := NewRawFile(f, used)
		require.NoError(t, err)
		return in.(*rawFile)
	}
	unused := func() bool { return false }

	in := open(unused)
	n, err := in.Read(make([]byte, 8))
	require.NoError(t, err)
	require.Equal(t, 8, n)
	require.True(t, in.Ready())
	require.NoError(t, in.Commit(4)) // then a kill
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "\x00\x00\x00\ntwo\n"+big, string(text))

	in = open(unused)
	rest, err := io.ReadAll(in)
	require.NoError(t, err)
	require.Equal(t, "two\n"+big, string(rest))
	require.False(t, in.Ready())
	require.NoError(t, in.Commit(len(rest)))
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, strings.Trim(string(text), "\x00\n"))

	// The writer writes after the end of the file was read, and then closes it.
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	looks := 0
	in = open(func() bool {
		looks++
		if looks == 2 {
			w.WriteString("last\n")
		}
		return looks < 3
	})
	require.True(t, in.Patient())
	rest, err = io.ReadAll(in)
	require.NoError(t, err)
	require.Equal(t, "last\n", string(rest))

	in = open(func() bool { return true })
	in.Stop(time.Hour)
	require.False(t, in.Patient())
	rest, err = io.ReadAll(in)
	require.Equal(t, ErrStopped, err, "the rest is for the next")
	require.Equal(t, "last\n", string(rest))
}

// TestRawFileCut: when a kill interrupts a Commit, its lines were written already. So the next
// process skips the rest of a line that is partly overwritten, and no whole line.
func TestRawFileCut(t *testing.T) {
	lines := "one\ntwo\nthree\n"
	long := strings.Repeat("x", 2*skipSize) + "\n"
	for overwritten, want := range map[string]string{
		"":                             lines,
		"\x00\x00\x00\n":               lines,
		"\x00\x00\x00":                 lines[4:],
		"\x00\x00\x00\n\x00\x00":       lines[4:],
		"\x00\x00\x00\n\x00\x00\x00\n": lines,
		strings.Repeat("\x00", 2*skipSize+5) + "\n":      lines,
		strings.Repeat("\x00", 2*skipSize+5) + long:      lines,
		strings.Repeat("\x00", skipSize):                 lines[4:],
		strings.Repeat("\x00", skipSize-1) + "x\n":       lines,
		strings.Repeat("\x00", skipSize-1) + "\n" + long: long + lines,
		// A second process continued after the rest of a line, and was killed, too.
		"\x00\x00e\n\x00\x00\x00\n":             lines,
		"\x00\x00e\n\x00\x00":                   lines[4:],
		"\x00" + long + "\x00\x00\n\x00" + long: lines,
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "raw"))
		require.NoError(t, err)
		defer f.Close()
		f.WriteString(overwritten + lines)
		in, err := NewRawFile(f, func() bool { return false })
		require.NoError(t, err)
		rest, err := io.ReadAll(in)
		require.NoError(t, err)
		require.Equal(t, want, string(rest), "%.20q", overwritten)
		text, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		require.Empty(t, strings.Trim(strings.TrimSuffix(string(text), want), "\x00\n"), "%.20q", overwritten)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "raw"))
	require.NoError(t, err)
	defer f.Close()
	f.WriteString("no newline")
	in, err := NewRawFile(f, func() bool { return false })
	require.NoError(t, err)
	_, err = io.ReadAll(in)
	require.NoError(t, err)
	require.NoError(t, in.(*rawFile).Commit(10))
	text, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("\x00", 10), string(text))
}
