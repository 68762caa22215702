package groups

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"slices"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/format/civil"
)

// A held line is the group in hexadecimal digits, a space, and the line as it will be
// released. The lines of a day whose groups begin with the same byte are in one file, which
// all processes share under a lock.
const (
	groupDigits = 2 * len(pseudonym.Group{})
	// PrefixSize is the number of bytes before the line.
	PrefixSize = groupDigits + 1
)

// parseHeld returns the group of a held line; false if it is not one.
func parseHeld(line []byte) (group pseudonym.Group, ok bool) {
	if len(line) <= PrefixSize || line[groupDigits] != ' ' {
		return group, false
	}
	return pseudonym.ParseGroup(line[:groupDigits])
}

// Writer writes people to the journals, and lines to the held files. It belongs to the
// Queue's goroutine.
type Writer struct {
	cfg      *Config
	opened   *Opened
	journals *counts.Journals
	lock     *dir.Lock
	at       *dir.Dir // the DIR of lock
	list     []heldLine
	buf      []byte
}

func newWriter(o *Opened) *Writer {
	return &Writer{cfg: o.cfg, opened: o, journals: counts.NewTyped(counts.Config{Path: o.cfg.Path, Limits: o.cfg.Limits, Settings: settings(o.cfg.Least),
		Window: o.cfg.Window, Report: o.cfg.Report}, journal.Groups)}
}

// heldLine is a line to be held.
type heldLine struct {
	start, end int
	group      pseudonym.Group
	open, done bool
}

// Appender appends lines to a file, see daylog.Log.
type Appender interface {
	AppendTo(at dir.Log, lines []byte) (n int, err error)
}

// CountPeople writes records of people to the journal. While DIR cannot be opened, d is nil
// and they wait.
func (w *Writer) CountPeople(d *dir.Dir, day civil.Day, keyID [8]byte, records []byte) {
	if len(records) > 0 && !w.opened.isOver(day) {
		w.journals.Count(d, day, keyID, records, true)
	}
}

// Flush writes the waiting records.
func (w *Writer) Flush(d *dir.Dir) error { return w.journals.Flush(d) }

// Forget drops days that were erased or purged by name.
func (w *Writer) Forget(days map[civil.Day]bool) {
	w.journals.Forget(days)
	w.opened.drop(days)
}

// Close closes the files.
func (w *Writer) Close() {
	w.journals.Close()
	if w.lock != nil {
		w.lock.Close()
	}
}

// Hold writes held lines that belong to one file. Lines of groups that are open by now go to
// log at once. Once the day is over, or the file is past its bounds, the others are dropped.
// It returns the lines that it could not write, in the memory of lines.
func (w *Writer) Hold(d *dir.Dir, log Appender, to dir.Log, lines []byte) (rest []byte, err error) {
	day := to.Day
	over, past := w.opened.isOver(day), w.cfg.Past(to)
	if over {
		err = w.opened.load(d, day)
	}
	locked := false
	if !over && !past && err == nil {
		if w.at != d {
			if w.lock != nil {
				w.lock.Close()
			}
			w.lock, w.at = d.NewLock(dir.Locks, dir.HeldLock), d
		}
		if locked = w.lock.Take(); locked {
			defer w.lock.Release()
		}
	}
	if err != nil {
		return lines, err
	}
	// Under the lock: a group is marked as open before its held lines are searched.
	w.list = w.list[:0]
	for at := 0; at < len(lines); {
		end := at + bytes.IndexByte(lines[at:], '\n') + 1
		group, _ := parseHeld(lines[at:end])
		w.list = append(w.list, heldLine{start: at, end: end, group: group})
		at = end
	}
	w.opened.mark(day, w.list)
	if err = w.appendOpen(log, to, lines); err == nil && (over || past) {
		var n uint64
		for i := range w.list {
			if !w.list[i].done {
				w.list[i].done = true
				n++
			}
		}
		if n > 0 {
			w.cfg.Withheld(n)
		}
	} else if err == nil {
		err = w.appendClosed(d, to, lines, locked)
	}
	kept := 0
	slices.SortFunc(w.list, func(a, b heldLine) int { return cmp.Compare(a.start, b.start) })
	for i := range w.list {
		if l := &w.list[i]; !l.done {
			kept += copy(lines[kept:], lines[l.start:l.end])
		}
	}
	return lines[:kept], err
}

// appendOpen writes the lines of open groups to their file.
func (w *Writer) appendOpen(log Appender, to dir.Log, lines []byte) error {
	w.buf = w.buf[:0]
	for _, l := range w.list {
		if l.open {
			w.buf = append(w.buf, lines[l.start+PrefixSize:l.end]...)
		}
	}
	if len(w.buf) == 0 {
		return nil
	}
	n, err := log.AppendTo(to, w.buf)
	if errors.Is(err, calendar.ErrExpired) {
		n, err = len(w.buf), nil
	}
	for i := range w.list {
		if l := &w.list[i]; l.open {
			if n -= l.end - l.start - PrefixSize; n < 0 {
				break
			}
			l.done = true
		}
	}
	return err
}

// appendClosed writes the other lines to the held files.
func (w *Writer) appendClosed(d *dir.Dir, to dir.Log, lines []byte, locked bool) error {
	slices.SortStableFunc(w.list, func(a, b heldLine) int { return cmp.Compare(a.group[0], b.group[0]) })
	for i := 0; i < len(w.list); {
		first := w.list[i].group[0]
		w.buf = w.buf[:0]
		from := i
		for ; i < len(w.list) && w.list[i].group[0] == first; i++ {
			if l := w.list[i]; !l.done {
				w.buf = append(w.buf, lines[l.start:l.end]...)
			}
		}
		if len(w.buf) == 0 {
			continue
		}
		var err error
		if locked {
			err = appendHeldFile(d, dir.HeldFile(to, first), w.buf)
		} else {
			// Nobody appends to it, and it gets its name when it is complete.
			err = d.CreateFile(dir.Held, dir.NewHeldFile(to, first), func(f *os.File) error {
				_, err := f.Write(w.buf)
				return err
			})
			w.opened.recheckHeld(to.Day)
		}
		if err != nil {
			return err
		}
		for k := range w.list[from:i] {
			w.list[from+k].done = true
		}
	}
	return nil
}

// appendHeldFile appends whole lines, all or none. It removes a line that a killed process
// left unfinished, which is still in the pipe. The caller holds the lock.
func appendHeldFile(d *dir.Dir, name string, lines []byte) error {
	f, err := d.OpenFile(dir.Held, name, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	size := st.Size()
	if end, err := lineEnd(f, size); err != nil {
		return err
	} else if end < size {
		if err := f.Truncate(end); err != nil {
			return err
		}
		size = end
	}
	if _, err = f.Write(lines); err != nil {
		_ = f.Truncate(size)
	}
	return err
}

// lineEnd returns the offset after the last newline of a file.
func lineEnd(f io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, 4096)
	for end := size; end > 0; {
		block := buf[:min(int64(len(buf)), end)]
		if end == size {
			block = block[:1] // usually it is there
		}
		start := end - int64(len(block))
		if n, err := f.ReadAt(block, start); n < len(block) {
			return 0, cmp.Or(err, io.ErrUnexpectedEOF)
		}
		if i := bytes.LastIndexByte(block, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

// eachLine calls do with each whole line of r, with its newline, in bounded memory. A line
// is valid until do returns.
func eachLine(r io.Reader, do func(line []byte) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
			continue
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if len(long) > 0 {
			long = append(long, part...)
			part = long
		}
		if err := do(part); err != nil {
			return err
		}
		long = long[:0]
	}
}
