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

// Figures are what a process knows of DIR, for metrics, without waiting for its disk.
type Figures struct {
	counters.Values           // of this process
	Seen            bool      // there was a round, which tells Rooms, Pairs, Visits and Oldest
	Rooms, Pairs    int       // of today, as its room file has them
	Visits          uint64    // of people today, as the file of its traffic figures has them
	Oldest          time.Time // midnight at which the oldest day with lines began; zero for none
	LastWrite       time.Time // of lines, by this process; zero for never
}

// noticed is what a round saw.
type noticed struct {
	today        civil.Day
	rooms, pairs int
	visits       uint64
	oldest       time.Time
}

// Gauges are what a process knows of the lines and rooms in DIR. Notice is for one
// goroutine, the other methods for any.
type Gauges struct {
	wrote   atomic.Int64 // when lines were written last, in seconds since 1970; 0 for never
	noticed atomic.Pointer[noticed]
	today   roomFigures
	visits  visitFigures
}

// Wrote notes that lines were written.
func (g *Gauges) Wrote(now time.Time) { g.wrote.Store(now.Unix()) }

// Figures returns the figures at the time now.
func (g *Gauges) Figures(c counters.Values, now time.Time) Figures {
	f := Figures{Values: c}
	if at := g.wrote.Load(); at != 0 {
		f.LastWrite = time.Unix(at, 0)
	}
	if n := g.noticed.Load(); n != nil {
		f.Seen, f.Oldest = true, n.oldest
		if n.today == civil.DayOf(now) {
			f.Rooms, f.Pairs, f.Visits = n.rooms, n.pairs, n.visits
		}
	}
	return f
}

// roomFigures are those of a room file, which is read again once another has taken its
// place.
type roomFigures struct {
	file         fs.FileInfo // nil: none was read
	rooms, pairs int
}

// read returns the rooms of day, and their pairs of room and address: one pair is one
// address that was counted.
func (r *roomFigures) read(d *dir.Dir, day civil.Day) (rooms, pairs int) {
	f, err := d.OpenFile(dir.Rooms, dir.RoomFile(day), os.O_RDONLY)
	if err != nil {
		*r = roomFigures{}
		return 0, 0
	}
	defer f.Close()
	now, same := look(f, r.file)
	if same {
		return r.rooms, r.pairs
	}
	*r = roomFigures{file: now}
	// Line by line: any process reads it, and it can have 9 MB. What is damaged is
	// reported where it is written.
	for lines := bufio.NewScanner(f); lines.Scan(); {
		count, _, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		if n, err := strconv.Atoi(string(count)); err == nil {
			r.rooms++
			r.pairs += n
		}
	}
	return r.rooms, r.pairs
}

// look returns what a file is now, and whether it is the one that was looked at before.
func look(f *os.File, before fs.FileInfo) (now fs.FileInfo, same bool) {
	now, err := f.Stat()
	if err != nil {
		return nil, false
	}
	return now, before != nil && os.SameFile(now, before) && now.ModTime().Equal(before.ModTime()) && now.Size() == before.Size()
}

// Notice looks at DIR for Figures.
func (g *Gauges) Notice(d *dir.Dir, now time.Time) {
	n := noticed{today: civil.DayOf(now)}
	n.rooms, n.pairs = g.today.read(d, n.today)
	n.visits = g.visits.read(d, n.today)
	names, err := d.Names("")
	if err != nil {
		return // it is reported where lines are written
	}
	for _, name := range names {
		if day, ok := dir.OwnDay("", name); ok { // names are sorted
			year, month, mday := day.Date()
			n.oldest = time.Date(year, time.Month(month), mday, 0, 0, 0, 0, now.Location())
			break
		}
	}
	g.noticed.Store(&n)
}
