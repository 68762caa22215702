package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hushpipe/filter/calendar"
	"hushpipe/filter/daylog"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { dirtest.Main(m, child) }

func child(job string, args []string) error {
	d, err := open(args[0], dir.Options{Create: true})
	if err != nil {
		return err
	}
	dirtest.Ready()
	switch job {
	case "key":
		key, err := d.Key(day("2026-11-22"))
		fmt.Printf("%x\n", key)
		return err
	}
	return nil
}

// testDir is a DIR with all that works on it.
type testDir struct {
	*dir.Dir
	path  string
	log   *daylog.Log
	clock *retention.Clock
}

// open is Open for all that works on DIR.
func open(path string, o dir.Options) (*testDir, error) {
	d, err := dir.Open(path, o)
	if err != nil {
		return nil, err
	}
	return &testDir{d, path, daylog.New(d), retention.NewClock(d)}, nil
}

func (d *testDir) Close() error {
	d.log.Close()
	return d.Dir.Close()
}

func (d *testDir) ReadKey(day civil.Day) ([32]byte, error) { return ReadKey(d.Dir, day) }

func (d *testDir) PutKey(day civil.Day, key [32]byte) ([32]byte, error) {
	return PutKey(d.Dir, day, key)
}

// Key returns the key of day, and makes it if there is none.
func (d *testDir) Key(day civil.Day) ([32]byte, error) {
	key, err := d.ReadKey(day)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	rand.Read(key[:])
	return d.PutKey(day, key)
}

func (d *testDir) Secret() ([32]byte, error) { return RoomSecret(d.Dir) }

// purged is what a purge did.
type purged struct {
	retention.Purged
	retention.Verdict
}

// purge judges the time and deletes everything that is past the retention, which
// its rule has as well.
func purge(d *testDir, now time.Time, keep calendar.Period, force bool) (p purged) {
	var err error
	p.Verdict, err = d.clock.Judge(now, keep, force)
	d.log.SetWindow(p.Window)
	if err != nil {
		p.Errs = append(p.Errs, err)
	}
	for _, kind := range retention.Kinds {
		done := retention.Delete(d.Dir, kind, p.Verdict, keep)
		d.log.Forget()
		p.Deleted = append(p.Deleted, done.Deleted...)
		p.Errs = append(p.Errs, done.Errs...)
	}
	return p
}

func openTest(t *testing.T, path string, o dir.Options) (*testDir, *dirtest.Notes) {
	t.Helper()
	said := &dirtest.Notes{}
	o.Create, o.Notify = true, said.Add
	d, err := open(path, o)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d, said
}

func newDir(t *testing.T) (*testDir, *dirtest.Notes) {
	t.Helper()
	return openTest(t, dirtest.Path(t), dir.Options{})
}

func put(t *testing.T, d *testDir, name, content string) string {
	t.Helper()
	return dirtest.Put(t, d.path, name, content)
}

func read(t *testing.T, d *testDir, name string) string {
	t.Helper()
	return dirtest.Read(t, d.path, name)
}

func tree(t *testing.T, d *testDir) []string {
	t.Helper()
	return dirtest.Tree(t, d.path)
}

var day, at = dirtest.Day, dirtest.At
