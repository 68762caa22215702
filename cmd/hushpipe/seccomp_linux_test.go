package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter/audit"
	"hushpipe/filter/need"
	"hushpipe/filter/registry"
)

// attempt is a system call that a confined process tries; file is outside DIR.
type attempt struct {
	name string
	try  func(file, dir string) error
}

func call(number uintptr, args ...uintptr) error {
	args = append(args, 0, 0, 0, 0, 0)
	if _, _, errno := unix.Syscall6(number, args[0], args[1], args[2], args[3], args[4], 0); errno != 0 {
		return errno
	}
	return nil
}

func socket(family, kind int) func(string, string) error {
	return func(string, string) error { _, err := unix.Socket(family, kind, 0); return err }
}

func number(n uintptr, args ...uintptr) func(string, string) error {
	return func(string, string) error { return call(n, args...) }
}

var escapes = []attempt{
	{"TCP socket", socket(unix.AF_INET, unix.SOCK_STREAM)},
	{"UDP socket", socket(unix.AF_INET, unix.SOCK_DGRAM)},
	{"raw socket", socket(unix.AF_INET, unix.SOCK_RAW)},
	{"packet socket", socket(unix.AF_PACKET, unix.SOCK_RAW)},
	{"netlink socket", socket(unix.AF_NETLINK, unix.SOCK_RAW)},
	{"unix socket", socket(unix.AF_UNIX, unix.SOCK_STREAM)},
	{"socket pair", func(string, string) error { _, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err }},
	// On the unix socket that it inherited.
	{"connect", func(_, dir string) error { return unix.Connect(3, &unix.SockaddrUnix{Name: dir + "/socket"}) }},
	{"send to", func(_, dir string) error {
		return unix.Sendto(3, []byte("x"), 0, &unix.SockaddrUnix{Name: dir + "/socket"})
	}},
	{"bind", func(_, dir string) error { return unix.Bind(3, &unix.SockaddrUnix{Name: dir + "/mine"}) }},
	{"chmod", func(file, _ string) error { return unix.Chmod(file, 0o666) }},
	{"chmod in DIR", func(_, dir string) error { return unix.Chmod(dir+"/a", 0o666) }},
	{"fchmodat2", func(file, _ string) error {
		return unix.Fchmodat(unix.AT_FDCWD, file, 0o666, unix.AT_SYMLINK_NOFOLLOW)
	}},
	{"chown", func(file, _ string) error { return unix.Chown(file, 1, 1) }},
	{"lchown", func(file, _ string) error { return unix.Lchown(file, 1, 1) }},
	{"utimensat", func(file, _ string) error { return os.Chtimes(file, time.Unix(0, 0), time.Unix(0, 0)) }},
	{"setxattr", func(file, _ string) error { return unix.Setxattr(file, "user.a", []byte("b"), 0) }},
	{"execve", func(string, string) error { return unix.Exec("/bin/true", []string{"true"}, nil) }},
	{"fork", number(unix.SYS_CLONE, uintptr(unix.SIGCHLD))},
	{"user namespace", func(string, string) error { return unix.Unshare(unix.CLONE_NEWUSER) }},
	{"ptrace", number(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(os.Getppid()))},
	{"process_vm_readv", number(unix.SYS_PROCESS_VM_READV, uintptr(os.Getppid()))},
	{"pidfd_open", func(string, string) error { _, err := unix.PidfdOpen(os.Getppid(), 0); return err }},
	{"kill", func(string, string) error { return unix.Kill(os.Getppid(), 0) }},
	{"kill a group", func(string, string) error { return unix.Kill(0, 0) }},
	{"tgkill", func(string, string) error { return unix.Tgkill(os.Getppid(), os.Getppid(), 0) }},
	{"limits of another", func(string, string) error {
		return unix.Prlimit(os.Getppid(), unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	}},
	{"dumpable", func(string, string) error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }},
	{"setuid", number(unix.SYS_SETUID, 0)},
	{"capset", number(unix.SYS_CAPSET)},
	{"mount", func(_, dir string) error { return unix.Mount("tmpfs", dir, "tmpfs", 0, "") }},
	{"chroot", func(_, dir string) error { return unix.Chroot(dir) }},
	{"keyctl", func(string, string) error {
		_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, true)
		return err
	}},
	{"bpf", number(unix.SYS_BPF, ^uintptr(0))},
	{"perf_event_open", number(unix.SYS_PERF_EVENT_OPEN)},
	{"userfaultfd", number(unix.SYS_USERFAULTFD, ^uintptr(0))},
	{"io_uring", number(unix.SYS_IO_URING_SETUP, 1)},
	{"shared memory", number(unix.SYS_SHMGET, 0, 4096, unix.IPC_CREAT|0o600)},
	{"type on the terminal", number(unix.SYS_IOCTL, 0, unix.TIOCSTI)},
}

// escape confines itself and prints the attempts that do not fail with EPERM.
func escape() {
	file, dir := os.Args[1], os.Args[2]
	said := confine(dir, "")
	for _, a := range escapes {
		if err := a.try(file, dir); !errors.Is(err, unix.EPERM) {
			fmt.Printf("%s: %v\n", a.name, err)
		}
	}
	if err := call(uintptr(newest) + 1); err != unix.ENOSYS {
		fmt.Println("a newer call:", err)
	}
	f, err := os.Create(dir + "/own")
	if err == nil {
		err = f.Chmod(0o600)
	}
	if err == nil {
		err = f.Chown(os.Getuid(), os.Getgid())
	}
	if err != nil {
		fmt.Println("mode and owner of an open file:", err)
	}
	fmt.Println(said)
}

func TestEscape(t *testing.T) {
	file, dir := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.WriteFile(dir+"/a", nil, 0o600))
	server, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	require.NoError(t, err)
	defer unix.Close(server)
	require.NoError(t, unix.Bind(server, &unix.SockaddrUnix{Name: dir + "/socket"}))
	inherited, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Args = []string{"escape", file, dir}
	cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(inherited), "socket")}
	defer cmd.ExtraFiles[0].Close()
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Regexp(t, `^confined by (landlock \(ABI \d+\), )?seccomp, capabilities`, string(said))
}

// decision runs a seccomp filter.
func decision(filter []unix.SockFilter, processor, number uint32, args ...uint64) uint32 {
	data := binary.LittleEndian.AppendUint32(nil, number)
	data = binary.LittleEndian.AppendUint32(data, processor)
	data = binary.LittleEndian.AppendUint64(data, 0)
	for i := range 6 {
		data = binary.LittleEndian.AppendUint64(data, append(slices.Clone(args), make([]uint64, 6)...)[i])
	}
	var a uint32
	for pc := 0; ; pc++ {
		in := filter[pc]
		yes := false
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = binary.LittleEndian.Uint32(data[in.K:])
			continue
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			yes = a == in.K
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			yes = a > in.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			yes = a&in.K != 0
		}
		if yes {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
}

func TestCallFilter(t *testing.T) {
	const pid, here, other = 4711, 1, 2
	filter := callFilter(here, pid, false)
	for name, test := range map[string]struct {
		got, want uint32
	}{
		"read":                 {decision(filter, here, unix.SYS_READ), allowed},
		"fchmod":               {decision(filter, here, unix.SYS_FCHMOD), allowed},
		"fchown":               {decision(filter, here, unix.SYS_FCHOWN), allowed},
		"time of what is open": {decision(filter, here, unix.SYS_UTIMENSAT, 3), allowed},
		"time by path":         {decision(filter, here, unix.SYS_UTIMENSAT, 3, 0xc000012345), refusal},
		"time by another path": {decision(filter, here, unix.SYS_UTIMENSAT, 3, 1<<32), refusal},
		"another width":        {decision(filter, other, unix.SYS_READ), refusal},
		"x32":                  {decision(filter, here, 0x40000000|unix.SYS_READ), unknown},
		"newest":               {decision(filter, here, newest), allowed},
		"newer":                {decision(filter, here, newest+1), unknown},
		"clone3":               {decision(filter, here, unix.SYS_CLONE3), unknown},
		"thread":               {decision(filter, here, unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_VM), allowed},
		"process":              {decision(filter, here, unix.SYS_CLONE, unix.CLONE_VM), refusal},
		"thread and namespace": {decision(filter, here, unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_NEWNET), refusal},
		"own signal":           {decision(filter, here, unix.SYS_TGKILL, pid, 1), allowed},
		"signal to all":        {decision(filter, here, unix.SYS_KILL, ^uint64(0)), refusal},
		"own limits":           {decision(filter, here, unix.SYS_PRLIMIT64, 0), allowed},
		"bytes in a pipe":      {decision(filter, here, unix.SYS_IOCTL, 0, unix.TIOCINQ), allowed},
		"upper half":           {decision(filter, here, unix.SYS_IOCTL, 0, 1<<32|unix.TIOCSTI), refusal},
	} {
		assert.Equal(t, test.want, test.got, name)
	}
}

// confinement returns what status reports of a logger once it has written a line.
func confinement(t *testing.T, l *logger, dir string) (p registry.Process) {
	t.Helper()
	l.write("192.0.2.1", "/")
	await(t, func() bool {
		text, _ := exec.Command(hushpipeBinary(t), "status", "--json", dir).Output()
		var s audit.Status
		if json.Unmarshal(text, &s) != nil || len(s.Processes) == 0 {
			return false
		}
		p = s.Processes[0]
		return true
	}, "the record")
	return p
}

// TestThreadsConfined: every thread is confined, and root has few capabilities.
func TestThreadsConfined(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	said := confinement(t, l, dir)
	assert.Contains(t, said.Confined, "seccomp, capabilities")
	assert.Equal(t, "no core files, no debugger of the same user", said.Memory)
	for name, want := range map[string]string{"Seccomp": "2", "NoNewPrivs": "1", "CapInh": "0000000000000000", "CapAmb": "0000000000000000"} {
		for _, value := range status(t, l.cmd.Process.Pid, name) {
			assert.Equal(t, want, value, name)
		}
	}
	for _, name := range []string{"CapEff", "CapPrm"} {
		for _, value := range status(t, l.cmd.Process.Pid, name) {
			var set uint64
			fmt.Sscanf(value, "%x", &set)
			assert.Zero(t, set&^keptCapabilities, name)
		}
	}
	require.Zero(t, l.end(), l.said)
}

// TestConfinedInPart: if one mechanism is missing, the others apply, and status reports
// it.
func TestConfinedInPart(t *testing.T) {
	need.Root(t) // who has capabilities to drop
	const noSignals = "signals cannot be queued (raise ulimit -i)"
	for name, test := range map[string]struct {
		command func(...string) *exec.Cmd
		said    string
	}{
		"no signals": {func(args ...string) *exec.Cmd {
			return exec.Command("prlimit", append([]string{"--sigpending=0"}, args...)...)
		}, `seccomp; not by landlock: ` + noSignals + `; capabilities: ` + noSignals},
		"seccomp":  {refused(unix.SYS_SECCOMP), "capabilities; not by seccomp: operation not permitted"},
		"prctl":    {refused(unix.SYS_PRCTL), "seccomp: operation not permitted"},
		"capset":   {refused(unix.SYS_CAPSET), "capabilities: operation not permitted"},
		"landlock": {refused(unix.SYS_LANDLOCK_CREATE_RULESET), "confined by seccomp, capabilities; not by landlock: operation not permitted"},
	} {
		t.Run(name, func(t *testing.T) {
			requireSoon(t, 2*time.Second, func() time.Duration {
				dir := filepath.Join(t.TempDir(), "log")
				cmd := test.command(hushpipeBinary(t), "filter", dir)
				started := time.Now()
				l := startCommand(t, cmd)
				l.write("192.0.2.1", "/")
				await(t, func() bool { return written(dir) != "" }, "the line")
				took := time.Since(started)
				said := confinement(t, l, dir)
				assert.Contains(t, said.Confined, test.said)
				if name == "prctl" {
					assert.Equal(t, "no core files; a debugger or a program that takes core dumps can read the memory", said.Memory)
				}
				require.Zero(t, l.end(), l.said)
				return took
			})
		})
	}
}

// TestUserWithoutSignals: without signals, some threads would stay root's, or the
// process would wait for ever.
func TestUserWithoutSignals(t *testing.T) {
	need.Root(t)
	dir := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command("prlimit", "--sigpending=0", hushpipeBinary(t), "filter", "--user", "nobody", dir)
	cmd.Stdin = strings.NewReader("")
	said, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(said), `--user "nobody": cannot become that user: signals cannot be queued (raise ulimit -i)`)
}
