package input

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// rawFile is a filter.CommitReader of a file that should not exist: a web server made it,
// with raw addresses, because it found no FIFO. Commit overwrites lines with zeros and
// leaves the newline at their end. So the addresses are on the disk no longer than
// necessary, and after a kill the next process finds the remaining lines behind the zeros.
//
// It ends at the end of the file, once no other process has the file open.
type rawFile struct {
	*plainReader
	used  func() bool // another process has the file open and may write more
	read  int64       // offset of the next Read
	done  int64       // offset of the next Commit
	zeros [64 << 10]byte
}

// rawPoll is the interval at which Read checks for new lines while the file is in use.
const rawPoll = 100 * time.Millisecond

// skipSize is how many bytes skip reads at once.
const skipSize = 256 << 10

var newline = []byte{'\n'}

// NewRawFile returns a Reader that is a filter.CommitReader and removes the lines from f,
// a regular file that is open for reading and writing. inUse reports whether another
// process has it open.
func NewRawFile(f *os.File, inUse func() bool) (Reader, error) {
	plain, err := newPlain(f)
	if err != nil {
		return nil, err
	}
	plain.endless = true
	in := &rawFile{plainReader: plain, used: inUse}
	if err := in.skip(); err != nil {
		return nil, err
	}
	return in, nil
}

// skip moves behind the zeros and newlines at the start of the file. If they do not end
// with a newline, a kill has interrupted a Commit within a line. The rest of that line
// was written already, so skip overwrites it too.
func (in *rawFile) skip() error {
	buf := make([]byte, skipSize)
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
		used := in.used() // before the read: the last writer may write and then close the file
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

// Ready reports whether the file has bytes that were not read.
func (in *rawFile) Ready() bool {
	st, err := in.file.Stat()
	return err != nil || st.Size() > in.read
}

// Patient reports true until Stop: a file always has room.
func (in *rawFile) Patient() bool {
	draining, err := in.ended()
	return !draining && err == nil
}

// Commit overwrites n bytes.
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

// Alarm returns none: filter's writer writes all lines.
func (in *rawFile) Alarm(func()) (set func(time.Duration), end func()) { return nil, func() {} }
