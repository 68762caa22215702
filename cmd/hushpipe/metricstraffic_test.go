package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/trafficfile"
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	gptBot  = "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)"
)

// TestMetricsOfTraffic: the traffic metrics of two loggers on one DIR equal the day's
// final file, and contain nothing that a client chose.
func TestMetricsOfTraffic(t *testing.T) {
	policy := trafficPolicyFile(t, "")
	for name, tt := range map[string]struct {
		flags []string
		sub   string // of DIR
		file  string
	}{
		"flags":       {[]string{"--traffic"}, ".", "x.prom"},
		"of a policy": {[]string{"--policy", policy}, "figures", "x-figures.prom"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, folder := t.TempDir(), t.TempDir()
			args := append(tt.flags, "--metrics", filepath.Join(folder, "x.prom"), dir)
			noon := time.Now().UTC().AddDate(0, 0, -1).Truncate(24 * time.Hour).Add(12 * time.Hour) // its file is written at the end
			for part := range 2 {
				l := startLogger(t, args...)
				for i := range 300 {
					_, err := fmt.Fprintf(l.stdin, "192.0.2.%d - maria [%s] \"GET /s3cret/%d?q=w0rds HTTP/1.1\" %d %d \"https://fr0m.example.net/\" \"%s\"\n",
						i%7, noon.Add(time.Duration(1000*part+i)*time.Second).Format("02/Jan/2006:15:04:05 -0700"), i%5, []int{200, 404, 304}[i%3], i,
						[]string{firefox, gptBot, "curl/8.5.0", "-"}[i/2%4])
					require.NoError(t, err)
				}
				require.Equal(t, 0, l.end(), "%s", l.said)
			}

			file, err := os.ReadFile(filepath.Join(dir, tt.sub, "traffic", "traffic-"+noon.Format(time.DateOnly)+".txt"))
			require.NoError(t, err)
			day, err := trafficfile.Parse(file)
			require.NoError(t, err)
			want := map[string][3]uint64{} // hits, pages, bytes
			for _, c := range day.Cells {
				class, _, _ := strings.Cut(c.Key, " ")
				if c.Kind == "total" && c.Key == "people" {
					class = "person"
				} else if c.Kind != "robot" {
					continue
				}
				n := want[class]
				want[class] = [3]uint64{n[0] + c.Numbers[1], n[1] + c.Numbers[0], n[2] + c.Numbers[2]}
			}
			require.Len(t, want, 4)
			got, sum := readMetrics(t, filepath.Join(folder, tt.file)), uint64(0)
			for class, n := range want {
				for i, of := range []string{"hits", "pages", "bytes"} {
					assert.EqualValues(t, n[i], got[fmt.Sprintf("traffic_%s_total,class=%q", of, class)], "%s of %s", of, class)
				}
				sum += n[0]
			}
			assert.EqualValues(t, 600, sum)
			assert.Contains(t, got, "traffic_visits")
			files, err := filepath.Glob(folder + "/*")
			require.NoError(t, err)
			for _, path := range files {
				text := copyOf(t, path)
				for _, chosen := range []string{"192.0.2", "maria", "s3cret", "w0rds", "fr0m", "Firefox", "GPTBot"} {
					assert.NotContains(t, text, chosen, path)
				}
			}
		})
	}
}

// TestMetricsOfVisits: today's visits equal those in the day's file, and robots have
// none.
func TestMetricsOfVisits(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "x.prom")
	before := time.Now()
	l := startLogger(t, "--traffic", "--metrics", path, dir)
	for i := range 12 {
		_, err := io.WriteString(l.stdin, strings.Replace(logLine(fmt.Sprint("192.0.2.", i), "/"), `"-"`+"\n", `"`+[]string{firefox, gptBot, firefox}[i%3]+"\"\n", 1))
		require.NoError(t, err)
	}
	require.Equal(t, 0, l.end(), "%s", l.said)
	if now := time.Now(); now.YearDay() == before.YearDay() {
		require.EqualValues(t, 8, readMetrics(t, path)["traffic_visits"])
	}
}
