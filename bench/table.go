package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"hushpipe/format/prose"
)

// table is a comparison, to be printed as Markdown.
type table struct {
	lines   int
	bytes   int64 // of the log
	rounds  int
	machine string
	must    map[string]float64
	parts   [][]result // in each, ours first
	missing []program
}

// print writes a table for each part. The error names what falls short of the baseline.
func (t table) print(w io.Writer) error {
	var b strings.Builder
	var short []string
	versions := []string{runtime.Version()}
	for _, part := range t.parts {
		short = append(short, t.printPart(&b, part)...)
		for _, r := range part {
			if v := r.name + " " + r.version; r.pkg != "" || r.name == t.parts[0][0].name {
				versions = append(versions, v)
			}
		}
	}
	fmt.Fprintf(&b, "`cat log | program`, or `program log` of replay and zcat: %s lines, %.0f MB, into a tmpfs; medians of %d\nrounds of ours and each rival in turn, ratios of neighbours: median (min to max). CPU and peak resident memory are the\nprogram's, without cat's.\n",
		prose.Commas(t.lines), float64(t.bytes)/1e6, t.rounds)
	fmt.Fprintf(&b, "\n%s, %d cores\n%s\n", t.machine, runtime.NumCPU(), strings.Join(unique(versions), ", "))
	for _, p := range t.missing {
		fmt.Fprintf(&b, "%s is missing: apt-get install %s\n", p.name, p.pkg)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	if short != nil {
		return fmt.Errorf("falls short: %s", strings.Join(short, "; "))
	}
	return nil
}

// printPart writes a part, and returns what falls short.
func (t table) printPart(b *strings.Builder, part []result) (short []string) {
	own := part[0].name
	rows := [][]string{{"program", "what it does", "MB/s", "lines/s", "CPU s/GB", "peak MiB",
		own + "'s speed / its", "must be", own + "'s CPU / its", "must be"}}
	for _, r := range part {
		row := []string{r.name, r.does,
			fmt.Sprintf("%.0f", middle(r.runs, t.throughput)/1e6),
			prose.Commas(round(middle(r.runs, t.throughput) / float64(t.bytes) * float64(t.lines))),
			fmt.Sprintf("%.2f", middle(r.runs, t.cost)),
			fmt.Sprintf("%.1f", middle(r.runs, func(m measurement) float64 { return float64(m.peak) / (1 << 20) }))}
		for _, kind := range []string{"speed", "cpu"} {
			ratio := r.ratios(kind)
			key := kind + "/" + r.name
			if own != t.parts[0][0].name {
				key = kind + "/" + own + "/" + r.name
			}
			bound, bounded := t.must[key]
			must := ""
			if bounded {
				sign := map[string]string{"speed": "≥", "cpu": "≤"}[kind]
				must = fmt.Sprintf("%s %g", sign, bound)
				if got := median(ratio); kind == "speed" && got < bound || kind == "cpu" && got > bound {
					short = append(short, fmt.Sprintf("%s is %.2f, must be %s", key, got, must))
				}
			}
			row = append(row, spread(ratio), must)
		}
		rows = append(rows, row)
	}
	printRows(b, rows)
	b.WriteString("\n")
	return short
}

// printRows writes a table whose first row has the heads.
func printRows(b *strings.Builder, rows [][]string) {
	for i, row := range prose.Align("l", rows) {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(b, "|%s\n", strings.Repeat(" --- |", len(row)))
		}
	}
}

// unique removes duplicates.
func unique(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// throughput returns bytes a second.
func (t table) throughput(m measurement) float64 { return float64(t.bytes) / m.wall.Seconds() }

// cost returns seconds of CPU time a GB.
func (t table) cost(m measurement) float64 { return m.cpu.Seconds() / float64(t.bytes) * 1e9 }

// ratios returns our speed or CPU time as multiples of r's.
func (r result) ratios(kind string) []float64 {
	var out []float64
	for i, us := range r.partner {
		if kind == "speed" {
			out = append(out, r.runs[i].wall.Seconds()/us.wall.Seconds())
		} else {
			out = append(out, us.cpu.Seconds()/r.runs[i].cpu.Seconds())
		}
	}
	return out
}

func spread(v []float64) string {
	if len(v) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(v), slices.Min(v), slices.Max(v))
}

func middle(runs []measurement, of func(measurement) float64) float64 {
	v := make([]float64, len(runs))
	for i, m := range runs {
		v[i] = of(m)
	}
	return median(v)
}

// median returns the median of v, which must not be empty.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// round rounds to three digits.
func round(v float64) int {
	unit := 1
	for v/float64(unit) >= 1000 {
		unit *= 10
	}
	return int(v/float64(unit)+0.5) * unit
}
