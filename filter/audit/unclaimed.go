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

// unclaimed returns the days whose file in DIR may not be hushpipe's: the day has neither
// key nor journal. rotatelogs, for example, can give its files the same names. Such files
// are deleted with their day like others, since hushpipe's own lines must be, even if a key
// was lost. If keys or journals cannot be listed, unclaimed returns none.
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
	entries, _ := os.ReadDir(path) // other checks report the error
	for _, e := range entries {
		if day, ok := dir.OwnDay("", e.Name()); ok && e.Type().IsRegular() && !claimed[day] && !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	return days
}

// noteUnclaimed reports such files that have not expired, before they are deleted.
func (v *survey) noteUnclaimed(d *dir.Dir) {
	if !retention.HasRule(d) {
		return
	}
	var days []civil.Day
	for _, day := range unclaimed(v.Dir, v.keys) {
		if day >= v.first && day <= v.today+1 { // the rest is reported anyway
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

// hasWorked reports whether DIR has anything besides dated files, whose names other programs
// use as well. It returns true if DIR cannot be listed.
func hasWorked(path string) bool {
	entries, err := os.ReadDir(path)
	return err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return e.Name() != dir.LinkName && dir.IsUndated("", e.Name())
	})
}

// reportUnowned reports dated files in a DIR on which hushpipe has never run. A purge would
// take them for its own.
func (v *survey) reportUnowned() {
	for _, name := range v.dated[:min(len(v.dated), shownForeign)] {
		v.broken(filepath.Join(v.Dir, name), "hushpipe has never run here: another program may have made this file, with raw addresses",
			"move it away, or give the DIR that hushpipe filter writes to").of = addresses
	}
	if more := len(v.dated) - shownForeign; more > 0 {
		v.broken(v.Dir, fmt.Sprintf("%d more files may be another program's", more), "move them away; hushpipe deletes them with their day once it works here").of = addresses
	}
}
