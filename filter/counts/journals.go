package counts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

type journalID struct {
	day      civil.Day
	keyID    [8]byte
	counting bool // its lines were searched for rooms
}

// ownJournal is a journal that this process writes.
type ownJournal struct {
	file    *journal.File
	name    string
	writer  *journal.Writer
	pending []byte             // records that are not in the file yet
	leftOut *rooms.DistinctSet // pairs dropped past maxPending; nil: none
	lost    bool               // the name no longer leads to the file
}

// Journals are the journals that this process writes. One goroutine uses them, and
// waits for the disk.
type Journals struct {
	cfg    *Config
	ledger *Ledger
	own    map[journalID]*ownJournal
	opened int          // number of open files in own
	typ    journal.Type // of the records; 0: room records, which have no type
	typed  []byte       // scratch
}

// maxJournals bounds the open files: an archive can have many days.
const maxJournals = 64

// Count records what was found in lines that have been written. searched reports
// whether they were searched for rooms: nothing found is not the same as zero. While
// DIR cannot be opened, d is nil and the records wait in memory.
func (o *Journals) Count(d *dir.Dir, day civil.Day, keyID [8]byte, records []byte, searched bool) {
	id := journalID{day, keyID, len(records) > 0 || searched}
	if day < o.cfg.Window().First { // Append has reported that the lines were late
		o.ledger.countLate(id, records, false)
		return
	}
	j := o.own[id]
	if j == nil {
		j = &ownJournal{file: &journal.File{}}
		o.own[id] = j
	}
	if len(records) == 0 && j.writer != nil && len(j.pending) == 0 {
		return
	}
	waiting := 0
	if len(j.pending) > 0 { // writing failed before
		for _, other := range o.own {
			waiting += len(other.pending)
		}
	}
	if j.add(records, waiting) {
		o.cfg.Report.Log("pending", fmt.Sprintf("%s: more than %d MiB of room counts wait for the journals: not all are counted", o.cfg.Path, maxPending>>20))
	}
	if d != nil {
		if err := o.flush(d, id, j); err != nil {
			o.cfg.Report.Fault("journal", err, "; room counts wait in memory")
		}
	}
}

// Flush writes waiting records. Those of days past the retention go to the room files,
// through the ledger.
func (o *Journals) Flush(d *dir.Dir) error {
	var errs []error
	for id, j := range o.own {
		if id.day < o.cfg.Window().First {
			if len(j.pending) > 0 || j.writer == nil {
				o.ledger.countLate(id, j.pending, false)
			}
			o.close(j)
			delete(o.own, id)
			continue
		}
		j.lost = j.isLost(d)
		if err := o.flush(d, id, j); err != nil {
			o.cfg.Report.Fault("journal", err, "; room counts wait in memory")
			errs = append(errs, err)
		}
	}
	return dir.Join(errs...)
}

// flush creates the journal if there is none, and appends pending.
func (o *Journals) flush(d *dir.Dir, id journalID, j *ownJournal) error {
	if j.writer != nil && j.file.File == nil && len(j.pending) > 0 {
		if err := o.openAgain(d, j); err != nil {
			return err
		}
	}
	if j.writer == nil || j.lost {
		if err := o.begin(d, id, j); err != nil {
			return err
		}
	}
	const most = (journal.MaxPayload - 1) / rooms.RecordSize * rooms.RecordSize
	all := j.pending
	for len(j.pending) > 0 {
		n := min(len(j.pending), most)
		payload := j.pending[:n]
		if o.typ != 0 {
			o.typed = journal.AppendTyped(o.typed[:0], o.typ, payload)
			payload = o.typed
		}
		if err := j.writer.Append(payload); err != nil {
			return err
		}
		j.pending = j.pending[n:] // no copying: the rest stays in place
		o.ledger.markDay(id.day)
	}
	if j.pending = all[:0]; cap(all) > keptPending {
		j.pending = nil
	}
	return nil
}

const (
	// maxPending bounds the records that wait in memory while journals are refused,
	// over all days, in bytes: 2.4 million pairs. Lines have the same bound.
	maxPending = 64 << 20
	// keptPending is the largest buffer that is kept for reuse, in bytes.
	keptPending = 1 << 20
)

// add appends records to pending; waiting is the number of bytes pending in all
// journals. Past maxPending it drops pairs and reports true; a record counts them, as
// it does past --max-pairs.
func (j *ownJournal) add(records []byte, waiting int) bool {
	room := max(maxPending-waiting, 0) / rooms.RecordSize * rooms.RecordSize
	if len(records) <= room || waiting == 0 {
		j.pending = append(j.pending, records...)
		return false
	}
	if j.leftOut == nil {
		j.leftOut = rooms.NewDistinctSet(rooms.Limits{})
	}
	j.pending = append(j.pending, records[:room]...)
	j.pending = j.leftOut.AppendDropped(j.pending, records[room:])
	return true
}

// begin creates a journal's file. If the previous file was deleted, it is still open,
// and its contents are copied.
func (o *Journals) begin(d *dir.Dir, id journalID, j *ownJournal) error {
	newName := dir.NewJournal
	if o.typ != 0 {
		newName = dir.NewTypedJournal
	}
	name, file, err := createJournal(d, newName, id.day)
	if err != nil {
		return err
	}
	settings := o.cfg.Settings
	if !id.counting && o.typ == 0 {
		ip, _, _ := strings.Cut(settings, ";")
		settings = ip + ";" + NoRooms
	} else if o.cfg.Secret != nil {
		settings += o.cfg.Secret()
	}
	next := &journal.File{File: file}
	w, err := journal.NewWriter(next, id.keyID, []byte(settings))
	if err == nil && j.lost && j.file.File != nil {
		_, readErr := journal.Read(j.file, 0, func(payload []byte) error {
			err = w.Append(payload)
			return err
		})
		if err == nil && readErr != nil {
			o.cfg.Report.Log("journal-lost", fmt.Sprintf("%s: was deleted and cannot be read: %v; room counts may be too small", j.file.Name(), readErr))
		}
	}
	if err != nil {
		file.Close()
		d.Remove(dir.Journal, name)
		if dir.Cause(err) == 0 {
			err = fmt.Errorf("%s: %w", file.Name(), err) // system errors name the file already
		}
		return err
	}
	o.close(j)
	o.closeIdle()
	o.opened++
	j.file, j.name, j.writer, j.lost = next, name, w, false
	o.ledger.markDay(id.day)
	return nil
}

// createJournal creates an empty journal. Before it is locked, a process that folds can
// take it for the journal of an ended one; then another is created.
func createJournal(d *dir.Dir, newName func(civil.Day) string, day civil.Day) (name string, file *os.File, err error) {
	for range 8 {
		name = newName(day)
		file, err = d.OpenLocked(dir.Journal, name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND)
		if !errors.Is(err, dir.ErrLocked) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return name, file, err
}

// openAgain opens a journal's file that closeIdle closed. It sets lost if the file no
// longer exists or is being folded.
func (o *Journals) openAgain(d *dir.Dir, j *ownJournal) error {
	o.closeIdle()
	file, err := d.OpenLocked(dir.Journal, j.name, os.O_RDWR|os.O_APPEND)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, dir.ErrRemoved) || errors.Is(err, dir.ErrLocked) {
		j.lost = true
		return nil
	}
	if err != nil {
		return err
	}
	o.opened++
	j.file.File = file
	return nil
}

// isLost reports whether the journal was deleted or moved away.
func (j *ownJournal) isLost(d *dir.Dir) bool {
	if j.file.File == nil {
		return j.lost
	}
	f, err := d.OpenFile(dir.Journal, j.name, os.O_RDONLY)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, dir.ErrRemoved)
	}
	defer f.Close()
	there, err := f.Stat()
	held, err2 := j.file.Stat()
	return err == nil && err2 == nil && !os.SameFile(there, held)
}

func (o *Journals) close(j *ownJournal) {
	if j.file.File != nil {
		j.file.Close()
		j.file.File = nil
		o.opened--
	}
}

// closeIdle closes the files of other days if too many are open.
func (o *Journals) closeIdle() {
	if o.opened < maxJournals {
		return
	}
	for id, j := range o.own {
		if len(j.pending) == 0 && !o.cfg.Window().ExpectsLines(id.day) {
			o.close(j)
		}
	}
}

// Forget closes the journals of days that were erased or purged by name. Their waiting
// records are counted all the same.
func (o *Journals) Forget(days map[civil.Day]bool) {
	for id, j := range o.own {
		if days[id.day] {
			o.ledger.countLate(id, j.pending, true)
			o.close(j)
			delete(o.own, id)
		}
	}
}

// Close closes all files. Pending records are lost; call Flush first.
func (o *Journals) Close() {
	for _, j := range o.own {
		o.close(j)
	}
}
