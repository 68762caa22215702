// Package audit inspects a DIR from outside, by its path: what is on the disk, whether that
// keeps the promise, and what was there before. It writes nothing, and waits for no process.
package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
)

const (
	// purgeGrace is how long after midnight expired files may still exist: processes check
	// once a minute.
	purgeGrace = 2 * time.Minute
	// silence is how old a live process's record may be.
	silence = 5 * time.Minute
	// maxTempAge is how old a temporary file may be.
	maxTempAge = 2 * time.Hour
)

// Status describes the files on the disk, and what happened to the lines.
type Status struct {
	Dir       string             `json:"dir"`
	Time      time.Time          `json:"time"`
	Keep      string             `json:"keep"`               // the longest retention recorded
	Bounds    string             `json:"bounds,omitempty"`   // all bounds on lines, if there are others than Keep
	Oldest    string             `json:"oldest,omitempty"`   // date of the oldest line
	LastLine  time.Time          `json:"last_line,omitzero"` // time of the last write
	Days      []DayFiles         `json:"days"`               // oldest first
	Counts    []DayCounters      `json:"counts"`             // at most 31 days, oldest first
	Total     counters.Values    `json:"total"`              // of Counts
	Processes []registry.Process `json:"processes"`          // live ones
	LastError registry.Fault     `json:"last_error,omitzero"`
	Broken    []Finding          `json:"broken"` // violations of the promise
	Notes     []Finding          `json:"notes"`  // no violations, but worth knowing
	Doubts    []Finding          `json:"doubts"` // possible violations

	Policy  *Policy  `json:"policy,omitempty"`  // of a DIR of streams
	Streams []Status `json:"streams,omitempty"` // of a DIR of streams, by name
	Gate    *Gate    `json:"gate,omitempty"`    // of a stream behind one
	Former  bool     `json:"former,omitempty"`  // a stream that the latest policy no longer has
}

// DayFiles are the files of a day.
type DayFiles struct {
	Day          string `json:"day"`
	LogBytes     int64  `json:"log_bytes"` // including dated copies
	Key          bool   `json:"key"`
	Journals     int    `json:"journals"`
	JournalBytes int64  `json:"journal_bytes"`
	HeldLines    int    `json:"held_lines,omitempty"` // of groups that had too few people so far
}

// DayCounters are the counters of a day, whatever the dates of the lines.
type DayCounters struct {
	Day string `json:"day"`
	counters.Values
}

// Finding is a problem, with what to do about it.
type Finding struct {
	File string `json:"file"`
	What string `json:"what"`
	Do   string `json:"do"`

	of row // the claim that it breaks
}

// survey builds a Status.
type survey struct {
	Status
	now      time.Time
	first    civil.Day // first day whose lines are kept
	bounds   calendar.Bounds
	keepKeys calendar.Period
	today    civil.Day
	keys     string   // "": DIR/keys
	others   []string // key directories of earlier --keys
	days     map[civil.Day]*DayFiles
	users    map[int]string // of processes, by PID
	worked   bool           // hushpipe has run on DIR
	dated    []string       // otherwise: the dated files
}

// ReadStatus inspects DIR, and its key directory at keys, "" for DIR/keys. It writes
// nothing, and waits for no other process.
func ReadStatus(path, keys string, now time.Time) (Status, error) {
	v, err := look(path, keys, now, true)
	if err != nil {
		return Status{}, err
	}
	return v.Status, nil
}

// look is ReadStatus, including the directories below if nested is set.
func look(path, keys string, now time.Time, nested bool) (*survey, error) {
	keys = cmp.Or(keys, registry.StreamKeys(path))
	d, err := dir.Open(path, dir.Options{Keys: keys})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	v := &survey{now: now, keys: keys, days: map[civil.Day]*DayFiles{}, users: map[int]string{}, today: civil.DayOf(now),
		Status: Status{Dir: path, Time: now.Truncate(time.Second), Days: []DayFiles{}, Counts: []DayCounters{},
			Processes: []registry.Process{}, Broken: []Finding{}, Doubts: []Finding{}, Notes: []Finding{}}}
	others := registry.KeptByEarlier(d, now)
	keep, err := retention.CurrentRule(d, retention.OfLines, others)
	if err != nil {
		v.broken(filepath.Join(path, dir.RuleName), "contains no retention", "write one into it, as in 14d").of = period
	}
	v.keepKeys, err = retention.CurrentRule(d, retention.OfKeys, others)
	if err != nil {
		v.broken(filepath.Join(dir.KeyPath(path, keys), dir.RuleName), "contains no retention, so no key is deleted", "write one into it, as in 14d").of = keyRow
	}
	v.Keep = keep.String()
	v.first = v.firstOf(keep)
	if v.bounds, _, err = retention.ReadBounds(d); err != nil {
		v.broken(filepath.Join(path, dir.BoundsName), "contains no bounds, so lines may stay too long", "remove it, and restart hushpipe").of = period
	}
	if !v.bounds.IsZero() {
		v.Bounds = v.bounds.With(keep)
	}

	v.worked = hasWorked(path)
	if err := v.walk(path, ""); err != nil {
		return nil, err
	}
	v.reportUnowned()
	subs := []struct{ path, sub string }{
		{dir.KeyPath(path, keys), dir.Keys}, {filepath.Join(path, dir.Journal), dir.Journal},
		{filepath.Join(path, dir.Rooms), dir.Rooms}, {filepath.Join(path, dir.Traffic), dir.Traffic}, {filepath.Join(path, dir.Status), dir.Status}, {filepath.Join(path, dir.Policies), dir.Policies},
		{filepath.Join(path, dir.Held), dir.Held}, {filepath.Join(path, dir.Fleet), dir.Fleet}}
	if keys != "" { // keys from before --keys must not be overlooked
		subs = append(subs, struct{ path, sub string }{filepath.Join(path, dir.Keys), dir.Keys})
	}
	earlier, _ := registry.KeyDirs(d)
	for _, keys := range earlier {
		if same, _ := filepath.Abs(v.keys); keys != same {
			v.others = append(v.others, keys)
			subs = append(subs, struct{ path, sub string }{keys, dir.Keys})
		}
	}
	for _, d := range subs {
		err := v.walk(d.path, d.sub)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if d.path == dir.KeyPath(path, keys) && len(v.days) > 0 && v.worked {
				v.broken(d.path, "there is no key directory: whether keys are deleted is not known", "give --keys").of = keyRow
			}
		case d.sub == dir.Held && errors.Is(err, fs.ErrPermission):
			v.note(d.path, "cannot be opened, and its lines are not counted", "run this as root, or as the user of hushpipe")
		case d.sub == dir.Fleet && errors.Is(err, fs.ErrPermission):
			v.note(d.path, "cannot be opened, and was not checked", "run this as root, or as the user of hushpipe")
		case err != nil && slices.Contains(v.others, d.path):
			v.note(d.path, "cannot be read, and may hold keys of an earlier --keys", "look there")
		case err != nil:
			return nil, err
		}
	}
	for _, day := range slices.Sorted(maps.Keys(v.days)) {
		d := *v.days[day]
		if v.Oldest == "" && d.LogBytes > 0 {
			v.Oldest = d.Day
		}
		v.Days = append(v.Days, d)
	}
	v.fleet(d)
	v.policy()
	if nested {
		v.nestedDirs(d)
	}
	v.count(d)
	v.checkCleartext(d)
	v.noteUnclaimed(d)
	v.processes(d)
	v.silent()
	v.verdictOfCounts()
	return v, nil
}

// longSilence is a silence worth reporting: any server in use has lines every day.
const longSilence = 24 * time.Hour

// silent reports that a process waits for lines and gets none: perhaps the server no longer
// logs to it, but to a file with raw addresses.
func (v *survey) silent() {
	if len(v.Processes) == 0 {
		return
	}
	since := v.LastLine
	for _, p := range v.Processes {
		if since.IsZero() || p.Started.After(since) {
			since = p.Started // it has not had the time yet
		}
	}
	if quiet := v.now.Sub(since); quiet >= longSilence {
		v.note(v.Dir, fmt.Sprintf("no line has come for %d hours", int(quiet.Hours())), "check whether the server still logs here: hushpipe check")
	}
}

// firstOf returns the first day that a rule keeps. Files that expire at midnight may still
// exist for a moment.
func (v *survey) firstOf(keep calendar.Period) civil.Day {
	return civil.DayOf(v.now.Add(-purgeGrace)) - civil.Day(keep) + 1
}

// broken adds a violation, and returns it.
func (v *survey) broken(file, what, do string) *Finding {
	v.Broken = append(v.Broken, Finding{File: file, What: what, Do: do, of: access})
	return &v.Broken[len(v.Broken)-1]
}

func (v *survey) note(file, what, do string) {
	v.Notes = append(v.Notes, Finding{File: file, What: what, Do: do})
}

func (v *survey) day(day civil.Day) *DayFiles {
	if v.days[day] == nil {
		v.days[day] = &DayFiles{Day: day.String()}
	}
	return v.days[day]
}

// walk checks a directory and all files in it.
func (v *survey) walk(path, sub string) error {
	stat := os.Lstat
	if path == v.Dir || path == v.keys || slices.Contains(v.others, path) { // these may be links
		stat = os.Stat
	}
	info, err := stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		v.broken(path, "is not a directory", "remove it")
		return nil
	}
	if shut := info.Mode().Perm() & 0o077; shut != 0 && (sub == dir.Held || sub == dir.Fleet) {
		what := map[string]string{dir.Held: "held lines", dir.Fleet: "what makes the keys of a fleet"}[sub]
		v.broken(path, fmt.Sprintf("others have access to %s (mode %04o)", what, info.Mode().Perm()), "chmod 0700 "+path)
	} else if info.Mode()&0o002 != 0 {
		v.broken(path, "everybody can write there", "chmod o-w "+path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	var foreign, rotated []string
	for _, e := range entries {
		if sub == "" && dir.IsRotated(e.Name()) {
			rotated = append(rotated, e.Name())
		}
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
	if len(rotated) > 0 {
		v.note(filepath.Join(path, rotated[0]), "was made by another program, which rotates the lines: find and reveal do not look there", "leave "+path+" out of its configuration, such as logrotate's")
	}
	for _, name := range foreign[:min(len(foreign), shownForeign)] {
		v.note(filepath.Join(path, name), "is not hushpipe's, so hushpipe will not delete it", "check whether it contains lines or a key")
	}
	if more := len(foreign) - shownForeign; more > 0 {
		v.note(path, fmt.Sprintf("holds %d more that are not hushpipe's", more), "check whether they contain lines or keys")
	}
	return nil
}

// shownForeign is how many foreign files of a directory are named.
const shownForeign = 3

// isForeign reports whether a file or directory in sub is not hushpipe's.
func isForeign(at, sub string, info fs.FileInfo) bool {
	name := info.Name()
	if sub != "" && sub != dir.Keys && sub != dir.Journal || dir.IsUndated(sub, name) || dir.IsTemp(name) || name == dir.CacheTagName {
		return false
	}
	if _, dated := dir.ExpiryDay(sub, strings.TrimSuffix(name, dir.ExposedSuffix)); dated || name == dir.RoomSecretName+dir.ExposedSuffix {
		return false
	}
	if sub == "" && name == dir.CacheTagName { // of a stream
		return false
	}
	return !info.IsDir() || !recordsRule(filepath.Join(at, name))
}

// recordsRule reports whether hushpipe works on a directory.
func recordsRule(path string) bool {
	_, err := os.Lstat(filepath.Join(path, dir.RuleName))
	_, errKeys := os.Lstat(filepath.Join(path, dir.Keys, dir.RuleName))
	return err == nil || errKeys == nil
}

// file checks one file.
func (v *survey) file(at, sub string, info fs.FileInfo) {
	name, path := info.Name(), filepath.Join(at, info.Name())
	day, dated := dir.ExpiryDay(sub, name)
	temp := dir.IsTemp(name)
	tagged := dir.IsUndated(sub, name)
	if secret, exposed := strings.CutSuffix(path, dir.ExposedSuffix); exposed && sub == dir.Fleet {
		v.broken(secret, "could be read by others before its mode was corrected, and opens all days to come", "make new keys for all hosts: hushpipe fleet rekey").of = keyRow
		return
	} else if exposed {
		v.broken(secret, "could be read by others before its mode was corrected", "assume that others know it, and remove "+path).of = keyRow
		return
	}
	switch {
	case sub == "" && name == dir.LinkName:
		if info.Mode().Type() != fs.ModeSymlink {
			v.broken(path, "is not a symbolic link: its contents are not deleted", "move it away")
		}
		return
	case sub == "" && info.IsDir() && !dated, sub == dir.Keys && info.IsDir() && (tagged || recordsRule(path)):
		return // walked separately, as is a stream's key directory
	case !info.Mode().IsRegular():
		if !temp { // links are created under such a name
			v.broken(path, "is not a regular file", "remove it")
		}
		return
	}
	if dated && sub != dir.Fleet {
		v.day(day).add(sub, name, info.Size())
	}
	if _, own := dir.OwnDay("", name); own && sub == "" && info.Size() > 0 && info.ModTime().After(v.LastLine) {
		v.LastLine = info.ModTime().In(v.now.Location()).Truncate(time.Second)
	}
	if sub == "" && dated && !v.worked {
		v.dated = append(v.dated, name)
		return
	}
	keep := v.Keep
	first := v.first
	if sub == dir.Keys || sub == dir.Fleet {
		keep, first = v.keepKeys.String(), v.firstOf(v.keepKeys)
	}
	ahead := dated && day > v.today+v.expected(sub)
	// The mode of a file that is to be deleted does not matter.
	switch {
	case temp && v.now.Sub(info.ModTime()) > maxTempAge:
		v.broken(path, "was left by a process that was killed", v.purge(at)).of = rowOf(sub)
		return
	case v.isPast(sub, name):
		v.broken(path, "is older than "+v.Bounds, v.purge(at)).of = rowOf(sub)
		return
	case sub == "" && v.isFormer(name):
		v.broken(path, "is older than "+v.bounds.FormerPeriod.String()+", the longest that its lines might be kept", v.purge(at)).of = rowOf(sub)
		return
	case dated && day < first, ahead && civil.DayOf(info.ModTime().In(v.now.Location())) < first:
		v.broken(path, "is older than "+keep, v.purge(at)).of = rowOf(sub)
		return
	case dated && strings.HasSuffix(name, dir.DamagedSuffix):
		v.note(path, "was set aside because part of it could not be read", "its intact part is counted; it is deleted with its day")
	case ahead:
		v.note(path, "is dated after tomorrow: a clock was wrong", "it is deleted "+keep+" after a purge first sees it so")
	}
	if sub == dir.Held && dated {
		v.held(path, day)
	}
	// A key directory's rule is no secret, but is replaced in the same way as a key.
	tagged = tagged || sub == dir.Keys && temp && info.Size() != keySize
	secret := sub == dir.Held || sub == dir.Policies || sub == dir.Journal && dated || sub == dir.Keys && !tagged || sub == dir.Fleet || sub == "" && (name == dir.RoomSecretName || name == dir.SeedName)
	mode := info.Mode().Perm()
	if loose := mode & forbidden(sub, dated || temp, secret); loose != 0 {
		v.broken(path, fmt.Sprintf("others have access to it (mode %04o)", mode), fmt.Sprintf("chmod %04o %s", mode&^loose, path)).of = rowOfSecret(secret && sub != dir.Policies && sub != dir.Held)
	}
	if sub == dir.Keys && secret && links(info) > 1 {
		v.broken(path, "has a hard link elsewhere, which outlives its day", "delete that one").of = keyRow
	}
}

// add adds a file of the day.
func (d *DayFiles) add(sub, name string, size int64) {
	switch sub {
	case "":
		d.LogBytes += size
	case dir.Keys:
		_, own := dir.OwnDay(sub, name)
		d.Key = d.Key || own
	case dir.Journal:
		if strings.HasSuffix(name, dir.DamagedSuffix) {
			return
		}
		d.Journals++
		d.JournalBytes += size
	}
}

// forbidden returns the mode bits that expose the contents of a file.
func forbidden(sub string, dated, secret bool) fs.FileMode {
	switch {
	case secret:
		return 0o077
	case sub == "" && dated:
		return 0o007
	}
	return 0o002
}

// purge returns the command that deletes expired files in a directory. Keys in DIR belong to
// DIR, even if other keys are elsewhere.
func (v *survey) purge(at string) string {
	if v.keys == "" || at == filepath.Join(v.Dir, dir.Keys) || slices.Contains(v.others, at) {
		return "hushpipe purge " + v.Dir
	}
	return fmt.Sprintf("hushpipe purge --keys %s %s", v.keys, v.Dir)
}

// checkCleartext finds days whose addresses were kept, from the headers of journals, which
// remain after their process has ended.
func (v *survey) checkCleartext(d *dir.Dir) {
	names := map[civil.Day][]string{}
	all, _ := d.Names(dir.Journal) // errors were reported before
	for _, name := range all {
		if day, ok := dir.OwnDay(dir.Journal, name); ok {
			names[day] = append(names[day], name)
		}
	}
	for _, day := range v.Days {
		date, _ := civil.ParseDay(day.Day)
		kept := func(name string) bool {
			f, err := d.OpenFile(dir.Journal, name, os.O_RDONLY)
			if err != nil {
				return false // deleted meanwhile, or reported before
			}
			defer f.Close()
			info, _ := journal.ReadHeader(f)
			mode, ok := modeOf(string(info.Settings))
			return ok && mode.InClear()
		}
		if day.LogBytes > 0 && slices.ContainsFunc(names[date], kept) {
			v.broken(filepath.Join(v.Dir, dir.LogFile(date)), "holds addresses in clear, by --ip", "delete it and its copies").of = addresses
		}
	}
}

// modeOf returns the address mode in the settings of a journal.
func modeOf(settings string) (pseudonym.Mode, bool) {
	settings, ours := strings.CutPrefix(settings, "ip=")
	text, _, _ := strings.Cut(settings, ";")
	mode, err := pseudonym.ParseMode(text)
	return mode, ours && err == nil
}

func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}
