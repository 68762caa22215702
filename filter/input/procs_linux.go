package input

import (
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// procs sets GOMAXPROCS to 1 while one processor is enough. With more, each wake-up of
// the reader wakes threads that look for work and find none.
type procs struct {
	all   int // GOMAXPROCS at the start
	one   bool
	set   func(int)
	since time.Duration // when more than one was useful last
	long  int           // how many times in a row other goroutines ran for long
}

// newProcs starts with all processors.
func newProcs() procs {
	return procs{all: runtime.GOMAXPROCS(0), set: func(n int) { runtime.GOMAXPROCS(n) }}
}

// calm is how long one processor has to be enough before GOMAXPROCS becomes 1. Each
// change stops all goroutines for a moment.
const calm = time.Second

// useful records that more than one processor is useful, or would have been.
func (p *procs) useful(now time.Duration) {
	p.since = now
	if p.one {
		p.one = false
		p.set(p.all)
	}
}

// useless records that one processor is enough.
func (p *procs) useless(now time.Duration) {
	if p.all > 1 && !p.one && now-p.since >= calm {
		p.one = true
		p.set(1)
	}
}

// rest sleeps for d. time.Sleep wakes threads. During a system call that the scheduler
// knows of, its monitor checks every 20 µs whether another goroutine could run (sysmon
// in Go, runtime/proc.go). So with one processor rest makes a raw system call, and
// lets other goroutines run afterwards.
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

// ran records for how long other goroutines ran. If that was long several times in a row,
// they get a processor of their own. A single time, it may have been another process.
func (p *procs) ran(took, now time.Duration) {
	const long, often = time.Millisecond, 3
	if took < long {
		p.long = 0
	} else if p.long++; p.long == often {
		p.long = 0
		p.useful(now)
	}
}
