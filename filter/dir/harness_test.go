package dir_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hushpipe/filter/calendar"
	"hushpipe/filter/daylog"
	. "hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/retention"
	"hushpipe/format"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// childEnv makes the test binary do one job on a directory and end.
const childEnv = "DIR_TEST_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		if err := child(job, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(job string, args []string) error {
	d, err := open(args[0], Options{Create: true})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin) // the start shot
	switch job {
	case "append":
		// Batches of one to seven lines, of lengths that show any mixing.
		for i := 0; i < 300; {
			var batch strings.Builder
			for range 1 + i%7 {
				fmt.Fprintf(&batch, "%s %d %s\n", args[1], i, strings.Repeat(args[1], i*37%5000))
				i++
			}
			if n, err := d.Append(day("2026-11-22")+format.Day(i%2), []byte(batch.String())); err != nil || n != batch.Len() {
				return fmt.Errorf("appended %d of %d: %v", n, batch.Len(), err)
			}
		}
	case "key":
		key, err := d.Key(day("2026-11-22"))
		fmt.Printf("%x\n", key)
		return err
	case "keep":
		keep, err := calendar.ParsePeriod(args[1])
		if err != nil {
			return err
		}
		lease, rule, err := d.TakeLease(retention.OfKeys, keep, 0)
		defer lease.Release()
		fmt.Println(rule)
		return err
	case "doubt":
		now, err := time.Parse(time.RFC3339, args[1])
		if err != nil {
			return err
		}
		p := purge(d, now, 14, false)
		fmt.Println(!p.Window.DoubtUntil.IsZero(), len(p.Deleted))
		return errors.Join(p.Errs...)
	}
	return nil
}

func day(s string) format.Day {
	d, ok := format.ParseDay(s)
	if !ok {
		panic(s)
	}
	return d
}

// testDir is a DIR with all that works on it.
type testDir struct {
	*Dir
	path  string
	log   *daylog.Log
	clock *retention.Clock
	first format.Day
}

// open is Open for all that works on DIR.
func open(path string, o Options) (*testDir, error) {
	d, err := Open(path, o)
	if err != nil {
		return nil, err
	}
	return &testDir{d, path, daylog.New(d), retention.NewClock(d), math.MinInt32}, nil
}

func (d *testDir) Close() error {
	d.log.Close()
	return d.Dir.Close()
}

func (d *testDir) Append(day format.Day, lines []byte) (int, error) { return d.log.Append(day, lines) }

func (d *testDir) ReadKey(day format.Day) ([32]byte, error) { return keyring.ReadKey(d.Dir, day) }

func (d *testDir) PutKey(day format.Day, key [32]byte) ([32]byte, error) {
	return keyring.PutKey(d.Dir, day, key)
}

// Key returns the key of day, and makes it if there is none.
func (d *testDir) Key(day format.Day) ([32]byte, error) {
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

// notes collects what a Dir says.
type notes []string

func (n *notes) add(msg string) { *n = append(*n, msg) }

func openTest(t *testing.T, path string, o Options) (*testDir, *notes) {
	t.Helper()
	said := &notes{}
	o.Create, o.Notify = true, said.add
	d, err := open(path, o)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d, said
}

func newDir(t *testing.T) (*testDir, *notes) {
	t.Helper()
	return openTest(t, filepath.Join(t.TempDir(), "log"), Options{})
}

func put(t *testing.T, d *testDir, name, content string) string {
	t.Helper()
	path := filepath.Join(d.path, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func read(t *testing.T, d *testDir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.path, name))
	require.NoError(t, err)
	return string(b)
}

// tree returns the files below DIR, without those that are always there.
func tree(t *testing.T, d *testDir) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(d.path, path)
		if !e.IsDir() && name != ClockName && e.Name() != "CACHEDIR.TAG" && filepath.Base(filepath.Dir(path)) != Locks {
			names = append(names, name)
		}
		return err
	}))
	return names
}

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

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}
