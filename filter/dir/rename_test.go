package dir

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLinkNoReplace holds the portable renameNoReplace to the same as the one of
// this system.
func TestLinkNoReplace(t *testing.T) {
	for i, rename := range []func(int, string, string) error{renameNoReplace, linkNoReplace} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			path := t.TempDir()
			d, err := Open(path, Options{Create: true})
			require.NoError(t, err)
			defer d.Close()
			for _, name := range []string{"a", "b"} {
				require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte(name), 0o600))
			}
			assert.ErrorIs(t, rename(d.fd, "a", "b"), fs.ErrExist)
			text, err := os.ReadFile(filepath.Join(path, "b"))
			require.NoError(t, err)
			assert.Equal(t, "b", string(text))
			require.NoError(t, rename(d.fd, "a", "c"))
			names, err := d.Names("")
			require.NoError(t, err)
			assert.Equal(t, []string{"b", "c"}, names)
			assert.ErrorIs(t, rename(d.fd, "a", "d"), fs.ErrNotExist)
		})
	}
}
