package audit

import (
	"fmt"
	"os"
	"path/filepath"

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
		if day, ok := dir.OwnDay("", e.Name()); ok && e.Type().IsRegular() && !claimed[day] {
			days = append(days, day)
		}
	}
	return days
}

// noteUnclaimed names such files that have not expired, before they are deleted.
func (v *survey) noteUnclaimed(d *dir.Dir) {
	if !retention.HoldsLines(d) {
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
