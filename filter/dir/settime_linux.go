package dir

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setTime is futimens(3). The one in golang.org/x/sys/unix uses a path below /proc.
func setTime(fd int, now time.Time) error {
	to := unix.NsecToTimespec(now.UnixNano())
	times := [2]unix.Timespec{to, to}
	if _, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
