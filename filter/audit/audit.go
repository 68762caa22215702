package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/treatment"
	"hushpipe/format/civil"
	"hushpipe/format/statement"
)

// Audit is the result of checking the claims made about a DIR.
type Audit struct {
	Dir   string    `json:"dir"`
	Time  time.Time `json:"time"`
	Bytes int64     `json:"bytes"` // size of the files read
	Lines int       `json:"lines"`
	Rows  []Row     `json:"rows"`
	Notes []Finding `json:"notes"` // worth knowing, but breaks no claim
	// People are the notice's statements that only people can answer for.
	People []Answer `json:"people"`
	// Unproven lists what no inspection of a DIR can prove.
	Unproven []string `json:"unproven"`
}

// Broken returns the number of broken claims.
func (a *Audit) Broken() (n int) {
	for i := range a.Rows {
		if a.Rows[i].Verdict == Broken {
			n++
		}
	}
	return n
}

// Row is one claim and its verdict.
type Row struct {
	Claim   string  `json:"claim"`            // one word
	Stream  string  `json:"stream,omitempty"` // of a policy
	Text    string  `json:"text"`             // the claim
	Looked  string  `json:"looked_at"`
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why,omitempty"` // why it is not provable
	Faults  []Fault `json:"faults"`        // sorted by file and line; the first MaxFaults
	More    int     `json:"more,omitempty"`
}

// Answer is a statement that only people can answer for.
type Answer struct {
	Claim   string   `json:"claim"`
	Streams []string `json:"streams"` // of a policy; none: of the whole log
	Text    string   `json:"text"`
}

// MaxFaults is how many faults of a row are listed.
const MaxFaults = 100

// Verdict is the result of checking a claim.
type Verdict string

const (
	Holds       Verdict = "holds"
	Broken      Verdict = "broken"
	NotProvable Verdict = "not provable"
)

// Fault is something that breaks a claim. It never contains the value itself.
type Fault struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // from 1; 0 for the file
	What string `json:"what"`
	Do   string `json:"do,omitempty"`
}

// row identifies a Row by its Claim: the word of a statement.Kind, or one of these two.
type row string

const (
	access    row = "access"     // who else can access the files
	otherLogs row = "other-logs" // what servers log without hushpipe
)

var (
	period    = rowFor(statement.KindPeriod)
	keyRow    = rowFor(statement.KindKeys)
	fields    = rowFor(statement.KindFields)
	addresses = rowFor(statement.KindAddresses)

	conditions = rowFor(statement.KindLines)
	group      = rowFor(statement.KindGroup)
)

func rowFor(k statement.Kind) row { return row(k.String()) }

// rowOf returns the claim broken by a file in sub that should have been deleted.
func rowOf(sub string) row {
	if sub == dir.Keys || sub == dir.Fleet {
		return keyRow
	}
	return period
}

// rowOfSecret returns the claim broken by a file that others can access.
func rowOfSecret(secret bool) row {
	if secret {
		return keyRow
	}
	return access
}

// Subject is a DIR and the claims made about it.
type Subject struct {
	Path    string
	Now     time.Time
	Streams []Stream
	Claims  []statement.Claim // of all streams
	Read    *atomic.Int64     // counts the bytes read, for progress
	Total   func(bytes int64) // called with the number of bytes to read
}

// Stream is a directory of lines.
type Stream struct {
	Name string // of a policy's stream; "" for DIR itself
	Path string
	Keys string         // key directory; "": the recorded one
	Ways []Way          // ways in which lines may have been processed, the usual one first; at least one
	Mode pseudonym.Mode // for lines without a journal
	// Earlier returns further ways for lines of a day: those of earlier policies or flags.
	// known is false if there may have been others; nil: there were none.
	Earlier func(day civil.Day) (ways []Way, known bool)
	ByFlags bool     // Earlier returns ways of flags, all of which replace addresses
	Untold  []string // keys of conditions that cannot be checked from lines
	Hidden  []string // fields that lines are grouped by but do not contain
}

// Way returns a Proof for lines of a day that were processed in one way; cipher is one of
// pseudonym.NewProof. isOpen reports which groups are open, nil if unknown; its answer for a
// group can change from false to true.
type Way func(cipher *pseudonym.Cipher, day civil.Day, isOpen func(pseudonym.Group) bool) (Proof, error)

// Proof checks written lines for anything left in clear. One goroutine uses it.
type Proof interface {
	// Unfit returns the indexes of lines that need a closer look with Look, or whose groups
	// are not open, valid until the next call. Each line has its newline. malformed is the
	// number of lines in an unknown format.
	Unfit(lines []byte) (places []int, malformed int)

	// Look returns what is wrong with one line, which has its newline.
	Look(line []byte) treatment.Doubt

	// Suits reports whether a line is exactly what this way writes. If several ways are
	// possible, Look may find nothing because it knows too little about the line.
	Suits(line []byte) bool

	// IsGrouped reports whether lines have groups that can be derived from them.
	IsGrouped() bool

	// Group returns Closed for a line of a group that is not open, Groupless for one whose
	// group is unknown.
	Group(line []byte) treatment.Doubt
}

// stream is a Stream being audited.
type stream struct {
	Stream
	survey *survey // nil: no directory yet
	copies int
	keys   knownKeys
	groups knownGroups
	findings
}

// knownKeys caches the dayKeys of a stream.
type knownKeys struct {
	mu sync.Mutex // guards of; also held while a day is read
	of map[civil.Day]*dayKeys
}

// findings collects what was found in a stream's lines.
type findings struct {
	mu          sync.Mutex // guards what follows
	lines       int
	malformed   int
	faults      map[row][]Fault // sorted
	more        map[row]int
	unsure      map[row][]string // why a claim is not provable; the first maxReasons
	moreReasons map[row]int      // number of further reasons
	earlier     bool             // some lines fit only an earlier policy or earlier flags
}

// dayKeys is what the pseudonyms of a day were made with.
type dayKeys struct {
	key   *pseudonym.Key // nil: not available
	modes []pseudonym.Mode
}

// auditor builds an Audit.
type auditor struct {
	Subject
	streams []*stream
}

// New reads all lines of all streams and checks the claims. It writes nothing, and waits for
// no process. When ctx ends, it returns the error of ctx.
func New(ctx context.Context, s Subject) (*Audit, error) {
	a := &auditor{Subject: s}
	var files []*lineFile
	total := int64(0)
	for _, of := range s.Streams {
		st := &stream{Stream: of, keys: knownKeys{of: map[civil.Day]*dayKeys{}},
			findings: findings{faults: map[row][]Fault{}, more: map[row]int{}, unsure: map[row][]string{}, moreReasons: map[row]int{}}}
		a.streams = append(a.streams, st)
		defer st.groups.close()
		for _, way := range st.Ways {
			if _, err := way(pseudonym.NewProof(nil, nil), 0, nil); err != nil {
				return nil, err
			}
		}
		var err error
		st.survey, err = look(st.Path, st.Keys, s.Now, false)
		if errors.Is(err, fs.ErrNotExist) && st.Name != "" {
			continue // no lines yet
		} else if err != nil {
			return nil, err
		}
		st.Keys = st.survey.keys
		found, err := st.lineFiles()
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			total += f.size
			st.readDay(f.day)
		}
		files = append(files, found...)
		for _, f := range st.foreignFiles() {
			total += f.size
			files = append(files, f)
		}
	}
	s.Total(total)
	a.readLines(ctx, files)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &Audit{Dir: s.Path, Time: s.Now.Truncate(time.Second), Bytes: s.Read.Load(), Rows: a.rows(), People: a.people(), Unproven: unproven, Notes: []Finding{}}
	for _, st := range a.streams {
		out.Lines += st.lines
		if st.survey != nil {
			out.Notes = append(out.Notes, st.survey.Notes...)
		}
	}
	return out, nil
}

var unproven = []string{
	"that deleted bytes are gone from the medium",
	"that there are no copies elsewhere: backups, snapshots, other machines",
	"what was before this look",
}

// readDay reads what the pseudonyms of a day were made with.
func (s *stream) readDay(day civil.Day) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	if s.keys.of[day] != nil {
		return
	}
	d := &dayKeys{modes: []pseudonym.Mode{s.Mode}}
	s.keys.of[day] = d
	key, err := readKey(filepath.Join(dir.KeyPath(s.Path, s.Keys), dir.KeyFile(day)))
	if err == nil {
		d.key = key
	}
	in, err := dir.Open(s.Path, dir.Options{Keys: s.Keys})
	if err != nil {
		return
	}
	defer in.Close()
	ids, settings, err := counts.Origins(in, day)
	if err != nil {
		return
	}
	for _, text := range settings {
		if m, ok := modeOf(text); ok && !slices.Contains(d.modes, m) {
			d.modes = append(d.modes, m)
		}
	}
	for _, id := range ids {
		if d.key != nil && id != d.key.ID() {
			d.key = nil
			s.notProvable(addresses, fmt.Sprintf("some lines of %s were written with a key that is gone", day))
		}
	}
	if d.key == nil && slices.ContainsFunc(d.modes, pseudonym.Mode.Reversible) {
		s.notProvable(addresses, fmt.Sprintf("no key of %s is left to turn pseudonyms back", day))
	}
}

// keysOfDay returns the result of readDay.
func (s *stream) keysOfDay(day civil.Day) *dayKeys {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	return s.keys.of[day]
}

// readKey reads a key, and changes nothing.
func readKey(path string) (*pseudonym.Key, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var key pseudonym.Key
	b := make([]byte, len(key)+1)
	n, err := f.ReadAt(b, 0)
	switch {
	case err != nil && err != io.EOF:
		return nil, err
	case n != len(key):
		return nil, errNoKey
	}
	copy(key[:], b)
	if key == (pseudonym.Key{}) {
		return nil, errNoKey
	}
	return &key, nil
}

var errNoKey = errors.New("does not hold 32 random bytes")

// fault adds a fault to a row, keeping the first MaxFaults.
func (s *stream) fault(of row, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.faults[of]
	i, _ := slices.BinarySearchFunc(list, f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	if list = slices.Insert(list, i, f); len(list) > MaxFaults {
		list = list[:MaxFaults]
		s.more[of]++
	}
	s.faults[of] = list
}

// notProvable adds a reason why a claim is not provable.
func (s *stream) notProvable(of row, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case slices.Contains(s.unsure[of], why):
	case len(s.unsure[of]) == maxReasons:
		s.moreReasons[of]++
	default:
		s.unsure[of] = append(s.unsure[of], why)
	}
}

// maxReasons is how many reasons of a row are kept.
const maxReasons = 3

// unread records that a file of lines could not be read to its end.
func (s *stream) unread(path string, err error) {
	for _, of := range []row{period, fields, addresses} {
		s.notProvable(of, fmt.Sprintf("%s could not be read to its end: %v", path, dir.Bare(err)))
	}
}

// foreign records that a file which is not hushpipe's has lines.
func (s *stream) foreign(path string) {
	s.notProvable(period, path+" has lines, and is another program's: it is not deleted with them")
}

// doubts describes each Doubt, and the row it belongs to.
var doubts = map[treatment.Doubt]struct {
	of   row
	what string
}{
	treatment.Address4:  {addresses, "an IPv4 address that is not a pseudonym"},
	treatment.Address6:  {addresses, "an IPv6 address that no pseudonym of the day is"},
	treatment.HostName:  {addresses, "a client that is not a pseudonym, such as a host name"},
	treatment.NoHash:    {fields, "a field that should be a hash"},
	treatment.Untreated: {fields, "a treatment, done again, changes the line"},
	treatment.Unclear:   {addresses, "has words that a client made up, in which nobody can tell a pseudonym from an address"},
	treatment.Vague:     {conditions, "has a URL or a user in which something was replaced"},
	treatment.Unchosen:  {conditions, "is none that the conditions choose"},
	treatment.Unfit:     {fields, "does not have the format of the stream"},
	treatment.OldLine:   {period, "is of an earlier day than its file, and outlives its period"},
	treatment.Closed:    {group, "is of a group with too few people"},
	treatment.Groupless: {group, "does not tell of which group it is"},
}

// doubt records what is wrong with a line.
func (s *stream) doubt(f *lineFile, line int, d treatment.Doubt) {
	is := doubts[d]
	if d == treatment.Unclear || d == treatment.Vague || d == treatment.Groupless {
		s.notProvable(is.of, fmt.Sprintf("%s:%d %s", f.path(), line, is.what))
		return
	}
	s.fault(is.of, Fault{File: f.path(), Line: line, What: is.what})
}

// keysOf returns the path of a stream's key directory.
func (s *stream) keysOf() string {
	return dir.KeyPath(s.Path, cmp.Or(s.Keys, registry.StreamKeys(s.Path)))
}
