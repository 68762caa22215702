package main

// stdin, stdout and stderr.

import (
	"errors"
	"fmt"
	"os"
	"time"

	"hushpipe/filter/dir"

	"golang.org/x/sys/unix"
)

// output is stdout. It keeps the first error, and run returns it. A caller needs to
// check the error of Write only if it has more to do.
type output struct {
	file *os.File
	err  error
}

func (o *output) Write(p []byte) (n int, err error) {
	if isClosed(o.file) {
		err = errClosed
	} else {
		n, err = o.file.Write(p)
	}
	if err != nil {
		err = fmt.Errorf("write to stdout: %w", dir.Bare(err))
		if o.err == nil {
			o.err = err
		}
	}
	return n, err
}

var errClosed = errors.New("it is closed")

// isClosed reports whether a standard stream was closed at the start. The runtime then
// opens /dev/null in its place for reading and writing (runtime/fds_unix.go), whereas a
// redirection opens it for one of the two.
func isClosed(f *os.File) bool {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_ACCMODE != unix.O_RDWR {
		return false
	}
	st, err := f.Stat()
	null, err2 := os.Stat(os.DevNull)
	return err == nil && err2 == nil && os.SameFile(st, null)
}

// isPipe reports whether f is a pipe, as web servers use for their loggers.
func isPipe(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode().Type() == os.ModeNamedPipe
}

// isTerminal reports whether f may be a terminal. It is true for /dev/null as well.
func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// isIdle reports whether f has nothing to read within a time.
func isIdle(f *os.File, within time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(within.Milliseconds()))
	return n == 0 || err != nil
}

// hasNoReader reports whether f is a pipe or terminal whose other end is closed.
func hasNoReader(f *os.File) bool {
	fds := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}

// detachStderr duplicates stderr to another descriptor, and makes descriptor 2
// unusable. When a process crashes, the Go runtime prints the arguments of functions
// and the registers to descriptor 2, with addresses and keys possibly among them. No
// value of GOTRACEBACK leaves them out after a fatal signal or a runtime throw
// (gotraceback in runtime/runtime1.go).
func detachStderr(stderr *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(stderr.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	// A write to the read end of a pipe fails with EBADF. /dev/null would not do, since
	// a file may be in its place.
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		return nil, err
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	return os.NewFile(uintptr(fd), stderr.Name()), unix.Dup2(p[0], int(stderr.Fd()))
}
