package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
)

const (
	// blockSize is how many bytes of lines are checked together.
	blockSize = 1 << 20
	// longest is the length of the longest line that is checked: longer than any that
	// hushpipe writes.
	longest = 4 << 20
)

// lineFile is a file of lines: a day's own, a copy, or another program's.
type lineFile struct {
	*stream
	name    string // relative to the stream's Path
	day     civil.Day
	size    int64
	changed time.Time
	copy    bool
	foreign bool // another program's, with lines of any day
}

func (f *lineFile) path() string { return filepath.Join(f.Path, f.name) }

// lineFiles returns the dated files of lines in a directory, oldest first.
func (s *stream) lineFiles() (files []*lineFile, err error) {
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		day, behind, ok := dir.DayOf("", e.Name())
		info, err := e.Info()
		if !ok || err != nil || !info.Mode().IsRegular() { // gone meanwhile, or not a regular file
			continue
		}
		if behind != "" {
			s.copies++
		}
		files = append(files, &lineFile{stream: s, name: e.Name(), day: day, size: info.Size(), changed: info.ModTime(), copy: behind != ""})
	}
	slices.SortFunc(files, func(a, b *lineFile) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.name, b.name)) })
	return files, nil
}

// foreignFiles returns the files in a directory and below that are not hushpipe's, such as
// access.log.1 of logrotate. They may contain lines, which nobody deletes.
func (s *stream) foreignFiles() (files []*lineFile) {
	entries, _ := os.ReadDir(s.Path) // lineFiles returns the error
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !isForeign(s.Path, "", info) || info.Mode().Type()&^fs.ModeDir != 0 {
			continue
		}
		filepath.WalkDir(filepath.Join(s.Path, e.Name()), func(path string, e fs.DirEntry, err error) error {
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				s.notProvable(period, path+" is not hushpipe's, and cannot be read")
			}
			if err != nil || !e.Type().IsRegular() {
				return nil
			}
			name, err := filepath.Rel(s.Path, path)
			if info, err2 := e.Info(); err == nil && err2 == nil {
				files = append(files, &lineFile{stream: s, name: name, size: info.Size(), changed: info.ModTime(), foreign: true})
			}
			return nil
		})
	}
	return files
}

// block is some lines of a file, each with its newline.
type block struct {
	*lineFile
	first int // number of the first line, from 1
	lines []byte
	cut   bool // the file lacks the newline of the last line
}

// reader reads files in blocks, which several workers check.
type reader struct {
	blocks chan block
	free   chan []byte
	read   *atomic.Int64 // bytes of the files
}

// readLines checks all lines of the files.
func (a *auditor) readLines(ctx context.Context, files []*lineFile) {
	workers := runtime.GOMAXPROCS(0)
	r := &reader{make(chan block, workers), make(chan []byte, 2*workers+1), a.Read}
	for range cap(r.free) {
		r.free <- nil
	}
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			var l checker
			for b := range r.blocks {
				if ctx.Err() == nil {
					l.checkBlock(b)
				}
				r.free <- b.lines[:0]
			}
			l.addCounts()
		})
	}
	for _, f := range files {
		if err := r.file(ctx, f); err != nil {
			f.unread(f.path(), err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(r.blocks)
	running.Wait()
}

var (
	errLong       = errors.New("has a line that is longer than any that hushpipe writes")
	errCompressed = errors.New("is compressed in a way that cannot be read here")
	errNoText     = errors.New("is not text: it may be compressed or encrypted")
)

// file reads one file up to its size when it was opened. The part after its last newline may
// be a line that is being written.
func (r *reader) file(ctx context.Context, f *lineFile) error {
	file, err := openRegular(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted meanwhile
	} else if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	in, stop, err := decoded(io.TeeReader(io.LimitReader(file, info.Size()), counter{r.read}), file)
	if err != nil {
		return err
	}
	defer stop()
	at, rest := 1, []byte(nil)
	for end := false; !end && ctx.Err() == nil; {
		buf := append((<-r.free)[:0], rest...)
		first := at == 1 && len(buf) == 0
		for err = nil; err == nil; {
			buf = slices.Grow(buf, blockSize)
			var n int
			n, err = fill(in, buf[len(buf):len(buf)+blockSize])
			buf = buf[:len(buf)+n]
			if bytes.IndexByte(buf[len(buf)-n:], '\n') >= 0 {
				break
			}
			if err == nil && len(buf) > longest {
				err = errLong
			}
		}
		if first && !isText(buf) {
			r.free <- buf
			return errNoText
		}
		end = err != nil
		whole := bytes.LastIndexByte(buf, '\n') + 1
		rest = append(rest[:0], buf[whole:]...)
		b := block{lineFile: f, first: at, lines: buf[:whole]}
		if err == io.EOF && len(rest) > 0 && (f.copy || f.foreign || time.Since(f.changed) > maxUnfinished) {
			b.lines, b.cut = append(buf, '\n'), true
		}
		at += bytes.Count(b.lines, newline)
		r.blocks <- b
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// maxUnfinished is how long a line may lack its newline before it counts as cut off.
const maxUnfinished = 2 * time.Minute

// fill reads until b is full. It returns io.EOF only at the end of the text; truncated
// compressed data has another error.
func fill(in io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = in.Read(b[n:])
		n += more
	}
	return n, err
}

// isText reports whether a file begins like a log: compressed or encrypted data has many
// bytes that do not occur in text.
func isText(b []byte) bool {
	b = b[:min(len(b), 64<<10)]
	odd := 0
	for i := 0; i < len(b); {
		c, n := utf8.DecodeRune(b[i:])
		if c == utf8.RuneError && n == 1 || c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			odd++
		}
		i += n
	}
	return odd <= len(b)/8 && !bytes.HasPrefix(b, []byte("-----BEGIN ")) && !bytes.HasPrefix(b, []byte("age-encryption.org/"))
}

var newline = []byte{'\n'}

// openRegular opens a file for reading. It follows no link, and does not block.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, cmp.Or(err, errors.New("is not a regular file"))
	}
	return f, nil
}

// decoded returns the text of a file that may be compressed, and a function that ends its
// use.
func decoded(in io.Reader, file io.ReaderAt) (text io.Reader, stop func(), err error) {
	magic := make([]byte, 6)
	n, _ := file.ReadAt(magic, 0)
	magic = magic[:n]
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(in)
		return z, func() {}, err
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")), n >= 4 && magic[0]&0xf0 == 0x50 && string(magic[1:4]) == "\x2a\x4d\x18": // pzstd begins with a skippable frame
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case bytes.HasPrefix(magic, []byte("BZh")), bytes.HasPrefix(magic, []byte("\xfd7zXZ")), bytes.HasPrefix(magic, []byte("PK\x03\x04")),
		bytes.HasPrefix(magic, []byte("\x04\x22\x4d\x18")), bytes.HasPrefix(magic, []byte("7z\xbc\xaf")), bytes.HasPrefix(magic, []byte("Rar!")),
		bytes.HasPrefix(magic, []byte("\x5d\x00\x00")), bytes.HasPrefix(magic, []byte("\x1f\x9d")), bytes.HasPrefix(magic, []byte("\x1f\xa0")),
		bytes.HasPrefix(magic, []byte("LZIP")), bytes.HasPrefix(magic, []byte("\x89LZO")), bytes.HasPrefix(magic, []byte("\xff\x06\x00\x00sN")):
		return nil, nil, errCompressed
	}
	return in, func() {}, nil
}

// counter counts the bytes read.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// checker checks lines. It holds the state for the current file; one goroutine uses it.
type checker struct {
	stream *stream
	day    civil.Day
	proofs []Proof
	at     int        // index of the proof that suited the last line
	own    int        // number of proofs of the current policy or flags; the rest are earlier ones
	known  bool       // all earlier policies are known
	since  int        // dayGroups.since after the current lines were read
	groups *dayGroups // nil: lines have no groups
	counts map[*stream]*lineCounts

	// For files of other programs:
	parser format.Parser
	line   format.Line
	dated  map[string]bool // by path: some line has a date
}

// lineCounts counts a stream's lines.
type lineCounts struct{ lines, malformed int }

// switchTo loads the state for lines of a stream's day.
func (l *checker) switchTo(s *stream, day civil.Day) {
	if l.stream == s && l.day == day {
		return
	}
	l.stream, l.day = s, day
	l.proofs, l.known = s.proofs(day, func(group pseudonym.Group) bool { return l.groups == nil || l.groups.isOpen(day, group, l.since) })
	l.at, l.own, l.groups = 0, len(s.Ways), nil
	if l.proofs[0].IsGrouped() {
		l.groups = s.groupsOf(day)
	}
	if l.counts == nil {
		l.counts = map[*stream]*lineCounts{}
	}
	if l.counts[s] == nil {
		l.counts[s] = &lineCounts{}
	}
}

// checkBlock checks each line of a block.
func (l *checker) checkBlock(b block) {
	if b.foreign {
		l.checkForeign(b)
		return
	}
	l.switchTo(b.stream, b.day)
	if l.groups != nil {
		l.since = l.groups.since()
	}
	n := l.counts[b.stream]
	places, malformed := l.proofs[l.at].Unfit(b.lines)
	n.malformed += malformed
	n.lines += bytes.Count(b.lines, newline)
	place, rest := 0, b.lines
	for _, unfit := range places {
		for ; place < unfit; place++ {
			rest = rest[bytes.IndexByte(rest, '\n')+1:]
		}
		line := rest[:bytes.IndexByte(rest, '\n')+1]
		doubt := l.doubtOf(line)
		if len(line) == len(rest) && b.cut {
			doubt = l.checkCut(b.lineFile, line, doubt)
		} else if l.groups != nil {
			l.checkGroup(b, b.first+unfit, line)
		}
		if doubt != treatment.NoDoubt {
			b.stream.doubt(b.lineFile, b.first+unfit, doubt)
		}
	}
}

// checkCut returns what is wrong with a line that may be incomplete: an address that is not
// at its end.
func (l *checker) checkCut(f *lineFile, line []byte, doubt treatment.Doubt) treatment.Doubt {
	if doubt == treatment.NoDoubt {
		return doubt
	}
	if end := bytes.LastIndexByte(line, ' '); end > 0 {
		if again := l.doubtOf(append(line[:end:end], '\n')); again == treatment.Address4 || again == treatment.Address6 {
			return again
		}
	}
	f.unread(f.path(), errNoEnd)
	return treatment.NoDoubt
}

var errNoEnd = errors.New("its last line is cut off")

// checkForeign checks lines of a file that is not hushpipe's. Text without a date is not
// taken for a line.
func (l *checker) checkForeign(b block) {
	if l.parser == nil {
		l.parser, _ = format.New("auto", time.Local, nil)
		l.dated = map[string]bool{}
	}
	number := b.first - 1
	for line := range bytes.Lines(b.lines) {
		number++
		if !l.parser.Parse(bytes.TrimSuffix(line, newline), &l.line) || !l.line.HasDay {
			continue
		}
		day := l.line.Day
		b.stream.readDay(day)
		l.switchTo(b.stream, day)
		l.counts[b.stream].lines++
		if !l.dated[b.path()] {
			l.dated[b.path()] = true
			b.stream.foreign(b.path())
		}
		if day < b.stream.survey.first {
			b.stream.fault(period, Fault{File: b.path(), Line: number, What: "is older than " + b.stream.survey.Keep, Do: "delete it: hushpipe does not, as it is another program's"})
		}
		switch doubt := l.doubtOf(line); doubt {
		case treatment.Address4, treatment.Address6, treatment.HostName:
			b.stream.doubt(b.lineFile, number, doubt)
		}
	}
}

// doubtOf returns what is wrong with a line, nothing if some way suits it.
func (l *checker) doubtOf(line []byte) (doubt treatment.Doubt) {
	if l.at > 0 && l.suits(l.at, line) {
		return treatment.NoDoubt
	}
	for i, p := range l.proofs {
		got := p.Look(line)
		if i < l.own && got == treatment.NoDoubt || i >= l.own && p.Suits(line) {
			if l.at = i; i >= l.own {
				l.stream.isEarlier()
			}
			return treatment.NoDoubt
		}
		// If a way finds the line Untreated, it found no address in it. It may drop the
		// client, and then does not detect a host name.
		isAddress := doubt == treatment.Address4 || doubt == treatment.Address6
		if i == 0 || got == treatment.Unclear || got == treatment.Vague || got == treatment.Untreated && isAddress {
			doubt = got
		}
	}
	switch of := doubts[doubt].of; {
	case l.known, l.stream.ByFlags && of != fields:
	case l.stream.ByFlags:
		l.stream.notProvable(of, fmt.Sprintf("some lines of %s may have been written under other flags, which nothing records", l.day))
		return treatment.NoDoubt
	default:
		l.stream.notProvable(of, fmt.Sprintf("some lines of %s may have been written under an earlier policy, whose text is gone", l.day))
		return treatment.NoDoubt
	}
	return doubt
}

// suits reports whether a line may have been processed in a certain way. It is not enough
// that an earlier way finds nothing: processing the line again must not change it.
func (l *checker) suits(way int, line []byte) bool {
	if way < l.own {
		return l.proofs[way].Look(line) == treatment.NoDoubt
	}
	return l.proofs[way].Suits(line)
}

// addCounts adds the counts to the streams.
func (l *checker) addCounts() {
	for s, n := range l.counts {
		s.mu.Lock()
		s.lines += n.lines
		s.malformed += n.malformed
		s.mu.Unlock()
	}
}

// proofs returns a Proof for each way in which lines of a day may have been processed. known
// is false if there may be others.
func (s *stream) proofs(day civil.Day, isOpen func(pseudonym.Group) bool) (list []Proof, known bool) {
	d := s.keysOfDay(day)
	ways, known := s.Ways, true
	if s.Earlier != nil {
		var earlier []Way
		earlier, known = s.Earlier(day)
		ways = slices.Concat(ways, earlier)
	}
	for _, way := range ways {
		if p, err := way(pseudonym.NewProof(d.key, d.modes), day, isOpen); err == nil {
			list = append(list, p)
			if !p.IsGrouped() {
				s.groups.noteMixed(day)
			}
		} else { // New has tried the current ones
			known = false
		}
	}
	return list, known
}

// isEarlier records that a line only fits an earlier policy.
func (s *stream) isEarlier() {
	s.mu.Lock()
	s.earlier = true
	s.mu.Unlock()
}
