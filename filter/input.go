package filter

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Input is the log, as it comes. It can be told to stop while it waits for
// bytes, which a plain read of a pipe cannot. The descriptor stays as it is:
// its flags belong to the web server as well.
type Input interface {
	// Read reads into p what there is, and waits for at least one byte.
	io.Reader
	// Stop ends the reading: for 0 Read returns ErrStopped at once, else io.EOF
	// when there is nothing left to read or drain has passed; of NewFIFO, ErrStopped.
	// Any goroutine may call it.
	Stop(drain time.Duration)
}

// ErrStopped ends an input that was stopped at once: what follows is still to
// be read, by another process perhaps.
var ErrStopped = errors.New("stopped before the end of the input")

// NewInput returns the Input that reads f: for a pipe one that is a CommitReader as
// well, where the system can do that.
func NewInput(f *os.File) (Input, error) {
	plain, err := newPlainInput(f)
	if err != nil {
		return nil, err
	}
	return looking(plain), nil
}

// NewFIFO is NewInput for a pipe that has no end, since this process can write to it as
// well: no web server that closes it ends the reading. What follows when the reading
// is stopped is for the next process.
func NewFIFO(f *os.File) (Input, error) {
	plain, err := newPlainInput(f)
	if err != nil {
		return nil, err
	}
	plain.endless = true
	return looking(plain), nil
}

// looking returns an Input that looks into the pipe, where that can be done.
func looking(plain *plainInput) Input {
	if pipe := newPipeInput(plain); pipe != nil {
		return pipe
	}
	return plain
}

func newPlainInput(f *os.File) (*plainInput, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &plainInput{fd: int(f.Fd()), file: f, wakeR: r, wakeW: w}, nil
}

// plainInput takes what it reads.
type plainInput struct {
	fd       int
	file     *os.File // which the collector would else close
	wakeR    *os.File
	wakeW    *os.File
	endless  bool
	deadline atomic.Int64 // Unix ns, 0 for none
	stopped  atomic.Bool
}

func (in *plainInput) Stop(drain time.Duration) {
	if drain == 0 {
		in.stopped.Store(true)
	}
	in.deadline.Store(time.Now().Add(drain).UnixNano())
	in.wakeW.Write([]byte{0})
}

// ended returns why nothing more is to be read, and else whether to read only
// what is there already.
func (in *plainInput) ended() (draining bool, err error) {
	if in.stopped.Load() {
		return false, ErrStopped
	}
	end := in.deadline.Load()
	if end != 0 && time.Now().UnixNano() >= end {
		return true, in.end()
	}
	return end != 0, nil
}

// end is what Read returns when it has drained the input.
func (in *plainInput) end() error {
	if in.endless {
		return ErrStopped
	}
	return io.EOF
}

func (in *plainInput) Read(p []byte) (int, error) {
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

// fault is an error as a read of the file returns it.
func (in *plainInput) fault(op string, err error) error {
	return &os.PathError{Op: op, Path: in.file.Name(), Err: err}
}
