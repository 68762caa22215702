// Package daylog appends lines to the daily files in DIR, removes the unfinished last line
// of a writer that was killed, and points access.log to the newest file. Its caller decides
// which days are open.
package daylog

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/entries"
)

var errChanging = errors.New("keeps being replaced; hint: stop the program that replaces it")

// Log is the set of day files in DIR, shared by any number of processes. One goroutine calls
// AppendTo and Close, which wait for the disk and, at most a second, for locks of other
// processes. Any goroutine may call the other methods, which do not block.
type Log struct {
	d     *dir.Dir
	files openFiles
	lock  *dir.Lock
	limits
	census     *entries.Census // nil: not counted yet
	maxEntries int             // the bound of the census
	dayEmpty   func()          // a day has no lines any more

	waitUntil    time.Time // end of AppendTo's wait for locks
	tail         []byte    // scratch of lineEnd
	linkReported bool

	write func(fd int, p []byte) (int, error)
}

// limits restricts what may be written; other goroutines set it.
type limits struct {
	// first is the oldest open day, and today the date, as of SetWindow.
	first, today atomic.Int32

	past   atomic.Pointer[func(dir.Log) bool] // nil: no file is past a bound
	bounds atomic.Pointer[calendar.Bounds]
}

// New returns the day files of d. All days are open until SetWindow is called.
func New(d *dir.Dir) *Log {
	l := &Log{d: d, dayEmpty: func() {}, lock: d.NewLock(dir.Locks, dir.LinesLock), tail: make([]byte, 4096), write: unix.Write}
	l.first.Store(math.MinInt32)
	l.today.Store(math.MaxInt32 - 1)
	l.bounds.Store(&calendar.Bounds{})
	return l
}

// SetBounds sets the bound in entries from the next AppendTo on.
func (l *Log) SetBounds(b calendar.Bounds) { l.bounds.Store(&b) }

// OnDayEmpty sets a function that AppendTo calls when deleting the oldest lines leaves a day
// without any. Call it before the first AppendTo.
func (l *Log) OnDayEmpty(gone func()) { l.dayEmpty = gone }

// SetWindow makes AppendTo refuse the days before the window, so that deleted files are not
// created again.
func (l *Log) SetWindow(w calendar.Window) {
	l.first.Store(int32(w.First))
	l.today.Store(int32(w.Today))
}

// SetPast makes AppendTo refuse the lines of files that are past another bound.
func (l *Log) SetPast(past func(dir.Log) bool) { l.past.Store(&past) }

func (l *Log) isExpired(at dir.Log) bool {
	past := l.past.Load()
	return int32(at.Day) < l.first.Load() || past != nil && (*past)(at)
}

// Forget closes the files, so that the space of deleted ones is freed. A file that AppendTo
// is using, perhaps on a disk that hangs, is closed after that.
func (l *Log) Forget() { l.files.forget() }

// Close closes the files and the lock. DIR stays open.
func (l *Log) Close() {
	l.files.forget()
	l.lock.Close()
}

// AppendTo appends whole lines, each with its newline, to the log file of a day or an hour,
// or to its segments if there is a bound in entries. They stay together: other processes are
// locked out meanwhile. If another process holds the lock for more than a second, the lines
// are written with one call, which is atomic by itself (write(2) with O_APPEND).
//
// n is the number of bytes in the file when AppendTo returns. It is less than len(lines)
// only with an error, always ends after a whole line, and nothing beyond it is in the file:
// the caller continues with lines[n:]. Lines survive the end of the process, but not a power
// cut. The error is calendar.ErrExpired for a day before the window.
//
// The process that holds the lock first removes an unfinished last line, left by a writer
// that was killed. Nothing else in the file is ever removed.
func (l *Log) AppendTo(at dir.Log, lines []byte) (n int, err error) {
	if l.isExpired(at) {
		return 0, l.d.Error("write", "", at.Name(), calendar.ErrExpired)
	}
	entries := l.bounds.Load().Entries
	if entries > 0 {
		if err := l.takeCensus(entries); err != nil {
			return 0, err
		}
	}
	l.waitUntil = time.Now().Add(dir.LockPatience)
	locked := l.lock.Take()
	if locked {
		defer l.lock.Release()
	}
	if entries > 0 {
		if !locked { // without the lock, the number of lines can change
			return 0, l.d.Error("lock", dir.Locks, dir.LinesLock, dir.ErrLocked)
		}
		return l.appendBounded(at, lines)
	}
	return l.append(at, lines, locked)
}

// append is AppendTo for one file.
func (l *Log) append(at dir.Log, lines []byte, locked bool) (n int, err error) {
	f, size, alone, err := l.lockFile(at, locked)
	if f != nil {
		defer l.release(f)
	}
	if err != nil {
		return 0, l.d.Error("write", "", at.Name(), err)
	}
	if l.isExpired(at) { // it has expired meanwhile, and this call may have created the file again
		if size == 0 {
			l.d.Remove("", f.name)
		}
		return 0, l.d.Error("write", "", f.name, calendar.ErrExpired)
	}
	end := size
	if alone {
		if end, err = l.cutUnfinished(f, size); err != nil {
			return 0, l.d.Error("repair", "", f.name, err)
		}
	}
	n, err = l.writeAll(int(f.Fd()), lines)
	whole := bytes.LastIndexByte(lines[:n], '\n') + 1
	f.end = end + int64(whole)
	if err == nil {
		return n, nil
	}
	// A size that this process does not account for means a writer without the lock: then
	// the next AppendTo deals with the partial line.
	if whole < n && alone {
		if st, err := f.Stat(); err == nil && st.Size() == end+int64(n) {
			_ = f.Truncate(end + int64(whole))
		}
	}
	return whole, l.d.Error("write", "", f.name, err)
}

// maxLooks is how often cutUnfinished looks at a file that grows in between.
const maxLooks = 8

// cutUnfinished removes an unfinished last line of a file, and returns the file's size. The
// caller holds the lock, but a process that waited for it in vain writes without: during its
// write(2) the file grows page by page (generic_perform_write in Linux, mm/filemap.c), so
// that its last line seems unfinished. A line is cut only if nobody was writing: fchown(2),
// which changes nothing here, waits for a write under way, since both hold the lock of the
// inode (chown_common in fs/open.c), and the file has the same size after it.
func (l *Log) cutUnfinished(f *dayFile, size int64) (int64, error) {
	for range maxLooks {
		end, err := lineEnd(f, size, l.tail)
		if err != nil || end == size {
			return size, err
		}
		_ = f.Chown(-1, -1) // if it is refused, it has waited
		st, err := f.Stat()
		if err != nil {
			return 0, err
		}
		if st.Size() == size {
			if err := f.Truncate(end); err != nil {
				return 0, err
			}
			l.d.Notifyf("", f.name, "cut off %d bytes of a line that a process left unfinished", size-end)
			return end, nil
		}
		size = st.Size()
	}
	return size, nil // another process keeps writing, and has finished that line
}

func (l *Log) writeAll(fd int, p []byte) (n int, err error) {
	for n < len(p) {
		m, err := l.write(fd, p[n:])
		n += max(m, 0)
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

// lockFile returns a log file and its size. alone reports that no other process writes to
// it: this one holds the lock of the lines and, if processes of an earlier version may run,
// that of the file. If the lock of the lines cannot be used, that of the file is enough. The
// caller releases the file.
func (l *Log) lockFile(at dir.Log, locked bool) (f *dayFile, size int64, alone bool, err error) {
	for range 8 {
		if f, err = l.dayFile(at); err != nil {
			return nil, 0, false, err
		}
		alone = locked
		if !locked || l.d.SharedWithEarlier() {
			// A holder of an earlier version may be about to remove a line that it considers
			// unfinished: anything appended without the lock would be lost with it.
			patience := dir.EarlierPatience
			if locked {
				patience = max(patience, time.Until(l.waitUntil))
			}
			if f.stuck {
				patience = 0
			}
			taken, err := dir.LockFile(f.File, patience)
			f.stuck = !taken && err == nil
			f.locked = taken && err == nil
			alone = f.locked && !l.lock.IsHeld()
		}
		// Compare by name: a file can be moved as well as deleted, and its lines would then
		// escape a purge.
		var st unix.Stat_t
		err = l.d.Lstat(f.name, &st)
		if err == nil && st.Ino == f.id.Ino && st.Dev == f.id.Dev {
			if st.Size < f.end {
				l.d.Notifyf("", f.name, "another program has cut off at least %d bytes; hint: leave DIR out of its configuration, such as logrotate's", f.end-st.Size)
				f.end = st.Size
			}
			return f, st.Size, alone, nil
		}
		if err != nil && err != unix.ENOENT {
			return f, 0, false, err
		}
		l.reportRotated(f)
		l.files.closeLater(f)
		l.release(f) // closes it and releases its lock
	}
	return nil, 0, false, errChanging
}

// reportRotated reports a day file that another program has renamed, moved elsewhere or
// deleted. hushpipe renames none. It deletes files of days before today, which are created
// again, and today's when lines are erased; then it sets their time to dir.ErasedTime.
func (l *Log) reportRotated(f *dayFile) {
	const hint = "leave DIR out of its configuration, such as logrotate's"
	names, _ := l.d.Names("")
	for _, rotated := range names {
		if strings.HasPrefix(rotated, f.name) && dir.IsRotated(rotated) {
			l.d.Notifyf("", f.name, "another program has moved it to %s, and lines go to a new file; hint: "+hint, rotated)
			return
		}
	}
	var st unix.Stat_t
	switch err := unix.Fstat(int(f.Fd()), &st); {
	case err != nil, st.Nlink == 0 && time.Unix(st.Mtim.Unix()).Equal(dir.ErasedTime):
	case st.Nlink > 0:
		l.d.Notifyf("", f.name, "another program has moved it to where hushpipe does not delete it, and lines go to a new file; hint: move it back or delete it, and "+hint)
	case int32(f.log.Day) >= l.today.Load():
		l.d.Notifyf("", f.name, "was deleted while in use, and lines go to a new file; hint: if it was another program than hushpipe, "+hint)
	}
}

// dayFile returns an open file for AppendTo. The caller releases it.
func (l *Log) dayFile(at dir.Log) (*dayFile, error) {
	if f := l.files.find(at); f != nil {
		return f, nil
	}
	f := &dayFile{log: at, name: at.Name(), inUse: true}
	flag := os.O_RDWR | os.O_APPEND
	if l.d.MayCreate() {
		flag |= os.O_CREATE
	}
	var err error
	if f.File, err = l.d.OpenFile("", f.name, flag); err != nil {
		return nil, err
	}
	if err := unix.Fstat(int(f.Fd()), &f.id); err != nil {
		f.Close()
		return nil, err
	}
	if err := l.updateLink(at); err != nil && !l.linkReported {
		l.linkReported = true
		l.d.Notify(err.Error())
	}
	l.files.add(f)
	return f, nil
}

// release ends the use of a day file.
func (l *Log) release(f *dayFile) {
	if f.locked {
		f.locked = false
		dir.UnlockFile(f.File)
	}
	l.files.release(f)
}

// lineEnd returns the offset after the last newline of a file, reading backwards through
// buf.
func lineEnd(f io.ReaderAt, size int64, buf []byte) (int64, error) {
	for end := size; end > 0; {
		block := buf[:min(int64(len(buf)), end)]
		start := end - int64(len(block))
		if n, err := f.ReadAt(block, start); n < len(block) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if i := bytes.LastIndexByte(block, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

// updateLink points access.log to a file if that is newer than its target. A target that
// does not exist, or that a wrong clock dated after tomorrow, is older than any file.
func (l *Log) updateLink(at dir.Log) error {
	unlock, err := l.d.Acquire(dir.Locks, dir.LinkLock, "", dir.LockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	target, err := l.d.ReadLink(dir.LinkName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	linked, behind, ok := dir.ParseLog(target)
	if ok && behind == "" && !isNewer(at, linked) && int32(linked.Day) <= l.today.Load()+1 {
		var st unix.Stat_t
		if l.d.Lstat(target, &st) == nil {
			return nil
		}
	}
	return l.d.ReplaceLink(dir.LinkName, at.Name())
}

// isNewer reports whether a has later lines than b.
func isNewer(a, b dir.Log) bool {
	return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Segment, b.Segment)) > 0
}
