package turn

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestMutex: a Mutex has one holder at a time, and a waiter gives up after its timeout.
func TestMutex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New()
		assert.True(t, m.TryLock())
		assert.False(t, m.TryLock())
		began := time.Now()
		assert.False(t, m.LockWithin(time.Second))
		assert.Equal(t, time.Second, time.Since(began))
		time.AfterFunc(time.Second, m.Unlock)
		assert.True(t, m.LockWithin(time.Minute))
		time.AfterFunc(time.Hour, m.Unlock)
		m.Lock()
		assert.Equal(t, 2*time.Second+time.Hour, time.Since(began))
		m.Unlock()
	})
}
