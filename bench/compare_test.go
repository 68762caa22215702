package main

import (
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each installed rival does what its command line is for; CI must have all of them.
func TestRivals(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the comparison needs Linux")
	}
	dir := t.TempDir()
	log, size, err := writeLog(dir, 1000)
	require.NoError(t, err)
	assert.Greater(t, size, int64(200_000))
	for _, p := range rivals {
		t.Run(p.name, func(t *testing.T) {
			need.Program(t, p.name, p.pkg)
			m, err := measureChecked(t.Context(), p, log, 1000, filepath.Join(dir, p.name))
			require.NoError(t, err)
			assert.Positive(t, m.wall)
			assert.Less(t, m.cpu, 2*time.Minute)
			assert.Greater(t, m.peak, int64(200<<10))
		})
	}
}

func TestMasking(t *testing.T) {
	for _, argv := range [][]string{{"sed", "-E", masking}} {
		cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
		cmd.Stdin = strings.NewReader("203.0.113.7 - - \n2001:db8:1::7 - - \nmeet.example.org - -\n")
		out, err := cmd.Output()
		require.NoError(t, err)
		assert.Equal(t, "203.0.113.0 - - \n2001:db8:1:: - - \nmeet.example.org - -\n", string(out))
	}
}

// The measured memory of a small program is its own, not that of the measuring process.
func TestPeakIsTheProgramsOwn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the comparison needs Linux")
	}
	ballast := make([]byte, 64<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	dir := t.TempDir()
	log, _, err := writeLog(dir, 1000)
	require.NoError(t, err)
	m, err := measureChecked(t.Context(), rivals[0], log, 1000, filepath.Join(dir, "cat"))
	require.NoError(t, err)
	assert.Less(t, m.peak, int64(8<<20))
	runtime.KeepAlive(ballast)
}

func TestMeasureFails(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the comparison needs Linux")
	}
	dir := t.TempDir()
	log, _, err := writeLog(dir, 1000)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		program program
		want    string
	}{
		"lines are missing":  {program{name: "head", argv: []string{"head", "-n", "999"}, lines: "stdout"}, "head wrote 999 of 1000 lines"},
		"wrong exit status":  {program{name: "sh", argv: []string{"sh", "-c", "cat >/dev/null; echo no room >&2; exit 7"}}, "sh failed (0x700): no room"},
		"cannot be executed": {program{name: "nothing", argv: []string{"/nonexistent"}}, "nothing failed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := measureChecked(t.Context(), c.program, log, 1000, filepath.Join(dir, "run"))
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestCompare(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the comparison needs Linux")
	}
	t.Chdir("..")
	var out strings.Builder
	err := compare(t.Context(), 1000, 1, &out, io.Discard)
	if err != nil { // a thousand lines say nothing about speed
		require.ErrorContains(t, err, "falls short")
	}
	assert.Contains(t, out.String(), "\n| hushpipe ")
	assert.Contains(t, out.String(), "\n| cat ")
	assert.Contains(t, out.String(), ": 1,000 lines")
}
