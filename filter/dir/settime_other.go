//go:build !linux

package dir

import (
	"time"

	"golang.org/x/sys/unix"
)

func setTime(fd int, now time.Time) error {
	to := unix.NsecToTimeval(now.UnixNano())
	return unix.Futimes(fd, []unix.Timeval{to, to})
}
