package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/input"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/store"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
)

var large = flag.Bool("large", false, "benchmarks have a million lines, ten where that tells more; takes 8 GB of memory")

// setup is one configuration of the main job.
type setup struct {
	traffic
	logFormat string // hushpipe's --format
	ip        string
	cores     int
}

// BenchmarkFilter runs the main job end to end, from bytes in memory to a tmpfs, and shows how
// its cost grows along each axis, with usual's values for the others. ns/line and lines/s are of
// the fastest run, heap-MiB is the memory held after a run.
//
//	go test ./bench -run '^$' -bench Filter/ -benchtime 5x -large
func BenchmarkFilter(b *testing.B) {
	million, ten := 100_000, 100_000
	if *large {
		million, ten = 1_000_000, 10_000_000
	}
	usual := setup{traffic{Seed: 1, Lines: million, Day: logNow(), Format: "combined", Clients: 20_000, Rooms: 2_000}, "auto", "ipcrypt", 1}
	run := func(axis string, value any, change func(*setup)) {
		s := usual
		change(&s)
		b.Run(fmt.Sprintf("%s=%v", axis, value), func(b *testing.B) { benchmark(b, s) })
	}
	for _, n := range slices.Compact([]int{million, ten}) {
		run("lines", n, func(s *setup) { s.Lines = n })
	}
	for _, n := range upTo(ten, 1_000, 100_000, 10_000_000) {
		run("clients", n, func(s *setup) { s.Lines, s.Clients, s.Even = ten, n, true })
	}
	for _, n := range upTo(million, 10, 1_000, 1_000_000) {
		run("rooms", n, func(s *setup) { s.Lines, s.Clients, s.Rooms, s.Even = ten, million, n, true })
	}
	run("length", 100, func(s *setup) { s.Format = "common" })
	run("length", 250, func(*setup) {})
	run("length", 4096, func(s *setup) { s.Lines, s.Length = s.Lines/4, 4096 })
	for _, format := range []string{"auto", "combined", "custom", "json"} {
		run("format", format, func(s *setup) {
			s.logFormat = format
			switch format {
			case "custom":
				s.Format, s.logFormat = format, customFormat
			case "json":
				s.Format = format
			}
		})
	}
	for _, ip := range []string{"ipcrypt", "pfx", "mask"} {
		run("ip", ip, func(s *setup) { s.ip = ip })
	}
	for _, cores := range []int{1, 2} {
		run("cores", cores, func(s *setup) { s.cores = cores })
	}
}

func upTo(bound int, sizes ...int) []int {
	return slices.DeleteFunc(sizes, func(n int) bool { return n > bound })
}

func benchmark(b *testing.B, s setup) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(s.cores))
	log := generated(b, s.traffic)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	before := heap()
	var held uint64
	fastest := time.Duration(math.MaxInt64)
	for b.Loop() {
		b.StopTimer()
		dir := tempDir(b)
		b.StartTimer()
		start := time.Now()
		j := filterLog(b, dir, s, bytes.NewReader(log))
		fastest = min(fastest, time.Since(start))
		b.StopTimer()
		if held == 0 {
			held = heap() - before
			verify(b, dir, s.traffic)
		}
		runtime.KeepAlive(j)
		require.NoError(b, os.RemoveAll(dir))
		b.StartTimer()
	}
	b.ReportMetric(float64(s.Lines)/fastest.Seconds(), "lines/s")
	b.ReportMetric(float64(fastest.Nanoseconds())/float64(s.Lines), "ns/line")
	b.ReportMetric(float64(held)/(1<<20), "heap-MiB")
}

// heap returns the bytes in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkPipe runs the main job behind a pipe that cat(1) fills from memory. With commit=true,
// as for Apache's pipe, each batch stays in the pipe until it is written; commit=false reads the
// pipe normally.
//
//	go test ./bench -run '^$' -bench Pipe/ -benchtime 5x
func BenchmarkPipe(b *testing.B) {
	const lines = 1_000_000
	s := setup{traffic{Seed: 1, Lines: lines, Day: logNow(), Format: "combined", Clients: 20_000, Rooms: 2_000}, "auto", "ipcrypt", 0}
	log := generated(b, s.traffic)
	src := filepath.Join(tempDir(b), "log")
	defer os.RemoveAll(filepath.Dir(src))
	require.NoError(b, os.WriteFile(src, log, 0o600))
	for _, commit := range []bool{false, true} {
		b.Run(fmt.Sprintf("commit=%t", commit), func(b *testing.B) {
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			verified := false
			for b.Loop() {
				b.StopTimer()
				dir := tempDir(b)
				r, w, err := os.Pipe()
				require.NoError(b, err)
				cat := exec.Command("cat", src)
				cat.Stdout = w
				var in io.Reader = struct{ io.Reader }{r}
				if commit {
					in, err = input.New(r)
					require.NoError(b, err)
				}
				b.StartTimer()
				require.NoError(b, cat.Start())
				w.Close()
				filterLog(b, dir, s, in)
				b.StopTimer()
				r.Close()
				require.NoError(b, cat.Wait())
				if !verified {
					verify(b, dir, s.traffic)
					verified = true
				}
				require.NoError(b, os.RemoveAll(dir))
				b.StartTimer()
			}
			b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// job is the assembled main job.
type job struct {
	filter *filter.Filter
	store  *store.Store
	queue  *filter.Queue

	malformed bool // all lines are
}

func newJob(tb testing.TB, dir string, s setup) job {
	parser, err := format.New(s.logFormat, time.UTC, nil)
	require.NoError(tb, err)
	matcher, err := rooms.NewMatcher([]string{"jitsi"}, nil)
	require.NoError(tb, err)
	redact, err := treatment.NewRedact()
	require.NoError(tb, err)
	ip, err := pseudonym.ParseMode(s.ip)
	require.NoError(tb, err)
	limits := rooms.DefaultLimits
	limits.Rooms = max(limits.Rooms, s.Rooms)
	st := store.Open(store.Config{
		Directory: store.Directory{Path: dir, Now: logNow, Log: func(topic, line string) { tb.Error(line) }},
		Keep:      calendar.DefaultPeriod,
		Counts:    store.Counts{Limits: limits, Counting: true},
	})
	f := filter.New(filter.Config{
		Parser: parser, Mode: ip, Redact: redact, Rooms: matcher, Limits: limits, CountV6: 128,
	}, st)
	return job{f, st, filter.NewQueue(st, 64<<20), s.logFormat == "error"}
}

// close waits until everything is written and counted.
func (j job) close(tb testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	require.True(tb, j.queue.Close(ctx))
	require.NoError(tb, j.store.Close())

	stats := j.filter.Stats()
	require.Zero(tb, stats.Adjusted+stats.Expired+stats.Overflow+j.queue.Dropped())
	require.Contains(tb, []uint64{0, stats.Lines}, stats.Malformed)
	require.Equal(tb, j.malformed, stats.Malformed > 0)
}

// filterLog runs the main job.
func filterLog(tb testing.TB, dir string, s setup, log io.Reader) job {
	j := newJob(tb, dir, s)
	require.NoError(tb, j.filter.Run(log, j.queue))
	j.close(tb)
	return j
}

// verify checks the output of the main job.
func verify(tb testing.TB, dir string, tr traffic) {
	lines, err := countLines(dir + "/access.log")
	require.NoError(tb, err)
	require.Equal(tb, tr.Lines, lines)
	counts, err := counts.Read(dir, civil.DayOf(logNow()))
	require.NoError(tb, err)
	require.Greater(tb, len(counts.Rooms), tr.Rooms/5)
}

// logNow returns noon of the day of generated logs.
func logNow() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func generated(tb testing.TB, tr traffic) []byte {
	g, err := newGenerator(tr)
	require.NoError(tb, err)
	log := make([]byte, 0, tr.Lines*max(260, tr.Length+1))
	for range tr.Lines {
		log = g.AppendLine(log)
	}
	return log
}

func tempDir(tb testing.TB) string {
	dir, err := ramDir()
	require.NoError(tb, err)
	return dir
}
