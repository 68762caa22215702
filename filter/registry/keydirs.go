package registry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"hushpipe/filter/dir"
)

// When --keys changes, keys stay in the previous directory. DIR records its path, so that
// they are deleted when their days end: one quoted path a line, the latest last. The current
// directory is in the settings.

const maxKeyDirs = 8

// KeyDirs returns the key directories outside DIR that processes on it use or have used.
// trusted reports that only this user and root can have recorded them: another user could
// use such a record to have foreign keys deleted.
func KeyDirs(d *dir.Dir) (paths []string, trusted bool) {
	paths, trusted = earlierKeyDirs(d)
	s, err := readSettings(d)
	if err != nil {
		return paths, trusted
	}
	if keys := s.keys(); keys != "" && !slices.Contains(paths, keys) {
		paths, trusted = append(paths, keys), trusted && isOurs(s.Owner)
	}
	return paths, trusted
}

func earlierKeyDirs(d *dir.Dir) (paths []string, trusted bool) {
	f, err := d.OpenFile("", dir.KeyDirsName, os.O_RDONLY)
	if err != nil {
		return nil, errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	info, err := f.Stat()
	trusted = err == nil && info.Mode()&0o022 == 0 && isOurs(int(info.Sys().(*syscall.Stat_t).Uid))
	text, err := d.ReadFile("", dir.KeyDirsName)
	if err != nil {
		return nil, false
	}
	for line := range strings.Lines(string(text)) {
		path, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if err == nil && filepath.IsAbs(path) && len(paths) < maxKeyDirs {
			paths = append(paths, path)
		}
	}
	return paths, trusted
}

func isOurs(owner int) bool { return owner == 0 || owner == os.Geteuid() }

// keys returns the key directory of the settings, "" for DIR/keys.
func (s Settings) keys() string {
	for _, flag := range s.Flags {
		if path, ok := strings.CutPrefix(flag, "--keys="); ok {
			return path
		}
	}
	return ""
}

// recordKeyDir records the key directory of earlier settings, if mine has another one, and
// drops directories without keys.
func recordKeyDir(d *dir.Dir, earlier, mine Settings) error {
	was, _ := earlierKeyDirs(d)
	paths := slices.Clone(was)
	if keys := earlier.keys(); keys != "" {
		paths = append(slices.DeleteFunc(paths, func(path string) bool { return path == keys }), keys)
	}
	paths = slices.DeleteFunc(paths, func(path string) bool { return path == mine.keys() || !hasKeys(path) })
	paths = paths[max(len(paths)-maxKeyDirs, 0):]
	switch {
	case slices.Equal(paths, was):
		return nil
	case len(paths) == 0:
		return dir.IfExists(d.Remove("", dir.KeyDirsName))
	}
	var text []byte
	for _, path := range paths {
		text = append(strconv.AppendQuote(text, path), '\n')
	}
	return d.ReplaceFile("", dir.KeyDirsName, text)
}

// hasKeys reports whether a directory has keys, or may have some.
func hasKeys(path string) bool {
	entries, err := os.ReadDir(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		_, ok := dir.ExpiryDay(dir.Keys, e.Name())
		return ok
	})
}
