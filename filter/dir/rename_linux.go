package dir

import "golang.org/x/sys/unix"

// unnamed is the flag of a file in a directory that never has a name there.
const unnamed = unix.O_TMPFILE

// renameNoReplace renames a file to a name that must be free (EEXIST).
func renameNoReplace(at int, from, to string) error {
	err := again(func() error {
		return unix.Renameat2(at, from, at, to, unix.RENAME_NOREPLACE)
	})
	if err == unix.EINVAL || err == unix.ENOSYS { // a file system or a kernel without it
		return linkNoReplace(at, from, to)
	}
	return err
}
