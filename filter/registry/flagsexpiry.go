package registry

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// ExpireFlags removes from the log of flags what cannot have shaped lines of the day oldest
// or later: replays of earlier days, and flags that ended before. It also removes
// repetitions, as of filters that start alternately with different flags. So the log's size
// depends on the lines that exist, not on the age of DIR. FlagsFor returns the same for
// these days as before.
func ExpireFlags(d *dir.Dir, oldest civil.Day) error {
	text, _, err := readFlagsText(d)
	if err != nil || len(withoutExpired(text, oldest)) == len(text) {
		return dir.IfExists(err)
	}
	unlock, err := d.LockFlags(dir.LockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	text, info, err := readFlagsText(d)
	if err != nil {
		return dir.IfExists(err)
	}
	kept := withoutExpired(text, oldest)
	if len(kept) == len(text) {
		return nil
	}
	err = d.RewriteFile("", dir.FlagsLogName, info, func(f *os.File) error {
		if _, err := f.Write(kept); err != nil {
			return err
		}
		// Processes of an earlier version append to it without the lock.
		if _, now, err := readFlagsText(d); err != nil || now.Size() != info.Size() {
			return errors.Join(err, dir.ErrLocked)
		}
		return nil
	})
	return err
}

// readFlagsText returns the last maxFlagsLog bytes of the log, from the start of a line on.
func readFlagsText(d *dir.Dir) (text []byte, info os.FileInfo, err error) {
	f, err := d.OpenFile("", dir.FlagsLogName, os.O_RDONLY)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	from := max(0, info.Size()-maxFlagsLog)
	if text, err = io.ReadAll(io.NewSectionReader(f, from, maxFlagsLog)); err != nil {
		return nil, nil, err
	}
	if from > 0 {
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	return text, info, nil
}

// withoutExpired returns the lines of a log to keep. Unreadable lines stay: a newer version
// may have written them.
func withoutExpired(text []byte, oldest civil.Day) (kept []byte) {
	type line struct {
		text []byte
		flagsLine
		gone bool
	}
	var all []line
	ended := false // a filter's flags ended before oldest
	for l := range bytes.Lines(text) {
		at := line{text: l}
		whole, isWhole := bytes.CutSuffix(l, []byte("\n"))
		if r, ok := parseRun(string(whole)); ok && isWhole {
			at.flagsLine = r
		}
		switch at.kind {
		case replayWord:
			at.gone = at.day < oldest
		case filterWord:
			// This line ends the flags before it. A day's lines were written under the flags
			// that ended on that day or later. One more day is kept, since the next reader
			// may be in another time zone.
			for i := range all {
				if all[i].kind == filterWord && civil.DayOf(at.began.Local()) < oldest-2 {
					all[i].gone, ended = true, true
				}
			}
		}
		all = append(all, at)
	}
	var later []flagsLine // filters, the latest first
	for i := len(all) - 1; i >= 0; i-- {
		l := &all[i]
		if l.kind != filterWord {
			continue
		}
		if n := len(later); n > 0 && beganTogether(l.flagsLine, later[n-1]) && slices.ContainsFunc(later, l.sameFlags) {
			l.gone = true
		} else if !l.gone {
			later = append(later, l.flagsLine)
		}
	}
	for _, l := range all {
		// The line that DIR was empty is useless once the lines after it are removed.
		if !l.gone && !(ended && l.kind == emptyWord) {
			kept = append(kept, l.text...)
		}
	}
	return kept
}

// beganTogether reports whether two lines began on the same day in every time zone: in all
// zones, days begin at a quarter of an hour.
func beganTogether(a, b flagsLine) bool {
	const quarter = 15 * time.Minute
	return a.began.Truncate(quarter).Equal(b.began.Truncate(quarter))
}
