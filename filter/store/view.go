package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/keyring"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/retention"
	"hushpipe/filter/rooms"
	"hushpipe/format"
	"hushpipe/format/roomfile"
)

// Counts is what is known of one day's rooms.
type Counts struct {
	Rooms      []roomfile.Entry // not to be changed: a CountsReader returns them again
	UpperBound bool             // counted under several keys: an address may be in twice
	Overflow   uint64           // at least so many lines had a new pair of room and address that a bound left out
	Damaged    []string         // room file and journals in which something had to be skipped, also journals kept aside
}

// ReadCounts returns the counts of a day as they stand now: from its journals,
// and for a day that has none any more from its room file. The error is
// fs.ErrNotExist for a day of which nothing is known. It writes nothing.
func ReadCounts(path string, day format.Day) (Counts, error) {
	r := NewCountsReader(path, day)
	defer r.Close()
	return r.Read()
}

// CountsReader is for who wants the counts of a day again and again: it reads
// what journals have got since the last time, and keeps the pairs in memory, 11
// to 22 bytes each. It serves one goroutine.
type CountsReader struct {
	path  string
	day   format.Day
	d     *dir.Dir // nil: not open
	union *union
	text  []byte // of the room file
	had   []roomfile.Entry
	wrong error            // why not all of text could be read
	rooms []roomfile.Entry // of had, and of so many pairs
	pairs int
}

// NewCountsReader returns a reader of the counts of a day in the DIR at path.
func NewCountsReader(path string, day format.Day) *CountsReader {
	return &CountsReader{path: path, day: day}
}

// Read is ReadCounts. A DIR that has taken the place of the one before is read
// from its beginning.
func (r *CountsReader) Read() (Counts, error) {
	if r.d != nil && r.d.Moved() {
		r.Close()
	}
	if r.d == nil {
		d, err := dir.Open(r.path, dir.Options{})
		if err != nil {
			return Counts{}, err
		}
		// What was written under larger limits has to be read, too.
		*r = CountsReader{path: r.path, day: r.day, d: d, union: newUnion(r.day, rooms.NoLimits)}
	}
	u := r.union
	names, err := journalNames(r.d)
	if err != nil {
		return Counts{}, err
	}
	if err := u.follow(r.d, names[r.day]); err != nil {
		return Counts{}, err
	}
	damaged, err := u.damaged(r.d, r.path)
	if err != nil {
		return Counts{}, err
	}
	// The file is read last, so that it is not behind the journals.
	text, err := r.d.ReadFile(dir.Rooms, dir.RoomFile(r.day))
	if errors.Is(err, fs.ErrNotExist) && u.counted() {
		err = nil
	}
	if err != nil {
		return Counts{}, err
	}
	_, pairs := u.counts.Size() // no pair is ever taken out
	if same := bytes.Equal(text, r.text); !same || pairs != r.pairs {
		if !same {
			r.text = text
			r.had, r.wrong = roomfile.Parse(text)
		}
		r.rooms, r.pairs = roomfile.Merge(r.had, entries(u.counts.Summary())), pairs
	}
	if r.wrong != nil {
		damaged = append(damaged, filepath.Join(r.path, dir.Rooms, dir.RoomFile(r.day)))
	}
	return Counts{
		Rooms:      r.rooms,
		UpperBound: len(u.keys) > 1,
		Overflow:   u.counts.Recorded(),
		Damaged:    damaged,
	}, nil
}

// Close ends the use of DIR.
func (r *CountsReader) Close() {
	if r.d != nil {
		r.d.Close()
		r.d = nil
	}
}

// damaged returns the paths of the day's journals in which something had to be
// skipped, also of those that were kept aside. One that ends within a frame is
// none.
func (u *union) damaged(d *dir.Dir, path string) ([]string, error) {
	names, err := d.Names(dir.Journal)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, name := range names {
		kept, aside := strings.CutSuffix(name, dir.DamagedSuffix)
		damaged := u.flawed[name] != ""
		if day, ok := dir.OwnDay(dir.Journal, kept); ok && aside && day == u.day {
			f, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
			if err != nil {
				continue // deleted, or not what hushpipe kept
			}
			info, err := journal.Read(f, 0, func([]byte) error { return nil })
			damaged = err != nil || isDamaged(info, 0)
			f.Close()
		}
		if damaged {
			paths = append(paths, filepath.Join(path, dir.Journal, name))
		}
	}
	return paths, nil
}

// Result is what a Purge did.
type Result struct {
	retention.Purged
	DoubtUntil time.Time // nothing is deleted before, since the clock is in doubt; zero for none
}

// Purge deletes what has outlived the retention, now, also in the directories below
// DIR that record a rule of their own. keep 0 is the rule that DIR records; another
// becomes the rule, as if a logger with it had started and ended. It waits for no
// lock and no disk longer than a few seconds; then it brings the room files of all
// days up to date. Where the keys are not, it deletes nothing.
func Purge(cfg Config, force bool) (p Result, err error) {
	d, err := openToPurge(cfg)
	if err != nil {
		return p, err
	}
	defer d.Close()
	s := newStore(cfg)
	now := cfg.Now().Round(0)
	if cfg.Keep > 0 {
		others := s.keptByEarlier(d)
		for _, of := range []retention.Ruled{retention.OfLines, retention.OfKeys} {
			lease, _, err := retention.TakeLease(d, of, cfg.Keep, others)
			defer lease.Release()
			if err != nil {
				p.Errs = append(p.Errs, err)
			}
		}
	}
	var results sync.Mutex
	add := func(some retention.Purged) {
		results.Lock()
		defer results.Unlock()
		p.Deleted, p.Errs = append(p.Deleted, some.Deleted...), append(p.Errs, some.Errs...)
	}
	v := s.purgeAll(d, now, force, add)
	s.mark(d, anyDay, lastDay)
	refreshed := s.refresh(d, lockPatience)
	folded := s.foldJournals(d)
	results.Lock()
	defer results.Unlock()
	slices.Sort(p.Deleted)
	p.DoubtUntil = v.Window.DoubtUntil
	return p, dir.Join(append(p.Errs, refreshed, folded)...)
}

// PurgeDay deletes one day on purpose, never today: its key, lines and journals. The
// room file stays. Processes that live are told to forget it; those that cannot be
// told are returned.
func PurgeDay(cfg Config, day format.Day) (p retention.Purged, holders []registry.Process, err error) {
	if today := format.DayOf(cfg.Now()); day >= today {
		return p, nil, fmt.Errorf("%s is not over, lines come for it; hint: give a day before %s", day, today)
	}
	if err := keysElsewhere(cfg); err != nil {
		return p, nil, err
	}
	d, err := openToPurge(cfg)
	if err != nil {
		return p, nil, err
	}
	defer d.Close()
	p = retention.DeleteDay(d, day)
	paths, trusted := registry.KeyDirs(d)
	if !trusted { // as purgeMoved has it
		paths = nil
	}
	for _, path := range append(paths, "") { // "" is the one in DIR
		if path == cfg.Keys {
			continue
		}
		if moved, err := dir.Open(cfg.Path, dir.Options{Keys: path}); err == nil {
			keys := retention.DeleteKey(moved, day)
			p.Deleted, p.Errs = append(p.Deleted, keys.Deleted...), append(p.Errs, keys.Errs...)
			moved.Close()
		}
	}
	holders, err = registry.Earlier(d)
	return p, holders, dir.Join(append(p.Errs, err)...)
}

func openToPurge(cfg Config) (*dir.Dir, error) {
	d, err := dir.Open(cfg.Path, dir.Options{}) // DIR itself is not made
	if err != nil {
		return nil, err
	}
	d.Close()
	d, err = dir.Open(cfg.Path, dir.Options{Keys: cfg.Keys, Create: true,
		Notify: func(msg string) { cfg.Say(msg, msg) }})
	if err != nil {
		return nil, err
	}
	if err := keysMissing(d, cfg); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// keysElsewhere returns an error where loggers keep the keys in another directory, as
// DIR records.
func keysElsewhere(cfg Config) error {
	settings, err := registry.ReadSettings(cfg.Path)
	if err != nil {
		return nil // nothing is known
	}
	for _, flag := range settings.Flags {
		path, ok := strings.CutPrefix(flag, "--keys=")
		if !ok || path == "" {
			continue
		}
		there, err := os.Stat(path)
		if err != nil {
			continue
		}
		if mine, err := os.Stat(dir.KeyPath(cfg.Path, cfg.Keys)); err != nil || !os.SameFile(there, mine) {
			return fmt.Errorf("%s: its filter keeps the keys in %s; hint: give --keys %s", cfg.Path, path, path)
		}
	}
	return nil
}

// keysMissing returns an error for a DIR that has lines and no key directory.
func keysMissing(d *dir.Dir, cfg Config) error {
	path := dir.KeyPath(cfg.Path, cfg.Keys)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // any other error will be reported later
	}
	names, err := d.Names("")
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, ok := dir.OwnDay("", name); ok {
			return fmt.Errorf("%s: no key directory at %s; hint: give --keys", cfg.Path, path)
		}
	}
	return nil
}

// Ciphers opens the keys of days that live, for reading them only: of a DIR,
// of a key directory, or of none.
type Ciphers struct {
	// Scan calls found for each pseudonym in a text of lines. Find and FindDay need it.
	Scan func(text []byte, found func(pseudonym.Addr))

	d    *dir.Dir
	path string
	say  func(topic, line string)
	buf  []byte               // of Find
	at   map[format.Day]int64 // where it found the last one
}

// OpenCiphers opens DIR at path, with its key directory keys or "".
func OpenCiphers(path, keys string, say func(topic, line string)) (*Ciphers, error) {
	d, err := dir.Open(path, dir.Options{Keys: keys, Notify: func(msg string) { say(msg, msg) }})
	if err != nil {
		return nil, err
	}
	return &Ciphers{d: d, path: path, say: say}, nil
}

// Key returns the key of day, or fs.ErrNotExist.
func (c *Ciphers) Key(day format.Day) (*pseudonym.Key, error) {
	key, err := keyring.ReadKey(c.d, day)
	if err != nil {
		return nil, err
	}
	return (*pseudonym.Key)(&key), nil
}

// Mode returns what the journals of day say of the pseudonyms' mode and keys:
// whether they were all made in one mode, and under the key that lives.
func (c *Ciphers) Mode(day format.Day, key *pseudonym.Key) (mode string, sure bool, err error) {
	u := newUnion(day, rooms.Limits{})
	names, err := journalNames(c.d)
	if err != nil {
		return "", false, err
	}
	if err := u.follow(c.d, names[day]); err != nil {
		return "", false, err
	}
	sure = true
	for id := range u.keys {
		sure = sure && id == key.ID()
	}
	for settings := range u.settings {
		ip, _, _ := strings.Cut(strings.TrimPrefix(settings, "ip="), ";")
		if mode != "" && mode != ip {
			return "", sure, fmt.Errorf("%s: the pseudonyms of %s were made in several modes; hint: say which with --ip", c.path, day)
		}
		mode = ip
	}
	return mode, sure, nil
}

// FindDay returns the day whose file holds a pseudonym.
func (c *Ciphers) FindDay(p pseudonym.Addr) (format.Day, error) {
	names, err := c.d.Names("")
	if err != nil {
		return 0, err
	}
	var found []format.Day
	for _, name := range names {
		day, ok := dir.OwnDay("", name)
		if !ok {
			continue
		}
		held := map[pseudonym.Addr]bool{p: false}
		if err := c.Find(day, held); err != nil {
			return 0, err
		}
		if held[p] {
			found = append(found, day)
		}
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("%s: no day's file holds it; hint: give the DIR that the line is from", c.path)
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("%s: the files of several days hold it; hint: say which day with --day", c.path)
}

// Find sets those of the pseudonyms to true that the file of a day holds. It
// reads on from where it found the last ones, to the end and then from the
// beginning, until it has them all: lines come in the order of the file,
// as a rule. A day without a file holds none.
func (c *Ciphers) Find(day format.Day, held map[pseudonym.Addr]bool) error {
	missing := 0
	for _, has := range held {
		if !has {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	f, err := c.d.OpenFile("", dir.LogFile(day), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if c.buf == nil {
		c.buf, c.at = make([]byte, 1<<20), map[format.Day]int64{}
	}
	begin := min(c.at[day], info.Size())
	for _, part := range [][2]int64{{begin, info.Size()}, {0, begin}} {
		for at := part[0]; at < part[1]; {
			n, err := f.ReadAt(c.buf[:min(int64(len(c.buf)), part[1]-at)], at)
			if err != nil && err != io.EOF || n == 0 {
				return cmp.Or(err, io.ErrUnexpectedEOF)
			}
			n = wholeWords(c.buf[:n], at+int64(n) == part[1])
			c.Scan(c.buf[:n], func(a pseudonym.Addr) {
				if has, wanted := held[a]; wanted && !has {
					held[a] = true
					missing--
				}
			})
			if missing == 0 {
				c.at[day] = at
				return nil
			}
			at += int64(n)
		}
	}
	return nil
}

// wholeWords returns up to where a text can be cut without an address, a version
// or an escape losing its beginning or its end; the end of the last one needs no cut.
func wholeWords(text []byte, last bool) int {
	if last {
		return len(text)
	}
	if n := bytes.LastIndexAny(text, "\n ") + 1; n > 0 {
		return n
	}
	for n := len(text); n > 0; n-- {
		if c := text[n-1]; !inAddr(c) && c != '%' && c != '\\' && c != 'u' {
			return n
		}
	}
	return len(text)
}

func inAddr(c byte) bool {
	return c == ':' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// Note appends a line to DIR/reveal.log.
func (c *Ciphers) Note(line string) error {
	f, err := c.d.OpenFile("", dir.RevealLogName, os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(line + "\n"); err != nil {
		return err
	}
	return f.Sync()
}

// Close ends the use of DIR.
func (c *Ciphers) Close() error { return c.d.Close() }
