// Package turn implements a lock that is held while waiting for a disk.
package turn

import "time"

// Mutex is a lock whose next holder can give up while the disk hangs, which sync.Mutex
// does not allow. In a bubble of testing/synctest, time goes on while somebody waits for it.
type Mutex chan struct{}

// New returns an unlocked Mutex.
func New() Mutex { return make(Mutex, 1) }

// Lock waits until nobody else holds the Mutex.
func (m Mutex) Lock() { m <- struct{}{} }

// LockWithin is Lock, giving up after patience. It reports whether the caller holds the Mutex.
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

// TryLock is Lock if that needs no waiting. It reports whether the caller holds the Mutex.
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
