//go:build shiftedclock

package main

import (
	"os"
	"time"
)

// Tests that cross midnights build with the tag shiftedclock and set HUSHPIPE_CLOCK to
// the shift of the clock, such as "-3h5m".
func init() {
	shift, err := time.ParseDuration(os.Getenv("HUSHPIPE_CLOCK"))
	if err == nil {
		now = func() time.Time { return time.Now().Add(shift) }
	}
}
