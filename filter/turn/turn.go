// Package turn implements a lock that is held while waiting for a disk.
package turn

import "time"

// Mutex is a lock with a timeout, so that a waiter can give up while the disk hangs. Unlike
// with sync.Mutex, time in a bubble of testing/synctest advances while goroutines wait for it.
type Mutex chan struct{}

// New returns an unlocked Mutex.
func New() Mutex { return make(Mutex, 1) }

// Lock waits until nobody else holds the Mutex.
func (m Mutex) Lock() { m <- struct{}{} }

// LockWithin is Lock, but gives up after patience. It reports whether the caller holds the Mutex.
func (m Mutex) LockWithin(patience time.Duration) bool {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case m <- struct{}{}:
		return true
	case <-timeout.C:
		return false
	}
}

// TryLock is Lock, but does not wait. It reports whether the caller holds the Mutex.
func (m Mutex) TryLock() bool {
	select {
	case m <- struct{}{}:
		return true
	default:
		return false
	}
}

// Unlock releases the Mutex.
func (m Mutex) Unlock() { <-m }
