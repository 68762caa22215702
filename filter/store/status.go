package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/retention"
	"hushpipe/format"
)

const (
	// purgeGrace is how long after midnight what expired then may still be there:
	// a process comes round once a minute.
	purgeGrace = 2 * time.Minute
	// silence is how old the record of a live process may be.
	silence = 5 * time.Minute
	// inTheMaking is how old a temporary file may be.
	inTheMaking = 2 * time.Hour
)

// Status is what is on disk, and what happened to the lines.
type Status struct {
	Dir       string        `json:"dir"`
	Time      time.Time     `json:"time"`
	Keep      string        `json:"keep"`             // the longest retention recorded
	Oldest    string        `json:"oldest,omitempty"` // date of the oldest line
	Days      []DayFiles    `json:"days"`             // oldest first
	Counts    []DayCounters `json:"counts"`           // of 31 days at most, oldest first
	Total     Counters      `json:"total"`            // of Counts
	Processes []Process     `json:"processes"`        // live ones
	LastError Fault         `json:"last_error,omitzero"`
	Broken    []Finding     `json:"broken"` // what breaks the promise
	Notes     []Finding     `json:"notes"`  // what does not, and should be known
	Doubts    []Finding     `json:"doubts"` // what may break it, which nobody can tell
}

// DayFiles is what lies on disk of a day.
type DayFiles struct {
	Day          string `json:"day"`
	LogBytes     int64  `json:"log_bytes"` // with copies that bear the date
	Key          bool   `json:"key"`
	Journals     int    `json:"journals"`
	JournalBytes int64  `json:"journal_bytes"`
}

// DayCounters is what was counted on a day, whatever day the lines are of.
type DayCounters struct {
	Day string `json:"day"`
	Counters
}

// Finding is something that is not as it should be.
type Finding struct {
	File string `json:"file"`
	What string `json:"what"`
	Do   string `json:"do"`
}

// survey makes a Status.
type survey struct {
	Status
	now      time.Time
	first    format.Day // the oldest whose lines are kept
	keepKeys calendar.Period
	today    format.Day
	keys     string // "": in DIR
	days     map[format.Day]*DayFiles
}

// ReadStatus looks at DIR, and at its key directory at keys, "" for DIR/keys. It
// writes nothing, and waits for no other process.
func ReadStatus(path, keys string, now time.Time) (Status, error) {
	d, err := dir.Open(path, dir.Options{Keys: keys})
	if err != nil {
		return Status{}, err
	}
	defer d.Close()
	v := &survey{now: now, keys: keys, days: map[format.Day]*DayFiles{}, today: format.DayOf(now),
		Status: Status{Dir: path, Time: now.Truncate(time.Second), Days: []DayFiles{}, Counts: []DayCounters{},
			Processes: []Process{}, Broken: []Finding{}, Doubts: []Finding{}, Notes: []Finding{}}}
	others := keptByEarlier(d)
	keep, err := retention.CurrentRule(d, retention.OfLines, others)
	if err != nil {
		v.broken(filepath.Join(path, dir.RuleName), "contains no retention", "write one into it, as in 14d")
	}
	v.keepKeys, err = retention.CurrentRule(d, retention.OfKeys, others)
	if err != nil {
		v.broken(filepath.Join(keyPath(path, keys), dir.RuleName), "contains no retention, so that no key is deleted", "write one into it, as in 14d")
	}
	v.Keep = keep.String()
	v.first = v.firstOf(keep)

	if err := v.walk(path, ""); err != nil {
		return Status{}, err
	}
	subs := []struct{ path, sub string }{
		{keyPath(path, keys), dir.Keys}, {filepath.Join(path, dir.Journal), dir.Journal},
		{filepath.Join(path, dir.Rooms), dir.Rooms}, {filepath.Join(path, dir.Status), dir.Status}}
	if keys != "" { // keys that were there before would be forgotten
		subs = append(subs, struct{ path, sub string }{filepath.Join(path, dir.Keys), dir.Keys})
	}
	for _, d := range subs {
		err := v.walk(d.path, d.sub)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if d.path == keyPath(path, keys) && len(v.days) > 0 {
				v.broken(d.path, "there is no key directory: whether keys are deleted is not known", "give --keys")
			}
		case err != nil:
			return Status{}, err
		}
	}
	for _, day := range slices.Sorted(maps.Keys(v.days)) {
		d := *v.days[day]
		if v.Oldest == "" && d.LogBytes > 0 {
			v.Oldest = d.Day
		}
		v.Days = append(v.Days, d)
	}
	v.below(d)
	v.clear(d)
	if err := v.processes(d); err != nil {
		return Status{}, err
	}
	v.verdictOfCounts()
	return v.Status, nil
}

// firstOf is the oldest day that a rule keeps. What expires at midnight may be there
// for a moment more.
func (v *survey) firstOf(keep calendar.Period) format.Day {
	return format.DayOf(v.now.Add(-purgeGrace)) - format.Day(keep) + 1
}

func (v *survey) broken(file, what, do string) {
	v.Broken = append(v.Broken, Finding{file, what, do})
}

func (v *survey) note(file, what, do string) {
	v.Notes = append(v.Notes, Finding{file, what, do})
}

func (v *survey) day(day format.Day) *DayFiles {
	if v.days[day] == nil {
		v.days[day] = &DayFiles{Day: day.String()}
	}
	return v.days[day]
}

// walk looks at a directory and at all files in it.
func (v *survey) walk(path, sub string) error {
	stat := os.Lstat
	if path == v.Dir || path == v.keys { // these may be links
		stat = os.Stat
	}
	info, err := stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		v.broken(path, "is no directory", "remove it")
		return nil
	}
	if info.Mode()&0o002 != 0 {
		v.broken(path, "everybody can write there", "chmod o-w "+path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	var foreign []string
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err == nil && isForeign(path, sub, info):
			foreign = append(foreign, e.Name())
		case err == nil:
			v.file(path, sub, info)
		case !errors.Is(err, fs.ErrNotExist): // else it was deleted meanwhile
			return err
		}
	}
	for _, name := range foreign[:min(len(foreign), shownForeign)] {
		v.note(filepath.Join(path, name), "is not hushpipe's, so hushpipe will not delete it", "check whether it contains lines or a key")
	}
	if more := len(foreign) - shownForeign; more > 0 {
		v.note(path, fmt.Sprintf("holds %d more that are not hushpipe's", more), "check whether they contain lines or keys")
	}
	return nil
}

// shownForeign is how many files of others in a directory are named.
const shownForeign = 3

// isForeign reports whether a file of sub, or a directory, is not hushpipe's.
func isForeign(at, sub string, info fs.FileInfo) bool {
	name := info.Name()
	if sub != "" && sub != dir.Keys && sub != dir.Journal || dir.IsUndated(sub, name) || dir.IsTemp(name) {
		return false
	}
	if _, dated := dir.ExpiryDay(sub, strings.TrimSuffix(name, dir.ExposedSuffix)); dated || name == dir.RoomSecretName+dir.ExposedSuffix {
		return false
	}
	return !info.IsDir() || !recordsRule(filepath.Join(at, name))
}

// recordsRule reports whether a directory is one that hushpipe works on.
func recordsRule(path string) bool {
	_, err := os.Lstat(filepath.Join(path, dir.RuleName))
	_, errKeys := os.Lstat(filepath.Join(path, dir.Keys, dir.RuleName))
	return err == nil || errKeys == nil
}

// file looks at one file.
func (v *survey) file(at, sub string, info fs.FileInfo) {
	name, path := info.Name(), filepath.Join(at, info.Name())
	day, dated := dir.ExpiryDay(sub, name)
	temp := dir.IsTemp(name)
	tagged := dir.IsUndated(sub, name)
	if secret, exposed := strings.CutSuffix(path, dir.ExposedSuffix); exposed {
		v.broken(secret, "could be read by others before its mode was put right", "assume that others know it, and remove "+path)
		return
	}
	switch {
	case sub == "" && name == dir.LinkName:
		if info.Mode().Type() != fs.ModeSymlink {
			v.broken(path, "is no symbolic link: what is in it is not deleted", "move it away")
		}
		return
	case sub == "" && info.IsDir() && !dated, sub == dir.Keys && tagged && info.IsDir():
		return // it has its own turn
	case !info.Mode().IsRegular():
		if !temp { // a link is made under such a name
			v.broken(path, "is no regular file", "remove it")
		}
		return
	}
	if dated {
		v.day(day).add(sub, name, info.Size())
	}
	keep := v.Keep
	first := v.first
	if sub == dir.Keys {
		keep, first = v.keepKeys.String(), v.firstOf(v.keepKeys)
	}
	ahead := dated && day > v.today+1
	// What is to be deleted needs no other mode.
	switch {
	case temp && v.now.Sub(info.ModTime()) > inTheMaking:
		v.broken(path, "was left by a process that was killed", v.purge(at))
		return
	case dated && day < first, ahead && format.DayOf(info.ModTime().In(v.now.Location())) < first:
		v.broken(path, "is older than "+keep, v.purge(at))
		return
	case dated && strings.HasSuffix(name, dir.DamagedSuffix):
		v.note(path, "was set aside because part of it could not be read", "its intact part is counted; it is deleted with its day")
	case ahead:
		v.note(path, "is dated after tomorrow: a clock was wrong", "it is deleted "+keep+" after a purge first sees it so")
	}
	secret := sub == dir.Journal && dated || sub == dir.Keys && !tagged || sub == "" && name == dir.RoomSecretName
	mode := info.Mode().Perm()
	if loose := mode & forbidden(sub, dated || temp, secret); loose != 0 {
		v.broken(path, fmt.Sprintf("others have access to it (mode %04o)", mode), fmt.Sprintf("chmod %04o %s", mode&^loose, path))
	}
	if sub == dir.Keys && secret && links(info) > 1 {
		v.broken(path, "has a hard link elsewhere, which outlives its day", "delete that one")
	}
}

// add takes in a file of the day.
func (d *DayFiles) add(sub, name string, size int64) {
	switch sub {
	case "":
		d.LogBytes += size
	case dir.Keys:
		d.Key = d.Key || name == d.Day+".key"
	case dir.Journal:
		if strings.HasSuffix(name, dir.DamagedSuffix) {
			return
		}
		d.Journals++
		d.JournalBytes += size
	}
}

// forbidden are the bits of a mode that give away what the file holds.
func forbidden(sub string, dated, secret bool) fs.FileMode {
	switch {
	case secret:
		return 0o077
	case sub == "" && dated:
		return 0o007
	}
	return 0o002
}

// purge is the command that deletes what has expired at a place. Keys that lie
// in DIR although others do not are its own.
func (v *survey) purge(at string) string {
	if v.keys == "" || at == filepath.Join(v.Dir, dir.Keys) {
		return "hushpipe purge " + v.Dir
	}
	return fmt.Sprintf("hushpipe purge --keys %s %s", v.keys, v.Dir)
}

// clear looks for days whose addresses were kept: the headers of journals tell,
// also when the process has ended.
func (v *survey) clear(d *dir.Dir) {
	names, _ := journalNames(d) // what is wrong there has been said
	for _, day := range v.Days {
		date, _ := format.ParseDay(day.Day)
		kept := func(name string) bool {
			f, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
			if err != nil {
				return false // deleted meanwhile, or has been said
			}
			defer f.Close()
			info, _ := journal.ReadHeader(f)
			return bytes.HasPrefix(info.Settings, []byte("ip=keep;"))
		}
		if day.LogBytes > 0 && slices.ContainsFunc(names[date], kept) {
			v.broken(filepath.Join(v.Dir, dir.LogFile(date)), "holds addresses in clear, by --ip keep", "delete it and its copies")
		}
	}
}

func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

// processes looks at what processes say of themselves.
func (v *survey) processes(d *dir.Dir) error {
	t, list, err := settledRecords(d)
	if errors.Is(err, errRecord) {
		v.note(filepath.Join(v.Dir, dir.Status, dir.EndedName), "cannot be read", "their counts start again at zero by themselves")
	} else if err != nil {
		v.note(filepath.Join(v.Dir, dir.Status, dir.EndedName), "the counts of ended processes are not known", err.Error())
	}
	unknown := false
	for _, r := range list {
		switch {
		case r.gone():
			t.add(r.id, r.record, v.now)
		case r.live:
			v.live(r, &t)
		case errors.Is(r.err, fs.ErrPermission): // what is broken otherwise, walk has seen
			v.note(filepath.Join(v.Dir, dir.Status, r.id+dir.RecordSuffix), "what it counted is not known", r.err.Error())
			unknown = true
		}
	}
	slices.SortFunc(v.Processes, func(a, b Process) int { return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.PID, b.PID)) })
	v.LastError = t.LastError
	if err != nil || unknown {
		t.NamedFrom = (v.today + 1).String()
	}
	t.settleNames()
	v.doubtNames(t)
	forgetDays(t.Days)
	for _, date := range slices.Sorted(maps.Keys(t.Days)) {
		if _, ok := format.ParseDay(date); ok {
			v.Counts = append(v.Counts, DayCounters{date, t.Days[date]})
			v.Total = v.Total.plus(t.Days[date])
		}
	}
	return nil
}

// below looks at the directories below DIR that record a rule of their own.
func (v *survey) below(d *dir.Dir) {
	names, _ := d.Nested() // an error has been returned before
	for _, name := range names {
		nested, err := d.OpenNested(name)
		if err != nil || !retention.HoldsLines(nested) {
			if err == nil {
				nested.Close()
			}
			continue
		}
		nested.Close()
		path := filepath.Join(v.Dir, name)
		status, err := ReadStatus(path, "", v.now)
		if err != nil {
			v.broken(path, "cannot be read: whether lines expire there is not known", err.Error())
		}
		v.Broken = append(v.Broken, status.Broken...)
		v.Doubts = append(v.Doubts, status.Doubts...)
	}
}

// doubtNames looks for days whose lines may hold the names of clients in clear: up
// to the day behind the last one on which an earlier version counted a malformed
// line, since it wrote such a line to the day of its date, which is no later, or to
// that on which it came.
func (v *survey) doubtNames(t totals) {
	last, _ := format.ParseDay(t.NamedFrom)
	for date, c := range t.Days {
		if day, ok := format.ParseDay(date); ok && c.unnamed() > 0 {
			last = max(last, day+1)
		}
	}
	name := ""
	for _, day := range v.Days {
		if date, ok := format.ParseDay(day.Day); ok && date <= last && day.LogBytes > 0 {
			name = dir.LogFile(date)
		}
	}
	if name != "" {
		v.Doubts = append(v.Doubts, Finding{filepath.Join(v.Dir, name),
			"malformed lines up to this day may name clients: an earlier version did",
			"delete them if HostnameLookups was On; they go after " + v.Keep + " by themselves"})
	}
}

// settledRecords is findRecords at a moment when nothing is folded: a record that is
// read before it is folded, and the total after two folds, would count twice.
func settledRecords(d *dir.Dir) (t totals, list []found, err error) {
	for range 64 {
		var before totals
		err := readJSON(d, dir.EndedName, &before)
		t, list, err2 := findRecords(d)
		if err2 != nil || ifExists(err) == nil && reflect.DeepEqual(before, t) {
			return t, list, err2
		}
	}
	return findRecords(d)
}

// live looks at the record of a process that runs.
func (v *survey) live(r found, t *totals) {
	file := filepath.Join(v.Dir, dir.Status, r.id+dir.RecordSuffix)
	if r.err != nil {
		v.note(file, "cannot be read", "its process writes it again within a minute")
		return
	}
	p := r.record.Process
	v.Processes = append(v.Processes, p)
	if t.Days == nil {
		t.Days = map[string]Counters{}
	}
	for day, c := range r.record.Days {
		t.Days[day] = t.Days[day].plus(c)
	}
	if r.record.LastError.Time.After(t.LastError.Time) {
		t.LastError = r.record.LastError
	}
	if p.IP == "keep" {
		v.broken(v.Dir, fmt.Sprintf("process %d writes addresses in clear", p.PID), "remove --ip keep from its flags")
	}
	if p.Fallback {
		v.note(v.Dir, fmt.Sprintf("process %d runs on the settings recorded here, since its flags are wrong", p.PID), "see the web server's error log, correct the flags and reload")
	}
	if v.now.Sub(p.Written) > silence {
		v.note(v.Dir, fmt.Sprintf("process %d has not written its record since %s", p.PID, p.Written.Format(time.DateTime)), "check whether the disk answers")
	}
	if p.Keep != v.Keep {
		v.note(v.Dir, fmt.Sprintf("process %d keeps lines for %s, and %s is the rule", p.PID, p.Keep, v.Keep), "see 'hushpipe help operation'")
	}
}

// verdictOfCounts says what was lost: that has been said, so the promise holds.
func (v *survey) verdictOfCounts() {
	c := v.Total
	for _, loss := range []struct {
		n    uint64
		what string
	}{
		{c.Dropped, "lines lost: the disk was full or did not answer"},
		{c.Cut, "lines longer than 1 MiB, without their end"},
		{c.Failed, "lines left out because of an error in hushpipe"},
		{c.Glued, "lines written into each other: the pipe was full, see 'hushpipe help lines'"},
		{c.Overflow, "lines whose room was not counted: too many rooms or addresses in a day, a room name too long, or lines written into each other"},
		{c.WithoutClient, "lines without client, whose rooms are not counted: see --format"},
		{c.WithoutRequest, "lines without request, whose rooms are not counted: see --format"},
		{c.RoomUnseen, "lines of rooms whose name cannot be seen: log the query, by %r or %q"},
		{c.Repeated, "batches of lines written twice after a kill"},
	} {
		if loss.n > 0 {
			v.note(v.Dir, fmt.Sprintf("since %s: %d %s", v.Counts[0].Day, loss.n, loss.what), "see the web server's error log")
		}
	}
}
