package registry

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hushpipe/filter/dir"
)

// StreamKeys returns the key directory that a stream's directory records, if a policy made
// the stream and it has no keys of its own; "" for any other directory.
func StreamKeys(path string) string {
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
		return "" // whoever passed --keys to filter has to pass it here, too
	}
	return keys
}

// CheckKeys returns an error if, according to DIR, the loggers on the DIR at path keep their
// keys in another directory than keys; "" is DIR/keys.
func CheckKeys(path, keys string) error {
	s, err := ReadSettings(path)
	if err != nil || s.keys() == "" {
		return nil // nothing is recorded
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
