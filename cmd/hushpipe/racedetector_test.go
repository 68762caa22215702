package main

import (
	"runtime/debug"
	"slices"
)

// isInstrumented reports whether the race detector is in these tests, and by GOFLAGS in
// the program, whose speed and memory then say nothing.
func isInstrumented() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
