// Package archive reads log files one after the other, plain and compressed ones, several of
// them ahead.
package archive

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
)

const (
	// BlockSize is the maximum size of a Block in bytes. It fits a processor's cache,
	// together with the output for it.
	BlockSize = 256 << 10
	// headroom is the space before a Block's data, for the beginning of its first line.
	headroom = 32 << 10
	// spare is the number of used blocks kept for reuse.
	spare = 64
)

// File is one file of an archive. A regular file is open only while it is read, so there may
// be more of them than a process can open.
type File struct {
	name  string
	file  *os.File    // nil: open by name
	info  fs.FileInfo // when first opened
	start int64       // offset in a regular file: another program may have read part of stdin
	size  int64       // from start
	kind  kind        // of a regular file
}

// Open opens the file at path, "-" for stdin. It refuses a regular file with an unknown
// compression or encoding (see checkText).
func Open(path string, stdin *os.File) (*File, error) {
	f := &File{name: path, file: stdin, size: -1}
	if path == "-" {
		f.name = "stdin"
	} else {
		var err error
		if f.file, err = os.Open(path); err != nil {
			return nil, err
		}
	}
	var err error
	f.info, err = f.file.Stat()
	switch {
	case err != nil:
	case f.info.IsDir():
		err = errors.New("is a directory; hint: name its files")
	case f.info.Mode().IsRegular():
		if f.start, err = f.file.Seek(0, io.SeekCurrent); err != nil {
			break
		}
		f.size = max(f.info.Size()-f.start, 0)
		magic := make([]byte, magicSize)
		n, _ := f.file.ReadAt(magic, f.start) // an error will be reported later
		if f.kind, err = kindOf(magic[:n]); err == nil {
			err = f.checkText()
		}
		if path != "-" {
			f.Close()
			f.file = nil
		}
	}
	if err != nil {
		f.Close()
		return nil, f.fault(err)
	}
	return f, nil
}

// checkText checks the encoding of a regular file. Read errors are reported later.
func (f *File) checkText() error {
	_, stop, err := newDecoder(io.NewSectionReader(f.file, f.start, f.size))
	stop()
	if !errors.As(err, new(*encodingError)) {
		return nil
	}
	return err
}

// Name is the path, or "stdin".
func (f *File) Name() string { return f.name }

// Size is the number of bytes in a regular file from the offset at which it was opened, -1
// for other files, which can only be read once.
func (f *File) Size() int64 { return f.size }

// Info is the file's info when it was opened.
func (f *File) Info() fs.FileInfo { return f.info }

// Rewind seeks to the offset at which a regular file was opened.
func (f *File) Rewind() error {
	if f.file == nil {
		return nil // it is opened again each time
	}
	_, err := f.file.Seek(f.start, io.SeekStart)
	return err
}

// Close ends the use of the file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// ChangedError means that a file which could be opened at the start cannot be any more, or
// was replaced. Nothing of it was read.
type ChangedError struct {
	Path string
	Err  error // why
}

func (e *ChangedError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *ChangedError) Unwrap() error { return e.Err }

// open returns the file for one reading, and a function that ends its use. The error is a
// *ChangedError.
func (f *File) open() (file *os.File, stop func(), err error) {
	if f.file != nil {
		return f.file, func() {}, nil
	}
	file, err = os.Open(f.name)
	if err == nil {
		var st fs.FileInfo
		if st, err = file.Stat(); err == nil {
			switch {
			case !os.SameFile(st, f.info):
				err = errors.New("was replaced since the start")
			case st.Size()-f.start < f.size:
				err = errors.New("is shorter than at the start")
			default:
				_, err = file.Seek(f.start, io.SeekStart)
			}
		}
		if err != nil {
			file.Close()
		}
	}
	var path *fs.PathError
	switch {
	case err == nil:
		return file, func() { file.Close() }, nil
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("no longer exists")
	case errors.Is(err, fs.ErrPermission): // landlock(7) allows the file that was there
		err = errors.New("was replaced since the start, or can no longer be read")
	case errors.As(err, &path):
		err = path.Err
	}
	return nil, nil, &ChangedError{f.name, err}
}

// fault adds the file's name to an error, once.
func (f *File) fault(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if err == io.ErrUnexpectedEOF {
		err = errors.New("its end is missing") // the decoders' error for that
	}
	return &fs.PathError{Op: "read", Path: f.name, Err: err}
}

// Block is a piece of a file.
type Block struct {
	buf        []byte
	start, end int
	// Err is why the file ends here; it names the file. After a *ChangedError stop reading:
	// it counts as the end of the input.
	Err error
}

// Bytes returns the block's data.
func (b *Block) Bytes() []byte { return b.buf[b.start:b.end] }

// Prepend inserts text before the block's data.
func (b *Block) Prepend(text []byte) {
	if len(text) > b.start {
		buf := make([]byte, len(text)+len(b.Bytes())+1)
		b.end = len(text) + copy(buf[len(text):], b.Bytes())
		b.buf, b.start = buf, len(text)
	}
	b.start -= len(text)
	copy(b.buf[b.start:], text)
}

// Reader reads files one after the other. One goroutine calls Next, any goroutine the other
// methods.
type Reader struct {
	ctx     context.Context
	Close   func()           // stops reading; any goroutine may call it
	files   chan chan *Block // files being read, in order
	current chan *Block      // nil: take the next one
	free    chan *Block
	read    atomic.Int64
}

// NewReader returns a Reader of the files, and starts reading them, each in its own
// goroutine, at most ahead of them at a time.
func NewReader(files []*File, ahead int) *Reader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Reader{ctx: ctx, Close: cancel, files: make(chan chan *Block, ahead), free: make(chan *Block, spare)}
	go func() {
		defer close(r.files)
		turns := make(chan struct{}, ahead)
		for _, f := range files {
			blocks := make(chan *Block, f.kind.ahead())
			select {
			case r.files <- blocks:
			case <-ctx.Done():
				return
			}
			// A small file can be read completely long before its blocks are needed.
			select {
			case turns <- struct{}{}:
			case <-ctx.Done():
				return
			}
			go func() {
				r.readFile(f, blocks)
				close(blocks)
				<-turns
			}()
		}
	}()
	return r
}

// Next returns the next block. The error is io.EOF after the last one, and context.Canceled
// after Close.
func (r *Reader) Next() (*Block, error) {
	for {
		if r.current == nil {
			select {
			case blocks, more := <-r.files:
				if !more && r.ctx.Err() == nil {
					return nil, io.EOF
				}
				r.current = blocks
			case <-r.ctx.Done():
			}
		}
		select {
		case b, more := <-r.current:
			if more {
				return b, nil
			}
			r.current = nil
		case <-r.ctx.Done():
		}
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// Free recycles a block that is no longer used.
func (r *Reader) Free(b *Block) {
	if len(b.buf) != bufSize {
		return // it had a long line
	}
	select {
	case r.free <- b:
	default:
	}
}

// bufSize includes space for an added newline.
const bufSize = headroom + BlockSize + 1

func (r *Reader) block() *Block {
	select {
	case b := <-r.free:
		*b = Block{buf: b.buf, start: headroom, end: headroom}
		return b
	default:
		return &Block{buf: make([]byte, bufSize), start: headroom, end: headroom}
	}
}

// Progress returns how many bytes of the files have been read, before decompression.
func (r *Reader) Progress() int64 { return r.read.Load() }

// counted counts the bytes read.
type counted struct {
	from io.Reader
	n    *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// readFile reads one file to its end.
func (r *Reader) readFile(f *File, blocks chan<- *Block) {
	file, end, err := f.open()
	if err != nil {
		b := r.block()
		b.Err = err
		select {
		case blocks <- b:
		case <-r.ctx.Done():
		}
		return
	}
	defer end()
	src, stop, err := newDecoder(counted{file, &r.read})
	defer stop()
	for ended := false; !ended; {
		b := r.block()
		for err == nil && b.end < headroom+BlockSize {
			var n int
			n, err = src.Read(b.buf[b.end : headroom+BlockSize])
			b.end += n
		}
		if ended = err != nil; ended && err != io.EOF {
			b.Err = f.fault(err)
		}
		select {
		case blocks <- b:
		case <-r.ctx.Done():
			return
		}
	}
}
