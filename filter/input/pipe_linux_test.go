package input

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func plain(in Reader) Reader {
	if pipe, ok := in.(*pipeReader); ok {
		return pipe.plainReader
	}
	return in
}

// makePipe returns a pipe of size bytes, and a function that starts to read it, as a new
// process does.
func makePipe(t testing.TB, size int) (w *os.File, begin func() *pipeReader) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	got, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, size)
	require.NoError(t, err)
	require.Equal(t, size, got)
	return w, func() *pipeReader {
		wakeR, wakeW, err := os.Pipe()
		require.NoError(t, err)
		in := &pipeReader{plainReader: &plainReader{fd: int(r.Fd()), file: r, wakeR: wakeR, wakeW: wakeW},
			now: func() time.Duration { return 0 }, sleep: func(time.Duration) {}}
		require.True(t, in.open(size))
		t.Cleanup(func() {
			for _, fd := range []int{in.own[0], in.own[1], in.bin.null, in.epoll} {
				unix.Close(fd)
			}
		})
		return in
	}
}

func read(t testing.TB, in *pipeReader, size int) string {
	buf := make([]byte, size)
	n, err := in.Read(buf)
	require.NoError(t, err)
	return string(buf[:n])
}

// readLines reads to the end. Like filter.Run, it commits whole lines when nothing is ready.
func readLines(in *pipeReader) (string, error) {
	var all []byte
	committed := 0
	buf := make([]byte, 1<<18)
	for {
		if whole := bytes.LastIndexByte(all, '\n') + 1; whole > committed && !in.Ready() {
			if err := in.Commit(whole - committed); err != nil {
				return string(all), err
			}
			committed = whole
		}
		n, err := in.Read(buf)
		all = append(all, buf[:n]...)
		switch {
		case err == io.EOF:
			return string(all), in.Commit(len(all) - committed)
		case err != nil:
			return string(all), err
		}
	}
}

func TestPipeIsEnlarged(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	in, err := New(r)
	require.NoError(t, err)
	require.IsType(t, &pipeReader{}, in)
	size, err := unix.FcntlInt(w.Fd(), unix.F_GETPIPE_SZ, 0)
	require.NoError(t, err)
	assert.Equal(t, pipeSize, size)
}

// TestPipeOfPoorUser: a user beyond the limit pipe-user-pages-soft (pipe(7)) gets
// small pipes, but loses no lines.
func TestPipeOfPoorUser(t *testing.T) {
	w, begin := makePipe(t, 1<<16)
	line := strings.Repeat("x", 20_000) + "\n"
	done := make(chan struct{})
	go func() { // on its own thread, which ends with the goroutine
		defer close(done)
		runtime.LockOSThread()
		if os.Getuid() == 0 {
			const uid = 65533 // no other process has it
			_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid)
			if !assert.Zero(t, errno) {
				return
			}
		}
		for size := 1 << 20; size > 2*os.Getpagesize(); {
			r, w, err := os.Pipe()
			if !assert.NoError(t, err) {
				return
			}
			defer r.Close()
			defer w.Close()
			unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 1<<20)
			size, _ = unix.FcntlInt(w.Fd(), unix.F_GETPIPE_SZ, 0)
		}
		in := begin()
		own, _ := unix.FcntlInt(uintptr(in.own[0]), unix.F_GETPIPE_SZ, 0)
		assert.Equal(t, 2*os.Getpagesize(), own)
		go func() {
			io.WriteString(w, "one\n"+line+"two\n")
			w.Close()
		}()
		got, err := readLines(in)
		assert.NoError(t, err)
		assert.Equal(t, "one\n"+line+"two\n", got)
	}()
	<-done
}

// TestPipeKeeps: bytes that were not committed are left for the next process.
func TestPipeKeeps(t *testing.T) {
	w, begin := makePipe(t, 1<<16)
	w.WriteString("one\ntwo\nthr")
	in := begin()
	assert.Equal(t, "one\ntwo\nthr", read(t, in, 100))
	assert.False(t, in.Ready())
	require.NoError(t, in.Commit(4))
	w.WriteString("ee\nfour\n")
	assert.True(t, in.Ready())
	assert.Equal(t, "ee\nf", read(t, in, 4), "what was read comes once")

	next := begin()
	assert.Equal(t, "two\nthree\nfour\n", read(t, next, 100))
	require.NoError(t, next.Commit(len("two\nthree\n")))
	w.Close()
	last := begin()
	assert.Equal(t, "four\n", read(t, last, 100))
	require.NoError(t, last.Commit(5))
	_, err := last.Read(make([]byte, 1))
	assert.Equal(t, io.EOF, err)
}

// TestPipePatient: Patient is true while the pipe has room, and false after Stop or without
// a writer.
func TestPipePatient(t *testing.T) {
	w, begin := makePipe(t, 1<<16)
	in := begin()
	assert.True(t, in.Patient())
	line := strings.Repeat("x", 2100) + "\n" // a page of its own
	for range 7 {
		io.WriteString(w, line)
	}
	assert.True(t, in.Patient())
	for range 2 {
		io.WriteString(w, line)
	}
	assert.False(t, in.Patient(), "of 16 pages 9 are in use")
	read(t, in, 1<<16)
	require.NoError(t, in.Commit(9*len(line)))
	assert.True(t, in.Patient())
	in.Stop(time.Hour)
	assert.False(t, in.Patient(), "stopped")

	w, begin = makePipe(t, 1<<16)
	in = begin()
	w.Close()
	assert.False(t, in.Patient(), "no writer, and no next reader")
}

// TestPipeLongLine: a line that does not fit in the pipe is removed from it while it is read,
// whatever pages its bytes are in.
func TestPipeLongLine(t *testing.T) {
	line := strings.Repeat("x", 300_000) + "\n"
	text := []byte(line[:1000])
	defer runtime.KeepAlive(text) // its page is in the pipe
	for _, size := range []int{1 << 13, 1 << 16, 1 << 20} {
		for name, write := range map[string]func(w *os.File){
			"at once": func(w *os.File) { io.WriteString(w, line) },
			"pages of a byte": func(w *os.File) {
				for i := range text {
					_, err := unix.Vmsplice(int(w.Fd()), []unix.Iovec{{Base: &text[i], Len: 1}}, 0)
					require.NoError(t, err)
				}
				io.WriteString(w, line[1000:])
			},
		} {
			t.Run(fmt.Sprintf("size=%d/%s", size, name), func(t *testing.T) {
				w, begin := makePipe(t, size)
				go func() {
					io.WriteString(w, "short\n")
					write(w)
					io.WriteString(w, "short\n")
					w.Close()
				}()
				in := begin()
				got, err := readLines(in)
				require.NoError(t, err)
				assert.Equal(t, "short\n"+line+"short\n", got)
				assert.Zero(t, in.kept+in.taken+in.fresh)
			})
		}
	}
}

// TestPipeRandom: for random writes, reads, commits and restarts, the bytes come in order, and
// a restart delivers those again that were not committed.
func TestPipeRandom(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		size := 1 << (13 + rnd.IntN(5))
		text := make([]byte, 1<<18)
		for i := range text {
			text[i] = "abcdefghi\n"[rnd.IntN(10)]
		}
		w, begin := makePipe(t, size)
		go func() {
			rest := text
			rnd := rand.New(rand.NewPCG(seed, 1))
			for len(rest) > 0 {
				n := min(1+rnd.IntN(3000), len(rest))
				w.Write(rest[:n])
				rest = rest[n:]
			}
			w.Close()
		}()
		in := begin()
		read, committed := 0, 0
		for {
			if rnd.IntN(4) > 0 || !in.Ready() {
				n := rnd.IntN(read - committed + 1)
				if !in.Ready() {
					n = read - committed
				}
				require.NoError(t, in.Commit(n))
				committed += n
			}
			if rnd.IntN(8) == 0 && in.taken == 0 {
				in, read = begin(), committed
			}
			buf := make([]byte, 1+rnd.IntN(size))
			n, err := in.Read(buf)
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			require.True(t, bytes.Equal(text[read:read+n], buf[:n]), "seed %d at %d", seed, read)
			read += n
		}
		require.Equal(t, len(text), read, "seed %d", seed)
	}
}

// TestPipeIsIdle: half a line that stays in the pipe causes no more events.
func TestPipeIsIdle(t *testing.T) {
	w, begin := makePipe(t, 1<<16)
	in := begin()
	w.WriteString("half a li")
	assert.Equal(t, "half a li", read(t, in, 100))
	// There is at most one event for everything up to now.
	for range 2 {
		n, err := unix.EpollWait(in.epoll, in.events[:], 0)
		require.NoError(t, err)
		if n == 0 {
			break
		}
	}
	n, err := unix.EpollWait(in.epoll, in.events[:], 0)
	require.NoError(t, err)
	assert.Zero(t, n)
	w.WriteString("ne\n")
	n, err = unix.EpollWait(in.epoll, in.events[:], int(time.Minute.Milliseconds()))
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

// TestPipeOtherReader: a reader whose pipe another process reads gets an error. It neither
// waits for bytes that are gone nor removes bytes that nobody has read.
func TestPipeOtherReader(t *testing.T) {
	for name, then := range map[string]func(t *testing.T, w *os.File, in *pipeReader){
		"nothing": func(t *testing.T, _ *os.File, in *pipeReader) { require.ErrorIs(t, in.Commit(4), errShared) },
		"a shorter line, when it commits": func(t *testing.T, w *os.File, in *pipeReader) {
			w.WriteString("2\n")
			require.ErrorIs(t, in.Commit(4), errShared)
			there, err := unix.IoctlGetInt(in.fd, unix.TIOCINQ)
			require.NoError(t, err)
			require.Equal(t, 2, there)
		},
		"the end": func(t *testing.T, w *os.File, in *pipeReader) {
			w.Close()
			require.ErrorIs(t, in.Commit(4), errShared)
		},
		"a shorter line": func(t *testing.T, w *os.File, in *pipeReader) {
			w.WriteString("2\n")
			_, err := in.Read(make([]byte, 100))
			require.ErrorIs(t, err, errShared)
			there, err := unix.IoctlGetInt(in.fd, unix.TIOCINQ)
			require.NoError(t, err)
			require.Equal(t, 2, there)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, begin := makePipe(t, 1<<16)
			w.WriteString("one\n")
			in, other := begin(), begin()
			read(t, in, 100)
			read(t, other, 100)
			require.NoError(t, other.Commit(4))
			then(t, w, in)
			require.True(t, in.shared)
			require.NoError(t, in.Commit(4))
		})
	}
}

// TestPipeWithoutNull: without a null device, what is committed goes to memory.
func TestPipeWithoutNull(t *testing.T) {
	w, begin := makePipe(t, 1<<20)
	text := strings.Repeat("a line of some length\n", 20_000)
	w.WriteString(text)
	in := begin()
	unix.Close(in.bin.null)
	in.bin.null, in.bin.buf = -1, make([]byte, 1000)
	got := ""
	for len(got) < len(text) {
		chunk := read(t, in, len(text)/3)
		require.NoError(t, in.Commit(len(chunk)))
		got += chunk
	}
	require.Equal(t, text, got)
	there, err := in.there()
	require.NoError(t, err)
	require.Zero(t, there)
}

func TestPipeAllocs(t *testing.T) {
	w, begin := makePipe(t, 1<<16)
	in := begin()
	buf := make([]byte, 100)
	text := []byte("one\n")
	allocs := testing.AllocsPerRun(100, func() {
		w.Write(text)
		n, err := in.Read(buf)
		if err == nil && n == len(text) && !in.Ready() {
			err = in.Commit(n)
		}
		if err != nil || string(buf[:n]) != "one\n" {
			panic("not read")
		}
	})
	assert.Zero(t, allocs)
}

// TestPipeAwaitsCompany uses a clock that only sleeps advance. Lines that wait stay in the
// pipe, so a kill does not lose them.
func TestPipeAwaitsCompany(t *testing.T) {
	w, begin := makePipe(t, 1<<20)
	in := begin()
	in.company = newCompany(1 << 20)
	now, slept := time.Hour, time.Duration(0)
	during := func() {}
	in.now = func() time.Duration { return now }
	in.sleep = func(d time.Duration) {
		now, slept = now+d, slept+d
		during()
	}
	took := func(want string, wait time.Duration) {
		t.Helper()
		slept = 0
		assert.Equal(t, want, read(t, in, 100))
		assert.Equal(t, wait, slept)
		assert.False(t, in.Ready())
		require.NoError(t, in.Commit(len(want)))
	}
	const ms = time.Millisecond
	w.WriteString("after silence\n")
	took("after silence\n", 0)
	now += ms
	w.WriteString("together\n")
	took("together\n", 0) // it was there before the first look
	now += ms
	w.WriteString("with ")
	assert.False(t, in.Ready(), "it waits")
	during = func() {
		io.WriteString(w, "company\n")
		next := begin()
		assert.Equal(t, "with company\n", read(t, next, 100))
	}
	took("with company\n", longestWait-ms)
	during = func() {}
	now += time.Second
	w.WriteString("after silence\n")
	took("after silence\n", 0)
	in.busy = true
	in.Stop(time.Hour)
	slept = 0
	_, err := in.Read(make([]byte, 100))
	assert.Equal(t, io.EOF, err)
	assert.Zero(t, slept, "an end is not put off")
}
