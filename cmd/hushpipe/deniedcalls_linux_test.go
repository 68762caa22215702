package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// refusing becomes a program for which the kernel refuses a system call, like a seccomp
// filter of a container or of systemd.
func refusing() {
	number, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	runtime.LockOSThread()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the system call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(number), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		panic(err)
	}
	panic(syscall.Exec(os.Args[2], os.Args[2:], os.Environ()))
}

// refused returns a function that makes the command of such a program.
func refused(number int) func(...string) *exec.Cmd {
	return func(args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Args = append([]string{"refusing", fmt.Sprint(number)}, args...)
		return cmd
	}
}

// TestNoLineNeedsThem: without a system call that filter would like to use, or without
// a null device, lines are written all the same. Lines not yet written stay in the
// pipe, where a kill cannot lose them, except without tee(2).
func TestNoLineNeedsThem(t *testing.T) {
	for name, test := range map[string]struct {
		command func(...string) *exec.Cmd
		takes   bool // out of the pipe what it reads
	}{
		"tee":      {refused(unix.SYS_TEE), true},
		"splice":   {refused(unix.SYS_SPLICE), false},
		"landlock": {refused(unix.SYS_LANDLOCK_CREATE_RULESET), false},
		"prctl":    {refused(unix.SYS_PRCTL), false},
		"null device": {func(args ...string) *exec.Cmd {
			args = append([]string{"--mount", "sh", "-c", `mount -t tmpfs none /dev; exec "$0" "$@"`}, args...)
			return exec.Command("unshare", args...)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "null device" {
				need.Root(t) // to mount
			}
			dir := filepath.Join(t.TempDir(), "log")
			l := startCommand(t, test.command(hushpipeBinary(t), "filter", dir))
			const half = "192.0.2.1 - - ["
			for _, room := range []string{"a", "b"} {
				l.write("192.0.2.1", "/http-bind?room="+room)
				await(t, func() bool { return strings.Contains(written(dir), "room="+room) }, "the line")
			}
			_, err := io.WriteString(l.stdin, logLine("192.0.2.1", "/http-bind?room=c")+half)
			require.NoError(t, err)
			await(t, func() bool { return strings.Contains(written(dir), "room=c") }, "the line")
			kept := len(half)
			if test.takes {
				kept = 0
			}
			await(t, func() bool {
				there, err := unix.IoctlGetInt(int(l.stdin.(*os.File).Fd()), unix.TIOCINQ)
				return err == nil && there == kept
			}, "what is in the pipe")
			require.NoError(t, l.stdin.Close())
			require.Zero(t, l.wait(), l.said)
			assert.Equal(t, 4, strings.Count(written(dir), "\n"))
			assert.NotContains(t, l.said.String(), "not permitted")
		})
	}
}

// TestCrashWithFewFiles: a process that may not open enough files to detach stderr from
// crash reports filters nothing.
func TestCrashWithFewFiles(t *testing.T) {
	t.Parallel()
	read := 0
	for n := 5; n < 14; n++ {
		cmd := exec.Command("sh", "-c", `ulimit -n $0; exec "$@"`, fmt.Sprint(n), hushpipeBinary(t), "filter", "--stdout")
		var out, said lockedBuffer
		cmd.Stdout, cmd.Stderr = &out, &said
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		ended := make(chan struct{})
		go func() {
			cmd.Wait()
			close(ended)
		}()
		stdin.Write([]byte(logLine("192.0.2.1", "/")))
		await(t, func() bool {
			select {
			case <-ended:
				return true
			default:
				return out.String() != ""
			}
		}, "the line")
		cmd.Process.Signal(unix.SIGQUIT)
		<-ended
		if out.String() != "" {
			read++
			assert.Empty(t, said.String(), "%d files", n)
		}
	}
	assert.NotZero(t, read)
}

// TestCryptoRefused: if keys or room names cannot be made, no line is read, and the
// reason is logged.
func TestCryptoRefused(t *testing.T) {
	for name, test := range map[string]struct {
		command func(...string) *exec.Cmd
		said    string
	}{
		"getrandom": {refused(unix.SYS_GETRANDOM), "hushpipe: error: get random bytes for keys: operation not permitted; hint: allow the system call getrandom\n"},
		"SHA-1": {func(args ...string) *exec.Cmd {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
			return cmd
		}, "hushpipe: error: GODEBUG=fips140=only forbids SHA-1, which names rooms; hint: set fips140=on\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			cmd := test.command(hushpipeBinary(t), "filter", dir)
			cmd.Stdin = strings.NewReader(logLine("192.0.2.1", "/http-bind?room=a"))
			said, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			assert.Equal(t, exitFailure, exit.ExitCode())
			assert.Equal(t, test.said, string(said))
			assert.NoDirExists(t, dir)
		})
	}
}
