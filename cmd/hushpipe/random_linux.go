package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// checkRandom fails where the kernel gives no random bytes, as under a filter of
// system calls. Keys are made of them; crypto/rand ends the process without a word
// then, or takes what stands at /dev/urandom, a file perhaps (urandomRead in
// crypto/internal/sysrand/rand.go).
func checkRandom() error {
	if _, err := unix.Getrandom(make([]byte, 1), 0); err != nil {
		return fmt.Errorf("get random bytes for keys: %w; hint: allow the system call getrandom", err)
	}
	return nil
}
