package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hushpipe/filter/statistics"
	"hushpipe/format/civil"
)

// periodFlags choose the days of a report.
type periodFlags struct {
	from, to, month, last string
	lastMonth             bool
}

func (o *periodFlags) define(flags *pflag.FlagSet) {
	flags.StringVar(&o.from, "from", "", "begin on `DATE`, such as 2026-01-01 (default the first day that has a file)")
	flags.StringVar(&o.to, "to", "", "end on `DATE` (default the last day that has a file)")
	flags.StringVar(&o.month, "month", "", "report `MONTH`, such as 2026-03")
	flags.BoolVar(&o.lastMonth, "last-month", false, "report the month before this one")
	flags.StringVar(&o.last, "last", "", "report the last `DAYS` up to yesterday, such as 30d")
}

// period is a range of days; nil means as far as there are files.
type period struct{ from, to *civil.Day }

// period parses the flags. It cuts off today and later days: a count that is still
// growing would be published as if it were final.
func (o *periodFlags) period(today civil.Day, log *messageLog) (p period, err error) {
	given, yesterday := "", today-1
	switch {
	case o.month != "":
		given = "--month " + o.month
		first, ok := civil.ParseDay(o.month + "-01")
		if !ok || !reportable(first) {
			return p, usage("--month %q is not valid; hint: give a month from 1970 to 2099, as 2026-03", o.month)
		}
		p = monthOf(first)
	case o.lastMonth:
		given = "--last-month"
		_, _, mday := today.Date()
		p = monthOf(today - civil.Day(mday))
	case o.last != "":
		days, err := strconv.ParseUint(strings.TrimSuffix(o.last, "d"), 10, 31)
		if err != nil || days == 0 {
			return p, usage("--last %q is not valid; hint: give a number of days, as 30d", o.last)
		}
		first := max(statistics.FirstDay, today-civil.Day(days))
		p = period{&first, &yesterday}
	default:
		for _, flag := range []struct {
			name, date string
			day        **civil.Day
		}{{"--from", o.from, &p.from}, {"--to", o.to, &p.to}} {
			if flag.date == "" {
				continue
			}
			given += flag.name + " " + flag.date + " "
			day, ok := civil.ParseDay(flag.date)
			if !ok || !reportable(day) {
				return p, usage("%s %q is not valid; hint: give a date from 1970 to 2099, as 2026-11-22", flag.name, flag.date)
			}
			*flag.day = &day
		}
		given = strings.TrimSpace(given)
	}
	switch {
	case p.from != nil && p.to != nil && *p.from > *p.to:
		return p, usage("%s: the period ends before it begins; hint: give --from the earlier day", given)
	case p.from != nil && *p.from > yesterday:
		return p, usage("%s: none of these days is over", given)
	case p.to != nil && *p.to > yesterday:
		log.notef("%s: the period ends on %s: later days are not over", given, yesterday)
		p.to = &yesterday
	}
	return p, nil
}

// monthOf returns the month that contains a day.
func monthOf(day civil.Day) period {
	year, month, _ := day.Date()
	first := civil.NewDay(year, month, 1)
	last := civil.DayOf(time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC))
	return period{&first, &last}
}

func reportable(day civil.Day) bool { return statistics.FirstDay <= day && day <= statistics.LastDay }
