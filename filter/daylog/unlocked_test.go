package daylog_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/loggertest"
)

// TestUnlockedLinesAreNotCut: a process that waited for the lock in vain writes without it.
// Its last line seems unfinished while the file grows, and is not cut off.
func TestUnlockedLinesAreNotCut(t *testing.T) {
	d, said := loggertest.New(t)
	d.ShareWithEarlier(false)
	appendTest(t, d, "2026-11-22", "locked\n")
	other, err := os.OpenFile(filepath.Join(d.Path, today), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer other.Close()
	const writes, linesAWrite = 500, 400
	lines := strings.Repeat(strings.Repeat("x", 148)+"\n", linesAWrite)
	written := make(chan error, 1)
	go func() {
		for range writes {
			if _, err := other.WriteString(lines); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	appended := 1
	for done := false; !done; appended++ {
		select {
		case err := <-written:
			require.NoError(t, err)
			done = true
		default:
		}
		appendTest(t, d, "2026-11-22", "locked\n")
	}
	text := []byte(d.Read(t, today))
	assert.Equal(t, writes*linesAWrite, bytes.Count(text, []byte("x\n")))
	assert.Equal(t, appended, bytes.Count(text, []byte("locked\n")))
	assert.Empty(t, *said)
}

// TestUnlockedCutsNothing: a line that has no end yet may be one that the process with the
// lock is writing.
func TestUnlockedCutsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, said := loggertest.New(t)
		d.ShareWithEarlier(false)
		d.Put(t, today, "old\nunfin")
		lock := d.NewLock(dir.Locks, dir.LinesLock)
		require.True(t, lock.Take())
		appendTest(t, d, "2026-11-22", "one\n")
		assert.Equal(t, "old\nunfinone\n", d.Read(t, today))
		lock.Close()
		appendTest(t, d, "2026-11-22", "two\n")
		assert.Equal(t, "old\nunfinone\ntwo\n", d.Read(t, today))
		assert.Empty(t, *said)
	})
}
