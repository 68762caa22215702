package daylog

import "os"

// MaxOpen is how many day files are held open.
const MaxOpen = maxOpen

// SetWrite makes the Log write by a function that may fail, in place of write(2).
func (l *Log) SetWrite(write func(fd int, p []byte) (int, error)) { l.write = write }

// HeldOpen returns the day files that are held open.
func (l *Log) HeldOpen() []*os.File {
	var files []*os.File
	for _, f := range l.files.list {
		files = append(files, f.File)
	}
	return files
}
