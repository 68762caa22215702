package dir_test

import (
	"crypto/rand"
	"errors"
	"hushpipe/filter/calendar"
	"hushpipe/filter/daylog"
	. "hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/keyring"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testDir is a DIR with all that works on it.
type testDir struct {
	*Dir
	path  string
	log   *daylog.Log
	clock *retention.Clock
}

// open is Open for all that works on DIR.
func open(path string, o Options) (*testDir, error) {
	d, err := Open(path, o)
	if err != nil {
		return nil, err
	}
	return &testDir{d, path, daylog.New(d), retention.NewClock(d)}, nil
}

func (d *testDir) Close() error {
	d.log.Close()
	return d.Dir.Close()
}

func (d *testDir) Append(day civil.Day, lines []byte) (int, error) {
	return d.log.AppendTo(Log{Day: day, Hour: AllDay}, lines)
}

func (d *testDir) ReadKey(day civil.Day) ([32]byte, error) { return keyring.ReadKey(d.Dir, day) }

func (d *testDir) PutKey(day civil.Day, key [32]byte) ([32]byte, error) {
	return keyring.PutKey(d.Dir, day, key)
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

func (d *testDir) Secret() ([32]byte, error) { return keyring.RoomSecret(d.Dir) }

func (d *testDir) TakeLease(of retention.Ruled, keep, others calendar.Period) (*retention.Lease, calendar.Period, error) {
	return retention.TakeLease(d.Dir, of, keep, others)
}

func (d *testDir) Rule(of retention.Ruled) (calendar.Period, error) { return retention.Rule(d.Dir, of) }

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

func openTest(t *testing.T, path string, o Options) (*testDir, *dirtest.Notes) {
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
	return openTest(t, dirtest.Path(t), Options{})
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

// useAll makes a file of every kind.
func useAll(t *testing.T, d *testDir) {
	t.Helper()
	_, err := d.Append(day("2026-11-22"), []byte("line\n"))
	require.NoError(t, err)
	_, err = d.Key(day("2026-11-22"))
	require.NoError(t, err)
	_, err = d.Secret()
	require.NoError(t, err)
	for _, of := range []retention.Ruled{retention.OfLines, retention.OfKeys} {
		lease, _, err := d.TakeLease(of, 14, 0)
		require.NoError(t, err)
		lease.Release()
	}
	require.NoError(t, d.ReplaceFile(Rooms, "rooms-2026-11-22.log", []byte("2 x\n")))
	require.NoError(t, d.ReplaceFile(Status, "0011223344556677.json", []byte("{}\n")))
	f, err := d.OpenFile(Journal, "2026-11-22.1.journal", os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Empty(t, purge(d, at("2026-11-22 12:00"), 14, false).Errs)
}
