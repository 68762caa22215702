package daylog

import (
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"hushpipe/filter/dir"
)

// maxOpen bounds the open day files: enough for the usual retention.
const maxOpen = 16

// dayFile is an open log file.
type dayFile struct {
	*os.File
	log  dir.Log
	name string
	// Dev and Ino are compared to see whether the name still leads to the file.
	id unix.Stat_t
	// end is the offset up to which no process of hushpipe removes anything.
	end int64

	locked bool // AppendTo holds its lock
	// stuck is set while another process holds the lock for longer than AppendTo waits: then
	// nobody waits until it has been free again.
	stuck bool
	inUse bool // by AppendTo; openFiles.mu guards this and the next field
	close bool // to be closed when AppendTo releases it
}

// openFiles holds the open day files. AppendTo uses one of them at a time; the goroutine
// that deletes files closes the others.
type openFiles struct {
	mu   sync.Mutex // never held during I/O
	list []*dayFile // most recently used first
}

// find returns a file marked as in use, or nil.
func (o *openFiles) find(log dir.Log) *dayFile {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, f := range o.list {
		if f.log == log {
			copy(o.list[1:i+1], o.list[:i])
			o.list[0] = f
			f.inUse = true
			return f
		}
	}
	return nil
}

// add adds a file that is in use. If there are too many it closes the least recently used.
func (o *openFiles) add(f *dayFile) {
	var last *dayFile
	o.mu.Lock()
	if len(o.list) == maxOpen {
		last = o.list[maxOpen-1]
		o.list = o.list[:maxOpen-1]
	}
	o.list = slices.Insert(o.list, 0, f)
	o.mu.Unlock()
	if last != nil {
		last.Close()
	}
}

// closeLater makes release close a file in use.
func (o *openFiles) closeLater(f *dayFile) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f.close = true
}

// release ends the use of a file.
func (o *openFiles) release(f *dayFile) {
	o.mu.Lock()
	f.inUse = false
	ended := f.close
	if ended {
		o.list = slices.DeleteFunc(o.list, func(g *dayFile) bool { return g == f })
	}
	o.mu.Unlock()
	if ended {
		f.Close()
	}
}

// forget closes all files; one in use is closed on release.
func (o *openFiles) forget() {
	var idle []*dayFile
	o.mu.Lock()
	o.list = slices.DeleteFunc(o.list, func(f *dayFile) bool {
		f.close = f.inUse
		if !f.inUse {
			idle = append(idle, f)
		}
		return !f.inUse
	})
	o.mu.Unlock()
	for _, f := range idle {
		f.Close()
	}
}
