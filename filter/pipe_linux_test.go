package filter

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/input"
	"hushpipe/format/civil"
)

// TestInputsCommit: a pipe, a FIFO and a raw file keep what was not committed.
func TestInputsCommit(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "raw"))
	require.NoError(t, err)
	defer file.Close()
	pipe, err := input.New(r)
	require.NoError(t, err)
	fifo, err := input.NewFIFO(r)
	require.NoError(t, err)
	raw, err := input.NewRawFile(file, func() bool { return false })
	require.NoError(t, err)
	for _, in := range []input.Reader{pipe, fifo, raw} {
		require.Implements(t, (*CommitReader)(nil), in)
	}
}

// runPipe runs a filter on a pipe that write fills, and checks that the pipe is empty then.
func runPipe(t *testing.T, out Output, write func(w *os.File)) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	in, err := input.New(r)
	require.NoError(t, err)
	go func() {
		defer w.Close()
		write(w)
	}()
	require.NoError(t, New(keeping(newConfig(t, "common")), newCalendar()).Run(in, out))
	there, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
	require.NoError(t, err)
	require.Zero(t, there, "it is committed")
}

// TestPipeEndsInLine: the last line may have no newline.
func TestPipeEndsInLine(t *testing.T) {
	var out collector
	runPipe(t, &out, func(w *os.File) { io.WriteString(w, "one\ntw") })
	assert.Equal(t, "one\ntw\n", out.lines[guardtest.Today])
}

// TestPipeLongLine: a line that does not fit into the copy of the pipe is moved out of the pipe,
// however its bytes are distributed over the pipe's pages.
func TestPipeLongLine(t *testing.T) {
	line := strings.Repeat("x", 700_000) + "\n"
	text := []byte(line[:1000])
	defer runtime.KeepAlive(text) // the pipe refers to its page
	for name, write := range map[string]func(w *os.File){
		"at once": func(w *os.File) { io.WriteString(w, line) },
		"pages of a byte": func(w *os.File) {
			for i := range text {
				_, err := unix.Vmsplice(int(w.Fd()), []unix.Iovec{{Base: &text[i], Len: 1}}, 0)
				assert.NoError(t, err)
			}
			io.WriteString(w, line[1000:])
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out collector
			runPipe(t, &out, func(w *os.File) {
				io.WriteString(w, "short\n")
				write(w)
				io.WriteString(w, "short\n")
			})
			assert.Equal(t, "short\n"+line+"short\n", out.lines[guardtest.Today])
		})
	}
}

// moody is a Sink that is sometimes slow, and sometimes refuses lines.
type moody struct {
	rnd  *rand.Rand
	took bytes.Buffer
}

func (m *moody) Append(_ civil.Day, lines []byte) (int, error) {
	switch m.rnd.IntN(40) {
	case 0:
		time.Sleep(stall * 3 / 2)
	case 1:
		n := m.rnd.IntN(len(lines))
		m.took.Write(lines[:n])
		return n, errors.New("refused")
	}
	return m.took.Write(lines)
}

func (m *moody) Count(civil.Day, [8]byte, []byte) {}
func (m *moody) Tick() time.Duration              { return time.Minute }

// TestPipeToMoodyDisk: whatever the disk does, all lines get through the pipe and the queue,
// once and in order, and the pipe is empty at the end.
func TestPipeToMoodyDisk(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	for text.Len() < 8<<20 {
		text.WriteString("abcdefghijklmnopqrstuvwxyz"[:rnd.IntN(27)])
		if rnd.IntN(8) == 0 {
			text.WriteByte('\n')
		}
	}
	text.WriteByte('\n')
	sink := &moody{rnd: rnd}
	q := NewQueue(sink, 64<<20)
	runPipe(t, q, func(w *os.File) { w.Write(text.Bytes()) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.True(t, q.Close(ctx))
	assert.Zero(t, q.Dropped())
	assert.True(t, bytes.Equal(text.Bytes(), sink.took.Bytes()))
}
