package registry

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hushpipe/filter/dir"
)

// KeysOf returns where the keys of a stream's directory lie that has none of its own, as
// it records; "" for any other directory.
func KeysOf(path string) string {
	if _, err := os.Lstat(filepath.Join(path, dir.Keys)); err == nil {
		return ""
	}
	s, err := ReadSettings(path)
	if err != nil {
		return ""
	}
	keys, ofPolicy := "", false
	for _, flag := range s.Flags {
		if value, ok := strings.CutPrefix(flag, "--keys="); ok {
			keys = value
		}
		ofPolicy = ofPolicy || strings.HasPrefix(flag, "--policy=")
	}
	if !ofPolicy {
		return "" // who gave --keys to filter gives it here, too
	}
	return keys
}

// KeysElsewhere returns an error where loggers on the DIR at path keep the keys in another
// directory than keys, "" for the one in DIR, as DIR records.
func KeysElsewhere(path, keys string) error {
	s, err := ReadSettings(path)
	if err != nil || s.keys() == "" {
		return nil // nothing is known
	}
	there, err := os.Stat(s.keys())
	if err != nil {
		return nil
	}
	if mine, err := os.Stat(dir.KeyPath(path, keys)); err != nil || !os.SameFile(there, mine) {
		return fmt.Errorf("%s: its filter keeps the keys in %s; hint: give --keys %s", path, s.keys(), s.keys())
	}
	return nil
}
