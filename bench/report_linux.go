package main

import (
	"fmt"
	"strings"

	"hushpipe/format/prose"
)

// String returns the report as Markdown.
func (r report) String() string {
	var b strings.Builder
	if r.Costs != nil {
		r.printCosts(&b)
	}
	if r.Attacks != nil {
		r.printAttacks(&b)
	}
	if r.Memories != nil {
		r.printMemories(&b)
	}
	fmt.Fprintf(&b, "\n%s, %d cores, load average before %s, after %s\n%s, httpd %s, hushpipe %s\n",
		r.Machine, r.Cores, r.LoadBefore, r.LoadAfter, r.Go, r.HTTPD, r.Hushpipe)
	return b.String()
}

func (r report) printCosts(b *strings.Builder) {
	rows := [][]string{{"requests/s", "logger", "answered/s", "logger µs", "to " + r.Base, "httpd µs", "answer ms", "99 %", "line ms", "99 %"}}
	for _, c := range r.Costs {
		rate := "all"
		if c.Rate > 0 {
			rate = prose.Commas(c.Rate)
		}
		cpu, ratio, lines, late := "", "", "", ""
		if c.Ratio != nil {
			cpu, ratio = c.CPU.String(), c.Ratio.String()
		}
		if c.Line != nil {
			lines, late = fmt.Sprintf("%.2f", c.Line.Median), fmt.Sprintf("%.2f", c.Line.P99)
		}
		rows = append(rows, []string{rate, c.Logger, prose.Commas(round(c.Requests.Median)), cpu, ratio, c.HTTPD.String(),
			fmt.Sprintf("%.2f", c.Answer.Median), fmt.Sprintf("%.2f", c.Answer.P99), lines, late})
	}
	printRows(b, rows)
}

func (r report) printAttacks(b *strings.Builder) {
	rows := [][]string{{"attack", "logger", "attacks/s", "others wait ms", "99 %", "to cat", "counted", "disk to input", "busy elsewhere"}}
	for i, a := range r.Attacks {
		ratio, counted, disk := "", "", ""
		if a.Counted != nil {
			ratio = fmt.Sprintf("%.2f", a.Answer.Median/r.Attacks[i-1].Answer.Median)
			counted, disk = fmt.Sprintf("%d of %d", *a.Counted, a.Others), fmt.Sprintf("%.2f", a.Disk)
			if a.Marked {
				counted += ", lower bound"
			}
		}
		rows = append(rows, []string{a.Attack, a.Logger, prose.Commas(round(a.Rate)),
			fmt.Sprintf("%.2f", a.Answer.Median), fmt.Sprintf("%.2f", a.Answer.P99), ratio, counted, disk,
			fmt.Sprintf("%.1f", a.Elsewhere)})
	}
	printRows(b, rows)
}

func (r report) printMemories(b *strings.Builder) {
	rows := [][]string{{"logger", "loggers", "lines each", "Pss MiB", "private dirty MiB", "threads"}}
	for _, m := range r.Memories {
		lines := "idle"
		if m.Lines > 0 {
			lines = fmt.Sprintf("%.0f", float64(m.Lines)/float64(m.Loggers))
		}
		rows = append(rows, []string{m.Logger, fmt.Sprint(m.Loggers), lines, m.Pss.String(), m.Dirty.String(),
			fmt.Sprintf("%.0f (%.0f to %.0f)", m.Threads.Median, m.Threads.Min, m.Threads.Max)})
	}
	printRows(b, rows)
}

func (s span) String() string { return fmt.Sprintf("%.2f (%.2f to %.2f)", s.Median, s.Min, s.Max) }
