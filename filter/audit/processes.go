package audit

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"hushpipe/filter/counters"
	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/retention"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
)

// processes reads the records of processes.
func (v *survey) processes(d *dir.Dir) {
	sum, err := registry.Read(d, v.now)
	ended := filepath.Join(v.Dir, dir.Status, dir.EndedName)
	if errors.Is(err, registry.ErrRecord) {
		v.note(ended, "cannot be read", "their counts start again at zero by themselves")
	} else if err != nil {
		v.note(ended, "the counts of ended processes are not known", err.Error())
	}
	for _, p := range sum.Unread {
		v.note(filepath.Join(v.Dir, p.File), "what it counted is not known", p.Err.Error())
	}
	for _, p := range sum.Live {
		v.addProcess(p)
	}
	slices.SortFunc(v.Processes, func(a, b registry.Process) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.PID, b.PID))
	})
	v.LastError = sum.LastError
	v.doubtNames(sum.UnnamedTo)
	for _, date := range slices.Sorted(maps.Keys(sum.Days)) {
		if _, ok := civil.ParseDay(date); ok {
			v.Counts = append(v.Counts, DayCounters{date, sum.Days[date]})
			v.Total = v.Total.Plus(sum.Days[date])
		}
	}
}

// nestedDirs surveys the directories below DIR that record a rule of their own.
func (v *survey) nestedDirs(d *dir.Dir) {
	names, _ := d.Nested() // the error was returned before
	var streams []string
	if v.Policy != nil {
		streams = v.Policy.streams
	}
	for _, name := range names {
		nested, err := d.OpenNested(name)
		if err != nil || !retention.HasRule(nested) {
			if err == nil {
				nested.Close()
			}
			continue
		}
		nested.Close()
		path := filepath.Join(v.Dir, name)
		status, err := ReadStatus(path, "", v.now)
		if err != nil {
			v.broken(path, "cannot be read: whether lines expire there is not known", err.Error()).of = period
		}
		if err == nil && !slices.Contains(streams, name) {
			status.Former = len(streams) > 0
		}
		if err == nil && len(streams) > 0 {
			if !status.Former {
				status.Gate = v.Policy.gate(name, v.today)
			}
			v.countProcesses(status)
			v.outsideGate(name, status)
			v.changes(d, name, status)
			v.Streams = append(v.Streams, status)
		}
		v.Broken = append(v.Broken, status.Broken...)
		v.Doubts = append(v.Doubts, status.Doubts...)
	}
}

// doubtNames reports lines up to the day last, which may contain client names in clear.
func (v *survey) doubtNames(last civil.Day) {
	name := ""
	for _, day := range v.Days {
		if date, ok := civil.ParseDay(day.Day); ok && date <= last && day.LogBytes > 0 {
			name = dir.LogFile(date)
		}
	}
	if name != "" {
		v.Doubts = append(v.Doubts, Finding{File: filepath.Join(v.Dir, name),
			What: "malformed lines up to this day may name clients: an earlier version did",
			Do:   "delete them if HostnameLookups was On; they go after " + v.Keep + " by themselves"})
	}
}

// addProcess checks the record of a live process.
func (v *survey) addProcess(r registry.Live) {
	if r.Err != nil {
		v.note(filepath.Join(v.Dir, r.File), "cannot be read", "its process writes it again within a minute")
		return
	}
	p := r.Process
	v.Processes = append(v.Processes, p)
	v.users[p.PID] = ownerOf(filepath.Join(v.Dir, r.File))
	if mode, err := pseudonym.ParseMode(p.IP); err == nil && mode.InClear() {
		v.broken(v.Dir, fmt.Sprintf("process %d writes addresses in clear", p.PID), "remove --ip "+p.IP+" from its flags").of = addresses
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

// ownerOf returns the name of a file's owner, who created it.
func ownerOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "a user who is not known"
	}
	uid := strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid))
	if account, err := user.LookupId(uid); err == nil {
		return account.Username
	}
	return "user " + uid
}

// verdictOfCounts reports losses as notes: they were reported when they happened, so no
// claim is broken.
func (v *survey) verdictOfCounts() {
	if len(v.Counts) == 0 {
		return
	}
	const look = "see the web server's error log"
	since := "since " + v.Counts[0].Day + ": "
	for _, c := range counters.All {
		// Every server on the internet gets malformed lines.
		if text := c.Describe(v.Total); text != "" && c.Weight != counters.Usual && c != counters.Malformed {
			v.note(v.Dir, since+text, cmp.Or(c.Hint, look))
		}
	}
	if n := v.Total.Repeated; n > 0 {
		v.note(v.Dir, since+prose.Plural(n, "batch")+" of lines written twice after a kill", look)
	}
}
