package daylog_test

import (
	"fmt"
	"strings"
	"testing"

	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/loggertest"
	"hushpipe/format/civil"
)

func TestMain(m *testing.M) { dirtest.Main(m, child) }

func child(job string, args []string) error {
	d, err := loggertest.Open(args[0], dir.Options{Create: true})
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

var day, at = dirtest.Day, dirtest.At
