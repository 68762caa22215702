package registry

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"hushpipe/filter/counters"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// Figures are what metrics shows about DIR, known without waiting for its disk.
type Figures struct {
	counters.Values           // of this process
	Known           bool      // Rooms, Pairs, Visits and Oldest were read at least once
	Rooms, Pairs    int       // of today's room file
	Visits          uint64    // of people, in today's traffic file
	Oldest          time.Time // midnight at the beginning of the oldest day with lines; zero: none
	LastWrite       time.Time // of lines, by this process; zero: never
}

// snapshot is what a round read from DIR.
type snapshot struct {
	today        civil.Day
	rooms, pairs int
	visits       uint64
	oldest       time.Time
}

// Gauges collects the figures of the lines and rooms in DIR. One goroutine calls Refresh,
// any the other methods.
type Gauges struct {
	wrote    atomic.Int64 // last write of lines, in seconds since 1970; 0: never
	snapshot atomic.Pointer[snapshot]
	today    roomFigures
	visits   visitFigures
}

// SetWritten records that lines were written.
func (g *Gauges) SetWritten(now time.Time) { g.wrote.Store(now.Unix()) }

// Figures returns the figures at the time now; c are this process's counters.
func (g *Gauges) Figures(c counters.Values, now time.Time) Figures {
	f := Figures{Values: c}
	if at := g.wrote.Load(); at != 0 {
		f.LastWrite = time.Unix(at, 0)
	}
	if n := g.snapshot.Load(); n != nil {
		f.Known, f.Oldest = true, n.oldest
		if n.today == civil.DayOf(now) {
			f.Rooms, f.Pairs, f.Visits = n.rooms, n.pairs, n.visits
		}
	}
	return f
}

// roomFigures are the figures of a room file, which is read again when it was replaced.
type roomFigures struct {
	file         fs.FileInfo // nil: nothing read yet
	rooms, pairs int
}

// read returns the numbers of rooms and of pairs of room and address on day.
func (r *roomFigures) read(d *dir.Dir, day civil.Day) (rooms, pairs int) {
	f, err := d.OpenFile(dir.Rooms, dir.RoomFile(day), os.O_RDONLY)
	if err != nil {
		*r = roomFigures{}
		return 0, 0
	}
	defer f.Close()
	now, same := statFile(f, r.file)
	if same {
		return r.rooms, r.pairs
	}
	*r = roomFigures{file: now}
	// Read by line: every process does this, and the file can have 9 MB. The writer of the
	// file reports damage.
	for lines := bufio.NewScanner(f); lines.Scan(); {
		count, _, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		if n, err := strconv.Atoi(string(count)); err == nil {
			r.rooms++
			r.pairs += n
		}
	}
	return r.rooms, r.pairs
}

// statFile returns the state of a file, and whether it is still the one before.
func statFile(f *os.File, before fs.FileInfo) (now fs.FileInfo, same bool) {
	now, err := f.Stat()
	if err != nil {
		return nil, false
	}
	return now, before != nil && os.SameFile(now, before) && now.ModTime().Equal(before.ModTime()) && now.Size() == before.Size()
}

// Refresh reads the figures from DIR.
func (g *Gauges) Refresh(d *dir.Dir, now time.Time) {
	n := snapshot{today: civil.DayOf(now)}
	n.rooms, n.pairs = g.today.read(d, n.today)
	n.visits = g.visits.read(d, n.today)
	names, err := d.Names("")
	if err != nil {
		return // the writing of lines reports the error
	}
	for _, name := range names {
		if day, ok := dir.OwnDay("", name); ok { // names are sorted
			year, month, mday := day.Date()
			n.oldest = time.Date(year, time.Month(month), mday, 0, 0, 0, 0, now.Location())
			break
		}
	}
	g.snapshot.Store(&n)
}
