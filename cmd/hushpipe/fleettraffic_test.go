package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// trafficLine is a combined line with a duration, of a few people who return to pages,
// assets and missing files.
func trafficLine(r *rand.Rand, second int) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	at := time.Date(time.Now().Year(), time.Now().Month(), time.Now().Day(), 0, 0, second, 0, time.Local)
	return fmt.Sprintf("%s - - [%s] \"GET %s HTTP/1.1\" %s %d \"%s\" \"%s\" %d\n",
		pick(fmt.Sprintf("81.2.69.%d", 140+r.IntN(20)), fmt.Sprintf("192.0.%d.%d", r.IntN(8), r.IntN(5)), fmt.Sprintf("2001:db8:%x::%d", r.IntN(8), r.IntN(5))),
		at.Format("02/Jan/2006:15:04:05 -0700"),
		pick("/", "/a.html", "/style.css", "/?utm_campaign=spring", fmt.Sprintf("/api/%d/items", r.IntN(4)), fmt.Sprintf("/p%d", r.IntN(40)), fmt.Sprintf("/reset/%016x", r.Uint64())),
		pick("200", "200", "200", "304", "404", "503"), r.IntN(10_000),
		pick("-", "https://www.google.com/", "https://blog.example.net/x", "https://chatgpt.com/", fmt.Sprintf("https://s%d.example.com/", r.IntN(9))),
		pick("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
			"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "curl/8.5.0"), r.IntN(5_000_000))
}

// TestFleetTraffic: three filters each see a part of one site's lines, and are killed
// and started again while journals are merged. The last merge equals, byte for byte,
// what one filter makes of all lines.
func TestFleetTraffic(t *testing.T) {
	notAtMidnight()
	program, path, r := hushpipeBinary(t), t.TempDir(), rand.New(rand.NewPCG(24, 4))
	countries, err := filepath.Abs(countriesFile)
	require.NoError(t, err)
	flags := []string{"--format", `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D`, "--traffic", "--own", "www.example.org",
		"--min-group", "3", "--group", "/api/{group}/items", "--country", countries}
	one, out := filepath.Join(path, "one"), filepath.Join(path, "all")
	makeDIR(t, program, one)
	var dirs []string
	var pipes []*pipe
	var loggers []*logger
	var sent [3]int
	start := func(i int) *logger { return pipes[i].startLogger(program, append(flags, dirs[i])...) }
	for i := range sent {
		dirs = append(dirs, filepath.Join(path, fmt.Sprint("web", i+1)))
		require.NoError(t, os.Mkdir(dirs[i], 0o750))
		require.NoError(t, exec.Command("cp", "-a", filepath.Join(one, dir.Keys), dirs[i]).Run())
		makeDIR(t, program, dirs[i])
		pipes = append(pipes, openPipe(t))
		loggers = append(loggers, start(i))
	}
	merge := func(out string, dirs ...string) string {
		said, err := exec.Command(program, append([]string{"fleet", "merge", out}, dirs...)...).CombinedOutput()
		require.NoError(t, err, "%s", said)
		return string(said)
	}
	// written waits until all lines of a host are on disk, so that a kill loses none
	// from memory.
	written := func(i int) {
		log := filepath.Join(dirs[i], dir.LogFile(civil.DayOf(time.Now())))
		await(t, func() bool {
			text, err := os.ReadFile(log)
			return err == nil && bytes.Count(text, []byte("\n")) >= sent[i]
		}, "all lines of a host")
	}
	var all strings.Builder
	for i := range pipes { // each once: a kill may leave lines twice, and then nobody can tell when all are written
		for range 600 {
			line, to := trafficLine(r, r.IntN(24*3600)), r.IntN(3)
			all.WriteString(line)
			_, err := io.WriteString(pipes[to].w, line)
			require.NoError(t, err)
			sent[to]++
		}
		assert.Empty(t, merge(out, dirs...), "in the midst of it")
		written(i)
		loggers[i].kill()
		assert.Empty(t, merge(out, dirs...))
		loggers[i] = start(i)
	}
	for i := range pipes {
		require.Equal(t, 0, pipes[i].end(loggers[i]), "%s", loggers[i].said)
	}
	oracle := exec.Command(program, append(append([]string{"filter"}, flags...), one)...)
	oracle.Stdin = strings.NewReader(all.String())
	said, err := oracle.CombinedOutput()
	require.NoError(t, err, "%s", said)

	assert.Empty(t, merge(out, dirs...))
	file := filepath.Join(dir.Traffic, dir.TrafficFile(civil.DayOf(time.Now())))
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(path, file))
		require.NoError(t, err)
		return string(text)
	}
	want := read(one)
	for _, kind := range []string{"total ", "hour ", "page ", "missing ", "from ", "length ", "depth ", "browser ", "system ", "country ", "robot ", "group ", "time ", "status ", "rstatus ", "type "} {
		require.Contains(t, want, "\n"+kind)
	}
	require.Contains(t, want, " campaign spring\n")
	require.Equal(t, want, read(out))

	// Merging again adds nothing.
	assert.Empty(t, merge(out, dirs[2], dirs[0], dirs[1]))
	merge(out, dirs[0])
	require.Equal(t, want, read(out))
	// Merging the missing host later makes it complete.
	other := filepath.Join(path, "some")
	merge(other, dirs[:2]...)
	assert.NotEqual(t, want, read(other))
	merge(other, dirs...)
	require.Equal(t, want, read(other))
}
