package trafficlog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// union is the union of a day's journals, and how far each has been read.
type union struct {
	day     civil.Day
	base    traffic.Options // for journals that do not record theirs
	options map[string]bool // as recorded in the journals
	figures *traffic.Day
	seed    uint64        // see traffic.Day.Prefer
	earlier traffic.Names // see traffic.Day.Prefer
	sealer  *sealer       // nil: key not read yet
	keys    int           // number of keys, in a HostUnion
	oneDir  *oneDir       // only in a HostUnion
	text    []byte
	reading
	fileState
}

// reading is how far the journals have been read since the figures were started.
type reading struct {
	read   map[string]int64
	last   map[journalID]uint64 // number of the last record added
	pieces map[string]*pieces   // of incomplete records, by file
	any    bool                 // some record was added
	flawed bool                 // something could not be read
	noKey  bool                 // the key does not exist
	stale  bool                 // the figures were started with other options
}

// fileState is the state of the day's file, and what was reported about it.
type fileState struct {
	wrote         [sha256.Size]byte // hash of the file as last written by this process
	changed       bool              // the file is out of date
	private       bool              // the file was written before the day was over
	keptReported  bool              // reported that the file has more than the journals, and stays
	mixedReported bool              // reported that there are several options
}

// pieces is a record as far as it has been read.
type pieces struct {
	head
	text []byte
}

func newUnion(day civil.Day, base traffic.Options, earlier traffic.Names) *union {
	u := &union{day: day, base: base, options: map[string]bool{}, earlier: earlier}
	for _, path := range slices.Concat(base.Public, base.Standing) {
		earlier.Add(path)
	}
	u.begin(base)
	return u
}

// begin starts reading from the beginning.
func (u *union) begin(opt traffic.Options) {
	u.make(opt)
	u.reading = reading{read: map[string]int64{}, last: map[journalID]uint64{}, pieces: map[string]*pieces{}}
}

func (u *union) make(opt traffic.Options) {
	u.figures = traffic.NewDay(opt)
	u.figures.Prefer(u.seed, u.earlier)
}

// counted returns the options that the day was counted with.
func (u *union) counted() traffic.Options {
	var all []traffic.Options
	for _, text := range slices.Sorted(maps.Keys(u.options)) {
		if o, ok := traffic.ParseOptions([]byte(text)); ok {
			o.Rules = u.base.Rules
			all = append(all, o)
		}
	}
	o := u.base
	if len(all) > 0 {
		o = traffic.Mix(all)
		o.Public, o.Standing = u.base.Public, u.base.Standing
	}
	o.MinGroup *= max(u.keys, 1) // a network or address has another number under each key
	return o
}

// addOptions adds recorded options. If records were added before, the figures must be
// started again.
func (u *union) addOptions(text []byte) {
	if u.options[string(text)] {
		return
	}
	if _, ok := traffic.ParseOptions(text); !ok {
		u.flawed = true
		return
	}
	u.options[string(text)] = true
	if u.stale = u.any; !u.any {
		u.make(u.counted())
	}
}

// follow reads what was appended to the day's journals since the last call. names may be out
// of date: if a journal is gone, follow lists them again.
func (u *union) follow(known keys, d *dir.Dir, names []string) error {
	err := u.followAll(known, d, names)
	for u.stale && err == nil {
		u.begin(u.counted())
		u.changed = true
		err = u.followAll(known, d, names)
	}
	return err
}

// keys returns the key of a day in a DIR, see Config.Known.
type keys func(*dir.Dir, civil.Day) (*pseudonym.Key, error)

func (u *union) followAll(known keys, d *dir.Dir, names []string) error {
	return counts.EachJournal(names, func() ([]string, error) {
		listed, err := counts.TypedNames(d)
		return listed[u.day], err
	}, func(name string) error { return u.followOne(known, d, name) })
}

func (u *union) followOne(known keys, d *dir.Dir, name string) error {
	file, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	from := u.read[name]
	if st, err := file.Stat(); err == nil && st.Size() == from && from > 0 {
		return nil
	} else if err == nil && st.Size() < from {
		from = 0 // somebody truncated it: treat its contents as new
	}
	info, err := journal.Read(file, from, func(payload []byte) error {
		if len(payload) == 0 || payload[0] != byte(journal.Traffic) {
			return nil
		}
		u.oneDir.see()
		if u.sealer == nil && !u.noKey {
			if err := u.readKey(known, d); errors.Is(err, fs.ErrNotExist) {
				u.flawed, u.noKey = true, true
			} else if err != nil {
				return err
			}
		}
		text, ok := []byte(nil), false
		if u.sealer != nil {
			text, ok = u.sealer.open(u.text[:0], payload)
		}
		if !ok {
			u.flawed = true
			return nil
		}
		u.text = text
		u.addPiece(name, text)
		return nil
	})
	if err != nil && !errors.Is(err, journal.ErrVersion) {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	u.read[name] = info.Offset
	if info.Damaged > 0 || err != nil {
		u.flawed = true
		if info.Frames == 0 { // unknown contents
			u.oneDir.see()
		}
	}
	return nil
}

func (u *union) readKey(known keys, d *dir.Dir) error {
	key, err := known(d, u.day)
	if err != nil {
		return err
	}
	u.sealer = newSealer(key.TrafficAEAD(), key.ID(), u.day)
	u.seed = key.TrafficRank()
	if !u.any {
		u.make(u.counted())
	}
	return nil
}

// addPiece adds a piece of a record. The record is added once it is complete, and only once.
func (u *union) addPiece(name string, text []byte) {
	h, piece, ok := parseHead(text)
	if !ok {
		u.flawed = true
		return
	}
	if h.pieces == 0 || h.number > 0 && h.number <= u.last[h.journal] && !u.oneDir.isNew(h) {
		return
	}
	p := u.pieces[name]
	if p == nil {
		p = &pieces{}
		u.pieces[name] = p
	}
	if h.piece == 0 {
		p.head, p.text = h, p.text[:0]
	} else if p.journal != h.journal || p.number != h.number || p.piece+1 != h.piece {
		return // its beginning was lost, or it is written again later
	}
	p.piece = h.piece
	if h.pieces > 1 {
		p.text = append(p.text, piece...)
		piece = p.text
	}
	if h.piece+1 < h.pieces {
		return
	}
	if h.number == 0 {
		u.addOptions(piece)
		return
	}
	if u.oneDir.add(u, h, piece); h.number <= u.last[h.journal] {
		return // another DIR had it
	}
	if u.figures.Add(piece) != nil {
		u.flawed = true
		return
	}
	u.last[h.journal] = h.number
	u.any, u.changed = true, true
}
