package rotate

import (
	"bytes"
	"errors"
	"io"

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
}

// Append adds whole lines, each with its newline, to the log file of day. They
// stand together: the file is locked against other processes meanwhile.
//
// n counts the bytes in the file when Append returns. It is less than
// len(lines) only where err says why, always ends behind a whole line, and
// what follows it is not in the file: the caller goes on with lines[n:]. Lines
// survive the end of the process, not a power cut.
//
// An unfinished last line, left by a writer that was killed, is cut off first.
// Nothing else that is in the file is ever taken away.
func (d *Dir) Append(day format.Day, lines []byte) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.expired(day) {
		return 0, d.fault("write", "", logName(day), ErrExpired)
	}
	f, size, err := d.lockDay(day)
	if err != nil {
		return 0, d.fault("write", "", logName(day), err)
	}
	defer flock(f.fd, unix.LOCK_UN)

	end, err := lineEnd(f.fd, size, d.tail)
	if err == nil && end < size {
		if err = truncate(f.fd, end); err == nil {
			d.say("", f.name, "cut off %d bytes of a line that a process left unfinished", size-end)
		}
	}
	if err != nil {
		return 0, d.fault("repair", "", f.name, err)
	}
	n, err = d.writeAll(f.fd, lines)
	if err == nil {
		return n, nil
	}
	whole := bytes.LastIndexByte(lines[:n], '\n') + 1
	var st unix.Stat_t
	// A size that is not ours to explain means a writer without the lock: then
	// the half line stays for the next Append to judge.
	if whole < n && fstat(f.fd, &st) == nil && st.Size == end+int64(n) {
		_ = truncate(f.fd, end+int64(whole))
	}
	return whole, d.fault("write", "", f.name, err)
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

// lockDay returns the log file of day, locked, and its size.
func (d *Dir) lockDay(day format.Day) (f dayFile, size int64, err error) {
	for range 8 {
		f, err = d.dayFile(day)
		if err != nil {
			return f, 0, err
		}
		if err = flock(f.fd, unix.LOCK_EX); err != nil {
			return f, 0, err
		}
		// By name, because a file can be moved away as well as deleted, and its
		// lines would then be out of the reach of Purge.
		var st unix.Stat_t
		err = lstat(d.fd, f.name, &st)
		if err == nil && st.Ino == f.id.Ino && st.Dev == f.id.Dev {
			return f, st.Size, nil
		}
		if err != nil && err != unix.ENOENT {
			flock(f.fd, unix.LOCK_UN)
			return f, 0, err
		}
		unix.Close(f.fd) // and its lock
		d.open = d.open[:copy(d.open, d.open[1:])]
	}
	return f, 0, errChanging
}

// dayFile returns the open file of day, which is then the first in d.open.
func (d *Dir) dayFile(day format.Day) (dayFile, error) {
	for i, f := range d.open {
		if f.day == day {
			copy(d.open[1:i+1], d.open[:i])
			d.open[0] = f
			return f, nil
		}
	}
	f := dayFile{day: day, name: logName(day)}
	flag := unix.O_RDWR | unix.O_APPEND
	if d.create {
		flag |= unix.O_CREAT
	}
	fd, err := openFile(d.fd, f.name, flag, fileMode)
	if err != nil {
		return f, err
	}
	f.fd = fd
	if err := fstat(fd, &f.id); err != nil {
		unix.Close(fd)
		return f, err
	}
	if err := d.updateLink(day); err != nil && !d.linkSaid {
		d.linkSaid = true
		d.notify(err.Error())
	}
	if len(d.open) == maxOpen {
		unix.Close(d.open[maxOpen-1].fd)
		d.open = d.open[:maxOpen-1]
	}
	d.open = append(d.open, dayFile{})
	copy(d.open[1:], d.open)
	d.open[0] = f
	return f, nil
}

// closeDays closes all day files, so that deleted ones leave the disk.
func (d *Dir) closeDays() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.open {
		unix.Close(f.fd)
	}
	d.open = d.open[:0]
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

func logName(day format.Day) string { return logPrefix + day.String() + ".log" }

// updateLink points access.log to the file of day if that is newer than what it
// points to. A target that does not exist, or is dated after tomorrow by a clock
// that was wrong, is not newer than anything.
func (d *Dir) updateLink(day format.Day) error {
	unlock, err := d.lock("", true)
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
		return d.fault("link", "", linkName, errors.New("is no symbolic link: move it away"))
	default:
		var buf [64]byte
		n, err := unix.Readlinkat(d.fd, linkName, buf[:])
		if err != nil {
			return d.fault("link", "", linkName, err)
		}
		linked, ok := datedName(string(buf[:n]), logPrefix)
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
