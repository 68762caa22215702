package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
)

// unclaimed returns the days whose file in DIR hushpipe has perhaps not written: there
// is neither key nor journal of the day. rotatelogs, say, can give its files the same
// names. They are deleted with their day like others, since lines of our own must be,
// also where a key was lost. Where keys or journals cannot be listed, nobody can tell.
func unclaimed(path, keys string) (days []civil.Day) {
	claimed := map[civil.Day]bool{}
	for _, place := range []struct{ at, sub string }{
		{dir.KeyPath(path, keys), dir.Keys}, {filepath.Join(path, dir.Journal), dir.Journal}} {
		entries, err := os.ReadDir(place.at)
		if err != nil && (place.sub == dir.Keys || !os.IsNotExist(err)) {
			return nil
		}
		for _, e := range entries {
			if day, ok := dir.ExpiryDay(place.sub, e.Name()); ok {
				claimed[day] = true
			}
		}
	}
	entries, _ := os.ReadDir(path) // what is wrong there is said elsewhere
	for _, e := range entries {
		if day, ok := dir.OwnDay("", e.Name()); ok && e.Type().IsRegular() && !claimed[day] && !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	return days
}

// noteUnclaimed names such files that have not expired, before they are deleted.
func (v *survey) noteUnclaimed(d *dir.Dir) {
	if !retention.HasRule(d) {
		return
	}
	var days []civil.Day
	for _, day := range unclaimed(v.Dir, v.keys) {
		if day >= v.first && day <= v.today+1 { // others are named anyway
			days = append(days, day)
		}
	}
	for _, day := range days[:min(len(days), shownForeign)] {
		v.note(filepath.Join(v.Dir, dir.LogFile(day)), "has no key and no journal: another program may have made it, with raw addresses",
			fmt.Sprintf("move it away or delete it; hushpipe deletes it on %s", day+v.today-v.first+1))
	}
	if more := len(days) - shownForeign; more > 0 {
		v.note(v.Dir, fmt.Sprintf("%d more have no key and no journal", more), "see whether another program writes here")
	}
}

// hasWorked reports whether there is anything in DIR but files with dates, which other
// programs give to theirs as well. Where DIR cannot be listed, nobody can tell.
func hasWorked(path string) bool {
	entries, err := os.ReadDir(path)
	return err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return e.Name() != dir.LinkName && dir.IsUndated("", e.Name())
	})
}

// strangers names the files with dates where hushpipe has not worked. A purge would take
// them for its own.
func (v *survey) strangers() {
	for _, name := range v.dated[:min(len(v.dated), shownForeign)] {
		v.broken(filepath.Join(v.Dir, name), "hushpipe has never run here: another program may have made this file, with raw addresses",
			"move it away, or give the DIR that hushpipe filter writes to").of = addresses
	}
	if more := len(v.dated) - shownForeign; more > 0 {
		v.broken(v.Dir, fmt.Sprintf("%d more files may be another program's", more), "move them away; hushpipe deletes them with their day once it works here").of = addresses
	}
}
