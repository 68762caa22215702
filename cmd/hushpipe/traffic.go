package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"hushpipe/filter/statistics"
	"hushpipe/format/civil"
	"hushpipe/format/report"
	"hushpipe/format/trafficreport"
)

// siteFlags is the command line of traffic.
type siteFlags struct {
	periodFlags
	by        string
	csv, json bool
	language  string
}

func trafficCommand(stdout *os.File, say *messages) *cobra.Command {
	o := &siteFlags{}
	cmd := &cobra.Command{
		Use:   "traffic [flags] DIR|FILE…",
		Short: "Show pages, visits, origins and robots of a period",
		Long:  manualText("traffic", "1"),
		Example: `  hushpipe replay --traffic --own www.example.org /srv/archive access.log.*.gz
  hushpipe traffic --last-month /srv/archive
  hushpipe traffic --month 2026-03 --by day --csv /srv/archive /srv/archive-www2`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("no DIR or FILE given; hint: see '%s --help'", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, group := range [][]string{{"from", "month", "last", "last-month"}, {"to", "month", "last", "last-month"}, {"csv", "json"}} {
				if err := exclusive(cmd.Flags(), group); err != nil {
					return err
				}
			}
			return o.report(args, cmd.OutOrStdout(), stdout, civil.DayOf(now()), say)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	o.periodFlags.define(flags)
	flags.StringVar(&o.by, "by", "", "divide the table by `STEP`: day, week, month or year (default day for up to 31 days, week for up to 184, month for up to 5 years, else year)")
	flags.BoolVar(&o.csv, "csv", false, "write the steps as CSV")
	flags.BoolVar(&o.json, "json", false, "write all figures as JSON, for other programs")
	flags.StringVar(&o.language, "lang", "", "write text in `LANGUAGE`: en, de or no (default by the environment)")
	return cmd
}

// report is the whole of it.
func (o *siteFlags) report(args []string, out io.Writer, stdout *os.File, today civil.Day, say *messages) error {
	asked, err := o.period(today, say)
	if err != nil {
		return err
	}
	language, err := report.NewLanguage(o.language)
	if err != nil {
		return usage("--lang: %w", err)
	}
	confineReader(args, "")
	faults := faultList{say: say}
	found := statistics.ReadTraffic(args, faults.add)
	first, last, ok := found.Span()
	switch {
	case !ok && faults.forbidden:
		return errSaid
	case !ok:
		return errors.New("no traffic figures found; hint: count them by 'hushpipe replay --traffic', and give its DIR")
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
	if found.OptionsDiffer(first, last) {
		say.sayf(note, "not all of these days were counted with the same options: compare them with care")
	}
	r := trafficreport.New(first, last, by, found.Between(first-(last-first+1), last))
	var b bytes.Buffer
	switch {
	case o.csv:
		err = trafficreport.CSV(&b, r)
	case o.json:
		err = trafficreport.JSON(&b, r)
	default:
		err = trafficreport.Text(&b, r, language, screenOf(stdout).Width)
	}
	if err != nil {
		return err
	}
	if _, err = out.Write(b.Bytes()); err == nil && faults.n > 0 {
		err = errSaid
	}
	return err
}
