package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// LockPatience bounds each wait for a lock. A process that holds one for longer was
	// stopped, or waits for a disk that hangs.
	LockPatience = time.Second
	// EarlierPatience bounds the wait for most locks of earlier versions. These are on files
	// and directories that others can read, and thus lock.
	EarlierPatience = 100 * time.Millisecond
)

// openLock opens a lock file, creating it if DIR may be written. It corrects the mode of one
// that others could open.
func (d *Dir) openLock(sub, name string) (int, error) {
	at, err := d.openSub(sub, true)
	if err != nil {
		return -1, err
	}
	defer unix.Close(at)
	if err := d.checkLocksOwner(sub, at); err != nil {
		return -1, err
	}
	var st unix.Stat_t
	flag := unix.O_RDWR
	if d.create {
		flag |= unix.O_CREAT
	}
	fd, err := openFile(at, name, flag, secretMode)
	if err == nil {
		err = fstat(fd, &st)
	}
	if err == nil && uint32(st.Mode)&0o777&^secretMode != 0 {
		err = ignoringEINTR(func() error { return unix.Fchmod(fd, secretMode) })
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, d.Error("lock", sub, name, err)
	}
	return fd, nil
}

// CheckLocksOwner returns an error for a directory of locks that belongs to a foreign user,
// see ForeignOwner. A missing directory is no error.
func (d *Dir) CheckLocksOwner(sub string) error {
	at, err := d.openSub(sub, false)
	if err != nil {
		return IfExists(err)
	}
	defer unix.Close(at)
	return d.checkLocksOwner(sub, at)
}

func (d *Dir) checkLocksOwner(sub string, at int) error {
	var st unix.Stat_t
	if err := fstat(at, &st); err == nil && d.isForeign(&st) {
		return d.Error("lock", sub, "", errForeignLocks)
	}
	return nil
}

var errForeignLocks = errors.New("belongs to another user; hint: remove it")

// take waits up to patience for the lock of an open file, and reports whether it has it.
func take(fd int, patience time.Duration) (bool, error) {
	const first, last = 50 * time.Microsecond, 10 * time.Millisecond
	var end time.Time
	for pause := first; ; pause = min(2*pause, last) {
		err := flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK {
			return err == nil, err
		}
		if patience <= 0 {
			return false, nil
		}
		now := time.Now()
		if end.IsZero() {
			end = now.Add(patience)
		}
		if !now.Before(end) {
			return false, nil
		}
		time.Sleep(min(pause, end.Sub(now)))
	}
}

// Acquire takes the lock name in sub. If another process holds it for longer than patience,
// the error is ErrLocked. The end of a process releases its locks.
//
// While processes of an earlier version may run, Acquire also takes the lock that they use,
// on the directory earlier, but it waits only briefly, since anybody who can read that
// directory can hold its lock. If the lock file cannot be used, that lock is the only one;
// on a file system without locks there is none, which is reported.
func (d *Dir) Acquire(sub, name, earlier string, patience time.Duration) (unlock func(), err error) {
	fd, err := d.openLock(sub, name)
	if err != nil {
		d.lockFault(err)
		return d.acquireEarlier(earlier, patience)
	}
	taken, err := take(fd, patience)
	if err == nil && !taken {
		unix.Close(fd)
		return nil, d.Error("lock", sub, name, ErrLocked)
	}
	if err != nil {
		d.Notifyf(sub, name, "cannot be locked: %v", err)
	}
	unlockEarlier := func() {}
	if d.earlier.Load() {
		if unlock, err := d.acquireEarlier(earlier, min(patience, EarlierPatience)); err == nil {
			unlockEarlier = unlock
		}
	}
	return func() { unlockEarlier(); unix.Close(fd) }, nil
}

// lockFault reports why a lock file cannot be used. Other errors, such as a full disk, are
// reported when something cannot be written.
func (d *Dir) lockFault(err error) {
	var number unix.Errno
	if !errors.As(err, &number) || number == unix.EACCES {
		d.notify(err.Error() + "; hushpipe continues without this lock")
	}
}

// acquireEarlier takes the lock of a directory, as earlier versions do.
func (d *Dir) acquireEarlier(sub string, patience time.Duration) (unlock func(), err error) {
	at, err := d.openSub(sub, true)
	if err != nil {
		return nil, err
	}
	if taken, err := take(at, patience); err == nil && !taken {
		unix.Close(at)
		return nil, d.Error("lock", sub, "", ErrLocked)
	}
	return func() { unix.Close(at) }, nil
}

// SharedWithEarlier reports whether processes of an earlier version may run on DIR: then day
// files are locked as these processes do.
func (d *Dir) SharedWithEarlier() bool { return d.earlier.Load() }

// ShareWithEarlier sets whether processes of an earlier version may run on DIR: they lock
// the files and directories that they use. For a new Dir this is set.
func (d *Dir) ShareWithEarlier(yes bool) { d.earlier.Store(yes) }

// LockRooms takes the lock for reading journals and replacing room files. If another process
// holds it for longer than patience, the error is ErrLocked. The end of the process releases
// it.
func (d *Dir) LockRooms(patience time.Duration) (unlock func(), err error) {
	return d.Acquire(Locks, roomsLock, Rooms, patience)
}

// LockWriter takes the lock of the process that writes the room files, or returns ErrLocked
// at once. It is held until the file is closed or the process ends; if the lock file is
// deleted meanwhile, another process can take a new one.
func (d *Dir) LockWriter() (*os.File, error) { return d.hold(WriterLock) }

// LockTraffic is LockWriter for the process that writes the traffic files.
func (d *Dir) LockTraffic() (*os.File, error) { return d.hold(TrafficLock) }

func (d *Dir) hold(name string) (*os.File, error) {
	fd, err := d.lockNew(name, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), d.pathOf(Locks, name)), nil
}

// LockExpiring takes the lock for reading the journals of expired days a last time, as
// LockRooms does.
func (d *Dir) LockExpiring(patience time.Duration) (unlock func(), err error) {
	fd, err := d.lockNew(expiringLock, patience)
	if err != nil {
		return nil, err
	}
	return func() { unix.Close(fd) }, nil
}

// LockActs takes the lock for writing the log of acts, as LockRooms does.
func (d *Dir) LockActs(patience time.Duration) (unlock func(), err error) {
	fd, err := d.lockNew(actsLock, patience)
	if err != nil {
		return nil, err
	}
	return func() { unix.Close(fd) }, nil
}

// LockFlags takes the lock for writing the log of flags, as LockRooms does.
func (d *Dir) LockFlags(patience time.Duration) (unlock func(), err error) {
	fd, err := d.lockNew(flagsLock, patience)
	if err != nil {
		return nil, err
	}
	return func() { unix.Close(fd) }, nil
}

// LockHeld takes the lock for releasing held lines, as LockRooms does.
func (d *Dir) LockHeld(patience time.Duration) (unlock func(), err error) {
	fd, err := d.lockNew(HeldLock, patience)
	if err != nil {
		return nil, err
	}
	return func() { unix.Close(fd) }, nil
}

// LockFleet takes the lock for reading and advancing the states of a fleet, as LockRooms
// does.
func (d *Dir) LockFleet(patience time.Duration) (unlock func(), err error) {
	fd, err := d.lockNew(fleetLock, patience)
	if err != nil {
		return nil, err
	}
	return func() { unix.Close(fd) }, nil
}

// lockNew takes a lock that earlier versions do not know.
func (d *Dir) lockNew(name string, patience time.Duration) (fd int, err error) {
	fd, err = d.openLock(Locks, name)
	if err != nil {
		return -1, err
	}
	taken, err := take(fd, patience)
	if err == nil && !taken {
		err = ErrLocked
	}
	if err != nil {
		unix.Close(fd)
		return -1, d.Error("lock", Locks, name, err)
	}
	return fd, nil
}

// LockStatus takes the lock for adding up the records of ended processes, or returns
// ErrLocked at once.
func (d *Dir) LockStatus() (unlock func(), err error) {
	return d.Acquire(Locks, statusLock, Status, 0)
}

var errNoLocks = errors.New("its file system has no locks, without which loggers write into each other's lines; hint: choose a directory on another")

// CheckLocks returns an error if the file system of the directory at path does not support
// locks, as some network file systems. It locks a temporary file there, and removes it. A
// file that cannot be created is no error here.
func CheckLocks(path string) error {
	at, err := openDir(unix.AT_FDCWD, path, 0, false, dirMode)
	if err != nil {
		return nil
	}
	defer unix.Close(at)
	name := ""
	fd := -1
	if tmpfileFlag != 0 {
		fd, _ = openat(at, ".", unix.O_RDWR|tmpfileFlag, secretMode)
	}
	if fd < 0 { // not supported by the file system, or by the system
		name = tempName()
		if fd, err = openFile(at, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, secretMode); err != nil {
			return nil
		}
		defer remove(at, name)
	}
	defer unix.Close(fd)
	switch err := flock(fd, unix.LOCK_EX|unix.LOCK_NB); err {
	case nil, unix.EWOULDBLOCK: // by Sweep
		return nil
	default:
		return &fs.PathError{Op: "lock", Path: path, Err: fmt.Errorf("%w: %w", err, errNoLocks)}
	}
}
