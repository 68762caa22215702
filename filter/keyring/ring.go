package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
)

// Config configures a Ring.
type Config struct {
	Path, Keys string                 // DIR, and the key directory, "" for DIR/keys
	Now        func() time.Time       // the clock
	Window     func() calendar.Window // the open days
	Dir        func() *dir.Dir        // DIR; returns nil while it cannot be opened
	Changed    func()                 // called when Key will return another key for some day
	Report     *dir.Reporter
}

// Ring holds the keys of the days in memory. Lines may have been written under any key that
// Key returned: such a key is saved to the disk sooner or later, or replaced if another
// process was faster. Any goroutine may call its methods; those with a Dir wait for its
// disk, Key waits at most Patience.
type Ring struct {
	// Patience is how long Key waits for the disk at a day's first use before it continues
	// with a key in memory. Set it before the first call.
	Patience time.Duration

	cfg      Config
	seenLogs map[dir.Log]unix.Stat_t // the files of lines that the last Restore found

	mu         sync.Mutex // guards the fields below
	keys       map[civil.Day]*pseudonym.Key
	throwaway  map[civil.Day]*pseudonym.Key // keys of expired days, never stored
	candidates map[civil.Day]*pseudonym.Key // keys to store for days without one
	unsaved    map[civil.Day]bool           // days whose keys are only in memory
	forgotten  map[civil.Day]bool           // days erased or purged by name, whose keys were dropped
	seenMarks  map[string]time.Time         // times of the marks of such days that were seen
}

// New returns an empty Ring.
func New(cfg Config) *Ring {
	return &Ring{Patience: patience, cfg: cfg, seenMarks: map[string]time.Time{}, keys: map[civil.Day]*pseudonym.Key{},
		throwaway: map[civil.Day]*pseudonym.Key{}, candidates: map[civil.Day]*pseudonym.Key{}, unsaved: map[civil.Day]bool{},
		forgotten: map[civil.Day]bool{}}
}

// patience is the default Patience. Creating the first key takes a few fsyncs.
const patience = 50 * time.Millisecond

// Key returns the day's key. The keys of today and tomorrow, and all on the disk, are in
// memory before they are needed; Key waits briefly for any other. If the disk does not
// respond, Key returns one in memory, which is saved later unless another process stores one
// first.
func (r *Ring) Key(day civil.Day, placement calendar.Placement) *pseudonym.Key {
	if placement == calendar.Expired {
		r.mu.Lock()
		defer r.mu.Unlock()
		return randomKey(r.throwaway, day)
	}
	r.mu.Lock()
	key := r.keys[day]
	r.mu.Unlock()
	if key != nil {
		return key
	}
	if key = r.fetch(day); key != nil {
		return r.set(day, key, false)
	}
	return r.set(day, r.candidateKey(day), true)
}

// Known returns the day's key if there is one, in memory or in d.
func (r *Ring) Known(d *dir.Dir, day civil.Day) (*pseudonym.Key, error) {
	r.mu.Lock()
	key := r.keys[day]
	r.mu.Unlock()
	if key != nil {
		return key, nil
	}
	read, err := ReadKey(d, day)
	return (*pseudonym.Key)(&read), err
}

// candidateKey returns the key to use for a day without one, the same for all callers: a key
// that is being saved may be used, and so may one that is in r.keys by now.
func (r *Ring) candidateKey(day civil.Day) *pseudonym.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.keys[day]; known != nil {
		return known
	}
	return randomKey(r.candidates, day)
}

// randomKey returns the key of day in keys, creating it if necessary.
func randomKey(keys map[civil.Day]*pseudonym.Key, day civil.Day) *pseudonym.Key {
	if keys[day] == nil {
		keys[day] = new(pseudonym.Key)
		rand.Read(keys[day][:])
	}
	return keys[day]
}

// set adds a key, unless there is one by now, and returns the one in use.
func (r *Ring) set(day civil.Day, key *pseudonym.Key, unsure bool) *pseudonym.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.keys[day]; known != nil {
		return known
	}
	r.keys[day] = key
	delete(r.candidates, day)
	if unsure {
		r.unsaved[day] = true
	}
	return key
}

// fetch returns the key of day from the disk, or nil if that takes longer than Patience. If
// there is none, the candidate becomes the day's key, sooner or later.
func (r *Ring) fetch(day civil.Day) *pseudonym.Key {
	fresh := r.candidateKey(day)
	// If the clock has just jumped ahead, a key of the new day would vouch for it, as the
	// day's lines would: store it only with the lines.
	vouches := day > r.cfg.Window().Today+1
	answer := make(chan *pseudonym.Key, 1)
	go func() {
		d := r.cfg.Dir()
		if d == nil {
			answer <- nil
			return
		}
		done, ok := d.Use()
		if !ok {
			answer <- nil
			return
		}
		defer done()
		key, err := ReadKey(d, day)
		if errors.Is(err, fs.ErrNotExist) && !vouches {
			key, err = r.put(d, day, *fresh)
		}
		if err != nil {
			if !vouches && !errors.Is(err, calendar.ErrExpired) { // expired: the day was open when the line was placed
				r.cfg.Report.Fault("key-file", err, "; using a key in memory")
			}
			answer <- nil
			return
		}
		answer <- (*pseudonym.Key)(&key)
	}()
	select {
	case key := <-answer:
		return key
	case <-time.After(r.Patience):
		r.cfg.Report.Log("key-slow", fmt.Sprintf("%s: the key of %s could not be read in time; using one in memory", r.cfg.Path, day))
		return nil
	}
}

// Load reads the keys on the disk.
func (r *Ring) Load(d *dir.Dir) {
	names, _ := d.Names(dir.Keys) // Save reports the error
	for _, name := range names {
		day, ok := dir.OwnDay(dir.Keys, name)
		if !ok {
			continue
		}
		key, err := ReadKey(d, day)
		if err == nil {
			r.set(day, (*pseudonym.Key)(&key), false)
		} else if !errors.Is(err, fs.ErrNotExist) {
			r.cfg.Report.Fault("key-file", err, "")
		}
	}
}

// Restore finds keys in memory whose files are gone. If the day's lines are gone too, or the
// day has a mark, somebody deleted them on purpose: the day is forgotten, and never comes
// back. Otherwise Restore puts the key back: without it, the day's pseudonyms could not be
// revealed, and the next process would create another. A key dated after tomorrow has
// expired by its file's time, and its period must not start again. One goroutine at a time
// calls Restore.
func (r *Ring) Restore(d *dir.Dir) {
	names, err := d.Names(dir.Keys)
	if err != nil {
		return // Save reports the error
	}
	r.dropErased(d) // the mark is created before the key is deleted
	lines, err := d.Names("")
	if err != nil {
		return
	}
	there, hasLines, hadLines := map[string]bool{}, map[civil.Day]bool{}, map[civil.Day]bool{}
	for _, name := range names {
		there[name] = true
	}
	for log := range r.seenLogs {
		hadLines[log.Day] = true
	}
	seen, came := map[dir.Log]unix.Stat_t{}, map[civil.Day]bool{}
	for _, log := range dir.Logs(lines) {
		was, known := r.seenLogs[log]
		now := was
		if err := d.Lstat(log.Name(), &now); err == unix.ENOENT {
			continue
		}
		seen[log], came[log.Day] = now, true
		// Files that were replaced or have become smaller only have lines written after the
		// old ones were removed.
		if !hadLines[log.Day] || known && now.Ino == was.Ino && now.Size >= was.Size {
			hasLines[log.Day] = true
		}
	}
	r.seenLogs = seen
	gone, today := 0, civil.DayOf(r.cfg.Now())
	r.mu.Lock()
	for day := range r.keys {
		known := came[day]
		switch {
		case r.unsaved[day] || there[dir.KeyFile(day)]:
		case day <= today+1 && (hasLines[day] || day > today && !known): // a coming day has no lines yet
			r.unsaved[day] = true
			gone++
		default:
			r.drop(day)
			r.forgotten[day] = true
		}
	}
	r.mu.Unlock()
	if gone > 0 {
		r.cfg.Report.Log("key-gone", fmt.Sprintf("%s: put back %s, since the lines are kept", dir.KeyPath(r.cfg.Path, r.cfg.Keys), prose.Plural(gone, "deleted key")))
	}
}

// dropErased drops the keys of days that have got a mark in DIR, because they were erased or
// purged by name.
func (r *Ring) dropErased(d *dir.Dir) {
	names, _ := d.Names(dir.Erased) // without the directory there are no marks
	for _, name := range names {
		day, dated := civil.ParseDay(name)
		f, err := d.OpenFile(dir.Erased, name, os.O_RDONLY)
		if err != nil {
			continue
		}
		st, err := f.Stat()
		f.Close()
		if err != nil || !dated {
			continue
		}
		r.mu.Lock()
		if !st.ModTime().Equal(r.seenMarks[name]) {
			r.seenMarks[name] = st.ModTime()
			r.drop(day)
			r.forgotten[day] = true
		}
		r.mu.Unlock()
	}
}

// Forgotten returns the days that were deleted on purpose since the last call: those that
// have a mark in DIR, and those for which Restore found neither key nor lines. Later lines
// of such a day get another key.
func (r *Ring) Forgotten(d *dir.Dir) map[civil.Day]bool {
	r.dropErased(d)
	r.mu.Lock()
	defer r.mu.Unlock()
	days := r.forgotten
	r.forgotten = map[civil.Day]bool{}
	return days
}

// Expire drops the keys of the days before first, and of days that are past a bound.
func (r *Ring) Expire(first civil.Day, past func(civil.Day) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for day := range r.keys {
		if day < first || past(day) {
			delete(r.keys, day)
			delete(r.unsaved, day)
		}
	}
}

// MarkUnsaved makes Save write all keys again: DIR was created anew.
func (r *Ring) MarkUnsaved() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for day := range r.keys {
		r.unsaved[day] = true
	}
}

// drop removes a key from memory. The caller holds r.mu.
func (r *Ring) drop(day civil.Day) {
	delete(r.keys, day)
	delete(r.candidates, day)
	delete(r.unsaved, day)
	r.cfg.Changed()
}

// put is PutKey for an open day; otherwise the error is calendar.ErrExpired.
func (r *Ring) put(d *dir.Dir, day civil.Day, key [32]byte) ([32]byte, error) {
	if day < r.cfg.Window().First {
		return key, d.Error("create", dir.Keys, dir.KeyFile(day), calendar.ErrExpired)
	}
	return PutKey(d, day, key)
}

// Save writes the keys that are only in memory, and creates those of today and tomorrow. If
// another process has created a day's key meanwhile, that one is used from now on. The error
// is about keys that have been used.
func (r *Ring) Save(d *dir.Dir) error {
	var errs []error
	r.mu.Lock()
	unsure := map[civil.Day]pseudonym.Key{}
	for day := range r.unsaved {
		unsure[day] = *r.keys[day]
	}
	r.mu.Unlock()
	for day, key := range unsure {
		stored, err := r.put(d, day, key)
		if errors.Is(err, calendar.ErrExpired) { // expired meanwhile, so its lines are dropped
			r.mu.Lock()
			delete(r.keys, day)
			delete(r.unsaved, day)
			r.mu.Unlock()
			continue
		}
		if err != nil {
			r.cfg.Report.Fault("key-file", err, "")
			path := filepath.Join(dir.KeyPath(r.cfg.Path, r.cfg.Keys), dir.KeyFile(day))
			errs = append(errs, fmt.Errorf("%s: was not written, its pseudonyms cannot be revealed: %w", path, err))
			continue
		}
		r.mu.Lock()
		delete(r.unsaved, day)
		if stored != key {
			r.keys[day] = (*pseudonym.Key)(&stored)
		}
		r.mu.Unlock()
		if stored != key {
			r.cfg.Report.Log("key-other", fmt.Sprintf("%s: another process made the key of %s first; pseudonyms of that day made before cannot be revealed", r.cfg.Path, day))
			r.cfg.Changed()
		}
	}
	today := civil.DayOf(r.cfg.Now())
	for day := today; day <= today+1; day++ {
		r.mu.Lock()
		known := r.keys[day] != nil
		r.mu.Unlock()
		if known {
			continue
		}
		key, err := ReadKey(d, day)
		if errors.Is(err, fs.ErrNotExist) {
			key, err = r.put(d, day, *r.candidateKey(day))
		}
		if err != nil {
			r.cfg.Report.Fault("key-file", err, "")
			continue
		}
		r.set(day, (*pseudonym.Key)(&key), false)
	}
	return dir.Join(errs...)
}
