package dir

import "time"

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
