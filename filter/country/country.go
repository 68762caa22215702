// Package country maps addresses to countries, using a database file in the MaxMind DB
// format. The file is read into memory, since truncating a mapped file would kill the
// process. If it cannot be read, countries are unknown.
package country

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/oschwald/maxminddb-golang/v2"
	"golang.org/x/sys/unix"
)

// Code is a country: the two letters of ISO 3166-1, or 0 if unknown.
type Code uint16

// Unknown is the string form of Code 0.
const Unknown = "unknown"

// Parse parses two capital letters. It rejects ZZ, which databases may have for an address
// without a country.
func Parse(text string) (Code, bool) {
	if len(text) != 2 || text == "ZZ" || !isCapital(text[0]) || !isCapital(text[1]) {
		return 0, false
	}
	return Code(text[0])<<8 | Code(text[1]), true
}

func isCapital(c byte) bool { return 'A' <= c && c <= 'Z' }

func (c Code) String() string {
	first, second := byte(c>>8), byte(c)
	if !isCapital(first) || !isCapital(second) {
		return Unknown
	}
	return string([]byte{first, second})
}

// Database is a database file. Any goroutine may call Of.
type Database struct {
	path string
	name string                 // see Name
	now  atomic.Pointer[reader] // nil: countries are unknown
	read atomic.Uint64          // number of changes of now

	mu   sync.Mutex  // guards what follows
	seen fs.FileInfo // info of the file read; nil: not readable
}

// Open opens a database file. With an error countries are unknown, but the Database can be
// used: Refresh tries again.
func Open(path string) (*Database, error) {
	d := &Database{path: path, name: "yes"}
	_, err := d.Refresh()
	if r := d.now.Load(); r != nil {
		d.name = r.name()
	}
	return d, err
}

// Named returns a Database that only has a name.
func Named(name string) *Database { return &Database{name: name} }

// Name returns the type of the database when it was opened, in one word; "yes" if unknown.
func (d *Database) Name() string { return d.name }

// Content returns a number that changes whenever the answers of Of may change.
func (d *Database) Content() uint64 { return d.read.Load() }

// Refresh reads the file again if it has changed, and reports whether it has. If it cannot
// be read, countries become unknown, and Refresh returns the error.
func (d *Database) Refresh() (changed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	st, err := os.Stat(d.path)
	if err != nil {
		return d.lose(bare(err))
	}
	if d.seen != nil && os.SameFile(st, d.seen) && st.Size() == d.seen.Size() && st.ModTime().Equal(d.seen.ModTime()) {
		return false, nil // the process may have dropped the right to read it
	}
	f, err := os.OpenFile(d.path, os.O_RDONLY|unix.O_NONBLOCK, 0) // do not block on a FIFO
	if err != nil {
		return d.lose(bare(err))
	}
	defer f.Close()
	if st, err = f.Stat(); err != nil {
		return d.lose(bare(err))
	}
	r, err := read(f, st)
	if err != nil {
		return d.lose(err)
	}
	d.seen = st
	d.now.Store(r)
	d.read.Add(1)
	return true, nil
}

// lose makes countries unknown.
func (d *Database) lose(err error) (bool, error) {
	changed := d.now.Swap(nil) != nil
	if changed {
		d.read.Add(1)
	}
	d.seen = nil
	return changed, err
}

// bare strips the path from an error, since the caller adds it.
func bare(err error) error {
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		return of.Err
	}
	return err
}

// maxSize bounds the file, which stays in memory. Databases of countries have 5 to 10 MB, of
// cities 60 to 130.
const maxSize = 256 << 20

var errDamaged = errors.New("it is damaged, or no database of countries; hint: give a whole file in the MaxMind DB format (.mmdb)")

func read(f io.Reader, st fs.FileInfo) (*reader, error) {
	if !st.Mode().IsRegular() {
		return nil, errors.New("is not a regular file; hint: give the path of a .mmdb")
	}
	if st.Size() > maxSize {
		return nil, fmt.Errorf("is longer than %d MiB; hint: give a database of countries alone", maxSize>>20)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, bare(err)
	}
	return newReader(text)
}

// reader is one version of the file.
type reader struct {
	db    *maxminddb.Reader
	codes map[uintptr]Code // by offset of the entry
}

// fields are the paths of the country code in supported databases.
var fields = [][]any{
	{"country", "iso_code"}, // GeoLite2, DB-IP
	{"country_code"},        // iptoasn, IPinfo Lite
	{"country"},             // IPinfo
}

// newReader reads the whole database, so that damage is found now and not by the line that
// needs it. Reader.Verify does not help, since it rejects widely used databases.
func newReader(text []byte) (*reader, error) {
	db, err := maxminddb.OpenBytes(text)
	if err != nil {
		return nil, errDamaged
	}
	r := &reader{db, map[uintptr]Code{}}
	var field []any
	left := 2*uint64(db.Metadata.NodeCount) + 2 // more than a tree can have; a damaged one may have cycles
	for entry := range db.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if left--; left == 0 || entry.Err() != nil {
			return nil, errDamaged
		}
		if _, known := r.codes[entry.Offset()]; known || !entry.Found() {
			continue
		}
		if field == nil {
			field = fieldOf(entry)
		}
		var code string
		if entry.DecodePath(&code, field...) != nil && field != nil {
			return nil, errDamaged
		}
		r.codes[entry.Offset()], _ = Parse(code)
	}
	if field == nil {
		return nil, errors.New("it has no countries; hint: give a database of countries, not of networks alone")
	}
	return r, nil
}

// fieldOf returns the path of the code in an entry, nil if there is none.
func fieldOf(entry maxminddb.Result) []any {
	for _, field := range fields {
		var code string
		if entry.DecodePath(&code, field...) != nil { // another type
			continue
		}
		if _, ok := Parse(code); ok {
			return field
		}
	}
	return nil
}

// name returns the type of the database in one word.
func (r *reader) name() string {
	name := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_':
			return c
		}
		return '-'
	}, r.db.Metadata.DatabaseType)
	name = strings.Trim(name[:min(len(name), 40)], "-")
	if name == "" {
		return "yes"
	}
	return name
}

// Of returns the country of an address, or 0 if it is unknown.
func (d *Database) Of(a netip.Addr) Code {
	r := d.now.Load()
	if r == nil {
		return 0
	}
	entry := r.db.Lookup(a)
	if !entry.Found() {
		return 0
	}
	return r.codes[entry.Offset()]
}
