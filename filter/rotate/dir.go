// Package rotate implements the directory that hushpipe writes to: the log
// files and keys by day, their retention, and the link to the newest file.
package rotate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"hushpipe/format"
)

// The directories below DIR that others fill; "" stands for DIR itself.
const (
	Rooms   = "rooms"   // kept for good
	Journal = "journal" // files named DATE.*, deleted with their day
	Status  = "status"  // what processes say of themselves

	keys = "keys"
)

// directories are all of them.
var directories = []string{"", keys, Rooms, Journal, Status}

// cacheTag keeps a directory out of backups, https://bford.info/cachedir/.
const (
	cacheTagName = "CACHEDIR.TAG"
	cacheTag     = "Signature: 8a477f597d28d172789f06886806bc55\n" +
		"# hushpipe deletes these files with their day: a copy would outlive it.\n"
)

// ErrLocked is returned by LockRooms where another process has the lock.
var ErrLocked = errors.New("locked by another process")

// Options are the settings of a Dir.
type Options struct {
	// Keys is the path of the key directory, "" for DIR/keys.
	Keys string
	// Create makes DIR and the directories in it where they are missing.
	Create bool
	// Notify is told, in one line each time, what was put right or left undone
	// without making a call fail. Any method may call it; it calls none itself.
	// nil: nobody is told.
	Notify func(msg string)
}

// Dir is a directory of day files, shared by any number of processes.
//
// DIR is held by a descriptor: renamed, it stays in use. What lies in it is
// opened by name for each use, so that a directory that was broken or missing
// is used again once it is repaired. No name in DIR is followed if it is a
// symbolic link, access.log apart; DIR and the path of the key directory may be
// links.
//
// All methods may be called from any goroutine. All of them wait for the disk,
// and Append, LockRooms and RecordKeep for locks that other processes hold.
type Dir struct {
	path   string
	keys   string // "": DIR/keys
	create bool
	notify func(string)
	fd     int

	// first and today are those of the last Purge.
	first, today atomic.Int32

	mu       sync.Mutex // guards what follows
	open     []dayFile  // the last used first
	tail     []byte     // scratch of lineEnd
	linkSaid bool
	unsaved  *clock // what could not be written to the clock file

	write func(fd int, p []byte) (int, error)
}

// Open opens the directory at path.
func Open(path string, o Options) (*Dir, error) {
	fd, err := openDir(unix.AT_FDCWD, path, 0, o.Create)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	d := &Dir{
		path: path, keys: o.Keys, create: o.Create, notify: o.Notify, fd: fd,
		tail: make([]byte, 4096), write: unix.Write,
	}
	if d.notify == nil {
		d.notify = func(string) {}
	}
	d.first.Store(math.MinInt32)
	d.today.Store(math.MaxInt32 - 1)
	return d, nil
}

// Close closes DIR and its day files. No other method may be called after it,
// or run meanwhile.
func (d *Dir) Close() error {
	d.closeDays()
	return unix.Close(d.fd)
}

// Moved reports whether the path that DIR was opened by leads elsewhere now. It
// costs a system call or two.
func (d *Dir) Moved() bool {
	var here, there unix.Stat_t
	if fstat(d.fd, &here) != nil {
		return true
	}
	err := again(func() error { return unix.Stat(d.path, &there) })
	return err != nil || here.Dev != there.Dev || here.Ino != there.Ino
}

// Names returns the names in sub, sorted. A directory that is missing has none.
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
	if err = bare(err); err == unix.ENOENT {
		err = ErrRemoved
	}
	slices.Sort(names)
	return names, d.fault("list", sub, "", err)
}

// OpenFile opens a regular file of sub, with the flags of package os. A file
// that it makes gets mode 0640, or 0600 in Journal, whatever the umask. name
// has no slash.
func (d *Dir) OpenFile(sub, name string, flag int) (*os.File, error) {
	at, err := d.openSub(sub, flag&os.O_CREATE != 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(at)
	fd, err := openFile(at, name, flag, modeIn(sub))
	if err != nil {
		return nil, d.fault("open", sub, name, err)
	}
	return os.NewFile(uintptr(fd), d.pathOf(sub, name)), nil
}

// ReadFile returns what is in a regular file of sub. One that is far larger than
// hushpipe makes it, put there to fill the memory, is an error.
func (d *Dir) ReadFile(sub, name string) ([]byte, error) {
	f, err := d.OpenFile(sub, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	most := int64(4 << 10)
	if sub == Rooms {
		most = 1 << 30
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if int64(len(data)) > most {
		return nil, d.fault("read", sub, name, errTooLarge)
	}
	return data, err
}

// ReplaceFile puts data in the place of a file of sub: a crash leaves the old
// file or the new one, on disk, never a part. A power cut may do away with a file
// of Status: it is written while lines wait, and says nothing that must survive.
func (d *Dir) ReplaceFile(sub, name string, data []byte) error {
	at, err := d.openSub(sub, true)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return d.fault("replace", sub, name, replaceFile(at, name, data, modeIn(sub), sub != Status))
}

// Remove deletes a file of sub.
func (d *Dir) Remove(sub, name string) error {
	at, err := d.openSub(sub, false)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return d.fault("remove", sub, name, remove(at, name))
}

// LockRooms takes the lock under which journals are read and room files
// replaced. Where another holds it, LockRooms waits, or without wait returns
// ErrLocked. A process that ends gives it up.
func (d *Dir) LockRooms(wait bool) (unlock func(), err error) {
	return d.lock(Rooms, wait)
}

// LockStatus takes the lock under which the records of ended processes are added
// up, as LockRooms does.
func (d *Dir) LockStatus(wait bool) (unlock func(), err error) {
	return d.lock(Status, wait)
}

func (d *Dir) lock(sub string, wait bool) (unlock func(), err error) {
	at, err := d.openSub(sub, true)
	if err != nil {
		return nil, err
	}
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	if err := flock(at, how); err != nil {
		unix.Close(at)
		if err == unix.EWOULDBLOCK {
			err = ErrLocked
		}
		return nil, d.fault("lock", sub, "", err)
	}
	return func() { unix.Close(at) }, nil
}

// openSub opens a directory of DIR anew: a lock or a place in a listing belongs
// to one opening.
func (d *Dir) openSub(sub string, create bool) (int, error) {
	create = create && d.create
	var fd int
	var err error
	switch {
	case sub == "":
		fd, err = openDir(d.fd, ".", unix.O_NOFOLLOW, false)
	case sub == keys && d.keys != "":
		fd, err = openDir(unix.AT_FDCWD, d.keys, 0, create)
	default:
		fd, err = openDir(d.fd, sub, unix.O_NOFOLLOW, create)
	}
	if err != nil {
		return -1, d.fault("open", sub, "", err)
	}
	if create && (sub == keys || sub == Journal) {
		tag(fd)
	}
	return fd, nil
}

// tag makes the cache tag of a directory that has none.
func tag(at int) {
	fd, err := openFile(at, cacheTagName, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, fileMode)
	if err != nil {
		return // it has one, or the call that needs the directory fails as well
	}
	if _, err := unix.Write(fd, []byte(cacheTag)); err != nil {
		remove(at, cacheTagName)
	}
	unix.Close(fd)
}

func modeIn(sub string) uint32 {
	if sub == Journal {
		return secretMode
	}
	return fileMode
}

func (d *Dir) pathOf(sub, name string) string {
	if sub == keys && d.keys != "" {
		return filepath.Join(d.keys, name)
	}
	return filepath.Join(d.path, sub, name)
}

// fault names the file in an error; nil stays nil.
func (d *Dir) fault(verb, sub, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: verb, Path: d.pathOf(sub, name), Err: err}
}

func (d *Dir) say(sub, name, text string, args ...any) {
	d.notify(d.pathOf(sub, name) + ": " + fmt.Sprintf(text, args...))
}

// expired tells whether a day was past the retention at the last Purge.
func (d *Dir) expired(day format.Day) bool { return int32(day) < d.first.Load() }
