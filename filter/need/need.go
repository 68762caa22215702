// Package need ends tests that lack a requirement: on a developer's machine they are
// skipped, and with CI=true they fail, so that no test is silently skipped there.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// That requires ok to be true. The reason names what is missing, and how to get it.
func That(t testing.TB, ok bool, reason string, args ...any) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf(reason, args...)
	default:
		t.Skipf(reason, args...)
	}
}

// Root requires root, which can mount file systems, change owners and become another user.
func Root(t testing.TB) {
	t.Helper()
	That(t, os.Geteuid() == 0, "this test has to run as root")
}

// Program returns the path of a program in a Debian package.
func Program(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	That(t, err == nil, "%s is missing: apt-get install %s", name, pkg)
	return path
}
