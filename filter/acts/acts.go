// Package acts implements DIR/acts.log: one line for each time that somebody searched for a
// person, revealed pseudonyms or erased lines. It records who, when, how many and why, but
// never whom.
package acts

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// Period is how long a line is kept: three years, including a leap day.
const Period calendar.Period = 3*365 + 1

// The values of Act.What.
const (
	Reveal = "reveal"
	Find   = "find"
	Erase  = "erase"
)

// Act is one line:
//
//	2026-11-22T10:00:00Z uid=0 loginuid=1000 act=find streams=web,errors days=2026-11-21,2026-11-22 lines=4 reason="request 7"
type Act struct {
	Time    time.Time
	UID     int         // user id of the process
	Login   string      // user id of the login session, "-" if none
	What    string      // Reveal, Find or Erase
	Streams []string    // the directories below DIR, "." for DIR itself
	Days    []civil.Day // days that were read, in any order
	Lines   int         // number shown or erased; for Reveal, of addresses
	Reason  string      // "" if none; the caller has removed the names of persons
}

func (a Act) String() string {
	days := slices.Clone(a.Days)
	slices.Sort(days)
	var dates []string
	for _, day := range slices.Compact(days) {
		dates = append(dates, day.String())
	}
	text := fmt.Sprintf("%s uid=%d loginuid=%s act=%s streams=%s days=%s lines=%d", a.Time.UTC().Format(time.RFC3339), a.UID, a.Login, a.What,
		list(a.Streams), list(dates), a.Lines)
	if a.Reason != "" {
		text += " reason=" + strconv.Quote(a.Reason)
	}
	return text
}

// list joins names, "-" if there are none; quoted if one has a byte that does not occur in
// names of streams.
func list(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	text := strings.Join(names, ",")
	for _, c := range []byte(text) {
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_./,", c) >= 0) {
			return strconv.Quote(text)
		}
	}
	return text
}

// Record appends the act to the log of the DIR at path, and returns when it is on the disk.
func Record(path string, a Act) error {
	d, err := dir.Open(path, dir.Options{Create: true})
	if err != nil {
		return err
	}
	defer d.Close()
	unlock, err := d.LockActs(dir.LockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	f, err := d.OpenFile("", dir.ActsLogName, os.O_RDWR|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	line := []byte(a.String() + "\n")
	var last [1]byte
	if size := info.Size(); size > 0 {
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return err
		}
		if last[0] != '\n' { // its writer was killed
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := f.Write(line); err != nil {
		return errors.Join(err, f.Truncate(info.Size())) // written in part to a full disk
	}
	return f.Sync()
}

// Expire removes the lines older than first, including those that earlier versions wrote to
// reveal.log, and returns the logs that became empty.
func Expire(d *dir.Dir, first civil.Day) (deleted []string, err error) {
	for _, name := range []string{dir.ActsLogName, dir.RevealLogName} {
		empty, err := expire(d, name, first)
		if err != nil {
			return deleted, err
		}
		if empty {
			deleted = append(deleted, name)
		}
	}
	return deleted, nil
}

// expire removes the lines older than first from a log, and the log itself if it becomes
// empty.
func expire(d *dir.Dir, name string, first civil.Day) (empty bool, err error) {
	f, err := d.OpenFile("", name, os.O_RDONLY)
	if err != nil {
		return false, dir.IfExists(err)
	}
	f.Close()
	unlock, err := d.LockActs(dir.LockPatience)
	if err != nil {
		return false, err
	}
	defer unlock()
	if f, err = d.OpenFile("", name, os.O_RDONLY); err != nil { // it may have been replaced
		return false, dir.IfExists(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	kept, old, err := copyKept(io.Discard, f, first)
	switch {
	case err != nil || old == 0:
		return false, err
	case kept == 0:
		return true, d.Remove("", name)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	return false, d.RewriteFile("", name, info, func(to *os.File) error {
		out := bufio.NewWriter(to)
		if _, _, err := copyKept(out, f, first); err != nil {
			return err
		}
		return out.Flush()
	})
}

// copyKept copies the lines that are not older than first, and counts these and the others.
// A line without a date belongs to the one before it. Lines of any length are read in parts,
// of which the first has the date.
func copyKept(to io.Writer, from io.Reader, first civil.Day) (kept, old int, err error) {
	in := bufio.NewReader(from)
	for begins, expired := true, false; ; {
		part, err := in.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return kept, old, err
		}
		if begins && len(part) > 0 {
			if date, _, dated := bytes.Cut(part, []byte("T")); dated {
				if day, ok := civil.ParseDay(string(date)); ok {
					expired = day < first
				}
			}
			if expired {
				old++
			} else {
				kept++
			}
		}
		begins = err == nil
		if !expired {
			if _, err := to.Write(part); err != nil {
				return kept, old, err
			}
		}
		if err == io.EOF {
			return kept, old, nil
		}
	}
}
