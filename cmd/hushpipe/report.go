package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"hushpipe/filter/audit"
	"hushpipe/filter/dir"
	"hushpipe/filter/statistics"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
	"hushpipe/format/report"
)

// reportFlags is the command line of report.
type reportFlags struct {
	periodFlags
	pageFlags
	by                  string
	least               positiveInt
	csv, json, markdown bool
	html, pages         string
	strict              bool
}

func reportCommand(stdout *os.File, log *messageLog) *cobra.Command {
	o := &reportFlags{least: 2}
	cmd := &cobra.Command{
		Use:   "report [flags] DIR|FILE…",
		Short: "Show the figures of a period: table, chart, data or page",
		Long:  manualText("report", "1"),
		Example: `  hushpipe report /var/log/hushpipe
  hushpipe report --month 2026-03 --by day /var/log/hushpipe /srv/meet-usage
  hushpipe report --last-month --html /var/www/html/usage.html /var/log/hushpipe`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				if hint := dirAsValueHint(cmd.Flags()); hint != "" {
					return usage("no DIR or FILE given%s", hint)
				}
				return usage("no DIR or FILE given; hint: see '%s --help'", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, group := range [][]string{{"from", "month", "last", "last-month", "pages"}, {"to", "month", "last", "last-month", "pages"},
				{"by", "pages"}, {"csv", "json", "markdown", "html", "pages"}} {
				if err := exclusive(cmd.Flags(), group); err != nil {
					return err
				}
			}
			if err := checkPageFlags(cmd.Flags(), "from", "to", "month", "last", "by"); err != nil {
				return err
			}
			return o.report(args, cmd.OutOrStdout(), stdout, civil.DayOf(now()), log)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	o.periodFlags.define(flags)
	flags.StringVar(&o.by, "by", "", "divide the table by `STEP`: day, week, month or year (default day for up to 31 days, week for up to 184, month for up to 5 years, else year)")
	flags.Var(&o.least, "min", "count rooms with at least `NUMBER` participants as conferences")
	flags.BoolVar(&o.csv, "csv", false, "write the steps as CSV")
	flags.BoolVar(&o.json, "json", false, "write all figures as JSON, for other programs")
	flags.BoolVar(&o.markdown, "markdown", false, "write tables in Markdown")
	flags.StringVar(&o.html, "html", "", "write an HTML report with charts to `FILE` (mode 0644, replaced atomically; - for stdout)")
	flags.StringVar(&o.pages, "pages", "", "write a page for all days and one for each month to `DIRECTORY`, for a web server")
	o.pageFlags.define(flags, "text, Markdown and HTML")
	flags.BoolVar(&o.strict, "strict", false, "write nothing if a file is missing, damaged or wrongly named")
	return cmd
}

// exclusive returns an error if more than one flag of the group is given.
func exclusive(flags *pflag.FlagSet, group []string) error {
	var given []string
	for _, name := range group {
		if flags.Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 1 {
		return usage("%s exclude each other; hint: give one of them", strings.Join(given, " and "))
	}
	return nil
}

// report makes the report.
func (o *reportFlags) report(args []string, out io.Writer, stdout *os.File, today civil.Day, log *messageLog) error {
	asked, err := o.period(today, log)
	if err != nil {
		return err
	}
	var by report.By
	if o.by != "" {
		if by, err = report.ParseBy(o.by); err != nil {
			return usage("--by: %w", err)
		}
	}
	language, err := report.NewLanguage(o.language)
	if err != nil {
		return usage("--lang: %w", err)
	}
	paths, fresh, err := roomPaths(args)
	if err != nil {
		return err
	}
	file := ""
	switch {
	case o.pages != "":
		if err := checkDirectory(o.pages); err != nil {
			return err
		}
		file = filepath.Join(o.pages, report.IndexPage)
	case o.html != "" && o.html != "-":
		file = filepath.Clean(o.html) // without a slash at its end
	}
	if file != "" {
		if err := checkPage(file); err != nil { // before the room files are read
			return err
		}
	}
	confineReader(paths, file)

	faults := fileFaults{log: log}
	archive := statistics.Find(paths, faults.add)
	about := report.Page{Title: o.title, Privacy: o.privacy, Made: today}
	_, _, known := archive.Span()
	for _, path := range fresh {
		if known {
			log.notef("%s: no room file yet", path)
		} else if o.pages == "" {
			faults.add(fmt.Errorf("%s: %w; hint: 'hushpipe rooms' shows the counts of today", path, errNoFinishedDay))
		}
	}
	first, last, err := reportedDays(archive, asked, today-1)
	switch {
	case err != nil && !known && (len(fresh) > 0 && o.pages == "" || faults.forbidden):
		return errReported
	case err != nil && o.pages == "":
		return err
	case err != nil: // a web server always needs the page
		log.notef("%v: the page says that nothing is known", errNoFinishedDay)
		first, last, archive = today-1, today-1, archive.Quiet()
	}
	if o.by == "" {
		by = statistics.Covering(first, last)
	}
	r := archive.Report(first, last, by, uint64(o.least))
	if days := archive.UpperBound(first, last); len(days) > 0 {
		log.warnf("%s: counted under several keys: the counts are an upper bound; hint: see 'hushpipe help fleet'", daysText(days))
	}
	if faults.n > 0 && o.strict {
		return fmt.Errorf("%s: with --strict nothing is reported", prose.Plural(faults.n, "fault"))
	}
	if o.pages != "" {
		err = o.writePages(r, archive.Quiet(), language, about)
	} else {
		err = o.write(r, language, about, file, out, stdout)
	}
	if err == nil && faults.n > 0 {
		err = errReported
	}
	return err
}

// fileFaults logs and counts the errors of the files to read.
type fileFaults struct {
	log       *messageLog
	n         uint64
	forbidden bool // a file could not be opened for lack of permission
}

func (l *fileFaults) add(err error) {
	l.log.errorfWait("%v", withPermissionHint(err))
	l.n++
	l.forbidden = l.forbidden || errors.Is(err, fs.ErrPermission)
}

var errNoFinishedDay = errors.New("no room file of a finished day")

// reportedDays returns the days to report: by default all that have files, up to
// yesterday.
func reportedDays(archive *statistics.Archive, asked period, yesterday civil.Day) (first, last civil.Day, err error) {
	first, last, found := archive.Span()
	if !found && (asked.from == nil || asked.to == nil) {
		return 0, 0, errors.New("no room file found; hint: give the DIR that hushpipe filter writes to, or files named by their day, as 2026-11-22.txt")
	}
	if asked.from != nil {
		first = *asked.from
	}
	if last = min(last, yesterday); asked.to != nil {
		last = *asked.to
	}
	if first > last {
		return 0, 0, fmt.Errorf("%w, from %s on", errNoFinishedDay, first)
	}
	return first, last, nil
}

// writePages writes an index page of all days, and a page for each month that has a
// file, to the directory of --pages.
func (o *reportFlags) writePages(all *report.Report, archive *statistics.Archive, l *report.Language, about report.Page) error {
	var list []*report.Report
	for day := all.From; day <= all.To; {
		month := monthOf(day)
		if r := archive.Report(*month.from, min(*month.to, all.To), report.ByDay, all.Min); r.Total.Known > 0 {
			list = append(list, r)
			about.Months = append(about.Months, r.From)
		}
		day = *month.to + 1
	}
	// The index comes last, so that its links always work.
	for _, r := range append(list, all) {
		about.Index = r == all
		name := report.MonthPage(r.From)
		if about.Index {
			name = report.IndexPage
		}
		if err := publishReport(r, l, about, filepath.Join(o.pages, name)); err != nil {
			return err
		}
	}
	return nil
}

// publishReport publishes a report as a page.
func publishReport(r *report.Report, l *report.Language, about report.Page, file string) error {
	var b bytes.Buffer
	if err := report.HTML(&b, r, l, about); err != nil {
		return err
	}
	return publish(b.Bytes(), file)
}

// roomPaths returns the directories and files to read. For a DIR that is its directory
// of room files, since daily logs have dates in their names as well. As elsewhere in
// DIR, a symbolic link is refused. A fresh DIR has no room file until its first day is
// over.
func roomPaths(args []string) (paths, fresh []string, err error) {
	for _, path := range args {
		if audit.CheckUsed(path) != nil { // an archive; if it is missing, statistics.Find reports it
			paths = append(paths, path)
			continue
		}
		in := filepath.Join(path, dir.Rooms)
		if st, err := os.Lstat(in); err == nil && st.Mode().Type() == fs.ModeSymlink {
			return nil, nil, fmt.Errorf("%s: is a symbolic link; hint: remove it", in)
		}
		entries, err := os.ReadDir(in)
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
			fresh = append(fresh, path)
		} else {
			paths = append(paths, in) // statistics.Find reports errors
		}
	}
	return paths, fresh, nil
}

// write writes the report to stdout, or as a page to file.
func (o *reportFlags) write(r *report.Report, l *report.Language, about report.Page, file string, out io.Writer, stdout *os.File) error {
	var b bytes.Buffer
	var err error
	switch {
	case o.csv:
		err = report.CSV(&b, r)
	case o.json:
		err = report.JSON(&b, r)
	case o.markdown:
		err = report.Markdown(&b, r, l)
	case file != "":
		return publishReport(r, l, about, file)
	case o.html != "":
		err = report.HTML(&b, r, l, about)
	default:
		err = report.Text(&b, r, l, screenOf(stdout))
	}
	if err != nil {
		return err
	}
	_, err = out.Write(b.Bytes())
	return err
}

// screenOf returns the width and colour of text written to f. Colours are for terminals
// that support them, unless NO_COLOR is set (https://no-color.org).
func screenOf(f *os.File) report.Screen {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return report.Screen{Width: screen}
	}
	s := report.Screen{Width: int(size.Col), Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if s.Width == 0 { // serial lines have no size
		s.Width = screen
	}
	return s
}
