package journal

import (
	"io"
	"os"
)

// File is the file that a process's Writer appends to. Its os.File is nil while it is
// closed.
type File struct{ *os.File }

// Write removes a frame again if the disk took only part of it: the caller writes it again,
// and readers would take the part for damage.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil && n > 0 {
		end, seekErr := f.Seek(0, io.SeekCurrent)
		st, statErr := f.Stat()
		// Otherwise another process writes to it, too.
		if seekErr == nil && statErr == nil && st.Size() == end && f.Truncate(end-int64(n)) == nil {
			n = 0
		}
	}
	return n, err
}
