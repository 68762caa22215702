package filter

import (
	"bytes"
	"errors"
	"io"
	"time"
)

const (
	// readSize is what one read asks for. What it becomes still fits a processor's
	// cache when it is written.
	readSize = 256 << 10
	// away is how long it may take to treat what was read, before a read asks for
	// less, as the first one does: meanwhile the web server's pipe fills.
	away = 2 * time.Millisecond
	// batchSize is what a batch is made of, at most, but for a longer line: after a
	// kill, one batch can stand twice.
	batchSize = 64 << 10
	// maxLine bounds a line. Apache's longest is about 98 KB: LimitRequestLine
	// and the header fields, each byte escaped to four.
	maxLine = 1 << 20
)

// Output takes treated batches.
type Output interface {
	// Get returns an empty batch. Of a Keeper, several are filled before the first
	// of them is put.
	Get() *Batch
	// Put takes a batch back, filled. An error ends the run.
	Put(*Batch) error
	// Wait returns when all batches that were put are written. Where that takes
	// too long, it goes on for as long as patient says.
	Wait(patient func() bool)
}

// Keeper is an input that keeps what was read until it is committed, for
// another process to read it where this one is killed.
type Keeper interface {
	io.Reader
	// Fresh reports whether Read has bytes to return now. Where it has not, what
	// is due has to be committed before the next Read.
	Fresh() bool
	// Patient reports whether what was put can go on waiting for its Commit: there
	// is room for what comes meanwhile, and somebody to read it again.
	Patient() bool
	// Commit lets go of the first n bytes that were read and not committed yet. It
	// may be called while another method is.
	Commit(n int) error
}

// Run treats the lines of in until its end and hands them to out, in one batch or
// several for each read: when in has nothing more to say, nothing is held back but
// the beginning of a line. The last line needs no newline, and gets one; that of
// an input that was stopped (ErrStopped) is left alone, since its end may follow.
//
// Of a Keeper the lines of a batch are committed once it is written. Meanwhile more
// is read, as long as the Keeper has bytes to return.
func (f *Filter) Run(in io.Reader, out Output) error {
	last := uncommitted{out: out}
	if keeper, ok := in.(Keeper); ok {
		last.in, last.patient = keeper, keeper.Patient
	}
	err := f.run(in, out, &last)
	if unkept := last.commit(); unkept != nil {
		err = errors.Join(err, unkept)
	}
	return err
}

func (f *Filter) run(in io.Reader, out Output, last *uncommitted) error {
	buf := make([]byte, readSize)
	held := 0 // bytes of a line whose end is not read yet
	var c cutter
	var batches []*Batch
	size := batchSize
	for {
		if !last.isEmpty() && !last.in.Fresh() {
			if err := last.commit(); err != nil {
				return err
			}
		}
		n, err := in.Read(buf[held:min(held+size, len(buf))])
		start := time.Now()
		last.read += n
		f.read.Add(uint64(n))
		lines, rest := c.cut(buf[:held+n], err != nil && !errors.Is(err, ErrStopped))
		for len(lines) > 0 {
			b := out.Get()
			f.renew()
			n := len(lines)
			if last.in != nil {
				n = batchLen(lines)
			}
			f.treatLines(b, lines[:n])
			lines = lines[n:]
			b.input = n
			batches = append(batches, b)
		}
		if took := time.Since(start); took > away {
			size = max(size/2, batchSize)
		} else if took < away/3 {
			size = min(2*size, readSize)
		}
		if len(batches) > 0 {
			f.share()
			if err := last.settle(); err != nil {
				return err
			}
		}
		held = copy(buf, rest)
		last.put(batches, held)
		for _, b := range batches {
			if err := out.Put(b); err != nil {
				return err
			}
		}
		batches = batches[:0]
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err // it names the input
		}
		if held == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		} else if held < readSize/2 && len(buf) > readSize {
			buf = append(make([]byte, 0, readSize), buf[:held]...)[:readSize]
		}
	}
}

// batchLen returns how many bytes of whole lines make a batch.
func batchLen(lines []byte) int {
	if len(lines) <= batchSize {
		return len(lines)
	}
	if end := bytes.LastIndexByte(lines[:batchSize], '\n'); end >= 0 {
		return end + 1
	}
	return batchSize + bytes.IndexByte(lines[batchSize:], '\n') + 1
}

// cutter cuts what is read into whole lines. Of a line that is longer than
// maxLine it leaves out what comes after the read in which that shows.
type cutter struct {
	inCut bool // what comes next belongs to such a line
}

// cut returns the whole lines that data begins with, and the rest, with which
// the data of the next call begins. The last line gets its newline, which may
// be written behind data.
func (c *cutter) cut(data []byte, last bool) (lines, rest []byte) {
	if c.inCut {
		end := bytes.IndexByte(data, '\n')
		c.inCut = end < 0 && !last
		if end < 0 {
			end = len(data) - 1
		}
		data = data[end+1:]
	}
	end := bytes.LastIndexByte(data, '\n') + 1
	lines, rest = data[:end], data[end:]
	if len(rest) > 0 && (last || len(rest) > maxLine) {
		c.inCut = !last
		lines, rest = append(data, '\n'), nil
	}
	return lines, rest
}

// treatLines treats whole lines. A line that makes the program panic is left
// out and counted; it must not end the process and come back with the next.
func (f *Filter) treatLines(b *Batch, lines []byte) {
	b.room = len(lines) + len(lines)/4 // pseudonyms are longer than addresses
	f.hasNUL = bytes.IndexByte(lines, 0) >= 0
	for len(lines) > 0 {
		lines = f.treatSome(b, lines)
	}
}

func (f *Filter) treatSome(b *Batch, lines []byte) (rest []byte) {
	rest = lines
	f.next.end = 0 // of other lines
	defer func() {
		if recover() != nil {
			f.stats.Failed++
		}
	}()
	for len(rest) > 0 {
		var line []byte
		line, rest = f.marks.Cut(rest)
		f.lookAhead(rest)
		f.treat(b, line)
	}
	return rest
}

// cutLine returns the beginning of a line that is longer than maxLine. What
// could begin an address there is left out with the rest.
func cutLine(line []byte) []byte {
	line = line[:maxLine]
	for len(line) > 0 {
		c := line[len(line)-1]
		if class[c]&(inHex|inSep) == 0 && c != '%' && c != '\\' && c != 'u' {
			break
		}
		line = line[:len(line)-1]
	}
	return line
}
