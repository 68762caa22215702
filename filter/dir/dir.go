// Package dir implements the files of DIR: their names, modes, owners and locks. It opens,
// creates and replaces files for the other packages, never through a planted link, and
// always with the right mode and owner. layout.go lists every name.
package dir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// cacheTag keeps a directory out of backups, https://bford.info/cachedir/.
const cacheTag = "Signature: 8a477f597d28d172789f06886806bc55\n" +
	"# hushpipe deletes these files with their day: a copy would outlive it.\n"

// ErrLocked is returned if another process holds a lock.
var ErrLocked = errors.New("locked by another process")

// Options are the settings of a Dir.
type Options struct {
	// Keys is the path of the key directory, "" for DIR/keys.
	Keys string
	// NoFollow refuses a symbolic link in the place of DIR.
	NoFollow bool
	// Create creates DIR and the directories in it if they are missing.
	Create bool
	// Notify receives, in one line each, what was repaired or skipped without an error. Any
	// method may call it; it must not call any method. nil: nobody is notified.
	Notify func(msg string)
}

// Dir is a directory of daily files, shared by any number of processes.
//
// It holds a descriptor of DIR, so it stays in use if it is renamed. Its contents are opened
// by name for each use, so that a directory that was broken or missing is used again once it
// is repaired. No symbolic link in DIR is followed, except access.log; DIR itself and the
// path of the key directory may be links.
//
// Any goroutine may call any method. All of them wait for the disk. Methods that take locks
// wait at most a second, or the given patience, for other processes; those that delete wait
// for no lock.
type Dir struct {
	path   string
	keys   string // "": DIR/keys
	create bool
	notify func(string)
	fd     int

	users atomic.Int64 // users of fd: the Dir until Close, and calls of Use

	earlier atomic.Bool // processes of an earlier version may be running
}

// Open opens the directory at path. It fails if a newer version has laid it out.
func Open(path string, o Options) (*Dir, error) {
	follow := 0
	if o.NoFollow {
		follow = unix.O_NOFOLLOW
	}
	fd, err := openDir(unix.AT_FDCWD, path, follow, o.Create, dirMode)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	d := newDir(fd, path, o)
	if err := d.checkVersion(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func newDir(fd int, path string, o Options) *Dir {
	d := &Dir{
		path: path, keys: o.Keys, create: o.Create, notify: o.Notify, fd: fd}
	d.users.Store(1)
	d.earlier.Store(true)
	if d.notify == nil {
		d.notify = func(string) {}
	}
	return d
}

// Close closes DIR after the last Use ends. No other method may run during it, or be called
// after it.
func (d *Dir) Close() error {
	return d.done()
}

// Use keeps DIR open until done is called, even after Close. It returns false if DIR is
// closed.
func (d *Dir) Use() (done func(), ok bool) {
	for {
		n := d.users.Load()
		if n == 0 {
			return nil, false
		}
		if d.users.CompareAndSwap(n, n+1) {
			return func() { d.done() }, true
		}
	}
}

func (d *Dir) done() error {
	if d.users.Add(-1) > 0 {
		return nil
	}
	return unix.Close(d.fd)
}

// Moved reports whether the path by which DIR was opened now leads elsewhere. It costs a
// system call or two.
func (d *Dir) Moved() bool {
	var here, there unix.Stat_t
	if fstat(d.fd, &here) != nil {
		return true
	}
	err := ignoringEINTR(func() error { return unix.Stat(d.path, &there) })
	return err != nil || here.Dev != there.Dev || here.Ino != there.Ino
}

// Names returns the names in sub, sorted. A missing directory has none.
func (d *Dir) Names(sub string) ([]string, error) {
	at, err := d.openSub(sub, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(at), d.pathOf(sub, ""))
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err = Bare(err); err == unix.ENOENT {
		err = ErrRemoved
	}
	slices.Sort(names)
	return names, d.Error("list", sub, "", err)
}

// OpenFile opens a regular file in sub; flag is as in package os, name has no slash. A file
// that it creates gets mode 0640, or 0600 if others must not read it, whatever the umask.
func (d *Dir) OpenFile(sub, name string, flag int) (*os.File, error) {
	at, err := d.openSub(sub, flag&os.O_CREATE != 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(at)
	fd, err := openFile(at, name, flag, modeIn(sub, name))
	if err != nil {
		return nil, d.Error("open", sub, name, err)
	}
	return os.NewFile(uintptr(fd), d.pathOf(sub, name)), nil
}

// ReadFile returns the contents of a regular file in sub. A file far larger than hushpipe
// writes, planted to fill the memory, is an error.
func (d *Dir) ReadFile(sub, name string) ([]byte, error) {
	f, err := d.OpenFile(sub, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	most := int64(4 << 10)
	if sub == Rooms || sub == Traffic {
		most = 1 << 30
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if int64(len(data)) > most {
		return nil, d.Error("read", sub, name, errTooLarge)
	}
	return data, err
}

// ReplaceFile replaces a file in sub: after a crash the old or the new file is on the disk,
// never a part. A power cut may lose a file in Status or Held: these are written while lines
// wait, and need not survive it.
func (d *Dir) ReplaceFile(sub, name string, data []byte) error {
	at, err := d.openSub(sub, true)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return d.Error("replace", sub, name, replaceFile(at, name, data, modeIn(sub, name), isDurable(sub)))
}

// ReplaceSecret is ReplaceFile for a file that others must not read before Widen is called.
func (d *Dir) ReplaceSecret(sub, name string, data []byte) error {
	at, err := d.openSub(sub, true)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return d.Error("replace", sub, name, replaceFile(at, name, data, secretMode, isDurable(sub)))
}

// Widen gives a file that ReplaceSecret wrote the usual mode in sub.
func (d *Dir) Widen(sub, name string) error {
	at, err := d.openSub(sub, false)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	fd, err := openFile(at, name, unix.O_RDONLY, 0)
	if err == nil {
		err = ignoringEINTR(func() error { return unix.Fchmod(fd, modeIn(sub, name)) })
		unix.Close(fd)
	}
	return d.Error("chmod", sub, name, err)
}

// isDurable reports whether replaced files in sub survive a power cut. Held lines need not,
// since no lines do.
func isDurable(sub string) bool { return sub != Status && sub != Held }

// Remove deletes a file in sub.
func (d *Dir) Remove(sub, name string) error {
	at, err := d.openSub(sub, false)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return d.Error("remove", sub, name, remove(at, name))
}

// Sizes adds the sizes of files in sub to sizes, in bytes. A missing file gets no entry.
func (d *Dir) Sizes(sub string, names []string, sizes map[string]int64) error {
	at, err := d.openSub(sub, false)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	for _, name := range names {
		var st unix.Stat_t
		if err := lstat(at, name, &st); err == nil {
			sizes[name] = st.Size
		} else if err != unix.ENOENT {
			return d.Error("look at", sub, name, err)
		}
	}
	return nil
}

// Nested returns the directories in DIR that are not part of its layout, nor its key
// directory: those of streams.
func (d *Dir) Nested() (names []string, err error) {
	all, err := d.Names("")
	if err != nil {
		return nil, err
	}
	var keyDir unix.Stat_t
	elsewhere := d.keys != "" && ignoringEINTR(func() error { return unix.Stat(d.keys, &keyDir) }) == nil
	for _, name := range all {
		var st unix.Stat_t
		if slices.Contains(directories, name) || lstat(d.fd, name, &st) != nil || fileType(&st) != unix.S_IFDIR {
			continue
		}
		if elsewhere && st.Ino == keyDir.Ino && st.Dev == keyDir.Dev {
			continue
		}
		names = append(names, name)
	}
	return names, nil
}

// OpenNested opens a directory in DIR as a DIR of its own. It follows no link, and creates
// nothing.
func (d *Dir) OpenNested(name string) (*Dir, error) {
	fd, err := openDir(d.fd, name, unix.O_NOFOLLOW, false, dirMode)
	if err != nil {
		return nil, d.Error("open", "", name, err)
	}
	return newDir(fd, filepath.Join(d.path, name), Options{Create: d.create, Notify: d.notify}), nil
}

// openSub opens a directory in DIR anew each time: a lock, or a position in a listing,
// belongs to one opening.
func (d *Dir) openSub(sub string, create bool) (int, error) {
	create = create && d.create
	var fd int
	var loose uint32
	var err error
	switch {
	case sub == "":
		fd, err = openDir(d.fd, ".", unix.O_NOFOLLOW, false, dirMode)
	case sub == Keys && d.keys != "":
		fd, err = openDir(unix.AT_FDCWD, d.keys, 0, create, dirMode)
	case sub == Locks, sub == Held, sub == Fleet:
		fd, loose, err = openPrivate(d.fd, sub, create)
	case sub == KeyLocks:
		var at int
		if at, err = d.openSub(Keys, create); err != nil {
			return -1, err
		}
		fd, loose, err = openPrivate(at, Locks, create)
		unix.Close(at)
	case sub == Policies:
		fd, err = openDir(d.fd, sub, unix.O_NOFOLLOW, create, locksMode)
	default:
		fd, err = openDir(d.fd, sub, unix.O_NOFOLLOW, create, dirMode)
	}
	if err != nil {
		return -1, d.Error("open", sub, "", err)
	}
	switch {
	case loose != 0 && (sub == Held || sub == Fleet):
		d.Notifyf(sub, "", "others could read this directory (mode %04o): set to 0700", loose)
	case loose != 0:
		d.Notifyf(sub, "", "others could hold locks in this directory (mode %04o): set to 0700", loose)
	}
	if create && (sub == Keys || sub == Journal || sub == Held || sub == Fleet) {
		createTag(fd, modeIn(sub, CacheTagName))
	}
	return fd, nil
}

// openPrivate opens a directory in at that only its owner may use. With create, it corrects
// the mode, and returns a mode that let others in as loose.
func openPrivate(at int, name string, create bool) (fd int, loose uint32, err error) {
	fd, err = openDir(at, name, unix.O_NOFOLLOW, create, locksMode)
	if err != nil {
		return -1, 0, err
	}
	var st unix.Stat_t
	err = fstat(fd, &st)
	if mode := uint32(st.Mode) & 0o777; err == nil && mode&^locksMode != 0 && create {
		loose = mode
		err = ignoringEINTR(func() error { return unix.Fchmod(fd, locksMode) })
	}
	if err != nil {
		unix.Close(fd)
		return -1, 0, err
	}
	return fd, loose, nil
}

// createTag creates the cache tag of a directory that has none.
func createTag(at int, mode uint32) {
	fd, err := openFile(at, CacheTagName, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, mode)
	if err != nil {
		return // it has one, or the call that needs the directory will fail as well
	}
	if _, err := unix.Write(fd, []byte(cacheTag)); err != nil {
		remove(at, CacheTagName)
	}
	unix.Close(fd)
}

// SetCacheTag creates the cache tag of DIR, or removes the one that it created. It reports
// no error: if it fails, other calls fail too and report it.
func (d *Dir) SetCacheTag(tagged bool) {
	if !tagged {
		if text, err := d.ReadFile("", CacheTagName); err == nil && string(text) == cacheTag {
			_ = d.Remove("", CacheTagName)
		}
		return
	}
	if at, err := d.openSub("", false); err == nil {
		createTag(at, fileMode)
		unix.Close(at)
	}
}

// modeIn returns the mode of a file in sub. Other users must not be able to hold the locks
// by which processes show that they are alive.
func modeIn(sub, name string) uint32 {
	if sub == Journal && name != CacheTagName || sub == Locks || sub == KeyLocks || sub == Policies || sub == Held || sub == Fleet || sub == Status && strings.HasSuffix(name, LockSuffix) {
		return secretMode
	}
	return fileMode
}

func (d *Dir) pathOf(sub, name string) string {
	if rest, ok := strings.CutPrefix(sub, Keys); ok && d.keys != "" {
		return filepath.Join(d.keys, rest, name)
	}
	return filepath.Join(d.path, sub, name)
}

// Error adds the path of a file in sub to an error, once; nil stays nil.
func (d *Dir) Error(verb, sub, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: verb, Path: d.pathOf(sub, name), Err: Bare(err)}
}

// Notifyf notifies the operator about a file in sub; see Options.Notify.
func (d *Dir) Notifyf(sub, name, text string, args ...any) {
	d.notify(d.pathOf(sub, name) + ": " + fmt.Sprintf(text, args...))
}

// Notify notifies the operator; see Options.Notify.
func (d *Dir) Notify(msg string) { d.notify(msg) }

// KeysOutside reports whether the key directory is not DIR/keys.
func (d *Dir) KeysOutside() bool { return d.keys != "" }

// MayCreate reports whether missing directories are created.
func (d *Dir) MayCreate() bool { return d.create }

// Lstat is lstat(2) for a file in DIR. It does not allocate, since it is called for each
// batch of lines.
func (d *Dir) Lstat(name string, st *unix.Stat_t) error { return lstat(d.fd, name, st) }
