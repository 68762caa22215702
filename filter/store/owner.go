package store

import (
	"errors"
	"io/fs"

	"hushpipe/filter/rotate"
)

// HandOver makes DIR and the key directory where they are missing, and gives
// them to a user, see rotate.Dir.HandOver. With dry it changes nothing.
func HandOver(cfg Config, uid, gid int, dry bool) error {
	dir, err := rotate.Open(cfg.Path, rotate.Options{Keys: cfg.Keys, Create: !dry,
		Notify: func(msg string) { cfg.Say(msg, msg) }})
	if dry && errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer dir.Close()
	return dir.HandOver(uid, gid, []string{secretName, revealLog, settingsName}, dry)
}
