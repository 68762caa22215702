// Package loggertest opens a DIR for tests together with everything that works on it: its
// daily files, its keys, its clock and its retention. The packages of these use it in their
// external tests.
package loggertest

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/daylog"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/keyring"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
)

// Dir is an open DIR.
type Dir struct {
	*dir.Dir
	Path  string
	Log   *daylog.Log
	Clock *retention.Clock
}

// Open opens the DIR at path without a test, as a child process does.
func Open(path string, o dir.Options) (*Dir, error) {
	d, err := dir.Open(path, o)
	if err != nil {
		return nil, err
	}
	return &Dir{d, path, daylog.New(d), retention.NewClock(d)}, nil
}

// OpenTest opens or makes the DIR at path and closes it when the test ends. Notes collects
// its notifications.
func OpenTest(t *testing.T, path string, o dir.Options) (*Dir, *dirtest.Notes) {
	t.Helper()
	notes := &dirtest.Notes{}
	o.Create, o.Notify = true, notes.Add
	d, err := Open(path, o)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d, notes
}

// New makes a DIR.
func New(t *testing.T) (*Dir, *dirtest.Notes) {
	t.Helper()
	return OpenTest(t, dirtest.Path(t), dir.Options{})
}

// Close closes the daily files and DIR.
func (d *Dir) Close() error {
	d.Log.Close()
	return d.Dir.Close()
}

// Append appends whole lines to the file of a day and returns how many bytes it wrote.
func (d *Dir) Append(day civil.Day, lines []byte) (int, error) {
	return d.Log.AppendTo(dir.Log{Day: day, Hour: dir.AllDay}, lines)
}

// Key returns the key of a day. It makes one if there is none.
func (d *Dir) Key(day civil.Day) ([32]byte, error) {
	key, err := keyring.ReadKey(d.Dir, day)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	rand.Read(key[:])
	return keyring.PutKey(d.Dir, day, key)
}

// Purged is the result of Purge: what it deleted, and its verdict on the clock.
type Purged struct {
	retention.Purged
	retention.Verdict
}

// Purge judges the time and deletes everything that is past the period or its directory's
// rule.
func (d *Dir) Purge(now time.Time, keep calendar.Period, force bool) (p Purged) {
	var err error
	p.Verdict, err = d.Clock.Judge(now, keep, force)
	d.Log.SetWindow(p.Window)
	if err != nil {
		p.Errs = append(p.Errs, err)
	}
	for _, kind := range retention.Kinds {
		done := retention.Delete(d.Dir, kind, p.Verdict, keep)
		d.Log.Forget()
		p.Deleted = append(p.Deleted, done.Deleted...)
		p.Errs = append(p.Errs, done.Errs...)
	}
	return p
}

// Put writes a file in DIR and returns its path.
func (d *Dir) Put(t *testing.T, name, content string) string {
	t.Helper()
	return dirtest.Put(t, d.Path, name, content)
}

// Read returns the contents of a file in DIR.
func (d *Dir) Read(t *testing.T, name string) string {
	t.Helper()
	return dirtest.Read(t, d.Path, name)
}

// Tree returns the files in DIR, without those that are always there.
func (d *Dir) Tree(t *testing.T) []string {
	t.Helper()
	return dirtest.Tree(t, d.Path)
}

// UseAll makes a file of each kind, dated 22 November 2026.
func (d *Dir) UseAll(t *testing.T) {
	t.Helper()
	day := dirtest.Day("2026-11-22")
	_, err := d.Append(day, []byte("line\n"))
	require.NoError(t, err)
	_, err = d.Key(day)
	require.NoError(t, err)
	_, err = keyring.RoomSecret(d.Dir)
	require.NoError(t, err)
	for _, of := range []retention.Ruled{retention.OfLines, retention.OfKeys} {
		lease, _, err := retention.TakeLease(d.Dir, of, 14, 0)
		require.NoError(t, err)
		lease.Release()
	}
	require.NoError(t, d.ReplaceFile(dir.Rooms, "rooms-2026-11-22.log", []byte("2 x\n")))
	require.NoError(t, d.ReplaceFile(dir.Status, "0011223344556677.json", []byte("{}\n")))
	f, err := d.OpenFile(dir.Journal, "2026-11-22.1.journal", os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Empty(t, d.Purge(dirtest.At("2026-11-22 12:00"), 14, false).Errs)
}
