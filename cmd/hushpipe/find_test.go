package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/reveal"
	"hushpipe/format/civil"
)

// TestFindOfEarlierVersion: an earlier version may have written another pseudonym on
// the same day for an IPv6 address that no client can have. find and erase cover both.
func TestFindOfEarlierVersion(t *testing.T) {
	t.Parallel()
	notAtMidnight()
	program, log := hushpipeBinary(t), filepath.Join(t.TempDir(), "log")
	l := startLogger(t, "--rooms", "none", log)
	l.write("192.0.2.1", "/other")
	require.Zero(t, l.end())
	keys, err := reveal.Open(log, "", func(_, line string) { t.Error(line) })
	require.NoError(t, err)
	defer keys.Close()
	today := civil.DayOf(now())
	key, err := keys.Key(today)
	require.NoError(t, err)
	cipher := pseudonym.New(key, pseudonym.Mode{})
	var addr, earlier pseudonym.Addr
	for n := uint16(0); ; n++ {
		for i := range addr[:14] {
			addr[i] = 0x77
		}
		addr[0], addr[14], addr[15] = 0x3f, byte(n>>8), byte(n)
		var differs bool
		if earlier, differs = cipher.Earlier(addr); differs {
			break
		}
		require.NotEqual(t, uint16(0xffff), n)
	}
	l = startLogger(t, "--rooms", "none", log)
	l.write(string(addr.AppendTo(nil)), "/new")
	require.Zero(t, l.end())
	line := logLine(string(earlier.AppendTo(nil)), "/old")
	f, err := os.OpenFile(filepath.Join(log, "access.log"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(line)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	run := func(args ...string) string {
		args = append(args, log, "--address", string(addr.AppendTo(nil)), "--reason", "case 1")
		out, err := exec.Command(program, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	found := run("find")
	assert.Contains(t, found, "GET /new ")
	assert.Contains(t, found, "GET /old ")
	assert.Contains(t, run("erase", "--yes"), "falsified 2 lines\n")
	assert.NotContains(t, written(log), "/old")
}
