// Command bench measures hushpipe: it generates seeded access logs, runs benchmarks, and
// compares hushpipe with the tools of its field.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

const usage = `usage: go run ./bench [-lines N] [-rounds N]    compare hushpipe with the rivals installed
       go run ./bench httpd [flags]            compare loggers behind a real Apache httpd
       go run ./bench fleet [flags]            ship pairs of several hosts to a redis-server
       go run ./bench cost                     run the benchmarks, chart them in bench/cost.svg
       go run ./bench generate [flags]         print an access log
`

// errUsage is an error that has already been printed.
var errUsage = errors.New("usage")

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	lines := flags.Int("lines", 4_000_000, "")
	rounds := flags.Int("rounds", 3, "")
	if flags.Parse(args) != nil {
		return 2
	}
	var err error
	switch flags.Arg(0) {
	case "":
		err = compare(ctx, *lines, *rounds, stdout, stderr)
	case "httpd":
		err = httpd(ctx, flags.Args()[1:], stdout, stderr)
	case "fleet":
		err = fleetBench(ctx, flags.Args()[1:], stdout, stderr)
	case "cost":
		err = cost(ctx, "bench/cost.svg", stderr)
	case "generate":
		err = generateLog(flags.Args()[1:], stdout, stderr)
	default:
		flags.Usage()
		err = errUsage
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	default:
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
}

// generateLog prints a generated log.
func generateLog(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench generate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	lines := flags.Int("lines", 1_000_000, "number of lines")
	seed := flags.Uint64("seed", 1, "equal seeds give equal logs")
	format := flags.String("format", "combined", "combined, vhost_combined, common, custom or json")
	date := flags.String("date", time.Now().UTC().Format(time.DateOnly), "date of the lines, in UTC")
	if flags.Parse(args) != nil {
		return errUsage
	}
	day, err := time.Parse(time.DateOnly, *date)
	if err != nil {
		fmt.Fprintf(stderr, "bench: wrong date: write it as in 2026-11-22\n")
		return errUsage
	}
	g, err := newGenerator(traffic{Seed: *seed, Lines: *lines, Day: day, Format: *format, Clients: 20_000, Rooms: 2_000})
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return errUsage
	}
	return g.write(stdout)
}

// write writes all lines.
func (g *generator) write(to io.Writer) error {
	w := bufio.NewWriterSize(to, 1<<16)
	for g.lines < g.Lines {
		w.Write(g.AppendLine(w.AvailableBuffer()))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}
