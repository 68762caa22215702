package filter

import (
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// procs has the Go scheduler run one goroutine at a time, GOMAXPROCS, while that
// suffices: with more of them each wake-up of the reader wakes threads that look for
// work and find none.
type procs struct {
	all   int // that there are
	one   bool
	set   func(int)
	since time.Duration // when more than one was of use last
	long  int           // how many times in succession others ran for long
}

// newProcs leaves it at all of them for the start.
func newProcs() procs {
	return procs{all: runtime.GOMAXPROCS(0), set: func(n int) { runtime.GOMAXPROCS(n) }}
}

// calm is how long one has to suffice before there is only one: to change it stops
// all goroutines for a moment.
const calm = time.Second

// useful notes that more than one is of use, or would have been.
func (p *procs) useful(now time.Duration) {
	p.since = now
	if p.one {
		p.one = false
		p.set(p.all)
	}
}

// useless notes that one suffices.
func (p *procs) useless(now time.Duration) {
	if p.all > 1 && !p.one && now-p.since >= calm {
		p.one = true
		p.set(1)
	}
}

// rest sleeps, and then lets others run. A sleep of Go's wakes threads; a system
// call that tells the scheduler has its monitor look each 20 µs for whether
// another goroutine could run meanwhile (sysmon in Go, runtime/proc.go). So this one
// tells nothing if there is one processor: others run afterwards.
func (p *procs) rest(d time.Duration, now func() time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	if !p.one {
		unix.Nanosleep(&ts, nil)
		return
	}
	unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
	start := now()
	runtime.Gosched()
	p.ran(now()-start, start)
}

// ran notes for how long others ran. They get a processor if that was long again and
// again: once, it may have been another process.
func (p *procs) ran(took, now time.Duration) {
	const long, often = time.Millisecond, 3
	if took < long {
		p.long = 0
	} else if p.long++; p.long == often {
		p.long = 0
		p.useful(now)
	}
}
