package registry

import (
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
