//go:build !purego

package machine

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWithoutVectors runs all tests of this package again with GODEBUG=cpu.avx2=off, as on a
// processor without AVX2. CI's processor has AVX2, so CI tests both.
func TestWithoutVectors(t *testing.T) {
	const off = "cpu.avx2=off"
	if strings.Contains(os.Getenv("GODEBUG"), off) {
		require.False(t, hasVectors)
		return
	}
	if os.Getenv("CI") == "true" {
		require.True(t, hasVectors, "CI tests both ways")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GODEBUG="+off)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
