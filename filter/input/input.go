// Package input reads the log as it comes: from a pipe, a FIFO or a file.
//
// On Linux a pipe keeps what was read until filter.Run commits it, so that the next
// process on the same pipe reads the lines that a killed one did not write. The types
// that do this implement filter.CommitReader.
package input

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Reader reads the log. Unlike a plain read of a pipe, its Read can be stopped
// while it waits. It leaves the descriptor's flags alone, because the web server
// shares them.
type Reader interface {
	// Read waits for at least one byte and returns what is there.
	io.Reader
	// Stop ends the reading. If drain is 0, Read returns ErrStopped at once. Otherwise
	// Read goes on until nothing is left or drain has passed; then it returns io.EOF,
	// or ErrStopped if the input has no end. Any goroutine may call Stop.
	Stop(drain time.Duration)
}

// ErrStopped is Read's error after a Stop that left the rest of the input unread, for
// the next process to read.
var ErrStopped = errors.New("stopped before the end of the input")

// New returns a Reader of f. On Linux, a pipe's Reader is a filter.CommitReader too.
func New(f *os.File) (Reader, error) {
	plain, err := newPlain(f)
	if err != nil {
		return nil, err
	}
	return committing(plain), nil
}

// NewFIFO is New for a FIFO that this process has open for writing too, so that it does
// not end when the web server closes it. After Stop, the rest is for the next process.
func NewFIFO(f *os.File) (Reader, error) {
	plain, err := newPlain(f)
	if err != nil {
		return nil, err
	}
	plain.endless = true
	return committing(plain), nil
}

// committing returns a Reader that commits, or plain where the input or the system
// does not allow that.
func committing(plain *plainReader) Reader {
	if pipe := newPipe(plain); pipe != nil {
		return pipe
	}
	return plain
}

func newPlain(f *os.File) (*plainReader, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &plainReader{fd: int(f.Fd()), file: f, wakeR: r, wakeW: w}, nil
}

// plainReader consumes what it reads.
type plainReader struct {
	fd       int
	file     *os.File // keeps the garbage collector from closing fd
	wakeR    *os.File
	wakeW    *os.File
	endless  bool         // the end of draining is ErrStopped
	deadline atomic.Int64 // Unix ns, 0 for none
	stopped  atomic.Bool
}

func (in *plainReader) Stop(drain time.Duration) {
	if drain == 0 {
		in.stopped.Store(true)
	}
	in.deadline.Store(time.Now().Add(drain).UnixNano())
	in.wakeW.Write([]byte{0})
}

// ended returns the error that ends the reading, if Stop has ended it. draining means
// that Read must not wait for more than is there.
func (in *plainReader) ended() (draining bool, err error) {
	if in.stopped.Load() {
		return false, ErrStopped
	}
	end := in.deadline.Load()
	if end != 0 && time.Now().UnixNano() >= end {
		return true, in.end()
	}
	return end != 0, nil
}

// end returns Read's error once the input is drained.
func (in *plainReader) end() error {
	if in.endless {
		return ErrStopped
	}
	return io.EOF
}

func (in *plainReader) Read(p []byte) (int, error) {
	fds := []unix.PollFd{{Fd: int32(in.fd), Events: unix.POLLIN}, {Fd: int32(in.wakeR.Fd()), Events: unix.POLLIN}}
	for {
		wait := -1
		draining, err := in.ended()
		if err != nil {
			return 0, err
		}
		if draining {
			wait = 0
			fds = fds[:1]
		}
		n, err := unix.Poll(fds, wait)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, in.fault("poll", err)
		case n == 0:
			return 0, in.end()
		case fds[0].Revents != 0:
			n, err := unix.Read(in.fd, p)
			switch {
			case err == unix.EINTR || err == unix.EAGAIN:
			case err != nil:
				return 0, in.fault("read", err)
			case n == 0:
				return 0, io.EOF
			default:
				return n, nil
			}
		}
	}
}

// fault returns err as a method of os.File would.
func (in *plainReader) fault(op string, err error) error {
	return &os.PathError{Op: op, Path: in.file.Name(), Err: err}
}
