package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// checkRandom returns an error if the kernel refuses random bytes, for example because
// of a seccomp filter. Keys need them. crypto/rand would end the process without a
// message, or read /dev/urandom, which may be an ordinary file (urandomRead in
// crypto/internal/sysrand/rand.go).
func checkRandom() error {
	if _, err := unix.Getrandom(make([]byte, 1), 0); err != nil {
		return fmt.Errorf("get random bytes for keys: %w; hint: allow the system call getrandom", err)
	}
	return nil
}
