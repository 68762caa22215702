package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format/civil"
)

const (
	// blockSize is how many bytes of lines are looked at together.
	blockSize = 1 << 20
	// longest is the length of the longest line that is looked at: more than hushpipe writes.
	longest = 4 << 20
)

// lineFile is a file of lines: a day's own, or a copy that somebody made.
type lineFile struct {
	*stream
	name string
	day  civil.Day
	size int64
}

func (f *lineFile) path() string { return filepath.Join(f.Path, f.name) }

// lineFiles returns the files of lines in a directory, oldest first.
func (s *stream) lineFiles() (files []*lineFile, err error) {
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		day, behind, ok := dir.DayOf("", e.Name())
		info, err := e.Info()
		if !ok || err != nil || !info.Mode().IsRegular() { // gone meanwhile, or not to be read
			continue
		}
		if behind != "" {
			s.copies++
		}
		files = append(files, &lineFile{s, e.Name(), day, info.Size()})
	}
	slices.SortFunc(files, func(a, b *lineFile) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.name, b.name)) })
	return files, nil
}

// block is some lines of a file, each with its newline.
type block struct {
	*lineFile
	first int // number of the first line, from 1
	lines []byte
}

// reader reads files, and has their lines looked at by several workers.
type reader struct {
	blocks chan block
	free   chan []byte
	read   *atomic.Int64 // bytes of the files
}

// readLines looks at all lines of the files.
func (a *auditor) readLines(ctx context.Context, files []*lineFile) {
	workers := runtime.GOMAXPROCS(0)
	r := &reader{make(chan block, workers), make(chan []byte, 2*workers+1), a.Read}
	for range cap(r.free) {
		r.free <- nil
	}
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			var l looker
			for b := range r.blocks {
				if ctx.Err() == nil {
					l.look(b)
				}
				r.free <- b.lines[:0]
			}
			l.done()
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
)

// file reads one file up to where it ended when it was opened. What is behind its last
// newline may be in the making.
func (r *reader) file(ctx context.Context, f *lineFile) error {
	file, err := openRegular(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was deleted meanwhile
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
		for end = false; !end; {
			buf = slices.Grow(buf, blockSize)
			n, err := io.ReadFull(in, buf[len(buf):len(buf)+blockSize])
			buf = buf[:len(buf)+n]
			if end = err == io.EOF || err == io.ErrUnexpectedEOF; err != nil && !end {
				r.free <- nil
				return err
			}
			if bytes.IndexByte(buf[len(buf)-n:], '\n') >= 0 {
				break
			}
			if len(buf) > longest {
				r.free <- nil
				return errLong
			}
		}
		whole := bytes.LastIndexByte(buf, '\n') + 1
		rest = append(rest[:0], buf[whole:]...)
		b := block{f, at, buf[:whole]}
		at += bytes.Count(b.lines, newline)
		r.blocks <- b
	}
	return nil
}

var newline = []byte{'\n'}

// openRegular opens a file to be read. It follows no link, and waits for nobody.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, cmp.Or(err, errors.New("is no regular file"))
	}
	return f, nil
}

// decoded returns the text of a file that may be compressed, and what ends its use.
func decoded(in io.Reader, file io.ReaderAt) (text io.Reader, stop func(), err error) {
	magic := make([]byte, 6)
	n, _ := file.ReadAt(magic, 0)
	magic = magic[:n]
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(in)
		return z, func() {}, err
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case bytes.HasPrefix(magic, []byte("BZh")), bytes.HasPrefix(magic, []byte("\xfd7zXZ")), bytes.HasPrefix(magic, []byte("PK\x03\x04")),
		bytes.HasPrefix(magic, []byte("\x04\x22\x4d\x18")), bytes.HasPrefix(magic, []byte("7z\xbc\xaf")):
		return nil, nil, errCompressed
	}
	return in, func() {}, nil
}

// counter counts what is read.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// looker looks at lines. It has what the file at hand needs, and serves one goroutine.
type looker struct {
	stream *stream
	day    civil.Day
	proofs []Proof
	counts map[*stream]*lineCounts
}

// lineCounts is what was seen of a stream's lines.
type lineCounts struct{ lines, malformed int }

// look looks at each line of a block.
func (l *looker) look(b block) {
	if l.stream != b.stream || l.day != b.day {
		l.stream, l.day = b.stream, b.day
		l.proofs = b.stream.proofs(b.day)
		if l.counts == nil {
			l.counts = map[*stream]*lineCounts{}
		}
		if l.counts[b.stream] == nil {
			l.counts[b.stream] = &lineCounts{}
		}
	}
	n := l.counts[b.stream]
	fit, malformed := l.proofs[0].AllFit(b.lines)
	n.malformed += malformed
	number := b.first
	for line := range bytes.Lines(b.lines) {
		n.lines++
		if fit {
			continue
		}
		if doubt := l.least(line); doubt != treatment.NoDoubt {
			b.stream.doubt(b.lineFile, number, doubt)
		}
		number++
	}
}

// least returns what is wrong with a line in the way that suits it best.
func (l *looker) least(line []byte) (doubt treatment.Doubt) {
	for i, p := range l.proofs {
		if got := p.Look(line); i == 0 || got == treatment.NoDoubt {
			doubt = got
		}
		if doubt == treatment.NoDoubt {
			break
		}
	}
	return doubt
}

// done adds up the counts.
func (l *looker) done() {
	for s, n := range l.counts {
		s.mu.Lock()
		s.lines += n.lines
		s.malformed += n.malformed
		s.mu.Unlock()
	}
}

// proofs returns a Proof for each way in which lines of a day may have been treated.
func (s *stream) proofs(day civil.Day) (list []Proof) {
	d := s.key[day]
	for _, way := range s.Ways {
		p, _ := way(pseudonym.NewProof(d.key, d.modes), day) // New has tried it
		list = append(list, p)
	}
	return list
}
