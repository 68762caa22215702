package journal

import (
	"fmt"
	"io"
)

// Writer appends frames to a journal. It must not be used concurrently.
//
// A write that fails, or that a kill or a full disk cuts short, leaves a torn frame, which
// readers skip; the Writer can continue after it. A payload whose Append failed has to be
// appended again. It may be in the file all the same (an error can follow the last byte), so
// applying a payload twice must be harmless.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter writes the header of a new journal to w, which should append to an empty file.
// The key id and the settings (at most MaxSettings bytes) are opaque; Info returns them.
func NewWriter(w io.Writer, keyID [8]byte, settings []byte) (*Writer, error) {
	if len(settings) > MaxSettings {
		return nil, fmt.Errorf("journal settings of %d bytes exceed %d", len(settings), MaxSettings)
	}
	jw := &Writer{w: w}
	jw.buf = appendHeader(jw.buf, keyID, settings)
	if err := jw.flush(); err != nil {
		return nil, fmt.Errorf("write journal header: %w", err)
	}
	return jw, nil
}

// Append writes the payload (1 to MaxPayload bytes) as one frame, with one call of Write.
func (w *Writer) Append(payload []byte) error {
	if len(payload) == 0 || len(payload) > MaxPayload {
		return fmt.Errorf("journal payload of %d bytes is not within 1 to %d", len(payload), MaxPayload)
	}
	w.buf = appendFrame(w.buf[:0], payload)
	if err := w.flush(); err != nil {
		return fmt.Errorf("write journal frame: %w", err)
	}
	return nil
}

func (w *Writer) flush() error {
	n, err := w.w.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	return err
}
