package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// measurement is the cost of one run of a program.
type measurement struct {
	wall time.Duration // from its start to its end
	cpu  time.Duration // user and system time, including processes it waited for
	peak int64         // resident bytes
}

// measure runs `cat log | p`, or p alone if it is unfed, in the empty directory dir. The time
// includes cat's, nothing else does.
//
// A forked process inherits its parent's peak memory across exec (exec_mmap in Linux's
// fs/exec.c), and ours is larger than that of most rivals. So a shell, which is smaller than any
// of them, starts p and exits; as the subreaper, we then become p's parent.
func measure(ctx context.Context, p program, log, dir string) (measurement, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return measurement{}, fmt.Errorf("become subreaper: %w", err)
	}
	in, feed, err := os.Pipe()
	if err != nil {
		return measurement{}, err
	}
	defer in.Close()
	defer feed.Close()
	stdout, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		return measurement{}, err
	}
	defer stdout.Close()
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		return measurement{}, err
	}
	defer stderr.Close()

	// A shell redirects stdin of background commands. An unfed program waits for the end of its
	// input, or the shell would reap it.
	script := `exec 4<&0; "$@" <&4 4<&- 3>&- & echo $! >&3`
	if p.unfed {
		script = `exec 4<&0; { read -r _ <&4; exec "$@" 4<&- 3>&-; } & echo $! >&3`
	}
	shell := exec.Command("sh", append([]string{"-c", script, "sh"}, p.argv...)...)
	pidOut, pidIn, err := os.Pipe()
	if err != nil {
		return measurement{}, err
	}
	defer pidOut.Close()
	shell.Dir, shell.Stdin, shell.Stdout, shell.Stderr, shell.ExtraFiles = dir, in, stdout, stderr, []*os.File{pidIn}
	shell.Env = append(os.Environ(), "LC_ALL=C") // as in Apache's start scripts
	if p.unfed {
		log = os.DevNull
	}
	cat := exec.CommandContext(ctx, "cat", log)
	cat.Stdout = feed

	start := time.Now()
	err = shell.Start()
	pidIn.Close()
	if err != nil {
		return measurement{}, fmt.Errorf("start shell: %w", err)
	}
	line := make([]byte, 16)
	n, _ := pidOut.Read(line)
	shell.Wait() // before p is fed, or the shell would reap p when it ends
	pid, err := strconv.Atoi(string(bytes.TrimSpace(line[:n])))
	if err != nil {
		return measurement{}, fmt.Errorf("start %s: the shell names no process", p.name)
	}
	catErr := cat.Start()
	in.Close()
	feed.Close()
	var status unix.WaitStatus
	var used unix.Rusage
	for {
		if _, err = unix.Wait4(pid, &status, 0, &used); err != unix.EINTR {
			break
		}
	}
	wall := time.Since(start)
	if catErr == nil {
		catErr = cat.Wait()
	}
	switch {
	case ctx.Err() != nil:
		return measurement{}, ctx.Err()
	case err != nil || !status.Exited() || status.ExitStatus() != p.exit:
		said, _ := os.ReadFile(stderr.Name())
		return measurement{}, fmt.Errorf("%s failed (%#x): %s", p.name, int(status), bytes.TrimSpace(said))
	case catErr != nil:
		return measurement{}, fmt.Errorf("feed %s: %w", p.name, catErr)
	}
	return measurement{
		wall: wall,
		cpu:  time.Duration(used.Utime.Nano() + used.Stime.Nano()),
		peak: int64(used.Maxrss) << 10, // Maxrss has 32 bits on some systems
	}, nil
}

// machine returns the names of the processor and the kernel.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	var uts unix.Utsname
	unix.Uname(&uts)
	return fmt.Sprintf("%s, Linux %s", model, unix.ByteSliceToString(uts.Release[:]))
}
