package store

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"hushpipe/filter/rotate"
	"hushpipe/format"
)

// Check tells whether a Store could work on cfg.Path. It changes nothing: a
// DIR that is missing must be one that can be made.
func Check(cfg Config) error {
	dir, err := rotate.Open(cfg.Path, rotate.Options{Keys: cfg.Keys, Notify: func(msg string) { cfg.Say(msg, msg) }})
	if errors.Is(err, fs.ErrNotExist) {
		return writable(filepath.Dir(filepath.Clean(cfg.Path)))
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	keys := cfg.Keys
	if keys == "" {
		keys = filepath.Join(cfg.Path, "keys")
	}
	errs := []error{writable(cfg.Path)}
	for _, sub := range []string{rotate.Journal, rotate.Rooms} {
		if _, err := dir.Names(sub); err != nil { // a planted link, say
			errs = append(errs, err)
		} else if err := writable(filepath.Join(cfg.Path, sub)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := writable(keys); !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	} else if cfg.Keys != "" {
		errs = append(errs, writable(filepath.Dir(filepath.Clean(keys))))
	}
	if _, err := dir.ReadKey(format.DayOf(cfg.Now())); !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// writable reports why files cannot be made in the directory at path.
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
