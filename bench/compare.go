package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// result is the measurements of one program.
type result struct {
	program
	version string
	runs    []measurement
	// partner are our runs right before each of these; nil for our own.
	partner []measurement
}

// comparison runs programs in turn on one log.
type comparison struct {
	dir     string // in memory
	lines   int
	rounds  int
	version string // hushpipe's
	stderr  io.Writer
}

// compare measures hushpipe and the installed rivals, and prints a table each for the main job,
// for archives and for compressed archives. The error names the bounds of the baseline that were
// missed.
func compare(ctx context.Context, lines, rounds int, stdout, stderr io.Writer) error {
	if rounds < 1 {
		return errors.New("at least 1 round")
	}
	dir, err := ramDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path, version, err := build(ctx, dir)
	if err != nil {
		return err
	}
	log, size, err := writeLog(dir, lines)
	if err != nil {
		return err
	}
	packed := log + ".gz"
	if out, err := exec.CommandContext(ctx, "gzip", "--keep", "--fast", log).CombinedOutput(); err != nil {
		return fmt.Errorf("gzip: %w: %s", err, out)
	}
	have, missing := installed()
	c := comparison{dir, lines, rounds, version, stderr}
	t := table{lines: lines, bytes: size, rounds: rounds, machine: machine(), must: baseline(), missing: missing}
	live := hushpipe(path)
	for _, part := range []struct {
		own    program
		rivals []program
		log    string
	}{
		{live, have, log},
		{replay(path, log), append(only(have, "rotatelogs"), live), log},
		{replayGzip(path, packed), []program{zcat(packed)}, log},
	} {
		results, err := c.run(ctx, part.own, part.rivals, part.log)
		if err != nil {
			return err
		}
		t.parts = append(t.parts, results)
	}
	return t.print(stdout)
}

// run measures our program and each rival in turn. Ours comes first in the results.
func (c comparison) run(ctx context.Context, ours program, rivals []program, log string) ([]result, error) {
	own := result{program: ours, version: c.version}
	results := make([]result, len(rivals))
	run := func(p program) (measurement, error) {
		return measureChecked(ctx, p, log, c.lines, filepath.Join(c.dir, "run"))
	}
	if _, err := run(ours); err != nil { // warms up
		return nil, err
	}
	for round := range c.rounds {
		fmt.Fprintf(c.stderr, "bench: %s, round %d of %d\n", ours.name, round+1, c.rounds)
		for i, p := range rivals {
			a, err := run(ours)
			if err != nil {
				return nil, err
			}
			b, err := run(p)
			if err != nil {
				return nil, err
			}
			own.runs = append(own.runs, a)
			results[i].program = p
			results[i].runs = append(results[i].runs, b)
			results[i].partner = append(results[i].partner, a)
		}
	}
	for i := range results {
		if results[i].version = results[i].program.version(); results[i].pkg == "" {
			results[i].version = c.version
		}
	}
	return append([]result{own}, results...), nil
}

// build builds hushpipe into dir.
func build(ctx context.Context, dir string) (path, version string, err error) {
	path = filepath.Join(dir, "hushpipe")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "hushpipe/cmd/hushpipe").CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("build hushpipe: %w: %s", err, out)
	}
	out, err := exec.CommandContext(ctx, path, "version").Output()
	if err != nil {
		return "", "", fmt.Errorf("start hushpipe: %w", err)
	}
	return path, strings.TrimPrefix(strings.TrimSpace(string(out)), "hushpipe "), nil
}

// writeLog writes a log of today, so that hushpipe does not treat its lines as late.
func writeLog(dir string, lines int) (path string, size int64, err error) {
	g, err := newGenerator(traffic{Seed: 1, Lines: lines, Day: time.Now(), Format: "combined", Clients: 20_000, Rooms: 2_000})
	if err != nil {
		return "", 0, err
	}
	path = filepath.Join(dir, "log")
	file, err := os.Create(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	if err := g.write(file); err != nil {
		return "", 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return "", 0, err
	}
	return path, info.Size(), nil
}

// measureChecked measures one run in dir, which it creates and removes, and checks that all
// lines came out.
func measureChecked(ctx context.Context, p program, log string, lines int, dir string) (measurement, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return measurement{}, err
	}
	defer os.RemoveAll(dir)
	m, err := measure(ctx, p, log, dir)
	if err != nil {
		return m, err
	}
	if p.lines == "" {
		return m, nil
	}
	n := 0
	for _, glob := range strings.Fields(p.lines) {
		names, err := fs.Glob(os.DirFS(dir), glob)
		if err != nil {
			return m, err
		}
		for _, name := range names {
			some, err := countLines(filepath.Join(dir, name))
			if err != nil {
				return m, err
			}
			n += some
		}
	}
	if n != lines {
		return m, fmt.Errorf("%s wrote %d of %d lines", p.name, n, lines)
	}
	return m, nil
}

func countLines(path string) (n int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 1<<16)
	for {
		switch _, err := r.ReadSlice('\n'); {
		case err == nil:
			n++
		case err == io.EOF:
			return n, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return n, err
		}
	}
}

// ramDir makes a temporary directory, in memory if the system supports that.
func ramDir() (string, error) {
	if dir, err := os.MkdirTemp("/dev/shm", "hushpipe"); err == nil {
		return dir, nil
	}
	return os.MkdirTemp("", "hushpipe")
}
