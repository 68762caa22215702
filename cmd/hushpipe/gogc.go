package main

import (
	"os"
	"runtime/debug"
)

// lowerGOGC has garbage collected once it is a fifth of what is in use, unless GOGC
// says otherwise. A process that counts traffic holds large tables of a day, and makes a
// file of them each minute; its lines allocate nothing, so that this costs little.
func lowerGOGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(20)
	}
}
