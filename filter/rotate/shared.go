package rotate

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Publish puts data in the place of the file at path, as ReplaceFile does,
// outside of DIR and for everybody to read: mode 0644, or that of the old file
// where it allows less.
func Publish(path string, data []byte) error {
	at, err := openDir(unix.AT_FDCWD, filepath.Dir(path), 0, false, dirMode)
	if err == nil {
		defer unix.Close(at)
		err = replaceFile(at, filepath.Base(path), data, publicMode, true)
	}
	if err == errSymlink || err == errIrregular {
		err = errUnpublished // it is not hushpipe's to say what is to be removed
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// Update replaces a file outside DIR, in a directory that other programs read,
// by what change makes of it; old is nil for one that is not there, and nil as an
// answer leaves it. Everybody can read the file. Reading it and replacing it, by
// renaming, is one step for all who do it by Update: ErrLocked is returned where
// another process is at it. A symbolic link in place of the file is refused. A
// power cut can leave the file empty.
func Update(path string, change func(old []byte) ([]byte, error)) error {
	at, err := openDir(unix.AT_FDCWD, filepath.Dir(path), 0, false, dirMode)
	if err != nil {
		return &fs.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	defer unix.Close(at) // and unlock
	err = update(at, filepath.Base(path), change)
	var named *fs.PathError
	if err != nil && !errors.As(err, &named) {
		err = &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return err
}

func update(at int, name string, change func([]byte) ([]byte, error)) error {
	if err := flock(at, unix.LOCK_EX|unix.LOCK_NB); err == unix.EWOULDBLOCK {
		return ErrLocked
	} else if err != nil {
		return err
	}
	old, err := readShared(at, name)
	if err != nil && err != unix.ENOENT {
		return err
	}
	data, err := change(old)
	if err != nil || data == nil {
		return err
	}
	return replaceFile(at, name, data, publicMode, false)
}

func readShared(at int, name string) ([]byte, error) {
	fd, err := openFile(at, name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	const most = 64 << 10
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if len(data) > most {
		return nil, errTooLarge
	}
	return data, bare(err)
}
