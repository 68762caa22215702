package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// work is what may be done to files: all that hushpipe does. There is no
// executing, no device, and no moving from one directory to another in it. A
// directory is made under another name first, and to rename it is to remove it.
const work = llsys.AccessFSReadFile | llsys.AccessFSReadDir | llsys.AccessFSWriteFile | llsys.AccessFSTruncate |
	llsys.AccessFSMakeReg | llsys.AccessFSMakeDir | llsys.AccessFSRemoveDir | llsys.AccessFSMakeSym | llsys.AccessFSRemoveFile

// replace is what replacing a file takes, in a directory that is not ours.
const replace = llsys.AccessFSReadFile | llsys.AccessFSReadDir | llsys.AccessFSWriteFile | llsys.AccessFSTruncate |
	llsys.AccessFSMakeReg | llsys.AccessFSRemoveFile

// lookup bounds the wait for the paths; a disk that hangs must not hold up the
// reader. restrict stops all threads, so none may be stuck in one by then.
const lookup = time.Second

// confine leaves the process no files but those that it works on, no network,
// and no way to gain rights, by landlock(7). dir is DIR and keys the key
// directory, each "" for none; of a shared file its directory is left. The answer
// is for status: what is in force, or why nothing is.
//
// DIR may be deleted, replaced or mounted over and is used again then, so the
// right to it is one to the directory that it lies in; that to the root of all
// files would be none at all. Without a key directory the keys stay in memory,
// and no line is lost: it has the right to itself only.
func confine(dir, keys string, shared ...string) string {
	return restrict(func() ([]landlock.Rule, error) {
		paths, err := reach(dir, keys)
		return []landlock.Rule{landlock.PathAccess(work, paths...), landlock.PathAccess(replace, folders(shared)...)}, err
	})
}

// confineReplay is confine, but that the regular files at paths can be read as
// well: those that are there now, not what takes their names.
func confineReplay(dir, keys string, paths []string) string {
	return restrict(func() ([]landlock.Rule, error) {
		within, err := reach(dir, keys)
		rules := []landlock.Rule{landlock.PathAccess(work, within...)}
		for _, path := range paths {
			if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
				rules = append(rules, landlock.PathAccess(llsys.AccessFSReadFile, path).IgnoreIfMissing())
			}
		}
		return rules, err
	})
}

// folders returns the directories of files that are shared, those that exist.
func folders(shared []string) (paths []string) {
	for _, file := range shared {
		if folder, err := filepath.EvalSymlinks(filepath.Dir(file)); file != "" && err == nil && folder != "/" {
			paths = append(paths, folder)
		}
	}
	return paths
}

// confineReader leaves the process the files and directories at paths, to be
// read, and of others only what replacing a shared file takes, "" for none.
func confineReader(paths []string, shared string) string {
	return restrict(func() ([]landlock.Rule, error) {
		rules := []landlock.Rule{landlock.PathAccess(replace, folders([]string{shared})...)}
		for _, path := range paths {
			st, err := os.Stat(path)
			if err != nil {
				continue // comes up again
			}
			var rights landlock.AccessFSSet = llsys.AccessFSReadFile
			if st.IsDir() { // elsewhere this right is an error
				rights |= llsys.AccessFSReadDir
			}
			rules = append(rules, landlock.PathAccess(rights, path))
		}
		return rules, nil
	})
}

// restrict is confine for the rules that find returns.
func restrict(find func() ([]landlock.Rule, error)) string {
	_ = time.Local.String() // reads the zone's file before that is out of reach
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch {
	case errno == unix.EOPNOTSUPP:
		return "not confined: landlock is switched off in this kernel"
	case errno == unix.ENOSYS:
		return "not confined: this kernel has no landlock"
	case errno != 0: // a filter of system calls, it may be
		return "not confined: landlock: " + errno.Error()
	}
	type answer struct {
		rules []landlock.Rule
		err   error
	}
	found := make(chan answer, 1)
	go func() {
		rules, err := find()
		found <- answer{rules, err}
	}()
	var a answer
	select {
	case a = <-found:
	case <-time.After(lookup):
		return "not confined: the disk did not answer"
	}
	if a.err != nil {
		return "not confined: " + a.err.Error()
	}
	if err := landlock.V11.BestEffort().Restrict(a.rules...); err != nil {
		return "not confined: " + err.Error()
	}
	// Best effort may have been none.
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
		return "not confined: landlock had no effect"
	}
	return fmt.Sprintf("confined by landlock, ABI %d", abi)
}

// reach returns the directories that confine leaves. They exist.
func reach(dir, keys string) (paths []string, err error) {
	for i, path := range []string{dir, keys} {
		if path == "" {
			continue
		}
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		target, err := filepath.EvalSymlinks(path)
		if err == nil {
			paths = append(paths, target)
			if i == 0 && filepath.Dir(target) != "/" {
				paths = append(paths, filepath.Dir(target))
			}
			continue
		}
		above, err := existing(path, err)
		if err != nil {
			return nil, err
		}
		paths = append(paths, above)
	}
	return paths, nil
}

// existing returns the nearest directory above path that is there.
func existing(path string, err error) (string, error) {
	above := path
	for errors.Is(err, fs.ErrNotExist) && above != "/" {
		above = filepath.Dir(above)
		_, err = os.Stat(above)
	}
	if err == nil && above == "/" {
		err = fmt.Errorf("%s: no directory above it exists", path)
	}
	return above, err
}

// hideMemory keeps the memory out of core dumps that go to a program, which
// RLIMIT_CORE does not bound (core(5)), and from debuggers of the same user.
func hideMemory() { unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
