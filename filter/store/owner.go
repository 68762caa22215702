package store

import (
	"errors"
	"io/fs"

	"hushpipe/filter/dir"
)

// HandOver makes DIR and the key directory where they are missing, and gives
// them to a user, see dir.Dir.HandOver. With dry it changes nothing.
func HandOver(cfg Config, uid, gid int, dry bool, below ...string) error {
	d, err := dir.Open(cfg.Path, dir.Options{Keys: cfg.Keys, NoFollow: cfg.NoFollow, Create: !dry,
		Notify: func(msg string) { cfg.Say(msg, msg) }})
	if dry && errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer d.Close()
	return d.HandOver(uid, gid, dry, below...)
}
