package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestWrongFlagsOnHangingDisk: a file system that never answers delays neither reading
// nor the end.
func TestWrongFlagsOnHangingDisk(t *testing.T) {
	need.Root(t)
	dir := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.Mkdir(dir, 0o750))
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	require.NoError(t, err)
	defer fuse.Close() // waiting calls get an error then
	err = unix.Mount("hushpipe", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fuse.Fd()))
	need.That(t, err == nil, "this machine, perhaps a container, does not allow a mount: %v", err)
	defer unix.Unmount(dir, unix.MNT_DETACH)

	hushpipeBinary(t) // is built
	began := time.Now()
	l := startLogger(t, "--bogus", dir)
	for range 10_000 {
		l.write(client, "/")
	}
	assert.Equal(t, 2, l.end())
	assert.Less(t, time.Since(began), time.Minute, "it would be for ever")
	assert.Contains(t, l.said.String(), "the disk with the recorded settings does not answer")
	assert.Contains(t, l.said.String(), "10,000 lines read and not written")
}
