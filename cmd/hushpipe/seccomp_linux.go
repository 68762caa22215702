package main

// The seccomp filter is written by hand. The library elastic/go-seccomp-bpf 1.6.0 with an
// allowing default allows all calls of another word size (int 0x80), compares the upper
// half of an int, which the kernel ignores, and builds the call tables of five
// architectures at each start.

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The actions for a system call. None of them kills the process: without its logger,
// the web server blocks.
const (
	allowed = unix.SECCOMP_RET_ALLOW
	refusal = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	unknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// frequent are the system calls for each line and each flush. They come first. Since
// Linux 5.11 the kernel skips the filter for calls that it always allows; older kernels
// run it for every call.
var frequent = []uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_TEE, unix.SYS_SPLICE, unix.SYS_EPOLL_PWAIT, unix.SYS_FUTEX,
	unix.SYS_FLOCK, unix.SYS_PREAD64, unix.SYS_PPOLL, unix.SYS_NANOSLEEP, unix.SYS_FSYNC,
}

// denied are the system calls that a confined hushpipe does not need and that would let
// it escape. oldDenied are those that only older architectures have.
//
// A list of allowed calls would not be ours to write: the Go runtime and the C library
// choose their calls, and use new ones with each version. A call missing from that list
// would end or hang a logger. Instead, calls newer than this list return ENOSYS (see
// newest), and runtime and library fall back to older ones, as on an older kernel.
var denied = []uint32{
	// The network and other processes' sockets. stdin, stdout and stderr may still be
	// sockets, for read and write.
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_BIND, unix.SYS_CONNECT, unix.SYS_LISTEN, unix.SYS_ACCEPT4,
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_RECVMSG, unix.SYS_RECVMMSG,
	// IPC with other processes.
	unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL, unix.SYS_SEMGET, unix.SYS_SEMCTL,
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
	// Other programs and other processes. For clone, kill and tgkill, the filter looks
	// at the arguments.
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES, unix.SYS_KCMP,
	unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_TKILL,
	unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_UNSHARE, unix.SYS_SETNS,
	// What landlock(7) allows by path for any file. fchmod and fchown work on open
	// files, and landlock decides which files can be opened.
	unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWNAT, unix.SYS_FILE_SETATTR,
	unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_SETXATTRAT,
	unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_REMOVEXATTRAT,
	unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT,
	// Another user. root stays root, without capabilities.
	unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID, unix.SYS_SETRESGID,
	unix.SYS_SETFSUID, unix.SYS_SETFSGID, unix.SYS_SETGROUPS, unix.SYS_CAPSET, unix.SYS_PERSONALITY,
	// Other mounts.
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG,
	unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_OPEN_TREE, unix.SYS_OPEN_TREE_ATTR, unix.SYS_MOVE_MOUNT,
	unix.SYS_MOUNT_SETATTR, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
	// The kernel and the machine. io_uring bypasses seccomp filters.
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_BPF,
	unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT,
	unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX,
	unix.SYS_CLOCK_ADJTIME, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_VHANGUP, unix.SYS_FANOTIFY_INIT,
}

// newest is the highest number of a system call in golang.org/x/sys/unix on any
// architecture. The calls of the x32 ABI on x86-64 have higher numbers
// (__X32_SYSCALL_BIT).
const newest = unix.SYS_RSEQ_SLICE_YIELD

// Offsets in struct seccomp_data of linux/seccomp.h.
const (
	atNumber    = 0
	atProcessor = 4
	atArguments = 16
)

// dialing are the denied calls that connect to a network.
var dialing = []uint32{unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_SENDTO}

// callFilter returns the BPF program for the process pid on this architecture, with or
// without access to a network.
func callFilter(processor uint32, pid int, network bool) []unix.SockFilter {
	filter := []unix.SockFilter{
		// The processor may also run calls of another word size, which have other
		// numbers.
		loadWord(atProcessor), jump(unix.BPF_JEQ, processor, 1, 0), answer(refusal),
		loadWord(atNumber),
	}
	decide := func(number uint32, how ...unix.SockFilter) {
		filter = append(append(filter, jump(unix.BPF_JEQ, number, 0, uint8(len(how)))), how...)
	}
	for _, number := range frequent {
		decide(number, answer(allowed))
	}
	decide(unix.SYS_IOCTL, unlessArgument(1, unix.TIOCSTI, unix.TIOCLINUX)...) // which inject input into the terminal
	decide(unix.SYS_TGKILL, ifArgument(0, uint32(pid))...)
	decide(unix.SYS_KILL, ifArgument(0, uint32(pid))...)
	decide(unix.SYS_PRLIMIT64, ifArgument(0, 0, uint32(pid))...)
	decide(unix.SYS_PRCTL, unlessArgument(0, unix.PR_SET_DUMPABLE)...)
	// Setting the times of an open file is allowed, as fchmod is, but not by path.
	decide(unix.SYS_UTIMENSAT, argument(1), jump(unix.BPF_JEQ, 0, 1, 0), answer(refusal),
		upperHalf(1), jump(unix.BPF_JEQ, 0, 1, 0), answer(refusal), answer(allowed))
	const spaces = unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	decide(unix.SYS_CLONE, argument(0), jump(unix.BPF_JSET, spaces, 1, 0), // only threads, in the same namespaces
		jump(unix.BPF_JSET, unix.CLONE_THREAD, 1, 0), answer(refusal), answer(allowed))
	// The arguments of clone3 are in memory, which a filter cannot read. The C library
	// falls back to clone.
	decide(unix.SYS_CLONE3, answer(unknown))
	for _, list := range [][]uint32{denied, oldDenied} {
		for _, number := range list {
			if !network || !slices.Contains(dialing, number) {
				decide(number, answer(refusal))
			}
		}
	}
	return append(filter, jump(unix.BPF_JGT, newest, 0, 1), answer(unknown), answer(allowed))
}

func loadWord(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

func jump(test uint16, value uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, Jt: yes, Jf: no, K: value}
}

func answer(how uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: how}
}

// argument loads the lower half of an argument, on little-endian processors. For an int
// the kernel ignores the upper half, which may contain anything.
func argument(n uint32) unix.SockFilter { return loadWord(atArguments + 8*n) }

// upperHalf loads the upper half of an argument, for pointers.
func upperHalf(n uint32) unix.SockFilter { return loadWord(atArguments + 8*n + 4) }

// ifArgument allows a call if the argument n has one of the values.
func ifArgument(n uint32, values ...uint32) []unix.SockFilter {
	return among(n, values, allowed, refusal)
}

// unlessArgument refuses a call if the argument n has one of the values.
func unlessArgument(n uint32, values ...uint32) []unix.SockFilter {
	return among(n, values, refusal, allowed)
}

func among(n uint32, values []uint32, in, out uint32) []unix.SockFilter {
	filter := []unix.SockFilter{argument(n)}
	for _, value := range values {
		filter = append(filter, jump(unix.BPF_JEQ, value, 0, 1), answer(in))
	}
	return append(filter, answer(out))
}

// filterCalls installs the filter in all threads, current and future. Unlike psx, it
// needs no signals.
func filterCalls(network bool) error {
	if processor == 0 {
		return errors.New("no filter for this processor")
	}
	filter := callFilter(processor, os.Getpid(), network)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// TSYNC copies no_new_privs to the other threads with the filter.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	// Without SPEC_ALLOW, kernels before 5.16 restrict speculation for the whole
	// process, as a protection from untrusted code. hushpipe runs none.
	const flags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	switch {
	case errno == unix.ENOSYS:
		return errors.New("this kernel has none")
	case errno != 0:
		return errno
	case thread != 0:
		return errors.New("a thread has a filter of its own")
	}
	return nil
}
