package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/audit"
	"hushpipe/filter/counters"
	"hushpipe/format/prose"
)

func statusCommand() *cobra.Command {
	var asJSON bool
	var keys string
	cmd := &cobra.Command{
		Use:   "status [flags] DIR",
		Short: "Show what is on disk, how old, and what was lost or malformed",
		Long:  manualText("status", "1"),
		Example: `  hushpipe status /var/log/hushpipe
  hushpipe status --json /var/log/hushpipe | jq .total.dropped`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var owners []audit.Finding // user names cannot be looked up once confined
			for _, dir := range []string{args[0], keys} {
				if what := webUserRisk(dir); dir != "" && what != "" {
					owners = append(owners, audit.Finding{File: dir, What: what, Do: webUserHint})
				}
			}
			confine(args[0], keys)
			if err := audit.CheckUsed(args[0]); err != nil {
				return err
			}
			s, err := audit.ReadStatus(args[0], keys, now())
			if err != nil {
				return err
			}
			s.Notes = append(s.Notes, owners...)
			out := cmd.OutOrStdout()
			if asJSON {
				writeJSON(out, s)
			} else {
				for _, stream := range s.Streams {
					out.Write(append(appendStatus(nil, stream), '\n'))
				}
				out.Write(appendStatus(nil, s))
			}
			if n := len(s.Broken); n > 0 {
				return fmt.Errorf("%s: the promise is broken in %s", args[0], prose.Plural(n, "place"))
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, for other programs")
	cmd.Flags().StringVar(&keys, "keys", "", "look for the day keys in `KEYDIR` (default DIR/keys)")
	return cmd
}

// writeJSON writes indented JSON. output keeps a write error.
func writeJSON(out io.Writer, object any) {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	enc.Encode(object)
}

const (
	// screen is the width of text in columns; long paths may exceed it.
	screen = 80
	// shownDays is the number of days with a row of counters.
	shownDays = 7
)

// appendStatus appends s as text for people.
func appendStatus(dst []byte, s audit.Status) []byte {
	d := &drawing{dst}
	former := ""
	if s.Former {
		former = ", a stream that has left the policy"
	}
	if len(s.Streams) > 0 && len(s.Days) == 0 {
		d.linef("%s: %s of a policy", s.Dir, prose.Plural(len(s.Streams), "stream"))
		if s.Policy != nil {
			d.linef("%s", policyInWords(s.Policy))
		}
		d.findings(s)
		return bytes.Map(printable, d.text)
	}
	d.linef("%s%s: %s", s.Dir, former, keptFor(s))
	if s.Gate != nil {
		d.linef("%s", gateOf(s.Gate, s.Time.Format(time.DateOnly)))
	}
	if s.Policy != nil {
		d.linef("%s", policyInWords(s.Policy))
	}
	d.days(s)
	d.counts(s)
	d.processes(s)
	if e := s.LastError; e.Text != "" {
		d.linef("")
		d.linef("last error: %s", e.Time.Format(time.DateTime))
		d.wrapped(e.Text)
	}
	d.findings(s)
	return bytes.Map(printable, d.text)
}

// keptFor describes how long lines and keys are kept.
func keptFor(s audit.Status) string {
	if s.Bounds == "" {
		return "lines and keys are kept for " + s.Keep
	}
	return "lines are kept within " + s.Bounds + ", keys as long as the lines of their day"
}

// policyInWords describes which policy runs, and in how many processes.
func policyInWords(p *audit.Policy) string {
	text := fmt.Sprintf("policy sha256:%.8s since %s, ", p.Digest, p.Since.Format("2006-01-02 15:04"))
	switch n := p.Processes; {
	case n == 0:
		return text + "and no process runs"
	case len(p.Others) > 0:
		return text + fmt.Sprintf("in %d of %s", n-len(p.Others), prose.Plural(n, "process"))
	case n == 1:
		return text + "in the one process that runs"
	default:
		return text + fmt.Sprintf("in all %d processes", n)
	}
}

// gateOf describes when the gate of a stream is open.
func gateOf(g *audit.Gate, today string) string {
	switch {
	case g.From == "":
		return "its gate is closed"
	case g.Open:
		return "its gate is open until " + g.Until
	case today < g.From:
		return fmt.Sprintf("its gate opens on %s, until %s", g.From, g.Until)
	default:
		return "its gate was open until " + g.Until
	}
}

// drawing builds text of lines, tables and findings.
type drawing struct{ text []byte }

func (d *drawing) linef(text string, args ...any) { d.text = fmt.Appendf(d.text, text+"\n", args...) }

// wrapped adds a text in indented lines.
func (d *drawing) wrapped(text string) { d.linef("%s", indented(text, "  ")) }

// indented breaks a text into lines that fit the screen, each after indent.
func indented(text, indent string) string {
	return indent + strings.Join(prose.Wrap(text, screen-len(indent)), "\n"+indent)
}

// table adds a table: the first row has the headings, and each column is as wide as its
// widest cell. sides is that of prose.Align.
func (d *drawing) table(sides string, rows [][]string) {
	for _, line := range prose.Lines(sides, rows) {
		d.linef("%s", strings.TrimRight(line, " "))
	}
}

// days adds the table of days on disk.
func (d *drawing) days(s audit.Status) {
	d.linef("")
	if len(s.Days) == 0 {
		d.linef("no day is on disk")
		return
	}
	rows := [][]string{{"DAY", "LOG", "KEY", "JOURNALS", "OF SIZE"}}
	var logs, journals int64
	held := 0
	for _, day := range s.Days {
		key := "no"
		if day.Key {
			key = "yes"
		}
		rows = append(rows, []string{day.Day, size(day.LogBytes), key, strconv.Itoa(day.Journals), size(day.JournalBytes)})
		logs += day.LogBytes
		journals += day.JournalBytes
		held += day.HeldLines
	}
	rows = append(rows, []string{"all", size(logs), "", "", size(journals)})
	d.table("lrlrr", rows)
	if held > 0 {
		d.linef("")
		d.linef("held: %s of groups with too few people so far", prose.Plural(held, "line"))
	}
	if s.Oldest != "" {
		d.linef("")
		d.linef("oldest line: %s", s.Oldest)
		if !s.LastLine.IsZero() {
			d.linef("last line:   %s, %s", s.LastLine.Format("2006-01-02 15:04"), timeAgo(s.Time.Sub(s.LastLine)))
		}
	} else if s.Total.Lines == 0 {
		d.linef("")
		d.linef("last line: none yet")
	}
}

// counts adds the table of counters: the newest days, and the sum of all.
func (d *drawing) counts(s audit.Status) {
	if len(s.Counts) == 0 {
		return
	}
	row := func(cell string, value func(*counters.Counter) string) (cells []string) {
		cells = []string{cell}
		for _, c := range counters.All {
			if c.Column != "" {
				cells = append(cells, value(c))
			}
		}
		return cells
	}
	of := func(v counters.Values) func(*counters.Counter) string {
		return func(c *counters.Counter) string { return prose.Commas(*c.Of(&v)) }
	}
	rows := [][]string{row("COUNTED", func(c *counters.Counter) string { return c.Column })}
	for _, c := range s.Counts[max(0, len(s.Counts)-shownDays):] {
		rows = append(rows, row(c.Day, of(c.Values)))
	}
	rows = append(rows, row(prose.Plural(len(s.Counts), "day"), of(s.Total)))
	d.linef("")
	d.table("lr", rows)
	if n := s.Total.Withheld; n > 0 {
		d.linef("")
		d.linef("withheld for good: %s of groups with too few people", prose.Plural(n, "line"))
	}
}

// processes adds the table of live processes, and how many others have ended.
func (d *drawing) processes(s audit.Status) {
	d.linef("")
	if len(s.Processes) == 0 {
		d.linef("no process writes here now")
	} else {
		rows := [][]string{{"PROCESS", "STARTED", "LAST COUNT", "KEEP", "IP"}}
		var versions, confined, memory []string
		for _, p := range s.Processes {
			started := p.Started.In(s.Time.Location()).Format("2006-01-02 15:04")
			rows = append(rows, []string{strconv.Itoa(p.PID), started, timeAgo(s.Time.Sub(p.Written)), cmp.Or(p.Bounds, p.Keep), p.IP})
			versions = append(versions, p.Version)
			confined = append(confined, cmp.Or(p.Confined, "not confined"))
			memory = append(memory, cmp.Or(p.Memory, "core files not recorded"))
		}
		d.table("l", rows)
		d.linef("")
		d.linef("version %s", joinUnique(versions))
		d.wrapped(joinUnique(confined))
		d.wrapped(joinUnique(memory))
	}
	if t := s.Total; t.Ended+t.Killed > 0 {
		d.linef("%s ended since %s, %s of them killed", prose.Plural(t.Ended+t.Killed, "process"), s.Counts[0].Day, prose.Commas(t.Killed))
	}
}

// findings adds notes and faults, and whether the promise holds.
func (d *drawing) findings(s audit.Status) {
	list := func(head string, findings []audit.Finding) {
		if len(findings) > 0 {
			d.linef("")
			d.linef("%s", head)
			for _, f := range findings {
				d.finding("  ", f.File, f.What, f.Do)
			}
		}
	}
	list("notes:", s.Notes)
	list("not known:", s.Doubts)
	list("the promise is broken:", s.Broken)
	if len(s.Broken) > 0 {
		return
	}
	d.linef("")
	if len(s.Doubts) > 0 {
		d.linef("whether the promise holds is not known")
	} else {
		d.linef("the promise holds")
	}
}

// finding adds a place and what there is to report about it, on as few lines as fit.
func (d *drawing) finding(indent, place string, parts ...string) {
	line := indent + place
	for _, part := range parts {
		last := line[strings.LastIndexByte(line, '\n')+1:]
		switch {
		case part == "":
		case prose.Width(last+": "+part) <= screen:
			line += ": " + part
		default:
			line += ":\n" + indented(part, indent+"  ")
		}
	}
	d.linef("%s", line)
}

// joinUnique joins the distinct values.
func joinUnique(values []string) string {
	slices.Sort(values)
	return strings.Join(slices.Compact(values), "; ")
}

// size formats a number of bytes, such as 12.3 MiB.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for f >= 1023.95 {
		f /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTPE"[unit])
}

// timeAgo formats how long ago something was.
func timeAgo(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h ago", int(d.Hours()))
}
