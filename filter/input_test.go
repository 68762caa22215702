package filter

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// eachInput runs a test with the ways there are to read a pipe.
func eachInput(t *testing.T, test func(t *testing.T, newInput func() (Input, *os.File))) {
	newInput := func(t *testing.T, kind string) (Input, *os.File) {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		t.Cleanup(func() {
			r.Close()
			w.Close()
		})
		in, err := NewInput(r)
		require.NoError(t, err)
		if kind == "plain" {
			in = plain(in)
		}
		return in, w
	}
	for _, kind := range []string{"default", "plain"} {
		t.Run("kind="+kind, func(t *testing.T) {
			test(t, func() (Input, *os.File) { return newInput(t, kind) })
		})
	}
}

func TestInput(t *testing.T) {
	eachInput(t, func(t *testing.T, newInput func() (Input, *os.File)) {
		in, w := newInput()
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

func TestInputStop(t *testing.T) {
	eachInput(t, func(t *testing.T, newInput func() (Input, *os.File)) {
		in, w := newInput()
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

func TestInputStopDrained(t *testing.T) {
	eachInput(t, func(t *testing.T, newInput func() (Input, *os.File)) {
		in, w := newInput()
		w.WriteString(strings.Repeat("x", 5000))
		in.Stop(time.Hour)
		rest, err := io.ReadAll(in)
		require.NoError(t, err)
		assert.Len(t, rest, 5000, "what is there is read")

		in, _ = newInput()
		ended := make(chan error)
		go func() {
			_, err := in.Read(make([]byte, 1))
			ended <- err
		}()
		in.Stop(time.Hour)
		assert.Equal(t, io.EOF, <-ended, "nothing is there")
	})
}

func TestInputFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	require.NoError(t, os.WriteFile(name, []byte(strings.Repeat("line\n", 1000)), 0o600))
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	in, err := NewInput(file)
	require.NoError(t, err)
	text, err := io.ReadAll(in)
	require.NoError(t, err)
	assert.Len(t, text, 5000)
}

func TestInputFault(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	in, err := NewInput(dir)
	require.NoError(t, err)
	_, err = in.Read(make([]byte, 1))
	assert.EqualError(t, err, "read "+dir.Name()+": is a directory")
}
