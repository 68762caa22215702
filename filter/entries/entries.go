// Package entries counts the lines of DIR, for a bound on their number, and deletes the
// oldest file where there are too many.
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

// Census knows how many lines the files of DIR have. It remembers what it has counted,
// and looks at what is new. It serves one goroutine.
//
// Only who has the lock of the lines adds any. Others may delete files, so that the
// number is an upper bound by the time that it is used.
type Census struct {
	d     *dir.Dir
	most  int // lines of a file are counted up to there
	files []*file
	next  int // number of the next segment
	total int
	buf   []byte
}

// file is a file of lines as it was seen last.
type file struct {
	dir.Log
	id    unix.Stat_t // Dev and Ino
	end   int64       // behind the last newline that was counted
	lines int         // up to end
	added int         // behind it, by the caller
	torn  int         // 1 where an unfinished line stands behind it
	listed  bool
}

// New returns a Census of d, for a bound of most lines.
func New(d *dir.Dir, most int) *Census { return &Census{d: d, most: most, buf: make([]byte, 64<<10)} }

// Lines returns how many lines there were when Look was called, and what Wrote has told
// since. A line that a writer left unfinished is one.
func (c *Census) Lines() int { return c.total }

// Refresh counts what was written since. A file that cannot be read is an error: nobody
// knows how many lines it has.
func (c *Census) Refresh() error {
	names, err := c.d.Names("")
	if err != nil {
		return err
	}
	// The newest come first: the oldest go meanwhile, where others write, and what comes in
	// their place is not counted.
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
		return nil // it has to go whatever else is in it
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

// Segment returns the segment that a line of that day and hour goes to, and how many
// lines it has: the last one, or the next if that has size lines.
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

// Added takes in whole lines that the caller has added to a file. It has the lock of the
// lines, and has cut off an unfinished one.
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

// RemoveOldest deletes the oldest file, and copies that bear its name. It returns the
// day if that has no other.
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

// Trim deletes the oldest files of DIR until it has at most that many lines. It takes the
// lock of the lines, so that nobody adds some meanwhile.
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
