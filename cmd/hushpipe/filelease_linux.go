package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// isOpenElsewhere reports whether another process has f open. The kernel grants a write
// lease only on a file that nobody else has open (fcntl(2), F_SETLEASE). On file
// systems without leases the answer is false.
func isOpenElsewhere(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	if err == nil {
		unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return err == unix.EAGAIN
}
