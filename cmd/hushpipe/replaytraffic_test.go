package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// visitedDays returns lines in the order of twenty days that are over in every time
// zone, seven of them past the retention. On the first day five networks bring a path,
// later one does.
func visitedDays() (lines []string) {
	rnd := rand.New(rand.NewPCG(3, 3))
	today := now().UTC().Truncate(24 * time.Hour)
	line := func(at time.Time, client int, target string, status int, referrer, agent string) string {
		return fmt.Sprintf("10.0.%d.%d - - [%s] \"GET %s HTTP/1.1\" %d %d \"%s\" \"%s\"\n",
			client, 1+client%3, at.Format("02/Jan/2006:15:04:05 -0700"), target, status, rnd.IntN(9000), referrer, agent)
	}
	for age := 21; age > 1; age-- {
		day, second := today.AddDate(0, 0, -age), 0
		for range 150 {
			second += rnd.IntN(500)
			at := day.Add(time.Duration(second) * time.Second)
			lines = append(lines, line(at, rnd.IntN(12), []string{"/", "/a", "/b.html", "/i.png", "/feed", fmt.Sprint("/day/", age)}[rnd.IntN(6)], []int{200, 200, 304, 404}[rnd.IntN(4)],
				[]string{"-", "https://www.google.com/", "https://blog.example.net/x", fmt.Sprintf("https://h%d.example.net/", rnd.IntN(40))}[rnd.IntN(4)],
				[]string{firefox, firefox, gptBot, "curl/8.5.0"}[rnd.IntN(4)]))
		}
		for client := range 5 {
			if age == 21 || client == 0 {
				lines = append(lines, line(day.Add(time.Duration(80_000+client)*time.Second), client, "/known", 200, "-", firefox))
			}
		}
	}
	return lines
}

// trafficIn returns the traffic files.
func trafficIn(t *testing.T, dir string) map[string]string {
	return filesIn(t, filepath.Join(dir, "traffic"))
}

// TestReplayTrafficIsFilter: replay of an archive in any order, by flags and by a
// policy and on any number of processors, equals filter on the lines in their order.
func TestReplayTrafficIsFilter(t *testing.T) {
	lines := visitedDays()
	want := filepath.Join(t.TempDir(), "log")
	runOn(t, strings.NewReader(strings.Join(lines, "")), hushpipeBinary(t), "filter", "--traffic", "--own", "www.example.org", want)
	wanted := trafficIn(t, want)
	require.Len(t, wanted, 21, "twenty days and the names")
	require.Contains(t, wanted["traffic-"+now().UTC().AddDate(0, 0, -5).Format(time.DateOnly)+".txt"], " /known\n", "it stood on an earlier day")

	in := t.TempDir()
	policy := trafficPolicyFile(t, "traffic-own = \"www.example.org\"\n")
	mixed := slices.Clone(lines)
	rand.New(rand.NewPCG(5, 5)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	var files []string
	for i, part := range slices.Collect(slices.Chunk(mixed, len(mixed)/3+1)) {
		files = append(files, filepath.Join(in, fmt.Sprint("part", i)))
		require.NoError(t, os.WriteFile(files[i], []byte(strings.Join(part, "")), 0o600))
	}
	for _, workers := range []int{1, 2, 7} {
		for name, tt := range map[string]struct {
			flags []string
			sub   string // of DIR
		}{
			"flags":  {[]string{"--traffic", "--own", "www.example.org"}, "."},
			"policy": {[]string{"--policy", policy}, "figures"},
		} {
			t.Run(fmt.Sprintf("workers=%d/%s", workers, name), func(t *testing.T) {
				t.Setenv("GOMAXPROCS", fmt.Sprint(workers))
				dir := filepath.Join(t.TempDir(), "log")
				runOn(t, nil, hushpipeBinary(t), slices.Concat([]string{"replay"}, tt.flags, []string{dir}, files)...)
				got := trafficIn(t, filepath.Join(dir, tt.sub))
				for file, text := range wanted {
					assert.Equal(t, text, got[file], file)
				}
				assert.Len(t, got, len(wanted))
			})
		}
	}
}
