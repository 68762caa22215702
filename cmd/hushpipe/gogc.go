package main

import (
	"os"
	"runtime/debug"
)

// lowerGOGC collects garbage when the heap has grown by a fifth, unless GOGC is set. A
// process that counts traffic holds large tables for each day and encodes them every
// minute. Its lines allocate nothing, so frequent collections cost little.
func lowerGOGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(20)
	}
}
