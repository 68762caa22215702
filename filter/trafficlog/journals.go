package trafficlog

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// Journals are the traffic journals that this process writes. One goroutine uses them, and
// waits for the disk.
type Journals struct {
	cfg     *Config
	own     map[civil.Day]*ownJournal
	waiting int // bytes of unwritten records
	text    []byte
	sealed  []byte
}

// ownJournal is a journal that this process writes.
type ownJournal struct {
	id      journalID
	number  uint64 // number of the last record
	file    *journal.File
	name    string
	writer  *journal.Writer // nil: not created yet
	key     *pseudonym.Key  // the sealer's key
	sealer  *sealer
	pending []record
}

// record is a record that is not written yet.
type record struct {
	head
	text []byte
}

const (
	// maxPending bounds the records that wait in memory while journals are refused, in
	// bytes.
	maxPending = 64 << 20
	// maxJournals bounds the open files: an archive can have many days.
	maxJournals = 32
)

// New returns the two parts of a process's traffic figures.
func New(cfg Config) (*Journals, *Files) {
	return &Journals{cfg: &cfg, own: map[civil.Day]*ownJournal{}}, newFiles(&cfg)
}

// Add adds a batch's contribution to the figures of a day. While DIR cannot be opened, d is
// nil and the record waits in memory.
func (o *Journals) Add(d *dir.Dir, day civil.Day, part traffic.Part, hits []byte) {
	key := o.cfg.Key(day)
	if key == nil {
		return // the lines waited past their retention and were dropped, which was reported
	}
	if o.waiting+len(hits) > maxPending {
		o.cfg.Report.Log("traffic-pending", fmt.Sprintf("%s: more than %d MiB of traffic figures wait for the journals: not all are counted", o.cfg.Path, maxPending>>20))
		return
	}
	j := o.own[day]
	if j == nil {
		o.closeIdle(d)
		j = &ownJournal{file: &journal.File{}}
		rand.Read(j.id[:])
		o.own[day] = j
	}
	j.number++
	r := record{head: head{journal: j.id, number: j.number, Part: part}, text: hits}
	if len(j.pending) == 0 && d != nil && o.flush(d, day, j, key) == nil && o.write(j, r) == nil {
		return
	}
	if o.own[day] != j { // the day was deleted on purpose before these lines came
		o.Add(d, day, part, hits)
		return
	}
	r.text = append([]byte(nil), hits...)
	j.pending = append(j.pending, r)
	o.waiting += len(hits)
}

// Flush writes waiting records, and ends the journals of days past their retention.
func (o *Journals) Flush(d *dir.Dir) error {
	var errs []error
	for day, j := range o.own {
		key := o.cfg.Key(day)
		if key == nil {
			if err := o.end(day, j); err != nil {
				o.cfg.Report.Log("traffic-expired", err.Error())
				errs = append(errs, err)
			}
			continue
		}
		var err error
		if j.writer != nil && j.isLost(d) {
			err = o.begin(d, day, j, key)
		}
		if err == nil {
			err = o.flush(d, day, j, key)
		}
		if o.own[day] == j { // else the day was deleted on purpose
			errs = append(errs, err)
		}
	}
	return dir.Join(errs...)
}

// flush creates the journal if there is none, and writes pending.
func (o *Journals) flush(d *dir.Dir, day civil.Day, j *ownJournal, key *pseudonym.Key) error {
	if j.writer == nil || key != j.key {
		if err := o.begin(d, day, j, key); err != nil {
			return err
		}
	}
	for len(j.pending) > 0 {
		if err := o.write(j, j.pending[0]); err != nil {
			return err
		}
		o.waiting -= len(j.pending[0].text)
		j.pending = j.pending[1:]
	}
	return nil
}

// write writes a record. If that fails, the whole record has to be written again; what is in
// the file by then is ignored.
func (o *Journals) write(j *ownJournal, r record) error {
	err := o.appendRecord(j.writer, j.sealer, r)
	if err != nil {
		o.cfg.Report.Fault("journal", err, "; traffic figures wait in memory")
	}
	return err
}

// appendRecord appends a record in frames.
func (o *Journals) appendRecord(w *journal.Writer, s *sealer, r record) error {
	r.pieces = uint64(max(1, (len(r.text)+maxPiece-1)/maxPiece))
	for r.piece = range r.pieces {
		piece := r.text[int(r.piece)*maxPiece:]
		piece = piece[:min(len(piece), maxPiece)]
		o.text = append(r.head.appendTo(o.text[:0]), piece...)
		o.sealed = s.appendFrame(o.sealed[:0], o.text)
		if err := w.Append(o.sealed); err != nil {
			return err
		}
	}
	return nil
}

var errForgotten = errors.New("the day was deleted on purpose")

// begin creates the file of a journal under a key. It copies the records of the previous
// file if that was deleted, or is under an outdated key; but not if it was deleted together
// with its key, nor for a day that was erased or purged by name.
func (o *Journals) begin(d *dir.Dir, day civil.Day, j *ownJournal, key *pseudonym.Key) error {
	s := newSealer(key.TrafficAEAD(), key.ID(), day)
	var name string
	var file *os.File
	var err error
	for range 8 { // before it is locked, a process that folds can take it for an ended one's
		name = dir.NewTypedJournal(day)
		file, err = d.OpenLocked(dir.Journal, name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND)
		if !errors.Is(err, dir.ErrLocked) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		o.cfg.Report.Fault("journal", err, "; traffic figures wait in memory")
		return err
	}
	o.cfg.Forget(d) // whoever deletes the day after this finds the file
	if o.own[day] != j {
		file.Close()
		_ = d.Remove(dir.Journal, name)
		return errForgotten
	}
	next := &journal.File{File: file}
	w, err := journal.NewWriter(next, s.keyID, []byte(settings))
	if err == nil {
		err = o.appendRecord(w, s, record{head{journal: j.id}, o.cfg.Options.Record()})
	}
	if err == nil && o.mayCopy(d, day, j, key) {
		_, err = journal.Read(j.file, 0, func(payload []byte) error {
			text, ok := j.sealer.open(o.text[:0], payload)
			if !ok {
				return nil
			}
			o.text = text
			o.sealed = s.appendFrame(o.sealed[:0], text)
			return w.Append(o.sealed)
		})
	}
	if err != nil {
		file.Close()
		_ = d.Remove(dir.Journal, name)
		o.cfg.Report.Fault("journal", err, "; traffic figures wait in memory")
		return err
	}
	if o.close(j); j.name != "" {
		_ = d.Remove(dir.Journal, j.name)
	}
	j.file, j.name, j.writer, j.key, j.sealer = next, name, w, key, s
	return nil
}

// isLost reports whether the journal was deleted or moved away.
func (j *ownJournal) isLost(d *dir.Dir) bool {
	there, err := j.isThere(d)
	return !there && (err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, dir.ErrRemoved))
}

// isThere reports whether the journal's name still leads to it.
func (j *ownJournal) isThere(d *dir.Dir) (bool, error) {
	f, err := d.OpenFile(dir.Journal, j.name, os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer f.Close()
	there, err := f.Stat()
	if err != nil {
		return false, err
	}
	held, err := j.file.Stat()
	return err == nil && os.SameFile(there, held), err
}

// mayCopy reports whether begin copies the records of a journal under a new key, and reports
// a loss.
func (o *Journals) mayCopy(d *dir.Dir, day civil.Day, j *ownJournal, key *pseudonym.Key) bool {
	if j.file.File == nil || key == j.key {
		return j.file.File != nil
	}
	there, _ := j.isThere(d)
	if !there {
		o.cfg.Report.Log("traffic-gone"+day.String(), fmt.Sprintf("%s: a journal of %s was deleted with its key; its traffic figures are not written again", o.cfg.Path, day))
	}
	return there
}

// end ends a journal so that its process does not count as killed. Records that still wait
// in memory are an error.
func (o *Journals) end(day civil.Day, j *ownJournal) (err error) {
	if len(j.pending) > 0 {
		err = fmt.Errorf("%s: traffic figures of %s waited in memory and are lost", o.cfg.Path, day)
	} else if j.writer != nil {
		h := head{journal: j.id, number: j.number + 1}
		o.text = h.appendTo(o.text[:0])
		o.sealed = j.sealer.appendFrame(o.sealed[:0], o.text)
		if err := j.writer.Append(o.sealed); err != nil { // without this record, the process counts as killed
			o.cfg.Report.Fault("journal", err, "")
		}
	}
	o.drop(day, j)
	return err
}

func (o *Journals) drop(day civil.Day, j *ownJournal) {
	for _, r := range j.pending {
		o.waiting -= len(r.text)
	}
	o.close(j)
	delete(o.own, day)
}

func (o *Journals) close(j *ownJournal) {
	if j.file.File != nil {
		j.file.Close()
		j.file.File = nil
	}
}

// closeIdle ends the journals of other days if too many are open.
func (o *Journals) closeIdle(d *dir.Dir) {
	if len(o.own) < maxJournals || d == nil {
		return
	}
	for day, j := range o.own {
		if len(j.pending) == 0 && !o.cfg.Window().ExpectsLines(day) {
			o.end(day, j)
		}
	}
}

// Forget drops the journals of days that were erased or purged by name.
func (o *Journals) Forget(days map[civil.Day]bool) {
	for day, j := range o.own {
		if days[day] {
			o.drop(day, j)
		}
	}
}

// Close ends all journals. Its error lists the days that lost waiting records.
func (o *Journals) Close() error {
	var errs []error
	for day, j := range o.own {
		errs = append(errs, o.end(day, j))
	}
	return dir.Join(errs...)
}
