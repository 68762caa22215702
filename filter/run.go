package filter

import (
	"bytes"
	"errors"
	"io"
)

const (
	// readSize is what one read asks for: a pipe of Linux's default size. What
	// it becomes still fits a processor's cache when it is written.
	readSize = 64 << 10
	// maxLine bounds a line. Apache's longest is about 98 KB: LimitRequestLine
	// and the header fields, each byte escaped to four.
	maxLine = 1 << 20
)

// Output takes treated batches.
type Output interface {
	// Get returns an empty batch.
	Get() *Batch
	// Put takes the batch back, filled. An error ends the run.
	Put(*Batch) error
}

// Run treats the lines of in until its end and hands them to out, a batch for
// each read: when in has nothing more to say, nothing is held back but the
// beginning of a line. The last line needs no newline, and gets one; that of an
// input that was stopped (ErrStopped) is left alone, since its end may follow.
func (f *Filter) Run(in io.Reader, out Output) error {
	buf := make([]byte, readSize)
	held := 0      // bytes of a line whose end is not read yet
	inCut := false // what comes next belongs to a line that is longer than maxLine
	for {
		n, err := in.Read(buf[held:])
		data := buf[:held+n]
		if inCut {
			end := bytes.IndexByte(data, '\n')
			inCut = end < 0
			if inCut {
				end = len(data) - 1
			}
			data = data[end+1:]
		}
		end := bytes.LastIndexByte(data, '\n') + 1
		lines, rest := data[:end], data[end:]
		if len(rest) > maxLine {
			inCut = true
		}
		if len(rest) > 0 && (inCut || err != nil && !errors.Is(err, ErrStopped)) {
			lines, rest = append(data, '\n'), nil
		}
		if len(lines) > 0 {
			b := out.Get()
			f.renew()
			f.treatLines(b, lines)
			f.share()
			if err := out.Put(b); err != nil {
				return err
			}
		}
		held = copy(buf, rest)
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

// treatLines treats whole lines. A line that makes the program panic is left
// out and counted; it must not end the process and come back with the next.
func (f *Filter) treatLines(b *Batch, lines []byte) {
	for len(lines) > 0 {
		lines = f.treatSome(b, lines)
	}
}

func (f *Filter) treatSome(b *Batch, lines []byte) (rest []byte) {
	rest = lines
	defer func() {
		if recover() != nil {
			f.stats.Failed++
		}
	}()
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n')
		line := rest[:end]
		rest = rest[end+1:]
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
