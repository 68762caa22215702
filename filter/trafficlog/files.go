package trafficlog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
)

// Files maintains the traffic files of the days. Any goroutine may call its methods, which
// wait for the disk.
type Files struct {
	cfg *Config

	mu     sync.Mutex // guards what follows
	unions map[civil.Day]*union
	sizes  map[string]int64   // of the journals at the last refresh
	behind map[civil.Day]bool // days whose file could not be written
	writer writer

	named     atomic.Bool // names were added for days without journals
	forgotten forgotten
}

// forgotten collects days whose journals were deleted on purpose. The goroutine that writes
// lines adds them, and does not wait for the disk.
type forgotten struct {
	mu   sync.Mutex // guards days; never held during I/O
	days map[civil.Day]bool
}

func (f *forgotten) add(days map[civil.Day]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.days == nil {
		f.days = map[civil.Day]bool{}
	}
	maps.Copy(f.days, days)
}

// take returns and clears the days.
func (f *forgotten) take() map[civil.Day]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	days := f.days
	f.days = nil
	return days
}

func newFiles(cfg *Config) *Files {
	return &Files{cfg: cfg, unions: map[civil.Day]*union{}, sizes: map[string]int64{}, behind: map[civil.Day]bool{}}
}

// Refresh updates the files of the days whose journals have changed, in the order of the
// days: a name shown on one day may be shown on the next.
func (f *Files) Refresh(d *dir.Dir) error { return f.refresh(d, counts.FirstDay, counts.LastDay) }

// Expiring is Refresh for the days before first, whose journals are about to be deleted. If
// a file cannot be written, its figures stay in memory for another attempt.
func (f *Files) Expiring(d *dir.Dir, first civil.Day) error {
	return f.refresh(d, counts.FirstDay, first-1)
}

func (f *Files) refresh(d *dir.Dir, first, last civil.Day) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget()
	names, err := counts.TypedNames(d)
	if err != nil {
		f.cfg.Report.Fault("journal", err, "")
		return err
	}
	sizes := map[string]int64{}
	for _, of := range names {
		if err := d.Sizes(dir.Journal, of, sizes); err != nil {
			f.cfg.Report.Fault("journal", err, "")
			return err
		}
	}
	for day := range f.behind {
		if names[day] == nil && f.unions[day] == nil {
			delete(f.behind, day) // neither journals nor figures are left
		} else if names[day] == nil {
			names[day] = []string{} // its journals are gone, its figures are in memory
		}
	}
	today := f.today()
	var errs []error
	renamed := f.named.Load()
	if last == counts.LastDay {
		renamed = f.named.Swap(false)
	}
	for _, day := range slices.Sorted(maps.Keys(names)) {
		u := f.unions[day]
		grown := slices.ContainsFunc(names[day], func(name string) bool { return sizes[name] != f.sizes[name] })
		over := u != nil && u.private && day < today
		if !f.behind[day] && (day < first || day > last || !grown && !over && !renamed) {
			continue
		}
		changed, err := f.refreshDay(d, day, names[day], renamed)
		renamed = renamed || changed
		if err != nil {
			f.behind[day] = true
			f.cfg.Report.Fault("traffic", err, "; the traffic figures of "+day.String()+" are not up to date")
			errs = append(errs, err)
			continue
		}
		delete(f.behind, day)
		for _, name := range names[day] {
			f.sizes[name] = sizes[name]
		}
		if !f.cfg.Window().ExpectsLines(day) || last < counts.LastDay {
			delete(f.unions, day) // an archive has too many days to keep them all
		}
	}
	for day := range f.unions {
		if !f.cfg.Window().ExpectsLines(day) && !f.behind[day] {
			delete(f.unions, day)
		}
	}
	for name := range f.sizes {
		if _, there := sizes[name]; !there {
			delete(f.sizes, name)
		}
	}
	return dir.Join(errs...)
}

// today returns the first day that is not over, neither in the clock's zone nor in UTC,
// which JSON logs use.
func (f *Files) today() civil.Day {
	now := f.cfg.Now()
	return min(civil.DayOf(now), civil.DayOf(now.UTC()))
}

// Resealed returns the form in which a payload of day's journals is copied: encrypted with a
// new nonce. Payloads of another type or key stay as they are.
func (f *Files) Resealed(d *dir.Dir, day civil.Day, payload []byte) []byte {
	if len(payload) == 0 || payload[0] != byte(journal.Traffic) {
		return payload
	}
	key, err := f.cfg.Known(d, day)
	if err != nil {
		return payload
	}
	s := newSealer(key.TrafficAEAD(), key.ID(), day)
	text, ok := s.open(nil, payload)
	if !ok {
		return payload
	}
	return s.appendFrame(nil, text)
}

// Forget drops the figures of days whose journals were deleted on purpose. Their files stay.
func (f *Files) Forget(days map[civil.Day]bool) {
	f.forgotten.add(days)
}

func (f *Files) forget() {
	for day := range f.forgotten.take() {
		delete(f.unions, day)
		delete(f.behind, day)
	}
}

// refreshDay updates the file of a day, and reports whether the names shown on that day have
// changed: then later days may change, too. renamed is set if those of an earlier day have
// changed.
func (f *Files) refreshDay(d *dir.Dir, day civil.Day, names []string, renamed bool) (changed bool, err error) {
	u := f.unions[day]
	if u == nil {
		known, err := readNames(d)
		if err != nil {
			return false, err
		}
		u = newUnion(day, f.base(d, day), known.before(day))
		f.unions[day] = u
	}
	if err := u.follow(f.cfg.Known, d, names); err != nil {
		return false, err
	}
	today := f.today()
	if !u.any || !u.changed && !(u.private && day < today) && !renamed {
		return false, nil
	}
	u.changed = true // until all of it is written
	unlock, err := d.LockRooms(counts.LockPatience)
	if err != nil {
		return false, err
	}
	defer unlock()
	if err := u.follow(f.cfg.Known, d, names); err != nil {
		return false, err
	}
	f.noteFlaws(u)
	known, err := readNames(d)
	if err != nil {
		return false, err
	}
	figures, changed := known.figures(day, u.figures.Figures)
	name := dir.TrafficFile(day)
	old, err := d.ReadFile(dir.Traffic, name)
	if err = dir.IfExists(err); err != nil {
		return false, err
	}
	if sha256.Sum256(old) != u.wrote && hits(old) > hitsOf(figures.Cells) {
		u.private, u.changed = true, false
		if u.keptReported {
			return false, u.widen(d, today)
		}
		u.keptReported = true
		f.cfg.Report.Log("traffic-final"+day.String(), fmt.Sprintf("%s: the file of %s has more hits than its journals; it stays as it is, and new lines are not counted in it", f.cfg.Path, day))
		return false, u.widen(d, today)
	}
	text := trafficfile.Append(nil, figures)
	if !bytes.Equal(text, old) {
		if err := d.ReplaceSecret(dir.Traffic, name, text); err != nil {
			return false, err
		}
	}
	u.wrote = sha256.Sum256(text)
	if u.private = day >= today; !u.private {
		if changed {
			err = known.write(d, f.maxNames())
		}
		if err = dir.Join(err, d.Widen(dir.Traffic, name)); err != nil {
			return changed, err
		}
	}
	u.changed = false
	return changed, nil
}

// base returns the options for journals of a day that do not record theirs. This process may
// have another sitemap than the file's writer, or none: pages shown in a file made with a
// sitemap stay shown.
func (f *Files) base(d *dir.Dir, day civil.Day) traffic.Options {
	opt := f.cfg.Options
	if opt.MinGroup == 0 {
		opt = traffic.Defaults()
	}
	text, _ := d.ReadFile(dir.Traffic, dir.TrafficFile(day))
	if pages, sitemap := pagesBySitemap(text); sitemap {
		opt.Sitemap, opt.Standing = true, pages
	}
	return opt
}

// pagesBySitemap returns the pages shown by name in a file made with a sitemap.
func pagesBySitemap(file []byte) (paths []string, sitemap bool) {
	day, _ := trafficfile.Parse(file) // as far as it can be parsed
	if !traffic.HasSitemap(day.Options) {
		return nil, false
	}
	for _, c := range day.Cells {
		if c.Kind == "page" && c.Key != trafficfile.Other {
			paths = append(paths, c.Key)
		}
	}
	return paths, true
}

// maxNames returns how many names of a kind are kept.
func (f *Files) maxNames() int { return cmp.Or(f.cfg.Options.MaxNames, traffic.Defaults().MaxNames) }

// noteFlaws reports problems of a day's journals.
func (f *Files) noteFlaws(u *union) {
	if u.flawed {
		f.cfg.Report.Log("traffic-flaw"+u.day.String(), fmt.Sprintf("%s: not all traffic figures of %s can be read: their journals are damaged, or of another key", f.cfg.Path, u.day))
	}
	if len(u.options) > 1 && !u.mixedReported {
		u.mixedReported = true
		f.cfg.Report.Log("traffic-options"+u.day.String(), fmt.Sprintf("%s: the traffic options changed on %s; its figures mix both, and its file lists both", f.cfg.Path, u.day))
	}
}

// widen makes a finished file readable for others once its day is over.
func (u *union) widen(d *dir.Dir, today civil.Day) error {
	if !u.private || u.day >= today {
		return nil
	}
	err := d.Widen(dir.Traffic, dir.TrafficFile(u.day))
	u.private = err != nil
	return err
}

func hits(file []byte) uint64 {
	day, _ := trafficfile.Parse(file) // as far as it can be parsed
	return hitsOf(day.Cells)
}

// hitsOf returns the number of hits in a day's cells.
func hitsOf(cells []trafficfile.Cell) (n uint64) {
	for _, c := range cells {
		if c.Kind == "total" && (c.Key == "people" || c.Key == "robots") && len(c.Numbers) > 1 {
			n += c.Numbers[1]
		}
	}
	return n
}

// Keep writes the figures of days that were counted without journals. A day's existing file
// stays, unless anew is set: then days holds all lines of the day.
func (f *Files) Keep(d *dir.Dir, days *traffic.Days, anew bool) error {
	unlock, err := d.LockRooms(counts.LockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	known, err := readNames(d)
	if err != nil {
		return err
	}
	journals, err := counts.TypedNames(d)
	if err != nil {
		return err
	}
	var errs []error
	left, open, changed := 0, 0, false
	for _, day := range days.All() {
		if day >= min(f.cfg.Window().Today, f.today()) { // it may still get lines
			open++
			continue
		}
		name := dir.TrafficFile(day)
		if _, err := d.ReadFile(dir.Traffic, name); !errors.Is(err, fs.ErrNotExist) && !anew {
			if left++; err == nil && len(journals[day]) == 0 { // no process writes it again
				errs = append(errs, d.Widen(dir.Traffic, name))
			}
			continue
		}
		figures, more := known.figures(day, func(day civil.Day, names traffic.Names) trafficfile.Day { return days.Figures(day, names) })
		changed = changed || more
		errs = append(errs, d.ReplaceFile(dir.Traffic, name, trafficfile.Append(nil, figures)))
	}
	if changed {
		errs = append(errs, known.write(d, f.maxNames()))
		f.named.Store(true)
	}
	if open > 0 {
		f.cfg.Report.Log("traffic-open", fmt.Sprintf("%s: today is not over; its traffic is not counted; hint: replay its lines once it is", f.cfg.Path))
	}
	switch {
	case left == 1:
		f.cfg.Report.Log("traffic", fmt.Sprintf("%s: one day has traffic figures already; they were left alone", f.cfg.Path))
	case left > 1:
		f.cfg.Report.Log("traffic", fmt.Sprintf("%s: %d days have traffic figures already; they were left alone", f.cfg.Path, left))
	}
	return dir.Join(errs...)
}

// names are the strings shown by name, after the letter of their kind, with the first day on
// which they were.
type names map[string]civil.Day

// readNames reads the names: one a line, after its day.
func readNames(d *dir.Dir) (names, error) {
	text, err := d.ReadFile(dir.Traffic, dir.NamesName)
	if err = dir.IfExists(err); err != nil {
		return nil, err
	}
	return traffic.ParseNames(text), nil
}

// before returns the names shown on days before day.
func (n names) before(day civil.Day) traffic.Names {
	earlier := traffic.Names{}
	for name, on := range n {
		if on < day {
			earlier[name] = true
		}
	}
	return earlier
}

// figures computes the figures of a day with the names of earlier days, and reports whether
// that changed the names of this one.
func (n names) figures(day civil.Day, make func(civil.Day, traffic.Names) trafficfile.Day) (trafficfile.Day, bool) {
	earlier, before := n.before(day), map[string]bool{}
	for name, on := range n {
		if on == day {
			before[name] = true
		}
	}
	made := make(day, earlier)
	changed := false
	for name := range earlier {
		if on, ok := n[name]; !ok || on > day {
			n[name], changed = day, true
		}
	}
	for name := range before {
		if !earlier[name] {
			delete(n, name)
			changed = true
		}
	}
	return made, changed
}

// write writes the names, of each kind the earliest ones: a client that sends invented names
// from many networks must neither fill the disk nor displace the site's names. If a process
// with a larger limit has written more, as many stay.
func (n names) write(d *dir.Dir, most int) error {
	old, err := d.ReadFile(dir.Traffic, dir.NamesName)
	missing := errors.Is(err, fs.ErrNotExist)
	if err = dir.IfExists(err); err != nil {
		return err
	}
	had := map[byte]int{}
	for name := range traffic.ParseNames(old) {
		had[name[0]]++
	}
	var text []byte
	count := map[byte]int{}
	for _, name := range slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(cmp.Compare(n[a], n[b]), cmp.Compare(a, b)) }) {
		if count[name[0]]++; count[name[0]] <= max(most, had[name[0]]) {
			text = fmt.Appendf(text, "%s %s\n", n[name], name)
		}
	}
	if !missing && bytes.Equal(text, old) {
		return nil
	}
	return d.ReplaceFile(dir.Traffic, dir.NamesName, text)
}
