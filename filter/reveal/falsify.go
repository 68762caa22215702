package reveal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// errCopy is returned if the lines are in a compressed copy, which cannot be changed in
// place.
var errCopy = errors.New("is compressed")

// page is the unit in which write(2) changes a file: a process can be killed between two of
// them (generic_perform_write in the kernel's mm/filemap.c).
const page = 4096

// Falsify changes the lines in place. change gets each line without its newline, and changes
// its bytes but not its length; it returns false if it could only change part of the line.
//
// Each line is written under the lock of the lines, after it was read again: nothing else in
// the file changes. If the process is killed, a line is the old or the new one. A line
// across a page border can be part of each; then the part that identifies the person is the
// last to change, so that another run finds the line.
//
// done is the number of changed lines, part the number of those changed only in part. The
// lines are on the disk when it returns.
func (f *Found) Falsify(change func(line []byte) (whole bool)) (done, part int, err error) {
	if f.Lines == 0 {
		return 0, 0, nil
	}
	if f.gzipped {
		return 0, 0, errCopy
	}
	d, err := dir.Open(f.r.path, dir.Options{Create: true, Notify: func(msg string) { f.r.say(msg, msg) }}) // locks may have to be created
	if err != nil {
		return 0, 0, err
	}
	defer d.Close()
	out, err := d.OpenFile("", f.name, os.O_RDWR)
	if err != nil {
		return 0, 0, err
	}
	defer out.Close()
	there, err := out.Stat()
	if err != nil {
		return 0, 0, err
	}
	if here, err := f.file.Stat(); err != nil || !os.SameFile(here, there) {
		return 0, 0, fmt.Errorf("%s: another program has replaced it; hint: run it again", f.name)
	}
	lock := d.NewLock(dir.Locks, dir.LinesLock)
	defer lock.Close()
	var now, changed []byte
	long := f.Long
	err = f.each(func(line []byte, at int64) error {
		line = bytes.TrimSuffix(line, []byte("\n"))
		changed = append(changed[:0], line...)
		whole := change(changed)
		if len(changed) != len(line) {
			panic("reveal: a line became longer")
		}
		if lock.Take() {
			defer lock.Release()
		}
		// Processes of an earlier version lock the file itself.
		if taken, err := dir.LockFile(out, dir.EarlierPatience); taken && err == nil {
			defer dir.UnlockFile(out)
		}
		now = append(now[:0], line...)
		n, err := out.ReadAt(now, at)
		if err != nil && err != io.EOF {
			return err
		}
		if n < len(now) || !bytes.Equal(now, line) {
			return fmt.Errorf("%s: another program changes it; hint: stop that, and run it again", f.name)
		}
		if err := f.overwrite(out, now, changed, at); err != nil {
			return err
		}
		done++
		if !whole {
			part++
		}
		return nil
	})
	f.Long = long
	if done > 0 {
		err = errors.Join(err, out.Sync())
		// A file dated far ahead expires by its modification time.
		if was := there.ModTime(); f.Day > civil.DayOf(was)+1 {
			err = errors.Join(err, touch(d, f.name, was))
		}
		delete(f.r.at, f.log)
	}
	return done, part, err
}

func touch(d *dir.Dir, name string, to time.Time) error {
	s, err := d.OpenSub("")
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Touch(name, to)
}

// overwrite writes a line page by page, in an order in which the remaining old part still
// identifies the person, as far as possible.
func (f *Found) overwrite(to io.WriterAt, now, changed []byte, at int64) error {
	type part struct{ start, end int }
	var parts []part
	for end := len(changed); end > 0; {
		start := max(0, int((at+int64(end)-1)/page*page-at))
		parts = append(parts, part{start, end})
		end = start
	}
	for len(parts) > 0 {
		next := 0
		if len(parts) > 1 {
			next = max(0, slices.IndexFunc(parts, func(p part) bool {
				mixed := bytes.Clone(now)
				copy(mixed[p.start:p.end], changed[p.start:p.end])
				return f.holds(mixed)
			}))
		}
		p := parts[next]
		if _, err := to.WriteAt(changed[p.start:p.end], at+int64(p.start)); err != nil {
			return err
		}
		copy(now[p.start:p.end], changed[p.start:p.end])
		parts = slices.Delete(parts, next, next+1)
	}
	return nil
}
