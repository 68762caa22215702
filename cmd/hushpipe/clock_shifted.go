//go:build shiftedclock

package main

import (
	"os"
	"time"
)

// A test that crosses midnights builds with the tag shiftedclock, and says by
// HUSHPIPE_CLOCK, as in "-3h5m", how far the clock is off.
func init() {
	shift, err := time.ParseDuration(os.Getenv("HUSHPIPE_CLOCK"))
	if err == nil {
		now = func() time.Time { return time.Now().Add(shift) }
	}
}
