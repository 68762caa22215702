package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// isOpenElsewhere reports whether another process has f open: only who has it alone gets a
// lease for writing (fcntl(2), F_SETLEASE). Where the file system has no leases,
// nobody knows, and it is what has come to its end.
func isOpenElsewhere(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	if err == nil {
		unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return err == unix.EAGAIN
}
