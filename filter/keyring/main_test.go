package keyring_test

import (
	"fmt"
	"testing"

	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/loggertest"
)

func TestMain(m *testing.M) { dirtest.Main(m, child) }

func child(job string, args []string) error {
	d, err := loggertest.Open(args[0], dir.Options{Create: true})
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

var day, at = dirtest.Day, dirtest.At
