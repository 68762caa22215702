package dir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Publish replaces the file at path, as ReplaceFile does, but outside DIR and readable by
// everybody: mode 0644, or that of the old file if it allows less.
func Publish(path string, data []byte) error {
	at, err := openDir(unix.AT_FDCWD, filepath.Dir(path), 0, false, dirMode)
	if err == nil {
		defer unix.Close(at)
		err = replaceFile(at, filepath.Base(path), data, publicMode, true)
	}
	if err == errSymlink || err == errIrregular {
		err = errNotRegular // it is not hushpipe's, so do not suggest to remove it
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// Update replaces a file outside DIR, in a directory that other programs read, by what
// change returns for its old contents, nil if there is none. Everybody can read the file.
// Reading and replacing it is atomic among callers of Update: it returns ErrLocked if
// another process is doing that. It refuses a symbolic link. A power cut can leave the file
// empty.
func Update(path string, change func(old []byte) ([]byte, error)) error {
	return inDir(path, func(at int, name string) error {
		unlock, err := lockBeside(at, name)
		if err != nil {
			return err
		}
		defer unlock()
		old, err := readPublic(at, name)
		if err != nil && err != unix.ENOENT {
			return err
		}
		data, err := change(old)
		if err != nil {
			return err
		}
		return replaceFile(at, name, data, publicMode, false)
	})
}

// CheckUpdate passes the contents to look that Update would pass to change, and writes
// nothing.
func CheckUpdate(path string, look func(old []byte) error) error {
	return inDir(path, func(at int, name string) error {
		old, err := readPublic(at, name)
		if err != nil && err != unix.ENOENT {
			return err
		}
		return look(old)
	})
}

func inDir(path string, do func(at int, name string) error) error {
	at, err := openDir(unix.AT_FDCWD, filepath.Dir(path), 0, false, dirMode)
	if err != nil {
		return &fs.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	defer unix.Close(at)
	err = do(at, filepath.Base(path))
	var named *fs.PathError
	if err != nil && !errors.As(err, &named) {
		err = &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return err
}

// lockBeside takes a lock for the file name by means of another file, which nobody else can
// open and thus lock, while everybody can read the file itself and its directory. The lock
// file exists only while it is held.
func lockBeside(at int, name string) (unlock func(), err error) {
	lock := "." + name + LockSuffix
	fd, err := openFile(at, lock, unix.O_RDWR|unix.O_CREAT, secretMode)
	var held, there unix.Stat_t
	if err == unix.EACCES && lstat(at, lock, &there) == nil && time.Since(time.Unix(there.Mtim.Unix())) > tempGrace {
		// Left by a killed process of another user, such as root.
		if err := remove(at, lock); err != nil {
			return nil, err
		}
		return nil, ErrLocked // the next attempt succeeds
	} else if err == unix.EACCES && lstat(at, lock, &there) == nil {
		return nil, ErrLocked
	} else if err != nil {
		return nil, err
	}
	err = flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		err = ErrLocked
	}
	if err == nil {
		err = fstat(fd, &held)
	}
	if err == nil && (lstat(at, lock, &there) != nil || there.Ino != held.Ino || there.Dev != held.Dev) {
		err = ErrLocked // its holder has removed it meanwhile
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return func() {
		remove(at, lock)
		unix.Close(fd)
	}, nil
}

func readPublic(at int, name string) ([]byte, error) {
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
	return data, Bare(err)
}
