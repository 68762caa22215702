package main

import "golang.org/x/sys/unix"

const processor = unix.AUDIT_ARCH_X86_64

var oldDenied = []uint32{
	unix.SYS_ACCEPT, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_KEXEC_FILE_LOAD,
	unix.SYS_FORK, unix.SYS_VFORK,
	unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_LCHOWN, unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT,
	unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT,
}
