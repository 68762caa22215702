package main

// Hints for errors of permission: which user could do it.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// withPermissionHint adds to a permission error which user has access.
func withPermissionHint(err error) error {
	var at *fs.PathError
	if os.Geteuid() == 0 || !errors.As(err, &at) || !errors.Is(at, fs.ErrPermission) || strings.Contains(err.Error(), "; hint: ") {
		return err
	}
	return fmt.Errorf("%w; hint: run it as root%s", err, ownerHint(at.Path))
}

// ownerHint names the owner of a path, or of the nearest directory above it that can be
// examined. It returns "" if the owner is root or this user.
func ownerHint(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	var st unix.Stat_t
	for unix.Stat(path, &st) != nil && path != "/" {
		path = filepath.Dir(path)
	}
	if st.Uid == 0 || int(st.Uid) == os.Geteuid() {
		return ""
	}
	name := "user " + strconv.FormatUint(uint64(st.Uid), 10)
	if owner, err := user.LookupId(strconv.FormatUint(uint64(st.Uid), 10)); err == nil {
		name = owner.Username
	}
	return fmt.Sprintf(", or as %s, who owns %s", name, path)
}
