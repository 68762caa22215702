package filter

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// rawFile is a CommitReader of lines in a file that should not be there: a web server has
// made it, with raw addresses, where it found no FIFO. What is committed is
// overwritten with zeros, but for the newline at its end. So after a kill the next
// process finds what was not committed, behind the zeros, and the addresses stay on
// the disk no longer than it takes to treat them.
//
// Its end is that of the file once nobody else has it open.
type rawFile struct {
	*plainInput
	used  func() bool // by another process, which may write more
	read  int64       // offset of what is read next
	done  int64       // of what is committed next
	zeros [64 << 10]byte
}

// rawPoll is how often a file that somebody still writes to is looked at.
const rawPoll = 100 * time.Millisecond

// NewRawFile returns the Input that takes the lines out of f, which is open for reading
// and writing. inUse reports whether another process has it open.
func NewRawFile(f *os.File, inUse func() bool) (Input, error) {
	plain, err := newPlainInput(f)
	if err != nil {
		return nil, err
	}
	plain.endless = true
	in := &rawFile{plainInput: plain, used: inUse}
	if err := in.skip(); err != nil {
		return nil, err
	}
	return in, nil
}

// skip moves behind the zeros and newlines that the file begins with. Where no newline
// stands last, a kill has ended a Commit within a line: what follows of that was
// written, and is overwritten as well.
func (in *rawFile) skip() error {
	buf := make([]byte, readSize)
	last := newline[0]
	for {
		n, err := in.file.ReadAt(buf, in.read)
		rest := bytes.TrimLeft(buf[:n], "\x00\n")
		skipped := n - len(rest)
		if skipped > 0 {
			last = buf[skipped-1]
		}
		in.read += int64(skipped)
		switch {
		case len(rest) > 0 && last != newline[0]:
			if end := bytes.IndexByte(rest, newline[0]); end >= 0 {
				rest = rest[:end]
			}
			m, err := in.file.WriteAt(in.zeros[:min(len(rest), len(in.zeros))], in.read)
			if err != nil {
				return err
			}
			in.read += int64(m)
		case len(rest) > 0 || errors.Is(err, io.EOF):
			in.done = in.read
			return nil
		case err != nil:
			return err
		}
	}
}

func (in *rawFile) Read(p []byte) (int, error) {
	for {
		draining, err := in.ended()
		if err != nil {
			return 0, err
		}
		used := in.used() // asked before: who closes the file may have written by then
		n, err := in.file.ReadAt(p, in.read)
		if n > 0 {
			in.read += int64(n)
			return n, nil
		}
		switch {
		case !errors.Is(err, io.EOF):
			return 0, err
		case !used:
			return 0, io.EOF
		case draining:
			return 0, in.end()
		}
		fds := [1]unix.PollFd{{Fd: int32(in.wakeR.Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds[:], int(rawPoll.Milliseconds())); err != nil && err != unix.EINTR {
			return 0, in.fault("poll", err)
		}
	}
}

// Ready reports whether the file is longer than what was read.
func (in *rawFile) Ready() bool {
	st, err := in.file.Stat()
	return err != nil || st.Size() > in.read
}

// Patient reports true until the reading is stopped: a file has room for what comes.
func (in *rawFile) Patient() bool {
	draining, err := in.ended()
	return !draining && err == nil
}

// Commit overwrites what was written.
func (in *rawFile) Commit(n int) error {
	if n == 0 {
		return nil
	}
	end := in.done + int64(n)
	var last [1]byte
	if _, err := in.file.ReadAt(last[:], end-1); err != nil {
		return err
	}
	to := end
	if last[0] == newline[0] {
		to--
	}
	for in.done < to {
		m, err := in.file.WriteAt(in.zeros[:min(to-in.done, int64(len(in.zeros)))], in.done)
		if err != nil {
			return err
		}
		in.done += int64(m)
	}
	in.done = end
	return nil
}

// Alarm has none: only the other goroutine writes.
func (in *rawFile) Alarm(func()) (set func(time.Duration), end func()) { return nil, func() {} }
