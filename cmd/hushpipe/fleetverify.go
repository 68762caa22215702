package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"hushpipe/filter/engine"
	"hushpipe/filter/fleet"
	"hushpipe/filter/pairs"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
	"hushpipe/format/roomfile"
)

// verification compares an engine with the journals of its hosts, day by day.
type verification struct {
	path string // the fleet's file
	keys string
	file fleet.File
	cfg  engine.Config
	days []mergedDay
}

// mergedDay is what the journals count for a day.
type mergedDay struct {
	civil.Day
	entries []roomfile.Entry
	whole   bool // all hosts have closed the day and still have its journals
}

// newVerification reads the fleet's file. keys is the result of fleet.FindKeys.
func newVerification(path, keys string) (*verification, error) {
	if keys == "" {
		return nil, usage("--verify: no DIR has keys; hint: give --keys, such as the keys of hushpipe fleet collect")
	}
	file, cfg, err := fleetWithEngine(path)
	return &verification{path: path, keys: keys, file: file, cfg: cfg}, err
}

func (v *verification) counted(day civil.Day, entries []roomfile.Entry, whole bool) {
	v.days = append(v.days, mergedDay{day, entries, whole})
}

// arrivalTime is how long pairs may take from a journal to the engine.
const arrivalTime = 3 * time.Second

// run compares the engine with the journals, and logs the differences.
func (v *verification) run(out string, log *messageLog) error {
	with, err := pairs.NewVerifier(pairs.CollectorConfig{Path: out, Keys: v.keys, Fleet: v.file.Name, Hosts: v.file.Hosts, Now: now, Log: log.report,
		Open: func() (pairs.Counter, error) { return engine.Open(v.cfg) }})
	if err != nil {
		return err
	}
	defer with.Close()
	return v.compareDays(with.Compare, func() { time.Sleep(arrivalTime) }, log)
}

// compareDays compares each day and logs the differences. If pairs are missing, it
// waits once and compares again. It ignores days before the first one in the engine,
// when the fleet had no engine yet.
func (v *verification) compareDays(compare func(civil.Day, []roomfile.Entry) (pairs.Difference, error), wait func(), log *messageLog) error {
	slices.SortFunc(v.days, func(a, b mergedDay) int { return cmp.Compare(a.Day, b.Day) })
	begun, wrong, waited := false, false, false
	for _, day := range v.days {
		diff, err := compare(day.Day, day.entries)
		if missing := diff.Fewer > 0 || begun && !diff.Has; err == nil && missing && !waited {
			wait()
			waited = true
			diff, err = compare(day.Day, day.entries)
		}
		switch {
		case err != nil:
			log.errorf("%s: %v", day, err)
			wrong = true
		case !diff.Has && begun:
			log.errorf("%s: %s: the engine has nothing; hint: does hushpipe fleet ship run on the hosts?", v.path, day)
			wrong = true
		case diff.Fewer > 0 && len(diff.Later) > 0:
			var later []string
			for _, l := range diff.Later {
				later = append(later, fmt.Sprintf("%s (sends since %s)", l.Host, l.Since))
			}
			log.notef("%s: %s: the engine has fewer addresses than the journals in %s; they may be of %s", v.path, day, prose.Plural(diff.Fewer, "room"), prose.List(later, "and"))
		case diff.Fewer > 0:
			log.errorf("%s: %s: the engine has fewer addresses than the journals in %s; hint: restart hushpipe fleet ship on the hosts, which sends all data again", v.path, day, prose.Plural(diff.Fewer, "room"))
			wrong = true
		}
		// Today's and yesterday's journals may arrive later than their pairs.
		if over := day.Day < civil.DayOf(now())-1; diff.More > 0 && day.whole && over {
			log.warnf("%s: %s: the engine has more addresses than the journals in %s; hint: is a host left out, or who else can write there?", v.path, day, prose.Plural(diff.More, "room"))
		}
		begun = begun || diff.Has
	}
	if !begun && len(v.days) > 0 && !wrong {
		log.errorf("%s: the engine has nothing of these days; hint: does hushpipe fleet ship run on the hosts?", v.path)
		wrong = true
	}
	if wrong {
		return errReported
	}
	return nil
}
