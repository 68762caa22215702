package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"hushpipe/filter/counters"
	"hushpipe/filter/input"
	"hushpipe/format/prose"
)

// source is the input of filter: stdin, or the file of --input.
type source struct {
	file *os.File
	fifo bool // without an end: after SIGTERM the next process reads on
	raw  bool // a regular file that a web server made in place of the FIFO
}

// open returns the Reader of the source.
func (s *source) open() (input.Reader, error) {
	switch {
	case s.raw:
		return input.NewRawFile(s.file, func() bool { return isOpenElsewhere(s.file) })
	case s.fifo:
		return input.NewFIFO(s.file)
	}
	return input.New(s.file)
}

// rawSuffix, with a number after it, is the suffix of a regular file that was made in
// place of the FIFO and then renamed, by openInput or hushpipe@.socket.
const rawSuffix = ".raw-"

var rawName = regexp.MustCompile(regexp.QuoteMeta(rawSuffix) + `\d+$`)

// lockWait bounds the wait for the previous process to exit.
const lockWait = 2 * time.Second

// openInput opens the FIFO of --input, and makes it if it is missing. If a regular file
// is in its place (isPlaceOfFIFO), it contains raw addresses: openInput renames it, and
// startRawReaders has its lines read. If systemd holds the FIFO, openInput uses that
// one, whatever is at path now: the web server may have it open and be waiting.
//
// openInput opens the FIFO for writing too, so that opening does not block, and the
// input does not end when the web server closes the FIFO.
func openInput(path string, log *messageLog) (*source, error) {
	if rawName.MatchString(path) {
		f, err := openRaw(path)
		return &source{file: f, raw: true}, err
	}
	held, isHeld := systemdFIFO(path)
	found, err := inspectInput(path)
	if err != nil {
		return nil, err
	}
	if found == inputFile {
		raw := path + rawSuffix + strconv.FormatInt(time.Now().UnixNano(), 10)
		if err := os.Rename(path, raw); err != nil {
			return nil, usage("--input: %w", err)
		}
		log.errorf("%s: the web server made a file with raw addresses here, since it found no FIFO; hushpipe moves the lines out of %s, and deletes it; hint: reload the web server now, since it writes to that file until then", path, raw)
	}
	if found != inputFIFO && !isHeld {
		if err := unix.Mkfifo(path, 0o600); err != nil && err != unix.EEXIST {
			return nil, usage("--input: make the FIFO %s: %w", path, err)
		}
	}
	// Open a new file description: a lock on systemd's would outlive this process.
	const flags = unix.O_RDWR | unix.O_NONBLOCK | unix.O_CLOEXEC
	var fd int
	if isHeld {
		fd, err = unix.Open(fmt.Sprintf("/proc/self/fd/%d", held.Fd()), flags, 0)
	} else {
		fd, err = unix.Open(path, flags|unix.O_NOFOLLOW, 0)
	}
	if err != nil {
		return nil, usage("--input: open %s: %w", path, err)
	}
	s := &source{file: os.NewFile(uintptr(fd), path), fifo: true}
	if st, err := s.file.Stat(); err != nil || st.Mode().Type() != os.ModeNamedPipe {
		s.file.Close()
		return nil, usage("--input %s: it is not a FIFO any more", path)
	}
	if err := lockInput(s.file); err != nil {
		s.file.Close()
		return nil, err
	}
	return s, nil
}

// lockInput makes this process the only reader of f. Two readers would each take lines
// from the other.
func lockInput(f *os.File) error {
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if err == unix.EWOULDBLOCK && time.Since(began) > lockWait {
			return fmt.Errorf("%s: another hushpipe reads it; hint: end that one, or give this one a FIFO of its own", f.Name())
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}

// isRead reports whether a hushpipe reads the FIFO at path. A reader has locked it.
func isRead(path string) bool {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
}

// inputKind is what exists at the path of --input.
type inputKind int

const (
	inputMissing inputKind = iota
	inputFIFO
	inputFile
)

// inspectInput returns what exists at path, or an error if using it is not safe. If
// others can read the FIFO, they get lines with addresses; if they can write to its
// directory, they can replace it. nginx gives the FIFO to the user of its workers
// (ngx_reopen_files in src/core/ngx_cycle.c), which is safe in a directory that this
// user cannot enter.
func inspectInput(path string) (inputKind, error) {
	closed, err := checkParents(path)
	if err != nil {
		return 0, err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err == unix.ENOENT {
		return inputMissing, nil
	} else if err != nil {
		return 0, usage("--input %s: %w", path, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if !isPlaceOfFIFO(path) {
			return 0, notFIFO(path)
		}
		return inputFile, nil
	case unix.S_IFLNK:
		return 0, usage("--input %s: it is a symbolic link; hint: name the FIFO itself", path)
	case unix.S_IFIFO:
	default:
		return 0, usage("--input %s: it is a %s, not a FIFO; hint: give the path of the FIFO, as /run/hushpipe/NAME/access.log", path, kindOf(uint32(st.Mode)))
	}
	if !closed && (st.Mode&0o044 != 0 || !isTrusted(&st)) {
		return 0, usage("--input %s: other users can read it, and take lines with addresses out of it; hint: chmod 700 its directory, or chmod 620 it and chown it to root", path)
	}
	return inputFIFO, nil
}

// kindOf names the kind of a file that is not a regular file, link or FIFO.
func kindOf(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFSOCK:
		return "socket"
	}
	return "device"
}

// isPlaceOfFIFO reports whether a regular file at path can only come from a web server
// that found no FIFO there, so that hushpipe may delete it. Elsewhere it may be the log
// that the server is meant to write, or a copy of it. The place of a FIFO is a
// directory below /run, or a directory that others can neither read nor write and that
// has no other regular files, outside the directories for logs, configuration and
// people's work. RHEL has /var/log/nginx with mode 0711.
func isPlaceOfFIFO(path string) bool {
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return false
	}
	isBelow := func(parents ...string) bool {
		return slices.ContainsFunc(parents, func(parent string) bool { return strings.HasPrefix(folder+"/", parent+"/") })
	}
	if folder != "/run" && folder != "/var/run" && isBelow("/run", "/var/run") {
		return true
	}
	home, _ := os.UserHomeDir()
	var st unix.Stat_t
	if folder == home || isBelow("/etc", "/home", "/root", "/var/log") || unix.Stat(folder, &st) != nil || st.Mode&0o066 != 0 {
		return false
	}
	files, err := os.ReadDir(folder)
	own := rawName.ReplaceAllString(filepath.Base(path), "")
	return err == nil && !slices.ContainsFunc(files, func(f fs.DirEntry) bool {
		return f.Type().IsRegular() && rawName.ReplaceAllString(f.Name(), "") != own
	})
}

func notFIFO(path string) error {
	return usage("--input: %s is a file, not a FIFO; hint: to take over what is in it: hushpipe replay DIR %s", path, path)
}

// checkParents returns an error if others can change the path. closed means that only
// root and this user can reach the file.
func checkParents(path string) (closed bool, err error) {
	folder := filepath.Dir(path)
	paths := []string{folder}
	target, err := filepath.EvalSymlinks(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return false, usage("--input %s: its directory is missing; hint: mkdir -m 700 %s", path, folder)
	} else if err != nil {
		return false, usage("--input: %w", err)
	}
	if target != folder {
		paths = append(paths, target)
	}
	for _, from := range paths {
		for at := from; ; at = filepath.Dir(at) {
			var st unix.Stat_t
			if err := unix.Stat(at, &st); err != nil {
				return false, usage("--input: %s: %w", at, err)
			}
			others := !isTrusted(&st) || st.Mode&0o022 != 0
			if sticky := st.Mode&unix.S_ISVTX != 0 && isTrusted(&st); others && (at == from || !sticky) {
				return false, usage("--input %s: other users can write to %s, and put a file of theirs in its place; hint: use a directory that only root can write, as /run/hushpipe/NAME", path, at)
			}
			if at == from {
				closed = st.Mode&0o011 == 0
			}
			if at == "/" {
				break
			}
		}
	}
	return closed, nil
}

// isTrusted reports whether a file belongs to root or to the user of this process.
func isTrusted(st *unix.Stat_t) bool { return st.Uid == 0 || int(st.Uid) == os.Geteuid() }

// checkInput checks --input for --check, and changes nothing.
func checkInput(path string) error {
	found, err := inspectInput(path)
	if err == nil && found == inputFile && !rawName.MatchString(path) {
		err = fmt.Errorf("--input %s: it is a regular file, with raw addresses if a web server made it; hint: start hushpipe, which takes its lines and deletes it, then reload the web server", path)
	}
	return err
}

// systemdFiles returns the files that systemd passed to this process
// (sd_listen_fds(3)).
var systemdFiles = sync.OnceValue(func() (files []*os.File) {
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil
	}
	for fd := 3; fd < 3+min(n, 64); fd++ {
		unix.CloseOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), "the FIFO that systemd holds"))
	}
	return files
})

// systemdFIFO returns the FIFO among them that is at path, or else the first FIFO.
func systemdFIFO(path string) (f *os.File, ok bool) {
	at, err := os.Lstat(path)
	for _, file := range systemdFiles() {
		st, err2 := file.Stat()
		if err2 != nil || st.Mode().Type() != os.ModeNamedPipe {
			continue
		}
		if f == nil || err == nil && os.SameFile(at, st) {
			f = file
		}
	}
	return f, f != nil
}

// fault returns what has gone wrong with the source since it was opened, "" if nothing
// has.
func (s *source) fault() string {
	var st unix.Stat_t
	switch {
	case s.raw && isOpenElsewhere(s.file):
		return fmt.Sprintf("%s: the web server still writes raw addresses to this file; hint: reload it, and end those of its old workers that are left", s.file.Name())
	case s.fifo && unix.Fstat(int(s.file.Fd()), &st) == nil && st.Nlink == 0:
		return fmt.Sprintf("%s was deleted: a web server that opens this path now makes a file with raw addresses; hint: restart what made the FIFO, its hushpipe@.socket or hushpipe, then reload the web server", s.file.Name())
	}
	return ""
}

// openRaw opens a file that was made in place of the FIFO. It changes the owner to
// root, since nginx may have given the file away.
func openRaw(path string) (*os.File, error) {
	if _, err := checkParents(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, usage("--input: %w", err)
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, usage("--input %s: it is not a regular file; hint: name the FIFO, whose name does not end in %sNUMBER", path, rawSuffix)
	}
	if !isPlaceOfFIFO(path) {
		f.Close()
		return nil, notFIFO(path)
	}
	f.Chown(os.Geteuid(), -1) // only the owner gets a lease (isOpenElsewhere); root may as well
	if err := lockInput(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// startRawReaders starts a process for each file that was made in place of the FIFO at
// path, as old workers of a web server may keep writing to it for hours. The process
// has the same flags but runs as root, since another user could not delete the file.
func startRawReaders(path, dir string, flags *pflag.FlagSet, stderr io.Writer) error {
	files, _ := filepath.Glob(literal(path) + rawSuffix + "*")
	var errs []error
	for _, file := range files {
		if !rawName.MatchString(file) {
			continue
		}
		args := slices.DeleteFunc(recordable(flags), func(arg string) bool {
			name, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			return name == "user" || name == "metrics" || name == "policy" && value == "" || flags.Changed("policy") && slices.Contains(policyReplaces, name)
		})
		cmd := exec.Command("/proc/self/exe", append(append([]string{"filter", "--input=" + file}, args...), "--", dir)...)
		cmd.Stderr = stderr
		cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LISTEN_") })
		if err := cmd.Start(); err != nil {
			errs = append(errs, fmt.Errorf("%s: raw addresses remain in it: %w; hint: run hushpipe filter --input %s %s", file, err, file, dir))
			continue
		}
		go cmd.Wait()
	}
	return errors.Join(errs...)
}

// literal escapes a path for filepath.Glob.
func literal(path string) string {
	return regexp.MustCompile(`[*?\[\\]`).ReplaceAllString(path, `\$0`)
}

// deleteRaw deletes a file whose lines have all been read, and overwritten as they were
// read. v is what this process counted.
func deleteRaw(f *os.File, dir string, v counters.Values, log *messageLog) error {
	if err := errors.Join(f.Sync(), f.Truncate(0), os.Remove(f.Name())); err != nil {
		return err
	}
	const end = "; it was overwritten and deleted"
	left := v.Expired + v.Dropped + v.Failed
	written := prose.Plural(v.Lines-min(left, v.Lines), "line")
	if left > 0 {
		log.warnf("%s: %s written to %s, %d not written"+end, f.Name(), written, dir, left)
	} else {
		log.notef("%s: %s written to %s"+end, f.Name(), written, dir)
	}
	return nil
}

func (s *source) String() string {
	if s.fifo || s.raw {
		return s.file.Name()
	}
	return "stdin"
}
