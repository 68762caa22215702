package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Info is the result of reading a journal.
type Info struct {
	HeaderOK bool // the header is intact: KeyID and Settings are valid
	KeyID    [8]byte
	Settings []byte

	Frames int   // number of frames delivered
	Offset int64 // end of the last of them, or of the header: where the next Read continues

	// Damaged counts the places that were skipped: bytes before a frame that are no frame,
	// an unreadable header, and bytes at the end that no later write can complete. Those at
	// the end are beyond Offset, so the next Read from there counts them again.
	Damaged int

	// Torn reports that the file ends within a header or a frame, which is normal while a
	// writer is active or after it was killed.
	Torn bool
}

// bufferSize fits several of the longest frames, so that moving their rest is rare.
const bufferSize = 4 * (frameBase + MaxPayload)

// Read calls fn with the payload of each intact frame from offset off on, in file order. A
// payload is valid until fn returns. With off 0 it begins with the header; if that is
// damaged, it still delivers the frames, with HeaderOK false. With the Offset of an earlier
// Info it delivers what was appended since. A file of another version returns ErrVersion and
// no frames. An error of fn or r ends the reading and is returned with the Info up to there.
// Read uses a few hundred KiB, however long the file.
func Read(r io.ReaderAt, off int64, fn func(payload []byte) error) (Info, error) {
	s := scanner{r: r, next: off, buf: make([]byte, 0, bufferSize)}
	info := Info{Offset: off}
	gap := false // bytes since Offset were skipped
	if off == 0 {
		if err := s.header(&info); err != nil {
			return info, err
		}
		gap = !info.HeaderOK
	}
	for {
		if err := s.fill(frameBase + MaxPayload); err != nil {
			return info, err
		}
		if len(s.rest()) == 0 {
			break
		}
		payload, part := parseFrame(s.rest())
		if part != whole {
			if !gap {
				gap, info.Torn = true, part == truncated
			}
			s.seek()
			continue
		}
		if gap {
			info.Damaged++
		}
		gap, info.Torn = false, false
		if err := fn(payload); err != nil {
			return info, fmt.Errorf("replay journal frame at offset %d: %w", s.offset(), err)
		}
		s.skip(frameBase + len(payload))
		info.Frames++
		info.Offset = s.offset()
	}
	if gap && !info.Torn {
		info.Damaged++
	}
	return info, nil
}

// ReadHeader is Read for the header alone: it reads no frames, and counts no damage.
func ReadHeader(r io.ReaderAt) (Info, error) {
	s := scanner{r: r, buf: make([]byte, 0, maxHeader)}
	var info Info
	err := s.header(&info)
	return info, err
}

// scanner is a window that moves forward through the file.
type scanner struct {
	r    io.ReaderAt
	next int64 // offset of the byte after buf
	buf  []byte
	pos  int // start of the window in buf
	eof  bool
}

func (s *scanner) rest() []byte  { return s.buf[s.pos:] }
func (s *scanner) offset() int64 { return s.next - int64(len(s.rest())) }
func (s *scanner) skip(n int)    { s.pos += n }

// header reads the header. If that is damaged, it does not move the window.
func (s *scanner) header(info *Info) error {
	if err := s.fill(maxHeader); err != nil {
		return err
	}
	n, part := parseHeader(s.rest())
	if part != whole {
		info.Torn = part == truncated
		return nil
	}
	if v := s.rest()[len(magic)]; v != version {
		return fmt.Errorf("%w: %d, this program reads %d", ErrVersion, v, version)
	}
	info.HeaderOK = true
	copy(info.KeyID[:], s.rest()[len(magic)+1:])
	info.Settings = bytes.Clone(s.rest()[headerBase : n-4])
	s.skip(n)
	info.Offset = s.offset()
	return nil
}

// fill makes rest at least n bytes long, unless the file ends before.
func (s *scanner) fill(n int) error {
	for len(s.rest()) < n && !s.eof {
		if cap(s.buf)-s.pos < n {
			s.buf = s.buf[:copy(s.buf, s.rest())]
			s.pos = 0
		}
		m, err := s.r.ReadAt(s.buf[len(s.buf):cap(s.buf)], s.next)
		s.buf = s.buf[:len(s.buf)+m]
		s.next += int64(m)
		if errors.Is(err, io.EOF) {
			s.eof = true
		} else if err != nil {
			return fmt.Errorf("read journal at offset %d: %w", s.next, err)
		}
	}
	return nil
}

// seek skips at least one byte, to the next possible beginning of a frame.
func (s *scanner) seek() {
	s.skip(1)
	if i := bytes.IndexByte(s.rest(), frameMagic[0]); i >= 0 {
		s.skip(i)
	} else {
		s.skip(len(s.rest()))
	}
}
