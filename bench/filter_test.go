package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hushpipe/filter"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/store"
	"hushpipe/format"
)

// BenchmarkFilter is the main job end to end, from bytes in memory to a tmpfs:
// format auto, rooms counted, 20,000 clients, 2,000 rooms. One iteration is a
// log of a million lines (200,000 of the other formats). cores=1 bounds the program to one core, reader and
// writer taking turns.
//
//	go test ./bench -run '^$' -bench Filter/ -benchtime 5x
func BenchmarkFilter(b *testing.B) {
	for _, kind := range []string{"combined", "vhost_combined", "json"} {
		lines := 1_000_000
		if kind != "combined" {
			lines = 200_000
		}
		log := generated(b, kind, lines)
		for _, mode := range []string{"ipcrypt", "pfx", "mask"} {
			if kind != "combined" && mode != "ipcrypt" {
				continue
			}
			for _, cores := range []int{1, 2} {
				b.Run(fmt.Sprintf("format=%s/ip=%s/cores=%d", kind, mode, cores), func(b *testing.B) {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
					b.SetBytes(int64(len(log)))
					b.ReportAllocs()
					verified := false
					for b.Loop() {
						b.StopTimer()
						dir := ramDir(b)
						b.StartTimer()
						filterLog(b, dir, mode, bytes.NewReader(log))
						b.StopTimer()
						if !verified {
							verify(b, dir, lines)
							verified = true
						}
						require.NoError(b, os.RemoveAll(dir))
						b.StartTimer()
					}
					b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
				})
			}
		}
	}
}

// BenchmarkPipe is the main job behind a pipe that cat(1) fills from memory.
// commit=true is how Apache's pipe is read: each batch is left in it until it is
// written. commit=false reads it plainly.
//
//	go test ./bench -run '^$' -bench Pipe/ -benchtime 5x
func BenchmarkPipe(b *testing.B) {
	const lines = 1_000_000
	log := generated(b, "combined", lines)
	src := filepath.Join(ramDir(b), "log")
	defer os.RemoveAll(filepath.Dir(src))
	require.NoError(b, os.WriteFile(src, log, 0o600))
	for _, commit := range []bool{false, true} {
		b.Run(fmt.Sprintf("commit=%t", commit), func(b *testing.B) {
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			verified := false
			for b.Loop() {
				b.StopTimer()
				dir := ramDir(b)
				r, w, err := os.Pipe()
				require.NoError(b, err)
				cat := exec.Command("cat", src)
				cat.Stdout = w
				var in io.Reader = struct{ io.Reader }{r}
				if commit {
					in, err = filter.NewInput(r)
					require.NoError(b, err)
				}
				b.StartTimer()
				require.NoError(b, cat.Start())
				w.Close()
				filterLog(b, dir, "ipcrypt", in)
				b.StopTimer()
				r.Close()
				require.NoError(b, cat.Wait())
				if !verified {
					verify(b, dir, lines)
					verified = true
				}
				require.NoError(b, os.RemoveAll(dir))
				b.StartTimer()
			}
			b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// filterLog runs the main job.
func filterLog(b *testing.B, dir, mode string, log io.Reader) {
	parser, err := format.New("auto", time.UTC, nil)
	require.NoError(b, err)
	matcher, err := rooms.NewMatcher([]string{"jitsi"}, nil)
	require.NoError(b, err)
	redact, err := filter.NewRedact(filter.DefaultRedact)
	require.NoError(b, err)
	ip, err := pseudonym.ParseMode(mode)
	require.NoError(b, err)
	s := store.Open(store.Config{
		Path: dir, Keep: store.DefaultKeep, Limits: rooms.DefaultLimits, Counting: true, Now: logNow,
		Say: func(topic, line string) { b.Error(line) },
	})
	f := filter.New(filter.Config{
		Parser: parser, Mode: ip, Redact: redact, Rooms: matcher, Limits: rooms.DefaultLimits, CountV6: 128,
	}, s)
	q := filter.NewQueue(s, 64<<20)
	require.NoError(b, f.Run(log, q))
	ctx, cancel := context.WithTimeout(b.Context(), time.Second)
	defer cancel()
	require.True(b, q.Close(ctx))
	require.NoError(b, s.Close())

	stats := f.Stats()
	require.Zero(b, stats.Malformed+stats.Adjusted+stats.Expired+stats.Overflow+q.Dropped())
}

// verify checks what the main job left.
func verify(b *testing.B, dir string, lines int) {
	written, err := os.ReadFile(dir + "/access.log")
	require.NoError(b, err)
	require.Equal(b, lines, bytes.Count(written, []byte{'\n'}))
	counts, err := store.ReadCounts(dir, format.DayOf(logNow()))
	require.NoError(b, err)
	require.Greater(b, len(counts.Rooms), 1000)
}

// logNow is the noon of the day that generated logs are of.
func logNow() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func generated(tb testing.TB, kind string, lines int) (log []byte) {
	g, err := newGenerator(traffic{Seed: 1, Lines: lines, Day: logNow(), Format: kind, Clients: 20_000, Rooms: 2_000})
	require.NoError(tb, err)
	for range lines {
		log = g.AppendLine(log)
	}
	return log
}

// ramDir is a temporary directory in memory, where the system has one.
func ramDir(tb testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "hushpipe")
	if err != nil {
		dir, err = os.MkdirTemp("", "hushpipe")
	}
	require.NoError(tb, err)
	return dir
}
