// Package entries counts the lines in DIR, to enforce a bound on their number, and deletes
// the oldest files.
package entries

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// Census counts the lines in the files of DIR. It remembers earlier counts, and reads only
// what is new. One goroutine uses it.
//
// Only the process that holds the lock of the lines adds any. Others may delete files, so
// the number is an upper bound when it is used.
type Census struct {
	d     *dir.Dir
	most  int // counting a file stops after this many lines
	files []*file
	next  int // number of the next segment
	total int
	buf   []byte
}

// file is the last known state of a file of lines.
type file struct {
	dir.Log
	id     unix.Stat_t // Dev and Ino
	end    int64       // offset after the last counted newline
	lines  int         // up to end
	added  int         // after end, by the caller
	torn   int         // 1 if an unfinished line follows
	listed bool
}

// New returns a Census of d, for a bound of most lines.
func New(d *dir.Dir, most int) *Census { return &Census{d: d, most: most, buf: make([]byte, 64<<10)} }

// Lines returns the number of lines as of the last Refresh, plus those of Added. An
// unfinished line counts.
func (c *Census) Lines() int { return c.total }

// Refresh counts what was written since the last call. If a file cannot be read, the number
// of lines is unknown, and Refresh returns an error.
func (c *Census) Refresh() error {
	names, err := c.d.Names("")
	if err != nil {
		return err
	}
	// Newest first: while other processes write, the oldest files are deleted, and new files
	// that replace them are not counted.
	c.next, c.total = 1, 0
	for _, l := range slices.Backward(dir.Logs(names)) {
		c.next = max(c.next, l.Segment+1)
		i, known := slices.BinarySearchFunc(c.files, l, func(f *file, l dir.Log) int { return f.Compare(l) })
		if !known {
			c.files = slices.Insert(c.files, i, &file{Log: l})
		}
		f := c.files[i]
		if err := c.refreshFile(f); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		f.listed = true
		c.total += f.lines + f.torn
	}
	c.files = slices.DeleteFunc(c.files, func(f *file) bool {
		gone := !f.listed
		f.listed = false
		return gone
	})
	return nil
}

func (c *Census) refreshFile(f *file) error {
	var st unix.Stat_t
	name := f.Name()
	f.added = 0
	if err := c.d.Lstat(name, &st); err != nil {
		return c.d.Error("look at", "", name, err)
	}
	same := st.Ino == f.id.Ino && st.Dev == f.id.Dev
	if same && st.Size == f.end {
		f.torn = 0
		return nil
	}
	if !same || st.Size < f.end {
		f.lines, f.end = 0, 0
	}
	f.id, f.torn = st, 0
	if f.lines > c.most {
		return nil // it has to be deleted anyway
	}
	o, err := c.d.OpenFile("", name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer o.Close()
	for at := f.end; f.lines <= c.most; {
		n, err := o.ReadAt(c.buf, at)
		if end := bytes.LastIndexByte(c.buf[:n], '\n') + 1; end > 0 {
			f.lines += bytes.Count(c.buf[:end], []byte{'\n'})
			f.end = at + int64(end)
		}
		at += int64(n)
		if err == io.EOF {
			f.torn = min(1, int(at-f.end))
			return nil
		} else if err != nil {
			return c.d.Error("read", "", name, err)
		}
	}
	return nil
}

// Segment returns the segment for lines of that day and hour, and how many lines it has: the
// last one, or a new one if that has size lines.
func (c *Census) Segment(day civil.Day, hour, size int) (l dir.Log, lines int) {
	for _, f := range slices.Backward(c.files) {
		if f.Segment > 0 && f.Day == day && f.Hour == hour {
			if has := f.lines + f.added; has < size {
				return f.Log, has
			}
			break
		}
	}
	return dir.Log{Day: day, Hour: hour, Segment: c.next}, 0
}

// Added counts whole lines that the caller has appended to a file. The caller holds the lock
// of the lines, and has removed an unfinished line.
func (c *Census) Added(l dir.Log, lines []byte) {
	i, known := slices.BinarySearchFunc(c.files, l, func(f *file, l dir.Log) int { return f.Compare(l) })
	if !known {
		c.files = slices.Insert(c.files, i, &file{Log: l})
	}
	f, n := c.files[i], bytes.Count(lines, []byte{'\n'})
	c.total += n - f.torn
	f.added, f.torn = f.added+n, 0
	c.next = max(c.next, l.Segment+1)
}

// RemoveOldest deletes the oldest file and its copies. isGone reports that its day, gone,
// has no other file.
func (c *Census) RemoveOldest() (gone civil.Day, isGone bool, err error) {
	if len(c.files) == 0 {
		return 0, false, nil
	}
	f := c.files[0]
	names, err := c.d.Names("")
	if err != nil {
		return 0, false, err
	}
	for _, name := range names {
		l, behind, ok := dir.ParseLog(name)
		if !ok || l != f.Log || behind == "" {
			continue
		}
		if err := dir.IfExists(c.d.Remove("", name)); err != nil {
			return 0, false, err
		}
	}
	if err := dir.IfExists(c.d.Remove("", f.Name())); err != nil {
		return 0, false, err
	}
	c.files = slices.Delete(c.files, 0, 1)
	c.total -= f.lines + f.added + f.torn
	return f.Day, !slices.ContainsFunc(c.files, func(o *file) bool { return o.Day == f.Day }), nil
}

// Trim deletes the oldest files of DIR until it has at most that many lines. It holds the
// lock of the lines, so that nobody adds any meanwhile.
func Trim(d *dir.Dir, most int) (deleted []string, err error) {
	c := New(d, most)
	if err := c.Refresh(); err != nil || c.Lines() <= most {
		return nil, err
	}
	lock := d.NewLock(dir.Locks, dir.LinesLock)
	defer lock.Close()
	if !lock.Take() {
		return nil, d.Error("lock", dir.Locks, dir.LinesLock, dir.ErrLocked)
	}
	defer lock.Release()
	if err := c.Refresh(); err != nil {
		return nil, err
	}
	for c.Lines() > most {
		name := c.files[0].Name()
		if _, _, err := c.RemoveOldest(); err != nil {
			return deleted, err
		}
		deleted = append(deleted, name)
	}
	return deleted, nil
}
