package trafficlog

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// Killed is what killed processes counted last: lines that they did not commit are read
// again by the process that replaces them. Any goroutine may call its methods.
type Killed struct {
	cfg   *Config
	mu    sync.Mutex
	parts map[civil.Day][][]traffic.Part
}

// tailSize is how much of a journal's end is searched: between two commits a process reads
// at most half a pipe of lines, and a record takes a fifth of its lines.
const tailSize = 1 << 20

// ReadKilled reads the ends of the journals of killed processes.
func (f *Files) ReadKilled(d *dir.Dir) *Killed {
	k := &Killed{cfg: f.cfg, parts: map[civil.Day][][]traffic.Part{}}
	names, _ := counts.TypedNames(d) // writing journals reports the error
	for day, of := range names {
		if day < f.cfg.Window().First {
			continue
		}
		var s *sealer
		for _, name := range of {
			file, err := d.OpenLocked(dir.Journal, name, os.O_RDONLY)
			if err != nil {
				continue // its process lives
			}
			if s == nil {
				if key, err := f.cfg.Known(d, day); err == nil {
					s = newSealer(key.TrafficAEAD(), key.ID(), day)
				}
			}
			if s != nil {
				k.parts[day] = append(k.parts[day], lastParts(file, s)...)
			}
			file.Close()
		}
	}
	return k
}

// lastParts returns the last parts of each killed process with records at the end of a
// journal.
func lastParts(file *os.File, s *sealer) [][]traffic.Part {
	st, err := file.Stat()
	if err != nil {
		return nil
	}
	var ids []journalID
	parts := map[journalID][]traffic.Part{}
	var buf []byte
	_, err = journal.Read(file, max(0, st.Size()-tailSize), func(payload []byte) error {
		if len(payload) == 0 || payload[0] != byte(journal.Traffic) {
			return nil
		}
		text, ok := s.open(buf[:0], payload)
		if !ok {
			return nil
		}
		buf = text
		h, _, ok := parseHead(text)
		switch all, known := parts[h.journal]; {
		case !ok || h.piece+1 != max(h.pieces, 1) || h.number == 0:
		case h.pieces == 0:
			delete(parts, h.journal)
		default:
			if !known {
				ids = append(ids, h.journal)
			}
			for len(all) > 0 && all[0].Batch <= h.Committed {
				all = all[1:]
			}
			parts[h.journal] = append(all, h.Part)
		}
		return nil
	})
	if err != nil && !errors.Is(err, journal.ErrVersion) {
		return nil
	}
	var last [][]traffic.Part
	for _, id := range ids {
		if len(parts[id]) > 0 {
			last = append(last, parts[id])
		}
	}
	return last
}

// Repeats returns the lines of a day that were counted, nil for none. The reader of the
// day's first lines calls it, once: the next call returns nil.
func (k *Killed) Repeats(day civil.Day) *traffic.Repeats {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	parts := k.parts[day]
	delete(k.parts, day)
	r := traffic.NewRepeats(parts...)
	if r != nil {
		r.Found = func() {
			k.cfg.Report.Log("traffic-repeated", fmt.Sprintf("%s: a killed process had counted its last lines already; they were read again, and their traffic is counted once", k.cfg.Path))
		}
		r.Unsure = func() {
			k.cfg.Report.Log("traffic-unsure", fmt.Sprintf("%s: a process that was killed may have counted the last lines already; their traffic may be counted twice", k.cfg.Path))
		}
	}
	return r
}
