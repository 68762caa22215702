package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// memoryBehind is the memory of the loggers of many virtual hosts, in one state.
type memoryBehind struct {
	Logger  string `json:"logger"`
	Loggers int    `json:"loggers"`
	Lines   int    `json:"lines"` // that all of them received so far
	Pss     span   `json:"pss_mib"`
	Dirty   span   `json:"private_dirty_mib"` // anonymous memory
	Threads span   `json:"threads"`
}

// oneEach is the requests a second for each virtual host: light use.
const oneEach = 1

// memories starts, for each kind of logger in turn, a server with n virtual hosts, each with its
// own logger. It measures the loggers after they have been idle for the duration, and again
// after a line a second each for as long.
func (h harness) memories(ctx context.Context, n int) (all []memoryBehind, err error) {
	requests, err := requestsOf(20_000 / n * n)
	if err != nil {
		return nil, err
	}
	for i := range requests {
		requests[i].after = strings.Replace(requests[i].after, "Host: localhost\r\n", "Host: "+virtualHost(i%n)+"\r\n", 1)
	}
	for _, name := range []string{"rotatelogs", "hushpipe"} {
		fmt.Fprintf(h.stderr, "bench: %d times %s\n", n, name)
		some, err := h.memoriesOf(ctx, named(name), n, requests)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func virtualHost(i int) string { return fmt.Sprintf("w%d.example.org", i) }

func (h harness) memoriesOf(ctx context.Context, l logger, n int, requests []request) (all []memoryBehind, err error) {
	root := filepath.Join(h.dir, "hosts-"+l.name)
	directives := []string{"RemoteIPHeader X-Forwarded-For"}
	for i := range n {
		dir := filepath.Join(root, virtualHost(i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		directive, err := h.customLog(l, dir, "combined")
		if err != nil {
			return nil, err
		}
		directives = append(directives, "<VirtualHost *>", "ServerName "+virtualHost(i), directive, "</VirtualHost>")
	}
	s, err := startServer(root, directives...)
	if err != nil {
		return nil, err
	}
	defer s.kill()
	load, err := newLoad(ctx, s, "127.0.0.1", connections, requests)
	if err != nil {
		return nil, err
	}
	defer load.close()
	for range 2 {
		time.Sleep(h.duration)
		m, err := s.memory()
		if err != nil {
			return nil, err
		}
		m.Logger, m.Loggers, m.Lines = l.name, n, int(load.last.Load())
		if all = append(all, m); len(all) == 1 {
			if _, err := load.run(ctx, oneEach*n, h.duration); err != nil {
				return nil, err
			}
		}
	}
	return all, s.stop()
}

// memory returns the memory that the loggers hold now.
func (s *server) memory() (m memoryBehind, err error) {
	var pss, dirty, threads []float64
	for _, pid := range s.loggerPIDs {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return m, fmt.Errorf("read a logger's memory: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			var kib float64
			if n, _ := fmt.Sscanf(line, "Pss: %f kB", &kib); n == 1 {
				pss = append(pss, kib/1024)
			} else if n, _ := fmt.Sscanf(line, "Anonymous: %f kB", &kib); n == 1 {
				dirty = append(dirty, kib/1024)
			}
		}
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return m, fmt.Errorf("count a logger's threads: %w", err)
		}
		threads = append(threads, float64(len(tasks)))
	}
	if len(pss) != len(s.loggerPIDs) || len(dirty) != len(pss) {
		return m, fmt.Errorf("read a logger's memory: the kernel tells of %d of %d", min(len(pss), len(dirty)), len(s.loggerPIDs))
	}
	m.Pss, m.Dirty, m.Threads = spanOf(pss), spanOf(dirty), spanOf(threads)
	return m, nil
}
