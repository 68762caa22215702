package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"hushpipe/format/prose"
)

// cost runs the benchmarks and charts them.
func cost(ctx context.Context, path string, stderr io.Writer) error {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "test", "hushpipe/bench", "-run", "^$", "-bench", "Filter/", "-benchtime", "3x", "-timeout", "0", "-large")
	cmd.Stdout = io.MultiWriter(&out, stderr)
	cmd.Stderr = stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run benchmarks: %w", err)
	}
	var chart bytes.Buffer
	if err := drawChart(&chart, parseCosts(out.String()), machine()); err != nil {
		return err
	}
	return os.WriteFile(path, chart.Bytes(), 0o644)
}

// costs are the benchmarks of one axis.
type costs struct {
	axis string
	rows []costRow
}

type costRow struct {
	value  string
	ns     float64 // a line
	memory float64 // MiB
}

var benchmarkName = regexp.MustCompile(`^BenchmarkFilter/(\w+)=(\w+?)(?:-\d+)?$`)

// parseCosts parses the output of go test -bench.
func parseCosts(out string) []costs {
	var all []costs
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		name := benchmarkName.FindStringSubmatch(fields[0])
		if name == nil {
			continue
		}
		row := costRow{value: name[2]}
		if n, err := strconv.Atoi(row.value); err == nil {
			row.value = prose.Commas(n)
		}
		for i := 2; i+1 < len(fields); i += 2 {
			v, _ := strconv.ParseFloat(fields[i], 64)
			switch fields[i+1] {
			case "ns/line":
				row.ns = v
			case "heap-MiB":
				row.memory = v
			}
		}
		if len(all) == 0 || all[len(all)-1].axis != name[1] {
			all = append(all, costs{axis: name[1]})
		}
		last := &all[len(all)-1]
		last.rows = append(last.rows, row)
	}
	return all
}
