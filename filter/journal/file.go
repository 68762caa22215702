package journal

import (
	"io"
	"os"
)

// File is what a Writer of a process appends to. Its os.File is nil while it is closed.
type File struct{ *os.File }

// Write leaves nothing of a frame if the disk took only a part of it: it is
// written again, and readers would take the part for damage.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil && n > 0 {
		end, seekErr := f.Seek(0, io.SeekCurrent)
		st, statErr := f.Stat()
		// Else somebody else writes to it, too.
		if seekErr == nil && statErr == nil && st.Size() == end && f.Truncate(end-int64(n)) == nil {
			n = 0
		}
	}
	return n, err
}
