package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hushpipe/filter/statistics"
	"hushpipe/format/civil"
	"hushpipe/format/report"
	"hushpipe/format/trafficreport"
)

// trafficReportFlags is the command line of traffic.
type trafficReportFlags struct {
	periodFlags
	pageFlags
	by        string
	csv, json bool
	table     string // for csv; "" for the steps
	html      string
}

func trafficCommand(stdout *os.File, log *messageLog) *cobra.Command {
	o := &trafficReportFlags{}
	cmd := &cobra.Command{
		Use:   "traffic [flags] DIR|FILE…",
		Short: "Show pages, visits, origins and robots of a period",
		Long:  manualText("traffic", "1"),
		Example: `  hushpipe replay --traffic --own www.example.org /srv/archive access.log.*.gz
  hushpipe traffic --last-month /srv/archive
  hushpipe traffic --month 2026-03 --by day --csv /srv/archive /srv/archive-www2
  hushpipe traffic --last-month --csv --table country /srv/archive
  hushpipe traffic --month 2026-03 --html /var/www/html/march.html /srv/archive`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("no DIR or FILE given; hint: see '%s --help'", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, group := range [][]string{{"from", "month", "last", "last-month"}, {"to", "month", "last", "last-month"}, {"csv", "json", "html"}} {
				if err := exclusive(cmd.Flags(), group); err != nil {
					return err
				}
			}
			if err := o.checkTable(cmd.Flags()); err != nil {
				return err
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
	flags.BoolVar(&o.csv, "csv", false, "write the steps as CSV")
	flags.StringVar(&o.table, "table", "", "write the rows of table `NAME` as CSV instead: page, missing, from, country …, for the whole period")
	flags.BoolVar(&o.json, "json", false, "write all figures as JSON, for other programs")
	flags.StringVar(&o.html, "html", "", "write an HTML page with charts to `FILE` (mode 0644, replaced atomically; - for stdout)")
	o.pageFlags.define(flags, "text and HTML")
	return cmd
}

// checkTable returns an error for an unknown table, or one that would not be shown.
func (o *trafficReportFlags) checkTable(flags *pflag.FlagSet) error {
	switch names := trafficreport.TableNames(); {
	case !flags.Changed("table"):
		return nil
	case !slices.Contains(names, o.table):
		return usage("--table %q is not known; hint: choose %s", o.table, strings.Join(names, ", "))
	case !o.csv:
		return usage("--table is for CSV; hint: give --csv as well")
	case flags.Changed("by"):
		return usage("--by and --table exclude each other; hint: a table covers the whole period")
	}
	return nil
}

// report makes the report.
func (o *trafficReportFlags) report(args []string, out io.Writer, stdout *os.File, today civil.Day, log *messageLog) error {
	asked, err := o.period(today, log)
	if err != nil {
		return err
	}
	language, err := report.NewLanguage(o.language)
	if err != nil {
		return usage("--lang: %w", err)
	}
	file := ""
	if o.html != "" && o.html != "-" {
		file = filepath.Clean(o.html)
		if err := checkPage(file); err != nil { // before the figures are read
			return err
		}
	}
	confineReader(statistics.TrafficPaths(args), file)
	faults := fileFaults{log: log}
	found := statistics.ReadTraffic(args, faults.add, func(err error) { log.notef("%v", err) })
	first, last, ok := found.Span()
	switch {
	case !ok && faults.forbidden:
		return errReported
	case !ok:
		return errors.New("no traffic figures found; hint: count them with 'hushpipe replay --traffic', and give its DIR")
	}
	if last > today {
		log.notef("future days, up to %s, are left out; hint: check the server's clock", last)
	}
	if asked.from != nil {
		first = *asked.from
	}
	if last = min(last, today-1); asked.to != nil {
		last = *asked.to
	}
	if first > last {
		return fmt.Errorf("no traffic figures of a finished day, from %s on", first)
	}
	by := statistics.Covering(first, last)
	if o.by != "" {
		if by, err = report.ParseBy(o.by); err != nil {
			return usage("--by: %w", err)
		}
	}
	r := trafficreport.New(first, last, by, found.Days())
	logCoverage(r, found.UpperBound(first, last), log)
	text, err := o.render(r, language, today, stdout)
	if err != nil {
		return err
	}
	if file != "" {
		err = publish(text, file)
	} else {
		_, err = out.Write(text)
	}
	if err == nil && faults.n > 0 {
		err = errReported
	}
	return err
}

// logCoverage logs where the figures mix options, miss hosts, or are an upper bound.
func logCoverage(r *trafficreport.Report, upperBound []civil.Day, log *messageLog) {
	for i, c := range r.Counted {
		if i > 0 && c.From > r.Counted[i-1].To {
			log.notef("from %s on it was counted with %s, before with %s: compare with care", c.From, c.Options, r.Counted[i-1].Options)
		}
		if i == 5 {
			break
		}
	}
	for _, h := range r.Hosts {
		log.notef("nothing is counted of %s on %s", h.Host, daysText(h.Days))
	}
	if len(upperBound) > 0 {
		log.warnf("%s: counted under several keys: visits and visitors are an upper bound; hint: see 'hushpipe help fleet'", daysText(upperBound))
	}
}

// render returns the report in the format that the flags choose.
func (o *trafficReportFlags) render(r *trafficreport.Report, language *report.Language, today civil.Day, stdout *os.File) ([]byte, error) {
	var b bytes.Buffer
	var err error
	switch {
	case o.table != "":
		err = trafficreport.CSVTable(&b, r, o.table)
	case o.csv:
		err = trafficreport.CSV(&b, r)
	case o.json:
		err = trafficreport.JSON(&b, r)
	case o.html != "":
		err = trafficreport.HTML(&b, r, language, trafficreport.Page{Title: o.title, Privacy: o.privacy, Made: today})
	default:
		err = trafficreport.Text(&b, r, language, screenOf(stdout))
	}
	return b.Bytes(), err
}
