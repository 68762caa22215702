package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run prints a generated log.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	lines := flags.Int("lines", 1_000_000, "number of lines")
	seed := flags.Uint64("seed", 1, "equal seeds give equal logs")
	format := flags.String("format", "combined", "combined, vhost_combined or json")
	date := flags.String("date", "today", "date of the lines as in 2026-11-22, or today, in UTC")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	day := time.Now().UTC()
	if *date != "today" {
		var err error
		if day, err = time.Parse(time.DateOnly, *date); err != nil {
			fmt.Fprintf(stderr, "bench: wrong date: write it as in 2026-11-22\n")
			return 2
		}
	}
	g, err := newGenerator(traffic{Seed: *seed, Lines: *lines, Day: day, Format: *format, Clients: 20_000, Rooms: 2_000})
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 2
	}
	w := bufio.NewWriterSize(stdout, 1<<16)
	for range *lines {
		w.Write(g.AppendLine(w.AvailableBuffer()))
	}
	if err := w.Flush(); err != nil {
		fmt.Fprintf(stderr, "bench: write log: %v\n", err)
		return 1
	}
	return 0
}
