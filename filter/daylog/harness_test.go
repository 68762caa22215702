package daylog

import (
	"fmt"
	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
	"strings"
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
	if job != "entries" {
		dirtest.Ready()
	}
	switch job {
	case "entries":
		return writeUntilKilled(d, args[1])
	case "append":
		// Batches of one to seven lines, of lengths that show any mixing.
		for i := 0; i < 300; {
			var batch strings.Builder
			for range 1 + i%7 {
				fmt.Fprintf(&batch, "%s %d %s\n", args[1], i, strings.Repeat(args[1], i*37%5000))
				i++
			}
			if n, err := d.Append(day("2026-11-22")+civil.Day(i%2), []byte(batch.String())); err != nil || n != batch.Len() {
				return fmt.Errorf("appended %d of %d: %v", n, batch.Len(), err)
			}
		}
	}
	return nil
}

// testDir is a DIR with all that works on it.
type testDir struct {
	*dir.Dir
	path  string
	log   *Log
	clock *retention.Clock
}

// open is Open for all that works on DIR.
func open(path string, o dir.Options) (*testDir, error) {
	d, err := dir.Open(path, o)
	if err != nil {
		return nil, err
	}
	return &testDir{d, path, New(d), retention.NewClock(d)}, nil
}

func (d *testDir) Close() error {
	d.log.Close()
	return d.Dir.Close()
}

func (d *testDir) Append(day civil.Day, lines []byte) (int, error) {
	return d.log.AppendTo(dir.Log{Day: day, Hour: dir.AllDay}, lines)
}

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
