package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBlog is a blog that keeps lines for eight days. After they are deleted,
// DIR/traffic alone yields a month's page with everything that the privacy statement
// names.
func TestBlog(t *testing.T) {
	t.Run("flags", func(t *testing.T) {
		testBlog(t, "", "", "--keep", "8", "--rooms", "none", "--traffic", "--own", "www.beerblog.no", "--country", countriesFile)
	})
	t.Run("policy", func(t *testing.T) {
		policy := trafficPolicyFile(t, fmt.Sprintf("traffic-own = %q\ntraffic-country = %q\n", "www.beerblog.no", countriesFile))
		testBlog(t, "lines", "figures", "--policy", policy)
	})
}

// testBlog runs the blog with lines and traffic figures in these directories below DIR.
func testBlog(t *testing.T, ofLines, ofFigures string, flags ...string) {
	program, at := hushpipeWith(t, "shiftedclock"), t.TempDir()
	dir := filepath.Join(at, "log")
	run := func(clock time.Time, input string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "HUSHPIPE_CLOCK="+time.Until(clock).String())
		cmd.Stdin = strings.NewReader(input)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "%s: %s", args, stderr.String())
		return string(out)
	}
	const days = 11
	first := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	for n := range days {
		day := first.AddDate(0, 0, n)
		var lines strings.Builder
		for client := range 12 {
			addr := fmt.Sprintf("192.0.2.%d", 10+client)
			came := "https://www.google.com/search?q=s3cret+w0rds"
			if client < 6 {
				addr, came = fmt.Sprintf("10.0.%d.9", client), "https://blog.example.net/of/mar1a?id=s3cret"
			}
			for page, path := range []string{"/?token=s3cret", "/four-beers.html", "/style.css", "/about"} {
				fmt.Fprintf(&lines, "%s - mar1a [%s] \"GET %s HTTP/1.1\" 200 1000 \"%s\" \"%s\"\n", addr,
					day.Add(time.Duration(60*page+client)*time.Second).Format("02/Jan/2006:15:04:05 -0700"), path, came, firefox)
				came = "https://beerblog.no/"
			}
		}
		run(day.Add(10*time.Minute), lines.String(), append(append([]string{"filter"}, flags...), dir)...)
	}
	lines := glob(t, filepath.Join(dir, ofLines, "access-????-??-??.log"))
	require.Less(t, len(lines), days, "the first have expired")
	last := first.AddDate(0, 0, days-1).Add(time.Hour)
	assert.Regexp(t, `(?m)^figures +holds `, run(last, "", "audit", dir))
	assert.Contains(t, run(last, "", "statement", "--lang", "en", dir), "campaign")
	april := first.AddDate(0, 1, 14)
	run(april, "", "purge", "--force", dir)
	left, err := filepath.Glob(filepath.Join(dir, ofLines, "access-????-??-??.log"))
	require.NoError(t, err)
	require.Empty(t, left, "no line is left")

	kept := filepath.Join(at, "kept") // nothing but the figures
	require.NoError(t, os.Rename(filepath.Join(dir, ofFigures, "traffic"), kept))
	for name, text := range filesIn(t, kept) {
		for _, secret := range []string{"10.0.", "192.0.2", "s3cret", "w0rds", "mar1a", "Mozilla"} {
			assert.NotContains(t, text, secret, name)
		}
	}
	var got struct {
		Total  struct{ Pages, Visits int }
		Tables map[string][]map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(run(april, "", "traffic", "--month", "2031-03", "--json", kept)), &got))
	assert.Equal(t, 3*12*days, got.Total.Pages)
	assert.Equal(t, 12*days, got.Total.Visits)
	row := func(table, key string) map[string]any {
		for _, r := range got.Tables[table] {
			if r["key"] == key {
				delete(r, "key")
				return r
			}
		}
		return nil
	}
	visits, half := float64(12*days), float64(6*days)
	for _, tt := range []struct {
		what, table, key, number string
		want                     float64
	}{
		{"pages", "page", "/four-beers.html", "views", visits},
		{"entry pages", "page", "/", "entries", visits},
		{"exit pages", "page", "/about", "exits", visits},
		{"visit length in pages", "depth", "3", "visits", visits},
		{"visit length in time", "length", "5m", "visits", visits},
		{"countries", "country", "DE", "visitors", half},
		{"systems", "system", "Linux", "visitors", visits},
		{"browsers", "browser", "Firefox", "visitors", visits},
		{"search engines", "from", "search Google", "pages", half},
		{"linking sites", "from", "site blog.example.net", "pages", half},
		{"links within the site", "from", "own", "pages", 2 * visits},
	} {
		assert.EqualValues(t, tt.want, row(tt.table, tt.key)[tt.number], "%s: %v", tt.what, got.Tables[tt.table])
	}
	page := run(april, "", "traffic", "--month", "2031-03", "--lang", "no", "--html", "-", kept)
	for _, name := range []string{"/four-beers.html", "blog.example.net", "Google", "Firefox", "Linux"} {
		assert.Contains(t, page, name)
	}
}
