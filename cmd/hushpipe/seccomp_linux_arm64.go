package main

import "golang.org/x/sys/unix"

const processor = unix.AUDIT_ARCH_AARCH64

var oldDenied = []uint32{unix.SYS_ACCEPT, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_KEXEC_FILE_LOAD}
