package store

import (
	"errors"
	"io/fs"

	"hushpipe/filter/dir"
)

// HandOver creates DIR and the key directory if they are missing, and changes their
// owner; see dir.Dir.HandOver. With dry set it changes nothing.
func HandOver(at Directory, uid, gid int, dry bool, below ...string) error {
	d, err := dir.Open(at.Path, dir.Options{Keys: at.Keys, NoFollow: at.NoFollow, Create: !dry,
		Notify: func(msg string) { at.Log(msg, msg) }})
	if dry && errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer d.Close()
	return d.HandOver(uid, gid, dry, below...)
}
