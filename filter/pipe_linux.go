package filter

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pipeSize is what the web server's pipe is enlarged to, as far as the system
// lets us (pipe-max-size, pipe(7)): what is not written yet stays in it, and the
// server must find room for what comes meanwhile.
const pipeSize = 1 << 20

// pipeInput is a CommitReader. What it reads it has copied by tee(2) into a pipe of
// its own, which costs references to pages and no bytes; the original stays
// until it is committed. So a kill loses nothing: the process that comes next on
// the same pipe finds what was not committed.
//
// A line that is longer than the own pipe, which is half as large as the other
// one at most, is taken out while it is read, since its end finds no room: of
// such a line a kill loses what had come.
type pipeInput struct {
	*plainInput
	own    [2]int // read end and write end
	epoll  int
	events [2]unix.EpollEvent // scratch of wait

	now   func() time.Duration // since some moment
	sleep func(time.Duration)
	company
	procs procs

	arrived
	head
	bin bin
}

// arrived is what is known of bytes that were not read yet.
type arrived struct {
	fresh  int  // how many stand in the own pipe
	woken  bool // something was written since the last look
	waited bool // what is read next was awaited
	full   bool // the own pipe can hold no more than what is kept
	hup    bool // nobody can write to the pipe any more
}

// head is the head of the pipe, with the bytes that are not committed.
type head struct {
	mu     sync.Mutex // guards what follows, and the pipe there
	kept   int        // bytes there that were copied, fresh ones included
	taken  int        // bytes that were read and taken out before their Commit
	shared bool       // somebody else has taken bytes out
}

func (h *head) keeps() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept > 0
}

// bin takes bytes out of a pipe that nobody needs.
type bin struct {
	null int    // /dev/null, -1 for none
	buf  []byte // takes its place
}

// drop takes up to n bytes out.
func (b *bin) drop(fd, n int) (int, error) {
	if b.null < 0 {
		return unix.Read(fd, b.buf[:min(n, len(b.buf))])
	}
	m, err := unix.Splice(fd, nil, b.null, nil, n, unix.SPLICE_F_NONBLOCK)
	return int(m), err
}

// errShared ends the reading: what a Commit takes out could be bytes that nobody has
// read.
var errShared = errors.New("another process reads from this pipe; hint: end one of them")

// newPipeInput returns nil for what is no pipe, and where a pipe cannot be
// looked into.
func newPipeInput(plain *plainInput) Input {
	size, err := unix.FcntlInt(uintptr(plain.fd), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		return nil
	}
	if size < pipeSize {
		// Without the right to all of it, a smaller pipe will do.
		if larger, err := unix.FcntlInt(uintptr(plain.fd), unix.F_SETPIPE_SZ, pipeSize); err == nil {
			size = larger
		}
	}
	start := time.Now()
	in := &pipeInput{plainInput: plain, own: [2]int{-1, -1}, bin: bin{null: -1}, epoll: -1, company: newCompany(size),
		procs: newProcs(), now: func() time.Duration { return time.Since(start) }}
	in.sleep = func(d time.Duration) { in.procs.rest(d, in.now) }
	if !in.open(size) {
		for _, fd := range []int{in.own[0], in.own[1], in.bin.null, in.epoll} {
			if fd >= 0 {
				unix.Close(fd)
			}
		}
		return nil
	}
	return in
}

func (in *pipeInput) open(size int) bool {
	if unix.Pipe2(in.own[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return false
	}
	if size < 2*os.Getpagesize() {
		return false // no half of it holds anything
	}
	// Half of the pages: full before the other one is. Whose user has many pipes
	// (pipe-user-pages-soft, pipe(7)) may have to do with less.
	unix.FcntlInt(uintptr(in.own[1]), unix.F_SETPIPE_SZ, size/2)
	own, err := unix.FcntlInt(uintptr(in.own[1]), unix.F_GETPIPE_SZ, 0)
	if err != nil || own > size/2 {
		return false
	}
	in.bin.null = openNull()
	if in.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return false
	}
	// Edge-triggered: half a line that stays in the pipe causes no event.
	err = unix.EpollCtl(in.epoll, unix.EPOLL_CTL_ADD, in.fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: 0})
	if err != nil {
		return false
	}
	err = unix.EpollCtl(in.epoll, unix.EPOLL_CTL_ADD, int(in.wakeR.Fd()), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: 1})
	if err != nil {
		return false
	}
	// To copy nothing does nothing, but a container may refuse it.
	if _, err = unix.Tee(in.fd, in.own[1], 0, unix.SPLICE_F_NONBLOCK); err != nil {
		return false
	}
	if _, err = unix.Splice(in.fd, nil, in.bin.null, nil, 0, unix.SPLICE_F_NONBLOCK); in.bin.null >= 0 && err != nil {
		unix.Close(in.bin.null)
		in.bin.null = -1
	}
	if in.bin.null < 0 {
		in.bin.buf = make([]byte, 64<<10)
	}
	return true
}

// openNull opens the null device, and returns -1 where there is none: a file may
// stand in its place, which would keep each line that is written to it.
func openNull() int {
	fd, err := unix.Open(os.DevNull, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || uint64(st.Rdev) != unix.Mkdev(1, 3) {
		unix.Close(fd)
		return -1
	}
	return fd
}

// Read returns what has come since the last one.
func (in *pipeInput) Read(p []byte) (int, error) {
	for again := time.Millisecond; ; again = min(2*again, time.Second) {
		draining, err := in.ended()
		if err != nil {
			return 0, err
		}
		if left := in.companyLeft(); left > 0 && !draining {
			in.sleep(left)
			in.waited = true
		}
		ok, err := in.look()
		switch {
		case err != nil:
			return 0, err
		case ok:
			return in.readOwn(p)
		case in.full:
			if err := in.take(); err != nil {
				return 0, err
			}
			continue
		case in.hup || draining:
			in.procs.useful(in.now())
			return 0, in.end()
		}
		if err := in.wait(again); err != nil {
			return 0, err
		}
	}
}

// companyLeft returns how long Read waits before it looks.
func (in *pipeInput) companyLeft() time.Duration {
	if in.fresh > 0 || in.hup || !in.busy && !in.woken {
		return 0
	}
	return in.left(in.now())
}

// Ready leaves errors to Read.
func (in *pipeInput) Ready() bool {
	if in.companyLeft() > 0 {
		return false
	}
	ok, err := in.look()
	return ok || err != nil
}

// Patient reports that the pipe is less than half full, and has a writer.
func (in *pipeInput) Patient() bool {
	if draining, err := in.ended(); draining || err != nil {
		return false
	}
	fds := [1]unix.PollFd{{Fd: int32(in.fd)}}
	if _, err := unix.Poll(fds[:], 0); err != nil || fds[0].Revents != 0 {
		return false // POLLHUP needs no asking, poll(2)
	}
	return !HalfFull(in.file)
}

// Commit takes whole lines out of the pipe. Another goroutine may call it.
func (in *pipeInput) Commit(n int) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.shared {
		return nil // Read tells it
	}
	if _, err := in.there(); err != nil {
		return err
	}
	before := min(n, in.taken)
	in.taken -= before
	in.kept -= n - before
	return in.discard(in.fd, n-before)
}

// look copies what has come since the last time, and reports whether there is
// anything to read. It waits for nothing.
func (in *pipeInput) look() (bool, error) {
	in.full = false
	if in.fresh > 0 {
		return true, nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	there := pipeSize
	if in.kept > 0 || in.shared {
		var err error
		if there, err = in.there(); err != nil || there == in.kept {
			return false, err
		}
	}
	// What is kept is copied once more: tee(2) begins at the head.
	copied, err := unix.Tee(in.fd, in.own[1], there, unix.SPLICE_F_NONBLOCK)
	n := int(copied)                                // where that has 32 bits, anything may be above them
	if err == unix.EAGAIN || err == nil && n == 0 { // it is empty
		if in.kept == 0 {
			return false, nil
		}
		in.shared, err = true, errShared
	}
	if err != nil {
		return false, in.fault("tee", err)
	}
	if err := in.discard(in.own[0], min(n, in.kept)); err != nil {
		return false, err
	}
	if n <= in.kept {
		in.full = true
		return false, nil
	}
	in.fresh = n - in.kept
	in.kept = n
	now := in.now()
	in.took(in.fresh, now)
	if in.fresh >= batchSize {
		in.procs.useful(now)
	} else {
		in.procs.useless(now)
	}
	in.woken = false
	return true, nil
}

// there returns how many bytes are in the pipe: what is kept, and more perhaps.
// The caller holds in.mu.
func (in *pipeInput) there() (int, error) {
	n, err := unix.IoctlGetInt(in.fd, unix.TIOCINQ)
	if err == nil && (in.shared || n < in.kept) {
		in.shared, err = true, errShared
	}
	if err != nil {
		return 0, in.fault("look into", err)
	}
	return n, nil
}

func (in *pipeInput) readOwn(p []byte) (int, error) {
	n, err := unix.Read(in.own[0], p[:min(len(p), in.fresh)])
	if err != nil {
		return 0, in.fault("read", err)
	}
	in.fresh -= n
	in.brought(bytes.Count(p[:n], newline), in.waited)
	in.waited = false
	return n, nil
}

// take moves what is kept into memory: it was read.
func (in *pipeInput) take() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if _, err := in.there(); err != nil {
		return err
	}
	n := in.kept
	in.taken += n
	in.kept = 0
	return in.discard(in.fd, n)
}

// discard takes n bytes out of a pipe that has them. The caller holds in.mu.
func (in *pipeInput) discard(fd, n int) error {
	for n > 0 {
		m, err := in.bin.drop(fd, n)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN || err == nil && m == 0: // it is empty
			in.shared = true
			return in.fault("commit", errShared)
		case err != nil:
			return in.fault("commit", err)
		default:
			n -= m
		}
	}
	return nil
}

// wait returns when something was written to the pipe, when its last writer has
// gone, or when Stop was called. A writer that fills what a commit has freed, and
// has more to write, tells nobody as long as the pipe was not empty (pipe_write
// in Linux, fs/pipe.c): so with half a line there, wait returns again after a
// time.
func (in *pipeInput) wait(again time.Duration) error {
	timeout := -1
	if in.keeps() {
		timeout = int(again.Milliseconds())
	}
	n, err := unix.EpollWait(in.epoll, in.events[:], timeout)
	if err != nil && err != unix.EINTR {
		return in.fault("wait for", err)
	}
	for _, e := range in.events[:max(n, 0)] {
		in.woken = true
		if e.Fd == 0 && e.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			in.hup = true
		}
	}
	return nil
}

// Alarm is one of the kernel: to set it and to call it off wakes nobody, as Go's
// timers do.
func (in *pipeInput) Alarm(late func()) (set func(time.Duration), end func()) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, func() {}
	}
	timer := os.NewFile(uintptr(fd), "timer")
	go func() {
		var times [8]byte
		for {
			if _, err := timer.Read(times[:]); err != nil {
				return // it is closed
			}
			late()
		}
	}()
	var at unix.ItimerSpec
	return func(d time.Duration) {
		at.Value = unix.NsecToTimespec(int64(d))
		unix.TimerfdSettime(fd, 0, &at, nil)
	}, func() { timer.Close() }
}

// HalfFull reports whether a pipe may have room for no more than it holds, as far
// as the system tells: whoever writes to it will soon have to wait. A quarter of
// the bytes can take half of the pages, since a line that does not fit into the
// last one begins another (pipe_write in Linux, fs/pipe.c).
func HalfFull(f *os.File) bool {
	size, err := unix.FcntlInt(f.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		return false
	}
	there, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCINQ)
	return err == nil && there >= size/4
}
