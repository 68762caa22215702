// Package statistics computes the figures of a period from room files and traffic files.
package statistics

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"hushpipe/filter/archive"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

const (
	// maxCount bounds the counts that make sense: a room with a billion addresses. Sums of
	// such counts fit 64 bits up to 18 billion lines.
	maxCount = 1_000_000_000
	// maxSize bounds the memory for one file: 1.3 million rooms.
	maxSize = 64 << 20
)

// Archive is a set of room files: one file a day for each stream, which is one server or one
// log.
type Archive struct {
	streams []*stream
	fault   func(error)
}

// stream is one directory, or all files that were named individually.
type stream struct {
	path        string // "" for files named individually
	files       map[civil.Day][]string
	partial     map[civil.Day]bool // the counts are a lower bound, or not of all hosts
	manyKeys    map[civil.Day]bool // counted under several keys
	first, last civil.Day          // of files; first is after last if there are none
}

func newStream(path string) *stream {
	return &stream{path: path, files: map[civil.Day][]string{}, partial: map[civil.Day]bool{}, manyKeys: map[civil.Day]bool{}, first: LastDay, last: FirstDay}
}

// Find finds the room files in paths: each directory, searched recursively, is a stream of
// its own; plain files together are one stream. The names of files contain their day; in
// directories, other files are ignored, and symbolic links are not followed. Find reads no
// contents. It and the methods pass problems to fault, one line each, with the file.
func Find(paths []string, fault func(error)) *Archive {
	a := &Archive{fault: fault}
	single := newStream("")
	seen, dirs := map[identity]string{}, map[string]fs.FileInfo{}
	for _, path := range paths {
		st, err := os.Stat(path)
		switch {
		case err != nil:
			fault(named(path, err))
		case st.IsDir():
			if other := twin(st, dirs); other != "" {
				fault(fmt.Errorf("%s: is the same directory as %s; it is read once", path, other))
				continue
			}
			dirs[path] = st
			s := newStream(path)
			a.streams = append(a.streams, s)
			a.walk(s, seen)
		default:
			a.add(single, path, st, true, seen)
		}
	}
	if len(single.files) > 0 {
		a.streams = append(a.streams, single)
	}
	return a
}

// twin returns the path of the same directory in dirs, or "".
func twin(st fs.FileInfo, dirs map[string]fs.FileInfo) string {
	for path, other := range dirs {
		if os.SameFile(st, other) {
			return path
		}
	}
	return ""
}

// identity identifies a file that is found twice. It includes the day, because deduplicating
// programs can give one file the names of several days, for example if these are empty.
type identity struct {
	dev, ino uint64
	day      civil.Day
}

func (a *Archive) walk(s *stream, seen map[identity]string) {
	// The slash makes WalkDir follow path itself if it is a link.
	filepath.WalkDir(s.path+"/", func(path string, d fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(filepath.Base(path), ".") && d != nil && path != s.path+"/"
		switch {
		case err != nil:
			a.fault(named(path, err))
		case hidden && d.IsDir():
			return fs.SkipDir
		case hidden, d.IsDir(), strings.HasSuffix(path, dir.DamagedSuffix):
			// temporary files, and files that were set aside
		case d.Type() == fs.ModeSymlink && (yearFolder.MatchString(d.Name()) || monthFolder.MatchString(d.Name())):
			a.fault(fmt.Errorf("%s: %w", path, errLink)) // otherwise a year would silently be missing
		default:
			st, err := d.Info()
			if err != nil {
				a.fault(named(path, err))
				break
			}
			a.add(s, path, st, false, seen)
		}
		return nil
	})
}

var errLink = errors.New("is a symbolic link; hint: name its target")

// add adds a file to a stream. A file that was named individually must have a date.
func (a *Archive) add(s *stream, path string, st fs.FileInfo, asked bool, seen map[identity]string) {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	day, dated, err := dayOf(abs)
	switch {
	case err == nil && !dated && asked:
		err = errors.New("its name has no date; hint: name it as 2026-11-22.txt")
	case err == nil && dated && st.Mode().Type() == fs.ModeSymlink:
		err = errLink
	case err == nil && dated && !st.Mode().IsRegular():
		err = errors.New("is not a regular file")
	}
	if err != nil {
		a.fault(named(path, err))
		return
	}
	if !dated {
		return
	}
	if strings.HasSuffix(path, dir.PartialSuffix) {
		s.partial[day] = true
		return
	}
	if strings.HasSuffix(path, dir.HostsSuffix) {
		hosts, err := readRoster(path)
		if err != nil {
			a.fault(named(path, err))
		}
		s.partial[day] = s.partial[day] || err != nil || !hosts.IsWhole()
		if len(hosts.Keys) > 1 {
			s.manyKeys[day] = true
		}
		return
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		id := identity{uint64(sys.Dev), uint64(sys.Ino), day}
		if other, twice := seen[id]; twice {
			a.fault(fmt.Errorf("%s: is the same file as %s; it is read once", path, other))
			return
		}
		seen[id] = path
	}
	s.files[day] = append(s.files[day], path)
	s.first, s.last = min(s.first, day), max(s.last, day)
}

func readRoster(path string) (roomfile.Roster, error) {
	text, err := readFile(path)
	if err != nil {
		return roomfile.Roster{}, err
	}
	return roomfile.ParseRoster(text)
}

// UpperBound returns the days of a period that several hosts counted under several keys,
// sorted: an address on two of them counts twice.
func (a *Archive) UpperBound(first, last civil.Day) (days []civil.Day) {
	for _, s := range a.streams {
		for day := range s.manyKeys {
			if first <= day && day <= last && len(s.files[day]) > 0 {
				days = append(days, day)
			}
		}
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// Quiet returns the same archive without reporting problems, which have been reported.
func (a *Archive) Quiet() *Archive { return &Archive{a.streams, func(error) {}} }

// Span returns the first and the last day that has a file; ok is false if there is none.
func (a *Archive) Span() (first, last civil.Day, ok bool) {
	first, last = LastDay, FirstDay
	for _, s := range a.streams {
		first, last = min(first, s.first), max(last, s.last)
	}
	return first, last, first <= last
}

// read returns the entries of a stream's day, sorted by hash; known is false for a day whose
// files could not be read at all. With several files each hash gets its largest count, as in
// a room file that is rewritten.
func (a *Archive) read(s *stream, day civil.Day) (entries []roomfile.Entry, known bool) {
	paths := s.files[day]
	for i, path := range paths {
		if i > 0 {
			a.fault(fmt.Errorf("%s: is a second file of %s, beside %s; each room counts once, with the larger count", path, day, paths[0]))
		}
		text, err := readFile(path)
		if err != nil {
			a.fault(named(path, err))
			continue
		}
		read, err := roomfile.ParseUpTo(text, maxCount)
		if err != nil {
			// One error for each line.
			for flaw := range strings.SplitSeq(err.Error(), "\n") {
				a.fault(fmt.Errorf("%s: %s", path, flaw))
			}
			if len(read) == 0 {
				continue // not a room file, rather than a day without conferences
			}
		}
		if known {
			read = roomfile.Merge(entries, read)
		}
		entries, known = read, true
	}
	return entries, known
}

// readFile returns the contents of a file, decompressed if necessary.
func readFile(path string) ([]byte, error) {
	f, err := archive.Open(path, nil)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := archive.NewReader([]*archive.File{f}, 1)
	defer r.Close()
	var text []byte
	for {
		b, err := r.Next()
		if err == io.EOF {
			return text, nil
		}
		if err = cmp.Or(err, b.Err); err != nil {
			return nil, err
		}
		if text = append(text, b.Bytes()...); len(text) > maxSize {
			return nil, fmt.Errorf("is larger than %d MiB", maxSize>>20)
		}
		r.Free(b)
	}
}

// named adds the path to an error that may already have one. The result still unwraps to a
// *fs.PathError.
func named(path string, err error) error {
	return at{&fs.PathError{Op: "open", Path: filepath.Clean(path), Err: dir.Bare(err)}}
}

// at formats a *fs.PathError without the operation.
type at struct{ *fs.PathError }

func (e at) Error() string { return e.Path + ": " + e.Err.Error() }

func (e at) Unwrap() error { return e.PathError }
