package input

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pipeSize is the size that the web server's pipe gets, if the system allows it
// (pipe-max-size, pipe(7)). The pipe keeps what is not written yet, and the server
// needs room for what follows.
const pipeSize = 1 << 20

// manyBytes in one read are work for two processors: one treats lines while another
// writes. It is the size of filter's batches.
const manyBytes = 64 << 10

// pipeReader is a filter.CommitReader. It copies with tee(2) into a pipe of its own and
// reads that. A copy consists of references to pages, not of bytes, and the original
// stays in the server's pipe until Commit. So a kill loses nothing: the next process on
// the same pipe reads what was not committed.
//
// The own pipe has at most half the size of the server's. A longer line does not fit
// and is removed from the server's pipe while it is read. A kill loses what was read
// of such a line.
type pipeReader struct {
	*plainReader
	own    [2]int // read end and write end
	epoll  int
	events [2]unix.EpollEvent // scratch of wait

	now   func() time.Duration // since an arbitrary moment
	sleep func(time.Duration)
	company
	procs procs

	arrived
	head
	bin bin
}

// arrived describes the bytes that Read has not returned yet.
type arrived struct {
	fresh  int  // how many of them are in the own pipe
	woken  bool // epoll has reported an event since the last look
	waited bool // Read slept before it looked for them
	full   bool // the own pipe has no room for more than the kept bytes
	hup    bool // the pipe has no writer any more
}

// head describes the start of the server's pipe, with the bytes that are not committed.
type head struct {
	mu     sync.Mutex // guards what follows, and that end of the pipe
	kept   int        // bytes in the pipe that were copied, fresh ones included
	taken  int        // bytes that take removed before their Commit
	shared bool       // another process has removed bytes
}

func (h *head) keeps() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept > 0
}

// bin removes bytes from a pipe.
type bin struct {
	null int    // /dev/null, or -1 if there is none
	buf  []byte // used instead
}

// drop removes up to n bytes.
func (b *bin) drop(fd, n int) (int, error) {
	if b.null < 0 {
		return unix.Read(fd, b.buf[:min(n, len(b.buf))])
	}
	m, err := unix.Splice(fd, nil, b.null, nil, n, unix.SPLICE_F_NONBLOCK)
	return int(m), err
}

// errShared ends the reading: a Commit could remove bytes that nobody has read.
var errShared = errors.New("another process reads from this pipe; hint: end one of them")

// newPipe returns nil if plain reads no pipe, or if the system lacks one of the calls.
func newPipe(plain *plainReader) Reader {
	size, err := unix.FcntlInt(uintptr(plain.fd), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		return nil
	}
	if size < pipeSize {
		// A user without the right to that size gets by with a smaller pipe.
		if larger, err := unix.FcntlInt(uintptr(plain.fd), unix.F_SETPIPE_SZ, pipeSize); err == nil {
			size = larger
		}
	}
	start := time.Now()
	in := &pipeReader{plainReader: plain, own: [2]int{-1, -1}, bin: bin{null: -1}, epoll: -1, company: newCompany(size),
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

func (in *pipeReader) open(size int) bool {
	if unix.Pipe2(in.own[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return false
	}
	if size < 2*os.Getpagesize() {
		return false // half of it is less than a page
	}
	// Half of the pages, so that it fills before the other one. A user with many pipes
	// may get fewer (pipe-user-pages-soft, pipe(7)).
	unix.FcntlInt(uintptr(in.own[1]), unix.F_SETPIPE_SZ, size/2)
	own, err := unix.FcntlInt(uintptr(in.own[1]), unix.F_GETPIPE_SZ, 0)
	if err != nil || own > size/2 {
		return false
	}
	in.bin.null = openNull()
	if in.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return false
	}
	// Edge-triggered: half a line that stays in the pipe must not cause events.
	err = unix.EpollCtl(in.epoll, unix.EPOLL_CTL_ADD, in.fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: 0})
	if err != nil {
		return false
	}
	err = unix.EpollCtl(in.epoll, unix.EPOLL_CTL_ADD, int(in.wakeR.Fd()), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: 1})
	if err != nil {
		return false
	}
	// These calls copy nothing. They fail if a container forbids tee or splice.
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

// openNull opens the null device. It returns -1 if there is none: a regular file in
// its place would keep every line.
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

// Read returns bytes that no earlier Read has returned.
func (in *pipeReader) Read(p []byte) (int, error) {
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

// companyLeft returns how long Read should sleep before it looks.
func (in *pipeReader) companyLeft() time.Duration {
	if in.fresh > 0 || in.hup || !in.busy && !in.woken {
		return 0
	}
	return in.left(in.now())
}

// Ready reports true for an error, which Read then returns.
func (in *pipeReader) Ready() bool {
	if in.companyLeft() > 0 {
		return false
	}
	ok, err := in.look()
	return ok || err != nil
}

// Patient reports whether the pipe has a writer and is less than half full.
func (in *pipeReader) Patient() bool {
	if draining, err := in.ended(); draining || err != nil {
		return false
	}
	fds := [1]unix.PollFd{{Fd: int32(in.fd)}}
	if _, err := unix.Poll(fds[:], 0); err != nil || fds[0].Revents != 0 {
		return false // POLLHUP is reported unasked, poll(2)
	}
	return !HalfFull(in.file)
}

// Commit removes whole lines from the pipe. Another goroutine may call it.
func (in *pipeReader) Commit(n int) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.shared {
		return nil // Read returns the error
	}
	if _, err := in.there(); err != nil {
		return err
	}
	before := min(n, in.taken)
	in.taken -= before
	in.kept -= n - before
	return in.discard(in.fd, n-before)
}

// look copies what has come since the last call and reports whether there is anything
// to read. It does not wait.
func (in *pipeReader) look() (bool, error) {
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
	// tee(2) begins at the head, so it copies the kept bytes again.
	copied, err := unix.Tee(in.fd, in.own[1], there, unix.SPLICE_F_NONBLOCK)
	n := int(copied)                                // on 32 bits, the upper half of copied is garbage
	if err == unix.EAGAIN || err == nil && n == 0 { // the pipe is empty
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
	if in.fresh >= manyBytes {
		in.procs.useful(now)
	} else {
		in.procs.useless(now)
	}
	in.woken = false
	return true, nil
}

// there returns how many bytes are in the pipe: the kept ones and those not copied yet.
// The caller holds in.mu.
func (in *pipeReader) there() (int, error) {
	n, err := unix.IoctlGetInt(in.fd, unix.TIOCINQ)
	if err == nil && (in.shared || n < in.kept) {
		in.shared, err = true, errShared
	}
	if err != nil {
		return 0, in.fault("look into", err)
	}
	return n, nil
}

func (in *pipeReader) readOwn(p []byte) (int, error) {
	n, err := unix.Read(in.own[0], p[:min(len(p), in.fresh)])
	if err != nil {
		return 0, in.fault("read", err)
	}
	in.fresh -= n
	in.brought(p[:n], in.waited)
	in.waited = false
	return n, nil
}

// take removes the kept bytes from the pipe. The caller of Read has them in memory.
func (in *pipeReader) take() error {
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

// discard removes n bytes from a pipe that has them. The caller holds in.mu.
func (in *pipeReader) discard(fd, n int) error {
	for n > 0 {
		m, err := in.bin.drop(fd, n)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN || err == nil && m == 0: // the pipe is empty
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
// closed it, or when Stop was called. If the pipe is not empty, a writer that was
// blocked and goes on after a commit causes no event (pipe_write in Linux, fs/pipe.c).
// So while bytes are kept, wait returns after again at the latest.
func (in *pipeReader) wait(again time.Duration) error {
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

// Alarm uses a kernel timer: setting or stopping a Go timer would wake a thread.
func (in *pipeReader) Alarm(late func()) (set func(time.Duration), end func()) {
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

// HalfFull reports whether the pipe f may be half full, so that its writers will soon
// have to wait. It is false if the system does not report it. A quarter of the bytes can
// take half of the pages, because a line that does not fit into the last page begins
// another (pipe_write in Linux, fs/pipe.c).
func HalfFull(f *os.File) bool {
	size, err := unix.FcntlInt(f.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		return false
	}
	there, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCINQ)
	return err == nil && there >= size/4
}
