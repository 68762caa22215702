// Package reveal finds the key for a pseudonym's day, and the file and lines of that day
// that contain it. It also finds the lines of a person, and changes them in place.
package reveal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/pseudonym"
	"hushpipe/format/civil"
)

// Reader reads the existing keys, and finds pseudonyms in the lines of their days. One
// goroutine uses it.
type Reader struct {
	// Scan calls found for each pseudonym in a text of lines. Find, FindDay and Search need
	// it.
	Scan func(text []byte, found func(pseudonym.Addr))

	d      *dir.Dir
	path   string
	say    func(topic, line string)
	buf    []byte            // of Find
	search []byte            // of Search
	at     map[dir.Log]int64 // where the last one was found
}

// Open opens the DIR at path; keys is its key directory, or "".
func Open(path, keys string, say func(topic, line string)) (*Reader, error) {
	d, err := dir.Open(path, dir.Options{Keys: keys, Notify: func(msg string) { say(msg, msg) }})
	if err != nil {
		return nil, err
	}
	return &Reader{d: d, path: path, say: say}, nil
}

// Key returns the key of day, or fs.ErrNotExist.
func (r *Reader) Key(day civil.Day) (*pseudonym.Key, error) {
	key, err := keyring.ReadKey(r.d, day)
	if err != nil {
		return nil, err
	}
	return (*pseudonym.Key)(&key), nil
}

// Mode returns the mode of day's pseudonyms according to the journals. sure reports that all
// were made under the existing key. Several modes are an error.
func (r *Reader) Mode(day civil.Day, key *pseudonym.Key) (mode string, sure bool, err error) {
	modes, sure, err := r.Modes(day, key)
	switch {
	case err != nil || len(modes) == 0:
		return "", sure, err
	case len(modes) > 1:
		return "", sure, fmt.Errorf("%s: the pseudonyms of %s were made in several modes; hint: give the mode with --ip", r.path, day)
	}
	return modes[0], sure, nil
}

// Modes returns all modes that day's journals record; sure reports that all keys are the
// existing one.
func (r *Reader) Modes(day civil.Day, key *pseudonym.Key) (modes []string, sure bool, err error) {
	keyIDs, settings, err := counts.Origins(r.d, day)
	if err != nil {
		return nil, false, err
	}
	sure = true
	for _, id := range keyIDs {
		sure = sure && id == key.ID()
	}
	for _, settings := range settings {
		ip, _, _ := strings.Cut(strings.TrimPrefix(settings, "ip="), ";")
		if !slices.Contains(modes, ip) {
			modes = append(modes, ip)
		}
	}
	return modes, sure, nil
}

// FindDay returns the day whose file contains a pseudonym.
func (r *Reader) FindDay(p pseudonym.Addr) (civil.Day, error) {
	names, err := r.d.Names("")
	if err != nil {
		return 0, err
	}
	var days, found []civil.Day
	for _, log := range dir.Logs(names) {
		if !slices.Contains(days, log.Day) {
			days = append(days, log.Day)
		}
	}
	slices.Sort(days)
	for _, day := range days {
		held := map[pseudonym.Addr]bool{p: false}
		if err := r.Find(day, held); err != nil {
			return 0, err
		}
		if held[p] {
			found = append(found, day)
		}
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("%s: not found in any day's file; hint: give the DIR that the line is from", r.path)
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("%s: found in the files of several days; hint: give the day with --day", r.path)
}

// Find sets the pseudonyms that the files of a day contain to true. It continues reading
// where it found the last ones, to the end and then from the beginning, until it has found
// all: usually, lines are queried in the order of the file. A day without a file contains
// none.
func (r *Reader) Find(day civil.Day, held map[pseudonym.Addr]bool) error {
	missing := 0
	for _, has := range held {
		if !has {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	names, err := r.d.Names("")
	if err != nil {
		return err
	}
	for _, log := range slices.Backward(dir.Logs(names)) {
		if log.Day != day {
			continue
		}
		if err := r.findIn(log, held, &missing); err != nil || missing == 0 {
			return err
		}
	}
	return nil
}

// findIn is Find for one file, which may have been deleted meanwhile.
func (r *Reader) findIn(log dir.Log, held map[pseudonym.Addr]bool, missing *int) error {
	f, err := r.d.OpenFile("", log.Name(), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if r.buf == nil {
		r.buf, r.at = make([]byte, 1<<20), map[dir.Log]int64{}
	}
	begin := min(r.at[log], info.Size())
	for _, part := range [][2]int64{{begin, info.Size()}, {0, begin}} {
		for at := part[0]; at < part[1]; {
			n, err := f.ReadAt(r.buf[:min(int64(len(r.buf)), part[1]-at)], at)
			if err != nil && err != io.EOF || n == 0 {
				return cmp.Or(err, io.ErrUnexpectedEOF)
			}
			n = wholeWords(r.buf[:n], at+int64(n) == part[1])
			r.Scan(r.buf[:n], func(a pseudonym.Addr) {
				if has, wanted := held[a]; wanted && !has {
					held[a] = true
					*missing--
				}
			})
			if *missing == 0 {
				r.at[log] = at
				return nil
			}
			at += int64(n)
		}
	}
	return nil
}

// wholeWords returns an offset at which the text can be cut without splitting an address, a
// version or an escape; the last part needs no cut.
func wholeWords(text []byte, last bool) int {
	if last {
		return len(text)
	}
	if n := bytes.LastIndexAny(text, "\n ") + 1; n > 0 {
		return n
	}
	for n := len(text); n > 0; n-- {
		if c := text[n-1]; !inAddr(c) && c != '%' && c != '\\' && c != 'u' {
			return n
		}
	}
	return len(text)
}

func inAddr(c byte) bool {
	return c == ':' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// Close closes DIR.
func (r *Reader) Close() error { return r.d.Close() }
