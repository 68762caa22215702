package reveal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"

	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
)

// searchSize is how much of a file is searched at once: twice the longest line that hushpipe
// writes.
const searchSize = 2 << 20

// Found are the wanted lines in one file.
type Found struct {
	Day   civil.Day
	Lines int
	Long  int // number of lines too long to search, not written by hushpipe

	text
	place
	r      *Reader
	wanted Wanted
	plain  [][]byte // every text with a wanted line contains one of these; nil: unknown
}

// text is the searched part of a file.
type text struct {
	file    *os.File // kept open, since the file may expire
	gzipped bool
	from    int64 // start of the first wanted line
	to      int64 // end of the last one
	size    int64 // of the searched part
}

// place is the location of a file, and the form of its lines.
type place struct {
	sub    string // subdirectory of DIR
	name   string
	prefix int // bytes before each line
	log    dir.Log
}

// Wanted selects lines: those with one of the addresses, or those with Text for which Is
// returns true.
type Wanted struct {
	Addrs []pseudonym.Addr
	// Canonical is set if the addresses are in the form in which hushpipe writes pseudonyms;
	// that makes the search ten times as fast.
	Canonical bool

	Text []byte
	Is   func(line []byte) bool
}

// Gzipped reports whether the lines are only in a copy by gzip(1).
func (f *Found) Gzipped() bool { return f.gzipped }

// Name returns the file's path relative to DIR.
func (f *Found) Name() string { return filepath.Join(f.sub, f.name) }

// Days returns the days that have lines, the earliest first, including compressed copies and
// held lines. With an error, some days may be missing.
func (r *Reader) Days() (days []civil.Day, err error) {
	names, err := r.d.Names("")
	if err != nil {
		return nil, err
	}
	held, err := r.heldNames()
	days = slices.Collect(maps.Keys(held))
	for _, name := range names {
		if day, behind, ok := dir.DayOf("", name); ok && (behind == "" || behind == gzipSuffix) {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return slices.Compact(days), err
}

// Below returns the paths of the directories below DIR that record a rule of their own, such
// as the streams of a policy, to be opened as DIRs. errs are about directories that could
// not be checked.
func (r *Reader) Below() (paths []string, errs []error) {
	names, err := r.d.Nested()
	if err != nil {
		return nil, []error{err}
	}
	for _, name := range names {
		below, err := r.d.OpenNested(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if retention.HasRule(below) {
			paths = append(paths, filepath.Join(r.path, name))
		}
		below.Close()
	}
	return paths, errs
}

// Foreign returns the names of files in DIR that hushpipe did not create, and that are not
// searched.
func (r *Reader) Foreign() (foreign []string, err error) {
	names, err := r.d.Names("")
	if err != nil || !retention.HasRule(r.d) { // everything is somebody else's
		return nil, err
	}
	nested, err := r.d.Nested()
	for _, name := range names {
		switch {
		case dir.IsOwn("", name):
		case slices.Contains(nested, name):
			below, err := r.d.OpenNested(name)
			if err != nil {
				continue // Below reports it
			}
			if inside, _ := below.Names(""); len(inside) > 0 && !retention.HasRule(below) {
				foreign = append(foreign, name)
			}
			below.Close()
		case r.isDirectory(name): // the key directory
		default:
			foreign = append(foreign, name)
		}
	}
	return foreign, err
}

func (r *Reader) isDirectory(name string) bool {
	var st unix.Stat_t
	return r.d.Lstat(name, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// Copies returns the files in DIR that other programs made from the days' lines.
func (r *Reader) Copies() (copies []string, err error) {
	names, err := r.d.Names("")
	for _, name := range names {
		if _, behind, ok := dir.DayOf("", name); ok && behind != "" {
			copies = append(copies, name)
		}
	}
	return copies, err
}

const gzipSuffix = ".gz"

// Search finds the wanted lines of a day: in its files, in gzip(1) copies of missing files,
// and among the held lines. It ignores lines appended meanwhile; a line released meanwhile
// can be found in both places. The error is fs.ErrNotExist if the day has no file. The
// caller closes what was found.
func (r *Reader) Search(day civil.Day, wanted Wanted) (all []*Found, err error) {
	for tries := 1; ; tries++ {
		held, err := r.searchHeld(day, wanted) // first, since lines move from there to the others
		if err != nil {
			return nil, err
		}
		all, err := r.searchFiles(day, wanted)
		if len(held) > 0 && errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if all = append(held, all...); err != nil {
			closeAll(all)
			return nil, err
		}
		if tries == maxSearches || r.stillHeld(day, held) {
			return all, nil
		}
		closeAll(all)
	}
}

// maxSearches bounds how often a day is searched again because lines were released.
const maxSearches = 5

// searchFiles is Search without held lines.
func (r *Reader) searchFiles(day civil.Day, wanted Wanted) (all []*Found, err error) {
	names, err := r.d.Names("")
	if err != nil {
		return nil, err
	}
	var logs []dir.Log
	for _, name := range names {
		l, behind, ok := dir.ParseLog(name)
		if ok && l.Day == day && (behind == "" || behind == gzipSuffix) && !slices.Contains(logs, l) {
			logs = append(logs, l)
		}
	}
	slices.SortFunc(logs, dir.Log.Compare)
	none := r.d.Error("open", "", dir.LogFile(day), fs.ErrNotExist)
	for _, l := range logs {
		found, err := r.searchFile(l, wanted)
		if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
			continue
		}
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all, none = append(all, found), nil
	}
	return all, none
}

func (r *Reader) searchFile(l dir.Log, wanted Wanted) (*Found, error) {
	found := r.newFound(l.Day, wanted)
	found.log = l
	name := l.Name()
	var err error
	found.file, err = r.d.OpenFile("", name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		name += gzipSuffix
		found.gzipped = true
		found.file, err = r.d.OpenFile("", name, os.O_RDONLY)
	}
	if err != nil {
		return nil, err
	}
	found.name = name
	if err := found.count(); err != nil {
		return nil, err
	}
	return found, nil
}

func (r *Reader) newFound(day civil.Day, wanted Wanted) *Found {
	f := &Found{Day: day, r: r, wanted: wanted}
	if wanted.Is != nil {
		f.plain = [][]byte{wanted.Text}
	} else if wanted.Canonical {
		for _, a := range wanted.Addrs {
			f.plain = append(f.plain, a.AppendTo(nil))
		}
	}
	return f
}

// count counts the wanted lines, and records where they are. After an error the file is
// closed.
func (f *Found) count() error {
	f.to = -1
	from, to := int64(0), int64(-1)
	err := f.each(func(line []byte, at int64) error {
		if f.Lines == 0 {
			from = at - int64(f.prefix)
		}
		f.Lines++
		to = at + int64(len(line))
		return nil
	})
	if err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	f.from, f.to = from, to
	return nil
}

// WriteTo writes the lines.
func (f *Found) WriteTo(w io.Writer) (n int64, err error) {
	if f.Lines == 0 {
		return 0, nil
	}
	long := f.Long
	err = f.each(func(line []byte, _ int64) error {
		if !bytes.HasSuffix(line, []byte("\n")) {
			line = append(line[:len(line):len(line)], '\n')
		}
		m, err := w.Write(line)
		n += int64(m)
		return err
	})
	f.Long = long
	return n, err
}

// Close closes the file.
func (f *Found) Close() error { return f.file.Close() }

// each calls found for each wanted line, without its prefix, and with its offset: in the
// first call for all lines, after that for those from f.from to f.to.
func (f *Found) each(found func(line []byte, at int64) error) error {
	in, err := f.open()
	if err != nil {
		return err
	}
	if f.r.search == nil {
		f.r.search = make([]byte, searchSize)
	}
	buf := f.r.search
	at, held := f.from, 0 // buf[:held] is the text from at on
	skips := false        // skipping to the end of a line that does not fit
	for end := false; !end; {
		n, err := io.ReadFull(in, buf[held:])
		end = err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !end {
			return err
		}
		held += n
		begin := 0
		if skips {
			newline := bytes.IndexByte(buf[:held], '\n')
			if skips = newline < 0; skips {
				at, held = at+int64(held), 0
				continue
			}
			begin = newline + 1
		}
		whole := held
		if !end {
			if whole = bytes.LastIndexByte(buf[:held], '\n') + 1; whole == 0 {
				f.Long++
				skips = true
				at, held = at+int64(held), 0
				continue
			}
		}
		text := buf[begin:whole]
		at += int64(begin)
		if !f.mayHold(text) {
			at += int64(len(text))
			text = nil
		}
		for line := range bytes.Lines(text) {
			prefix := min(f.prefix, len(line))
			if f.holds(line[prefix:]) {
				if err := found(line[prefix:], at+int64(prefix)); err != nil {
					return err
				}
			}
			at += int64(len(line))
		}
		held = copy(buf, buf[whole:held])
	}
	return nil
}

// open returns the text of the file, from f.from to f.to.
func (f *Found) open() (io.Reader, error) {
	if f.to < 0 {
		info, err := f.file.Stat()
		if err != nil {
			return nil, err
		}
		f.size = info.Size()
	}
	var in io.Reader = io.NewSectionReader(f.file, 0, f.size)
	if f.gzipped {
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		if _, err := io.CopyN(io.Discard, unzipped, f.from); err != nil {
			return nil, err
		}
		in = unzipped
	} else {
		in = io.NewSectionReader(f.file, f.from, f.size-f.from)
	}
	if f.to >= 0 {
		in = io.LimitReader(in, f.to-f.from)
	}
	return in, nil
}

// mayHold reports whether a text can contain a wanted line.
func (f *Found) mayHold(text []byte) bool {
	for _, plain := range f.plain {
		if bytes.Contains(text, plain) {
			return true
		}
	}
	return f.plain == nil
}

func (f *Found) holds(line []byte) (holds bool) {
	if !f.mayHold(line) {
		return false
	}
	if f.wanted.Is != nil {
		return f.wanted.Is(bytes.TrimSuffix(line, []byte("\n")))
	}
	f.r.Scan(line, func(a pseudonym.Addr) { holds = holds || slices.Contains(f.wanted.Addrs, a) })
	for _, plain := range f.plain {
		holds = holds || isGlued(line, plain)
	}
	return holds
}

// isGlued reports whether a line contains a pseudonym followed directly by letters, see
// pseudonym.IsGlued.
func isGlued(line, plain []byte) bool {
	for {
		at := bytes.Index(line, plain)
		if at < 0 {
			return false
		}
		if pseudonym.IsGlued(line[at:], plain) {
			return true
		}
		line = line[at+len(plain):]
	}
}
