package counts

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/journal"
	"hushpipe/filter/need"
)

// TestPartOfAFrame: a full disk takes a part of a frame, and keeps none of it.
func TestPartOfAFrame(t *testing.T) {
	need.Root(t)
	need.That(t, runtime.GOOS == "linux", "only Linux has a tmpfs")
	disk := t.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8k", "none", disk).CombinedOutput()
	require.NoError(t, err, "%s", out)
	defer exec.Command("umount", "-l", disk).Run()
	file, err := os.OpenFile(filepath.Join(disk, "journal"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer file.Close()
	j := journal.File{File: file}
	_, err = j.Write(make([]byte, 3000))
	require.NoError(t, err)
	n, err := j.Write(make([]byte, 8000))
	require.ErrorIs(t, err, syscall.ENOSPC)
	assert.Zero(t, n)
	n, err = j.Write(make([]byte, 5000))
	assert.Equal(t, 5000, n)
	require.NoError(t, err)
	st, err := file.Stat()
	require.NoError(t, err)
	assert.EqualValues(t, 8000, st.Size())
}
