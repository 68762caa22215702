package daylog

import (
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"hushpipe/filter/dir"
)

// maxOpen bounds the day files held open: those of the usual retention.
const maxOpen = 16

// dayFile is an open log file.
type dayFile struct {
	*os.File
	log  dir.Log
	name string
	// Dev and Ino tell whether the name still leads to the file.
	id unix.Stat_t
	// No process of hushpipe takes away what is before it.
	end int64

	locked bool // Append has its lock
	// stuck is set while somebody holds its lock for longer than Append waits: nobody waits
	// then, until it has been free again.
	stuck bool
	inUse bool // Append is at it; guarded by openFiles.mu, as what follows
	close bool // it is to be closed as soon as Append is done
}

// openFiles are the day files that are open. Append works on one of them at a time,
// and whoever has deleted files has the others closed.
type openFiles struct {
	mu   sync.Mutex // held for moments only, never for the disk
	list []*dayFile // the last used first
}

// find returns a file for use, or nil.
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

// add takes in a file in use. Of too many it closes the one that was not used for
// longest.
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

// closeLater has a file in use closed once it is put back.
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

// forget closes all files that are not in use, and the one that is once it is put
// back.
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
