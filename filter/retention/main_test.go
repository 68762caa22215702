package retention_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/loggertest"
	. "hushpipe/filter/retention"
)

func TestMain(m *testing.M) { dirtest.Main(m, child) }

func child(job string, args []string) error {
	d, err := loggertest.Open(args[0], dir.Options{Create: true})
	if err != nil {
		return err
	}
	dirtest.Ready()
	switch job {
	case "keep":
		keep, err := calendar.ParsePeriod(args[1])
		if err != nil {
			return err
		}
		lease, rule, err := TakeLease(d.Dir, OfKeys, keep, 0)
		defer lease.Release()
		fmt.Println(rule)
		return err
	case "doubt":
		now, err := time.Parse(time.RFC3339, args[1])
		if err != nil {
			return err
		}
		p := d.Purge(now, 14, false)
		fmt.Println(!p.Window.DoubtUntil.IsZero(), len(p.Deleted))
		return errors.Join(p.Errs...)
	}
	return nil
}

// replaceLink is what appending does to the link.
func replaceLink(d *loggertest.Dir) error {
	unlock, err := d.Acquire(dir.Locks, dir.LinkLock, "", dir.LockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	return d.ReplaceLink(dir.LinkName, today)
}

const today = "access-2026-11-22.log"

func appendTest(t *testing.T, d *loggertest.Dir, date, lines string) {
	t.Helper()
	n, err := d.Append(day(date), []byte(lines))
	require.NoError(t, err)
	require.Equal(t, len(lines), n)
}

var day, at = dirtest.Day, dirtest.At
