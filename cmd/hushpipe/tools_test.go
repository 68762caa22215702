package main

import (
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// tool returns the path of a program. Where it is missing it skips the test, or
// fails it in CI, and names the package.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing := name + " is missing: apt-get install " + pkg
		require.NotEqual(t, "true", os.Getenv("CI"), missing)
		t.Skip(missing)
	}
	return path
}

// isInstrumented reports whether the race detector is in these tests, and by
// GOFLAGS in the program: what it costs is no fault of the program's.
func isInstrumented() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
