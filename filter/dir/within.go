package dir

import "time"

// Turn is a lock that is held while waiting for a disk: whoever wants it next can give up
// while the disk hangs, which sync.Mutex does not allow.
type Turn chan struct{}

// NewTurn returns a Turn that nobody holds.
func NewTurn() Turn { return make(Turn, 1) }

// Lock waits until nobody else holds the Turn.
func (t Turn) Lock() { t <- struct{}{} }

// LockWithin is Lock, giving up after patience. It reports whether the caller holds the Turn.
func (t Turn) LockWithin(patience time.Duration) bool {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case t <- struct{}{}:
		return true
	case <-timeout.C:
		return false
	}
}

// Unlock releases the Turn.
func (t Turn) Unlock() { <-t }

// Slot serializes calls of Within.
type Slot chan struct{}

// NewSlot returns a free Slot.
func NewSlot() Slot { return make(Slot, 1) }

// Within runs do in a goroutine and waits for it up to patience. It returns false if do, or
// an earlier call in the same slot, has not returned by then. do may continue after that;
// DIR stays open meanwhile.
func Within[T any](d *Dir, slot Slot, patience time.Duration, do func() T) (answer T, answered bool) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case slot <- struct{}{}:
	case <-timeout.C:
		return answer, false
	}
	done, ok := d.Use()
	if !ok {
		<-slot
		return answer, false
	}
	answers := make(chan T, 1)
	go func() {
		defer done()
		answer := do()
		<-slot
		answers <- answer
	}()
	select {
	case answer = <-answers:
		return answer, true
	case <-timeout.C:
		return answer, false
	}
}

// WaitFor runs do in a goroutine, waits for it up to patience, and reports whether it has
// returned; otherwise it continues in the background.
func WaitFor(patience time.Duration, do func()) bool {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		do()
	}()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-ended:
		return true
	case <-timeout.C:
		return false
	}
}
