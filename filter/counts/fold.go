package counts

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Folding merges the journals of ended processes: those of the same day and origin
// become one. The new journal is on the disk before its parts are deleted, and a
// journal may be read any number of times, so a crash in between leaves more files and
// the same counts. A part that could not be read completely is kept whole, as
// NAME.damaged.

// origin identifies the key and settings in a journal's header. It is zero if the
// header is damaged, or records neither.
type origin struct {
	keyID    [8]byte
	settings string
}

func originOf(info journal.Info) origin {
	if !info.HeaderOK {
		return origin{}
	}
	return origin{info.KeyID, string(info.Settings)}
}

// part is the journal of an ended process, locked until it is closed.
type part struct {
	*os.File
	name string
	size int64
	why  string // why not all of it could be read
}

const (
	// largePart is the size from which copying costs matter: a larger journal is folded
	// again only when at least a quarter of its size has come in.
	largePart = 1 << 20
	// maxParts bounds the open files of a fold.
	maxParts = 64
)

// Fold folds the journals of all days that are kept, including typed journals.
func (f *Files) Fold(d *dir.Dir) error {
	names, err := journalNames(d)
	typed, typedErr := TypedNames(d)
	errs := []error{err, typedErr}
	first := f.cfg.Window().First
	for name := range f.flawed {
		day, _ := dir.OwnDay(dir.Journal, name)
		if slices.Contains(names[day], name) {
			continue
		}
		delete(f.flawed, name)
		if u := f.unions[day]; u != nil {
			delete(u.flawed, name)
		}
	}
	for _, of := range []struct {
		names map[civil.Day][]string
		typed bool
	}{{names, false}, {typed, true}} {
		for day, all := range of.names {
			if day < first {
				continue // about to be deleted
			}
			for some := range slices.Chunk(all, maxParts) {
				errs = append(errs, f.foldDay(d, day, some, of.typed))
			}
		}
	}
	if err := dir.Join(errs...); err != nil {
		f.cfg.Report.Fault("fold", err, "; journals stay as they are")
		return err
	}
	return nil
}

// foldDay folds a day's journals whose writers have ended.
func (f *Files) foldDay(d *dir.Dir, day civil.Day, names []string, typed bool) error {
	if len(names) < 2 && !slices.ContainsFunc(names, f.isFlawed) {
		return nil
	}
	parts := map[origin][]*part{}
	defer func() {
		for _, list := range parts {
			for _, p := range list {
				p.Close()
			}
		}
	}()
	var errs []error
	for _, name := range names {
		file, err := d.OpenLocked(dir.Journal, name, os.O_RDWR)
		if err != nil {
			continue // its writer lives, or reading it for the room file reports why
		}
		p := &part{File: file, name: name}
		if st, err := file.Stat(); err == nil {
			p.size = st.Size()
		}
		info, err := journal.ReadHeader(file)
		switch from := originOf(info); {
		case errors.Is(err, journal.ErrVersion):
			errs = append(errs, f.setAside(d, p, err.Error()))
			p.Close()
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", file.Name(), err))
			p.Close()
		default:
			parts[from] = append(parts[from], p)
		}
	}
	for from, list := range parts {
		if list = f.worthFolding(list); len(list) > 0 {
			errs = append(errs, f.foldParts(d, day, from, list, typed))
		}
	}
	return dir.Join(errs...)
}

// isFlawed reports whether a journal could not be read completely.
func (f *Files) isFlawed(name string) bool {
	_, flawed := f.flawed[name]
	return flawed
}

// worthFolding returns the parts to fold now: no large one for the sake of a few small
// ones, and no single one that is intact.
func (f *Files) worthFolding(parts []*part) []*part {
	slices.SortFunc(parts, func(a, b *part) int { return cmp.Compare(a.size, b.size) })
	var sum int64
	for _, p := range parts {
		sum += p.size
	}
	for len(parts) > 0 {
		last := parts[len(parts)-1]
		rest := sum - last.size
		if f.isFlawed(last.name) || last.size < largePart || last.size <= 4*rest {
			break
		}
		parts, sum = parts[:len(parts)-1], rest
	}
	if len(parts) == 1 && !f.isFlawed(parts[0].name) {
		return nil
	}
	return parts
}

// errNothing aborts the creation of a journal that would be empty.
var errNothing = errors.New("no record can be read")

// foldParts merges parts into one journal, and deletes them. It combines records into
// payloads of maximal length. Payloads of types that it does not know are copied as
// they are.
func (f *Files) foldParts(d *dir.Dir, day civil.Day, from origin, parts []*part, typed bool) error {
	name := dir.NewJournal(day)
	if typed {
		name = dir.NewTypedJournal(day)
	}
	err := d.CreateFile(dir.Journal, name, func(file *os.File) error {
		w, err := journal.NewWriter(file, from.keyID, []byte(from.settings))
		if err != nil {
			return err
		}
		frames := 0
		var records []byte
		for _, p := range parts {
			foreign := 0
			info, err := journal.Read(p, 0, func(payload []byte) error {
				frames++
				switch {
				case typed && !journal.Type(payload[0]).Joinable():
					if f.cfg.Reseal != nil {
						payload = f.cfg.Reseal(d, day, payload)
					}
					return w.Append(payload)
				case typed && len(records) > 0 && records[0] == payload[0] && len(records)+len(payload)-1 <= journal.MaxPayload:
					records = append(records, payload[1:]...)
					return nil
				case !typed && len(payload)%rooms.RecordSize != 0:
					frames--
					foreign++
					return nil
				case len(records) > 0 && (typed || len(records)+len(payload) > journal.MaxPayload):
					if err := w.Append(records); err != nil {
						return err
					}
					records = records[:0]
				}
				records = append(records, payload...)
				return nil
			})
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name(), err)
			}
			switch {
			case p.size == 0:
			case foreign > 0 || isDamaged(info, 0):
				p.why = "damaged in part; its intact part is counted"
			case info.Torn:
				p.why = "ends within a frame, as after a kill; what is whole is counted"
			}
		}
		if frames == 0 && from == (origin{}) {
			return errNothing
		}
		if len(records) > 0 {
			return w.Append(records)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errNothing) {
		return err
	}
	var errs []error
	for _, p := range parts {
		if p.why != "" {
			err = f.setAside(d, p, p.why)
		} else {
			err = d.Remove(dir.Journal, p.name)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return dir.Join(errs...)
}

// setAside renames a part so that it is no longer a journal, for somebody to look at.
func (f *Files) setAside(d *dir.Dir, p *part, why string) error {
	to := p.name + dir.DamagedSuffix
	if err := d.Rename(dir.Journal, p.name, to); err != nil {
		return err
	}
	f.cfg.Report.Log("aside "+p.name, fmt.Sprintf("%s: %s; set aside as %s", p.Name(), why, to))
	return nil
}

// noteFlaws reports each damaged journal once, and remembers it for Fold.
func (f *Files) noteFlaws(u *union) {
	for name, why := range u.flawed {
		if why != f.flawed[name] {
			f.cfg.Report.Log("damaged "+name, filepath.Join(f.cfg.Path, dir.Journal, name)+": "+why)
		}
		f.flawed[name] = why
	}
}
