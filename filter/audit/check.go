package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
)

// Config configures a check.
type Config struct {
	Path   string // DIR
	Keys   string // key directory, "" for DIR/keys
	Secret bool   // room names are hashed with a secret
	Now    func() time.Time
	Log    func(topic, line string) // prints one line for the operator
}

// Check returns an error if filter could not work on DIR. It changes nothing: a missing DIR
// must be one that can be created.
func Check(cfg Config) error {
	var errs []error
	if cfg.Keys != "" {
		errs = append(errs, writableOrNew(cfg.Keys))
	}
	d, err := dir.Open(cfg.Path, dir.Options{Keys: cfg.Keys, Notify: func(msg string) { cfg.Log(msg, msg) }})
	for _, path := range []string{cfg.Path, cfg.Keys} {
		if path != "" {
			errs = append(errs, checkLocks(path))
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return dir.Join(append(errs, writableOrNew(cfg.Path))...)
	} else if err != nil {
		return dir.Join(append(errs, err)...)
	}
	defer d.Close()
	errs = append(errs, writable(cfg.Path))
	today := civil.DayOf(cfg.Now())
	for _, place := range []struct{ sub, name string }{
		{"", dir.LogFile(today)},
		{"", dir.RoomSecretName},
		{"", dir.ClockName},
		{"", dir.ActsLogName},
		{"", dir.SettingsName},
		{"", dir.VersionName},
		{dir.Keys, dir.KeyFile(today)},
		{dir.Keys, dir.RuleName},
		{dir.Rooms, dir.RoomFile(today)},
		{dir.Journal, ""},
	} {
		errs = append(errs, checkPlace(d, cfg, place.sub, place.name))
	}
	errs = append(errs, checkLink(filepath.Join(cfg.Path, dir.LinkName)), d.CheckWorldWritable())
	warnForeign(d, cfg)
	for _, of := range []retention.Ruled{retention.OfLines, retention.OfKeys} {
		_, err := retention.Rule(d, of)
		errs = append(errs, err)
	}
	return dir.Join(errs...)
}

// warnForeign reports files that are not hushpipe's, and those that it would take for its
// own: rotatelogs, for example, can give its files the same names.
func warnForeign(d *dir.Dir, cfg Config) {
	used := retention.HasRule(d)
	claims := unclaimed(cfg.Path, cfg.Keys)
	for _, sub := range []string{"", dir.Keys, dir.Journal} {
		at := filepath.Join(cfg.Path, sub)
		if sub == dir.Keys {
			at = dir.KeyPath(cfg.Path, cfg.Keys)
		}
		names, _ := d.Names(sub) // an error is returned elsewhere
		var foreign, taken, unknown []string
		for _, name := range names {
			info, err := os.Lstat(filepath.Join(at, name))
			if err != nil {
				continue
			}
			if isForeign(at, sub, info) {
				foreign = append(foreign, name)
			} else if day, dated := dir.ExpiryDay(sub, name); !dated || sub != "" || !info.Mode().IsRegular() {
				continue
			} else if !used {
				taken = append(taken, name)
			} else if slices.Contains(claims, day) {
				unknown = append(unknown, name)
			}
		}
		warn := func(names []string, text string) {
			if len(names) == 0 {
				return
			}
			line := at + ": " + text + ": " + strings.Join(names[:min(len(names), shownForeign)], ", ")
			if more := len(names) - shownForeign; more > 0 {
				line += fmt.Sprintf(" and %d more", more)
			}
			cfg.Log(line, line)
		}
		warn(foreign, "these are not hushpipe's, which never deletes them, check whether they contain lines or keys")
		warn(taken, "hushpipe has not worked here before, and takes these for its own: it deletes them with their day, move them away if others made them")
		warn(unknown, "these logs have no key and no journal, another program may have made them, with raw addresses, hushpipe deletes them with their day")
	}
}

// checkLocks checks that locks work in DIR, or in the directory in which it would be
// created.
func checkLocks(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = filepath.Dir(filepath.Clean(path))
	}
	return dir.CheckLocks(path)
}

// checkLink returns an error if the link to the newest file could not be created.
func checkLink(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Type() != fs.ModeSymlink {
		return fmt.Errorf("%s: is not a symbolic link; hint: move it away", path)
	}
	return dir.IfExists(err)
}

// checkPlace checks a directory in DIR and a file in it, if they exist.
func checkPlace(d *dir.Dir, cfg Config, sub, name string) error {
	if _, err := d.Names(sub); err != nil { // a planted link, say
		return err
	}
	path := filepath.Join(cfg.Path, sub)
	if sub != dir.Keys || cfg.Keys == "" {
		if err := writable(path); err != nil {
			return dir.IfExists(err)
		}
	}
	if name == "" {
		return nil
	}
	f, err := d.OpenFile(sub, name, os.O_RDWR)
	if err != nil {
		return dir.IfExists(err)
	}
	defer f.Close()
	// Do not read the key through Dir, which would correct its mode.
	if st, err := f.Stat(); err == nil && st.Size() != keySize && (sub == dir.Keys && name != dir.RuleName || name == dir.RoomSecretName && cfg.Secret) {
		return fmt.Errorf("%s: does not hold %d bytes; hint: remove it, a new one is made then", f.Name(), keySize)
	}
	return nil
}

const keySize = int64(len(pseudonym.Key{}))

// writableOrNew is writable for path or, if that is missing, for its parent.
func writableOrNew(path string) error {
	err := writable(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = writable(filepath.Dir(filepath.Clean(path)))
	}
	return err
}

// writable returns an error if files cannot be created in the directory at path.
func writable(path string) error {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		err = unix.ENOTDIR
	}
	if err == nil {
		err = unix.Access(path, unix.W_OK|unix.X_OK)
	}
	if err != nil {
		return &fs.PathError{Op: "check", Path: path, Err: err}
	}
	return nil
}
