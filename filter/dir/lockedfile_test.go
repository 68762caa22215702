package dir_test

import (
	. "hushpipe/filter/dir"
	"hushpipe/filter/loggertest"

	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpenOwned(t *testing.T) {
	d, _ := loggertest.New(t)
	const name = "2026-11-22.1.journal"
	own, err := d.OpenLocked(Journal, name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND)
	require.NoError(t, err)
	other, err := loggertest.Open(d.Path, Options{})
	require.NoError(t, err)
	defer other.Close()
	_, err = other.OpenLocked(Journal, name, os.O_RDWR)
	assert.ErrorIs(t, err, ErrLocked)
	reader, err := other.OpenFile(Journal, name, os.O_RDONLY)
	require.NoError(t, err, "reading needs no lock")
	require.NoError(t, reader.Close())

	require.NoError(t, own.Close())
	own, err = other.OpenLocked(Journal, name, os.O_RDWR)
	require.NoError(t, err)
	require.NoError(t, d.Rename(Journal, name, name+DamagedSuffix))
	_, err = d.OpenLocked(Journal, name, os.O_RDWR)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, own.Close())
	assert.ErrorIs(t, d.Rename(Journal, name, "x"), fs.ErrNotExist)
}

func TestCreateFile(t *testing.T) {
	d, _ := loggertest.New(t)
	write := func(text string, err error) func(*os.File) error {
		return func(f *os.File) error {
			_, werr := f.WriteString(text)
			require.NoError(t, werr)
			return err
		}
	}
	require.NoError(t, d.CreateFile(Journal, "2026-11-22.1.journal", write("one", nil)))
	assert.Equal(t, "one", d.Read(t, "journal/2026-11-22.1.journal"))
	st, err := os.Stat(filepath.Join(d.Path, "journal/2026-11-22.1.journal"))
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, st.Mode().Perm())

	stop := errors.New("stop")
	err = d.CreateFile(Journal, "2026-11-22.1.journal", write("two", stop))
	assert.ErrorIs(t, err, stop)
	assert.Contains(t, err.Error(), filepath.Join(d.Path, "journal/2026-11-22.1.journal"))
	assert.Equal(t, "one", d.Read(t, "journal/2026-11-22.1.journal"))
	assert.Equal(t, []string{"journal/2026-11-22.1.journal"}, d.Tree(t))
}
