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
	// LockPatience bounds each wait for a lock. Who holds one longer was stopped,
	// or waits for a disk that hangs.
	LockPatience = time.Second
	// EarlierPatience bounds the wait for most locks of earlier versions. These are
	// on files and directories that others can read, and so can lock.
	EarlierPatience = 100 * time.Millisecond
)

// openLock opens a lock file, and makes it if DIR may be written. The mode of one
// that others could open is put right.
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
		err = again(func() error { return unix.Fchmod(fd, secretMode) })
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, d.Error("lock", sub, name, err)
	}
	return fd, nil
}

// CheckLocksOwner returns an error for a directory of locks that belongs to a user who
// has no part in DIR. One that is missing is no error here.
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

// take waits for the lock of an open file, up to patience. It reports whether it
// has it.
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

// Acquire takes the lock name of sub. Where another process has it for longer than
// patience, the error is ErrLocked. A process that ends in any way gives its locks
// up.
//
// While processes of an earlier version may live, the lock that they use is taken
// as well, on the directory earlier. It is not waited for for long: anybody who
// can read that directory can hold it. Where there is no lock file to be had, that
// lock is all there is; on a file system without locks there is none, which is
// reported.
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
		d.Say(sub, name, "cannot be locked: %v", err)
	}
	unlockEarlier := func() {}
	if d.earlier.Load() {
		if unlock, err := d.acquireEarlier(earlier, min(patience, EarlierPatience)); err == nil {
			unlockEarlier = unlock
		}
	}
	return func() { unlockEarlier(); unix.Close(fd) }, nil
}

// lockFault reports why a lock file is no use. A disk that is full, say, is reported
// where something cannot be written.
func (d *Dir) lockFault(err error) {
	var number unix.Errno
	if !errors.As(err, &number) || number == unix.EACCES {
		d.notify(err.Error() + "; hushpipe goes on without this lock")
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

// SharedWithEarlier tells whether processes of an earlier version may be at work on
// DIR, for who locks day files as they do.
func (d *Dir) SharedWithEarlier() bool { return d.earlier.Load() }

// ShareWithEarlier tells whether processes of an earlier version may be at work on
// DIR: they lock the files and directories that they use. A new Dir takes it that
// there are some.
func (d *Dir) ShareWithEarlier(yes bool) { d.earlier.Store(yes) }

// LockRooms takes the lock under which journals are read and room files
// replaced. Where another process has it for longer than patience, the error is
// ErrLocked. A process that ends gives it up.
func (d *Dir) LockRooms(patience time.Duration) (unlock func(), err error) {
	return d.Acquire(Locks, roomsLock, Rooms, patience)
}

// LockWriter takes the lock of the process that writes the room files, or returns
// ErrLocked at once. It is held until the file is closed, or the process ends in any
// way; where the lock file is deleted meanwhile, another process can take the next.
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

// LockExpiring takes the lock under which the journals of expired days are read once
// more, as LockRooms does.
func (d *Dir) LockExpiring(patience time.Duration) (unlock func(), err error) {
	fd, err := d.lockNew(expiringLock, patience)
	if err != nil {
		return nil, err
	}
	return func() { unix.Close(fd) }, nil
}

// LockActs takes the lock under which the log of acts is written, as LockRooms does.
func (d *Dir) LockActs(patience time.Duration) (unlock func(), err error) {
	fd, err := d.lockNew(actsLock, patience)
	if err != nil {
		return nil, err
	}
	return func() { unix.Close(fd) }, nil
}

// LockFlags takes the lock under which the log of flags is written, as LockRooms does.
func (d *Dir) LockFlags(patience time.Duration) (unlock func(), err error) {
	fd, err := d.lockNew(flagsLock, patience)
	if err != nil {
		return nil, err
	}
	return func() { unix.Close(fd) }, nil
}

// LockHeld takes the lock under which held lines are released, as LockRooms does.
func (d *Dir) LockHeld(patience time.Duration) (unlock func(), err error) {
	fd, err := d.lockNew(HeldLock, patience)
	if err != nil {
		return nil, err
	}
	return func() { unix.Close(fd) }, nil
}

// LockFleet takes the lock under which the states of a fleet are read and moved on, as
// LockRooms does.
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

// LockStatus takes the lock under which the records of ended processes are added
// up, as LockRooms does, or returns ErrLocked at once.
func (d *Dir) LockStatus() (unlock func(), err error) {
	return d.Acquire(Locks, statusLock, Status, 0)
}

var errNoLocks = errors.New("its file system has no locks, without which loggers write into each other's lines; hint: choose a directory on another")

// CheckLocks takes a lock on a file of its own in the directory at path, which some
// network file systems refuse. It leaves nothing. A file that cannot be made is no
// error here.
func CheckLocks(path string) error {
	at, err := openDir(unix.AT_FDCWD, path, 0, false, dirMode)
	if err != nil {
		return nil
	}
	defer unix.Close(at)
	name := ""
	fd := -1
	if unnamed != 0 {
		fd, _ = openat(at, ".", unix.O_RDWR|unnamed, secretMode)
	}
	if fd < 0 { // a file system without such files, or a system
		name = tempName()
		if fd, err = openFile(at, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, secretMode); err != nil {
			return nil
		}
		defer remove(at, name)
	}
	defer unix.Close(fd)
	switch err := flock(fd, unix.LOCK_EX|unix.LOCK_NB); err {
	case nil, unix.EWOULDBLOCK: // for a sweep of temporary files
		return nil
	default:
		return &fs.PathError{Op: "lock", Path: path, Err: fmt.Errorf("%w: %w", err, errNoLocks)}
	}
}
