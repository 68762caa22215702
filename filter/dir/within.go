package dir

import "time"

// Slot is for calls of Within that run one at a time.
type Slot chan struct{}

// NewSlot returns a free Slot.
func NewSlot() Slot { return make(Slot, 1) }

// Within runs do in a goroutine, and waits for it for that long. It reports false
// where do has not come back, or an earlier one in the slot has not. do may go on when
// the caller does not wait for it any more: DIR stays open meanwhile.
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

// WaitFor runs do in a goroutine, and waits for it for as long as patience. It reports
// whether do has ended; it goes on if not.
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
