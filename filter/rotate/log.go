package rotate

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"golang.org/x/sys/unix"

	"hushpipe/format"
)

// ErrExpired is returned for a day that was past the retention at the last
// Purge: what was deleted is not made again.
var ErrExpired = errors.New("the day is past the retention")

const (
	logPrefix = "access-"
	linkName  = "access.log"

	// maxOpen bounds the day files held open: those of the usual retention.
	maxOpen = 16
)

var errChanging = errors.New("is replaced again and again: leave it alone")

// dayFile is an open log file.
type dayFile struct {
	day  format.Day
	name string
	fd   int
	// Dev and Ino tell whether the name still leads to the file.
	id unix.Stat_t

	locked bool // Append has its lock
	inUse  bool // Append is at it; guarded by Dir.mu, as what follows
	close  bool // it is to be closed as soon as Append is done
}

// Append adds whole lines, each with its newline, to the log file of day. They
// stand together: other processes are locked out meanwhile, or, where another has
// the lock for more than a second, the lines are written in one call, which is
// whole by itself (write(2) with O_APPEND).
//
// n counts the bytes in the file when Append returns. It is less than
// len(lines) only where err says why, always ends behind a whole line, and
// what follows it is not in the file: the caller goes on with lines[n:]. Lines
// survive the end of the process, not a power cut.
//
// An unfinished last line, left by a writer that was killed, is cut off first by
// who has the lock. Nothing else that is in the file is ever taken away.
func (d *Dir) Append(day format.Day, lines []byte) (n int, err error) {
	d.appending.Lock()
	defer d.appending.Unlock()
	if d.expired(day) {
		return 0, d.fault("write", "", logName(day), ErrExpired)
	}
	locked := d.lockLines()
	defer d.unlockLines(locked)
	f, size, alone, err := d.lockDay(day, locked)
	if f != nil {
		defer d.putBack(f)
	}
	if err != nil {
		return 0, d.fault("write", "", logName(day), err)
	}
	if d.expired(day) { // since then: the file may have been made again
		if size == 0 {
			remove(d.fd, f.name)
		}
		return 0, d.fault("write", "", f.name, ErrExpired)
	}
	end := size
	if alone {
		if end, err = lineEnd(f.fd, size, d.tail); err == nil && end < size {
			if err = truncate(f.fd, end); err == nil {
				d.say("", f.name, "cut off %d bytes of a line that a process left unfinished", size-end)
			}
		}
		if err != nil {
			return 0, d.fault("repair", "", f.name, err)
		}
	}
	n, err = d.writeAll(f.fd, lines)
	if err == nil {
		return n, nil
	}
	whole := bytes.LastIndexByte(lines[:n], '\n') + 1
	var st unix.Stat_t
	// A size that is not ours to explain means a writer without the lock: then
	// the half line stays for the next Append to judge.
	if whole < n && alone && fstat(f.fd, &st) == nil && st.Size == end+int64(n) {
		_ = truncate(f.fd, end+int64(whole))
	}
	return whole, d.fault("write", "", f.name, err)
}

// lockLines takes the lock of the lines. It reports false where another process has
// it for longer than a second, and from then on at once, until it is free again.
func (d *Dir) lockLines() bool {
	l := &d.lines
	if err := l.open(d, Locks, linesLock); err != nil {
		if !d.lockSaid {
			d.lockSaid = true
			d.lockFault(err)
		}
		return false
	}
	d.lockSaid = false
	patience := lockPatience
	if l.stuck {
		patience = 0
	}
	taken, err := take(l.fd, patience)
	l.stuck = !taken
	return taken && err == nil
}

func (d *Dir) unlockLines(locked bool) {
	if locked {
		flock(d.lines.fd, unix.LOCK_UN)
	}
}

func (d *Dir) writeAll(fd int, p []byte) (n int, err error) {
	for n < len(p) {
		m, err := d.write(fd, p[n:])
		if m > 0 {
			n += m
		}
		switch {
		case err == unix.EINTR:
		case err != nil:
			return n, err
		case m <= 0:
			return n, io.ErrShortWrite
		}
	}
	return n, nil
}

// lockDay returns the log file of day and its size. alone reports whether no other
// process writes to it: d has the lock of the lines, and that of the file where
// processes of an earlier version may be at work. The caller puts the file back.
func (d *Dir) lockDay(day format.Day, locked bool) (f *dayFile, size int64, alone bool, err error) {
	for range 8 {
		if f, err = d.dayFile(day); err != nil {
			return nil, 0, false, err
		}
		alone = locked
		if !locked || d.earlier.Load() {
			patience := earlierPatience
			if d.earlierStuck {
				patience = 0
			}
			taken, err := take(f.fd, patience)
			d.earlierStuck = !taken && err == nil
			f.locked = taken && err == nil
			alone = f.locked
		}
		// By name, because a file can be moved away as well as deleted, and its
		// lines would then be out of the reach of a purge.
		var st unix.Stat_t
		err = lstat(d.fd, f.name, &st)
		if err == nil && st.Ino == f.id.Ino && st.Dev == f.id.Dev {
			return f, st.Size, alone, nil
		}
		if err != nil && err != unix.ENOENT {
			return f, 0, false, err
		}
		d.mu.Lock()
		f.close = true
		d.mu.Unlock()
		d.putBack(f) // closes it, and gives up its lock
	}
	return nil, 0, false, errChanging
}

// dayFile returns the open file of day for Append to use.
func (d *Dir) dayFile(day format.Day) (*dayFile, error) {
	d.mu.Lock()
	for i, f := range d.open {
		if f.day == day {
			copy(d.open[1:i+1], d.open[:i])
			d.open[0] = f
			f.inUse = true
			d.mu.Unlock()
			return f, nil
		}
	}
	d.mu.Unlock()
	f := &dayFile{day: day, name: logName(day), inUse: true}
	flag := unix.O_RDWR | unix.O_APPEND
	if d.create {
		flag |= unix.O_CREAT
	}
	fd, err := openFile(d.fd, f.name, flag, fileMode)
	if err != nil {
		return nil, err
	}
	f.fd = fd
	if err := fstat(fd, &f.id); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if err := d.updateLink(day); err != nil && !d.linkSaid {
		d.linkSaid = true
		d.notify(err.Error())
	}
	var last *dayFile
	d.mu.Lock()
	if len(d.open) == maxOpen {
		last = d.open[maxOpen-1]
		d.open = d.open[:maxOpen-1]
	}
	d.open = slices.Insert(d.open, 0, f)
	d.mu.Unlock()
	if last != nil {
		unix.Close(last.fd)
	}
	return f, nil
}

// putBack ends the use of a day file.
func (d *Dir) putBack(f *dayFile) {
	if f.locked {
		f.locked = false
		flock(f.fd, unix.LOCK_UN)
	}
	d.mu.Lock()
	f.inUse = false
	ended := f.close
	if ended {
		d.open = slices.DeleteFunc(d.open, func(g *dayFile) bool { return g == f })
	}
	d.mu.Unlock()
	if ended {
		unix.Close(f.fd)
	}
}

// closeDays closes all day files, so that deleted ones leave the disk. One that
// Append is at, which may hang, is closed when that is done.
func (d *Dir) closeDays() {
	var idle []*dayFile
	d.mu.Lock()
	d.open = slices.DeleteFunc(d.open, func(f *dayFile) bool {
		f.close = f.inUse
		if !f.inUse {
			idle = append(idle, f)
		}
		return !f.inUse
	})
	d.mu.Unlock()
	for _, f := range idle {
		unix.Close(f.fd)
	}
}

// lineEnd returns the offset behind the last newline of a file, reading
// backwards through buf.
func lineEnd(fd int, size int64, buf []byte) (int64, error) {
	for end := size; end > 0; {
		block := buf[:min(int64(len(buf)), end)]
		start := end - int64(len(block))
		for got := 0; got < len(block); {
			n, err := unix.Pread(fd, block[got:], start+int64(got))
			switch {
			case err == unix.EINTR:
			case err != nil:
				return 0, err
			case n == 0:
				return 0, io.ErrUnexpectedEOF
			default:
				got += n
			}
		}
		if i := bytes.LastIndexByte(block, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

func truncate(fd int, size int64) error {
	return again(func() error { return unix.Ftruncate(fd, size) })
}

func logName(day format.Day) string { return logPrefix + day.String() + logSuffix }

// updateLink points access.log to the file of day if that is newer than what it
// points to. A target that does not exist, or is dated after tomorrow by a clock
// that was wrong, is not newer than anything.
func (d *Dir) updateLink(day format.Day) error {
	unlock, err := d.acquire(Locks, linkLock, "", lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	var st unix.Stat_t
	switch err := lstat(d.fd, linkName, &st); {
	case err == unix.ENOENT:
	case err != nil:
		return d.fault("link", "", linkName, err)
	case fileType(&st) != unix.S_IFLNK:
		return d.fault("link", "", linkName, errors.New("is no symbolic link; hint: move it away"))
	default:
		var buf [64]byte
		n, err := unix.Readlinkat(d.fd, linkName, buf[:])
		if err != nil {
			return d.fault("link", "", linkName, err)
		}
		linked, ok := FileDay("", string(buf[:n]))
		if ok && linked >= day && int32(linked) <= d.today.Load()+1 &&
			lstat(d.fd, logName(linked), &st) == nil {
			return nil
		}
	}
	temp := tempName()
	err = again(func() error { return unix.Symlinkat(logName(day), d.fd, temp) })
	if err == nil {
		err = again(func() error { return unix.Renameat(d.fd, temp, d.fd, linkName) })
	}
	if err != nil {
		remove(d.fd, temp)
	}
	return d.fault("link", "", linkName, err)
}
