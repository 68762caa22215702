package policies_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
)

// TestLast: the policy that ran last is the one that the last line of the log names.
func TestLast(t *testing.T) {
	path := t.TempDir()
	_, _, err := policies.Last(path)
	require.ErrorIs(t, err, fs.ErrNotExist)

	d, err := dir.Open(path, dir.Options{Create: true})
	require.NoError(t, err)
	defer d.Close()
	entry := func(digit string) policies.Entry {
		return policies.Entry{Began: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Digest: strings.Repeat(digit, 64), Streams: []string{"web", "meet"}}
	}
	for _, digit := range []string{"a", "b", "b"} {
		require.NoError(t, policies.Record(d, entry(digit), []byte("text of "+digit)))
	}
	log := filepath.Join(path, dir.PoliciesLogName)
	require.Equal(t, 2, strings.Count(read(t, log), "\n"))
	last := func() string {
		e, text, err := policies.Last(path)
		if err != nil {
			return err.Error()
		}
		assert.Equal(t, entry("b"), e)
		return string(text)
	}
	assert.Equal(t, "text of b", last())

	written := read(t, log)
	for _, end := range []string{"2026-11-22T12:00:00Z ", "2026-11"} { // another process is about to write it
		require.NoError(t, os.WriteFile(log, []byte(written+end), 0o640))
		assert.Equal(t, "text of b", last())
	}
	require.NoError(t, os.WriteFile(log, []byte(written+"2026-11-22T12:00:00Z of another version\n"), 0o640))
	assert.Contains(t, last(), "its last line names no policy")
	require.NoError(t, os.WriteFile(log, []byte(written), 0o640))

	require.NoError(t, os.Chmod(log, 0o660))
	assert.Contains(t, last(), "others can write it")
	require.NoError(t, os.Chmod(log, 0o640))
	if os.Getuid() == 0 { // whose DIR it is could have written what root runs
		require.NoError(t, os.Chown(log, 12345, -1))
		assert.Contains(t, last(), "belongs to another user")
		require.NoError(t, policies.Record(d, entry("b"), []byte("text of b")))
	}
}

func read(t *testing.T, path string) string {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
