//go:build amd64

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestPipe32Bits: a 32-bit program reads a pipe to its end and exits. There the upper half
// of the 64-bit result of unix.Tee is garbage: it must become an int before it is
// compared.
func TestPipe32Bits(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "hushpipe")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = exec.CommandContext(ctx, program, "--version").Run()
	if errors.Is(err, unix.ENOEXEC) {
		t.Skip("this kernel runs no 386 programs: it was built without CONFIG_IA32_EMULATION")
	}
	require.NoError(t, err)

	dir := t.TempDir()
	now := time.Now()
	var lines strings.Builder
	const n = 5
	for i := range n {
		fmt.Fprintf(&lines, "192.0.2.%d - - [%s] \"GET /%d HTTP/1.1\" 200 5\n", i, now.Format("02/Jan/2006:15:04:05 -0700"), i)
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	_, err = w.WriteString(lines.String())
	require.NoError(t, err)
	require.NoError(t, w.Close())
	filter := exec.CommandContext(ctx, program, "filter", "--ip", "keep", dir)
	filter.Stdin = r
	out, err = filter.CombinedOutput()
	require.NoError(t, ctx.Err(), "it does not end: %s", out)
	require.NoError(t, err, "%s", out)
	var written strings.Builder
	for _, file := range glob(t, filepath.Join(dir, "access-*.log")) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		written.Write(text)
	}
	require.Equal(t, lines.String(), written.String())
}
