package daylog

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter/dir"
)

const (
	// maxUnlocked bounds the copies of lines that were written without the lock, in bytes.
	maxUnlocked = 1 << 20
	// pieceSize is the size up to which the lines of successive writes are one piece.
	pieceSize = 64 << 10
)

// unlocked are copies of lines that were written while another process held the lock. During
// a write(2) the size of the file grows page by page (generic_perform_write in Linux,
// mm/filemap.c). If the holder looks at the file in that moment, it considers a line
// unfinished, and removes it with all that follows. So Log keeps a copy until it holds the
// lock itself, when the other process has finished, and appends what is missing. Lines are
// lost only if the process is killed before that, beyond maxUnlocked, or if lines of the
// same lengths have taken their place.
type unlocked struct {
	list  []piece // in the order of the writes
	bytes int
}

// piece is lines that are together in a file.
type piece struct {
	at    dir.Log
	id    unix.Stat_t // Dev and Ino
	start int64       // offset in the file
	lines []byte
}

// add keeps a copy of the lines just written to f. Beyond the bound it drops the oldest ones.
func (u *unlocked) add(f *dayFile, lines []byte) {
	end, err := f.Seek(0, io.SeekCurrent) // O_APPEND chose the offset
	if err != nil {
		return
	}
	start := end - int64(len(lines))
	u.bytes += len(lines)
	if n := len(u.list); n > 0 && u.list[n-1].isBefore(f, start) {
		u.list[n-1].lines = append(u.list[n-1].lines, lines...)
	} else {
		u.list = append(u.list, piece{f.log, f.id, start, bytes.Clone(lines)})
	}
	for u.bytes > maxUnlocked {
		u.bytes -= len(u.list[0].lines)
		u.list = u.list[1:]
	}
}

// isBefore reports whether lines at start of f can be added to the piece.
func (p *piece) isBefore(f *dayFile, start int64) bool {
	return p.isOf(f.log, &f.id) && p.start+int64(len(p.lines)) == start && len(p.lines) < pieceSize
}

// isOf reports whether the piece was written to that file.
func (p *piece) isOf(at dir.Log, file *unix.Stat_t) bool {
	return p.at == at && p.id.Ino == file.Ino && p.id.Dev == file.Dev
}

// drop forgets the pieces of a day file.
func (u *unlocked) drop(at dir.Log) {
	u.list = slices.DeleteFunc(u.list, func(p piece) bool { return p.at == at })
	u.bytes = 0
	for _, p := range u.list {
		u.bytes += len(p.lines)
	}
}

// restore appends to f the lines that are missing there. It takes the size of f and returns
// the new one. The caller holds the lock.
func (l *Log) restore(f *dayFile, end int64) (int64, error) {
	size := end
	for i := range l.unlocked.list {
		p := &l.unlocked.list[i]
		if !p.isOf(f.log, &f.id) {
			continue // another file, or one since deleted
		}
		there, err := p.there(f, size)
		if err != nil {
			return end, err
		}
		missing := p.lines[there:]
		if len(missing) == 0 {
			continue
		}
		l.d.Notifyf("", f.name, "another process cut off %d bytes of lines during the write; they are appended again", len(missing))
		if _, _, err := l.writeAll(int(f.Fd()), missing); err != nil {
			_ = f.Truncate(end)
			return end, err
		}
		p.start, p.lines = end, missing
		end += int64(len(missing))
	}
	l.unlocked.drop(f.log)
	return end, nil
}

// there returns how many bytes of the piece, in whole lines, are still in a file of that size.
// A line of the same length in its place is the line itself, perhaps falsified since: to
// append that again would undo an erasure.
func (p *piece) there(f io.ReaderAt, size int64) (int, error) {
	found := make([]byte, max(0, min(int64(len(p.lines)), size-p.start)))
	n, err := f.ReadAt(found, p.start)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	at := 0
	for at < n {
		end := bytes.IndexByte(p.lines[at:], '\n') + 1
		if bytes.IndexByte(found[at:n], '\n')+1 != end {
			break
		}
		at += end
	}
	return at, nil
}

// restoreOthers is restore for the files other than at, which may get no more lines.
func (l *Log) restoreOthers(at dir.Log, locked bool) {
	var others []dir.Log
	for i := range l.unlocked.list {
		if p := &l.unlocked.list[i]; p.at != at && !slices.Contains(others, p.at) {
			others = append(others, p.at)
		}
	}
	for _, other := range others {
		var st unix.Stat_t
		is := func(p piece) bool { return p.isOf(other, &st) }
		if l.isExpired(other) || l.d.Lstat(other.Name(), &st) != nil || !slices.ContainsFunc(l.unlocked.list, is) {
			l.unlocked.drop(other) // append would create the file
			continue
		}
		_, _ = l.append(other, nil, locked) // retried with the next lines
	}
}

// restoreLast is restore for all files before Close. It waits for the lock for at most a
// second.
func (l *Log) restoreLast() {
	end := time.Now().Add(dir.LockPatience)
	for len(l.unlocked.list) > 0 {
		locked := l.lock.Take()
		l.restoreOthers(dir.Log{}, locked)
		if locked {
			l.lock.Release()
		}
		if !time.Now().Before(end) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
