package dir

import "golang.org/x/sys/unix"

// tmpfileFlag is the flag for a file without a name.
const tmpfileFlag = unix.O_TMPFILE

// renameNoReplace renames a file to a name that must not exist (EEXIST).
func renameNoReplace(at int, from, to string) error {
	err := ignoringEINTR(func() error {
		return unix.Renameat2(at, from, at, to, unix.RENAME_NOREPLACE)
	})
	if err == unix.EINVAL || err == unix.ENOSYS { // not supported by the file system or the kernel
		return linkNoReplace(at, from, to)
	}
	return err
}
